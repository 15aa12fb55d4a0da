/* Angles without libm. sin: Taylor's series after taking out multiples of pi. acos: 2 atan2(sqrt(1 - c), sqrt(1 + c)),
 * which has no cancellation at either end, and atan by two halvings of the angle and Gregory's series. */
#include <math.h>

#include "merge/method/angle.h"

static const double pi_high = 3.141592653589793116, pi_low = 1.2246467991473532e-16; /* their sum is pi to 1e-32 */

/* -1/3!, 1/5!, ... */
static const double sine[] = {-1 / 6.0,
                              1 / 120.0,
                              -1 / 5040.0,
                              1 / 362880.0,
                              -1 / 39916800.0,
                              1 / 6227020800.0,
                              -1 / 1307674368000.0,
                              1 / 355687428096000.0,
                              -1 / 121645100408832000.0,
                              1 / 51090942171709440000.0,
                              -1 / 25852016738884976640000.0};
enum { N_SINE = sizeof sine / sizeof sine[0] };

double clade_sin(double x)
{
    double turns = floor(x / pi_high + 0.5);
    double r = (x - turns * pi_high) - turns * pi_low, r2 = r * r;
    /* r - r^3/3! + ... by Horner's rule; |r| <= pi/2, so the term after r^23 is below 1e-20. */
    double sum = sine[N_SINE - 1];
    for (int k = N_SINE - 2; k >= 0; k--)
        sum = sine[k] + sum * r2;
    sum = r + r * (r2 * sum);
    return fmod(turns, 2) != 0 ? -sum : sum;
}

/* atan(r) for 0 <= r <= 1. */
static double atan_unit(double r)
{
    for (int halving = 0; halving < 2; halving++)
        r = r / (1 + sqrt(1 + r * r)); /* tan(a/2) from tan(a) */
    double r2 = r * r, sum = 0;        /* r <= tan(pi/16) < 0.2, so the term after r^23 is below 1e-18 */
    for (int k = 23; k >= 1; k -= 2)
        sum = 1 / (double)k - sum * r2;
    return 4 * r * sum;
}

double clade_acos(double c)
{
    double y = sqrt(1 - c), x = sqrt(1 + c);
    return 2 * (y <= x ? atan_unit(y / x) : pi_high / 2 - atan_unit(x / y));
}
