/* Sums of the magnitudes of floats that depend on nothing but the set of them: no rounding until the end, so any order
 * and any grouping gives the same bits. Fractions are added up as integers, one sum for each exponent; 2^40 floats fit. */
#ifndef CLADE_MERGE_MAGNITUDE_SUM_H
#define CLADE_MERGE_MAGNITUDE_SUM_H

#include <stdint.h>

enum { CLADE_EXPONENTS = 256, CLADE_FRACTION_BITS = 23 };

typedef struct clade_magnitude_sum {
    uint64_t fractions[CLADE_EXPONENTS];
} clade_magnitude_sum;

/* The exponent of a magnitude by its bits, and its fraction with the leading bit, in units of 2^(exponent - 150);
 * subnormals have exponent 0 and the unit of exponent 1. */
static inline uint32_t clade_magnitude_exponent(uint32_t bits)
{
    return bits >> CLADE_FRACTION_BITS;
}

static inline uint64_t clade_magnitude_fraction(uint32_t bits)
{
    const uint32_t leading = UINT32_C(1) << CLADE_FRACTION_BITS;
    return (bits & (leading - 1)) | (bits >= leading ? leading : 0);
}

static inline void clade_magnitude_add(clade_magnitude_sum *sum, uint32_t bits)
{
    sum->fractions[clade_magnitude_exponent(bits)] += clade_magnitude_fraction(bits);
}

static inline void clade_magnitude_merge(clade_magnitude_sum *sum, const clade_magnitude_sum *other)
{
    for (int e = 0; e < CLADE_EXPONENTS; e++)
        sum->fractions[e] += other->fractions[e];
}

/* The sum, rounded a few times. */
double clade_magnitude_value(const clade_magnitude_sum *sum);
/* What the elements kept are multiplied by to have the sum of all; 1 where one of the sums is below 1e-7, which mergekit
 * leaves as they are. */
double clade_rescale_factor(double all, double kept);

#endif
