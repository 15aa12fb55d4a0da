/* Means of directions. A direction is a linear combination of unit vectors u_i, held as its coefficients, so that only
 * the cosines G[i][j] = u_i . u_j are needed, whatever the length of the vectors. */
#ifndef CLADE_MERGE_SPHERE_H
#define CLADE_MERGE_SPHERE_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/method.h"

typedef double clade_cosines[CLADE_MAX_PARENTS][CLADE_MAX_PARENTS];

/* The norm of sum_i x[i] u_i. */
double clade_sphere_norm(size_t n, clade_cosines G, const double *x);
/* Divide x by its norm; false, x as it was, when that is at most LEAST. */
bool clade_sphere_normalise(size_t n, clade_cosines G, double least, double *x);

typedef struct clade_karcher {
    size_t n;         /* unit vectors */
    const double *w;  /* (n) their weights */
    double tolerance; /* it ends where the step is shorter */
    double opposite;  /* a cosine; u_i with u_i . m below it have no direction as seen from m */
    bool leave_out;   /* those of them that have a weight: left out, or the end */
    size_t most_steps;
} clade_karcher;

/* The Karcher mean of the u_i, argmin over the sphere of sum_i w_i angle(m, u_i)^2, by steps of
 *   m <- exp_m(T),  T = sum_i w_i log_m(u_i)
 * from the direction A (n) of norm 1, in place (Karcher 1977; Afsari 2011 for its uniqueness). False: it met an opposite
 * vector, or lost its direction. */
bool clade_sphere_karcher(const clade_karcher *mean, clade_cosines G, double *a);

#endif
