/* Masks of one bit for each element. */
#ifndef CLADE_MERGE_MASK_BITS_H
#define CLADE_MERGE_MASK_BITS_H

#include <stddef.h>
#include <stdint.h>

enum { CLADE_MASK_WORD = 64 };

/* Words that hold N bits and one more, so that the word behind any bit can be read. */
static inline size_t clade_mask_words(uint64_t n)
{
    return (size_t)(n / CLADE_MASK_WORD) + 2;
}

/* The 64 bits from bit AT on. */
static inline uint64_t clade_mask_get(const uint64_t *bits, uint64_t at)
{
    const uint64_t *word = bits + at / CLADE_MASK_WORD;
    unsigned shift = (unsigned)(at % CLADE_MASK_WORD);
    return shift == 0 ? word[0] : word[0] >> shift | word[1] << (CLADE_MASK_WORD - shift);
}

/* Set those of the bits from AT on that are set in VALUE. */
static inline void clade_mask_put(uint64_t *bits, uint64_t at, uint64_t value)
{
    uint64_t *word = bits + at / CLADE_MASK_WORD;
    unsigned shift = (unsigned)(at % CLADE_MASK_WORD);
    word[0] |= value << shift;
    word[1] |= shift == 0 ? 0 : value >> (CLADE_MASK_WORD - shift);
}

#endif
