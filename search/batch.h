/* Batches: which items score the children of a generation. An order of each task's labelled items that is a function of
 * (seed, batch, items, task) alone, so every rank draws the same; a batch is its first ITEMS. Batches run through all items
 * before they come to one again (of each task for itself), in another order every time. Batch 0 is a drawn order of all,
 * which races use. */
#ifndef CLADE_BATCH_H
#define CLADE_BATCH_H

#include "clade/score.h"

typedef struct clade_batch_order {
    size_t **places; /* (n_tasks): a permutation of clade_scorer_labelled items each, owned; clade_rungs.order */
    size_t n_tasks;
} clade_batch_order;

/* ORDER zeroed by the caller; fini it whatever comes back. CLADE_EIO without memory. */
clade_status clade_batch_order_init(clade_batch_order *order, const clade_scorer *scorer, size_t n_tasks, uint64_t seed,
                                    uint64_t batch, uint64_t items) CLADE_CHECK_RESULT;
void clade_batch_order_fini(clade_batch_order *order);

#endif
