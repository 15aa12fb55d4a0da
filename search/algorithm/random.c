/* Random search: the first individuals, then uniform genomes. The yardstick: an algorithm that does not beat it at the
 * same budget has learnt nothing. */
#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(clade_search_problem), NULL, clade_free, state);
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    const clade_search_problem *problem = state;
    if (child < problem->n_first)
        clade_propose_start(problem, child, proposal);
    else
        clade_propose_uniform(problem, child, proposal);
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    (void)state;
    (void)told;
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_random = {
    .name = "random",
    .title = "Random search",
    .source = "the yardstick",
    .steady = true,
    .create = create,
    .destroy = clade_free,
    .needs = clade_needs_nothing,
    .ask = ask,
    .tell = tell,
};
