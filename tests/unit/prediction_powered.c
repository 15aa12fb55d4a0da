/* PPI++ for the mean: by hand, against the labelled mean, and its coverage by simulation. */
#include "near.h"

#include "clade/prediction_powered.h"
#include "clade/rng.h"

/* Y = (1, 1, 0, 1), f = (.9, .8, .4, .7): means .75 and .7; sums of squares and products about them .75, .14, .25. */
static const clade_ppi_sample small = {.n = 4,
                                       .y = 0.75,
                                       .y_variance = 0.75 / 4,
                                       .f = 0.7,
                                       .f_variance = 0.14 / 4,
                                       .covariance = 0.3 / 4,
                                       .unlabelled = 8,
                                       .unlabelled_f = 0.6,
                                       .unlabelled_f_variance = 0.04};

static void formula(void **state)
{
    (void)state;
    const clade_ppi half = clade_ppi_mean(&small, 0.5, 0.05);
    assert_near(half.theta, 0.75 + 0.5 * (0.6 - 0.7), 1e-15);
    assert_near(half.labelled, 0.75 / 3 / 4, 1e-15);
    assert_near(half.variance, (0.75 - 2 * 0.5 * 0.3 + 0.25 * 0.14) / 3 / 4 + 0.25 * (0.04 * 8 / 7) / 8, 1e-15);
    assert_near(half.high - half.theta, 1.959963984540054 * sqrt(half.variance), 1e-12);
    assert_near(half.theta - half.low, 1.959963984540054 * sqrt(half.variance), 1e-12);
    assert_near(half.saved, 1 - half.variance / half.labelled, 1e-15);
    assert_near(clade_ppi_mean(&small, 0.5, 0.32).high - half.theta, 0.9944578832097532 * sqrt(half.variance), 1e-12);
}

/* lambda* = Cov / ((1 + n/N) Var f): Var f of all 12 is (.14 + .32 + 4 8 / 12 .1^2) / 11, so it would be above 1. With a
 * tenth of the covariance it is inside. */
static void tuning(void **state)
{
    (void)state;
    clade_ppi_sample s = small;
    assert_near(clade_ppi_mean(&s, (double)NAN, 0.05).lambda, 1, 0);
    s.covariance = 0.03 / 4;
    const double variance = (0.14 + 0.32 + 32.0 / 12 * 0.01) / 11;
    assert_near(clade_ppi_mean(&s, (double)NAN, 0.05).lambda, 0.03 / 3 / (1.5 * variance), 1e-14);
    s.covariance = -0.01;
    assert_near(clade_ppi_mean(&s, (double)NAN, 0.05).lambda, 0, 0);
}

static void check_labelled(clade_ppi ppi)
{
    assert_near(ppi.theta, 0.75, 0);
    assert_near(ppi.variance, 0.75 / 3 / 4, 1e-16);
    assert_near(ppi.saved, 0, 1e-15);
}

/* Nothing unlabelled, nothing to learn from it, or lambda 0: the labelled mean. */
static void labelled_alone(void **state)
{
    (void)state;
    clade_ppi_sample s = small;
    check_labelled(clade_ppi_mean(&s, 0, 0.05));
    s.f_variance = s.unlabelled_f_variance = s.covariance = 0;
    s.unlabelled_f = s.f;
    check_labelled(clade_ppi_mean(&s, (double)NAN, 0.05));
    s = small;
    s.unlabelled = 0;
    s.unlabelled_f = s.unlabelled_f_variance = (double)NAN;
    check_labelled(clade_ppi_mean(&s, (double)NAN, 0.05));
}

static void unknowns(void **state)
{
    (void)state;
    clade_ppi_sample s = small;
    s.covariance = (double)NAN;
    assert_true(isnan(clade_ppi_mean(&s, (double)NAN, 0.05).theta));
    s = small;
    s.n = 1;
    assert_true(isnan(clade_ppi_mean(&s, (double)NAN, 0.05).theta));
    clade_task_score task = {.clean = {.accuracy = (double)NAN}};
    const clade_score score = {.tasks = &task, .n_tasks = 1};
    assert_true(isnan(clade_ppi_of_score(&score, 0.05).theta));
}

/* The mean over tasks: estimates average, variances add over the square. A task without labels does not count. */
static void over_tasks(void **state)
{
    (void)state;
    clade_task_score tasks[3] = {{.clean = {.items = 40,
                                            .accuracy = 0.5,
                                            .confidence = 0.6,
                                            .confidence_variance = 0.04,
                                            .confidence_covariance = 0.03},
                                  .unlabelled = 400,
                                  .confidence = 0.65,
                                  .confidence_variance = 0.05},
                                 {.clean = {.items = 20,
                                            .accuracy = 0.8,
                                            .confidence = 0.9,
                                            .confidence_variance = 0.01,
                                            .confidence_covariance = 0.01},
                                  .unlabelled = 200,
                                  .confidence = 0.85,
                                  .confidence_variance = 0.02},
                                 {.clean = {.accuracy = (double)NAN}, .unlabelled = 7}};
    const clade_score score = {.tasks = tasks, .n_tasks = 3};
    const clade_ppi_sample first = clade_ppi_of_task(&tasks[0]), second = clade_ppi_of_task(&tasks[1]);
    const clade_ppi a = clade_ppi_mean(&first, (double)NAN, 0.1), b = clade_ppi_mean(&second, (double)NAN, 0.1),
                    mean = clade_ppi_of_score(&score, 0.1);
    assert_near(mean.theta, 0.5 * (a.theta + b.theta), 1e-15);
    assert_near(mean.variance, 0.25 * (a.variance + b.variance), 1e-15);
    assert_near(mean.saved, 1 - (a.variance + b.variance) / (a.labelled + b.labelled), 1e-14);
    const clade_objective *objective = clade_objective_find("accuracy_ppi");
    assert_non_null(objective);
    assert_near(objective->value(&score, NULL), mean.theta, 0);
}

/* Items with a confidence f uniform in [.2, 1] that are right with probability f^2 (overconfident), 60 labelled and 600 not.
 * E Y = mean of f^2 = (1 - .008) / 3 / .8. */
enum { LABELLED = 60, UNLABELLED = 600, TRIALS = 2000 };
static const double TRUTH = 0.992 / 2.4;

static clade_ppi_sample draw(uint64_t trial)
{
    double y[LABELLED], f[LABELLED], g[UNLABELLED];
    clade_rng rng = clade_rng_keyed((uint64_t[]){11, trial}, 2);
    clade_ppi_sample s = {.n = LABELLED, .unlabelled = UNLABELLED};
    for (int i = 0; i < LABELLED; i++) {
        f[i] = 0.2 + 0.8 * clade_rng_uniform(&rng);
        y[i] = clade_rng_uniform(&rng) < f[i] * f[i] ? 1 : 0;
        s.f += f[i] / LABELLED;
        s.y += y[i] / LABELLED;
    }
    for (int i = 0; i < UNLABELLED; i++) {
        g[i] = 0.2 + 0.8 * clade_rng_uniform(&rng);
        s.unlabelled_f += g[i] / UNLABELLED;
    }
    for (int i = 0; i < LABELLED; i++) {
        s.y_variance += (y[i] - s.y) * (y[i] - s.y) / LABELLED;
        s.f_variance += (f[i] - s.f) * (f[i] - s.f) / LABELLED;
        s.covariance += (f[i] - s.f) * (y[i] - s.y) / LABELLED;
    }
    for (int i = 0; i < UNLABELLED; i++)
        s.unlabelled_f_variance += (g[i] - s.unlabelled_f) * (g[i] - s.unlabelled_f) / UNLABELLED;
    return s;
}

static void unbiased_and_covering(void **state)
{
    (void)state;
    double sum = 0, squares = 0, labelled_squares = 0, variance = 0;
    size_t covered = 0;
    for (uint64_t t = 0; t < TRIALS; t++) {
        const clade_ppi_sample s = draw(t);
        const clade_ppi ppi = clade_ppi_mean(&s, (double)NAN, 0.1);
        sum += ppi.theta - TRUTH;
        squares += (ppi.theta - TRUTH) * (ppi.theta - TRUTH);
        labelled_squares += (s.y - TRUTH) * (s.y - TRUTH);
        variance += ppi.variance;
        covered += ppi.low <= TRUTH && TRUTH <= ppi.high;
    }
    const double error = sqrt(squares) / TRIALS;
    assert_near(sum / TRIALS, 0, 4 * error);
    assert_near(variance / squares, 1, 0.12); /* the estimate of the variance is of the size of the true one */
    assert_near((double)covered / TRIALS, 0.9, 0.02);
    assert_true(squares < 0.8 * labelled_squares); /* in truth 1 - .9 .81 / .97 ... about 30 % are saved */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(formula),        cmocka_unit_test(tuning),
                                       cmocka_unit_test(labelled_alone), cmocka_unit_test(unknowns),
                                       cmocka_unit_test(over_tasks),     cmocka_unit_test(unbiased_and_covering)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
