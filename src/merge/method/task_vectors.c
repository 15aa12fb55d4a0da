/* Merging by task vectors: one pipeline, and methods that are rows of it.
 *
 *   1 task vector  tau_i = theta_i - theta_0
 *   2 sparsify     tau_i <- tau_i where kept, else 0 (density 1: all are kept, density 0: none)
 *        trim (TIES): the k = max(1, trunc(density N)) largest magnitudes, lower indices first among equal ones; or, as
 *                     the authors' code, all that are at least the trunc(density N) + 1st
 *        outliers (Breadcrumbs): in ascending order (lower indices first) the k = trunc(density N) elements before the
 *                     last trunc(gamma N); where both do not fit, fewer outliers go
 *        drop (DARE): each element with probability 1 - density, by a draw of its own
 *        magprune (DELLA): the same with keep probability p = (density - epsilon) + 2 epsilon rank / (C - 1), rank by
 *                     ascending magnitude in a row of C elements; density where C = 1
 *     rescale        tau_i <- tau_i |tau_i before|_1 / |tau_i after|_1 over the tensor (mergekit), or / the probability
 *                    to stay (the papers of DARE and DELLA)
 *   3 weigh        y_i = w_i tau_i
 *   4 elect        gamma = sign(sum_i y_i), 0 counting as +; only y_i with sign gamma go on (TIES, disjoint merge)
 *   5 sum          D = sum_i y_i, or, of those that go on, the one of largest magnitude
 *   6 normalize    D <- D / sum of the w_i that went in (1 where that is 0)
 *   7 scale        theta = theta_0 + lambda D
 *
 * Task arithmetic: Ilharco et al. 2022, arXiv 2212.04089. TIES: Yadav et al. 2023, arXiv 2306.01708; there one trim over
 * the whole model and a plain mean: ties_global with equal weights. ties trims per tensor, as mergekit. The paper's
 * mean, sum and max are normalize, no normalize, and merge max. DARE: Yu et al. 2023, arXiv 2311.03099. DELLA: Deep et
 * al. 2024, arXiv 2406.11617. Breadcrumbs: Davari and Belilovsky 2023, arXiv 2312.06795.
 *
 * The trim compares float differences, as mergekit; everything after is double, rounded once, so that one parent of
 * weight 1 comes back as it is. */
#include <math.h>

#include "merge/method/task_vectors.h"

/* D = the y_i of the elected sign with the largest magnitude, the first among equal ones; W = its weight. */
static void max_elected(size_t m, const double *y, const double *votes, double w, double *D, double *W)
{
    for (size_t i = 0; i < m; i++) {
        bool larger = votes[i] >= 0 ? y[i] > D[i] : y[i] < D[i];
        D[i] = larger ? y[i] : D[i];
        W[i] = larger ? w : W[i];
    }
}

/* D of the y_i that have the sign of their votes, which is that of their sum; W = the sum of the weights of these. */
static void elect_and_merge(const clade_merge_tile *tile, const clade_task_row *row, clade_sparse_reader *readers,
                            const double *w, size_t m, double *D, double *W)
{
    double y[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], votes[CLADE_MERGE_BLOCK] = {0};
    const clade_kernels *kernels = clade_kernels_best();
    bool largest = row->choose && tile->site[TASK_MERGE] == TASK_MERGE_MAX;
    for (size_t p = 0; p < tile->n_parents; p++) {
        clade_sparse_next(&readers[p], m, y[p]);
        kernels->add(m, y[p], votes);
    }
    memset(D, 0, m * sizeof *D);
    memset(W, 0, m * sizeof *W);
    for (size_t p = 0; p < tile->n_parents; p++) {
        if (largest)
            max_elected(m, y[p], votes, w[p], D, W);
        else
            kernels->add_agreeing(m, y[p], votes, w[p], D, W);
    }
}

/* D = sum_i y_i; W = the sum of all weights. */
static void merge_all(const clade_merge_tile *tile, clade_sparse_reader *readers, const double *w, size_t m, double *D,
                      double *W)
{
    double y[CLADE_MERGE_BLOCK], weights = 0;
    memset(D, 0, m * sizeof *D);
    for (size_t p = 0; p < tile->n_parents; p++) {
        clade_sparse_next(&readers[p], m, y);
        clade_kernels_best()->add(m, y, D);
        weights += w[p];
    }
    weights = fabs(weights) < 1e-8 ? 1 : weights;
    for (size_t i = 0; i < m; i++)
        W[i] = weights;
}

static clade_status begin(const clade_merge_tile *tile, const clade_task_row *row, const double *w,
                          clade_sparse_reader *readers)
{
    bool trims = row->sparsifier == SPARSIFY_TRIM || row->sparsifier == SPARSIFY_OUTLIERS;
    for (size_t p = 0; p < tile->n_parents; p++) {
        clade_trim_cuts cuts = {0};
        const uint64_t *bits = NULL;
        double factor = 1;
        if (trims) {
            cuts = clade_task_cuts(tile, row, p);
            factor = clade_trim_factor(tile, row, p);
        } else if (row->sparsifier != SPARSIFY_NONE) {
            factor = clade_mask_factor(tile, row, p);
            bits = clade_mask_bits(tile, p);
        }
        CLADE_TRY(clade_sparse_begin(tile, row, p, &cuts, bits, w[p] * factor, &readers[p]));
    }
    return CLADE_OK;
}

clade_status clade_task_combine(const clade_merge_tile *tile, const clade_task_row *row, float *out)
{
    double w[CLADE_MAX_PARENTS], D[CLADE_MERGE_BLOCK], W[CLADE_MERGE_BLOCK];
    clade_sparse_reader readers[CLADE_MAX_PARENTS];
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t p = 0; p < tile->n_parents; p++)
        w[p] = clade_task_value(tile, p, TASK_WEIGHT);
    CLADE_TRY(begin(tile, row, w, readers));
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
        if (row->elect)
            elect_and_merge(tile, row, readers, w, m, D, W);
        else
            merge_all(tile, readers, w, m, D, W);
        if (tile->site[TASK_NORMALIZE] != 0)
            kernels->divide(m, W, D);
        kernels->add_to_base(m, tile->base + first, D, tile->site[TASK_LAMBDA], out + first);
    }
    return CLADE_OK;
}
