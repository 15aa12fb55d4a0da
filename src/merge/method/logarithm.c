/* ln without libm. With x = 2^k m, sqrt(1/2) <= m < sqrt(2), and s = (m - 1) / (m + 1), |s| <= 0.1716:
 *
 *   ln x = k ln 2 + 2 atanh s,   2 atanh s = 2 s (1 + s^2 / 3 + s^4 / 5 + ... + s^22 / 23), the next term is below 2^-66
 *
 * No branches and no calls, so that compilers make vector code of the loop. */
#include <stdint.h>
#include <string.h>

#include "merge/method/logarithm.h"
#include "tensor/clones.h"

/* ln 2 in two parts; the first has 33 significant bits, so its products with k are exact. */
static const double log_2_high = 0x1.62e42feep-1, log_2_low = 0x1.a39ef35793c76p-33;
/* Its low bits are those of an integer added to it. */
static const double rounder = 0x1.8p52;

CLADE_CLONES
void clade_log_each(size_t n, double *x)
{
    const uint64_t one = UINT64_C(0x3ff0000000000000), half_root = UINT64_C(0x3fe6a09e667f3bcd); /* sqrt(1/2) */
    const uint64_t integer = UINT64_C(0x4338000000000000);                                       /* rounder */
    for (size_t i = 0; i < n; i++) {
        uint64_t bits, biased, shifted;
        double m, k;
        memcpy(&bits, &x[i], sizeof bits);
        biased = (bits + (one - half_root)) >> 52; /* k + 1023 */
        shifted = integer + biased;
        memcpy(&k, &shifted, sizeof k);
        k = k - rounder - 1023;
        bits -= (biased << 52) - one;
        memcpy(&m, &bits, sizeof m);
        double s = (m - 1) / (m + 1), z = s * s;
        /* Horner's rule written out, for a loop in here would keep compilers from making vector code. */
        double sum = 1 / 21.0 + z * (1 / 23.0);
        sum = 1 / 19.0 + z * sum;
        sum = 1 / 17.0 + z * sum;
        sum = 1 / 15.0 + z * sum;
        sum = 1 / 13.0 + z * sum;
        sum = 1 / 11.0 + z * sum;
        sum = 1 / 9.0 + z * sum;
        sum = 1 / 7.0 + z * sum;
        sum = 1 / 5.0 + z * sum;
        sum = 1 / 3.0 + z * sum;
        x[i] = k * log_2_high + (2 * s + (2 * s * (z * sum) + k * log_2_low));
    }
}
