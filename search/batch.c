#include "search/batch.h"

#include "clade/alloc.h"
#include "clade/rng.h"

static const uint64_t PURPOSE = 0x6261746368; /* "batch": apart from the draws of children */

/* A permutation of COUNT places (Fisher & Yates), turned so that it begins at place FIRST; NULL without memory. */
static size_t *draw_order(size_t count, size_t first, clade_rng rng)
{
    size_t *order = clade_calloc(2 * count + 1, sizeof *order), *drawn = order ? order + count : NULL;
    for (size_t i = 0; order && i < count; i++) {
        const size_t j = (size_t)clade_rng_below(&rng, i + 1);
        drawn[i] = drawn[j];
        drawn[j] = i;
    }
    for (size_t i = 0; order && i < count; i++)
        order[i] = drawn[(first + i) % count];
    return order;
}

clade_status clade_batch_order_init(clade_batch_order *order, const clade_scorer *scorer, size_t n_tasks, uint64_t seed,
                                    uint64_t batch, uint64_t items)
{
    order->places = clade_calloc(n_tasks, sizeof *order->places);
    if (!order->places)
        return clade_fail_memory(n_tasks * sizeof *order->places, "the order of a batch");
    order->n_tasks = n_tasks;
    for (size_t t = 0; t < n_tasks; t++) {
        const size_t count = clade_scorer_labelled(scorer, t);
        const uint64_t in_a_round = items > 0 && items < count ? count / items : 1; /* batches */
        const uint64_t keys[] = {seed, PURPOSE, batch / in_a_round, t};
        order->places[t] =
            draw_order(count, (size_t)(batch % in_a_round * items), clade_rng_keyed(keys, sizeof keys / sizeof *keys));
        if (!order->places[t])
            return clade_fail_memory(2 * count * sizeof **order->places, "the order of a batch");
    }
    return CLADE_OK;
}

void clade_batch_order_fini(clade_batch_order *order)
{
    for (size_t t = 0; t < order->n_tasks; t++)
        clade_free(order->places[t]);
    clade_free(order->places);
    *order = (clade_batch_order){0};
}
