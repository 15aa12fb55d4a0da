/* The elements of task vectors in the order of a trim, for surveys whose state is used again with other densities: 8
 * bytes for each element of each parent, from which every cut and the factor of every rescaling can be read. */
#ifndef CLADE_MERGE_TRIM_ORDER_H
#define CLADE_MERGE_TRIM_ORDER_H

#include "merge/method/task_vectors.h"

/* The parts of a survey of one pass, that reads no parameter but rescale. GLOBAL: over all tensors of a rule. */
size_t clade_trim_order_state_bytes(const clade_merge_tile *tensor);
size_t clade_trim_order_partial_bytes(const clade_merge_tile *tensor, bool global);
void clade_trim_order_survey(const clade_merge_tile *tile, bool global, clade_trim_order order, void *partial);
void clade_trim_order_merge(const clade_merge_tile *tensor, bool global, void *state, const void *partial);
clade_status clade_trim_order_end(const clade_merge_tile *tensor, clade_trim_order order,
                                  void *state) CLADE_CHECK_RESULT;

/* What a combine reads of STATE: how many elements were surveyed, the cut of a selection, and the L1 norm of all
 * elements over that of those between two cuts. */
uint64_t clade_trim_order_count(const void *state);
clade_cut clade_trim_order_cut(const void *state, size_t parent, const clade_selection *selection);
double clade_trim_order_factor(const clade_merge_tile *tile, size_t parent, const clade_trim_cuts *cuts);

#endif
