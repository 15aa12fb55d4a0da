/* A sum per parent over all tensors of a rule: the state of a survey of a rule. Parents are known by their keys, because
 * not all of them need take part in every tensor. */
#ifndef CLADE_MERGE_PARENT_SUMS_H
#define CLADE_MERGE_PARENT_SUMS_H

#include "clade/method.h"

typedef struct clade_parent_sums {
    size_t count;
    uint64_t keys[CLADE_MAX_PARENTS];
    double sums[CLADE_MAX_PARENTS];
} clade_parent_sums;

/* Add MORE to the sum of the parent with KEY. */
void clade_parent_sums_add(clade_parent_sums *sums, uint64_t key, double more);
/* The sum of the parent with KEY; 0 when nothing was added. */
double clade_parent_sums_of(const clade_parent_sums *sums, uint64_t key);

/* The functions of a survey whose state and partial states are such sums. */
size_t clade_parent_sums_bytes(const clade_merge_tile *tensor);
size_t clade_parent_sums_partial_bytes(const clade_merge_tile *tensor, unsigned pass);
clade_status clade_parent_sums_merge(const clade_merge_tile *tensor, unsigned pass, void *state,
                                     const void *partial) CLADE_CHECK_RESULT;

#endif
