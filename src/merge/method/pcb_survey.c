/* The passes of PCB-Merging over all tensors of a rule, in steps:
 *
 *   code    SIZES (3 passes)  the order statistics of |tau_i| between which it is clipped
 *   paper   RANGES            the ranges of tau_i tau_j
 *           SUMS              the sums of their exponentials
 *   both    SCORES (3 passes) the score at the cut, and the largest
 *
 * Order statistics are of numbers rounded to float. */
#include <math.h>
#include <string.h>

#include "merge/method/pcb.h"
#include "tensor/clones.h"

typedef enum step { SIZES, RANGES, SUMS, SCORES } step;

typedef struct partial {
    uint64_t d; /* parameters so far */
    double sums[CLADE_MAX_PARENTS];
    clade_pcb_pair pairs[CLADE_MAX_PARENTS * (CLADE_MAX_PARENTS + 1) / 2];
    uint32_t counts[][2][CLADE_ORDER_BUCKETS];
} partial;

/* DIGIT: which pass of a search it is. */
static step step_of(const clade_merge_tile *tensor, unsigned pass, unsigned *digit)
{
    bool code = tensor->site[CLADE_PCB_VARIANT] == CLADE_PCB_CODE;
    unsigned before = code ? CLADE_ORDER_PASSES : 2;
    *digit = pass < before ? pass : pass - before;
    return pass >= before ? SCORES : code ? SIZES : pass == 0 ? RANGES : SUMS;
}

size_t clade_pcb_state_bytes(const clade_merge_tile *tensor)
{
    return sizeof(clade_pcb_state) + tensor->n_parents * sizeof(((clade_pcb_state *)0)->counts[0]);
}

size_t clade_pcb_partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return sizeof(partial) + tensor->n_parents * sizeof(((partial *)0)->counts[0]);
}

/* ---- over a tile ---- */

static void count(const clade_merge_tile *tile, unsigned digit, size_t p, size_t m, const double *x, partial *out)
{
    const clade_pcb_state *state = tile->state;
    float rounded[CLADE_MERGE_BLOCK];
    for (size_t i = 0; i < m; i++)
        rounded[i] = (float)x[i];
    for (size_t which = 0; which < 2; which++)
        clade_order_count(&state->parents[p].search[which], digit, m, rounded, out->counts[p][which]);
}

static void include(double low, double high, bool first, clade_pcb_pair *pair)
{
    pair->low = first || low < pair->low ? low : pair->low;
    pair->high = first || high > pair->high ? high : pair->high;
}

static void add_ranges(size_t n_parents, size_t m, double (*tau)[CLADE_MERGE_BLOCK], partial *out)
{
    for (size_t i = 0; i < n_parents; i++)
        for (size_t j = 0; j <= i; j++) {
            double low = tau[i][0] * tau[j][0], high = low;
            for (size_t k = 1; k < m; k++) {
                double product = tau[i][k] * tau[j][k];
                low = product < low ? product : low;
                high = product > high ? product : high;
            }
            include(low, high, out->d == 0, &out->pairs[clade_pcb_pair_index(i, j)]);
        }
}

static void add_sums(const clade_merge_tile *tile, size_t m, double (*tau)[CLADE_MERGE_BLOCK], partial *out)
{
    const clade_pcb_pair *pairs = ((const clade_pcb_state *)tile->state)->pairs;
    double e[CLADE_MERGE_BLOCK], T = (double)tile->n_parents;
    for (size_t i = 0; i < tile->n_parents; i++) {
        for (size_t j = 0; j <= i; j++) {
            size_t pair = clade_pcb_pair_index(i, j);
            clade_pcb_competing(&pairs[pair], 1, m, tau[i], tau[j], e);
            out->pairs[pair].sum += clade_merge_sum(m, e);
        }
        clade_pcb_competing(&pairs[clade_pcb_pair_index(i, i)], T, m, tau[i], tau[i], e);
        out->sums[i] += clade_merge_sum(m, e);
    }
}

CLADE_CLONES
clade_status clade_pcb_survey(const clade_merge_tile *tile, unsigned pass, void *result)
{
    double scores[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], tau[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK];
    partial *out = result;
    unsigned digit;
    step now = step_of(tile, pass, &digit);
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        for (size_t p = 0; p < tile->n_parents && now != SCORES; p++)
            clade_merge_delta(tile, p, first, m, 1, tau[p]);
        for (size_t p = 0; p < tile->n_parents && now == SIZES; p++) {
            for (size_t i = 0; i < m; i++)
                tau[p][i] = fabs(tau[p][i]);
            count(tile, digit, p, m, tau[p], out);
        }
        if (now == RANGES)
            add_ranges(tile->n_parents, m, tau, out);
        if (now == SUMS)
            add_sums(tile, m, tau, out);
        if (now == SCORES)
            clade_pcb_scores(tile, first, m, scores, tau);
        for (size_t p = 0; p < tile->n_parents && now == SCORES; p++)
            count(tile, digit, p, m, scores[p], out);
        out->d += m;
    }
    return CLADE_OK;
}

/* ---- over the pieces ---- */

clade_status clade_pcb_merge(const clade_merge_tile *tensor, unsigned pass, void *of, const void *result)
{
    clade_pcb_state *state = of;
    const partial *piece = result;
    size_t n_pairs = clade_pcb_pair_index(tensor->n_parents, 0);
    unsigned digit;
    step now = step_of(tensor, pass, &digit);
    for (size_t p = 0; p < tensor->n_parents; p++) {
        state->parents[p].sum += piece->sums[p]; /* 0 but in its step */
        for (size_t which = 0; which < 2 && now != RANGES && now != SUMS; which++)
            clade_order_add(state->counts[p][which], piece->counts[p][which]);
    }
    for (size_t k = 0; k < n_pairs; k++) {
        state->pairs[k].sum += piece->pairs[k].sum;
        if (now == RANGES)
            include(piece->pairs[k].low, piece->pairs[k].high, state->d == 0, &state->pairs[k]);
    }
    state->d += pass == 0 ? piece->d : 0;
    return CLADE_OK;
}

/* ---- after a pass ---- */

/* A rank in d numbers: trunc(x), at most the last. */
static uint64_t rank_of(double x, uint64_t d)
{
    uint64_t rank = x > 0 ? (uint64_t)x : 0;
    return rank < d || d == 0 ? rank : d - 1;
}

static void begin_search(const clade_merge_tile *tensor, step now, clade_pcb_state *state)
{
    double d = (double)state->d, ratio = tensor->site[CLADE_PCB_RATIO], ranks[2];
    ranks[0] = 1e-4 * d;
    ranks[1] = (1 - 1e-4) * d - 1;
    if (now == SCORES) {
        bool code = tensor->site[CLADE_PCB_VARIANT] == CLADE_PCB_CODE;
        ranks[0] = code ? d * (1 - ratio) : d - floor(ratio * d);
        ranks[1] = d - 1;
    }
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t which = 0; which < 2; which++)
            state->parents[p].search[which] = (clade_order_search){.rank = rank_of(ranks[which], state->d)};
}

static void end_search(const clade_merge_tile *tensor, step now, clade_pcb_state *state)
{
    bool none = tensor->site[CLADE_PCB_VARIANT] == CLADE_PCB_PAPER &&
                floor(tensor->site[CLADE_PCB_RATIO] * (double)state->d) < 1;
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t which = 0; which < 2; which++) {
            clade_pcb_parent *parent = &state->parents[p];
            float found = clade_order_value(parent->search[which].key);
            if (now == SIZES)
                parent->clip[which] = found;
            else
                parent->range[which] = none ? INFINITY : found;
        }
}

clade_status clade_pcb_end(const clade_merge_tile *tensor, unsigned pass, void *of, bool *again)
{
    clade_pcb_state *state = of;
    unsigned digit;
    step now = step_of(tensor, pass, &digit);
    *again = now != SCORES || digit + 1 < CLADE_ORDER_PASSES;
    if (now == RANGES || now == SUMS)
        return CLADE_OK;
    if (digit == 0)
        begin_search(tensor, now, state);
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t which = 0; which < 2; which++)
            clade_order_narrow(&state->parents[p].search[which], digit, state->counts[p][which]);
    memset(state->counts, 0, tensor->n_parents * sizeof state->counts[0]);
    if (digit + 1 == CLADE_ORDER_PASSES)
        end_search(tensor, now, state);
    return CLADE_OK;
}
