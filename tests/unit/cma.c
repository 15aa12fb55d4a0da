/* The parts of cma_es: constants, distribution, genes as vectors, uncrowded improvement, restarts. */
#include "near.h"

#include "search/algorithm/cma_distribution.h"
#include "search/algorithm/cma_genes.h"
#include "search/algorithm/cma_restart.h"
#include "search/algorithm/uncrowded.h"
#include "search/pareto.h"

static void test_constants(void **state)
{
    (void)state;
    double w[25];
    assert_int_equal(clade_cma_default_lambda(1), 4);
    assert_int_equal(clade_cma_default_lambda(10), 10);
    assert_int_equal(clade_cma_default_lambda(1248), 25);
    clade_cma_constants k = clade_cma_constants_of(10, 10, false, w);
    assert_near(k.mu_eff, 3.1673, 5e-5);
    assert_near(k.c_c, 0.29499, 5e-6);
    assert_near(k.c_1, 0.0152838, 5e-8);
    k = clade_cma_constants_of(1248, 25, false, w);
    assert_near(k.mu_eff, 7.28395, 5e-6);
    assert_near(k.c_c, 0.00319952, 5e-9);
    assert_near(k.c_1, 1.28143e-6, 5e-12);
    assert_near(k.chi_n, 35.319968, 5e-7);
    for (size_t lambda = 4; lambda <= 25; lambda++) {
        double positive = 0;
        k = clade_cma_constants_of(7, lambda, lambda % 2, w);
        assert_true(k.c_1 + k.c_mu < 1 && k.c_sigma < 1);
        for (size_t i = 0; i < lambda; i++) {
            assert_true(i == 0 || w[i] < w[i - 1]);
            positive += w[i] > 0 ? w[i] : 0;
        }
        assert_near(positive, 1, 1e-14);
        assert_true(w[lambda - 1] < 0);
    }
}

enum { N = 4, LAMBDA = 8 };

static double valley(const clade_cma *cma, const double *step)
{
    double f = 0;
    for (size_t j = 0; j < N; j++) {
        const double x = cma->m[j] + cma->sigma * step[j];
        f += (j == 1 ? 100 : 1) * x * x;
    }
    return f;
}

/* Samples, best first. */
static void draw_steps(const clade_cma *cma, uint64_t key, double *steps)
{
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (size_t i = 0; i < LAMBDA; i++) {
        double x[N], step[N];
        size_t place = i;
        clade_cma_sample(cma, &rng, x);
        for (size_t j = 0; j < N; j++)
            step[j] = (x[j] - cma->m[j]) / cma->sigma;
        for (; place > 0 && valley(cma, steps + (place - 1) * N) > valley(cma, step); place--)
            memcpy(steps + place * N, steps + (place - 1) * N, sizeof step);
        memcpy(steps + place * N, step, sizeof step);
    }
}

/* The mean moves by the weighted steps, the deviations are those of C, and samples have mean m and covariance sigma^2 C. */
static void check_distribution(bool separable)
{
    enum { SAMPLES = 40000 };
    clade_cma cma = {0};
    double steps[N * LAMBDA], before[N], mean[N] = {0}, square[N * N] = {0}, x[N];
    assert_ok(clade_cma_init(&cma, N, LAMBDA, separable));
    for (size_t j = 0; j < N; j++)
        cma.m[j] = 3;
    for (uint64_t g = 0; g < 30; g++) {
        draw_steps(&cma, g, steps);
        double expected[N];
        memcpy(before, cma.m, sizeof before);
        for (size_t j = 0; j < N; j++) {
            expected[j] = before[j];
            for (size_t i = 0; i < cma.k.mu; i++)
                expected[j] += cma.sigma * cma.w[i] * steps[i * N + j];
        }
        const double sigma = cma.sigma;
        assert_ok(clade_cma_update(&cma, steps));
        for (size_t j = 0; j < N; j++)
            assert_near(cma.m[j], expected[j], sigma); /* a step may have been cut */
    }
    assert_true(clade_cma_deviation(&cma, 1) < 0.6 * clade_cma_deviation(&cma, 0));
    assert_true(clade_cma_condition(&cma) > 2);
    clade_rng rng = clade_rng_keyed(&(uint64_t){99}, 1);
    for (size_t s = 0; s < SAMPLES; s++) {
        clade_cma_sample(&cma, &rng, x);
        for (size_t i = 0; i < N; i++) {
            mean[i] += (x[i] - cma.m[i]) / SAMPLES;
            for (size_t j = 0; j < N; j++)
                square[i * N + j] += (x[i] - cma.m[i]) * (x[j] - cma.m[j]) / SAMPLES;
        }
    }
    for (size_t i = 0; i < N; i++) {
        const double deviation = clade_cma_deviation(&cma, i);
        assert_near(mean[i], 0, 0.03 * deviation);
        for (size_t j = 0; j <= i; j++) {
            const double C = separable ? (i == j ? cma.C[i] : 0) : cma.C[i * N + j];
            assert_near(square[i * N + j], cma.sigma * cma.sigma * C, 0.05 * deviation * clade_cma_deviation(&cma, j));
        }
    }
    clade_cma_raise(&cma, 1, 2 * cma.sigma);
    assert_near(clade_cma_deviation(&cma, 1), 2 * cma.sigma, 1e-12);
    clade_cma_fini(&cma);
}

static void test_distribution(void **state)
{
    (void)state;
    check_distribution(false);
    check_distribution(true);
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

static void test_genes(void **state)
{
    (void)state;
    clade_cma_genes genes = {0};
    assert_ok(clade_cma_genes_init(&genes, &mixed_space));
    clade_cma_genes_set_origin(&genes, (const double[]){0, 1, 2, 7, 0.5});
    assert_int_equal(genes.n, 2);
    clade_cma_genes_set_origin(&genes, (const double[]){1, 1, 2, 7, 0.5});
    assert_int_equal(genes.n, 3);
    assert_true(clade_cma_genes_fit(&genes, (const double[]){1, 0, 0, 0, 0}));
    assert_false(clade_cma_genes_fit(&genes, (const double[]){0, 0, 0, 0, 0}));
    assert_near(clade_cma_genes_least_deviation(&genes, 0), 0, 0);
    assert_near(clade_cma_genes_least_deviation(&genes, 1), 0.05, 1e-15);
    clade_rng rng = clade_rng_keyed(&(uint64_t){5}, 1);
    for (size_t round = 0; round < 2000; round++) {
        double genome[5], back[5], x[3], far[3], image[3];
        clade_space_sample(&mixed_space, &rng, genome);
        for (size_t g = 1; round % 10 == 0 && g < 5; g += 3) /* the ends */
            genome[g] = round % 20 == 0 ? mixed_genes[g].low : mixed_genes[g].high;
        clade_cma_genes_to_vector(&genes, genome, NULL, x);
        clade_cma_genes_to_genome(&genes, x, back);
        assert_near(back[0], 1, 0);
        assert_near(back[1], genome[1], 1e-12);
        assert_near(back[2], genome[2], 0);
        assert_near(back[3], 7, 0);
        assert_near(back[4], genome[4], 1e-12);
        /* Any vector has a genome, whose nearest vector is no farther than it. */
        for (size_t i = 0; i < 3; i++)
            far[i] = 12 * clade_rng_uniform(&rng) - 6;
        clade_cma_genes_to_genome(&genes, far, back);
        assert_true(clade_space_holds(&mixed_space, back) && clade_cma_genes_same(&genes, far, back));
        clade_cma_genes_to_vector(&genes, back, far, image);
        assert_near(image[0], far[0], 1e-6);
        assert_near(image[1], far[1], 0.5);
        assert_near(image[2], far[2], 1e-6);
        clade_cma_genes_to_genome(&genes, image, genome);
        assert_near(genome[1], back[1], 1e-12);
        assert_near(genome[2], back[2], 0);
    }
    clade_cma_genes_fini(&genes);
}

/* Against hypervolumes where there is an improvement; else the distance: nothing nearer is free, and something just
 * beyond it is. */
static void check_uncrowded(size_t n, size_t m, uint64_t key)
{
    enum { TRIES = 400 };
    double points[20 * 4], reference[4] = {1, 1, 1, 1}, without, with, improvement;
    clade_rng rng = clade_rng_keyed((const uint64_t[]){n, m, key}, 3);
    for (size_t i = 0; i < n * m; i++)
        points[i] = 1.1 * clade_rng_uniform(&rng);
    clade_uncrowded uncrowded = {0};
    assert_ok(clade_uncrowded_init(&uncrowded, points, n, m, reference));
    assert_ok(clade_hypervolume(points, n, m, reference, &without));
    for (size_t round = 0; round < 40; round++) {
        double *point = points + n * m;
        for (size_t k = 0; k < m; k++)
            point[k] = 1.3 * clade_rng_uniform(&rng);
        assert_ok(clade_uncrowded_improvement(&uncrowded, point, &improvement));
        assert_ok(clade_hypervolume(points, n + 1, m, reference, &with));
        assert_near(fmax(improvement, 0), with - without, 1e-12);
        for (size_t t = 0; improvement < 0 && t < TRIES; t++) {
            double near[4], length = 0;
            for (size_t k = 0; k < m; k++) {
                near[k] = clade_rng_normal(&rng);
                length += near[k] * near[k];
            }
            bool blocked = false;
            for (size_t k = 0; k < m; k++) {
                near[k] = point[k] - improvement * 0.999 * near[k] / sqrt(length);
                blocked |= near[k] > reference[k];
            }
            for (size_t i = 0; i < n && !blocked; i++) {
                bool below = true;
                for (size_t k = 0; k < m; k++)
                    below &= points[i * m + k] < near[k];
                blocked = below;
            }
            assert_true(blocked);
        }
    }
    clade_uncrowded_fini(&uncrowded);
}

static void test_uncrowded(void **state)
{
    (void)state;
    for (uint64_t key = 0; key < 5; key++)
        for (size_t m = 2; m <= 4; m++)
            for (size_t n = 0; n < 20; n += 1 + n / 2)
                check_uncrowded(n, m, key);
    const double points[] = {1, 3, 2, 2, 3, 1}, reference[] = {4, 4};
    clade_uncrowded uncrowded = {0};
    double improvement;
    assert_ok(clade_uncrowded_init(&uncrowded, points, 3, 2, reference));
    assert_int_equal(uncrowded.count, 4);
    assert_ok(clade_uncrowded_improvement(&uncrowded, (const double[]){3, 3}, &improvement));
    assert_near(improvement, -1, 1e-15);
    assert_ok(clade_uncrowded_improvement(&uncrowded, (const double[]){3.5, 5}, &improvement));
    assert_near(improvement, -2.5, 1e-15);
    assert_ok(clade_uncrowded_improvement(&uncrowded, (const double[]){1.5, 1.5}, &improvement));
    assert_near(improvement, 1.25, 1e-15);
    assert_ok(clade_uncrowded_improvement(&uncrowded, (const double[]){2, 2}, &improvement));
    assert_near(improvement, 0, 0);
    clade_uncrowded_fini(&uncrowded);
}

static void test_restarts(void **state)
{
    (void)state;
    clade_cma_run run = {0};
    assert_ok(clade_cma_run_init(&run, CLADE_CMA_IPOP, 0, 1, 0.3, 10));
    for (size_t i = 0; i < 12; i++) {
        clade_cma_run_begin(&run, i > 0, 10, 0.5, 0.5);
        assert_int_equal(run.lambda, 10 << (i < 9 ? i : 9));
        assert_near(run.sigma, 0.3, 0);
    }
    clade_cma_run_fini(&run);
    assert_ok(clade_cma_run_init(&run, CLADE_CMA_BIPOP, 0, 1, 0.3, 10));
    clade_cma_run_begin(&run, false, 10, 0.5, 0.5);
    run.children = 1000;
    clade_cma_run_begin(&run, true, 10, 0.5, 0.5);
    assert_true(!run.small && run.lambda == 20);
    run.children = 2000;
    clade_cma_run_begin(&run, true, 10, 0.5, 0.5);
    assert_true(run.small && run.lambda == 10 && run.allowed == 1000);
    assert_near(run.sigma, 0.03, 1e-15);
    clade_cma cma = {0};
    assert_ok(clade_cma_init(&cma, 10, 10, false));
    /* A best value that does not change ends a run after 10 + 30 n / lambda generations, if it may be compared. */
    size_t generations = 1;
    while (!clade_cma_run_over(&run, &cma, 1, 2, true))
        generations++;
    assert_int_equal(generations, 40);
    clade_cma_run_begin(&run, true, 10, 0.5, 0.5);
    assert_string_equal(clade_cma_run_over(&run, &cma, 1, 2, false) ? "over" : "goes on", "goes on");
    cma.sigma = 1e-13;
    assert_string_equal(clade_cma_run_over(&run, &cma, 1, 2, false), "tolx");
    cma.sigma = 1;
    cma.D[3] = 1e-8;
    assert_string_equal(clade_cma_run_over(&run, &cma, 1, 2, false), "condition");
    clade_cma_fini(&cma);
    clade_cma_run_fini(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants), cmocka_unit_test(test_distribution), cmocka_unit_test(test_genes),
        cmocka_unit_test(test_uncrowded), cmocka_unit_test(test_restarts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
