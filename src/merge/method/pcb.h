/* What the passes of PCB-Merging over a rule leave for its scores (pcb.c has the formulas). */
#ifndef CLADE_MERGE_PCB_H
#define CLADE_MERGE_PCB_H

#include "merge/method/delta.h"
#include "merge/method/order_statistic.h"

enum { CLADE_PCB_RATIO, CLADE_PCB_VARIANT, CLADE_PCB_LAMBDA, CLADE_PCB_WEIGHT, CLADE_PCB_PARAMETERS };
enum { CLADE_PCB_CODE, CLADE_PCB_PAPER }; /* values of the parameter variant */

/* Of the products tau_i tau_j over the rule: their range, and the sum of exp(mm(tau_i tau_j)). */
typedef struct clade_pcb_pair {
    double low, high, sum;
} clade_pcb_pair;

typedef struct clade_pcb_parent {
    float clip[2];  /* |tau| is clipped to these (code) */
    float range[2]; /* of the scores: at the cut, and the largest; +infinity twice when none is above it */
    double sum;     /* of exp(T mm(tau^2)) (paper) */
    clade_order_search search[2]; /* for the clip, then for the range */
} clade_pcb_parent;

typedef struct clade_pcb_state {
    uint64_t d; /* parameters of the rule */
    clade_pcb_parent parents[CLADE_MAX_PARENTS];
    clade_pcb_pair pairs[CLADE_MAX_PARENTS * (CLADE_MAX_PARENTS + 1) / 2];
    uint64_t counts[][2][CLADE_ORDER_BUCKETS]; /* (n_parents): histograms for the searches */
} clade_pcb_state;

/* Index in pairs, for i >= j. */
static inline size_t clade_pcb_pair_index(size_t i, size_t j)
{
    return i * (i + 1) / 2 + j;
}

/* mm(x) = scale (x - low). */
static inline double clade_pcb_scale(double low, double high)
{
    return high > low ? 1 / (high - low) : 0;
}

/* E = exp(factor mm(tau_i tau_j)) for M elements. */
void clade_pcb_competing(const clade_pcb_pair *pair, double factor, size_t m, const double *tau_i, const double *tau_j,
                         double *e);
/* The scores of M elements from FIRST, of every parent, and what they stand for: sign(tau_i) a_i, or tau_i. */
void clade_pcb_scores(const clade_merge_tile *tile, size_t first, size_t m, double (*scores)[CLADE_MERGE_BLOCK],
                      double (*values)[CLADE_MERGE_BLOCK]);

/* The survey. */
size_t clade_pcb_state_bytes(const clade_merge_tile *tensor);
size_t clade_pcb_partial_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_pcb_survey(const clade_merge_tile *tile, unsigned pass, void *partial) CLADE_CHECK_RESULT;
clade_status clade_pcb_merge(const clade_merge_tile *tensor, unsigned pass, void *state,
                             const void *partial) CLADE_CHECK_RESULT;
clade_status clade_pcb_end(const clade_merge_tile *tensor, unsigned pass, void *state, bool *again) CLADE_CHECK_RESULT;

#endif
