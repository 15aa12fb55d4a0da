/* TSV-Merge: task singular vectors (Gargiulo et al. 2024, arXiv 2412.00081).
 *
 * For a matrix (m, n), r = min(m, n), T parents, tau_i = U_i diag(s_i) V_it:
 *
 *   k = max(1, floor(r / T)) triples of each parent are kept; K = T k
 *   U = [U_1 .. U_T], V = [V_1 .. V_T], each replaced by its polar factor; s = (w_1 s_1 .. w_T s_T)
 *   theta = theta_0 + lambda U diag(s) Vt               other tensors: theta_0 + lambda (1 / T) sum_i w_i tau_i
 *
 * The paper has w_i = 1. With more parents than r it keeps nothing; here one triple of each stays. Triples with
 * singular value zero (CLADE_RANK_TOLERANCE), and directions that the parents' vectors do not span, are left out; the
 * public code gives them whatever basis LAPACK completes. Equal parents of weight 1 give that parent's first k triples.
 * */
#include <math.h>
#include <string.h>

#include "merge/method/matrix.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's singular values", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 3, 1,
                "factor of the merged task vector", NULL},
};

/* The sizes of a matrix and of what is kept of it. */
typedef struct extents {
    size_t m, n, r, k, K;
} extents;

static extents extents_of(const clade_merge_tile *tile)
{
    extents of = {.m = (size_t)tile->shape[0], .n = (size_t)tile->shape[1]};
    of.r = of.m < of.n ? of.m : of.n;
    of.k = of.r / tile->n_parents > 0 ? of.r / tile->n_parents : 1;
    of.K = of.k * tile->n_parents;
    return of;
}

typedef struct workspace {
    double *W;                            /* (m, n) */
    double *U, *s, *V;                    /* (m, K), (K), (K, n) */
    clade_svd_room svd, polar_U, polar_V; /* one at a time, in the same place */
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    extents of = extents_of(tile);
    at->W = clade_room_doubles(&room, of.m, of.n);
    at->U = clade_room_doubles(&room, of.m, of.K);
    at->s = clade_room_doubles(&room, of.K, 1);
    at->V = clade_room_doubles(&room, of.K, of.n);
    clade_room other = room, another = room;
    at->svd = clade_room_svd(&room, of.m, of.n);
    at->polar_U = clade_room_svd(&other, of.m, of.K);
    at->polar_V = clade_room_svd(&another, of.K, of.n);
    size_t used = room.used > other.used ? room.used : other.used;
    return used > another.used ? used : another.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return clade_matrix_wants_room(tile) ? lay_out(tile, NULL, &at) : 0;
}

/* The first k triples of tau_p to their place in U, s, V. A parent without weight has no vectors either. */
static clade_status take_triples(const clade_merge_tile *tile, const extents *of, const workspace *at, size_t p)
{
    double w = tile->parent[p * N_PARAMETERS + WEIGHT];
    clade_matrix_delta(tile, p, 1, false, at->W);
    CLADE_TRY(clade_svd(of->m, of->n, at->W, at->svd.u, at->svd.s, at->svd.vt, at->svd.work));
    size_t rank = clade_matrix_rank(of->r, at->svd.s), count = of->k < rank ? of->k : rank;
    for (size_t i = 0; i < of->m; i++)
        memcpy(at->U + i * of->K + p * of->k, at->svd.u + i * of->r, count * sizeof(double));
    memcpy(at->V + p * of->k * of->n, at->svd.vt, count * of->n * sizeof(double));
    for (size_t j = 0; j < count; j++)
        at->s[p * of->k + j] = w * at->svd.s[j];
    return CLADE_OK;
}

static clade_status merge(const clade_merge_tile *tile, const extents *of, const workspace *at)
{
    memset(at->U, 0, of->m * of->K * sizeof(double));
    memset(at->s, 0, of->K * sizeof(double));
    memset(at->V, 0, of->K * of->n * sizeof(double));
    for (size_t p = 0; p < tile->n_parents; p++)
        if (tile->parent[p * N_PARAMETERS + WEIGHT] != 0)
            CLADE_TRY(take_triples(tile, of, at, p));
    CLADE_TRY(clade_matrix_polar(of->m, of->K, at->U, &at->polar_U, NULL));
    CLADE_TRY(clade_matrix_polar(of->K, of->n, at->V, &at->polar_V, NULL));
    for (size_t j = 0; j < of->K; j++)
        for (size_t i = 0; i < of->n; i++)
            at->V[j * of->n + i] *= at->s[j];
    clade_gemm_f64(false, false, of->m, of->n, of->K, 1, at->U, at->V, 0, at->W);
    return CLADE_OK;
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    (void)pass;
    if (!clade_is_matrix(tile)) {
        clade_matrix_sum(tile, NULL, partial);
        return CLADE_OK;
    }
    extents of = extents_of(tile);
    CLADE_TRY(clade_linalg_fits(of.m, of.n));
    lay_out(tile, tile->scratch, &at);
    CLADE_TRY(merge(tile, &of, &at));
    clade_matrix_store(tile->n, at.W, partial);
    return CLADE_OK;
}

const clade_method clade_method_tsv_m = {
    .name = "tsv_m",
    .title = "TSV-Merge (task singular vectors)",
    .source = "Gargiulo et al. 2024, arXiv 2412.00081",
    .mergekit = "not in mergekit; the paper's with weights 1, but directions of singular value 0 are left out, where "
                "the authors' code takes any that LAPACK gives; with more parents than directions each keeps one, by "
                "the paper none",
    .formula = "theta_0 + lambda polar([U_1 .. U_T]) diag(w_1 s_1 .. w_T s_T) polar([V_1 .. V_T])t",
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
    .survey_parameters = 1u << WEIGHT,
    .state_bytes = clade_matrix_state_bytes,
    .partial_bytes = clade_matrix_partial_bytes,
    .survey = survey,
    .survey_merge = clade_matrix_survey_merge,
    .combine = clade_matrix_combine,
};
