/* Karcher (mergekit): the Riemannian centre of mass of the directions, with the mean of the lengths. For two parents the
 * direction is SLERP's.
 *
 *   u_i = v_i / |v_i|, without the i where |v_i| <= tol;  alpha_i = w_i / sum_j w_j over those left
 *   u = sum_i alpha_i u_i / |...|, or the first u_i where that sum is shorter than tol
 *   at most max_iter times: T = sum_i alpha_i theta_i / sin theta_i (u_i - (u . u_i) u), cos theta_i = u . u_i;
 *                           end where |T| < tol; u <- cos|T| u + sin|T| T / |T|
 *   out = (sum_i beta_i |v_i|) u, beta_i = w_i / sum_j w_j over all parents; sum_i beta_i v_i where no |v_i| > tol
 *
 * All of it happens in the span of the u_i, so it needs only their cosines (sphere.h), in double. A direction opposite
 * to u pulls nowhere and is left out of T, as rounding has it in mergekit. mergekit has no weights: there they are
 * equal, as by default here. */
#include <math.h>

#include "merge/method/gram.h"
#include "merge/method/methods.h"
#include "merge/method/sphere.h"

enum { WEIGHT, MAX_ITER, TOL, N_PARAMETERS };

static const double opposite = -1 + 1e-12;

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, INFINITY, 0, 1, 1, "share of the parent",
                NULL},
    [MAX_ITER] = {"max_iter", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1000, 10, 10, 10,
                  "most steps towards the mean direction", NULL},
    [TOL] = {"tol", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LOG_SCALE, 0, INFINITY, 1e-5, 1e-5, 1e-5,
             "steps and lengths below it count as none", NULL},
};

/* The N parents that have a direction, in KEPT, and the cosines between them. */
static size_t directions(const clade_merge_tile *tile, const double *length, size_t *kept, clade_cosines G)
{
    const double *dots = tile->state;
    size_t n = 0;
    for (size_t i = 0; i < tile->n_parents; i++) {
        if (length[i] <= tile->site[TOL])
            continue;
        kept[n] = i;
        G[n][n] = 1;
        for (size_t k = 0; k < n; k++) {
            double c = dots[clade_gram_index(i, kept[k])] / length[i] / length[kept[k]];
            G[n][k] = G[k][n] = fmax(-1, fmin(1, c));
        }
        n++;
    }
    return n;
}

/* The mean direction as coefficients of the unit vectors. */
static void mean_direction(const clade_merge_tile *tile, size_t n, const size_t *kept, clade_cosines G, double *a)
{
    double alpha[CLADE_MAX_PARENTS], sum = 0, tol = tile->site[TOL];
    for (size_t k = 0; k < n; k++)
        sum += tile->parent[kept[k] * N_PARAMETERS + WEIGHT];
    for (size_t k = 0; k < n; k++) {
        alpha[k] = sum > 0 ? tile->parent[kept[k] * N_PARAMETERS + WEIGHT] / sum : 1 / (double)n;
        a[k] = alpha[k];
    }
    if (!clade_sphere_normalise(n, G, tol, a))
        for (size_t k = 0; k < n; k++)
            a[k] = k == 0 ? 1 : 0;
    clade_karcher mean = {.n = n,
                          .w = alpha,
                          .tolerance = tol,
                          .opposite = opposite,
                          .leave_out = true,
                          .most_steps = (size_t)tile->site[MAX_ITER]};
    (void)clade_sphere_karcher(&mean, G, a); /* a step that loses its direction is the last */
}

static clade_status coefficients(const clade_merge_tile *tile, double *c)
{
    double beta[CLADE_MAX_PARENTS], length[CLADE_MAX_PARENTS], a[CLADE_MAX_PARENTS], scale = 0;
    size_t kept[CLADE_MAX_PARENTS];
    clade_cosines G;
    const double *dots = tile->state;
    CLADE_TRY(clade_merge_shares(tile, WEIGHT, beta));
    for (size_t i = 0; i < tile->n_parents; i++) {
        length[i] = sqrt(dots[clade_gram_index(i, i)]);
        scale += beta[i] * length[i];
    }
    size_t n = directions(tile, length, kept, G);
    for (size_t i = 0; i < tile->n_parents; i++)
        c[i] = n > 0 ? 0 : beta[i];
    if (n > 0)
        mean_direction(tile, n, kept, G, a);
    for (size_t k = 0; k < n; k++)
        c[kept[k]] = scale * a[k] / length[kept[k]];
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double c[CLADE_MAX_PARENTS];
    CLADE_TRY(coefficients(tile, c));
    clade_merge_weighted_sum(tile, c, out);
    return CLADE_OK;
}

const clade_method clade_method_karcher = {
    .name = "karcher",
    .title = "Karcher mean",
    .source = "Karcher 1977; Afsari 2011; mergekit's rules",
    .mergekit = "equal at equal weights, the only ones that mergekit has; there base_model is one more parent, here "
                "the base is ignored (but YAML is read as mergekit reads it)",
    .formula = "(sum_i w_i |v_i|) argmin_u sum_i w_i angle(u, v_i)^2",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_IGNORED,
    .laws =
        CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS,
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
