/* sin and acos from sums, products and square roots alone, so that they give the same bits on every CPU and C library.
 */
#ifndef CLADE_MERGE_ANGLE_H
#define CLADE_MERGE_ANGLE_H

/* |error| <= 1e-15 for |x| <= 4; grows with |x| as 1e-16 |x|. */
double clade_sin(double x);
/* In [0, pi]; |error| <= 1e-15 for |c| <= 0.9995 and <= 4e-15 elsewhere. C in [-1, 1]. */
double clade_acos(double c);

#endif
