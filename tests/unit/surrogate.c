/* The surrogate: quadratics are learned, kernels bend, categories, forgetting; rank correlation by hand. */
#include "mixed_space.h"
#include "near.h"

#include "search/surrogate.h"

enum { GENES = 6, MANY = 60 };

static clade_gene genes[GENES];
static const clade_space plain = {.genes = genes, .n_genes = GENES};

static void make_plain(void)
{
    for (int g = 0; g < GENES; g++)
        genes[g] = (clade_gene){.high = 1, .active_in = UINT64_MAX};
}

/* A quadratic with a product, and the sphere about .3 scaled by 100. */
static void quadratics(const double *x, double y[2])
{
    y[0] = 1 + x[0] - 2 * x[1] + 3 * x[2] * x[3];
    y[1] = 0;
    for (int g = 0; g < GENES; g++)
        y[1] += 100 * (x[g] - 0.3) * (x[g] - 0.3);
}

static clade_surrogate *learned(const clade_space *space, size_t window, size_t count,
                                void (*evaluate)(const double *x, double y[2]))
{
    clade_surrogate *s = NULL;
    assert_ok(clade_surrogate_new(space, 2, window, &s));
    for (uint64_t c = 0; c < count; c++) {
        double x[32], y[2];
        clade_rng rng = clade_rng_keyed((uint64_t[]){5, c}, 2);
        clade_space_sample(space, &rng, x);
        evaluate(x, y);
        clade_surrogate_add(s, x, y);
    }
    assert_true(clade_surrogate_fit(s));
    return s;
}

/* Rank correlation of predictions and truth on genomes that were not learned. */
static double skill(const clade_surrogate *s, const clade_space *space, size_t k,
                    void (*evaluate)(const double *x, double y[2]))
{
    double found[MANY], predicted[MANY];
    for (uint64_t c = 0; c < MANY; c++) {
        double x[32], y[2], p[2];
        clade_rng rng = clade_rng_keyed((uint64_t[]){6, c}, 2);
        clade_space_sample(space, &rng, x);
        evaluate(x, y);
        clade_surrogate_predict(s, x, p);
        found[c] = y[k];
        predicted[c] = p[k];
    }
    return clade_rank_correlation(found, predicted, MANY);
}

static void learns_quadratics(void **state)
{
    (void)state;
    make_plain();
    clade_surrogate *s = learned(&plain, 64, 64, quadratics);
    assert_true(skill(s, &plain, 0, quadratics) > 0.99 && skill(s, &plain, 1, quadratics) > 0.99);
    const double x[GENES] = {0.3, 0.3, 0.3, 0.3, 0.3, 0.3};
    double p[2];
    clade_surrogate_predict(s, x, p);
    assert_near(p[0], 1 + 0.3 - 0.6 + 0.27, 0.05);
    assert_near(p[1], 0, 4); /* of a range of about 100 */
    clade_surrogate_free(s);
}

static void waves(const double *x, double y[2])
{
    y[0] = sin(9 * x[0]) + 0.1 * x[1];
    y[1] = fabs(x[0] - 0.5) + 0.1 * x[2];
}

/* What no quadratic can say. */
static void bends(void **state)
{
    (void)state;
    make_plain();
    const clade_space line = {.genes = genes, .n_genes = 3};
    clade_surrogate *s = learned(&line, 100, 100, waves);
    assert_true(skill(s, &line, 0, waves) > 0.9 && skill(s, &line, 1, waves) > 0.9);
    clade_surrogate_free(s);
}

/* One child in ten is a ruin: the others are still told apart. */
static void with_ruins(const double *x, double y[2])
{
    quadratics(x, y);
    if (x[5] > 0.9)
        y[0] = y[1] = 1e6;
}

static void ruins_do_not_blind(void **state)
{
    (void)state;
    make_plain();
    clade_surrogate *s = learned(&plain, 100, 100, with_ruins);
    assert_true(skill(s, &plain, 0, quadratics) > 0.5); /* .07 without the cut */
    clade_surrogate_free(s);
}

/* Only the last WINDOW children count: learned on the negative first, then on the truth. */
static void forgets(void **state)
{
    (void)state;
    make_plain();
    clade_surrogate *s = NULL;
    double before[2], after[2], x[GENES] = {0};
    assert_ok(clade_surrogate_new(&plain, 2, 40, &s));
    for (uint64_t c = 0; c < 80; c++) {
        double genome[GENES], y[2];
        clade_rng rng = clade_rng_keyed((uint64_t[]){7, c}, 2);
        clade_space_sample(&plain, &rng, genome);
        quadratics(genome, y);
        y[0] = c < 40 ? -y[0] : y[0];
        clade_surrogate_add(s, genome, y);
    }
    assert_true(clade_surrogate_fit(s));
    assert_true(skill(s, &plain, 0, quadratics) > 0.97);
    clade_surrogate_predict(s, x, before);
    for (int i = 0; i < 10; i++)
        clade_surrogate_add(s, x, (double[]){1e3, 1e3});
    clade_surrogate_predict(s, x, after); /* not learned yet */
    assert_memory_equal(before, after, sizeof before);
    clade_surrogate_free(s);
}

static void needs_something(void **state)
{
    (void)state;
    make_plain();
    clade_surrogate *s = NULL;
    const double x[GENES] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5}, y[2] = {1, 2};
    double p[2];
    assert_ok(clade_surrogate_new(&plain, 2, 8, &s));
    assert_false(clade_surrogate_fit(s));
    for (int i = 0; i < 6; i++)
        clade_surrogate_add(s, x, y);
    assert_false(clade_surrogate_fit(s)); /* one genome */
    const double other[GENES] = {0.1, 0.5, 0.5, 0.5, 0.5, 0.5};
    clade_surrogate_add(s, other, y); /* constant objectives are no trouble */
    assert_true(clade_surrogate_fit(s));
    clade_surrogate_predict(s, other, p);
    assert_near(p[0], 1, 1e-9);
    assert_near(p[1], 2, 1e-9);
    clade_surrogate_free(s);
}

static void rank_correlations(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4, 5}, up[] = {0, 1, 10, 100, 1e9}, down[] = {5, 4, 3, 2, 1}, b[] = {2, 1, 4, 3, 5},
                 ties[] = {1, 1, 2, 2, 2}, same[] = {7, 7, 7, 7, 7};
    assert_near(clade_rank_correlation(a, up, 5), 1, 1e-15);
    assert_near(clade_rank_correlation(a, down, 5), -1, 1e-15);
    assert_near(clade_rank_correlation(a, b, 5), 1 - 6.0 * 4 / (5 * 24), 1e-15);
    /* middle ranks 1/2, 1/2, 3, 3, 3 about 2: squares 7.5, products with -2..2: 2*1.5+1*1.5+1+2 = 7.5 */
    assert_near(clade_rank_correlation(a, ties, 5), 7.5 / sqrt(7.5 * 10), 1e-15);
    assert_near(clade_rank_correlation(a, same, 5), 0, 0);
    assert_near(clade_rank_correlation(a, b, 1), 0, 0);
    assert_near(clade_rank_correlation(a, b, 0), 0, 0);
}

static clade_status attempt(void *context)
{
    clade_surrogate *s = NULL;
    (void)context;
    const clade_status status = clade_surrogate_new(&plain, 2, 16, &s);
    clade_surrogate_free(s);
    return status;
}

static void faults(void **state)
{
    (void)state;
    make_plain();
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(learns_quadratics),
                                       cmocka_unit_test(bends),
                                       cmocka_unit_test(ruins_do_not_blind),
                                       cmocka_unit_test(forgets),
                                       cmocka_unit_test(needs_something),
                                       cmocka_unit_test(rank_correlations),
                                       cmocka_unit_test(faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
