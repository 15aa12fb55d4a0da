/* WUDI: task vectors merged so that they interfere least on the rows of the task vectors themselves, which stand in for
 * the inputs of the layer (Cheng et al. 2025, arXiv 2503.08099).
 *
 *   theta = theta_0 + lambda tau_m     tau_m = argmin sum_i |(tau_m - tau_i) tau_it|_F^2 / |tau_i|_F^2      of a matrix
 *   theta = theta_0                                                                       of every other tensor
 *
 * with w_i tau_i for tau_i (the paper has w_i = 1), parents of zero delta left out. With A = sum_i tau_it tau_i /
 * |tau_i|^2 and B = sum_i tau_i tau_it tau_i / |tau_i|^2 the gradient is 2 (tau_m A - B). As in the paper it is followed
 * from sum_i tau_i, by `steps` steps of Adam (Kingma & Ba 2014, arXiv 1412.6980; beta 0.9 and 0.999, epsilon 1e-8) of
 * `learning_rate`. No element moves by much more than steps * learning_rate: it is stopped long before the minimum, and
 * the published numbers depend on that. The minimum itself: wudi_closed_form.c.
 *
 * Other tensors stay at the base, as in the paper's script for vision models; the library that also offers the method
 * applies it to all tensors of rank 2, as here. */
#include <math.h>
#include <string.h>

#include "merge/method/matrix.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, STEPS, LEARNING_RATE, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                "factor of the merged task vector", NULL},
    [STEPS] = {"steps", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1e6, 300, 300, 300, "of adam", NULL},
    [LEARNING_RATE] = {"learning_rate", CLADE_REAL, CLADE_PER_SITE, CLADE_LOG_SCALE, 0, 1, 1e-5, 1e-5, 1e-5, "of adam",
                       NULL},
};

typedef struct workspace {
    double *A;                  /* (n, n) */
    double *B, *tau_m;          /* (m, n) */
    double *g, *first, *second; /* (m, n): the gradient and Adam's moments */
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    at->A = clade_room_doubles(&room, n, n);
    at->B = clade_room_doubles(&room, m, n);
    at->tau_m = clade_room_doubles(&room, m, n);
    at->g = clade_room_doubles(&room, m, n);
    at->first = clade_room_doubles(&room, m, n);
    at->second = clade_room_doubles(&room, m, n);
    return room.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return clade_matrix_wants_room(tile) ? lay_out(tile, NULL, &at) : 0;
}

/* A, B, and tau_m = sum_i tau_i. */
static void set_up(const clade_merge_tile *tile, const workspace *at)
{
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    double *tau = at->g;
    memset(at->A, 0, n * n * sizeof(double));
    memset(at->B, 0, m * n * sizeof(double));
    memset(at->tau_m, 0, m * n * sizeof(double));
    for (size_t p = 0; p < tile->n_parents; p++) {
        double square = 0;
        clade_matrix_delta(tile, p, tile->parent[p * N_PARAMETERS + WEIGHT], false, tau);
        for (size_t i = 0; i < tile->n; i++)
            square += tau[i] * tau[i];
        if (square == 0)
            continue;
        clade_gemm_f64(true, false, n, n, m, 1 / square, tau, tau, 1, at->A);
        clade_matrix_add_cube(m, n, 1 / square, tau, at->first, at->B);
        for (size_t i = 0; i < tile->n; i++)
            at->tau_m[i] += tau[i];
    }
}

static void adam(const clade_merge_tile *tile, const workspace *at)
{
    static const double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1], steps = (size_t)tile->site[STEPS];
    double rate = tile->site[LEARNING_RATE], power_1 = 1, power_2 = 1;
    memset(at->first, 0, m * n * sizeof(double));
    memset(at->second, 0, m * n * sizeof(double));
    for (size_t step = 0; step < steps; step++) {
        clade_gemm_f64(false, false, m, n, n, 1, at->tau_m, at->A, 0, at->g);
        power_1 *= beta_1;
        power_2 *= beta_2;
        for (size_t i = 0; i < m * n; i++) {
            double g = 2 * (at->g[i] - at->B[i]);
            at->first[i] = beta_1 * at->first[i] + (1 - beta_1) * g;
            at->second[i] = beta_2 * at->second[i] + (1 - beta_2) * g * g;
            at->tau_m[i] -= rate * (at->first[i] / (1 - power_1)) / (sqrt(at->second[i] / (1 - power_2)) + epsilon);
        }
    }
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    (void)pass;
    if (!clade_is_matrix(tile)) /* the partial state is cleared */
        return CLADE_OK;
    CLADE_TRY(clade_linalg_fits((size_t)tile->shape[0], (size_t)tile->shape[1]));
    lay_out(tile, tile->scratch, &at);
    set_up(tile, &at);
    adam(tile, &at);
    clade_matrix_store(tile->n, at.tau_m, partial);
    return CLADE_OK;
}

const clade_method clade_method_wudi = {
    .name = "wudi",
    .title = "WUDI (least interference on the task vectors' own rows)",
    .source = "Cheng et al. 2025, arXiv 2503.08099",
    .mergekit = "not in mergekit; the paper's with weights 1, on all tensors of rank 2",
    .formula = "theta_0 + lambda argmin_t sum_i |(t - w_i tau_i) tau_it|^2 / |tau_i|^2",
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
    .survey_parameters = 1u << WEIGHT | 1u << STEPS | 1u << LEARNING_RATE,
    .state_bytes = clade_matrix_state_bytes,
    .partial_bytes = clade_matrix_partial_bytes,
    .survey = survey,
    .survey_merge = clade_matrix_survey_merge,
    .combine = clade_matrix_combine,
};
