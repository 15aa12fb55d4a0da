/* exp and tanh without libm. With k = x / ln 2 rounded and r = x - k ln 2, |r| <= 0.3466:
 *
 *   e^x = 2^k e^r,   e^r - 1 = r + r^2 (1/2! + r/3! + ... + r^11/13!), the next term is below 2^-56 r
 *   tanh x = m / (m + 2) with m = e^(2x) - 1 = 2^k (e^r - 1) + (2^k - 1), for x >= 0, where nothing cancels
 *
 * No branches and no calls, so that compilers make vector code of the loops. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "merge/method/exponential.h"
#include "tensor/clones.h"

static const double per_log_2 = 1.4426950408889634074;
/* ln 2 in two parts; the first has 33 significant bits, so its products with k below 2^20 are exact. */
static const double log_2_high = 0x1.62e42feep-1, log_2_low = 0x1.a39ef35793c76p-33;
/* Adding it rounds to an integer, which is then in the low bits. */
static const double rounder = 0x1.8p52;

/* 2^(biased - 1023) for 1 <= biased <= 2046 */
static inline double power_of_two(uint64_t biased)
{
    uint64_t bits = biased << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* e^r - 1, and k + 2046 */
static inline double reduced(double x, uint64_t *k)
{
    double shifted = x * per_log_2 + rounder, turns = shifted - rounder;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    *k = bits - UINT64_C(0x4338000000000000) + 2046; /* the bits of rounder */
    double high = x - turns * log_2_high, low = turns * log_2_low, r = high - low;
    double lost = (high - r) - low; /* r + lost is nearer to x - k ln 2 than a double can be */
    /* Horner's rule written out, for a loop in here would keep compilers from making vector code of those outside. */
    double sum = 1 / 479001600.0 + r * (1 / 6227020800.0);
    sum = 1 / 39916800.0 + r * sum;
    sum = 1 / 3628800.0 + r * sum;
    sum = 1 / 362880.0 + r * sum;
    sum = 1 / 40320.0 + r * sum;
    sum = 1 / 5040.0 + r * sum;
    sum = 1 / 720.0 + r * sum;
    sum = 1 / 120.0 + r * sum;
    sum = 1 / 24.0 + r * sum;
    sum = 1 / 6.0 + r * sum;
    sum = 1 / 2.0 + r * sum;
    return r + (r * r * sum + lost * (1 + r));
}

CLADE_CLONES
void clade_exp_each(size_t n, double *x)
{
    static const double largest = 746; /* e^-746 is 0 and e^746 infinite */
    for (size_t i = 0; i < n; i++) {
        uint64_t k;
        double size = fabs(x[i]);
        size = size > largest ? largest : size;
        double scaled = 1 + reduced(copysign(size, x[i]), &k);
        /* In two steps: 2^k alone may be too large or too small for a normal double. */
        uint64_t half = k >> 1;
        x[i] = scaled * power_of_two(half) * power_of_two(k - half);
    }
}

CLADE_CLONES
void clade_tanh_each(size_t n, double *x)
{
    static const double saturated = 22; /* 1 - tanh(22) < 2^-62 */
    for (size_t i = 0; i < n; i++) {
        double size = fabs(x[i]);
        x[i] = copysign(size > saturated ? saturated : size, x[i]);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t k;
        double part = reduced(2 * fabs(x[i]), &k), power = power_of_two(k - 1023);
        double m = power * part + (power - 1);
        x[i] = copysign(m / (m + 2), x[i]);
    }
}
