#include "io/file_sum.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* The finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014) of the word's number, made odd. */
static uint64_t key_of(uint64_t word)
{
    uint64_t key = (word + 1) * 0x9e3779b97f4a7c15U;
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9U;
    key = (key ^ key >> 27) * 0x94d049bb133111ebU;
    return (key ^ key >> 31) | 1;
}

/* COUNT bytes (at most 8 - SKIPPED) of a word, those before and after them zero. */
static uint64_t part_of_word(const unsigned char *bytes, size_t skipped, size_t count)
{
    unsigned char word[8] = {0};
    uint64_t value;
    memcpy(word + skipped, bytes, count);
    memcpy(&value, word, sizeof value);
    return value;
}

clade_io_sum clade_io_sum_of(uint64_t offset, const void *data, size_t bytes)
{
    const unsigned char *next = data;
    uint64_t word = offset / 8, value;
    size_t skipped = (size_t)(offset % 8);
    wide sum = 0;
    if (skipped != 0 && bytes != 0) {
        size_t count = bytes < 8 - skipped ? bytes : 8 - skipped;
        sum += (wide)part_of_word(next, skipped, count) * key_of(word++);
        next += count;
        bytes -= count;
    }
    for (; bytes >= 8; next += 8, bytes -= 8) {
        memcpy(&value, next, sizeof value);
        sum += (wide)value * key_of(word++);
    }
    if (bytes != 0)
        sum += (wide)part_of_word(next, 0, bytes) * key_of(word);
    return (clade_io_sum){(uint64_t)sum, (uint64_t)(sum >> 64)};
}

void clade_io_sum_add(clade_io_sum *sum, clade_io_sum share)
{
    wide total = ((wide)sum->high << 64 | sum->low) + ((wide)share.high << 64 | share.low);
    *sum = (clade_io_sum){(uint64_t)total, (uint64_t)(total >> 64)};
}
