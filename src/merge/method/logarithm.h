/* The natural logarithm from sums and products alone, so that it gives the same bits on every CPU and C library. */
#ifndef CLADE_MERGE_LOGARITHM_H
#define CLADE_MERGE_LOGARITHM_H

#include <stddef.h>

/* x <- ln x, for N positive, normal, finite x. The relative error is below 2^-51. ln 1 = 0. */
void clade_log_each(size_t n, double *x);

#endif
