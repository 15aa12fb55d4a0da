/* MetaGPT: task arithmetic with coefficients in closed form, from the lengths of the task vectors (Zhou et al. 2024,
 * arXiv 2406.11385).
 *
 *   tau_i = theta_i - theta_0
 *   lambda_i = |tau_i|^2 / sum_j |tau_j|^2, over all tensors of the rule (with one rule: of the model, as in the paper)
 *   theta = theta_0 + lambda sum_i lambda_i tau_i
 *
 * The paper derives the lambda_i from a linearised loss with orthogonal task vectors; lambda is ours, 1 in the paper.
 * Task vectors that are all zero give the base. */
#include <math.h>

#include "clade/kernels.h"
#include "merge/method/methods.h"
#include "merge/method/parent_sums.h"

enum { LAMBDA, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0.2, 2, 1,
                "factor of the merged task vector", NULL},
};

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t p = 0; p < tile->n_parents; p++)
        clade_parent_sums_add(partial, tile->parent_keys[p],
                              kernels->dot_deltas(tile->n, tile->parents[p], tile->parents[p], tile->base));
    return CLADE_OK;
}

static clade_status coefficients(const clade_merge_tile *tensor, double *a)
{
    const clade_parent_sums *squares = tensor->state;
    double sum = 0;
    for (size_t i = 0; i < squares->count; i++)
        sum += squares->sums[i];
    for (size_t p = 0; p < tensor->n_parents; p++) {
        double share = sum > 0 ? clade_parent_sums_of(squares, tensor->parent_keys[p]) / sum : 0;
        a[p] = tensor->site[LAMBDA] * share;
    }
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double a[CLADE_MAX_PARENTS];
    CLADE_TRY(coefficients(tile, a));
    clade_merge_weighted_deltas(tile, a, out);
    return CLADE_OK;
}

const clade_method clade_method_metagpt = {
    .name = "metagpt",
    .title = "MetaGPT (task arithmetic in closed form)",
    .source = "Zhou et al. 2024, arXiv 2406.11385",
    .mergekit = "not in mergekit; the paper's with one rule and lambda 1",
    .formula = "theta_0 + lambda sum_i tau_i |tau_i|^2 / sum_j |tau_j|^2",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA |
            CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_RULE,
    .state_bytes = clade_parent_sums_bytes,
    .partial_bytes = clade_parent_sums_partial_bytes,
    .survey = survey,
    .survey_merge = clade_parent_sums_merge,
    .carries_nonfinite = true,
    .takes_nonfinite = true,
    .combine = combine,
    .coefficients = coefficients,
};
