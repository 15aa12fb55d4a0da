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

#include "clade/kernels.h"
#include "merge/angle.h"
#include "merge/methods.h"

enum { WEIGHT, N_PARAMETERS };
enum { COEFFICIENT }; /* in measures */
enum { MOST_STEPS = 100 };

static const double parallel = 0.9995, smallest_norm = 1e-8, smallest_step = 1e-12;

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "share of the parent; of two parents, t = w_1 / (w_0 + w_1)"},
};

/* G[i][j] = u_i . u_j. A vector without direction counts as orthogonal to all others, as in mergekit's rule. */
static void gram(const clade_merge_tile *whole, double G[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS])
{
    const clade_kernels *kernels = clade_kernels_best();
    double norm[CLADE_MAX_PARENTS];
    for (size_t i = 0; i < whole->n_parents; i++) {
        norm[i] = sqrt(kernels->dot(whole->n, whole->parents[i], whole->parents[i]));
        G[i][i] = 1;
        for (size_t j = 0; j < i; j++) {
            double c = 0;
            if (norm[i] > smallest_norm && norm[j] > smallest_norm)
                c = kernels->dot(whole->n, whole->parents[i], whole->parents[j]) / norm[i] / norm[j];
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

/* x' G y */
static double product(size_t n, double G[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS], const double *x, const double *y)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            sum += x[i] * G[i][j] * y[j];
    return sum;
}

/* Divide x by its norm; false when it has none. */
static bool normalise(size_t n, double G[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS], double *x)
{
    double norm = sqrt(fmax(0, product(n, G, x, x)));
    for (size_t i = 0; i < n && norm > smallest_norm; i++)
        x[i] /= norm;
    return norm > smallest_norm;
}

/* The tangent T = sum_i w_i log_m(u_i) at m = sum_i a_i u_i, as coefficients; false when some u_i with weight is
 * opposite to m, where the logarithm has no direction. */
static bool tangent(size_t n, double G[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS], const double *w, const double *a,
                    double *T)
{
    double along = 0; /* sum_i f_i (u_i . m): what is taken out so that T is orthogonal to m */
    for (size_t i = 0; i < n; i++) {
        double c = 0;
        for (size_t j = 0; j < n; j++)
            c += G[i][j] * a[j];
        c = fmax(-1, fmin(1, c));
        if (w[i] != 0 && c < -parallel)
            return false;
        double theta = clade_acos(c), s = clade_sin(theta);
        T[i] = w[i] * (s > 1e-6 ? theta / s : 1); /* f_i = w_i theta_i / sin theta_i */
        along += T[i] * c;
    }
    for (size_t i = 0; i < n; i++)
        T[i] -= along * a[i];
    return true;
}

/* The Karcher mean by fixed steps along the tangent (Karcher 1977; Afsari 2011 for its uniqueness). Where it is not
 * unique (directions that cancel or are opposite) the coefficients are the weights: the linear branch of two parents.
 */
static void karcher(size_t n, double G[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS], const double *w, double *a)
{
    double T[CLADE_MAX_PARENTS];
    for (size_t i = 0; i < n; i++)
        a[i] = w[i];
    bool defined = normalise(n, G, a);
    for (int step = 0; step < MOST_STEPS && defined; step++) {
        defined = tangent(n, G, w, a, T);
        double size = defined ? sqrt(fmax(0, product(n, G, T, T))) : 0;
        if (size < smallest_step)
            break;
        /* m <- exp_m(T) = cos|T| m + sin|T| T / |T| */
        double cosine = clade_sin(size + clade_acos(0)), sine = clade_sin(size);
        for (size_t i = 0; i < n; i++)
            a[i] = cosine * a[i] + sine / size * T[i];
        defined = normalise(n, G, a);
    }
    for (size_t i = 0; i < n && !defined; i++)
        a[i] = w[i];
}

static clade_status measure(clade_merge_tile *whole)
{
    double G[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS], w[CLADE_MAX_PARENTS], a[CLADE_MAX_PARENTS];
    CLADE_TRY(clade_merge_shares(whole, WEIGHT, w));
    gram(whole, G);
    if (whole->n_parents == 2)
        slerp(G[0][1], w, a);
    else
        karcher(whole->n_parents, G, w, a);
    for (size_t p = 0; p < whole->n_parents; p++)
        whole->measures[p][COEFFICIENT] = a[p];
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double a[CLADE_MAX_PARENTS];
    for (size_t p = 0; p < tile->n_parents; p++)
        a[p] = tile->measures[p][COEFFICIENT];
    clade_merge_weighted_sum(tile, a, out);
    return CLADE_OK;
}

const clade_method clade_method_slerp = {
    .name = "slerp",
    .title = "SLERP (spherical interpolation)",
    .source = "Shoemake 1985; mergekit's rules; Karcher mean of directions for more than two parents",
    .mergekit = "equal for two parents with t = w_1 / (w_0 + w_1); mergekit has no more than two",
    .formula = "(sin((1-t) theta) v_0 + sin(t theta) v_1) / sin theta",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 2,
    .max_parents = CLADE_MAX_PARENTS,
    .symmetric = true,
    .measure = measure,
    .combine = combine,
};
