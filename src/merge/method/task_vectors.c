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

static clade_sparse_sum sum_of(const clade_merge_tile *tile, const clade_task_row *row)
{
    bool largest = row->choose && tile->site[TASK_MERGE] == TASK_MERGE_MAX;
    return !row->elect ? CLADE_SUM_ALL : largest ? CLADE_SUM_LARGEST : CLADE_SUM_ELECTED;
}

clade_status clade_task_combine(const clade_merge_tile *tile, const clade_task_row *row, float *out)
{
    clade_sparse_row rows[CLADE_MAX_PARENTS], at_hand[CLADE_MAX_PARENTS];
    clade_sparse_merge merge = {.n_rows = tile->n_parents,
                                .rows = at_hand,
                                .sum = sum_of(tile, row),
                                .normalize = tile->site[TASK_NORMALIZE] != 0,
                                .lambda = tile->site[TASK_LAMBDA]};
    clade_trim_cuts cuts[CLADE_MAX_PARENTS];
    for (size_t p = 0; p < tile->n_parents; p++) {
        CLADE_TRY(clade_sparse_begin(tile, row, p, &cuts[p], &rows[p]));
        merge.weights += rows[p].weight;
    }
    merge.weights = fabs(merge.weights) < 1e-8 ? 1 : merge.weights;
    for (size_t first = 0, m; first < tile->n; first += m) {
        m = tile->n - first;
        for (size_t p = 0; p < tile->n_parents; p++) {
            at_hand[p] = rows[p];
            m = clade_sparse_cut(tile, row, p, &cuts[p], first, m, &at_hand[p]);
        }
        clade_kernels_best()->sparse->merge_sparse(m, &merge, tile->base + first, out + first);
    }
    return CLADE_OK;
}
