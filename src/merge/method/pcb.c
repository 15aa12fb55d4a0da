/* PCB-Merging: parameter competition balancing (Du et al. 2024, arXiv 2410.02396).
 *
 *   s_i     the score of tau_i at a parameter: how large it is among all parameters, and how well it agrees with the
 *           other task vectors
 *   beta_i  s_i where it is among the largest share RATIO of all parameters, else 0
 *   theta = theta_0 + lambda sum_i w_i beta_i v_i / sum_i beta_i   (theta_0 where that is 0)
 *
 * "All parameters" are those of all tensors of a rule. mm is min-max scaling of all parameters to [0, 1], and 0 where
 * all are equal (where the public code divides 0 by 0); T the number of parents; d the number of parameters.
 *
 *   variant code   what the published numbers were made with:
 *                  a_i = |tau_i| clipped to its values of ranks trunc(d / 10^4) and trunc(d (1 - 1 / 10^4) - 1)
 *                  s_i = exp(T mm(a_i)^2) tanh(tau_i sum_j tau_j),  v_i = sign(tau_i) a_i
 *                  beta_i = mm(max(s_i, the s_i of rank trunc(d (1 - ratio)))), the divisor at least 1e-12
 *   variant paper  the text: s_i = softmax(T mm(tau_i^2)) sum_j softmax(mm(tau_i tau_j)), v_i = tau_i; softmax over all
 *                  parameters, here times d so that scores stay in the range of floats. That its normalisation is mm
 *                  is a reading of the paper. beta_i = s_i for the trunc(ratio d) largest and those equal to them.
 *
 * The w_i are the coefficients that the paper searches with an evolution strategy (0.8 to 1.3). */
#include <float.h>
#include <math.h>

#include "merge/method/exponential.h"
#include "merge/method/pcb.h"
#include "tensor/clones.h"

static const double least_divisor = 1e-12; /* of the variant code; that of the paper has sums of any size */

static const char *const variants[] = {"code", "paper", NULL};

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [CLADE_PCB_RATIO] = {"ratio", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 0, 1, 0.02, 0.3, 0.1,
                         "share of the parameters, those of the largest scores, that a parent changes", NULL},
    [CLADE_PCB_VARIANT] = {"variant", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, CLADE_PCB_CODE,
                           "which scores: those of the public code, or those of the paper", variants},
    [CLADE_PCB_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0.5, 1.8, 1,
                          "factor of the merged task vector; 1.2 in the paper", NULL},
    [CLADE_PCB_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0.5, 1.5, 1,
                          "factor of the parent's task vector, after the competition", NULL},
};

void clade_pcb_competing(const clade_pcb_pair *pair, double factor, size_t m, const double *tau_i, const double *tau_j,
                         double *e)
{
    double scale = clade_pcb_scale(pair->low, pair->high);
    for (size_t k = 0; k < m; k++)
        e[k] = factor * (scale * (tau_i[k] * tau_j[k] - pair->low));
    clade_exp_each(m, e);
}

static void scores_of_paper(const clade_pcb_state *state, size_t n_parents, size_t m,
                            double (*scores)[CLADE_MERGE_BLOCK], double (*tau)[CLADE_MERGE_BLOCK])
{
    double e[CLADE_MERGE_BLOCK], inter[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], d = (double)state->d;
    for (size_t i = 0; i < n_parents; i++)
        for (size_t k = 0; k < m; k++)
            inter[i][k] = 0;
    for (size_t i = 0; i < n_parents; i++)
        for (size_t j = 0; j <= i; j++) {
            const clade_pcb_pair *pair = &state->pairs[clade_pcb_pair_index(i, j)];
            double factor = d / pair->sum, other = i == j ? 0 : factor;
            clade_pcb_competing(pair, 1, m, tau[i], tau[j], e);
            for (size_t k = 0; k < m; k++) {
                inter[i][k] += factor * e[k];
                inter[j][k] += other * e[k];
            }
        }
    for (size_t i = 0; i < n_parents; i++) {
        double factor = d / state->parents[i].sum;
        clade_pcb_competing(&state->pairs[clade_pcb_pair_index(i, i)], (double)n_parents, m, tau[i], tau[i], e);
        for (size_t k = 0; k < m; k++)
            scores[i][k] = factor * e[k] * inter[i][k];
    }
}

/* VALUES: the task vectors before, sign(tau_i) a_i after. */
static void scores_of_code(const clade_pcb_state *state, size_t n_parents, size_t m,
                           double (*scores)[CLADE_MERGE_BLOCK], double (*values)[CLADE_MERGE_BLOCK])
{
    double sum[CLADE_MERGE_BLOCK] = {0}, agreeing[CLADE_MERGE_BLOCK], T = (double)n_parents;
    for (size_t j = 0; j < n_parents; j++)
        for (size_t k = 0; k < m; k++)
            sum[k] += values[j][k];
    for (size_t i = 0; i < n_parents; i++) {
        double low = (double)state->parents[i].clip[0], high = (double)state->parents[i].clip[1];
        double scale = clade_pcb_scale(low, high);
        for (size_t k = 0; k < m; k++) {
            double tau = values[i][k], a = fabs(tau);
            a = a > low ? a : low;
            a = a < high ? a : high;
            scores[i][k] = T * (scale * (a - low)) * (scale * (a - low));
            agreeing[k] = tau * sum[k];
            values[i][k] = tau == 0 ? 0 : copysign(a, tau);
        }
        clade_exp_each(m, scores[i]);
        clade_tanh_each(m, agreeing);
        for (size_t k = 0; k < m; k++)
            scores[i][k] *= agreeing[k];
    }
}

CLADE_CLONES
void clade_pcb_scores(const clade_merge_tile *tile, size_t first, size_t m, double (*scores)[CLADE_MERGE_BLOCK],
                      double (*values)[CLADE_MERGE_BLOCK])
{
    for (size_t p = 0; p < tile->n_parents; p++)
        clade_merge_delta(tile, p, first, m, 1, values[p]);
    if (tile->site[CLADE_PCB_VARIANT] == CLADE_PCB_CODE)
        scores_of_code(tile->state, tile->n_parents, m, scores, values);
    else
        scores_of_paper(tile->state, tile->n_parents, m, scores, values);
}

/* beta from the scores, in place. Scores count as floats, as the cut does: the score at the cut must give 0 in the
 * variant code, for a beta that is alone has its full effect however small it is. */
static void compete(const clade_merge_tile *tile, const clade_pcb_parent *parent, size_t m, double *scores)
{
    float cut = parent->range[0], largest = parent->range[1];
    double low = (double)cut, scale = clade_pcb_scale(low, (double)largest);
    if (tile->site[CLADE_PCB_VARIANT] == CLADE_PCB_PAPER) {
        for (size_t k = 0; k < m; k++)
            scores[k] = (float)scores[k] >= cut ? scores[k] : 0;
        return;
    }
    for (size_t k = 0; k < m; k++) {
        float s = (float)scores[k];
        scores[k] = scale * ((double)(s > cut ? s : cut) - low);
    }
}

CLADE_CLONES
static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double beta[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], values[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK];
    const clade_pcb_state *state = tile->state;
    double least = tile->site[CLADE_PCB_VARIANT] == CLADE_PCB_CODE ? least_divisor : DBL_MIN;
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        double D[CLADE_MERGE_BLOCK] = {0}, sum[CLADE_MERGE_BLOCK] = {0};
        size_t m = clade_merge_block(tile, first);
        clade_pcb_scores(tile, first, m, beta, values);
        for (size_t p = 0; p < tile->n_parents; p++) {
            double w = tile->parent[p * CLADE_PCB_PARAMETERS + CLADE_PCB_WEIGHT];
            compete(tile, &state->parents[p], m, beta[p]);
            for (size_t k = 0; k < m; k++) {
                D[k] += w * beta[p][k] * values[p][k];
                sum[k] += beta[p][k];
            }
        }
        for (size_t k = 0; k < m; k++)
            D[k] /= sum[k] > least ? sum[k] : least;
        clade_merge_onto_base(tile, first, m, tile->site[CLADE_PCB_LAMBDA], D, out);
    }
    return CLADE_OK;
}

const clade_method clade_method_pcb = {
    .name = "pcb",
    .title = "PCB-Merging (parameter competition balancing)",
    .source = "Du et al. 2024, arXiv 2410.02396, its text and its public code",
    .mergekit = "not in mergekit; variant code is the authors' code with one rule, variant paper a reading of the "
                "text, which does not fix its normalisation; the weights are the coefficients that the paper searches",
    .formula = "theta_0 + lambda sum_i w_i beta_i tau_i / sum_i beta_i",
    .parameters = parameters,
    .n_parameters = CLADE_PCB_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA | CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_RULE,
    .survey_parameters = 1U << CLADE_PCB_RATIO | 1U << CLADE_PCB_VARIANT,
    .state_bytes = clade_pcb_state_bytes,
    .partial_bytes = clade_pcb_partial_bytes,
    .survey = clade_pcb_survey,
    .survey_merge = clade_pcb_merge,
    .survey_end = clade_pcb_end,
    .takes_nonfinite = true,
    .combine = combine,
};
