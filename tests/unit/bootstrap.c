/* The laws of the bootstrap (search/bootstrap.h), cases by hand, and how often its intervals hold the truth. */
#include "near.h"

#include <stdbool.h>

#include "clade/rng.h"
#include "search/bootstrap.h"

enum { MANY = 2000 };

static double mean_of(const double *means, size_t n_tasks, size_t n_columns, size_t b, size_t task, size_t column)
{
    return means[(b * n_tasks + task) * n_columns + column];
}

/* ---- by hand ---- */

static void one_item_is_all_there_is(void **state)
{
    (void)state;
    static const uint8_t points[] = {1, 0, 7};
    const clade_answers task = {.key = 5, .n_items = 1, .points = points};
    double means[3 * (1 + 50)];
    assert_ok(clade_bootstrap_means(&task, 1, 3, 50, means));
    for (size_t i = 0; i < 3 * (1 + 50); i++)
        assert_near(means[i], points[i % 3], 0.0);
}

/* Of two items, one right: both draws right, one of them, none, with chances 1/4, 1/2, 1/4. */
static void two_items(void **state)
{
    (void)state;
    static const uint8_t points[] = {0, 1};
    const clade_answers task = {.key = 5, .n_items = 2, .points = points};
    static double means[1 + MANY];
    size_t count[3] = {0};
    assert_ok(clade_bootstrap_means(&task, 1, 1, MANY, means));
    assert_near(means[0], 0.5, 0.0);
    for (size_t b = 1; b <= MANY; b++)
        count[(size_t)(2.0 * means[b])]++;
    for (size_t k = 0; k < 3; k++)
        assert_near((double)count[k] / MANY, k == 1 ? 0.5 : 0.25, 0.04);
    const clade_interval interval = clade_percentile_interval(means + 1, MANY, 95);
    assert_near(interval.low, 0.0, 0.0);
    assert_near(interval.high, 1.0, 0.0);
}

/* NumPy: np.quantile([1, 2, 3, 4], [.025, .975]) and np.quantile(range(11), [.05, .95]). */
static void quantiles_are_numpys(void **state)
{
    (void)state;
    double four[] = {4.0, 2.0, NAN, 1.0, 3.0}, eleven[11], none[] = {NAN, NAN}, one[] = {0.3};
    for (size_t i = 0; i < 11; i++)
        eleven[i] = (double)((7 * i) % 11);
    const clade_interval a = clade_percentile_interval(four, 5, 95), b = clade_percentile_interval(eleven, 11, 90),
                         c = clade_percentile_interval(none, 2, 95), d = clade_percentile_interval(one, 1, 95),
                         e = clade_percentile_interval(NULL, 0, 95);
    assert_near(a.low, 1.075, 1e-15);
    assert_near(a.high, 3.925, 1e-15);
    assert_near(b.low, 0.5, 1e-12);
    assert_near(b.high, 9.5, 1e-12);
    assert_true(isnan(c.low) && isnan(c.high) && isnan(e.low) && isnan(e.high));
    assert_near(d.low, 0.3, 0.0);
    assert_near(d.high, 0.3, 0.0);
}

/* ---- laws ---- */

/* N answers that are right with chance P. */
static void draw_answers(clade_rng *rng, size_t n, double p, uint8_t *points)
{
    for (size_t i = 0; i < n; i++)
        points[i] = clade_rng_uniform(rng) < p;
}

/* A task of only right answers and one of only wrong ones: whatever is drawn, each stays what it is. */
static void tasks_do_not_mix(void **state)
{
    (void)state;
    static const uint8_t right[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, wrong[20] = {0};
    const clade_answers tasks[] = {{1, 20, right}, {2, 7, wrong}, {3, 0, wrong}};
    double means[3 * (1 + 100)];
    assert_ok(clade_bootstrap_means(tasks, 3, 1, 100, means));
    for (size_t b = 0; b <= 100; b++) {
        assert_near(mean_of(means, 3, 1, b, 0, 0), 1.0, 0.0);
        assert_near(mean_of(means, 3, 1, b, 1, 0), 0.0, 0.0);
        assert_true(isnan(mean_of(means, 3, 1, b, 2, 0)));
    }
}

static void draws_are_of_the_task_alone(void **state)
{
    (void)state;
    enum { N = 50, B = 30 };
    uint8_t points[3 * N];
    double alone[1 + B], beside[(1 + B) * 2 * 3], longer[1 + 2 * B], other[1 + B];
    clade_rng rng = clade_rng_seeded(3, 1);
    draw_answers(&rng, sizeof points, 0.6, points);
    const clade_answers first = {.key = 11, .n_items = N, .points = points},
                        both[] = {{.key = 12, .n_items = N, .points = points}, first},
                        another = {.key = 12, .n_items = N, .points = points};
    assert_ok(clade_bootstrap_means(&first, 1, 1, B, alone));
    assert_ok(clade_bootstrap_means(both, 2, 3, B, beside));
    assert_ok(clade_bootstrap_means(&first, 1, 1, 2 * B, longer));
    assert_ok(clade_bootstrap_means(&another, 1, 1, B, other));
    size_t same = 0;
    for (size_t b = 0; b <= B; b++) {
        assert_near(alone[b], mean_of(beside, 2, 3, b, 1, 0), 0.0);
        assert_near(alone[b], longer[b], 0.0);
        same += fabs(alone[b] - other[b]) <= 0.0;
    }
    assert_near(alone[0], other[0], 0.0);
    assert_true(same < B / 2); /* another task's draws are others */
}

/* What goes with an item goes with it in every resample: a copy of a column is a copy; a question that is right seven
 * times where another is right once has seven times its mean. */
static void columns_are_paired(void **state)
{
    (void)state;
    enum { N = 40, B = 200 };
    uint8_t points[3 * N];
    double means[(1 + B) * 3];
    clade_rng rng = clade_rng_seeded(4, 1);
    draw_answers(&rng, N, 0.5, points);
    for (size_t i = 0; i < N; i++) {
        points[N + i] = points[i];
        points[2 * N + i] = (uint8_t)(7 * points[i]);
    }
    const clade_answers task = {.key = 1, .n_items = N, .points = points};
    assert_ok(clade_bootstrap_means(&task, 1, 3, B, means));
    for (size_t b = 0; b <= B; b++) {
        assert_near(means[3 * b], means[3 * b + 1], 0.0);
        assert_near(7.0 * means[3 * b], means[3 * b + 2], 1e-12);
    }
}

/* The variance of a resampled mean is that of the answers over their number. */
static void the_spread_is_the_binomial_one(void **state)
{
    (void)state;
    enum { N = 100 };
    uint8_t points[N];
    static double means[1 + MANY];
    for (size_t i = 0; i < N; i++)
        points[i] = i < 30;
    const clade_answers task = {.key = 9, .n_items = N, .points = points};
    assert_ok(clade_bootstrap_means(&task, 1, 1, MANY, means));
    double sum = 0.0, squares = 0.0;
    for (size_t b = 1; b <= MANY; b++) {
        sum += means[b];
        squares += (means[b] - 0.3) * (means[b] - 0.3);
    }
    assert_near(sum / MANY, 0.3, 4.0 * 0.0458 / sqrt(MANY));
    assert_near(sqrt(squares / MANY), sqrt(0.3 * 0.7 / N), 0.05 * 0.0458);
}

/* ---- coverage ---- */

/* Two models that agree on a share of the items, which both get right, and are right by chances A and B on the rest. */
static void draw_world(clade_rng *rng, size_t n, double shared, double a, double b, uint8_t *points)
{
    for (size_t i = 0; i < n; i++) {
        const bool easy = clade_rng_uniform(rng) < shared;
        points[i] = easy || clade_rng_uniform(rng) < a;
        points[n + i] = easy || clade_rng_uniform(rng) < b;
    }
}

/* 95 % intervals hold the truth in about 95 of 100 worlds, alone and as paired differences; and pairing is worth it. */
static void intervals_hold_the_truth(void **state)
{
    (void)state;
    enum { WORLDS = 500, B = 300, N = 120, M = 80 };
    static double means[(1 + B) * 4], values[B], differences[B], apart[B];
    /* P(right) = shared + (1 - shared) a */
    const double truth_a = (0.6 + 0.4 * 0.5 + 0.4 + 0.6 * 0.4) / 2.0,
                 truth_b = (0.6 + 0.4 * 0.4 + 0.4 + 0.6 * 0.3) / 2.0;
    size_t held = 0, held_difference = 0;
    double width = 0.0, width_apart = 0.0;
    for (uint64_t world = 0; world < WORLDS; world++) {
        uint8_t first[2 * N], second[2 * M];
        clade_rng rng = clade_rng_seeded(world, 17);
        draw_world(&rng, N, 0.6, 0.5, 0.4, first);
        draw_world(&rng, M, 0.4, 0.4, 0.3, second);
        const clade_answers tasks[] = {{2 * world, N, first}, {2 * world + 1, M, second}};
        assert_ok(clade_bootstrap_means(tasks, 2, 2, B, means));
        for (size_t b = 1; b <= B; b++) {
            const double *row = means + 4 * b, *next = means + 4 * (b < B ? b + 1 : 1);
            values[b - 1] = (row[0] + row[2]) / 2.0;
            differences[b - 1] = values[b - 1] - (row[1] + row[3]) / 2.0;
            apart[b - 1] = values[b - 1] - (next[1] + next[3]) / 2.0;
        }
        const clade_interval value = clade_percentile_interval(values, B, 95),
                             difference = clade_percentile_interval(differences, B, 95),
                             unpaired = clade_percentile_interval(apart, B, 95);
        held += value.low <= truth_a && truth_a <= value.high;
        held_difference += difference.low <= truth_a - truth_b && truth_a - truth_b <= difference.high;
        width += difference.high - difference.low;
        width_apart += unpaired.high - unpaired.low;
    }
    print_message("coverage %.3f, of differences %.3f; width paired / unpaired %.2f\n", (double)held / WORLDS,
                  (double)held_difference / WORLDS, width / width_apart);
    assert_near((double)held / WORLDS, 0.945, 0.025);
    assert_near((double)held_difference / WORLDS, 0.945, 0.025);
    assert_true(width < 0.9 * width_apart);
}

/* ---- memory ---- */

static clade_status attempt(void *context)
{
    static const uint8_t points[] = {1, 0, 1};
    const clade_answers task = {.key = 1, .n_items = 3, .points = points};
    double means[1 + 4];
    (void)context;
    return clade_bootstrap_means(&task, 1, 1, 4, means);
}

static void without_memory(void **state)
{
    (void)state;
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_item_is_all_there_is),
        cmocka_unit_test(two_items),
        cmocka_unit_test(quantiles_are_numpys),
        cmocka_unit_test(tasks_do_not_mix),
        cmocka_unit_test(draws_are_of_the_task_alone),
        cmocka_unit_test(columns_are_paired),
        cmocka_unit_test(the_spread_is_the_binomial_one),
        cmocka_unit_test(intervals_hold_the_truth),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
