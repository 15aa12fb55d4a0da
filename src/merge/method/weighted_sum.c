/* Weighted sums of whole weights and of differences from the base: what averages and interpolations end in. */
#include <math.h>

#include "clade/kernels.h"
#include "merge/method/methods.h"

void clade_merge_weighted_sum(const clade_merge_tile *tile, const double *coefficients, float *out)
{
    clade_kernels_best()->weighted_sum(tile->n, tile->n_parents, tile->parents, coefficients, out);
}

void clade_merge_weighted_deltas(const clade_merge_tile *tile, const double *coefficients, float *out)
{
    clade_kernels_best()->weighted_deltas(tile->n, tile->n_parents, tile->parents, tile->base, coefficients, out);
}

void clade_merge_interpolate(const clade_merge_tile *tile, const double *coefficients, float *out)
{
    if (tile->base)
        clade_merge_weighted_deltas(tile, coefficients, out);
    else
        clade_merge_weighted_sum(tile, coefficients, out);
}

clade_status clade_merge_shares(const clade_merge_tile *tile, size_t weight, double *shares)
{
    double sum = 0, size = 0;
    for (size_t p = 0; p < tile->n_parents; p++) {
        shares[p] = tile->parent[p * tile->n_parameters + weight];
        sum += shares[p];
        size += fabs(shares[p]);
    }
    if (fabs(sum) <= 1e-8 * size)
        return clade_fail(CLADE_EEVAL,
                          "the weights of the %zu parents sum to %g (their sizes to %g), expected a sum to divide by",
                          tile->n_parents, sum, size);
    for (size_t p = 0; p < tile->n_parents; p++)
        shares[p] /= sum;
    return CLADE_OK;
}
