/* Vector kernels of the task-vector pipeline (src/merge/method/task_vectors.h), one table for each instruction set: the
 * .sparse of those in clade/kernels.h, with the same promise of equal bits.
 *
 * Masks have one bit for each element, in words of 64, with 0 behind the last element. */
#ifndef CLADE_SPARSE_KERNELS_H
#define CLADE_SPARSE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/rng.h"

enum { CLADE_SPARSE_ROWS = 64, CLADE_KEPT_LANES = 16, CLADE_KEY_BUCKETS = 2048 };

/* One parent's task vector, weighed and sparsified: y = factor * (x - base) where it is kept, else 0. */
typedef struct clade_sparse_row {
    const double *y;      /* y itself; or NULL, and */
    const float *x;       /* the parent's weights */
    double factor;        /* of what is kept */
    const uint64_t *bits; /* kept is element i if bit i is set; or NULL, and */
    int32_t low, high;    /* kept is where the magnitude of the float difference has bits from LOW to HIGH */
    double weight;        /* what it counts for where it goes into the sum */
} clade_sparse_row;

/* Of the y at an element: the sum of all; of those with the sign of that sum, of which 0 counts as +; the largest of
 * these, the first among equal ones. */
typedef enum clade_sparse_sum { CLADE_SUM_ALL, CLADE_SUM_ELECTED, CLADE_SUM_LARGEST } clade_sparse_sum;

/* out = base + lambda D, rounded once, with D the sum over the rows, in their order; where lambda D is 0, the bits of
 * the base. */
typedef struct clade_sparse_merge {
    size_t n_rows; /* 1 .. CLADE_SPARSE_ROWS */
    const clade_sparse_row *rows;
    clade_sparse_sum sum;
    bool normalize; /* D over the sum of the weights that went in, where that is not 0 */
    double weights; /* which for CLADE_SUM_ALL is this */
    double lambda;
} clade_sparse_merge;

typedef struct clade_sparse_kernels {
    /* The bits of the magnitude of the float difference, xor FLIP: the key of an element. */
    void (*delta_keys)(size_t n, const float *x, const float *base, uint32_t flip, uint32_t *keys);
    /* How many keys are below LOW; bit i of BITS: the key is one of the SPAN keys from LOW on. */
    size_t (*find_keys)(size_t n, const float *x, const float *base, uint32_t flip, uint32_t low, uint32_t span,
                        uint64_t *bits);
    /* The next N results of clade_pcg32_next. */
    void (*fill_pcg32)(size_t n, clade_pcg32 *rng, uint32_t *out);
    /* Bit i: draws[i] is below THRESHOLD. */
    void (*bits_below)(size_t n, const uint32_t *draws, uint32_t threshold, uint64_t *bits);
    /* Bit i of BELOW: draws[i] is below the lower half of bounds[i]; of BETWEEN: it is not, but below the upper half,
     * which is no less. */
    void (*bits_between)(size_t n, const uint32_t *draws, const uint64_t *bounds, uint64_t *below, uint64_t *between);
    /* Buckets by the leading bits: a lower bucket has lower keys. Returns how many there may be, at most
     * CLADE_KEY_BUCKETS; those far below the largest key share the first. Keys are below 2^31. */
    size_t (*bucket_keys)(size_t n, const uint32_t *keys, uint16_t *buckets);
    size_t (*count_smaller)(size_t n, const uint32_t *keys, uint32_t key);
    /* Add the magnitudes of the differences, in double, to BEFORE, and those whose bit is set to AFTER: element i to
     * lane i mod CLADE_KEPT_LANES. */
    void (*sum_kept)(size_t n, const float *x, const float *base, const uint64_t *bits, double before[CLADE_KEPT_LANES],
                     double after[CLADE_KEPT_LANES]);
    /* The merge of (n) elements. */
    void (*merge_sparse)(size_t n, const clade_sparse_merge *merge, const float *base, float *out);
} clade_sparse_kernels;

#endif
