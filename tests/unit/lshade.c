/* The parts of lshade: the success history and the reduction by hand, and what its trials are. */
#include "mixed_space.h"
#include "near.h"

#include "search/algorithm/success_history.h"

/* Weighted Lehmer means sum w x^2 / sum w x, one entry after the other. */
static void lehmer_means(void **state)
{
    (void)state;
    clade_success_history h;
    clade_success_history_init(&h);
    clade_success_history_add(&h, 0.4, 0.2, 1);
    clade_success_history_add(&h, 0.8, 0.6, 3);
    clade_success_history_add(&h, 1, 1, 0); /* brought nothing: counts nothing */
    clade_success_history_turn(&h);
    assert_near(h.F[0], (0.16 + 3 * 0.64) / (0.4 + 3 * 0.8), 1e-15);
    assert_near(h.CR[0], (0.04 + 3 * 0.36) / (0.2 + 3 * 0.6), 1e-15);
    assert_near(h.F[1], 0.5, 0);
    assert_int_equal(h.next, 1);
    clade_success_history_turn(&h); /* no success: nothing changes */
    assert_int_equal(h.next, 1);
    assert_near(h.F[1], 0.5, 0);
    for (size_t i = 0; i < CLADE_HISTORY; i++) {
        clade_success_history_add(&h, 0.9, 0.3, 2);
        clade_success_history_turn(&h);
    }
    assert_int_equal(h.next, 1);
    assert_near(h.F[0], 0.9, 1e-15);
    assert_near(h.CR[0], 0.3, 1e-15);
}

/* All successful CR were 0: that entry is 0 for good. */
static void terminal_rate(void **state)
{
    (void)state;
    clade_success_history h;
    clade_success_history_init(&h);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < CLADE_HISTORY; i++) {
            clade_success_history_add(&h, 0.5, round == 0 ? 0 : 0.9, 1);
            clade_success_history_turn(&h);
        }
    for (uint64_t child = 0; child < 100; child++) {
        double F, CR;
        clade_rng rng = clade_child_rng(1, child, 0, CLADE_DRAW_OPERATOR);
        clade_success_history_draw(&h, &rng, &F, &CR);
        assert_near(CR, 0, 0);
    }
}

static void draws(void **state)
{
    (void)state;
    enum { N = 4000 };
    clade_success_history h;
    clade_success_history_init(&h);
    h.F[0] = 0.01; /* a third of the draws around it would be negative */
    double sum_CR = 0, below = 0, counted = 0;
    for (uint64_t child = 0; child < N; child++) {
        double F, CR;
        clade_rng rng = clade_child_rng(2, child, 0, CLADE_DRAW_OPERATOR);
        clade_success_history_draw(&h, &rng, &F, &CR);
        assert_true(F > 0 && F <= 1 && CR >= 0 && CR <= 1);
        sum_CR += CR;
        clade_rng again = clade_child_rng(2, child, 0, CLADE_DRAW_OPERATOR);
        if (clade_rng_below(&again, CLADE_HISTORY) > 0) { /* around 0.5: a quarter of a Cauchy is below m - scale */
            below += F < 0.4;
            counted++;
        }
    }
    assert_near(sum_CR / N, 0.5, 0.01);
    assert_near(below / counted, 0.25, 0.05); /* what is drawn again was below: 6 % of the draws */
}

static void reduction(void **state)
{
    (void)state;
    assert_int_equal(clade_reduced_size(18, 4, 100, 0), 18);
    assert_int_equal(clade_reduced_size(18, 4, 100, 50), 11);
    assert_int_equal(clade_reduced_size(18, 4, 100, 100), 4);
    assert_int_equal(clade_reduced_size(18, 4, 100, 1000), 4);
    assert_int_equal(clade_reduced_size(18, 4, 0, 1000), 18);
    size_t former = 180;
    for (uint64_t told = 0; told <= 2000; told++) {
        const size_t size = clade_reduced_size(180, 4, 2000, told);
        assert_true(size <= former && former - size <= 1 && size >= 4);
        former = size;
    }
    assert_int_equal(former, 4);
}

/* At the end of a known budget four targets are left; without a budget all of them take turns. */
static void targets_take_turns(void **state)
{
    (void)state;
    enum { CHILDREN = 400, LAST = 32 };
    const clade_algorithm *algorithm = clade_algorithm_find("lshade");
    double values[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(algorithm, values);
    for (uint64_t budget = 0; budget <= CHILDREN; budget += CHILDREN) {
        const clade_search_problem problem = {
            .space = &mixed_space, .n_objectives = 2, .seed = 1, .window = 1, .parameters = values, .children = budget};
        uint64_t targets[LAST];
        void *it;
        assert_ok(algorithm->create(&problem, &it));
        for (uint64_t child = 0; child < CHILDREN; child++) {
            double genome[MIXED_GENES], objectives[2];
            clade_proposal proposal = {.genome = genome};
            assert_ok(algorithm->ask(it, child, &proposal));
            mixed_evaluate(NULL, genome, objectives);
            objectives[0] += child < CHILDREN - LAST ? 0 : 100; /* the last ones bring nothing: targets stay */
            objectives[1] += child < CHILDREN - LAST ? 0 : 100;
            const clade_told told = {
                .child = child, .genome = genome, .objectives = objectives, .own = true, .complete = true};
            assert_ok(algorithm->tell(it, &told));
            if (child >= CHILDREN - LAST)
                targets[child - (CHILDREN - LAST)] = proposal.parents[0];
        }
        algorithm->destroy(it);
        size_t distinct = 0;
        for (size_t i = 0; i < LAST; i++) {
            bool known = false;
            for (size_t j = 0; j < i; j++)
                known |= targets[j] == targets[i];
            distinct += !known;
        }
        assert_int_equal(distinct, budget > 0 ? 5 : 16);
    }
}

/* First individuals that agree in a gene do not fix it for good, and every kind of gene moves. */
static void finds_the_mixed_optimum(void **state)
{
    (void)state;
    enum { CHILDREN = 800, FIRST = 20 };
    static double genomes[CHILDREN * MIXED_GENES], objectives[CHILDREN * 2], first[FIRST * MIXED_GENES];
    static const char *names[FIRST];
    const clade_algorithm *algorithm = clade_algorithm_find("lshade");
    double values[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(algorithm, values);
    for (size_t i = 0; i < FIRST; i++) {
        const double genome[MIXED_GENES] = {(double)(i % 3), 0.1, 0.4, (double)(i % 10), 0.1, (double)(i % 4), 9};
        memcpy(first + i * MIXED_GENES, genome, sizeof genome);
        names[i] = "x";
    }
    const clade_search_problem problem = {.space = &mixed_space,
                                          .n_objectives = 2,
                                          .seed = 3,
                                          .first = first,
                                          .first_names = names,
                                          .n_first = FIRST,
                                          .window = 3,
                                          .parameters = values};
    assert_ok(clade_run_closed_form(algorithm, &problem, mixed_evaluate, NULL, CHILDREN, objectives, genomes));
    double least = INFINITY;
    size_t seeds = 0;
    for (size_t c = 0; c < CHILDREN; c++) {
        assert_true(clade_space_holds(&mixed_space, genomes + c * MIXED_GENES));
        least = fmin(least, objectives[2 * c]);
        seeds += genomes[c * MIXED_GENES + MIXED_SEED] > 9;
    }
    assert_true(least < 0.01);
    assert_true(seeds > 100 && seeds < CHILDREN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lehmer_means), cmocka_unit_test(terminal_rate),      cmocka_unit_test(draws),
        cmocka_unit_test(reduction),    cmocka_unit_test(targets_take_turns), cmocka_unit_test(finds_the_mixed_optimum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
