/* Iso-CTS: isotropic merging in common and task-specific subspaces (Marczak et al. 2025, arXiv 2502.04959).
 *
 * For a matrix (m, n), r = min(m, n), T parents, f the share of the common space:
 *
 *   k = round((r - floor(f r)) / T), c = r - T k              directions of each task, and common ones
 *   U_c, s_c, V_c = the first c singular triples of M = sum_i w_i tau_i
 *   U_i, s_i, V_i = the first k singular triples of (I - U_c U_ct) w_i tau_i
 *   U = [U_1 .. U_T U_c], V = [V_1 .. V_T V_c], each replaced by its polar factor; s_bar = the mean of all r s
 *   theta = theta_0 + lambda s_bar U Vt                       other tensors: theta_0 + lambda (1 / T) sum_i w_i tau_i
 *
 * round() takes halves to the even number, as the public code; k is lowered where T k would exceed r. k = 0 (more
 * parents than directions to share out) is Iso-C. Directions with singular value zero (CLADE_RANK_TOLERANCE) are left
 * out everywhere, while they count in the mean. */
#include <math.h>
#include <string.h>

#include "merge/method/matrix.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, COMMON_FRACTION, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 3, 1,
                "factor of the merged task vector", NULL},
    [COMMON_FRACTION] = {"common_fraction", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 0, 1, 0.8, 0.8, 0.8,
                         "share of the singular directions that all tasks have in common", NULL},
};

/* How the r directions of a matrix are shared out. */
typedef struct shares {
    size_t m, n, r, c, k;
} shares;

static shares share_out(const clade_merge_tile *tile)
{
    size_t T = tile->n_parents;
    shares of = {.m = (size_t)tile->shape[0], .n = (size_t)tile->shape[1]};
    of.r = of.m < of.n ? of.m : of.n;
    size_t specific = of.r - (size_t)(tile->site[COMMON_FRACTION] * (double)of.r);
    of.k = (size_t)rint((double)specific / (double)T);
    if (of.k * T > of.r)
        of.k--;
    of.c = of.r - of.k * T;
    return of;
}

typedef struct workspace {
    double *W;                            /* (m, n) */
    double *U, *V;                        /* (m, r), (r, n): columns and rows one after the other */
    double *U_c;                          /* (m, r); the first c columns are not zero */
    double *P;                            /* (r, n): U_ct w_i tau_i */
    clade_svd_room svd, polar_U, polar_V; /* one at a time, in the same place */
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    shares of = share_out(tile);
    at->W = clade_room_doubles(&room, of.m, of.n);
    at->U = clade_room_doubles(&room, of.m, of.r);
    at->V = clade_room_doubles(&room, of.r, of.n);
    at->U_c = clade_room_doubles(&room, of.m, of.r);
    at->P = clade_room_doubles(&room, of.r, of.n);
    clade_room other = room, another = room;
    at->svd = clade_room_svd(&room, of.m, of.n);
    at->polar_U = clade_room_svd(&other, of.m, of.r);
    at->polar_V = clade_room_svd(&another, of.r, of.n);
    size_t used = room.used > other.used ? room.used : other.used;
    return used > another.used ? used : another.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return clade_matrix_wants_room(tile) ? lay_out(tile, NULL, &at) : 0;
}

/* The first COUNT singular triples of W to the columns of U and rows of V from number AT on; their s are added to
 * *TOTAL. What is zero leaves zeros. */
static clade_status take_triples(const shares *of, const workspace *at, size_t count, size_t to, double *total)
{
    CLADE_TRY(clade_svd(of->m, of->n, at->W, at->svd.u, at->svd.s, at->svd.vt, at->svd.work));
    size_t rank = clade_matrix_rank(of->r, at->svd.s);
    count = count < rank ? count : rank;
    for (size_t i = 0; i < of->m; i++)
        memcpy(at->U + i * of->r + to, at->svd.u + i * of->r, count * sizeof(double));
    memcpy(at->V + to * of->n, at->svd.vt, count * of->n * sizeof(double));
    for (size_t j = 0; j < count; j++)
        *total += at->svd.s[j];
    return CLADE_OK;
}

static clade_status merge(const clade_merge_tile *tile, const shares *of, const workspace *at, double *total)
{
    memset(at->U, 0, of->m * of->r * sizeof(double));
    memset(at->V, 0, of->r * of->n * sizeof(double));
    clade_matrix_deltas(tile, at->W);
    CLADE_TRY(take_triples(of, at, of->c, of->r - of->c, total));
    memcpy(at->U_c, at->U, of->m * of->r * sizeof(double));
    for (size_t p = 0; p < tile->n_parents && of->k > 0; p++) {
        clade_matrix_delta(tile, p, tile->parent[p * N_PARAMETERS + WEIGHT], false, at->W);
        clade_gemm_f64(true, false, of->r, of->n, of->m, 1, at->U_c, at->W, 0, at->P);
        clade_gemm_f64(false, false, of->m, of->n, of->r, -1, at->U_c, at->P, 1, at->W);
        CLADE_TRY(take_triples(of, at, of->k, p * of->k, total));
    }
    CLADE_TRY(clade_matrix_polar(of->m, of->r, at->U, &at->polar_U, NULL));
    CLADE_TRY(clade_matrix_polar(of->r, of->n, at->V, &at->polar_V, NULL));
    clade_gemm_f64(false, false, of->m, of->n, of->r, *total / (double)of->r, at->U, at->V, 0, at->W);
    return CLADE_OK;
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    double total = 0;
    (void)pass;
    if (!clade_is_matrix(tile)) {
        clade_matrix_sum(tile, NULL, partial);
        return CLADE_OK;
    }
    shares of = share_out(tile);
    CLADE_TRY(clade_linalg_fits(of.m, of.n));
    lay_out(tile, tile->scratch, &at);
    CLADE_TRY(merge(tile, &of, &at, &total));
    clade_matrix_store(tile->n, at.W, partial);
    return CLADE_OK;
}

const clade_method clade_method_iso_cts = {
    .name = "iso_cts",
    .title = "Iso-CTS (isotropic, common and task-specific subspaces)",
    .source = "Marczak et al. 2025, arXiv 2502.04959",
    .mergekit = "not in mergekit; the paper's with weights 1, but directions of singular value 0 are left out, where "
                "the authors' code takes any that LAPACK gives",
    .formula = "theta_0 + lambda mean(s) polar([U_1 .. U_T U_c]) polar([V_1 .. V_T V_c])t",
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
    .survey_parameters = 1u << WEIGHT | 1u << COMMON_FRACTION,
    .state_bytes = clade_matrix_state_bytes,
    .partial_bytes = clade_matrix_partial_bytes,
    .survey = survey,
    .survey_merge = clade_matrix_survey_merge,
    .combine = clade_matrix_combine,
};
