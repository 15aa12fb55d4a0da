/* The dot products of all pairs of parents: all that methods need that interpolate along angles. With a base they are
 * those of the differences from it. */
#ifndef CLADE_MERGE_GRAM_H
#define CLADE_MERGE_GRAM_H

#include "clade/method.h"

/* Where the dot product of parents i and j <= i lies: the lower triangle, row by row. */
static inline size_t clade_gram_index(size_t i, size_t j)
{
    return i * (i + 1) / 2 + j;
}
enum { CLADE_GRAM_MOST = CLADE_MAX_PARENTS * (CLADE_MAX_PARENTS + 1) / 2 };

/* Add to SUMS the dot products over elements FIRST .. FIRST + N - 1 of the tile. */
void clade_gram_add(const clade_merge_tile *tile, size_t first, size_t n, double *sums);

/* The functions of a survey whose state is the dot products over the tensor, each of n_parents (n_parents + 1) / 2
 * doubles; it reads no parameters. */
size_t clade_gram_bytes(const clade_merge_tile *tensor);
size_t clade_gram_partial_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_gram_survey(const clade_merge_tile *tile, unsigned pass, void *partial) CLADE_CHECK_RESULT;
clade_status clade_gram_merge(const clade_merge_tile *tensor, unsigned pass, void *state,
                              const void *partial) CLADE_CHECK_RESULT;

#endif
