/* Iso-C: isotropic merging in the common space (Marczak et al. 2025, arXiv 2502.04959).
 *
 *   M = sum_i w_i tau_i = U diag(s) Vt      of a matrix (m, n), r = min(m, n)
 *   theta = theta_0 + lambda s_bar U Vt     s_bar = (1 / r) sum_j s_j
 *   theta = theta_0 + lambda (1 / T) sum_i w_i tau_i     of every other tensor
 *
 * The paper has w_i = 1 and lambda from a validation set. Directions with singular value zero (CLADE_RANK_TOLERANCE)
 * are left out of U Vt, while they count in r; the public code gives them s_bar in whatever basis LAPACK completes. */
#include <math.h>

#include "merge/method/matrix.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 3, 1,
                "factor of the merged task vector", NULL},
};

typedef struct workspace {
    double *M;
    clade_svd_room svd;
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    at->M = clade_room_doubles(&room, m, n);
    at->svd = clade_room_svd(&room, m, n);
    return room.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return clade_matrix_wants_room(tile) ? lay_out(tile, NULL, &at) : 0;
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    double total;
    (void)pass;
    if (!clade_is_matrix(tile)) {
        clade_matrix_sum(tile, NULL, partial);
        return CLADE_OK;
    }
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1], r = m < n ? m : n;
    CLADE_TRY(clade_linalg_fits(m, n));
    lay_out(tile, tile->scratch, &at);
    clade_matrix_deltas(tile, at.M);
    CLADE_TRY(clade_matrix_polar(m, n, at.M, &at.svd, &total));
    double s_bar = total / (double)r;
    for (size_t i = 0; i < tile->n; i++)
        at.M[i] *= s_bar;
    clade_matrix_store(tile->n, at.M, partial);
    return CLADE_OK;
}

const clade_method clade_method_iso_c = {
    .name = "iso_c",
    .title = "Iso-C (isotropic merging)",
    .source = "Marczak et al. 2025, arXiv 2502.04959",
    .mergekit = "not in mergekit; the paper's with weights 1, but directions of singular value 0 are left out, where "
                "the authors' code takes any that LAPACK gives",
    .formula = "theta_0 + lambda mean(s) U Vt, U diag(s) Vt = sum_i w_i tau_i",
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
