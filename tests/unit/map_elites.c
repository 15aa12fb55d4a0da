/* MAP-Elites: cells, turns and the chances of parents, by hand. Variants of one child are independent draws, so their
 * parents show the probabilities. */
#include "near.h"

#include "search/algorithm.h"

enum { DRAWS = 20000, MOST = 16 };

static clade_gene genes[2] = {{.high = 1, .active_in = UINT64_MAX}, {.high = 1, .active_in = UINT64_MAX}};
static const clade_space space = {.genes = genes, .n_genes = 2};

static void *start(double bins, size_t n_objectives)
{
    static double parameters[CLADE_MAX_PARAMETERS];
    const clade_algorithm *map_elites = clade_algorithm_find("map_elites");
    void *it;
    clade_algorithm_defaults(map_elites, parameters);
    parameters[clade_algorithm_parameter(map_elites, "bins")] = bins;
    parameters[clade_algorithm_parameter(map_elites, "start")] = 2;
    const clade_search_problem problem = {
        .space = &space, .n_objectives = n_objectives, .seed = 1, .window = 1, .parameters = parameters};
    assert_ok(map_elites->create(&problem, &it));
    return it;
}

static void tell(void *it, uint64_t child, bool own, const double *objectives, const double *tasks, size_t n_tasks)
{
    const double genome[2] = {(double)child / MOST, 0.5};
    const clade_told told = {.child = child,
                             .genome = genome,
                             .objectives = objectives,
                             .own = own,
                             .complete = true,
                             .tasks = tasks,
                             .n_tasks = n_tasks};
    assert_ok(clade_algorithm_find("map_elites")->tell(it, &told));
}

/* How often each child is the first parent, and whether it is one at all. */
static void count_parents(void *it, size_t first[MOST], bool any[MOST])
{
    double genome[2];
    memset(first, 0, MOST * sizeof *first);
    memset(any, 0, MOST * sizeof *any);
    for (uint64_t v = 0; v < DRAWS; v++) {
        clade_proposal proposal = {.variant = v, .genome = genome};
        assert_ok(clade_algorithm_find("map_elites")->ask(it, 100, &proposal));
        first[proposal.parents[0]]++;
        for (size_t p = 0; p < 2; p++)
            any[proposal.parents[p]] = true;
    }
}

/* Two objectives, two bins. The front is A to D, so both ranges are [0, 10]. First quality, cells by the second: B and C
 * share the lower, C is better; A, D and E share the upper, A is best. Second quality: C in the lower, B in the upper. */
static void cells_by_hand(void **state)
{
    (void)state;
    static const double objectives[5][2] = {{0, 10}, {10, 0}, {4, 4}, {3, 9}, {20, 20}};
    size_t first[MOST];
    bool any[MOST];
    void *it = start(2, 2);
    for (uint64_t c = 0; c < 5; c++)
        tell(it, c, false, objectives[c], NULL, 0);
    count_parents(it, first, any); /* nothing of its own was told: the first archive's turn */
    assert_true(any[0] && !any[1] && any[2] && !any[3] && !any[4]);
    tell(it, 5, true, NULL, NULL, 0);
    count_parents(it, first, any);
    assert_true(!any[0] && any[1] && any[2] && !any[3] && !any[4]);
    clade_algorithm_find("map_elites")->destroy(it);
}

/* Three bins: A, B and C hold a cell each. Rescaled quality (1.3, .5, .98) times behaviour (.5, 1.3, .98). */
static void chances_by_hand(void **state)
{
    (void)state;
    static const double objectives[3][2] = {{0, 10}, {10, 0}, {4, 4}};
    static const double chance[3] = {0.65, 0.65, 0.9604};
    size_t first[MOST];
    bool any[MOST];
    void *it = start(3, 2);
    for (uint64_t c = 0; c < 3; c++)
        tell(it, c, false, objectives[c], NULL, 0);
    count_parents(it, first, any);
    for (size_t c = 0; c < 3; c++) {
        const double expected = chance[c] / 2.2604;
        assert_near((double)first[c] / DRAWS, expected, 4 * sqrt(expected * (1 - expected) / DRAWS));
    }
    clade_algorithm_find("map_elites")->destroy(it);
}

/* Tasks come before objectives: of four, each has an archive, and the best of a task gives children in its turn,
 * whatever the objectives say. Children without them, or that did not answer all, are not offered. */
static void tasks_are_qualities(void **state)
{
    (void)state;
    static const double objectives[2] = {1, 1}, better[2] = {0, 0};
    size_t first[MOST];
    bool any[MOST];
    void *it = start(3, 2);
    for (uint64_t c = 0; c < 4; c++) {
        double tasks[4] = {0.5, 0.5, 0.5, 0.5};
        tasks[c] = 0.9;
        tell(it, c, false, objectives, tasks, 4);
    }
    const double poor[4] = {0.1, 0.1, 0.1, 0.1};
    tell(it, 4, false, better, poor, 4);
    tell(it, 5, false, better, NULL, 0);
    for (uint64_t turn = 0; turn < 4; turn++) {
        count_parents(it, first, any);
        assert_true(any[turn] && !any[5]);
        tell(it, 6, true, NULL, NULL, 0);
    }
    clade_algorithm_find("map_elites")->destroy(it);
}

/* One objective: cells are bins of the first gene. */
static void single_quality(void **state)
{
    (void)state;
    static const double objectives[4] = {3, 2, 5, 4};
    size_t first[MOST];
    bool any[MOST];
    void *it = start(2, 1);
    const uint64_t children[4] = {1, 2, 13, 14}; /* genes 1/16, 2/16; 13/16, 14/16 */
    for (size_t i = 0; i < 4; i++)
        tell(it, children[i], false, &objectives[i], NULL, 0);
    count_parents(it, first, any);
    assert_true(!any[1] && any[2] && !any[13] && any[14]);
    clade_algorithm_find("map_elites")->destroy(it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_by_hand),
        cmocka_unit_test(chances_by_hand),
        cmocka_unit_test(tasks_are_qualities),
        cmocka_unit_test(single_quality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
