/* How the children of a generation stand to each other. */
#ifndef CLADE_ALGORITHM_STANDING_H
#define CLADE_ALGORITHM_STANDING_H

#include <stddef.h>

/* OUT (n): VALUES (n, every STRIDE-th double), each less their mean and over their deviation, so that objectives of different
 * scales can be added; INFINITY for NAN, a child that failed, which does not count in the mean; all 0 where they are
 * equal. */
void clade_standardise(const double *values, size_t n, size_t stride, double *out);
/* ORDER (n): indices by rising VALUE, the lower index first of equals. No NAN. */
void clade_order_by(const double *value, size_t n, size_t *order);

#endif
