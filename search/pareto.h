/* Dominance, ranks, crowding, hypervolume. All objectives are minimised; points are (n, m) f64, row-major.
 * Known answers: ../shared/golden/multiobjective. Every order is total (value, then index). NaN must not occur. */
#ifndef CLADE_PARETO_H
#define CLADE_PARETO_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

/* a is nowhere worse and somewhere better than b. */
bool clade_dominates(const double *a, const double *b, size_t m);
/* a is nowhere worse than b (it may be equal). */
bool clade_weakly_dominates(const double *a, const double *b, size_t m);
/* LEAST and MOST (m) of each objective. n >= 1. */
void clade_objective_bounds(const double *points, size_t n, size_t m, double *least, double *most);
/* IDEAL (m), the least of each objective, and RANGE (m), how far the greatest (the nadir, of a front) is above it, 1
 * where that is 0: (x - ideal) / range scales the points to [0, 1]. n >= 1. */
void clade_objective_range(const double *points, size_t n, size_t m, double *ideal, double *range);
/* Front number of each point from 0: a point of front r is dominated by one of front r - 1 and by none of its own (Deb
 * 2002). RANK (n). O(n log n) in one or two objectives; in more O(m n^2) at worst, when nearly all are in one front.
 * CLADE_EIO without memory. */
clade_status clade_pareto_ranks(const double *points, size_t n, size_t m, size_t *rank) CLADE_CHECK_RESULT;
/* Crowding distance inside each front: ends of every objective infinite, inner terms of a zero-range objective 0. */
clade_status clade_crowding(const double *points, size_t n, size_t m, const size_t *rank,
                            double *crowding) CLADE_CHECK_RESULT;
/* Volume dominated by the points and bounded by REFERENCE (m); points not strictly better than it in every objective
 * count nothing. m = 2 by sweep, O(n log n), or O(n) when the points come in falling order of the first objective and
 * rising order of the second; m = 3 by sweep over a 2-D front, O(n^2) at worst; more by WFG, exponential in m. */
clade_status clade_hypervolume(const double *points, size_t n, size_t m, const double *reference,
                               double *volume) CLADE_CHECK_RESULT;
/* What each point alone contributes within the non-dominated subset (copies get 0, dominated points 0). OUT (n).
 * Computed as own box minus the hypervolume of the others limited to it, which avoids cancellation. m = 2: O(n log n),
 * or O(n) for a front without copies that comes in rising order of the first objective; m = 3: O(n^3) at worst. */
clade_status clade_exclusive_hypervolume(const double *points, size_t n, size_t m, const double *reference,
                                         double *out) CLADE_CHECK_RESULT;

/* How many of the POINTS (count, 2), sorted by the first objective, the greatest first, are greater than X in it. O(log
 * count). */
size_t clade_pareto_greater(const double *points, size_t count, double x);

#endif
