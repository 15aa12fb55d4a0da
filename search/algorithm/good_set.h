/* Which of the individuals seen are the good ones, and what each is worth: the split of multi-objective TPE (Ozaki,
 * Tanigaki, Watanabe, Nomura & Onishi 2022, "Multiobjective tree-structured Parzen estimator", JAIR 73). */
#ifndef CLADE_ALGORITHM_GOOD_SET_H
#define CLADE_ALGORITHM_GOOD_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

/* Take the WANTED best of N points, front after front; of the front that does not fit as a whole, a subset of large
 * hypervolume (greedy: again and again the point that adds most; the reference is a tenth beyond the worst of that
 * front).
 *
 *   points   (n, m) minimised, finite
 *   index    (n) filled: the first WANTED (or N, if less) entries are the good ones, rising; the others unspecified
 *   worth    (n) filled at the good ones' indices: their exclusive hypervolume within the good set over the largest of
 *            these, at least 1e-12 (dominated ones, copies); 1 for a single objective or a single point
 *
 * Ties go to the lower index. O(n log n) time in two objectives, in more O(n^2 m) at worst; and some hypervolumes
 * of WANTED points for each point that is taken of a front that does not fit. CLADE_EIO without memory. */
clade_status clade_good_set(const double *points, size_t n, size_t m, size_t wanted, size_t *index,
                            double *worth) CLADE_CHECK_RESULT;

#endif
