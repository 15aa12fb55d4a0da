/* RegMean: the linear layer that regresses best on the inputs and outputs of all parents (Jin et al. 2022, arXiv
 * 2212.09849).
 *
 *   G_i = X_it X_i / rows (n, n): the Gram matrix of the inputs of the layer in parent i, from its statistics
 *   G_i' = alpha G_i + (1 - alpha) diag(G_i)
 *   W = (sum_i w_i W_i G_i') (sum_i w_i G_i')^-1         of a weight (m, n) = (out, in) whose parents all have a G_i
 *   theta = sum_i w_i theta_i / sum_i w_i                of every other tensor
 *
 * The statistics hold each Gram matrix under the name of its weight. The paper has w_i = 1 and takes alpha 0.9, or 0.1
 * for some models; 1 is the plain solution, 0 a mean per input feature. Weights stored as (in, out) have Gram matrices
 * of another shape and are refused. Which normalisation of G_i was used does not matter, if it was the same for all.
 *
 * Grams of few inputs are singular when alpha is 1, and those of inputs that are always zero whatever alpha is. A sum
 * of Grams with a Cholesky pivot of less than 1e-10 of its diagonal element gets a ridge: rho = 1e-6 times the mean of
 * the diagonal, added with rho times the plain mean on the right side, to which the layer then tends where the inputs
 * say nothing. */
#include <math.h>
#include <string.h>

#include "clade/kernels.h"
#include "merge/method/matrix.h"

enum { WEIGHT, ALPHA, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, INFINITY, 0, 1, 1,
                "factor of the parent's Gram matrix, or share of the parent", NULL},
    [ALPHA] = {"alpha", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 0, 1, 0, 1, 0.9,
               "factor of the off-diagonal elements of the Gram matrices", NULL},
};

static bool has_gram(const clade_merge_tile *tensor)
{
    return clade_is_matrix(tensor) && tensor->statistics[0];
}

static size_t unit(const clade_merge_tile *tensor)
{
    return has_gram(tensor) ? (size_t)tensor->tensor_count : 1;
}

typedef struct workspace {
    double *A, *G;        /* (n, n): the sum, and that of one parent */
    double *diagonal;     /* (n) of A */
    double *C, *W, *mean; /* (m, n): the right side, one parent, the plain mean */
    float *row;           /* (n) */
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    at->A = clade_room_doubles(&room, n, n);
    at->G = clade_room_doubles(&room, n, n);
    at->diagonal = clade_room_doubles(&room, n, 1);
    at->C = clade_room_doubles(&room, m, n);
    at->W = clade_room_doubles(&room, m, n);
    at->mean = clade_room_doubles(&room, m, n);
    at->row = clade_room_take(&room, n * sizeof(float));
    return room.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return has_gram(tile) ? lay_out(tile, NULL, &at) : 0;
}

/* Every parent has a Gram matrix of the right shape, or none has one. */
static clade_status check(const clade_merge_tile *tile)
{
    char shape[64];
    for (size_t p = 0; p < tile->n_parents; p++) {
        const clade_tensor *gram = tile->statistics[p];
        if (!gram != !tile->statistics[0])
            return clade_fail(CLADE_EINCOMPATIBLE,
                              "regmean: parent number %zu has %s Gram matrix in its statistics, number 1 has %s; "
                              "expected one in all or in none",
                              p + 1, gram ? "a" : "no", gram ? "none" : "one");
        if (!gram)
            continue;
        if (tile->rank != 2 || gram->rank != 2 || gram->shape[0] != tile->shape[1] || gram->shape[1] != tile->shape[1])
            return clade_fail(
                CLADE_EINCOMPATIBLE,
                "regmean: the Gram matrix of parent number %zu has shape %s, expected [n, n] for a weight "
                "of shape [m, n]",
                p + 1, clade_tensor_shape_text(gram, shape, sizeof shape));
        if (!clade_dtype_of(gram->dtype)->mergeable)
            return clade_fail(CLADE_EINCOMPATIBLE,
                              "regmean: the Gram matrix of parent number %zu is %s, expected floats", p + 1,
                              clade_dtype_of(gram->dtype)->name);
    }
    return CLADE_OK;
}

/* G = w G_p', from the file. */
static clade_status read_gram(const clade_merge_tile *tile, size_t p, double w, const workspace *at)
{
    const clade_tensor *gram = tile->statistics[p];
    size_t n = (size_t)tile->shape[1], width = clade_dtype_of(gram->dtype)->bits / 8;
    double alpha = tile->site[ALPHA];
    for (size_t i = 0; i < n; i++) {
        clade_widen(gram->dtype, (const unsigned char *)gram->data + i * n * width, n, at->row);
        size_t bad = clade_kernels_best()->first_nonfinite(n, at->row);
        if (bad < n)
            return clade_fail(CLADE_EEVAL,
                              "regmean: the Gram matrix of parent number %zu has %g in row %zu, column %zu; expected "
                              "finite numbers",
                              p + 1, (double)at->row[bad], i, bad);
        for (size_t j = 0; j < n; j++)
            at->G[i * n + j] = w * (i == j ? 1 : alpha) * (double)at->row[j];
    }
    return CLADE_OK;
}

/* A = sum_i w_i G_i', C = sum_i w_i W_i G_i', and the plain mean. */
static clade_status add_up(const clade_merge_tile *tile, const workspace *at)
{
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    double shares[CLADE_MAX_PARENTS];
    CLADE_TRY(clade_merge_shares(tile, WEIGHT, shares));
    memset(at->A, 0, n * n * sizeof(double));
    memset(at->mean, 0, m * n * sizeof(double));
    for (size_t p = 0; p < tile->n_parents; p++) {
        CLADE_TRY(read_gram(tile, p, shares[p], at));
        for (size_t i = 0; i < tile->n; i++) {
            at->W[i] = (double)tile->parents[p][i];
            at->mean[i] += shares[p] * at->W[i];
        }
        for (size_t i = 0; i < n * n; i++)
            at->A[i] += at->G[i];
        clade_gemm_f64(false, false, m, n, n, 1, at->W, at->G, p > 0, at->C);
    }
    return CLADE_OK;
}

/* Whether A has a factor that can be trusted. */
static bool factor(size_t n, const workspace *at)
{
    static const double smallest_pivot = 1e-10;
    if (clade_cholesky(n, at->A) != 0)
        return false;
    for (size_t j = 0; j < n; j++)
        if (at->A[j * n + j] * at->A[j * n + j] < smallest_pivot * at->diagonal[j])
            return false;
    return true;
}

/* Factor A, with the ridge where it is needed; C then gets its part of it. False when not even that helps. */
static bool factor_or_ridge(size_t m, size_t n, const workspace *at)
{
    static const double ridge = 1e-6;
    double trace = 0;
    for (size_t j = 0; j < n; j++) {
        at->diagonal[j] = at->A[j * n + j];
        trace += at->diagonal[j];
    }
    if (factor(n, at))
        return true;
    double rho = trace > 0 ? ridge * trace / (double)n : 1; /* inputs that are all zero: the plain mean */
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++)
            at->A[i * n + j] = at->A[j * n + i];
        at->A[i * n + i] = at->diagonal[i] + rho;
    }
    for (size_t i = 0; i < m * n; i++)
        at->C[i] += rho * at->mean[i];
    return clade_cholesky(n, at->A) == 0;
}

static clade_status regress(const clade_merge_tile *tile, float *out)
{
    workspace at;
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    CLADE_TRY(clade_linalg_fits(m, n));
    lay_out(tile, tile->scratch, &at);
    CLADE_TRY(add_up(tile, &at));
    if (!factor_or_ridge(m, n, &at))
        return clade_fail(
            CLADE_EEVAL, "regmean: the sum of the Gram matrices is not positive semidefinite, expected matrices of the "
                         "form Xt X, and weights that are not negative");
    clade_cholesky_solve(n, at.A, m, at.C);
    clade_matrix_store(tile->n, at.C, out);
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double shares[CLADE_MAX_PARENTS];
    CLADE_TRY(check(tile));
    if (has_gram(tile))
        return regress(tile, out);
    CLADE_TRY(clade_merge_shares(tile, WEIGHT, shares));
    clade_merge_weighted_sum(tile, shares, out);
    return CLADE_OK;
}

const clade_method clade_method_regmean = {
    .name = "regmean",
    .title = "RegMean (regression on the parents' inputs)",
    .source = "Jin et al. 2022, arXiv 2212.09849",
    .mergekit = "not in mergekit; the paper's with weights 1, but a singular sum of Gram matrices gets a small ridge",
    .formula = "(sum_i w_i W_i G_i') (sum_i w_i G_i')^-1, G_i' = alpha G_i + (1 - alpha) diag(G_i)",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_IGNORED,
    .statistics = "gram",
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_WEIGHT_SCALE,
    .unit = unit,
    .scratch_bytes = scratch_bytes,
    .combine = combine,
};
