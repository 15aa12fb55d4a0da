/* The minimum of WUDI's loss in closed form, linear in the weights of the parents, so that a search over them needs one
 * decomposition and no more.
 *
 *   theta = theta_0 + lambda sum_i w_i T_i               of a matrix, or a kernel of rank 3 or 4 as a matrix of its outputs;
 *                                                        theta_0 of every other tensor
 *   T_i   = tau_i + (tau_i tau_it tau_i / |tau_i|^2 - tau_i A) (A + rho I)^-1
 *   A     = sum_i tau_it tau_i / |tau_i|^2
 *
 * sum_i T_i minimises sum_i |(t - tau_i) tau_it|^2 / |tau_i|^2 + rho |t - sum_i tau_i|^2 (Cheng et al. 2025, arXiv
 * 2503.08099, the loss of wudi.c, with a term that keeps what no task vector has rows for; A is often nearly singular):
 * T_i is task vector i freed of what it would do on the rows of the others. rho = ridge times the mean eigenvalue of A. A
 * parent of weight 0 still counts in A. */
#include <math.h>
#include <string.h>

#include "merge/method/matrix.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, RIDGE, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's freed task vector", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                "factor of the merged task vector", NULL},
    [RIDGE] = {"ridge", CLADE_REAL, CLADE_PER_SITE, CLADE_LOG_SCALE, 1e-12, 1, 1e-2, 1e-2, 1e-2,
               "rho, relative to the mean eigenvalue", NULL},
};

/* A matrix, or the kernel of a convolution: (outputs, inputs x places). */
static bool has_rows(const clade_merge_tile *tensor)
{
    return tensor->rank >= 2 && tensor->tensor_count > 0;
}

static size_t rows_of(const clade_merge_tile *tensor)
{
    return (size_t)tensor->shape[0];
}

static size_t columns_of(const clade_merge_tile *tensor)
{
    return (size_t)(tensor->tensor_count / tensor->shape[0]);
}

typedef struct workspace {
    double *A, *L;           /* (n, n); L: the factor of A + rho I */
    double *tau, *T, *spare; /* (m, n) */
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    size_t m = rows_of(tile), n = columns_of(tile);
    at->A = clade_room_doubles(&room, n, n);
    at->L = clade_room_doubles(&room, n, n);
    at->tau = clade_room_doubles(&room, m, n);
    at->T = clade_room_doubles(&room, m, n);
    at->spare = clade_room_doubles(&room, m, n);
    return room.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return has_rows(tile) && tile->n == tile->tensor_count ? lay_out(tile, NULL, &at) : 0;
}

/* Every T_i, (n_parents, tensor_count) f32; of other tensors an unused one, for the survey also looks at their elements. */
static size_t state_bytes(const clade_merge_tile *tensor)
{
    return (has_rows(tensor) ? tensor->n_parents : 1) * (size_t)tensor->tensor_count * sizeof(float);
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return state_bytes(tensor);
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    memcpy(state, partial, state_bytes(tensor));
    return CLADE_OK;
}

/* tau_P and its squared norm. */
static double load(const clade_merge_tile *tile, size_t p, double *tau)
{
    double square = 0;
    clade_matrix_delta(tile, p, 1, false, tau);
    for (size_t i = 0; i < tile->n; i++)
        square += tau[i] * tau[i];
    return square;
}

/* A and the factor of A + rho I; *ANY false when no parent differs from the base. What is not finite goes through: the
 * child shows it. */
static clade_status decompose(const clade_merge_tile *tile, const workspace *at, bool *any)
{
    const size_t m = rows_of(tile), n = columns_of(tile);
    double trace = 0;
    memset(at->A, 0, n * n * sizeof(double));
    for (size_t p = 0; p < tile->n_parents; p++) {
        const double square = load(tile, p, at->tau);
        if (!(square <= 0))
            clade_gemm_f64(true, false, n, n, m, 1 / square, at->tau, at->tau, 1, at->A);
    }
    memcpy(at->L, at->A, n * n * sizeof(double));
    for (size_t j = 0; j < n; j++)
        trace += at->A[j * n + j];
    *any = !(trace <= 0);
    if (!*any)
        return CLADE_OK;
    for (size_t j = 0; j < n; j++)
        at->L[j * n + j] += tile->site[RIDGE] * trace / (double)n;
    const size_t order = clade_cholesky(n, at->L);
    return order == 0 ? CLADE_OK
                      : clade_fail(CLADE_EEVAL,
                                   "wudi_closed_form: the %zu x %zu system is singular at order %zu with ridge %g, "
                                   "expected a larger ridge",
                                   n, n, order, tile->site[RIDGE]);
}

/* T = T_P; zero where the parent does not differ from the base. */
static void free_of_others(const clade_merge_tile *tile, size_t p, const workspace *at)
{
    const size_t m = rows_of(tile), n = columns_of(tile);
    const double square = load(tile, p, at->tau);
    memset(at->T, 0, tile->n * sizeof(double));
    if (square <= 0)
        return;
    clade_matrix_add_cube(m, n, 1 / square, at->tau, at->spare, at->T);
    clade_gemm_f64(false, false, m, n, n, -1, at->tau, at->A, 1, at->T);
    clade_cholesky_solve(n, at->L, m, at->T);
    for (size_t i = 0; i < tile->n; i++)
        at->T[i] += at->tau[i];
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    float *out = partial; /* cleared */
    bool any = false;
    (void)pass;
    if (!has_rows(tile))
        return CLADE_OK;
    CLADE_TRY(clade_linalg_fits(rows_of(tile), columns_of(tile)));
    lay_out(tile, tile->scratch, &at);
    CLADE_TRY(decompose(tile, &at, &any));
    for (size_t p = 0; any && p < tile->n_parents; p++) {
        free_of_others(tile, p, &at);
        clade_matrix_store(tile->n, at.T, out + p * tile->n);
    }
    return CLADE_OK;
}

/* DELTA (n) += w T: one parent at a time over a block that stays in the first cache. */
static void add_weighted(size_t n, double w, const float *T, double *delta)
{
    for (size_t i = 0; i < n; i++)
        delta[i] += w * (double)T[i];
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    enum { BLOCK = 512 };
    const float *state = tile->state;
    const double lambda = tile->site[LAMBDA];
    const size_t n_states = has_rows(tile) ? tile->n_parents : 0;
    for (size_t first = 0; first < tile->n; first += BLOCK) {
        const size_t n = tile->n - first < BLOCK ? tile->n - first : BLOCK;
        double delta[BLOCK] = {0};
        for (size_t p = 0; p < n_states; p++)
            add_weighted(n, tile->parent[p * N_PARAMETERS + WEIGHT],
                         state + p * tile->tensor_count + tile->offset + first, delta);
        for (size_t i = 0; i < n; i++) {
            const double step = lambda * delta[i];
            out[first + i] = step == 0 ? tile->base[first + i] : (float)((double)tile->base[first + i] + step);
        }
    }
    return CLADE_OK;
}

const clade_method clade_method_wudi_closed_form = {
    .name = "wudi_closed_form",
    .title = "WUDI in closed form (task vectors freed of each other)",
    .source = "the loss of Cheng et al. 2025, arXiv 2503.08099",
    .mergekit = "not in mergekit; the paper follows the loss for some steps of Adam and has no ridge",
    .formula = "theta_0 + lambda sum_i w_i (tau_i + (tau_i tau_it tau_i / |tau_i|^2 - tau_i A) (A + rho I)^-1)",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA,
    .unit = clade_matrix_unit,
    .combine_unit = clade_matrix_combine_unit,
    .merged_in_survey = true,
    .scratch_bytes = scratch_bytes,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = 1u << RIDGE,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .combine = combine,
};
