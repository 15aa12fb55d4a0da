/* Numbers in order, and what lies between them. */
#ifndef CLADE_ORDER_STATISTICS_H
#define CLADE_ORDER_STATISTICS_H

#include <stddef.h>

/* Ascending; VALUES (count) have no NAN. */
void clade_sort_numbers(double *values, size_t count);
/* Of SORTED (count >= 1): between the two that SHARE in [0, 1] falls between, linearly, as numpy's quantile does by
 * default. 0.5 is the median. */
double clade_quantile(const double *sorted, size_t count, double share);

#endif
