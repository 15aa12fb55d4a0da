/* The front as it grows, which member is the best, and its hypervolume. */
#include "test.h"

#include <math.h>

#include "search/archive.h"
#include "search/pareto.h"

/* Two maximised objectives and one minimised one, as points are stored: minimised. */
static clade_experiment experiment_of(size_t n)
{
    static const char *const names[] = {"accuracy", "robustness", "entropy"};
    clade_experiment experiment = {.n_objectives = n};
    for (size_t i = 0; i < n; i++)
        experiment.objectives[i] = clade_objective_find(names[i]);
    return experiment;
}

static bool add(clade_archive *archive, uint64_t child, double a, double b)
{
    const double point[] = {a, b};
    bool entered = false;
    assert_ok(clade_archive_add(archive, child, point, &entered));
    return entered;
}

static void keeps_what_nothing_dominates(void **state)
{
    (void)state;
    clade_archive archive = {.n_objectives = 2};
    assert_true(add(&archive, 0, -0.5, -0.5));
    assert_false(add(&archive, 1, -0.5, -0.5)); /* of equal points the first */
    assert_false(add(&archive, 2, -0.5, -0.4));
    assert_true(add(&archive, 3, -0.6, -0.4));
    assert_true(add(&archive, 4, -0.4, -0.6));
    assert_int_equal(archive.count, 3);
    assert_true(add(&archive, 5, -0.6, -0.5)); /* drops 0 and 3 */
    assert_int_equal(archive.count, 2);
    assert_int_equal(archive.children[0], 4);
    assert_int_equal(archive.children[1], 5);
    clade_archive_sort(&archive);
    assert_int_equal(archive.children[0], 5);
    clade_archive_remove(&archive, 0);
    assert_int_equal(archive.count, 1);
    assert_int_equal(archive.children[0], 4);
    clade_archive_fini(&archive);
    assert_int_equal(clade_alloc_live(), 0);
}

static void zero_of_either_sign_is_one_point(void **state)
{
    (void)state;
    clade_archive archive = {.n_objectives = 2};
    assert_true(add(&archive, 0, -0.0, -0.5));
    assert_false(add(&archive, 1, 0.0, -0.5));
    clade_archive_fini(&archive);
}

static void agrees_with_brute_force_in_any_order(void **state)
{
    (void)state;
    enum { POINTS = 60 };
    clade_rng rng = clade_rng_seeded(3, 4);
    for (size_t round = 0; round < 50; round++) {
        double points[POINTS][2];
        clade_archive archive = {.n_objectives = 2};
        size_t expected = 0;
        for (size_t i = 0; i < POINTS; i++) { /* a grid, so that there are ties */
            points[i][0] = (double)clade_rng_below(&rng, 12);
            points[i][1] = (double)clade_rng_below(&rng, 12);
            add(&archive, i, points[i][0], points[i][1]);
        }
        for (size_t i = 0; i < POINTS; i++) {
            bool out = false;
            for (size_t j = 0; j < POINTS; j++) {
                const bool no_worse = points[j][0] <= points[i][0] && points[j][1] <= points[i][1];
                const bool better = points[j][0] < points[i][0] || points[j][1] < points[i][1];
                out = out || (no_worse && (better || j < i));
            }
            expected += !out;
            for (size_t k = 0; k < archive.count; k++)
                if (archive.children[k] == i)
                    assert_false(out);
        }
        assert_int_equal(archive.count, expected);
        clade_archive_fini(&archive);
    }
}

/* The hypervolume is that of the points, to the bit, also after members were taken out and sorted. */
static void hypervolume_is_that_of_the_members(void **state)
{
    (void)state;
    enum { POINTS = 300 };
    for (uint64_t m = 2; m <= 3; m++) {
        const clade_experiment experiment = experiment_of(m);
        const double reference[] = {0, 0, 3};
        clade_archive archive = {.n_objectives = m};
        clade_rng rng = clade_rng_seeded(m, 7);
        for (uint64_t i = 0; i < POINTS; i++) {
            double point[3], expected, found;
            bool entered;
            for (size_t k = 0; k < m; k++)
                point[k] = -clade_rng_uniform(&rng);
            assert_ok(clade_archive_add(&archive, i, point, &entered));
            if (i % 7 == 3)
                clade_archive_remove(&archive, (size_t)clade_rng_below(&rng, archive.count));
            if (i % 11 == 5)
                clade_archive_sort(&archive);
            assert_ok(clade_hypervolume(archive.points, archive.count, m, reference, &expected));
            assert_ok(clade_archive_hypervolume(&archive, &experiment, &found));
            assert_memory_equal(&found, &expected, sizeof found);
        }
        clade_archive_fini(&archive);
    }
}

static void the_best_by_rule(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of(2);
    clade_archive archive = {.n_objectives = 2};
    assert_int_equal(clade_archive_best(&archive, &experiment, "knee"), 0);
    add(&archive, 10, -0.90, -0.10);
    add(&archive, 11, -0.80, -0.70); /* near the ideal (-.9, -.8) */
    add(&archive, 12, -0.50, -0.80);
    assert_int_equal(archive.children[clade_archive_best(&archive, &experiment, "knee")], 11);
    assert_int_equal(archive.children[clade_archive_best(&archive, &experiment, "accuracy")], 10);
    assert_int_equal(archive.children[clade_archive_best(&archive, &experiment, "robustness")], 12);
    clade_archive_fini(&archive);
    /* Two ends of a line are equally far from the ideal: the first objective decides. */
    archive = (clade_archive){.n_objectives = 2};
    add(&archive, 20, -0.5, -0.9);
    add(&archive, 21, -0.9, -0.5);
    assert_int_equal(archive.children[clade_archive_best(&archive, &experiment, "knee")], 21);
    clade_archive_fini(&archive);
}

static void the_knee_does_not_depend_on_units(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of(2);
    clade_rng rng = clade_rng_seeded(5, 6);
    for (size_t round = 0; round < 50; round++) {
        clade_archive plain = {.n_objectives = 2}, scaled = {.n_objectives = 2};
        for (uint64_t i = 0; i < 20; i++) {
            const double a = clade_rng_uniform(&rng), b = clade_rng_uniform(&rng);
            add(&plain, i, a, b);
            add(&scaled, i, 64.0 * a - 8.0, b / 1024.0); /* powers of two: exact but for the shift */
        }
        assert_int_equal(plain.children[clade_archive_best(&plain, &experiment, "knee")],
                         scaled.children[clade_archive_best(&scaled, &experiment, "knee")]);
        clade_archive_fini(&plain);
        clade_archive_fini(&scaled);
    }
}

static void hypervolume_of_known_fronts(void **state)
{
    (void)state;
    const clade_experiment two = experiment_of(2), three = experiment_of(3);
    clade_archive archive = {.n_objectives = 2};
    double volume = -1.0;
    bool entered = false;
    assert_ok(clade_archive_hypervolume(&archive, &two, &volume));
    assert_true(fabs(volume) < 1e-15);
    add(&archive, 0, -0.8, -0.2);
    add(&archive, 1, -0.5, -0.6);
    assert_ok(clade_archive_hypervolume(&archive, &two, &volume));
    assert_true(fabs(volume - (0.8 * 0.2 + 0.5 * 0.4)) < 1e-12);
    clade_archive_fini(&archive);
    archive = (clade_archive){.n_objectives = 3};
    const double point[] = {-0.5, -0.5, 1.0}; /* entropy 1 of at most 3 nats */
    assert_ok(clade_archive_add(&archive, 0, point, &entered));
    assert_ok(clade_archive_hypervolume(&archive, &three, &volume));
    assert_true(fabs(volume - 0.5 * 0.5 * 2.0) < 1e-12);
    clade_archive_fini(&archive);
}

static void flipping_twice_changes_nothing(void **state)
{
    (void)state;
    const clade_experiment experiment = experiment_of(3);
    const double natural[] = {0.75, 0.5, 1.25}, expected[] = {-0.75, -0.5, 1.25};
    double flipped[3], back[3];
    clade_flip_objectives(&experiment, natural, flipped);
    assert_memory_equal(flipped, expected, sizeof flipped);
    clade_flip_objectives(&experiment, flipped, back);
    assert_memory_equal(back, natural, sizeof back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_nothing_dominates),
        cmocka_unit_test(zero_of_either_sign_is_one_point),
        cmocka_unit_test(agrees_with_brute_force_in_any_order),
        cmocka_unit_test(hypervolume_is_that_of_the_members),
        cmocka_unit_test(the_best_by_rule),
        cmocka_unit_test(the_knee_does_not_depend_on_units),
        cmocka_unit_test(hypervolume_of_known_fronts),
        cmocka_unit_test(flipping_twice_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
