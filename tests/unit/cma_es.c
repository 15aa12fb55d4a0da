/* What cma_es makes of several objectives, of others' children, of variants, of categories and of many optima. Its speed
 * is conformance/cma_es.c, its parts are cma.c. */
#include "near.h"

#include "search/closed_form.h"

enum { GENES = 10, CHILDREN = 400 };

static const clade_algorithm *cma_es;
static double values[CLADE_MAX_PARAMETERS];

static void set(const char *name, double value)
{
    const size_t place = clade_algorithm_parameter(cma_es, name);
    assert_true(place < cma_es->n_parameters);
    values[place] = value;
}

typedef double (*scalar)(const double *objectives);

static double mean_of_two(const double *objectives)
{
    return (objectives[0] + objectives[1]) / 2;
}

static double first_of_two(const double *objectives)
{
    return objectives[0];
}

static scalar reduced_by;

static void reduced_dtlz2(const void *context, const double *genome, double *objectives)
{
    double two[2];
    clade_problem_form_evaluate(context, genome, two);
    objectives[0] = reduced_by(two);
}

/* Several objectives by their mean, or the first alone, are the run of that one objective. */
static void check_reduction(const char *objective, double choice, scalar reduce)
{
    static double genomes[2][CHILDREN * GENES], told[2][CHILDREN * 2];
    const clade_problem_form *form = clade_problem_form_find("dtlz2m2", GENES);
    clade_space space;
    assert_ok(clade_problem_form_space(form, &space));
    clade_algorithm_defaults(cma_es, values);
    set(objective, choice);
    clade_search_problem problem = {.space = &space, .n_objectives = 2, .seed = 4, .window = 3, .parameters = values};
    assert_ok(
        clade_run_closed_form(cma_es, &problem, clade_problem_form_evaluate, form, CHILDREN, told[0], genomes[0]));
    problem.n_objectives = 1;
    reduced_by = reduce;
    assert_ok(clade_run_closed_form(cma_es, &problem, reduced_dtlz2, form, CHILDREN, told[1], genomes[1]));
    assert_memory_equal(genomes[0], genomes[1], sizeof genomes[0]);
    clade_space_fini(&space);
}

static void test_reductions(void **state)
{
    (void)state;
    check_reduction("objective", 1, mean_of_two);
    check_reduction("objective", 2, first_of_two);
}

/* A run of CHILDREN on the sphere at 0.3 around what is told first; returns the best value. */
typedef struct story {
    bool foreign;  /* a genome of others near the optimum is told before the first child */
    bool variants; /* each child is asked for in three variants, of which the second is chosen */
    bool moved;    /* the genome that is told is not the one that was proposed */
} story;

static double tell_story(const story *told_as, uint64_t seed, double *start)
{
    const clade_problem_form *form = clade_problem_form_find("sphere", GENES);
    clade_space space;
    double genome[GENES], chosen[GENES], value, best = INFINITY;
    void *it;
    assert_ok(clade_problem_form_space(form, &space));
    clade_algorithm_defaults(cma_es, values);
    set("sigma", 0.02);
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 1, .seed = seed, .window = 1, .parameters = values};
    assert_ok(cma_es->create(&problem, &it));
    clade_told told = {.genome = chosen, .objectives = &value, .complete = true};
    if (told_as->foreign) {
        for (size_t g = 0; g < GENES; g++)
            chosen[g] = 0.31;
        clade_problem_form_evaluate(form, chosen, &value);
        assert_ok(cma_es->tell(it, &told));
    }
    told.own = true;
    for (uint64_t child = told_as->foreign; child < CHILDREN; child++) {
        for (uint64_t variant = 0; variant < (told_as->variants ? 3 : 1); variant++) {
            clade_proposal proposal = {.variant = variant, .genome = genome};
            assert_ok(cma_es->ask(it, child, &proposal));
            if (variant == told_as->variants)
                memcpy(chosen, genome, sizeof chosen);
        }
        if (told_as->moved)
            chosen[0] = 0.25;
        if (child == told_as->foreign)
            memcpy(start, chosen, sizeof chosen);
        clade_problem_form_evaluate(form, chosen, &value);
        best = value < best ? value : best;
        told.child = child;
        assert_ok(cma_es->tell(it, &told));
    }
    cma_es->destroy(it);
    clade_space_fini(&space);
    return best;
}

static void test_stories(void **state)
{
    (void)state;
    double start[GENES];
    for (uint64_t seed = 1; seed <= 3; seed++) {
        assert_true(tell_story(&(story){.foreign = false}, seed, start) < 0.1);
        for (size_t g = 0; g < GENES; g++)
            assert_near(start[g], 0.5, 0.1); /* the middle, without priors */
        assert_true(tell_story(&(story){.variants = true}, seed, start) < 0.1);
        assert_near(tell_story(&(story){.moved = true}, seed, start), 0.0025, 0.1);
        assert_true(tell_story(&(story){.foreign = true}, seed, start) < 1e-3);
        for (size_t g = 0; g < GENES; g++)
            assert_near(start[g], 0.31, 0.1); /* at the child of others */
    }
}

/* Rastrigin has 10^5 local optima in reach: one run ends in one, restarts with more children find the best. */
static void test_rastrigin(void **state)
{
    enum { FEW = 5, MANY = 40000 };
    (void)state;
    clade_problem_form form = *clade_problem_form_find("rastrigin", 10);
    clade_space space;
    form.n_genes = FEW;
    assert_ok(clade_problem_form_space(&form, &space));
    const double first[FEW] = {2.6, 2.6, 2.6, 2.6, 2.6};
    const char *const first_names[] = {"x0"};
    double *found = test_malloc(MANY * sizeof *found);
    for (int restarts = 0; restarts <= 1; restarts++) {
        clade_algorithm_defaults(cma_es, values);
        set("sigma", 0.05);
        set("restarts", restarts);
        const clade_search_problem problem = {.space = &space,
                                              .n_objectives = 1,
                                              .seed = 1,
                                              .window = 1,
                                              .first = first,
                                              .first_names = first_names,
                                              .n_first = 1,
                                              .parameters = values};
        assert_ok(clade_run_closed_form(cma_es, &problem, clade_problem_form_evaluate, &form, MANY, found, NULL));
        double best = INFINITY;
        for (size_t c = 0; c < MANY; c++)
            best = found[c] < best ? found[c] : best;
        assert_true(restarts ? best < 1e-8 : best > 0.5);
    }
    test_free(found);
    clade_space_fini(&space);
}

/* A category, a gene of its second category only, an integer, a seed, a gene with a prior. */
static char names[5][4] = {"c", "x", "i", "s", "p"};
static clade_gene mixed_genes[] = {
    {.name = names[0], .kind = CLADE_GENE_CATEGORY, .high = 1, .active_in = UINT64_MAX},
    {.name = names[1], .kind = CLADE_GENE_REAL, .low = -2, .high = 3, .active_in = 2},
    {.name = names[2], .kind = CLADE_GENE_INTEGER, .low = 1, .high = 4, .active_in = UINT64_MAX},
    {.name = names[3], .kind = CLADE_GENE_SEED, .active_in = UINT64_MAX},
    {.name = names[4], .kind = CLADE_GENE_REAL, .high = 1, .active_in = UINT64_MAX, .prior = 0.2, .spread = 0.1},
};
static const clade_space mixed_space = {.genes = mixed_genes, .n_genes = 5, .has_category = true};

/* The best category is taken from the first individuals, seeds stay, integers change until they are right. */
static void mixed_value(const void *context, const double *genome, double *objectives)
{
    (void)context;
    const double x = genome[0] < 1 ? 1 : genome[1] - 1.5;
    objectives[0] = x * x + (genome[2] - 4) * (genome[2] - 4) + (genome[4] - 0.3) * (genome[4] - 0.3);
}

static void test_mixed(void **state)
{
    enum { TRIES = 300 };
    (void)state;
    const double first[] = {0, 1, 2, 11, 0.5, 1, 2.4, 2, 12, 0.5};
    const char *const first_names[] = {"a", "b"};
    double found[TRIES], *genomes = test_malloc(TRIES * 5 * sizeof *genomes);
    clade_algorithm_defaults(cma_es, values);
    const clade_search_problem problem = {.space = &mixed_space,
                                          .n_objectives = 1,
                                          .seed = 1,
                                          .window = 1,
                                          .first = first,
                                          .first_names = first_names,
                                          .n_first = 2,
                                          .parameters = values};
    assert_ok(clade_run_closed_form(cma_es, &problem, mixed_value, NULL, TRIES, found, genomes));
    double best = INFINITY;
    for (size_t c = 0; c < TRIES; c++) {
        assert_true(clade_space_holds(&mixed_space, genomes + c * 5));
        if (c >= 2) {
            assert_near(genomes[c * 5], 1, 0);
            assert_near(genomes[c * 5 + 3], 12, 0);
        }
        best = found[c] < best ? found[c] : best;
    }
    assert_true(best < 1e-4);
    test_free(genomes);
}

int main(void)
{
    cma_es = clade_algorithm_find("cma_es");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_rastrigin),
        cmocka_unit_test(test_mixed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
