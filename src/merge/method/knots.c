/* KnOTS: merging task vectors in the space that their singular value decomposition aligns (Stoica et al. 2024, arXiv
 * 2410.19735).
 *
 * For a matrix (m, n) and T parents:
 *
 *   [tau_1 .. tau_T] = U diag(s) [V_1 .. V_T]t          (m, T n); of the singular values above 1e-5 s_1, R many
 *   Y_i = diag(s) V_it                                  (R, n): task i in the common basis
 *   Y = the inner method applied to Y_1 .. Y_T
 *   theta = theta_0 + lambda U Y                        other tensors: theta_0 + lambda (1 / T) sum_i w_i tau_i
 *
 * Inner methods: task_arithmetic is sum_i w_i Y_i, which is task arithmetic itself but for the cut. ties is that of
 * ties (task_vectors.c) per tensor: each Y_i trimmed to its largest floor(density R n) elements (at least one), the
 * sign of each element elected by sum_i w_i Y_i, the weighted mean of those that agree.
 *
 * The public code cuts singular values at 1e-5 as such; here the cut goes with the scale of the deltas. It trims over
 * all layers together, and gives all tasks one weight. The paper merges LoRA deltas, of R much less than m. */
#include <math.h>
#include <string.h>

#include "merge/method/matrix.h"
#include "merge/method/order_statistic.h"

enum { WEIGHT = CLADE_MATRIX_WEIGHT, LAMBDA = CLADE_MATRIX_LAMBDA, DENSITY, INNER_METHOD, N_PARAMETERS };
enum { TIES, TASK_ARITHMETIC };

static const char *const inner_methods[] = {[TIES] = "ties", [TASK_ARITHMETIC] = "task_arithmetic", NULL};
static const double smallest_singular_value = 1e-5; /* relative to the largest */

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                "factor of the merged task vector", NULL},
    [DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 0.2,
                 "ties: share of the largest magnitudes that stays, per tensor", NULL},
    [INNER_METHOD] = {"inner_method", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, TIES, TIES, TIES,
                      "how the tasks are merged in the common basis", inner_methods},
};

static double value(const clade_merge_tile *tile, size_t p, size_t parameter)
{
    return tile->parent[p * N_PARAMETERS + parameter];
}

typedef struct workspace {
    double *C; /* (m, T n), later Y (R, n) */
    double *W; /* (m, n) */
    clade_svd_room svd;
} workspace;

static size_t lay_out(const clade_merge_tile *tile, void *memory, workspace *at)
{
    clade_room room = {memory, 0};
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1];
    at->C = clade_room_doubles(&room, m, n * tile->n_parents);
    at->W = clade_room_doubles(&room, m, n);
    at->svd = clade_room_svd(&room, m, n * tile->n_parents);
    return room.used;
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    workspace at;
    return clade_matrix_wants_room(tile) ? lay_out(tile, NULL, &at) : 0;
}

/* ---- Y_i = diag(s) V_it ---- */

static clade_status align(const clade_merge_tile *tile, const workspace *at, size_t *R)
{
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1], N = n * tile->n_parents;
    for (size_t p = 0; p < tile->n_parents; p++) {
        clade_matrix_delta(tile, p, 1, false, at->W);
        for (size_t i = 0; i < m; i++)
            memcpy(at->C + i * N + p * n, at->W + i * n, n * sizeof(double));
    }
    CLADE_TRY(clade_svd(m, N, at->C, at->svd.u, at->svd.s, at->svd.vt, at->svd.work));
    *R = 0;
    while (*R < (m < N ? m : N) && at->svd.s[*R] > smallest_singular_value * at->svd.s[0])
        ++*R;
    for (size_t j = 0; j < *R; j++)
        for (size_t i = 0; i < N; i++)
            at->svd.vt[j * N + i] *= at->svd.s[j];
    return CLADE_OK;
}

/* ---- ties ---- */

/* The rows of Y_p lie N doubles apart. */
typedef struct task {
    double *Y;
    size_t R, n, N;
} task;

static void magnitudes(const double *y, size_t m, float *x)
{
    for (size_t i = 0; i < m; i++)
        x[i] = (float)fabs(y[i]);
}

/* The magnitude, as f32, that K elements of the task reach, and how many of those that equal it are among the K. */
static float cut_of(const task *one, size_t k, size_t *equals)
{
    clade_order_search search = {.rank = one->R * one->n - k};
    float x[CLADE_MERGE_BLOCK];
    for (unsigned pass = 0; pass < CLADE_ORDER_PASSES; pass++) {
        uint64_t counts[CLADE_ORDER_BUCKETS] = {0};
        for (size_t j = 0; j < one->R; j++) {
            uint32_t row[CLADE_ORDER_BUCKETS] = {0};
            for (size_t first = 0; first < one->n; first += CLADE_MERGE_BLOCK) {
                size_t m = one->n - first < CLADE_MERGE_BLOCK ? one->n - first : CLADE_MERGE_BLOCK;
                magnitudes(one->Y + j * one->N + first, m, x);
                clade_order_count(&search, pass, m, x, row);
            }
            clade_order_add(counts, row);
        }
        clade_order_narrow(&search, pass, counts);
    }
    *equals = (size_t)(search.equal - search.rank); /* the rank is that among the equals now */
    return clade_order_value(search.key);
}

/* Of equal magnitudes at the cut those of lower index stay. */
static void trim(const task *one, double density)
{
    size_t k = (size_t)(density * (double)(one->R * one->n)), equals = 0;
    if (density >= 1 || one->R == 0)
        return;
    float threshold = density > 0 ? cut_of(one, k > 0 ? k : 1, &equals) : INFINITY;
    for (size_t j = 0; j < one->R; j++)
        for (size_t i = 0; i < one->n; i++) {
            double *y = &one->Y[j * one->N + i];
            float size = (float)fabs(*y);
            bool equal = size == threshold && equals > 0;
            equals -= equal;
            if (size <= threshold && !equal)
                *y = 0;
        }
}

/* Row J of Y: the weighted mean of what agrees with the elected sign. */
static void ties_row(const clade_merge_tile *tile, const task *tasks, size_t j, double *Y)
{
    for (size_t i = 0; i < tasks->n; i++) {
        double gamma = 0, D = 0, weights = 0;
        for (size_t p = 0; p < tile->n_parents; p++)
            gamma += value(tile, p, WEIGHT) * tasks[p].Y[j * tasks->N + i];
        for (size_t p = 0; p < tile->n_parents; p++) {
            double w = value(tile, p, WEIGHT), y = w * tasks[p].Y[j * tasks->N + i];
            if (gamma >= 0 ? y > 0 : y < 0) {
                D += y;
                weights += w;
            }
        }
        Y[i] = weights == 0 ? D : D / weights;
    }
}

static void sum_row(const clade_merge_tile *tile, const task *tasks, size_t j, double *Y)
{
    memset(Y, 0, tasks->n * sizeof *Y);
    for (size_t p = 0; p < tile->n_parents; p++) {
        double w = value(tile, p, WEIGHT);
        for (size_t i = 0; i < tasks->n; i++)
            Y[i] += w * tasks[p].Y[j * tasks->N + i];
    }
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    workspace at;
    task tasks[CLADE_MAX_PARENTS];
    size_t R;
    (void)pass;
    if (!clade_is_matrix(tile)) {
        clade_matrix_sum(tile, NULL, partial);
        return CLADE_OK;
    }
    size_t m = (size_t)tile->shape[0], n = (size_t)tile->shape[1], N = n * tile->n_parents, r = m < N ? m : N;
    CLADE_TRY(clade_linalg_fits(m, N));
    lay_out(tile, tile->scratch, &at);
    CLADE_TRY(align(tile, &at, &R));
    double *Y = at.C;
    for (size_t p = 0; p < tile->n_parents; p++) {
        tasks[p] = (task){at.svd.vt + p * n, R, n, N};
        if (tile->site[INNER_METHOD] == TIES)
            trim(&tasks[p], value(tile, p, DENSITY));
    }
    memset(Y, 0, r * n * sizeof *Y);
    for (size_t j = 0; j < R; j++) {
        if (tile->site[INNER_METHOD] == TIES)
            ties_row(tile, tasks, j, Y + j * n);
        else
            sum_row(tile, tasks, j, Y + j * n);
    }
    clade_gemm_f64(false, false, m, n, r, 1, at.svd.u, Y, 0, at.W);
    clade_matrix_store(tile->n, at.W, partial);
    return CLADE_OK;
}

const clade_method clade_method_knots = {
    .name = "knots",
    .title = "KnOTS (merging in a common singular basis)",
    .source = "Stoica et al. 2024, arXiv 2410.19735; Yadav et al. 2023, arXiv 2306.01708",
    .mergekit = "not in mergekit; the paper's, but singular values are cut relative to the largest, and inner ties "
                "trims per tensor, the authors' code over all layers",
    .formula = "theta_0 + lambda U inner(S V_1t, .., S V_Tt), U S [V_1 .. V_T]t = [tau_1 .. tau_T]",
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
    .survey_parameters = 1u << WEIGHT | 1u << DENSITY | 1u << INNER_METHOD,
    .state_bytes = clade_matrix_state_bytes,
    .partial_bytes = clade_matrix_partial_bytes,
    .survey = survey,
    .survey_merge = clade_matrix_survey_merge,
    .combine = clade_matrix_combine,
};
