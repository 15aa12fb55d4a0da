/* SLERP: spherical interpolation of whole tensors (Shoemake 1985; for two models as mergekit), and its generalisation
 * to more parents, the weighted Karcher mean of directions.
 *
 * One parameterisation for any number of parents: a weight each. For two parents (v_0, v_1) mergekit's t is w_1 / (w_0
 * + w_1), and t is written back as weights (1 - t, t).
 *
 *   two parents     u_i = v_i / |v_i| (v_i itself where |v_i| <= 1e-8), c = u_0 . u_1
 *                   |c| > 0.9995: (1 - t) v_0 + t v_1
 *                   else, with cos theta = c: (sin((1 - t) theta) v_0 + sin(t theta) v_1) / sin theta
 *   more parents    m = argmin over the unit sphere of sum_i w_i angle(m, u_i)^2 = sum_i a_i u_i; out = sum_i a_i v_i
 *
 * mergekit applies the coefficients of the unit vectors to the vectors as they are; so does the generalisation, which
 * is why a third parent of weight 0 changes nothing. All iterations of the mean happen in the span of the u_i, so they
 * need only their Gram matrix: the tensors are read once for the dot products and once for the sum. Rejected:
 * interpolating pair by pair, which depends on the order of the parents. */
#include <math.h>

#include "merge/method/angle.h"
#include "merge/method/gram.h"
#include "merge/method/methods.h"
#include "merge/method/sphere.h"

enum { WEIGHT, N_PARAMETERS };
enum { MOST_STEPS = 100 };

static const double parallel = 0.9995, smallest_norm = 1e-8, smallest_step = 1e-12;

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "share of the parent; of two parents, t = w_1 / (w_0 + w_1)", NULL},
};

/* G[i][j] = u_i . u_j. A vector without direction counts as orthogonal to all others, as in mergekit's rule. */
static void cosines(size_t n, const double *dots, clade_cosines G)
{
    double norm[CLADE_MAX_PARENTS];
    for (size_t i = 0; i < n; i++) {
        norm[i] = sqrt(dots[clade_gram_index(i, i)]);
        G[i][i] = 1;
        for (size_t j = 0; j < i; j++) {
            double c = 0;
            if (norm[i] > smallest_norm && norm[j] > smallest_norm)
                c = dots[clade_gram_index(i, j)] / norm[i] / norm[j];
            G[i][j] = G[j][i] = fmax(-1, fmin(1, c));
        }
    }
}

static void slerp(double c, const double *w, double *a)
{
    double t = w[1], theta = clade_acos(c);
    a[0] = 1 - t;
    a[1] = t;
    if (fabs(c) <= parallel) {
        a[0] = clade_sin((1 - t) * theta) / clade_sin(theta);
        a[1] = clade_sin(t * theta) / clade_sin(theta);
    }
}

/* Where the Karcher mean is not unique (directions that cancel or are opposite) the coefficients are the weights: the
 * linear branch of two parents. */
static void karcher(size_t n, clade_cosines G, const double *w, double *a)
{
    clade_karcher mean = {.n = n, .w = w, .tolerance = smallest_step, .opposite = -parallel, .most_steps = MOST_STEPS};
    for (size_t i = 0; i < n; i++)
        a[i] = w[i];
    bool defined = clade_sphere_normalise(n, G, smallest_norm, a) && clade_sphere_karcher(&mean, G, a);
    for (size_t i = 0; i < n && !defined; i++)
        a[i] = w[i];
}

static clade_status coefficients(const clade_merge_tile *tensor, double *a)
{
    double w[CLADE_MAX_PARENTS];
    clade_cosines G;
    CLADE_TRY(clade_merge_shares(tensor, WEIGHT, w));
    cosines(tensor->n_parents, tensor->state, G);
    if (tensor->n_parents == 2)
        slerp(G[0][1], w, a);
    else
        karcher(tensor->n_parents, G, w, a);
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double a[CLADE_MAX_PARENTS];
    CLADE_TRY(coefficients(tile, a));
    clade_merge_weighted_sum(tile, a, out);
    return CLADE_OK;
}

const clade_method clade_method_slerp = {
    .name = "slerp",
    .title = "SLERP (spherical interpolation)",
    .source = "Shoemake 1985; mergekit's rules; Karcher mean of directions for more than two parents",
    .mergekit = "equal for two parents with t = w_1 / (w_0 + w_1), the most that mergekit has; Shoemake's formula is "
                "for unit vectors, mergekit and this apply it to the weights as they are",
    .formula = "(sin((1-t) theta) v_0 + sin(t theta) v_1) / sin theta",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 2,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_IGNORED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_EQUAL | CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS,
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
