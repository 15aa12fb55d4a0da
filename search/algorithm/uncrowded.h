/* The uncrowded hypervolume improvement of a point (Toure, Hansen, Auger & Brockhoff 2019, "Uncrowded hypervolume
 * improvement: COMO-CMA-ES and the Sofomore framework", GECCO, arXiv 1904.08823): what it adds to the hypervolume of a
 * set, or, where that is nothing, minus its distance to the space that the set leaves free. So points that are dominated
 * are drawn to the gaps between the set's points, not behind them.
 *
 * The free space is that below the local upper bounds of the set (Klamroth, Lacour & Vanderpooten 2015, "On the
 * representation of the search region in multi-objective optimization", EJOR 245): n + 1 corners for n points in two
 * objectives, O(n^floor(m/2)) for m. */
#ifndef CLADE_ALGORITHM_UNCROWDED_H
#define CLADE_ALGORITHM_UNCROWDED_H

#include "search/algorithm.h"

typedef struct clade_uncrowded {
    size_t n, m;
    double reference[CLADE_MAX_OBJECTIVES];
    double *points;  /* (n, m), owned, as all below */
    double *limited; /* (n, m) scratch */
    size_t count, capacity;
    double *corners; /* (count, m): the local upper bounds */
} clade_uncrowded;

/* UNCROWDED zeroed by the caller. POINTS (n, m) are copied, n may be 0; REFERENCE (m). Points not strictly better than
 * the reference in every objective bound nothing. CLADE_EIO without memory. */
clade_status clade_uncrowded_init(clade_uncrowded *uncrowded, const double *points, size_t n, size_t m,
                                  const double *reference) CLADE_CHECK_RESULT;
void clade_uncrowded_fini(clade_uncrowded *uncrowded);
/* IMPROVEMENT of POINT (m), larger is better: > 0 the volume added, <= 0 minus the distance. CLADE_EIO without memory. */
clade_status clade_uncrowded_improvement(const clade_uncrowded *uncrowded, const double *point,
                                         double *improvement) CLADE_CHECK_RESULT;

#endif
