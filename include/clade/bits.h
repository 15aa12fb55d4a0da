/* Bits in bytes, the lowest first: which items a child got right. */
#ifndef CLADE_BITS_H
#define CLADE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool clade_bit(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* Set bit I of bits that are zero there to VALUE. */
static inline void clade_bit_put(uint8_t *bits, size_t i, bool value)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | value << (i % 8));
}

#endif
