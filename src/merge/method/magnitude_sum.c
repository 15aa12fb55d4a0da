/* Smaller exponents first, each sum of fractions rounded to a double and scaled by its power of two. */
#include "merge/method/magnitude_sum.h"

double clade_magnitude_value(const clade_magnitude_sum *sum)
{
    double value = 0, unit = 0x1p-149;
    for (int e = 0; e < CLADE_EXPONENTS; e++) {
        value += (double)sum->fractions[e] * unit;
        unit *= e > 0 ? 2 : 1;
    }
    return value;
}

double clade_rescale_factor(double all, double kept)
{
    static const double least = 1e-7;
    return all >= least && kept >= least ? all / kept : 1;
}
