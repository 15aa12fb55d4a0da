/* Linear: the weighted mean of the parents' weights (model soups, Wortsman et al. 2022, arXiv 2203.05482).
 *
 *   theta = sum_i w_i theta_i            normalize = false
 *   theta = sum_i w_i theta_i / sum_i w_i  normalize = true
 *
 * mergekit divides by a sum of 0 and writes infinities; here that is refused. */
#include <math.h>

#include "merge/method/methods.h"

enum { WEIGHT, NORMALIZE, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "share of the parent", NULL},
    [NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                   "divide by the sum of the weights", NULL},
};

static clade_status coefficients(const clade_merge_tile *tensor, double *w)
{
    if (tensor->site[NORMALIZE] != 0)
        return clade_merge_shares(tensor, WEIGHT, w);
    for (size_t p = 0; p < tensor->n_parents; p++)
        w[p] = tensor->parent[p * N_PARAMETERS + WEIGHT];
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double w[CLADE_MAX_PARENTS];
    CLADE_TRY(coefficients(tile, w));
    clade_merge_weighted_sum(tile, w, out);
    return CLADE_OK;
}

const clade_method clade_method_linear = {
    .name = "linear",
    .title = "Linear (weighted mean)",
    .source = "Wortsman et al. 2022, Model soups, arXiv 2203.05482",
    .mergekit = "equal, but weights that sum to 0 with normalize, of which mergekit makes infinities, are refused; the "
                "paper's soups have equal weights",
    .formula = "sum_i w_i theta_i / sum_i w_i",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_IGNORED,
    .laws =
        CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS,
    .carries_nonfinite = true,
    .combine = combine,
    .coefficients = coefficients,
};
