/* EMR-Merging: elect, mask and rescale (Huang et al. 2024, arXiv 2405.17461).
 *
 *   sigma = sign(sum_i tau_i), a sum of 0 counting as -
 *   u     = sigma max of |tau_i| over the i whose tau_i has the sign sigma (0 where none has)
 *   m_t   = 1 where tau_t has the sign sigma, else 0
 *   gamma_t = sum |tau_t| / sum |m_t u|, the sums over all tensors of the rule
 *   theta = theta_0 + lambda gamma_t m_t u
 *
 * One model for one task t: the paper keeps u and, per task, a mask and a number, and makes the model when the task is
 * known. The paper sums over the whole model, which one rule for all tensors gives; its code averages means per tensor,
 * so that small tensors count more. The paper has no lambda; 1 is its rule. */
#include <math.h>

#include "merge/method/delta.h"
#include "tensor/clones.h"

enum { LAMBDA, TASK, N_PARAMETERS };
enum { SIZE, MASKED_SIZE, N_SUMS }; /* sum |tau_p| and sum |m_p u|: N_SUMS doubles per parent */

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0.5, 1.5, 1,
                "factor of the merged task vector", NULL},
    [TASK] = {"task", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, CLADE_MAX_PARENTS - 1, 0, 0, 0,
              "index, from 0, of the parent whose model is made, among those that take part", NULL},
};

static inline void add_parents(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                               double *restrict sum, double *restrict high, double *restrict low)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    for (size_t i = 0; i < m; i++) {
        double total = p == 0 ? 0 : sum[i], most = p == 0 ? 0 : high[i], least = p == 0 ? 0 : low[i];
        for (size_t r = 0; r < k; r++) {
            double tau = (double)x[r][first + i] - (double)b[i];
            total += tau;
            most = tau > most ? tau : most;
            least = tau < least ? tau : least;
        }
        sum[i] = total;
        high[i] = most;
        low[i] = least;
    }
}

/* u for M elements from FIRST. Where m_p is 1, tau_p u > 0, and nowhere else. */
static inline void unify(const clade_merge_tile *tile, size_t first, size_t m, double *u)
{
    double high[CLADE_MERGE_BLOCK], low[CLADE_MERGE_BLOCK];
    for (size_t p = 0, k; p < tile->n_parents; p += k) {
        k = clade_merge_at_once(tile->n_parents - p);
        if (k == 1)
            add_parents(1, tile, p, first, m, u, high, low);
        else if (k == 2)
            add_parents(2, tile, p, first, m, u, high, low);
        else
            add_parents(3, tile, p, first, m, u, high, low);
    }
    for (size_t i = 0; i < m; i++)
        u[i] = u[i] > 0 ? high[i] : low[i];
}

static void mask(size_t m, const double *tau, const double *u, double *masked)
{
    for (size_t i = 0; i < m; i++)
        masked[i] = tau[i] * u[i] > 0 ? u[i] : 0;
}

static size_t state_bytes(const clade_merge_tile *tensor)
{
    return tensor->n_parents * N_SUMS * sizeof(double);
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return state_bytes(tensor);
}

/* The sums of every parent, so that another task needs no other survey. */
CLADE_CLONES
static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    double tau[CLADE_MERGE_BLOCK], u[CLADE_MERGE_BLOCK], masked[CLADE_MERGE_BLOCK];
    double(*sums)[N_SUMS] = partial;
    (void)pass;
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        unify(tile, first, m, u);
        for (size_t p = 0; p < tile->n_parents; p++) {
            clade_merge_delta(tile, p, first, m, 1, tau);
            mask(m, tau, u, masked);
            for (size_t i = 0; i < m; i++) {
                tau[i] = fabs(tau[i]);
                masked[i] = fabs(masked[i]);
            }
            sums[p][SIZE] += clade_merge_sum(m, tau);
            sums[p][MASKED_SIZE] += clade_merge_sum(m, masked);
        }
    }
    return CLADE_OK;
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    double *sums = state;
    const double *piece = partial;
    (void)pass;
    for (size_t k = 0; k < tensor->n_parents * N_SUMS; k++)
        sums[k] += piece[k];
    return CLADE_OK;
}

CLADE_CLONES
static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double tau[CLADE_MERGE_BLOCK], u[CLADE_MERGE_BLOCK], D[CLADE_MERGE_BLOCK];
    size_t t = 0;
    CLADE_TRY(clade_merge_task(tile, TASK, &t));
    const double *sums = (const double *)tile->state + t * N_SUMS;
    /* A mask of zeros alone leaves nothing to rescale. */
    double gamma = sums[MASKED_SIZE] > 0 ? sums[SIZE] / sums[MASKED_SIZE] : 0;
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        unify(tile, first, m, u);
        clade_merge_delta(tile, t, first, m, 1, tau);
        mask(m, tau, u, D);
        for (size_t i = 0; i < m; i++)
            D[i] *= gamma;
        clade_merge_onto_base(tile, first, m, tile->site[LAMBDA], D, out);
    }
    return CLADE_OK;
}

const clade_method clade_method_emr = {
    .name = "emr",
    .title = "EMR-Merging (the unified task vector, masked and rescaled for one task)",
    .source = "Huang et al. 2024, arXiv 2405.17461",
    .mergekit = "not in mergekit; the paper's with one rule and lambda 1; the authors' code averages the means of "
                "tensors instead of summing over the model",
    .formula = "theta_0 + lambda gamma_t m_t u, u = sign(sum_i tau_i) max of the agreeing |tau_i|",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA | CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_RULE,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .takes_nonfinite = true,
    .combine = combine,
};
