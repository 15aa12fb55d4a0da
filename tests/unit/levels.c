/* From coarse to fine: what is tied stays equal, what is known is kept, and the rule looks at nothing but what was told. */
#include "near.h"

#include "search/algorithm/levels.h"

enum { GENES = 8, WINDOW = 3, CHILDREN = 400, LEVELS = 3 };

static clade_gene genes[GENES];
static const clade_space space = {.genes = genes, .n_genes = GENES};
static const size_t one_group[GENES] = {0}, halves[GENES] = {0, 0, 0, 0, 1, 1, 1, 1},
                    each[GENES] = {0, 1, 2, 3, 4, 5, 6, 7};
static const clade_space_level levels[LEVELS] = {
    {"model", one_group, 1}, {"depth:2", halves, 2}, {"layer", each, GENES}};
static double first[2][GENES];
static const char *const names[2] = {"equal", "rising"};

static int make_space(void **state)
{
    (void)state;
    for (size_t g = 0; g < GENES; g++) {
        genes[g] =
            (clade_gene){.name = "x", .high = 1, .active_in = UINT64_MAX, .slot = 1, .site = (int)g, .parent = -1};
        first[0][g] = 0.25;
        first[1][g] = (double)g / GENES;
    }
    return 0;
}

/* Best at 0.6 in the first half and 0.2 + g / 20 in the second. */
static void evaluate(const double *genome, double objectives[2])
{
    double sum = 0;
    for (size_t g = 0; g < GENES; g++) {
        const double best = g < GENES / 2 ? 0.6 : 0.2 + (double)g / 20;
        sum += (genome[g] - best) * (genome[g] - best);
    }
    objectives[0] = sum + 0.1 * genome[0];
    objectives[1] = sum - 0.1 * genome[0];
}

typedef struct history {
    double genomes[CHILDREN][GENES];
    size_t level[CHILDREN];
    char event[CHILDREN][CLADE_EVENT];
} history;

static double cost = 1; /* of each child */

static void run(uint64_t children, size_t n_levels, history *h)
{
    const clade_algorithm *inner = clade_algorithm_find("sms_emoa");
    double values[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(inner, values);
    values[clade_algorithm_parameter(inner, "population")] = 10;
    const clade_search_problem problem = {.space = &space,
                                          .n_objectives = 2,
                                          .seed = 3,
                                          .window = WINDOW,
                                          .first = first[0],
                                          .first_names = names,
                                          .n_first = 2,
                                          .parameters = values,
                                          .children = children,
                                          .levels = levels,
                                          .n_levels = n_levels};
    clade_levels *state;
    memset(h, 0, sizeof *h);
    assert_ok(clade_levels_create(inner, &problem, NULL, &state));
    uint64_t told = 0;
    for (uint64_t child = 0; child < CHILDREN; child++) {
        assert_int_equal(clade_levels_told_before_ask(state, child, WINDOW), child < WINDOW ? 0 : child + 1 - WINDOW);
        for (; told + WINDOW < child + 1; told++) {
            double objectives[2];
            evaluate(h->genomes[told], objectives);
            const clade_told result = {.child = told,
                                       .genome = h->genomes[told],
                                       .objectives = told % 50 == 49 ? NULL : objectives,
                                       .cost = cost,
                                       .own = true,
                                       .complete = true};
            assert_ok(clade_levels_tell(state, &result));
        }
        for (int turn = 0; turn < 2; turn++) { /* asking twice is asking once */
            double before[GENES];
            memcpy(before, h->genomes[child], sizeof before);
            clade_proposal proposal = {.genome = h->genomes[child]};
            assert_ok(clade_levels_ask(state, child, &proposal));
            memcpy(h->event[child], proposal.event, sizeof proposal.event);
            if (turn == 1)
                assert_memory_equal(before, h->genomes[child], sizeof before);
        }
        h->level[child] = clade_levels_level(state);
        assert_true(clade_space_holds(&space, h->genomes[child]));
    }
    clade_levels_destroy(state);
}

static history one, two;

static bool tied(const double *genome, const size_t *group)
{
    for (size_t a = 0; a < GENES; a++)
        for (size_t b = 0; b < a; b++)
            if (group[a] == group[b] && (genome[a] < genome[b] || genome[a] > genome[b]))
                return false;
    return true;
}

static void ties(void **state)
{
    (void)state;
    run(0, LEVELS, &one);
    assert_memory_equal(one.genomes[0], first[0], sizeof first[0]); /* as they are, whatever the level can say */
    assert_memory_equal(one.genomes[1], first[1], sizeof first[1]);
    size_t switches = 0, untied = 0;
    for (size_t c = 2; c < CHILDREN; c++) {
        assert_true(tied(one.genomes[c], levels[one.level[c]].group));
        assert_true(one.level[c] >= one.level[c - 1]);
        const bool switched = one.level[c] > one.level[c - 1];
        assert_int_equal(one.event[c][0] != '\0', switched);
        if (switched)
            assert_string_equal(one.event[c], switches == 0 ? "sites: model to depth:2" : "sites: depth:2 to layer");
        switches += switched;
        untied += !tied(one.genomes[c], halves);
    }
    assert_int_equal(switches, 2);
    assert_true(untied > CHILDREN / 4);
}

/* The finer levels begin where the coarse ones ended: they improve on the best that tied genes can be, at once. */
static void keeps_what_is_known(void **state)
{
    (void)state;
    double best[LEVELS] = {INFINITY, INFINITY, INFINITY}, early = INFINITY;
    size_t since = 0;
    run(0, LEVELS, &one);
    for (size_t c = 2; c < CHILDREN; c++) {
        double objectives[2];
        evaluate(one.genomes[c], objectives);
        const double value = objectives[0] + objectives[1];
        since = one.level[c] > one.level[c - 1] ? c : since;
        best[one.level[c]] = fmin(best[one.level[c]], value);
        if (one.level[c] == 1 && c < since + 12)
            early = fmin(early, value);
    }
    assert_true(best[1] < best[0] && best[2] < best[1]);
    assert_true(early < best[0] + 0.1); /* a start from nothing is at 1 */
}

static void deterministic(void **state)
{
    (void)state;
    run(0, LEVELS, &one);
    run(0, LEVELS, &two);
    assert_memory_equal(&one, &two, sizeof one);
}

/* Patience is in what children cost: a generation of cheap ones does not end a level. */
static void patience(void **state)
{
    (void)state;
    size_t dear = 0, cheap = 0;
    run(0, LEVELS, &one);
    cost = 0.25;
    run(0, LEVELS, &two);
    cost = 1;
    for (size_t c = 0; c < CHILDREN; c++) {
        dear += one.level[c] == 0;
        cheap += two.level[c] == 0;
    }
    assert_true(dear >= 18); /* 16 + 2 groups; four times as many cheap ones are worth it */
    assert_true(cheap >= dear + 3 * 18);
}

/* With a known budget the levels but the last have half of it, in equal parts. */
static void budget(void **state)
{
    (void)state;
    run(80, LEVELS, &one);
    for (size_t c = 2; c < CHILDREN; c++)
        assert_true(one.level[c] >= (c >= 40 ? 2 : c >= 20 ? 1 : 0));
}

/* Without levels it is the algorithm itself. */
static void none(void **state)
{
    (void)state;
    const clade_algorithm *inner = clade_algorithm_find("sms_emoa");
    double values[CLADE_MAX_PARAMETERS], genome[GENES], expected[GENES];
    clade_algorithm_defaults(inner, values);
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 2, .seed = 9, .window = 1, .parameters = values};
    clade_levels *wrapped;
    void *bare;
    assert_ok(clade_levels_create(inner, &problem, NULL, &wrapped));
    assert_ok(inner->create(&problem, &bare));
    for (uint64_t child = 0; child < 60; child++) {
        clade_proposal a = {.genome = genome}, b = {.genome = expected};
        double objectives[2];
        assert_ok(clade_levels_ask(wrapped, child, &a));
        assert_ok(inner->ask(bare, child, &b));
        assert_memory_equal(genome, expected, sizeof genome);
        evaluate(genome, objectives);
        const clade_told told = {
            .child = child, .genome = genome, .objectives = objectives, .cost = 1, .own = true, .complete = true};
        assert_ok(clade_levels_tell(wrapped, &told));
        assert_ok(inner->tell(bare, &told));
    }
    inner->destroy(bare);
    clade_levels_destroy(wrapped);
    clade_search_problem with_levels = problem;
    with_levels.levels = levels;
    with_levels.n_levels = LEVELS;
    const clade_algorithm *generational = clade_algorithm_find("nsga2");
    clade_algorithm_defaults(generational, values);
    assert_fails(clade_levels_create(generational, &with_levels, NULL, &wrapped), CLADE_ECONFIG, "nsga2");
}

/* Lines are in the whole space beside the levels: what is tied stays so, INNER goes on as if others had made their
 * children, and an INNER that cannot take them is refused by the names of those that can. */
static void line_searches(void **state)
{
    (void)state;
    static clade_space_line line = {"weight", 0, 1, true};
    const clade_algorithm *inner = clade_algorithm_find("sms_emoa"), *generational = clade_algorithm_find("nsga2");
    double values[CLADE_MAX_PARAMETERS], genome[CHILDREN][GENES];
    clade_algorithm_defaults(inner, values);
    clade_search_problem problem = {.space = &space,
                                    .n_objectives = 2,
                                    .seed = 3,
                                    .window = 1,
                                    .first = first[0],
                                    .first_names = names,
                                    .n_first = 2,
                                    .parameters = values,
                                    .children = 60,
                                    .lines = &line,
                                    .n_lines = 1,
                                    .line_share = 0.1};
    for (size_t n_levels = 0; n_levels <= LEVELS; n_levels += LEVELS) {
        clade_levels *state_of;
        size_t lines = 0;
        double best = INFINITY, start = INFINITY;
        problem.levels = levels;
        problem.n_levels = n_levels;
        assert_ok(clade_levels_create(inner, &problem, NULL, &state_of));
        for (uint64_t child = 0; child < 60; child++) {
            clade_proposal proposal = {.genome = genome[child]};
            double objectives[2];
            assert_ok(clade_levels_ask(state_of, child, &proposal));
            evaluate(genome[child], objectives);
            const bool is_line = strcmp(proposal.operator_name, "line: weight") == 0;
            if (is_line) {
                lines++;
                assert_true(child >= 2 && child < 8);
                assert_true(tied(genome[child], one_group)); /* "equal" is the better one */
                assert_int_equal(proposal.parents[0], 0);
                best = fmin(best, objectives[0] + objectives[1]);
            } else if (child < 2)
                start = fmin(start, objectives[0] + objectives[1]);
            const clade_told told = {.child = child,
                                     .genome = genome[child],
                                     .objectives = objectives,
                                     .cost = 1,
                                     .own = true,
                                     .complete = true};
            assert_ok(clade_levels_tell(state_of, &told));
        }
        assert_true(lines >= 3 && lines <= 6);
        assert_true(best < start);
        clade_levels_destroy(state_of);
    }
    clade_levels *refused;
    problem.n_levels = 0;
    clade_algorithm_defaults(generational, values);
    assert_fails(clade_levels_create(generational, &problem, NULL, &refused), CLADE_ECONFIG, "sms_emoa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties),          cmocka_unit_test(keeps_what_is_known),
        cmocka_unit_test(deterministic), cmocka_unit_test(patience),
        cmocka_unit_test(budget),        cmocka_unit_test(none),
        cmocka_unit_test(line_searches),
    };
    return cmocka_run_group_tests(tests, make_space, NULL);
}
