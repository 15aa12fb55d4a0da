/* Fisher-weighted averaging (Matena and Raffel 2021, arXiv 2111.09832).
 *
 *   theta = sum_i lambda_i F_i theta_i / sum_i lambda_i F_i, elementwise
 *
 * F_i: the diagonal of parent i's Fisher information, from its file of statistics: a tensor for every floating-point
 * tensor of the parent, of its name and shape, F32, F16, BF16 or F64. lambda_i: the parent's weight. With normalize
 * lambda_i is divided by |F_i|_2 over all tensors of the rule (with one rule: of the model), as the paper's code does,
 * so that the model with the largest gradients does not drown the others.
 *
 * floor_rule says what keeps 0 / 0 away where no model has information: first: F_1 <- max(F_1, floor), so there the
 * first parent's value stands (the paper's code); all: every F_i <- max(F_i, floor), so there it is the weighted mean;
 * add: every F_i <- F_i + floor (later code). Norms are taken before the floor. Where sum_i lambda_i F_i is 0 even so,
 * because the first parent has weight 0: the weighted mean. */
#include <math.h>
#include <string.h>

#include "merge/method/methods.h"
#include "merge/method/parent_sums.h"
#include "tensor/clones.h"

enum { WEIGHT, NORMALIZE, FLOOR_RULE, FLOOR, N_PARAMETERS };
enum { FIRST, ALL, ADD };

static const char *const floor_rules[] = {"first", "all", "add", NULL};

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, INFINITY, 0, 1, 1,
                "factor of the parent's Fisher values", NULL},
    [NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                   "divide the weights by the norm of the parent's Fisher values", NULL},
    [FLOOR_RULE] = {"floor_rule", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 2, FIRST, FIRST, FIRST,
                    "whose Fisher values are at least the floor, or add it to all", floor_rules},
    [FLOOR] = {"floor", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LOG_SCALE, 1e-30, INFINITY, 1e-6, 1e-6, 1e-6,
               "what keeps 0 / 0 away", NULL},
};

/* ---- a parent's Fisher values ---- */

static clade_status check(const clade_merge_tile *tile, size_t p)
{
    const clade_tensor *found = tile->statistics ? tile->statistics[p] : NULL;
    clade_tensor expected = {.rank = tile->rank, .shape = tile->shape};
    char shape[96], wanted[96];
    clade_tensor_shape_text(&expected, wanted, sizeof wanted);
    if (!found)
        return clade_fail(CLADE_EINCOMPATIBLE,
                          "the statistics of parent %zu have no tensor of this name, expected its Fisher values %s",
                          p + 1, wanted);
    if (!clade_tensor_same_shape(found, &expected))
        return clade_fail(CLADE_EINCOMPATIBLE, "the Fisher values of parent %zu have shape %s, expected %s", p + 1,
                          clade_tensor_shape_text(found, shape, sizeof shape), wanted);
    if (!clade_dtype_of(found->dtype)->mergeable)
        return clade_fail(CLADE_EINCOMPATIBLE, "the Fisher values of parent %zu are %s, expected F32, F16, BF16 or F64",
                          p + 1, clade_dtype_of(found->dtype)->name);
    return CLADE_OK;
}

/* Elements FIRST .. FIRST + N - 1 of the tile, N at most CLADE_MERGE_BLOCK: F64 as it is, for squares of small gradients
 * may be too small for F32. */
static clade_status read_fisher(const clade_merge_tile *tile, size_t p, size_t first, size_t n, double *F)
{
    const clade_tensor *from = tile->statistics[p];
    size_t bytes = clade_dtype_of(from->dtype)->bits / 8;
    uint64_t suspect = 0;
    const unsigned char *data = (const unsigned char *)from->data + (tile->offset + first) * bytes;
    float narrow[CLADE_MERGE_BLOCK];
    if (from->dtype == CLADE_F64) {
        memcpy(F, data, n * sizeof *F);
    } else {
        clade_widen(from->dtype, data, n, narrow);
        for (size_t i = 0; i < n; i++)
            F[i] = (double)narrow[i];
    }
    for (size_t i = 0; i < n; i++) { /* the sign, and what an exponent of all ones carries into it */
        uint64_t bits;
        memcpy(&bits, &F[i], sizeof bits);
        suspect |= bits | (bits + (UINT64_C(1) << 52));
    }
    if (suspect >> 63 == 0)
        return CLADE_OK;
    size_t at = 0;
    while (at < n && F[at] >= 0 && F[at] < INFINITY)
        at++;
    if (at == n) /* a -0 */
        return CLADE_OK;
    return clade_fail(CLADE_EINPUT, "element %llu of the Fisher values of parent %zu is %g, expected a number from 0",
                      (unsigned long long)(tile->offset + first + at), p + 1, F[at]);
}

/* ---- survey: |F_i|^2 over the tensors of the rule, to normalize by; else nothing ---- */

static size_t state_bytes(const clade_merge_tile *tensor)
{
    return tensor->site[NORMALIZE] != 0 ? clade_parent_sums_bytes(tensor) : 0;
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return state_bytes(tensor);
}

CLADE_CLONES
static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    for (size_t p = 0; p < tile->n_parents && tile->site[NORMALIZE] != 0; p++) {
        double F[CLADE_MERGE_BLOCK], lane[CLADE_MERGE_BLOCK] = {0}, sum = 0;
        CLADE_TRY(check(tile, p));
        for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
            size_t m = tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
            CLADE_TRY(read_fisher(tile, p, first, m, F));
            for (size_t i = 0; i < m; i++)
                lane[i] += F[i] * F[i];
        }
        for (size_t i = 0; i < CLADE_MERGE_BLOCK; i++)
            sum += lane[i];
        clade_parent_sums_add(partial, tile->parent_keys[p], sum);
    }
    return CLADE_OK;
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    return tensor->site[NORMALIZE] != 0 ? clade_parent_sums_merge(tensor, pass, state, partial) : CLADE_OK;
}

/* ---- combine ---- */

static clade_status weights_of(const clade_merge_tile *tile, double *w)
{
    for (size_t p = 0; p < tile->n_parents; p++) {
        w[p] = tile->parent[p * N_PARAMETERS + WEIGHT];
        if (tile->site[NORMALIZE] == 0)
            continue;
        double norm = sqrt(clade_parent_sums_of(tile->state, tile->parent_keys[p]));
        if (!(norm > 0))
            return clade_fail(CLADE_EINPUT,
                              "the Fisher values of parent %zu are 0 in all tensors, expected some to normalize by",
                              p + 1);
        w[p] /= norm;
    }
    return CLADE_OK;
}

static void apply_floor(const clade_merge_tile *tile, size_t p, size_t n, double *F)
{
    double floor = tile->site[FLOOR];
    int rule = (int)tile->site[FLOOR_RULE];
    for (size_t i = 0; i < n && rule == ADD; i++)
        F[i] += floor;
    for (size_t i = 0; i < n && (rule == ALL || (rule == FIRST && p == 0)); i++)
        F[i] = F[i] < floor ? floor : F[i];
}

CLADE_CLONES
static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double w[CLADE_MAX_PARENTS], share[CLADE_MAX_PARENTS];
    CLADE_TRY(weights_of(tile, w));
    CLADE_TRY(clade_merge_shares(tile, WEIGHT, share));
    for (size_t p = 0; p < tile->n_parents; p++)
        CLADE_TRY(check(tile, p));
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
        double F[CLADE_MERGE_BLOCK], above[CLADE_MERGE_BLOCK], below[CLADE_MERGE_BLOCK], mean[CLADE_MERGE_BLOCK];
        for (size_t i = 0; i < m; i++) {
            above[i] = mean[i] = -0.0; /* -0 + x has the bits of x */
            below[i] = 0;
        }
        for (size_t p = 0; p < tile->n_parents; p++) {
            const float *x = tile->parents[p] + first;
            CLADE_TRY(read_fisher(tile, p, first, m, F));
            apply_floor(tile, p, m, F);
            for (size_t i = 0; i < m; i++) {
                double information = w[p] * F[i];
                above[i] += information * (double)x[i];
                below[i] += information;
                mean[i] += share[p] * (double)x[i];
            }
        }
        for (size_t i = 0; i < m; i++) { /* a factor of 0 or 1, for a branch would keep this from being vector code */
            double none = below[i] == 0;
            out[first + i] = (float)((above[i] + none * mean[i]) / (below[i] + none));
        }
    }
    return CLADE_OK;
}

const clade_method clade_method_fisher = {
    .name = "fisher",
    .title = "Fisher-weighted averaging",
    .source = "Matena and Raffel 2021, arXiv 2111.09832",
    .mergekit = "not in mergekit; the paper's code with floor_rule first (its default) or all; add is later code's",
    .formula = "sum_i lambda_i F_i theta_i / sum_i lambda_i F_i",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_IGNORED,
    .statistics = "fisher",
    .laws = CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_RULE,
    .survey_parameters = 1u << NORMALIZE,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .takes_nonfinite = true,
    .combine = combine,
};
