/* TPE: the Parzen densities and the split against numbers computed by hand, and searches in spaces with everything that
 * a gene can be. The laws of all algorithms are property/algorithms.c. */
#include "near.h"

#include "search/algorithm/good_set.h"
#include "search/algorithm/observed.h"
#include "search/algorithm/parzen.h"
#include "search/closed_form.h"
#include "search/pareto.h"

static double normal(double x, double mu, double sigma)
{
    const double z = (x - mu) / sigma;
    return exp(-z * z / 2) / (sigma * sqrt(2 * acos(-1)));
}

static double mass(double mu, double sigma)
{
    return (erf((1 - mu) / sigma / sqrt(2)) - erf((0 - mu) / sigma / sqrt(2))) / 2;
}

/* Observations at .2 and .6, the prior between them: widths .3, and .1 clipped to 1 / (2 + 2). */
static void density_by_hand(void **state)
{
    (void)state;
    clade_parzen parzen = {0};
    assert_ok(clade_parzen_init(&parzen, 2));
    clade_parzen_add(&parzen, 0.2, 1);
    clade_parzen_add(&parzen, 0.6, 0.5);
    clade_parzen_close(&parzen, 0.5, 1);
    assert_int_equal(parzen.count, 3);
    double integral = 0, mean = 0;
    for (double x = 0.0005; x < 1; x += 0.001) {
        const double expected = (normal(x, 0.2, 0.3) / mass(0.2, 0.3) + 0.5 * normal(x, 0.6, 0.25) / mass(0.6, 0.25) +
                                 normal(x, 0.5, 1) / mass(0.5, 1)) /
                                2.5;
        assert_near(clade_parzen_density(&parzen, x), expected, 1e-6);
        integral += 0.001 * clade_parzen_density(&parzen, x);
        mean += 0.001 * x * clade_parzen_density(&parzen, x);
    }
    assert_near(integral, 1, 1e-5);
    assert_near(clade_parzen_mean_density(&parzen, 0, 1), 1, 1e-12);
    const double middle = 0.4995;
    assert_near(clade_parzen_mean_density(&parzen, middle - 1e-4, middle + 1e-4), clade_parzen_density(&parzen, middle),
                1e-6);
    clade_rng rng = clade_rng_seeded(1, 1);
    double sum = 0;
    enum { DRAWS = 20000 };
    for (size_t i = 0; i < DRAWS; i++) {
        const double x = clade_parzen_draw(&parzen, &rng);
        assert_true(x >= 0 && x <= 1);
        sum += x;
    }
    assert_near(sum / DRAWS, mean, 4 * 0.3 / sqrt(DRAWS));
    clade_parzen_fini(&parzen);
}

/* Many observations close together share kernels; the density is that of all of them. */
static void close_kernels_merge(void **state)
{
    (void)state;
    enum { N = 400 };
    clade_parzen parzen = {0};
    assert_ok(clade_parzen_init(&parzen, N));
    for (size_t i = 0; i < N; i++)
        clade_parzen_add(&parzen, 0.3 + 1e-4 * (double)i, 1);
    clade_parzen_close(&parzen, 0.5, 1);
    assert_true(parzen.count < 30);
    for (double x = 0.27; x < 0.38; x += 0.01) {
        double expected = normal(x, 0.5, 1) / mass(0.5, 1);
        for (size_t i = 0; i < N; i++) /* the last has a gap to the prior */
            expected +=
                i + 1 < N ? normal(x, 0.3 + 1e-4 * (double)i, 0.01) : normal(x, 0.3399, 0.1601) / mass(0.3399, 0.1601);
        assert_near(clade_parzen_density(&parzen, x) * (N + 1) / expected, 1, x > 0.295 && x < 0.345 ? 0.005 : 0.03);
    }
    clade_parzen_fini(&parzen);
}

/* A and D are the ends, B and C near each other in the middle, E is dominated. */
static const double points[] = {0, 4, 1, 1, 1.1, 0.95, 4, 0, 5, 5};

static void split_by_hand(void **state)
{
    (void)state;
    size_t index[5];
    double worth[5];
    /* Reference (4.4, 4.4): B 3.4 * 3.4 comes first; then A and D add .4 each, and C only 3.3 * .05. */
    assert_ok(clade_good_set(points, 5, 2, 3, index, worth));
    assert_true(index[0] == 0 && index[1] == 1 && index[2] == 3);
    assert_near(worth[0], 0.4 / 9, 1e-12);
    assert_near(worth[1], 1, 0);
    assert_near(worth[3], 0.4 / 9, 1e-12);
    /* The whole front, and E, which contributes nothing. */
    assert_ok(clade_good_set(points, 5, 2, 9, index, worth));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(index[i], i);
    assert_near(worth[4], 1e-12, 0);
    static const double single[] = {5, 3, 3, 1};
    assert_ok(clade_good_set(single, 4, 1, 2, index, worth));
    assert_true(index[0] == 1 && index[1] == 3);
    assert_near(worth[1] + worth[3], 2, 0);
}

static clade_status split(void *context)
{
    size_t index[5];
    double worth[5];
    (void)context;
    return clade_good_set(points, 5, 2, 3, index, worth);
}

static void split_without_memory(void **state)
{
    (void)state;
    check_every_allocation(split, NULL);
}

/* Of 60 children every third failed, every other third was ended by a race: they are never good. Batches are not
 * kept. */
static void who_is_good(void **state)
{
    (void)state;
    enum { N = 60 };
    clade_space space;
    clade_observed observed = {0};
    assert_ok(clade_problem_form_space(clade_problem_form_find("sphere", 10), &space));
    const clade_search_problem problem = {.space = &space, .n_objectives = 1};
    assert_ok(clade_observed_init(&observed, &problem));
    double genome[10] = {0};
    for (size_t c = 0; c < N; c++) {
        const double objective = (double)(N - c);
        genome[0] = (double)(c * 7 % N) / N;
        clade_told told = {.child = c, .genome = genome, .objectives = c % 3 == 0 ? NULL : &objective};
        told.complete = c % 3 == 1;
        assert_ok(clade_observed_add(&observed, &told));
        told.objectives = &objective;
        told.complete = false;
        told.batch = 1;
        assert_ok(clade_observed_add(&observed, &told));
    }
    assert_true(observed.count == N && observed.n_complete == N / 3);
    for (size_t i = 1; i < N; i++)
        assert_true(clade_observed_unit(&observed, observed.order[0][i - 1])[0] <=
                    clade_observed_unit(&observed, observed.order[0][i])[0]);
    assert_ok(clade_observed_split(&observed));
    size_t others = 0;
    for (size_t c = 0; c < N; c++) {
        assert_int_equal(observed.seen[c].good, c == 55 || c == 58); /* 2 of the 20 complete ones, the smallest */
        if (observed.seen[c].good)
            continue;
        /* 58 others: the first 33 rise from 1/58 to 1. */
        const double expected = others < 33 ? 1.0 / 58 + 57.0 / 58 * (double)others / 32 : 1;
        assert_near(observed.seen[c].weight, expected, 1e-12);
        others++;
    }
    clade_observed_fini(&observed);
    clade_space_fini(&space);
}

/* A category, a number in log scale, an integer of two categories only, a seed. */
static clade_gene genes[] = {
    {.name = (char[]){"method"}, .kind = CLADE_GENE_CATEGORY, .high = 2, .active_in = 7},
    {.name = (char[]){"x"}, .scale = CLADE_LOG_SCALE, .low = 1e-3, .high = 1, .active_in = 7},
    {.name = (char[]){"steps"}, .kind = CLADE_GENE_INTEGER, .low = 1, .high = 20, .active_in = 6},
    {.name = (char[]){"seed"}, .kind = CLADE_GENE_SEED, .active_in = 4},
};
static const clade_space all_kinds = {.genes = genes, .n_genes = 4, .has_category = true};

/* Least (0) at category 2, x = .02, 7 steps. */
static void miss(const void *context, const double *genome, double *objectives)
{
    (void)context;
    assert_true(clade_space_holds(&all_kinds, genome));
    objectives[0] = 2 - genome[0] + fabs(log(genome[1] / 0.02)) + (genome[0] > 0.5 ? fabs(genome[2] - 7) / 5 : 3);
}

static void all_kinds_of_genes(void **state)
{
    (void)state;
    const clade_algorithm *tpe = clade_algorithm_find("tpe");
    double parameters[CLADE_MAX_PARAMETERS], objectives[200], genomes[200 * 4];
    clade_algorithm_defaults(tpe, parameters);
    for (int joint = 0; joint < 2; joint++) {
        parameters[clade_algorithm_parameter(tpe, "joint")] = joint;
        const clade_search_problem problem = {
            .space = &all_kinds, .n_objectives = 1, .seed = 1, .window = 2, .parameters = parameters};
        assert_ok(clade_run_closed_form(tpe, &problem, miss, NULL, 200, objectives, genomes));
        size_t right = 0;
        double best = INFINITY;
        for (size_t c = 0; c < 200; c++) {
            best = objectives[c] < best ? objectives[c] : best;
            right += c >= 100 && genomes[c * 4] > 1.5;
        }
        assert_true(best < 0.15); /* a uniform child is that good once in 1400 */
        assert_true(right > 60);
    }
}

/* All numbers together: better with 300 children than random search with 600. */
static void joint_density_finds(void **state)
{
    (void)state;
    const clade_problem_form *form = clade_problem_form_find("mixmerge", 12);
    const clade_algorithm *tpe = clade_algorithm_find("tpe"), *random = clade_algorithm_find("random");
    double parameters[CLADE_MAX_PARAMETERS], found, chance;
    static double objectives[600 * 2];
    clade_space space;
    clade_algorithm_defaults(tpe, parameters);
    parameters[clade_algorithm_parameter(tpe, "joint")] = 1;
    assert_ok(clade_problem_form_space(form, &space));
    const clade_search_problem problem = {
        .space = &space, .n_objectives = 2, .seed = 2, .window = 4, .parameters = parameters};
    assert_ok(clade_run_closed_form(tpe, &problem, clade_problem_form_evaluate, form, 300, objectives, NULL));
    assert_ok(clade_hypervolume(objectives, 300, 2, form->wide, &found));
    assert_ok(clade_run_closed_form(random, &problem, clade_problem_form_evaluate, form, 600, objectives, NULL));
    assert_ok(clade_hypervolume(objectives, 600, 2, form->wide, &chance));
    assert_true(found > chance);
    clade_space_fini(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(density_by_hand),     cmocka_unit_test(close_kernels_merge),
        cmocka_unit_test(split_by_hand),       cmocka_unit_test(split_without_memory),
        cmocka_unit_test(who_is_good),         cmocka_unit_test(all_kinds_of_genes),
        cmocka_unit_test(joint_density_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
