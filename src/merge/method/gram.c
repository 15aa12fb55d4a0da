/* Dot products of all pairs of parents, summed in double: per tile by the vector kernels, tiles in their order. */
#include "merge/method/gram.h"
#include "clade/kernels.h"
#include "tensor/clones.h"

enum { LANES = 16, FEW = 4, FEW_PAIRS = FEW * (FEW + 1) / 2 };

/* The same lanes and the same order as the kernels dot and dot_deltas, so the same bits. */
static double add_lanes(const double lane[LANES])
{
    double half[LANES / 2], quarter[LANES / 4];
    for (size_t j = 0; j < LANES / 2; j++)
        half[j] = lane[j] + lane[j + LANES / 2];
    for (size_t j = 0; j < LANES / 4; j++)
        quarter[j] = half[j] + half[j + LANES / 4];
    return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

/* Add the products of all pairs of K vectors, elements I .. I + N - 1, to the lanes of each pair. */
static inline void add_products(size_t k, bool deltas, size_t i, size_t n, const float *const *x, const float *base,
                                double (*lane)[LANES])
{
    double d[FEW][LANES];
    for (size_t p = 0; p < k; p++)
        for (size_t j = 0; j < n; j++)
            d[p][j] = (double)x[p][i + j] - (deltas ? (double)base[i + j] : 0);
    for (size_t p = 0; p < k; p++)
        for (size_t q = 0; q <= p; q++)
            for (size_t j = 0; j < n; j++)
                lane[clade_gram_index(p, q)][j] += d[p][j] * d[q][j];
}

/* All pairs at once: each element is read once. */
static inline void add_dots(size_t k, bool deltas, size_t n, const float *const *x, const float *base, double *sums)
{
    double lane[FEW_PAIRS][LANES] = {{0}}, rest[FEW_PAIRS][LANES] = {{0}};
    size_t whole = n / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES)
        add_products(k, deltas, i, LANES, x, base, lane);
    for (size_t i = whole; i < n; i++)
        add_products(k, deltas, i, 1, x, base, rest);
    for (size_t pair = 0; pair < clade_gram_index(k, 0); pair++)
        sums[pair] += add_lanes(lane[pair]) + rest[pair][0];
}

CLADE_CLONES
static void add_dots_of_few(size_t k, size_t n, const float *const *x, const float *base, double *sums)
{
    if (k == 2 && base)
        add_dots(2, true, n, x, base, sums);
    else if (k == 2)
        add_dots(2, false, n, x, base, sums);
    else if (k == 3 && base)
        add_dots(3, true, n, x, base, sums);
    else if (k == 3)
        add_dots(3, false, n, x, base, sums);
    else if (base)
        add_dots(FEW, true, n, x, base, sums);
    else
        add_dots(FEW, false, n, x, base, sums);
}

void clade_gram_add(const clade_merge_tile *tile, size_t first, size_t n, double *sums)
{
    const clade_kernels *kernels = clade_kernels_best();
    const float *few[FEW], *base = tile->base ? tile->base + first : NULL;
    if (tile->n_parents >= 2 && tile->n_parents <= FEW) {
        for (size_t p = 0; p < tile->n_parents; p++)
            few[p] = tile->parents[p] + first;
        add_dots_of_few(tile->n_parents, n, few, base, sums);
        return;
    }
    for (size_t i = 0; i < tile->n_parents; i++) {
        const float *x = tile->parents[i] + first;
        for (size_t j = 0; j <= i; j++) {
            const float *y = tile->parents[j] + first;
            sums[clade_gram_index(i, j)] += base ? kernels->dot_deltas(n, x, y, base) : kernels->dot(n, x, y);
        }
    }
}

size_t clade_gram_bytes(const clade_merge_tile *tensor)
{
    return clade_gram_index(tensor->n_parents, 0) * sizeof(double);
}

size_t clade_gram_partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return clade_gram_bytes(tensor);
}

clade_status clade_gram_survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    clade_gram_add(tile, 0, tile->n, partial);
    return CLADE_OK;
}

clade_status clade_gram_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    double *sums = state;
    const double *more = partial;
    for (size_t k = 0; k < clade_gram_index(tensor->n_parents, 0); k++)
        sums[k] += more[k];
    return CLADE_OK;
}
