/* Decimal numbers to doubles, correctly rounded (to nearest, ties to even) in every locale. Private to base/. */
#ifndef CLADE_BASE_JSON_NUMBER_H
#define CLADE_BASE_JSON_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number (negative ? -1 : 1) * WHOLE * 10^EXPONENT. */
typedef struct clade_json_decimal {
    uint64_t whole;   /* the digits without the point; meaningless when there are more than CLADE_JSON_WHOLE_DIGITS */
    size_t digits;    /* of them, without leading zeros */
    int64_t exponent; /* of ten, as written less the digits behind the point */
    bool negative;
} clade_json_decimal;

enum {
    CLADE_JSON_WHOLE_DIGITS = 19, /* 10^19 < 2^64 */
    CLADE_JSON_MAX_NUMBER = 60,   /* bytes of a number */
    CLADE_JSON_MAX_EXPONENT = 99999
};

/* The double nearest to DECIMAL, which was read out of the BYTES (at most CLADE_JSON_MAX_NUMBER) of SOURCE; infinite
 * when none is near. Exponents beyond +-CLADE_JSON_MAX_EXPONENT may have been cut to that. Law: what strtod gives
 * in the locale "C". */
double clade_json_decimal_value(const clade_json_decimal *decimal, const char *source, size_t bytes);

#endif
