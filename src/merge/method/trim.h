/* Exact selection by magnitude, in passes over the pieces of a task vector; nothing of its size is ever held.
 *
 * Elements are in order of their key (of equal keys, the one of lower index first), where the key is the bits of the
 * magnitude, or their complement, which puts the largest first. A cut says how many of them come before it. It is found
 * digit by digit, leading one first: each pass counts the elements of every value of the next digit among those that
 * have the digits found so far. Counts add up whatever the pieces. A sort would cost a factor log n and the memory of
 * the task vector, a quickselect is worst on the many equal magnitudes of sparse deltas.
 *
 * When equal keys lie on both sides of the cut, one more pass marks them, and the index of the last one before the cut
 * is found from the marks of the pieces in their order. */
#ifndef CLADE_MERGE_TRIM_H
#define CLADE_MERGE_TRIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is xor-ed to the bits of a magnitude. */
typedef enum clade_trim_order {
    CLADE_SMALLEST_FIRST = 0,
    CLADE_LARGEST_FIRST = 0x7fffffff /* the bits of a float but the sign */
} clade_trim_order;

/* Before the cut are the elements of a lower key, and of the same key those with an index below END. */
typedef struct clade_cut {
    uint32_t key;
    uint64_t end;
} clade_cut;

/* A cut being looked for. */
typedef struct clade_selection {
    clade_cut cut;   /* the digits found so far; complete when no pass is wanted */
    uint64_t wanted; /* elements before the cut among those of these digits */
    uint64_t equal;  /* elements of these digits */
    bool with_equal; /* all elements of the key found belong before the cut */
} clade_selection;

typedef struct clade_trim_digit {
    unsigned shift, bits;
} clade_trim_digit;

enum { CLADE_TRIM_MOST_DIGITS = 3, CLADE_TRIM_MARK_BITS = 64 };

/* The digits for a task vector of COUNT elements, into DIGITS; returns how many. Wide ones need fewer passes, narrow
 * ones less memory and zeroing. */
unsigned clade_trim_digits(uint64_t count, clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS]);

/* The selection of a cut with WANTED elements before it; WITH_EQUAL: and all that equal the last of them. */
clade_selection clade_selection_begin(uint64_t wanted, bool with_equal);
/* Add N keys to COUNTS (2^bits), those that have the digits found so far (all digits above DIGIT). */
void clade_selection_count(const clade_selection *selection, clade_trim_digit digit, size_t n, const uint32_t *keys,
                           uint32_t *counts);
/* Find the next digit from the counts of all elements. */
void clade_selection_digit(clade_selection *selection, clade_trim_digit digit, const uint64_t *counts);
/* Whether equal keys lie on both sides, so that marks are wanted; else the cut is complete. */
bool clade_selection_is_open(const clade_selection *selection);
/* Set the bits of the elements whose key is the cut's; the first of the N keys has bit FIRST. */
void clade_selection_mark(const clade_selection *selection, size_t n, const uint32_t *keys, size_t first,
                          uint64_t *marks);
/* Take the marks (n_words) of a piece whose first bit is element FIRST; closes the selection when the cut is there. */
void clade_selection_take(clade_selection *selection, uint64_t first, size_t n_words, const uint64_t *marks);

static inline uint32_t clade_trim_key(clade_trim_order order, float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & UINT32_C(0x7fffffff)) ^ (uint32_t)order;
}

/* An element INDEX is before the cut just when its key is below this. */
static inline uint32_t clade_cut_limit(clade_cut cut, uint64_t index)
{
    return cut.key + (index < cut.end);
}

#endif
