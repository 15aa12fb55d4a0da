/* Scores are full of numbers of 17 digits, for which strtod takes some hundred nanoseconds. Nearly all of them are
 * w / 10^m with w < 2^64 and m <= 27, and 5^27 < 2^63: one division of 128 by 64 bits gives 63 bits or more of the
 * quotient and a remainder, which is all that correct rounding needs. No approximation is made, so nothing is left to
 * prove; such numbers are neither subnormal nor too large. The rest goes to strtod, without a decimal point: what
 * a point looks like depends on the locale. */
#include "base/json_number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clade/rng.h"

enum { FIVES = 28, DOUBLE_BITS = 53 };

/* 5^m, at place m. */
static const uint64_t fives[FIVES] = {
    UINT64_C(1),
    UINT64_C(5),
    UINT64_C(25),
    UINT64_C(125),
    UINT64_C(625),
    UINT64_C(3125),
    UINT64_C(15625),
    UINT64_C(78125),
    UINT64_C(390625),
    UINT64_C(1953125),
    UINT64_C(9765625),
    UINT64_C(48828125),
    UINT64_C(244140625),
    UINT64_C(1220703125),
    UINT64_C(6103515625),
    UINT64_C(30517578125),
    UINT64_C(152587890625),
    UINT64_C(762939453125),
    UINT64_C(3814697265625),
    UINT64_C(19073486328125),
    UINT64_C(95367431640625),
    UINT64_C(476837158203125),
    UINT64_C(2384185791015625),
    UINT64_C(11920928955078125),
    UINT64_C(59604644775390625),
    UINT64_C(298023223876953125),
    UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

/* w / 10^m for w > 0, m < FIVES. With W = w 2^a and D = 5^m 2^b, both from 2^63 to 2^64 - 1:
 * w / 10^m = (W 2^63 / D) 2^(b - a - 63 - m), where the bracket is from 2^62 to 2^64. */
static double quotient(uint64_t w, int m)
{
    const int a = __builtin_clzll(w), b = __builtin_clzll(fives[m]);
    const uint64_t divisor = fives[m] << b;
    const clade_uint128 dividend = (clade_uint128)(w << a) << 63;
    const uint64_t q = (uint64_t)(dividend / divisor);
    const bool rest = (uint64_t)dividend != q * divisor; /* modulo 2^64: the remainder is smaller */
    const int dropped = 64 - __builtin_clzll(q) - DOUBLE_BITS;
    const uint64_t half = UINT64_C(1) << (dropped - 1), tail = q & (2 * half - 1);
    uint64_t kept = q >> dropped;
    kept += tail > half || (tail == half && (rest || (kept & 1) != 0));
    return ldexp((double)kept, dropped + b - a - 63 - m);
}

/* By strtod: the digits of SOURCE without the point, and the exponent for that. */
static double slow_value(const clade_json_decimal *decimal, const char *source, size_t bytes)
{
    char text[CLADE_JSON_MAX_NUMBER + 32];
    size_t length = 0;
    for (size_t i = 0; i < bytes && length < CLADE_JSON_MAX_NUMBER && source[i] != 'e' && source[i] != 'E'; i++)
        if (source[i] != '.')
            text[length++] = source[i];
    snprintf(text + length, sizeof text - length, "e%" PRId64, decimal->exponent);
    return strtod(text, NULL);
}

double clade_json_decimal_value(const clade_json_decimal *decimal, const char *source, size_t bytes)
{
    const bool small = decimal->digits <= CLADE_JSON_WHOLE_DIGITS;
    double value;
    if (decimal->digits == 0)
        value = 0;
    else if (small && decimal->exponent == 0)
        value = (double)decimal->whole;
    else if (small && decimal->exponent < 0 && decimal->exponent > -FIVES)
        value = quotient(decimal->whole, (int)-decimal->exponent);
    else
        return slow_value(decimal, source, bytes);
    return decimal->negative ? -value : value;
}
