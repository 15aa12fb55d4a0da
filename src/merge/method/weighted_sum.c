/* Weighted sums of whole weights: what linear and slerp end in. */
#include <math.h>

#include "merge/methods.h"

void clade_merge_weighted_sum(const clade_merge_tile *tile, const double *coefficients, float *out)
{
    double sum[CLADE_MERGE_BLOCK];
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
        /* The first product is stored, not added to 0, so that -0 stays -0. */
        const float *x = tile->parents[0] + first;
        for (size_t i = 0; i < m; i++)
            sum[i] = coefficients[0] * (double)x[i];
        for (size_t p = 1; p < tile->n_parents; p++) {
            double c = coefficients[p];
            x = tile->parents[p] + first;
            for (size_t i = 0; i < m; i++)
                sum[i] += c * (double)x[i];
        }
        for (size_t i = 0; i < m; i++)
            out[first + i] = (float)sum[i];
    }
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
