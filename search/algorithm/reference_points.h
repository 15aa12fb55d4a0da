/* Evenly spread directions over the objectives (Das & Dennis 1998, "Normal-boundary intersection"): the reference points
 * of NSGA-III and the weight vectors of MOEA/D. */
#ifndef CLADE_ALGORITHM_REFERENCE_POINTS_H
#define CLADE_ALGORITHM_REFERENCE_POINTS_H

#include <stddef.h>

#include "clade/status.h"

/* Points whose M coordinates are multiples of 1 / DIVISIONS, not negative, with sum 1: C(m + p - 1, p) of them;
 * SIZE_MAX when that is more. */
size_t clade_simplex_count(size_t m, size_t divisions);
/* The finest such set of at most MOST points; at least one division, so never fewer than M points. 1 <= M <=
 * CLADE_MAX_OBJECTIVES. *POINTS (*count, m), row-major, in ascending order of coordinates, owned by the caller
 * (clade_free). Fewer divisions than objectives give no point inside the simplex; then the finest set that still fits is
 * added, shrunk to half its size around the middle (Deb & Jain 2014, section IV.A). CLADE_EIO without memory. */
clade_status clade_reference_points(size_t m, size_t most, double **points, size_t *count) CLADE_CHECK_RESULT;

#endif
