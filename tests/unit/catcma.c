/* The parts of catcma: categorical distributions by hand, the margin, rates, and what a kernel learns from whom. */
#include "mixed_space.h"
#include "near.h"

#include "search/algorithm/catcma_state.h"

static void margin_floor(void **state)
{
    (void)state;
    assert_near(clade_categorical_floor(0.27, 1, 4), 0.09, 1e-15);
    assert_near(clade_categorical_floor(0.27, 2, 4), (1 - sqrt(0.73)) / 3, 1e-15);
    assert_near(clade_categorical_floor(0.27, 3, 1), 0, 0);
    /* P(|z| > 1) = 0.3173: a bin of width 1 around the mean is left with this probability when sigma is 1/2. */
    assert_near(clade_catcma_integer_spread(1, 0.31731050786291415), 0.5, 1e-9);
    assert_near(clade_catcma_integer_spread(0.1, 0.0026997960632601866), 0.1 / 6, 1e-9);
}

/* Uniform over two, all weight on the first: gradient (1/2, -1/2) of Fisher length 1, so delta 1 goes to the corner. */
static void natural_gradient(void **state)
{
    (void)state;
    clade_categorical c = {0};
    assert_ok(clade_categorical_init(&c, 2, 0.1));
    c.trust = 1;
    clade_categorical_learn(&c, (const double[]){1, 0});
    assert_near(c.q[0], 0.9, 1e-15);
    assert_near(c.q[1], 0.1, 1e-15);
    /* beta = 1: s is the step in Fisher coordinates, 1/2 / sqrt(1/2) each; gamma = 1; Delta = exp(1 - 1 / 1.5). */
    assert_near(c.s[0], sqrt(0.5), 1e-15);
    assert_near(c.s[1], -sqrt(0.5), 1e-15);
    assert_near(c.gamma, 1, 1e-15);
    assert_near(c.trust, exp(1.0 / 3), 1e-15);
    clade_categorical_fini(&c);

    /* Three classes, delta 1/4: q = (.5, .3, .2), weights (.4, .4, 0): gradient (0, .16, -.16), its Fisher length. */
    assert_ok(clade_categorical_init(&c, 3, 0.01));
    memcpy(c.q, (const double[]){0.5, 0.3, 0.2}, 3 * sizeof *c.q);
    c.trust = 4;
    clade_categorical_learn(&c, (const double[]){0.4, 0.4, 0});
    const double length = sqrt(0.16 * 0.16 / 0.3 + 0.16 * 0.16 / 0.2);
    assert_near(c.q[0], 0.5, 1e-15);
    assert_near(c.q[1], 0.3 + 0.25 * 0.16 / length, 1e-15);
    assert_near(c.q[2], 0.2 - 0.25 * 0.16 / length, 1e-15);
    const double beta = 0.25 / sqrt(2), gamma = beta * (2 - beta);
    assert_near(c.gamma, gamma, 1e-15);
    assert_near(c.trust, 4 * exp(beta * (gamma - gamma / 1.5)), 1e-14);
    clade_categorical_fini(&c);
}

/* Steps that agree keep delta large, steps that contradict each other make it small; no weight, no change. */
static void trust_follows_agreement(void **state)
{
    (void)state;
    clade_categorical same = {0}, mixed = {0};
    assert_ok(clade_categorical_init(&same, 4, 0.01));
    assert_ok(clade_categorical_init(&mixed, 4, 0.01));
    same.trust = mixed.trust = 10;
    for (int i = 0; i < 40; i++) {
        double weight[4] = {0};
        weight[i % 4] = 1;
        clade_categorical_learn(&mixed, weight);
        clade_categorical_learn(&same, (const double[]){0.6, 0.4, 0, 0});
        if (i == 5)
            assert_true(same.trust < 10);
    }
    assert_true(mixed.trust > 15);
    const double before = mixed.q[0], trust = mixed.trust;
    clade_categorical_learn(&mixed, (const double[]){0, 0, 0, 0});
    assert_true(mixed.q[0] <= before && mixed.q[0] >= before && mixed.trust <= trust && mixed.trust >= trust);
    assert_int_equal(clade_categorical_mode(&same), same.q[0] >= same.q[1] ? 0 : 1);
    clade_categorical_fini(&same);
    clade_categorical_fini(&mixed);
}

/* Whatever is learnt, it is a distribution above the floor, and the draws follow it. */
static void stays_a_distribution(void **state)
{
    (void)state;
    enum { CLASSES = 5, DRAWS = 20000 };
    clade_categorical c = {0};
    clade_rng rng = clade_child_rng(1, 0, 0, CLADE_DRAW_SAMPLE);
    assert_ok(clade_categorical_init(&c, CLASSES, 0.02));
    for (int step = 0; step < 500; step++) {
        double weight[CLASSES] = {0}, sum = 0;
        for (int i = 0; i < 3; i++)
            weight[clade_rng_below(&rng, step % 100 < 50 ? 2 : CLASSES)] += clade_rng_uniform(&rng) / 3;
        clade_categorical_learn(&c, weight);
        for (size_t k = 0; k < CLASSES; k++) {
            assert_true(c.q[k] >= 0.02 - 1e-15);
            sum += c.q[k];
        }
        assert_near(sum, 1, 1e-12);
        assert_true(c.trust >= 1);
    }
    clade_categorical_reset(&c, 3, 0.5);
    double counts[CLASSES] = {0};
    for (int i = 0; i < DRAWS; i++)
        counts[clade_categorical_sample(&c, &rng)]++;
    for (size_t k = 0; k < CLASSES; k++)
        assert_near(counts[k] / DRAWS, k == 3 ? 0.6 : 0.1, 4 * sqrt(0.25 / DRAWS));
    clade_categorical_fini(&c);
}

/* Known constants of the tutorial for n = 10, mu_eff = 3.1673; those of C times (n + 2) / 3 = 4. */
static void rates(void **state)
{
    (void)state;
    const clade_catcma_rates r = clade_catcma_rates_of(10, 3.1672992814107);
    assert_near(r.c_sigma, 0.284429, 1e-6);
    assert_near(r.d_sigma, 1.284429, 1e-5);
    assert_near(r.c_1, 4 * 0.0152838, 1e-6);
    assert_near(r.c_mu, 4 * 0.0201543, 1e-6);
    for (size_t n = 1; n < 2000; n = 2 * n + 1)
        for (double m = 1; m < 200; m *= 2) {
            const clade_catcma_rates any = clade_catcma_rates_of(n, m);
            assert_true(any.c_1 >= 0 && any.c_mu >= 0 && any.c_1 + any.c_mu <= 1 + 1e-12 && any.c_sigma < 1);
        }
}

static void open_kernel(clade_catcma_genes *genes, clade_catcma_kernel *kernel)
{
    *genes = (clade_catcma_genes){0};
    *kernel = (clade_catcma_kernel){0};
    assert_ok(clade_catcma_genes_init(genes, &mixed_space, 0.25, 0.27));
    assert_ok(clade_catcma_kernel_init(kernel, genes));
}

/* Gene `one` is active under method 1 only: a child of another method does not move it, and lends its weight to no one. */
static void inactive_genes_are_not_dragged(void **state)
{
    (void)state;
    enum { ALL, ONE, INTEGER, LOG, N };
    clade_catcma_genes genes;
    clade_catcma_kernel kernel;
    open_kernel(&genes, &kernel);
    assert_int_equal(genes.n, N);
    assert_int_equal(genes.n_categories, 2);
    assert_int_equal(genes.n_discrete, 3);
    assert_near(kernel.categories[1].floor, clade_categorical_floor(0.27, 3, 4), 1e-15);
    assert_true(genes.least_spread[INTEGER] > 0 && genes.least_spread[ALL] <= 0);

    const double other[MIXED_GENES] = {0, 0.75, 1, 4, 1, 0, 5}, with[MIXED_GENES] = {1, 0.25, 0.5, 4, 1, 2, 5};
    const clade_catcma_candidate selected[] = {{.genome = other}, {.genome = with}};
    const double w[] = {0.7, 0.3}, C[] = {1, 1, 1, 1};
    double y[N];
    const double sigma = 0.5;
    clade_catcma_kernel_learn(&kernel, &genes, selected, w, 2, sigma, C, y);
    assert_near(kernel.step[ALL], (0.7 * 0.25 - 0.3 * 0.25) / sigma, 1e-15);
    assert_near(kernel.seen[ALL], 1, 1e-15);
    assert_near(kernel.step[ONE], 0.3 * 0.25 / sigma, 1e-15);
    assert_near(kernel.squares[ONE], 0.09, 1e-15);
    assert_near(kernel.seen[ONE], 0.3, 1e-15);
    assert_near(kernel.rank_mu[ONE], 0.3 * 0.25, 1e-15);
    assert_int_equal(clade_catcma_kernel_mode(&kernel, &genes), 0);

    /* A step that few samples have is cut to sqrt(n) + 2n / (n + 2). */
    const double tiny[] = {1e-8, 1e-8, 1e-8, 1e-8}, one[] = {1};
    clade_catcma_kernel_learn(&kernel, &genes, selected + 1, one, 1, sigma, tiny, y);
    double squares = 0;
    for (size_t i = 0; i < N; i++)
        squares += kernel.step[i] * kernel.step[i] / tiny[i];
    assert_near(sqrt(squares), 2 + 8.0 / 6, 1e-9);
    clade_catcma_kernel_fini(&kernel);
    clade_catcma_genes_fini(&genes);
}

/* Samples are genomes of the space; inactive genes are the mean; seeds are mostly the incumbent's. */
static void samples(void **state)
{
    (void)state;
    clade_catcma_genes genes;
    clade_catcma_kernel kernel;
    open_kernel(&genes, &kernel);
    const double at[MIXED_GENES] = {1, 0.9, 0.5, 9, 0.02, 3, 77}, objectives[] = {1, 2};
    const double spread[] = {0.3, 0.3, 0.3, 0.3};
    clade_catcma_kernel_place(&kernel, &genes, 12, at, objectives, 2);
    size_t same = 0, of_method = 0;
    for (uint64_t child = 0; child < 2000; child++) {
        double genome[MIXED_GENES];
        clade_rng rng = clade_child_rng(3, child, 0, CLADE_DRAW_SAMPLE);
        clade_catcma_kernel_sample(&kernel, &genes, spread, &rng, genome);
        assert_true(clade_space_holds(&mixed_space, genome));
        same += genome[MIXED_SEED] >= 77 && genome[MIXED_SEED] <= 77;
        of_method += genome[MIXED_METHOD] >= 1 && genome[MIXED_METHOD] <= 1;
        if (genome[MIXED_METHOD] < 1 || genome[MIXED_METHOD] > 1)
            assert_near(genome[MIXED_ONE], 0.5, 1e-12);
    }
    assert_near((double)same / 2000, 0.75, 0.04);
    assert_near((double)of_method / 2000, 0.5 + 0.5 / 3, 0.05);
    clade_catcma_kernel_fini(&kernel);
    clade_catcma_genes_fini(&genes);
}

/* As part of another algorithm: kernels begin at the best of what others found, and say so. */
static void begins_at_children_of_others(void **state)
{
    (void)state;
    const clade_algorithm *algorithm = clade_algorithm_find("catcma");
    double values[CLADE_MAX_PARAMETERS], genome[MIXED_GENES];
    clade_algorithm_defaults(algorithm, values);
    const clade_search_problem problem = {
        .space = &mixed_space, .n_objectives = 2, .seed = 1, .window = 4, .parameters = values};
    void *it;
    assert_ok(algorithm->create(&problem, &it));
    const double good[MIXED_GENES] = {1, 0.5, -0.5, 7, 1, 2, 5}, bad[MIXED_GENES] = {0, 0, 1, 0, 9, 0, 6};
    double objectives[2];
    for (uint64_t child = 0; child < 10; child++) {
        const double *told = child == 6 ? good : bad;
        mixed_evaluate(NULL, told, objectives);
        const clade_told foreign = {.child = child, .genome = told, .objectives = objectives, .complete = true};
        assert_ok(algorithm->tell(it, &foreign));
    }
    for (uint64_t child = 10; child < 14; child++) {
        clade_proposal proposal = {.genome = genome};
        assert_ok(algorithm->ask(it, child, &proposal));
        assert_int_equal(proposal.n_parents, 1);
        assert_int_equal(proposal.parents[0], 6);
    }
    algorithm->destroy(it);
}

/* Of five runs most find the optimum in every kind of gene, and its method. */
static void finds_the_mixed_optimum(void **state)
{
    (void)state;
    enum { CHILDREN = 600, RUNS = 5 };
    static double genomes[CHILDREN * MIXED_GENES];
    size_t found = 0, settled = 0;
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        double least = INFINITY;
        size_t favourites = 0;
        run_mixed(clade_algorithm_find("catcma"), seed, CHILDREN, genomes);
        for (size_t c = 0; c < CHILDREN; c++) {
            double objectives[2];
            const double *genome = genomes + c * MIXED_GENES;
            assert_true(clade_space_holds(&mixed_space, genome));
            mixed_evaluate(NULL, genome, objectives);
            least = fmin(least, objectives[0]);
            favourites += c >= CHILDREN / 2 && genome[MIXED_METHOD] > 0.5 && genome[MIXED_METHOD] < 1.5;
        }
        found += least < 0.05;
        settled += favourites > CHILDREN / 3; /* of the second half */
    }
    assert_true(found >= 3 && settled >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margin_floor),
        cmocka_unit_test(natural_gradient),
        cmocka_unit_test(trust_follows_agreement),
        cmocka_unit_test(stays_a_distribution),
        cmocka_unit_test(rates),
        cmocka_unit_test(inactive_genes_are_not_dragged),
        cmocka_unit_test(samples),
        cmocka_unit_test(begins_at_children_of_others),
        cmocka_unit_test(finds_the_mixed_optimum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
