/* M2N2: competition, attraction and the split point against probabilities computed by hand. Variants of one child are
 * independent draws, so their parents show the probabilities. */
#include "near.h"

#include "search/algorithm.h"

enum { GENES = 4, DRAWS = 20000 };

static clade_gene genes[GENES];
static const clade_space space = {.genes = genes, .n_genes = GENES};

/* One gene for the whole model, then one for each of three sites. */
static void with_sites(void)
{
    for (int g = 0; g < GENES; g++)
        genes[g] = (clade_gene){.high = 1, .active_in = UINT64_MAX, .slot = 1, .site = g - 1, .parent = -1};
}

static void *start(double population, double alpha)
{
    static double parameters[CLADE_MAX_PARAMETERS];
    const clade_algorithm *m2n2 = clade_algorithm_find("m2n2");
    void *it;
    clade_algorithm_defaults(m2n2, parameters);
    parameters[clade_algorithm_parameter(m2n2, "population")] = population;
    parameters[clade_algorithm_parameter(m2n2, "alpha")] = alpha;
    parameters[clade_algorithm_parameter(m2n2, "extrapolation")] = 0;
    parameters[clade_algorithm_parameter(m2n2, "mutation")] = 0;
    with_sites();
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 1, .seed = 1, .window = 1, .parameters = parameters};
    assert_ok(m2n2->create(&problem, &it));
    return it;
}

/* Child CHILD with all genes VALUE and the items of BITS, the first lowest. */
static void tell(void *it, uint64_t child, double value, uint8_t bits)
{
    const double genome[GENES] = {value, value, value, value}, objective = 1;
    assert_ok(clade_algorithm_find("m2n2")->tell(it, &(clade_told){.child = child,
                                                                   .genome = genome,
                                                                   .objectives = &objective,
                                                                   .complete = true,
                                                                   .correct = &bits,
                                                                   .n_correct = 4}));
}

/* PAIRS[a][b]: how often child 100 has the parents a and b. */
static void count_parents(void *it, size_t pairs[8][8])
{
    double genome[GENES];
    memset(pairs, 0, 64 * sizeof(size_t));
    for (uint64_t v = 0; v < DRAWS; v++) {
        clade_proposal proposal = {.variant = v, .genome = genome};
        assert_ok(clade_algorithm_find("m2n2")->ask(it, 100, &proposal));
        assert_true(proposal.n_parents == 2 && proposal.parents[0] < 8 && proposal.parents[1] < 8);
        pairs[proposal.parents[0]][proposal.parents[1]]++;
    }
}

static void check_share(size_t count, double expected)
{
    const double error = sqrt(expected * (1 - expected) / DRAWS);
    assert_near((double)count / DRAWS, expected, 4 * error + 1e-12);
}

/* Items 0 to 3: child 0 gets 0, 1, 2 right, child 1 gets 0, child 2 gets 3. So z = (2, 1, 1, 1), f = (2.5, .5, 1);
 * g(0, .) = (., 0, 1), g(1, .) = (2, ., 1), g(2, .) = (2.5, .5, .). */
static void competition_and_attraction(void **state)
{
    (void)state;
    size_t pairs[8][8];
    void *it = start(3, 1);
    tell(it, 0, 0.1, 7);
    tell(it, 1, 0.2, 1);
    tell(it, 2, 0.3, 8);
    count_parents(it, pairs);
    check_share(pairs[0][2], 2.5 / 4);
    check_share(pairs[1][0], 0.5 / 4 * 2 / 3);
    check_share(pairs[1][2], 0.5 / 4 * 1 / 3);
    check_share(pairs[2][0], 1.0 / 4 * 2.5 / 3);
    check_share(pairs[2][1], 1.0 / 4 * 0.5 / 3);
    clade_algorithm_find("m2n2")->destroy(it);
    /* Without competition f counts right answers: 3, 1, 1. */
    it = start(3, 0);
    tell(it, 0, 0.1, 7);
    tell(it, 1, 0.2, 1);
    tell(it, 2, 0.3, 8);
    count_parents(it, pairs);
    check_share(pairs[0][2], 3.0 / 5);
    check_share(pairs[2][0] + pairs[2][1], 1.0 / 5);
    clade_algorithm_find("m2n2")->destroy(it);
}

static bool is_member(void *it, uint64_t child)
{
    size_t pairs[8][8], count = 0;
    count_parents(it, pairs);
    for (size_t other = 0; other < 8; other++)
        count += pairs[child][other] + pairs[other][child];
    return count > 0;
}

static void the_worst_leaves(void **state)
{
    (void)state;
    void *it = start(3, 1);
    tell(it, 0, 0.1, 7);
    tell(it, 1, 0.2, 1);
    tell(it, 2, 0.3, 8);
    /* A second solver of item 3 makes it worth 1/2 to each: 1, 2 and 3 have .5, and the oldest of them goes. */
    tell(it, 3, 0.4, 8);
    assert_true(is_member(it, 0) && !is_member(it, 1) && is_member(it, 2) && is_member(it, 3));
    tell(it, 4, 0.5, 0); /* itself the worst */
    assert_false(is_member(it, 4));
    /* Failed, ended by a race, asked other items: none of them enters, however good. */
    const double genome[GENES] = {0}, objective = 0;
    const uint8_t all = 15;
    clade_told told = {.child = 5, .genome = genome, .complete = true, .correct = &all, .n_correct = 4};
    assert_ok(clade_algorithm_find("m2n2")->tell(it, &told));
    told.objectives = &objective;
    told.complete = false;
    assert_ok(clade_algorithm_find("m2n2")->tell(it, &told));
    told.complete = true;
    told.n_correct = 5;
    assert_ok(clade_algorithm_find("m2n2")->tell(it, &told));
    assert_false(is_member(it, 5));
    tell(it, 5, 0.6, 15);
    assert_true(is_member(it, 5));
    clade_algorithm_find("m2n2")->destroy(it);
}

/* The parents are 0 and 1 everywhere: a gene of the child is w or 1 - w. The whole model's has what comes before the
 * split; along the sites there is one change at most; every split occurs. */
static void split_point(void **state)
{
    (void)state;
    void *it = start(2, 1);
    size_t splits[GENES] = {0};
    tell(it, 0, 0, 3);
    tell(it, 1, 1, 12);
    for (uint64_t v = 0; v < 2000; v++) {
        double genome[GENES];
        clade_proposal proposal = {.variant = v, .genome = genome};
        assert_ok(clade_algorithm_find("m2n2")->ask(it, 100, &proposal));
        size_t before = 0;
        while (before < 3 && fabs(genome[1 + before] - genome[0]) < 1e-12)
            before++;
        for (size_t s = before; s < 3; s++)
            assert_near(genome[1 + s], 1 - genome[0], 1e-12);
        splits[before]++;
    }
    for (size_t s = 0; s < GENES; s++)
        assert_in_range(splits[s], 400, 600);
    clade_algorithm_find("m2n2")->destroy(it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(competition_and_attraction),
        cmocka_unit_test(the_worst_leaves),
        cmocka_unit_test(split_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
