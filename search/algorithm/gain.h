/* How much hypervolume each child adds to all that was told before: the currency in which parts of a search are paid. */
#ifndef CLADE_ALGORITHM_GAIN_H
#define CLADE_ALGORITHM_GAIN_H

#include "search/algorithm.h"

typedef struct clade_gain {
    size_t n_objectives;
    size_t count, capacity;
    double *points;  /* (count, n_objectives): the non-dominated ones, owned; two objectives: by falling first one,
                        others: by rising last one */
    double *scratch; /* (capacity, n_objectives), owned; of two objectives the gains: reference less scaled points */
    double *sums;    /* (capacity), owned; of two objectives: the hypervolume of the points up to each */
    double ideal[2], range[2]; /* that the gains are scaled by */
} clade_gain;

/* GAIN zeroed but for n_objectives; release with clade_gain_fini. */
void clade_gain_fini(clade_gain *gain);
/* Take in POINT (n_objectives), minimised. *SHARE: what it adds to the hypervolume, as a share of the hypervolume after it,
 * with each objective scaled to [0, 1] by the ideal and nadir of the non-dominated points (POINT among them) and the
 * reference at 1.1; 0 when it is dominated or a copy, 1 for the first.
 *
 * Cost with n points: a dominated one O(log n) of two objectives, O(n) of more; another O(n) of two (a pass over those
 * after it, over all when the scale changes), two hypervolumes of n points of more (pareto.h). */
clade_status clade_gain_add(clade_gain *gain, const double *point, double *share) CLADE_CHECK_RESULT;

#endif
