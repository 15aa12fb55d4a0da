/* Laws of the search algorithms, over the registry: the order of ask and tell, determinism, failures, first
 * individuals, and that they find what is to be found. The comparison with published tools is conformance/optimisers.c.
 */
#include "near.h"

#include "search/closed_form.h"
#include "search/pareto.h"

enum { CHILDREN = 150, MOST = 2000, MOST_GENES = 32 };

/* The defaults, with a small population where there is one of a fixed size. VALUES (CLADE_MAX_PARAMETERS). */
static const double *settings(const clade_algorithm *algorithm, double *values)
{
    const size_t population = clade_algorithm_parameter(algorithm, "population");
    clade_algorithm_defaults(algorithm, values);
    if (population < algorithm->n_parameters && values[population] > 0)
        values[population] = 20;
    return values;
}

typedef struct outcome {
    double objectives[MOST * 3], genomes[MOST * MOST_GENES];
} outcome;

static outcome first_run, second_run;

static void run(const clade_algorithm *algorithm, const clade_problem_form *form, uint64_t seed, size_t window,
                size_t children, clade_closed_form evaluate, outcome *out)
{
    clade_space space;
    double values[CLADE_MAX_PARAMETERS];
    assert_ok(clade_problem_form_space(form, &space));
    const clade_search_problem problem = {.space = &space,
                                          .n_objectives = form->n_objectives,
                                          .seed = seed,
                                          .window = window,
                                          .parameters = settings(algorithm, values)};
    memset(out, 0, sizeof *out);
    assert_ok(clade_run_closed_form(algorithm, &problem, evaluate, form, children, out->objectives, out->genomes));
    for (size_t c = 0; c < children; c++)
        assert_true(clade_space_holds(&space, out->genomes + c * space.n_genes));
    clade_space_fini(&space);
}

static void for_all(void (*check)(const clade_algorithm *))
{
    size_t count;
    const clade_algorithm *const *all = clade_algorithms(&count);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(clade_algorithm_find(all[i]->name), all[i]);
        check(all[i]);
    }
}

/* Equal seeds and windows: equal bits; other seeds: another run; more children: the same run, longer. */
static void check_determinism(const clade_algorithm *algorithm)
{
    size_t count;
    const clade_problem_form *forms = clade_problem_forms(&count);
    for (size_t f = 0; f < count; f += 3)
        for (size_t window = 1; window <= 9; window += 8) {
            run(algorithm, &forms[f], 7, window, CHILDREN, clade_problem_form_evaluate, &first_run);
            run(algorithm, &forms[f], 7, window, CHILDREN, clade_problem_form_evaluate, &second_run);
            assert_memory_equal(&first_run, &second_run, sizeof first_run);
            run(algorithm, &forms[f], 7, window, 2 * CHILDREN, clade_problem_form_evaluate, &second_run);
            assert_memory_equal(first_run.objectives, second_run.objectives,
                                CHILDREN * forms[f].n_objectives * sizeof(double));
            run(algorithm, &forms[f], 8, window, CHILDREN, clade_problem_form_evaluate, &second_run);
            assert_memory_not_equal(&first_run, &second_run, sizeof first_run);
        }
}

static void determinism(void **state)
{
    (void)state;
    for_all(check_determinism);
}

/* Asking for variants changes nothing: the same variant is the same proposal whatever was asked in between. */
static void check_variants(const clade_algorithm *algorithm, void *it, uint64_t child, size_t n_genes)
{
    double genomes[3][MOST_GENES];
    for (uint64_t i = 0; i < 3; i++) {
        clade_proposal proposal = {.variant = i % 2, .genome = genomes[i]};
        assert_ok(algorithm->ask(it, child, &proposal));
    }
    assert_memory_equal(genomes[0], genomes[2], n_genes * sizeof(double));
}

/* The contract of the order: needs() is monotone, at most CHILD, and only what it says is known when CHILD is asked;
 * the parents of a proposal were told before. */
static void check_order(const clade_algorithm *algorithm)
{
    const clade_problem_form *form = clade_problem_form_find("zdt1", 10);
    clade_space space;
    double genomes[CHILDREN][MOST_GENES], values[CLADE_MAX_PARAMETERS];
    assert_ok(clade_problem_form_space(form, &space));
    for (size_t window = 1; window <= 13; window += 6) {
        const clade_search_problem problem = {
            .space = &space, .n_objectives = 2, .seed = 3, .window = window, .parameters = settings(algorithm, values)};
        void *it;
        uint64_t told = 0, former = 0;
        assert_ok(algorithm->create(&problem, &it));
        for (uint64_t child = 0; child < CHILDREN; child++) {
            const uint64_t before = clade_told_before_ask(algorithm, it, child, window);
            assert_true(before >= former && before <= child && algorithm->needs(it, child) <= before);
            assert_true(child < window || before >= child - window + 1);
            former = before;
            for (; told < before; told++) {
                double objectives[2];
                clade_problem_form_evaluate(form, genomes[told], objectives);
                const clade_told result = {.child = told,
                                           .genome = genomes[told],
                                           .objectives = objectives,
                                           .cost = 1,
                                           .own = true,
                                           .complete = true};
                assert_ok(algorithm->tell(it, &result));
            }
            check_variants(algorithm, it, child, space.n_genes);
            clade_proposal proposal = {.genome = genomes[child]};
            assert_ok(algorithm->ask(it, child, &proposal));
            assert_true(proposal.operator_name[0] != '\0' && proposal.n_parents <= CLADE_MAX_CHILD_PARENTS);
            for (size_t p = 0; p < proposal.n_parents; p++)
                assert_true(proposal.parents[p] < told);
        }
        algorithm->destroy(it);
    }
    clade_space_fini(&space);
}

static void order(void **state)
{
    (void)state;
    for_all(check_order);
}

/* A generational algorithm does not depend on the window: what it needs is what it uses. */
static void nsga2_ignores_the_window(void **state)
{
    (void)state;
    const clade_problem_form *form = clade_problem_form_find("mixmerge", 12);
    run(clade_algorithm_find("nsga2"), form, 5, 1, CHILDREN, clade_problem_form_evaluate, &first_run);
    run(clade_algorithm_find("nsga2"), form, 5, 16, CHILDREN, clade_problem_form_evaluate, &second_run);
    assert_memory_equal(&first_run, &second_run, sizeof first_run);
}

/* Every child fails whose first gene is above a half: no parent may be one of those, and the run goes on. */
static void evaluate_or_fail(const void *context, const double *genome, double *objectives)
{
    clade_problem_form_evaluate(context, genome, objectives);
    if (genome[0] > 0.5)
        objectives[1] = (double)NAN;
}

static void fail_always(const void *context, const double *genome, double *objectives)
{
    (void)context;
    (void)genome;
    objectives[0] = objectives[1] = (double)INFINITY;
}

static void check_failures(const clade_algorithm *algorithm)
{
    const clade_problem_form *form = clade_problem_form_find("zdt1", 10);
    run(algorithm, form, 1, 4, CHILDREN, fail_always, &first_run);
    run(algorithm, form, 1, 4, 400, evaluate_or_fail, &first_run);
    size_t late_failures = 0;
    for (size_t c = 200; c < 400; c++)
        late_failures += first_run.genomes[c * form->n_genes] > 0.5;
    if (algorithm->learns) /* those that learn get away from the half that fails */
        assert_true(late_failures < 60);
}

static void failures(void **state)
{
    (void)state;
    for_all(check_failures);
}

/* First individuals come first, in their order and under their names, more of them than the population too; the rest of
 * the start comes from them; and what is as good as they are is never lost. */
static void check_first(const clade_algorithm *algorithm)
{
    enum { FIRST = 30, GENES = 10 };
    const clade_problem_form *form = clade_problem_form_find("zdt1", GENES);
    static double first[FIRST * GENES];
    static const char *names[FIRST];
    double values[CLADE_MAX_PARAMETERS], genome[GENES];
    clade_space space;
    assert_ok(clade_problem_form_space(form, &space));
    for (size_t i = 0; i < FIRST; i++) {
        names[i] = i == 1 ? "average" : "x";
        for (size_t g = 0; g < GENES; g++)
            first[i * GENES + g] = g == 0 ? (double)i / FIRST : 0.1;
    }
    const size_t counts[] = {1, 5, FIRST};
    for (size_t n = 0; n < 3; n++) {
        const clade_search_problem problem = {.space = &space,
                                              .n_objectives = 2,
                                              .seed = 1,
                                              .window = 4,
                                              .first = first,
                                              .first_names = names,
                                              .n_first = counts[n],
                                              .parameters = settings(algorithm, values)};
        void *it;
        clade_proposal proposal = {.genome = genome};
        assert_ok(algorithm->create(&problem, &it));
        for (uint64_t child = 0; child < counts[n]; child++) {
            assert_ok(algorithm->ask(it, child, &proposal));
            assert_memory_equal(genome, first + child * GENES, sizeof genome);
            assert_string_equal(proposal.operator_name, child == 1 ? "first: average" : "first: x");
            assert_int_equal(proposal.n_parents, 0);
        }
        algorithm->destroy(it);
        assert_ok(clade_run_closed_form(algorithm, &problem, clade_problem_form_evaluate, form, 400,
                                        first_run.objectives, first_run.genomes));
        /* g = 1 + 0.9 of the first ones; those that learn go below, random search does not. */
        double least = INFINITY;
        for (size_t c = 0; c < 400; c++) {
            double sum = 0;
            for (size_t g = 1; g < GENES; g++)
                sum += first_run.genomes[c * GENES + g];
            least = sum < least ? sum : least;
        }
        assert_true(algorithm->learns ? least < 0.9 * 0.8 : least <= 0.9);
    }
    clade_space_fini(&space);
}

static void first_individuals(void **state)
{
    (void)state;
    for_all(check_first);
}

/* Well above random search at a small budget, on every kind of problem. */
static void check_progress(const clade_algorithm *algorithm)
{
    if (!algorithm->learns)
        return;
    static const struct {
        const char *name;
        size_t n_genes;
    } problems[] = {{"zdt1", 10}, {"zdt4", 10}, {"dtlz2m2", 10}, {"dtlz2m3", 12}, {"mixmerge", 12}};
    for (size_t p = 0; p < sizeof problems / sizeof *problems; p++) {
        const clade_problem_form *form = clade_problem_form_find(problems[p].name, problems[p].n_genes);
        for (uint64_t seed = 1; seed <= 5; seed++) {
            double found, random;
            run(algorithm, form, seed, 4, 600, clade_problem_form_evaluate, &first_run);
            run(clade_algorithm_find("random"), form, seed, 4, 1000, clade_problem_form_evaluate, &second_run);
            assert_ok(clade_hypervolume(first_run.objectives, 600, form->n_objectives, form->wide, &found));
            assert_ok(clade_hypervolume(second_run.objectives, 1000, form->n_objectives, form->wide, &random));
            if (found <= random)
                fail_msg("%s on %s, seed %d: %g after 600 children, random search %g after 1000", algorithm->name,
                         form->name, (int)seed, found, random);
        }
    }
}

static void progress(void **state)
{
    (void)state;
    for_all(check_progress);
}

/* One objective works as well: the sphere in ten dimensions. */
static void check_single(const clade_algorithm *algorithm)
{
    if (!algorithm->learns)
        return;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        run(algorithm, clade_problem_form_find("sphere", 10), seed, 4, MOST, clade_problem_form_evaluate, &first_run);
        double best = INFINITY;
        for (size_t c = 0; c < MOST; c++)
            best = first_run.objectives[c] < best ? first_run.objectives[c] : best;
        assert_true(best < 1e-2); /* a uniform sample of 2000 has about 0.15 */
    }
}

static void single_objective(void **state)
{
    (void)state;
    for_all(check_single);
}

static void streams_are_independent(void **state)
{
    (void)state;
    double sum = 0;
    enum { N = 4000 };
    for (uint64_t child = 0; child < N; child++) {
        clade_rng a = clade_child_rng(1, child, 0, CLADE_DRAW_SAMPLE),
                  b = clade_child_rng(1, child, 0, CLADE_DRAW_SELECTION),
                  c = clade_child_rng(1, child + 1, 0, CLADE_DRAW_SAMPLE),
                  d = clade_child_rng(2, child, 0, CLADE_DRAW_SAMPLE);
        const double x = clade_rng_uniform(&a) - 0.5;
        sum += x * (clade_rng_uniform(&b) + clade_rng_uniform(&c) + clade_rng_uniform(&d) - 1.5);
    }
    /* The sum of N products of variance 3 / 144: four standard deviations. */
    assert_near(sum, 0, 4 * sqrt(N * 3 / 144.0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(determinism),
        cmocka_unit_test(order),
        cmocka_unit_test(nsga2_ignores_the_window),
        cmocka_unit_test(failures),
        cmocka_unit_test(first_individuals),
        cmocka_unit_test(progress),
        cmocka_unit_test(single_objective),
        cmocka_unit_test(streams_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
