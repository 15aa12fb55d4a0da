/* Dot products of all pairs of parents, summed in double: per tile by the vector kernels, tiles in their order. */
#include "merge/method/gram.h"
#include "clade/kernels.h"

void clade_gram_add(const clade_merge_tile *tile, size_t first, size_t n, double *sums)
{
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t i = 0; i < tile->n_parents; i++) {
        const float *x = tile->parents[i] + first;
        for (size_t j = 0; j <= i; j++) {
            const float *y = tile->parents[j] + first;
            sums[clade_gram_index(i, j)] +=
                tile->base ? kernels->dot_deltas(n, x, y, tile->base + first) : kernels->dot(n, x, y);
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
