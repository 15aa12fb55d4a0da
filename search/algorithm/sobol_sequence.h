/* Direction numbers of the Sobol' sequence (Sobol' 1967), with the initial values of Joe & Kuo 2008 ("Constructing Sobol
 * sequences with better two-dimensional projections", SIAM J. Sci. Comput. 30(5); file new-joe-kuo-6.21201). */
#ifndef CLADE_ALGORITHM_SOBOL_SEQUENCE_H
#define CLADE_ALGORITHM_SOBOL_SEQUENCE_H

#include <stddef.h>
#include <stdint.h>

/* Bits of a coordinate, so points before the sequence repeats: 2^32; and dimensions of the table (all polynomials up to
 * degree 10). */
enum { CLADE_SOBOL_BITS = 32, CLADE_SOBOL_DIMENSIONS = 161 };

/* DIRECTIONS[k] is v_k+1 of DIMENSION (0 .. CLADE_SOBOL_DIMENSIONS - 1) as a 32-bit fraction: its top bit is 1/2. */
void clade_sobol_directions(size_t dimension, uint32_t directions[CLADE_SOBOL_BITS]);
/* Coordinate of point INDEX as a 32-bit fraction, in Gray code order: the exclusive or of the directions at the ones of
 * INDEX ^ INDEX >> 1. Points beyond 2^32 repeat. Law: in every block of 2^k points that starts at a multiple of 2^k,
 * each of the 2^k intervals of length 2^-k has one point, in every dimension. */
uint32_t clade_sobol_coordinate(const uint32_t directions[CLADE_SOBOL_BITS], uint64_t index);

#endif
