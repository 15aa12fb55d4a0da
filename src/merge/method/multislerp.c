/* Multi-SLERP (mergekit): the weighted mean of directions, with the weighted mean of the lengths.
 *
 *   v_i = theta_i, or theta_i - theta_0 with a base;  w_i divided by their sum with normalize_weights
 *   u_i = v_i / (|v_i| + eps),  s = sum_i w_i u_i,  out = (theta_0 +) (sum_i w_i |v_i|) s / |s|
 *
 * The method is written as a step on the sphere from m = s / |s| along T = sum_i w_i (u_i - (u_i . m) m), but T = s -
 * (s . m) m = 0 whatever the vectors, so the step is left out here (mergekit computes it, and gets rounding).
 *
 * Where s vanishes, |s| <= max(eps, 1e-7 sum_i |w_i|): with two parents sum_i w_i v_i. With more mergekit stops, even
 * when all tensors are zero, as the differences of frozen layers are; here it is an error only when some are not. One
 * parent comes back as it is. */
#include <math.h>

#include "merge/method/gram.h"
#include "merge/method/methods.h"

enum { WEIGHT, NORMALIZE_WEIGHTS, EPS, N_PARAMETERS };

static const double rounding = 1e-7; /* mergekit's in |s|, of float32 */

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "share of the parent", NULL},
    [NORMALIZE_WEIGHTS] = {"normalize_weights", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                           "divide the weights by their sum", NULL},
    [EPS] = {"eps", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LOG_SCALE, 0, INFINITY, 1e-8, 1e-8, 1e-8,
             "lengths below it count as none", NULL},
};

/* |s| from the dot products: |s|^2 = sum_ij w_i w_j v_i . v_j / ((|v_i| + eps) (|v_j| + eps)). */
static double length_of_sum(size_t n, const double *dots, const double *per_length)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            sum += per_length[i] * per_length[j] * dots[i > j ? clade_gram_index(i, j) : clade_gram_index(j, i)];
    return sqrt(fmax(0, sum));
}

static clade_status weights_of(const clade_merge_tile *tile, double *w)
{
    if (tile->site[NORMALIZE_WEIGHTS] != 0)
        return clade_merge_shares(tile, WEIGHT, w);
    for (size_t p = 0; p < tile->n_parents; p++)
        w[p] = tile->parent[p * N_PARAMETERS + WEIGHT];
    return CLADE_OK;
}

static clade_status coefficients(const clade_merge_tile *tile, double *a)
{
    double w[CLADE_MAX_PARENTS], per_length[CLADE_MAX_PARENTS], eps = tile->site[EPS];
    const double *dots = tile->state;
    double lengths = 0, weights = 0, longest = 0;
    if (tile->n_parents == 1) {
        a[0] = 1;
        return CLADE_OK;
    }
    CLADE_TRY(weights_of(tile, w));
    for (size_t i = 0; i < tile->n_parents; i++) {
        double length = sqrt(dots[clade_gram_index(i, i)]);
        per_length[i] = length > 0 ? w[i] / (length + eps) : 0;
        lengths += w[i] * length;
        weights += fabs(w[i]);
        longest = fmax(longest, length);
    }
    double sum = length_of_sum(tile->n_parents, dots, per_length);
    bool vanishes = sum <= fmax(eps, rounding * weights);
    if (vanishes && tile->n_parents > 2 && longest > 0)
        return clade_fail(
            CLADE_EEVAL,
            "the weighted directions of the %zu parents cancel (their sum has length %g), expected weights "
            "that leave a direction",
            tile->n_parents, sum);
    for (size_t i = 0; i < tile->n_parents; i++)
        a[i] = vanishes ? w[i] : lengths / sum * per_length[i];
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double a[CLADE_MAX_PARENTS];
    CLADE_TRY(coefficients(tile, a));
    clade_merge_interpolate(tile, a, out);
    return CLADE_OK;
}

const clade_method clade_method_multislerp = {
    .name = "multislerp",
    .title = "Multi-SLERP (mean of directions)",
    .source = "mergekit (Goddard et al. 2024, arXiv 2403.13257)",
    .mergekit = "equal, but tensors that are zero in all of three or more parents stay zero, where mergekit stops",
    .formula = "(sum_i w_i |v_i|) s / |s|, s = sum_i w_i v_i / |v_i|",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_OPTIONAL,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_ZERO_DELTAS |
            CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .state_bytes = clade_gram_bytes,
    .partial_bytes = clade_gram_partial_bytes,
    .survey = clade_gram_survey,
    .survey_merge = clade_gram_merge,
    .carries_nonfinite = true,
    .takes_nonfinite = true,
    .combine = combine,
    .coefficients = coefficients,
};
