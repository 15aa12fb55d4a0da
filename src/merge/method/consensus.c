/* TALL masks and Consensus task arithmetic (Wang et al. 2024, arXiv 2405.07813): one pipeline, two rows.
 *
 *   1 task vectors  y_i = w_i tau_i,  S = sum_i y_i
 *   2 masks         m_i = 1 where |y_i| > lambda_i |S - y_i|, else 0
 *   3 consensus_ta  theta = theta_0 + lambda S where at least k of the masks are 1, else theta_0
 *     tall_mask     theta = theta_0 + lambda m_t S for the task t: a model for one task, made from the sum
 *
 * In the paper S is the plain sum (w_i = 1) and lambda_i, here mask_lambda, is chosen per task from 0.2 to 0.6 on
 * validation data. Everything is elementwise. */
#include <math.h>

#include "merge/method/delta.h"
#include "tensor/clones.h"

enum { WEIGHT, MASK_LAMBDA, LAMBDA, K, TASK = K, N_PARAMETERS };

static inline void add_changes(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                               double *restrict S)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    double w[CLADE_MERGE_AT_ONCE];
    for (size_t r = 0; r < k; r++)
        w[r] = tile->parent[(p + r) * N_PARAMETERS + WEIGHT];
    for (size_t i = 0; i < m; i++) {
        double sum = p == 0 ? 0 : S[i];
        for (size_t r = 0; r < k; r++)
            sum += w[r] * ((double)x[r][first + i] - (double)b[i]);
        S[i] = sum;
    }
}

static inline void add_votes(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                             const double *restrict S, double *restrict votes)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    double w[CLADE_MERGE_AT_ONCE], mask_lambda[CLADE_MERGE_AT_ONCE];
    for (size_t r = 0; r < k; r++) {
        w[r] = tile->parent[(p + r) * N_PARAMETERS + WEIGHT];
        mask_lambda[r] = tile->parent[(p + r) * N_PARAMETERS + MASK_LAMBDA];
    }
    for (size_t i = 0; i < m; i++) {
        double sum = votes[i];
        for (size_t r = 0; r < k; r++) {
            double y = w[r] * ((double)x[r][first + i] - (double)b[i]);
            sum += fabs(y) > mask_lambda[r] * fabs(S[i] - y) ? 1 : 0;
        }
        votes[i] = sum;
    }
}

/* theta_0 + lambda S where at least ENOUGH of the masks of the parents BEGIN .. END - 1 are 1. */
CLADE_CLONES
static void combine(const clade_merge_tile *tile, size_t begin, size_t end, double enough, float *out)
{
    double S[CLADE_MERGE_BLOCK], votes[CLADE_MERGE_BLOCK];
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        for (size_t p = 0, k; p < tile->n_parents; p += k) {
            k = clade_merge_at_once(tile->n_parents - p);
            if (k == 1)
                add_changes(1, tile, p, first, m, S);
            else if (k == 2)
                add_changes(2, tile, p, first, m, S);
            else
                add_changes(3, tile, p, first, m, S);
        }
        for (size_t i = 0; i < m; i++)
            votes[i] = 0;
        for (size_t p = begin, k; p < end; p += k) {
            k = clade_merge_at_once(end - p);
            if (k == 1)
                add_votes(1, tile, p, first, m, S, votes);
            else if (k == 2)
                add_votes(2, tile, p, first, m, S, votes);
            else
                add_votes(3, tile, p, first, m, S, votes);
        }
        for (size_t i = 0; i < m; i++)
            S[i] = votes[i] >= enough ? S[i] : 0;
        clade_merge_onto_base(tile, first, m, tile->site[LAMBDA], S, out);
    }
}

static clade_status consensus_combine(const clade_merge_tile *tile, float *out)
{
    combine(tile, 0, tile->n_parents, tile->site[K], out);
    return CLADE_OK;
}

static clade_status tall_combine(const clade_merge_tile *tile, float *out)
{
    size_t task = 0;
    CLADE_TRY(clade_merge_task(tile, TASK, &task));
    combine(tile, task, task + 1, 1, out);
    return CLADE_OK;
}

clade_status clade_merge_task(const clade_merge_tile *tile, size_t parameter, size_t *task)
{
    if (tile->site[parameter] >= (double)tile->n_parents)
        return clade_fail(CLADE_ECONFIG, "task is %g, expected the index of one of the %zu parents that take part",
                          tile->site[parameter], tile->n_parents);
    *task = (size_t)tile->site[parameter];
    return CLADE_OK;
}

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter consensus_parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector, in the sum and in its mask", NULL},
    [MASK_LAMBDA] = {"mask_lambda", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, INFINITY, 0.2, 0.6, 0.4,
                     "how large a task vector must be against the sum of the others to be in the mask", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the merged task vector", NULL},
    [K] = {"k", CLADE_INTEGER, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 1, CLADE_MAX_PARENTS, 2, 2, 2,
           "how many masks a parameter must be in to be changed", NULL},
};

static const clade_parameter tall_parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector, in the sum and in its mask", NULL},
    [MASK_LAMBDA] = {"mask_lambda", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, INFINITY, 0.2, 0.6, 0.4,
                     "how large the task vector must be against the sum of the others to be in the mask", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the merged task vector", NULL},
    [TASK] = {"task", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, CLADE_MAX_PARENTS - 1, 0, 0, 0,
              "index, from 0, of the parent whose mask is applied, among those that take part", NULL},
};

const clade_method clade_method_consensus_ta = {
    .name = "consensus_ta",
    .title = "Consensus task arithmetic",
    .source = "Wang et al. 2024, arXiv 2405.07813",
    .mergekit = "not in mergekit; the paper's with weights 1 and each parent's mask_lambda from 0.2 to 0.6 chosen on "
                "validation data",
    .formula =
        "theta_0 + lambda S where k masks |y_i| > mask_lambda_i |S - y_i| agree, S = sum_i y_i = sum_i w_i tau_i",
    .parameters = consensus_parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA | CLADE_LAW_EXACT_BITS,
    .takes_nonfinite = true,
    .combine = consensus_combine,
};

const clade_method clade_method_tall_mask = {
    .name = "tall_mask",
    .title = "TALL mask (the sum, masked for one task)",
    .source = "Wang et al. 2024, arXiv 2405.07813",
    .mergekit = "not in mergekit; the paper's with weights 1 and each parent's mask_lambda from 0.2 to 0.6 chosen on "
                "validation data",
    .formula = "theta_0 + lambda S where |y_t| > mask_lambda_t |S - y_t|, S = sum_i y_i = sum_i w_i tau_i",
    .parameters = tall_parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_ONE_PARENT | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA | CLADE_LAW_EXACT_BITS,
    .takes_nonfinite = true,
    .combine = tall_combine,
};
