/* exp and tanh from sums and products alone, so that they give the same bits on every CPU and C library. */
#ifndef CLADE_MERGE_EXPONENTIAL_H
#define CLADE_MERGE_EXPONENTIAL_H

#include <stddef.h>

/* x <- e^x, for N finite x. The relative error is below 2^-52 (one unit in the last place at most) where the result is
 * normal; below 2^-1022 the absolute error is at most 2^-1074. Above the largest double: infinity. e^0 = 1. */
void clade_exp_each(size_t n, double *x);
/* x <- tanh x, for N finite x. Relative error below 2^-51. Laws: tanh(-x) = -tanh(x) bit for bit; |tanh x| <= 1. */
void clade_tanh_each(size_t n, double *x);

#endif
