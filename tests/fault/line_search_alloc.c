/* The N-th allocation fails, for every N, in line searches beside levels: the right status, nothing leaked. */
#include "test.h"

#include "search/algorithm/levels.h"

enum { GENES = 4, CHILDREN = 24 };

static clade_gene genes[GENES] = {
    {.name = "a", .high = 1, .active_in = UINT64_MAX, .slot = 1, .site = 0, .parent = -1},
    {.name = "b", .high = 1, .active_in = UINT64_MAX, .slot = 1, .site = 1, .parent = -1},
    {.name = "c", .high = 1, .active_in = UINT64_MAX, .slot = 2, .site = 0, .parent = -1},
    {.name = "d", .high = 1, .active_in = UINT64_MAX, .slot = 2, .site = 1, .parent = -1},
};
static const clade_space space = {.genes = genes, .n_genes = GENES};
static const size_t tied[GENES] = {0, 0, 1, 1}, each[GENES] = {0, 1, 2, 3};
static const clade_space_level levels[] = {{"model", tied, 2}, {"layer", each, GENES}};
static const clade_space_line lines[] = {{"ab", 0, 1, true}, {"cd", 0, 2, false}};
static const double first[2][GENES] = {{0.5, 0.5, 0.5, 0.5}, {0.2, 0.2, 0.9, 0.9}};
static const char *const names[] = {"one", "two"};

static clade_status run_all(clade_levels *state)
{
    for (uint64_t child = 0; child < CHILDREN; child++) {
        double genome[GENES], objectives[2] = {0};
        clade_proposal proposal = {.genome = genome};
        CLADE_TRY(clade_levels_ask(state, child, &proposal));
        for (size_t g = 0; g < GENES; g++)
            objectives[g % 2] += (genome[g] - 0.7) * (genome[g] - 0.7);
        const clade_told told = {
            .child = child, .genome = genome, .objectives = objectives, .cost = 1, .own = true, .complete = true};
        CLADE_TRY(clade_levels_tell(state, &told));
    }
    return CLADE_OK;
}

static clade_status run(void *context)
{
    const clade_algorithm *inner = clade_algorithm_find(context);
    double values[CLADE_MAX_PARAMETERS];
    clade_levels *state;
    clade_algorithm_defaults(inner, values);
    const clade_search_problem problem = {.space = &space,
                                          .n_objectives = 2,
                                          .seed = 1,
                                          .window = 1,
                                          .first = first[0],
                                          .first_names = names,
                                          .n_first = 2,
                                          .parameters = values,
                                          .children = CHILDREN,
                                          .levels = levels,
                                          .n_levels = 2,
                                          .lines = lines,
                                          .n_lines = 2,
                                          .line_share = 0.5};
    CLADE_TRY(clade_levels_create(inner, &problem, NULL, &state));
    const clade_status status = run_all(state);
    clade_levels_destroy(state);
    return status;
}

static void every_allocation(void **state)
{
    (void)state;
    check_every_allocation(run, (void *)(uintptr_t) "sms_emoa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
