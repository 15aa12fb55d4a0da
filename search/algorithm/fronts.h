/* The non-dominated fronts of a population that changes by one individual at a time (Li, Deb, Zhang & Zhang 2017,
 * "Efficient nondomination level update method for steady-state evolutionary multiobjective optimization", IEEE Trans.
 * Cybernetics 47(9)): what comes in pushes those that it dominates in its front into the next one, they push others
 * there, and so on; what leaves from the last front changes nothing. In two objectives a front is sorted, and what is
 * pushed is a stretch of it. */
#ifndef CLADE_ALGORITHM_FRONTS_H
#define CLADE_ALGORITHM_FRONTS_H

#include <stddef.h>

#include "clade/status.h"

typedef struct clade_one_front {
    size_t *members; /* (count), owned; for two objectives by the first, rising, copies beside each other */
    size_t count, room;
} clade_one_front;

typedef struct clade_fronts {
    size_t m, capacity;
    size_t count;            /* fronts that are not empty */
    clade_one_front *fronts; /* (capacity), owned, as all below */
    double *points;          /* (capacity, m): by individual */
    size_t *pushed, *next;   /* (capacity) scratch */
} clade_fronts;

/* FRONTS zeroed by the caller: for at most CAPACITY individuals of M objectives. CLADE_EIO without memory. */
clade_status clade_fronts_init(clade_fronts *fronts, size_t capacity, size_t m) CLADE_CHECK_RESULT;
void clade_fronts_fini(clade_fronts *fronts);
/* Individual WHO (below the capacity, not in) comes in at POINT (m), minimised. Two objectives: O(log^2 n) and moving
 * what is pushed; others: O(n m), and what is pushed times the front it is pushed into. CLADE_EIO without memory; the
 * fronts are then good for nothing but clade_fronts_fini. */
clade_status clade_fronts_insert(clade_fronts *fronts, size_t who, const double *point) CLADE_CHECK_RESULT;
/* The last front, NULL when there is none; borrowed until the next change. */
const clade_one_front *clade_fronts_last(const clade_fronts *fronts);
/* Take out the member at PLACE of the last front. */
void clade_fronts_drop(clade_fronts *fronts, size_t place);

#endif
