/* A cut found in one pass over a large task vector: a sample of it tells between which keys the cut lies, the pass counts
 * the elements before those and gathers the few among them, and the cut is selected from these. It is exact: where the
 * sample misled, or too many elements share those keys, nothing is found, and the cut has to be looked for digit by
 * digit. */
#ifndef CLADE_MERGE_TRIM_BRACKET_H
#define CLADE_MERGE_TRIM_BRACKET_H

#include "merge/method/task_vectors.h"

/* SPAN keys from LOW on. */
typedef struct clade_bracket {
    uint32_t low, span;
} clade_bracket;

/* Elements before a bracket, and those in it, of which the entries hold the first up to their limit. An entry has its
 * key above the lowest 33 bits and its index in these, so entries in order are numbers in order. */
typedef struct clade_bracket_count {
    uint64_t below, inside;
} clade_bracket_count;

enum { CLADE_ENTRY_INDEX_BITS = 33 };

/* The stride of the sample for a task vector of COUNT elements (sample_stride in clade/method.h); 0: do not sample. */
size_t clade_bracket_stride(uint64_t count);
/* Runs in COUNT elements, at most. */
uint64_t clade_bracket_runs(uint64_t count, size_t stride);
/* Entries for all elements, and for a piece of N of them, with WANTED before the cut. */
uint64_t clade_bracket_limit(uint64_t count, uint64_t wanted);
uint64_t clade_bracket_piece_limit(uint64_t count, uint64_t wanted, uint64_t n);

/* The bracket for a cut with WANTED of COUNT elements before it, from the keys of N of them. */
clade_bracket clade_bracket_of(size_t n, const uint32_t *sample, uint64_t wanted, uint64_t count);
/* By the sample, that the elements in a bracket will be no more than LIMIT. */
bool clade_bracket_is_likely(size_t n, const uint32_t *sample, clade_trim_order order, clade_bracket bracket,
                             uint64_t count, uint64_t limit);
/* Count the elements of TILE; LIMIT entries fit. */
void clade_bracket_gather(const clade_merge_tile *tile, size_t parent, clade_trim_order order, clade_bracket bracket,
                          uint64_t limit, clade_bracket_count *counts, uint64_t *entries);
/* Close SELECTION by the counts of all elements; the entries lose their order. False: the cut is not there. */
bool clade_bracket_select(clade_selection *selection, clade_trim_order order, clade_bracket bracket,
                          const clade_bracket_count *counts, uint64_t limit, uint64_t *entries);

#endif
