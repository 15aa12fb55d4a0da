/* SCE: select, calculate, erase (Wan et al. 2024, FuseChat, arXiv 2408.07990), as in mergekit 0.1.5.
 *
 *   1 select     V = variance of the tau_i over i; with select_topk < 1 only the k = trunc(select_topk #{V > 0})
 *                elements of the tensor with the largest V stay, the others become 0 in every tau_i; of equal V the
 *                lower indices first
 *   2 calculate  a_i = mean(tau_i^2) / sum_j mean(tau_j^2) over the tensor; 1/n each where that sum is below 1e-6
 *   3 erase      gamma = sign(sum_i tau_i), 0 counting as +; only tau_i with sign gamma go on
 *   4 merge      theta = theta_0 + sum_i m_i a_i tau_i / max(sum_i m_i a_i, 1e-6)
 *
 * V is rounded to float, as in mergekit, so that the selection does not depend on more digits than its. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "merge/method/delta.h"
#include "merge/method/order_statistic.h"
#include "tensor/clones.h"

enum { SELECT_TOPK, N_PARAMETERS };

static const double least_squares = 1e-6, least_weight = 1e-6;

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [SELECT_TOPK] = {"select_topk", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                     "share of the elements, those of largest variance, that is merged", NULL},
};

/* The passes: three for the k-th largest V; where not all elements equal to it stay, one to find the piece of the last
 * that does and one to find it there; and one for the squares. */
typedef enum phase { SEARCH, COUNT_EQUAL, FIND_LAST, SQUARES } phase;

typedef struct state {
    phase phase;
    float threshold; /* element i stays when V > threshold, or V = threshold and i <= last */
    uint64_t last;
    uint64_t positive;    /* elements with V > 0 */
    uint64_t wanted;      /* elements with V = threshold that stay */
    uint64_t seen, piece; /* of these, before the piece that holds the last one; its first element */
    bool in_piece;        /* that piece is known */
    clade_order_search search;
    uint64_t counts[CLADE_ORDER_BUCKETS];
    double squares[CLADE_MAX_PARENTS]; /* sum of tau_i^2 over what stays */
} state;

typedef struct partial {
    uint32_t counts[CLADE_ORDER_BUCKETS];
    uint64_t positive, equal, n, last, first; /* n: elements so far; first: of the piece */
    double squares[CLADE_MAX_PARENTS];
} partial;

/* V of M elements from FIRST. Differences between parents are taken first: equal parents have variance 0 exactly. */
static void variance(const clade_merge_tile *tile, size_t first, size_t m, float *V)
{
    double mean[CLADE_MERGE_BLOCK] = {0}, sum[CLADE_MERGE_BLOCK] = {0}, n = (double)tile->n_parents;
    const float *x0 = tile->parents[0] + first;
    for (size_t p = 1; p < tile->n_parents; p++) {
        const float *x = tile->parents[p] + first;
        for (size_t i = 0; i < m; i++)
            mean[i] += ((double)x[i] - (double)x0[i]) / n;
    }
    for (size_t p = 0; p < tile->n_parents; p++) {
        const float *x = tile->parents[p] + first;
        for (size_t i = 0; i < m; i++) {
            double d = ((double)x[i] - (double)x0[i]) - mean[i];
            sum[i] += d * d;
        }
    }
    for (size_t i = 0; i < m; i++) {
        double v = sum[i] / n;
        V[i] = (float)(v < FLT_MAX ? v : FLT_MAX);
    }
}

/* KEEP: 1 for those of M elements from FIRST that are selected, 0 for the others. */
static inline void select_largest(const clade_merge_tile *tile, const state *self, size_t first, size_t m, double *keep)
{
    float V[CLADE_MERGE_BLOCK];
    uint64_t begin = tile->offset + first, end = self->last + 1;
    size_t split = end <= begin ? 0 : end - begin < m ? (size_t)(end - begin) : m;
    bool all = tile->site[SELECT_TOPK] >= 1;
    for (size_t i = 0; i < m && all; i++)
        keep[i] = 1;
    if (all)
        return;
    variance(tile, first, m, V);
    for (size_t i = 0; i < split; i++)
        keep[i] = V[i] >= self->threshold ? 1 : 0;
    for (size_t i = split; i < m; i++)
        keep[i] = V[i] > self->threshold ? 1 : 0;
}

/* ---- survey ---- */

static size_t state_bytes(const clade_merge_tile *tensor)
{
    (void)tensor;
    return sizeof(state);
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)tensor;
    (void)pass;
    return sizeof(partial);
}

static phase phase_of(const clade_merge_tile *tensor, const state *self)
{
    return tensor->site[SELECT_TOPK] >= 1 ? SQUARES : self->phase;
}

static void survey_variance(const clade_merge_tile *tile, const state *self, unsigned pass, size_t first, size_t m,
                            partial *out)
{
    float V[CLADE_MERGE_BLOCK];
    variance(tile, first, m, V);
    if (self->phase == SEARCH) {
        clade_order_count(&self->search, pass, m, V, out->counts);
        for (size_t i = 0; i < m; i++)
            out->positive += V[i] > 0;
        return;
    }
    uint64_t wanted = self->wanted - self->seen; /* while the last one is looked for in its piece */
    for (size_t i = 0; i < m; i++) {
        out->equal += V[i] == self->threshold;
        if (V[i] == self->threshold && out->equal == wanted)
            out->last = tile->offset + first + i;
    }
}

CLADE_CLONES
static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *result)
{
    double tau[CLADE_MERGE_BLOCK], keep[CLADE_MERGE_BLOCK];
    const state *self = tile->state;
    partial *out = result;
    phase now = phase_of(tile, self);
    if (out->n == 0)
        out->first = tile->offset;
    out->n += tile->n;
    if (now == FIND_LAST && out->first != self->piece)
        return CLADE_OK;
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        if (now != SQUARES) {
            survey_variance(tile, self, pass, first, m, out);
            continue;
        }
        select_largest(tile, self, first, m, keep);
        for (size_t p = 0; p < tile->n_parents; p++) {
            clade_merge_delta(tile, p, first, m, 1, tau);
            for (size_t i = 0; i < m; i++) {
                double kept = tau[i] * keep[i];
                tau[i] = kept * kept;
            }
            out->squares[p] += clade_merge_sum(m, tau);
        }
    }
    return CLADE_OK;
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *of, const void *result)
{
    state *self = of;
    const partial *piece = result;
    (void)pass;
    switch (phase_of(tensor, self)) {
    case SEARCH:
        clade_order_add(self->counts, piece->counts);
        self->positive += piece->positive;
        break;
    case COUNT_EQUAL:
        if (!self->in_piece && self->seen + piece->equal >= self->wanted) {
            self->in_piece = true;
            self->piece = piece->first;
        }
        self->seen += self->in_piece ? 0 : piece->equal;
        break;
    case FIND_LAST:
        self->last = piece->first == self->piece ? piece->last : self->last;
        break;
    case SQUARES:
        for (size_t p = 0; p < tensor->n_parents; p++)
            self->squares[p] += piece->squares[p];
        break;
    }
    return CLADE_OK;
}

/* After a pass of the search: the next digit, and after the last one the threshold. */
static void narrow(const clade_merge_tile *tensor, unsigned pass, state *self)
{
    if (pass == 0) {
        uint64_t k = (uint64_t)(tensor->site[SELECT_TOPK] * (double)self->positive);
        self->threshold = k == 0 ? INFINITY : 0;
        self->phase = k == 0 ? SQUARES : SEARCH;
        self->search.rank = tensor->tensor_count - k;
    }
    if (self->phase == SQUARES) /* nothing stays */
        return;
    clade_order_narrow(&self->search, pass, self->counts);
    memset(self->counts, 0, sizeof self->counts);
    if (pass + 1 < CLADE_ORDER_PASSES)
        return;
    self->threshold = clade_order_value(self->search.key);
    self->wanted = self->search.equal - self->search.rank;
    self->last = UINT64_MAX - 1;
    self->phase = self->wanted == self->search.equal ? SQUARES : COUNT_EQUAL;
}

static clade_status survey_end(const clade_merge_tile *tensor, unsigned pass, void *of, bool *again)
{
    state *self = of;
    phase done = phase_of(tensor, self);
    if (done == SEARCH)
        narrow(tensor, pass, self);
    else
        self->phase = done == COUNT_EQUAL ? FIND_LAST : SQUARES;
    *again = done != SQUARES && self->threshold < INFINITY;
    return CLADE_OK;
}

/* ---- combine ---- */

static void shares(const clade_merge_tile *tile, const state *self, double *a)
{
    double n = (double)tile->n_parents, sum = 0;
    for (size_t p = 0; p < tile->n_parents; p++) {
        a[p] = self->squares[p] / (double)tile->tensor_count;
        sum += a[p];
    }
    for (size_t p = 0; p < tile->n_parents; p++)
        a[p] = sum < least_squares ? 1 / n : a[p] / sum;
}

static inline void add_all(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                           const double *restrict keep, double *restrict sum)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    for (size_t i = 0; i < m; i++) {
        double total = p == 0 ? 0 : sum[i];
        for (size_t r = 0; r < k; r++)
            total += ((double)x[r][first + i] - (double)b[i]) * keep[i];
        sum[i] = total;
    }
}

/* D = sum_i m_i a_i tau_i, W = sum_i m_i a_i */
static inline void add_elected(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                               const double *restrict keep, const double *a, const double *restrict gamma,
                               double *restrict D, double *restrict W)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    double of[CLADE_MERGE_AT_ONCE];
    for (size_t r = 0; r < k; r++)
        of[r] = a[p + r];
    for (size_t i = 0; i < m; i++) {
        double sum = D[i], weights = W[i];
        for (size_t r = 0; r < k; r++) {
            double tau = ((double)x[r][first + i] - (double)b[i]) * keep[i], agrees = tau * gamma[i] > 0;
            double share = agrees * of[r];
            sum += share * tau;
            weights += share;
        }
        D[i] = sum;
        W[i] = weights;
    }
}

CLADE_CLONES
static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double keep[CLADE_MERGE_BLOCK], gamma[CLADE_MERGE_BLOCK], D[CLADE_MERGE_BLOCK], W[CLADE_MERGE_BLOCK];
    double a[CLADE_MAX_PARENTS];
    shares(tile, tile->state, a);
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        select_largest(tile, tile->state, first, m, keep);
        for (size_t p = 0, k; p < tile->n_parents; p += k) {
            k = clade_merge_at_once(tile->n_parents - p);
            if (k == 1)
                add_all(1, tile, p, first, m, keep, gamma);
            else if (k == 2)
                add_all(2, tile, p, first, m, keep, gamma);
            else
                add_all(3, tile, p, first, m, keep, gamma);
        }
        for (size_t i = 0; i < m; i++) {
            gamma[i] = gamma[i] >= 0 ? 1 : -1;
            D[i] = W[i] = -0.0; /* not 0, which compilers would set by a call */
        }
        for (size_t p = 0, k; p < tile->n_parents; p += k) {
            k = clade_merge_at_once(tile->n_parents - p);
            if (k == 1)
                add_elected(1, tile, p, first, m, keep, a, gamma, D, W);
            else if (k == 2)
                add_elected(2, tile, p, first, m, keep, a, gamma, D, W);
            else
                add_elected(3, tile, p, first, m, keep, a, gamma, D, W);
        }
        for (size_t i = 0; i < m; i++)
            D[i] /= W[i] > least_weight ? W[i] : least_weight;
        clade_merge_onto_base(tile, first, m, 1, D, out);
    }
    return CLADE_OK;
}

const clade_method clade_method_sce = {
    .name = "sce",
    .title = "SCE (select, calculate, erase)",
    .source = "Wan et al. 2024, FuseChat, arXiv 2408.07990; shares and limits as in mergekit 0.1.5",
    .mergekit = "equal, but of equal variances at the cut the lower indices stay, which mergekit leaves open; the "
                "limits of 1e-6 are mergekit's",
    .formula = "theta_0 + mean over agreeing i, with weights mean(tau_i^2), of the tau_i where they vary most",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = 1U << SELECT_TOPK,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .survey_end = survey_end,
    .takes_nonfinite = true,
    .combine = combine,
};
