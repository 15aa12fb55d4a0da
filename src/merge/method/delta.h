/* The parts that methods on task vectors share, for a block of a tile: the differences from the base, a sum, and adding
 * the merged task vector to the base. Inline, so that the loops around them stay in the first cache and become vector code. */
#ifndef CLADE_MERGE_DELTA_H
#define CLADE_MERGE_DELTA_H

#include "merge/method/methods.h"

/* Elements of the block that begins at FIRST: CLADE_MERGE_BLOCK, fewer at the end of the tile. */
static inline size_t clade_merge_block(const clade_merge_tile *tile, size_t first)
{
    return tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
}

/* Parents that one loop works on: a constant for the compiler, which then keeps what they add up to in registers. Loops
 * over parents are written as functions of their number K, called as
 *
 *   for (size_t p = 0, k; p < n_parents; p += k) {
 *       k = clade_merge_at_once(n_parents - p);
 *       if (k == 1) f(1, p, ...); else if (k == 2) f(2, p, ...); else f(3, p, ...);
 *   }
 */
enum { CLADE_MERGE_AT_ONCE = 3 };

static inline size_t clade_merge_at_once(size_t left)
{
    return left < CLADE_MERGE_AT_ONCE ? left : CLADE_MERGE_AT_ONCE;
}

/* y = WEIGHT (theta_p - theta_0), for M elements from FIRST of the tile. */
static inline void clade_merge_delta(const clade_merge_tile *tile, size_t p, size_t first, size_t m, double weight,
                                     double *y)
{
    const float *x = tile->parents[p] + first, *b = tile->base + first;
    for (size_t i = 0; i < m; i++)
        y[i] = weight * ((double)x[i] - (double)b[i]);
}

/* The sum of M numbers, in eight lanes of a fixed order: one lane would wait for each addition. */
static inline double clade_merge_sum(size_t m, const double *x)
{
    double lane[8] = {0};
    size_t i = 0;
    for (; i + 8 <= m; i += 8)
        for (size_t l = 0; l < 8; l++)
            lane[l] += x[i + l];
    for (size_t l = 0; i < m; i++, l++)
        lane[l] += x[i];
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

/* out = theta_0 + lambda D, rounded once. Where nothing is added the base stays as it is: adding -0 keeps every bit, where
 * adding +0 would make +0 of -0. */
static inline void clade_merge_onto_base(const clade_merge_tile *tile, size_t first, size_t m, double lambda,
                                         const double *D, float *out)
{
    const float *b = tile->base + first;
    for (size_t i = 0; i < m; i++) {
        double added = lambda * D[i];
        added = added == 0 ? -0.0 : added;
        out[first + i] = (float)((double)b[i] + added);
    }
}

#endif
