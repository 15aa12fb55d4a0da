/* |FOUND - EXPECTED| must be at most TOLERANCE; cmocka's own comparison is of floats. */
#ifndef CLADE_NEAR_H
#define CLADE_NEAR_H

#include <math.h>

#include "test.h"

static inline void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("found %.17g, expected %.17g within %g", found, expected, tolerance);
}

#endif
