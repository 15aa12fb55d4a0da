/* Laws of the variation operators on a space with every kind of gene. */
#include "near.h"

#include "search/variation.h"

enum { GENES = 9, TRIALS = 3000 };

/* Category of three methods; gene g is active as its bits say. */
static clade_gene genes[GENES] = {
    {.kind = CLADE_GENE_CATEGORY, .high = 2, .active_in = 7},
    {.kind = CLADE_GENE_REAL, .low = -1, .high = 2, .active_in = 7},
    {.kind = CLADE_GENE_REAL, .scale = CLADE_LOG_SCALE, .low = 0.001, .high = 1, .active_in = 1},
    {.kind = CLADE_GENE_REAL, .scale = CLADE_LOGIT_SCALE, .low = 0, .high = 1, .active_in = 6},
    {.kind = CLADE_GENE_INTEGER, .low = 0, .high = 1, .active_in = 7},
    {.kind = CLADE_GENE_INTEGER, .low = -5, .high = 9, .active_in = 2},
    {.kind = CLADE_GENE_SEED, .high = 4294967295.0, .active_in = 4},
    {.kind = CLADE_GENE_REAL, .low = 0, .high = 2, .active_in = 3},
    {.kind = CLADE_GENE_REAL, .low = 0, .high = 2, .active_in = 4},
};
static const clade_space space = {.genes = genes, .n_genes = GENES, .has_category = true};

static clade_rng rng_of(uint64_t trial)
{
    return clade_rng_keyed(&trial, 1);
}

static bool differs(const double *a, const double *b)
{
    for (size_t g = 0; g < GENES; g++)
        if (clade_gene_active(&space, a, g) && a[g] != b[g])
            return true;
    return false;
}

static void vary(void **state)
{
    (void)state;
    const clade_variation variation = clade_variation_default();
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double mother[GENES], father[GENES], child[GENES];
        clade_rng rng = rng_of(trial);
        clade_space_sample(&space, &rng, mother);
        clade_space_sample(&space, &rng, father);
        if (trial % 3 == 0) /* copies: the child must differ all the same */
            memcpy(father, mother, sizeof father);
        clade_vary(&space, &variation, mother, father, &rng, child);
        assert_true(clade_space_holds(&space, child));
        assert_true(differs(child, mother) && differs(child, father));
        for (size_t g = 0; g < GENES; g++)
            if (!clade_gene_active(&space, child, g))
                assert_true(child[g] == mother[g]);
    }
}

static void vary_is_keyed(void **state)
{
    (void)state;
    const clade_variation variation = clade_variation_default();
    double mother[GENES], father[GENES], first[GENES], second[GENES];
    clade_rng rng = rng_of(1);
    clade_space_sample(&space, &rng, mother);
    clade_space_sample(&space, &rng, father);
    clade_rng a = rng_of(2), b = rng_of(2);
    clade_vary(&space, &variation, mother, father, &a, first);
    clade_vary(&space, &variation, mother, father, &b, second);
    assert_memory_equal(first, second, sizeof first);
}

/* The expected number of mutated genes, seen where crossover does nothing. */
static void mutation_rate(void **state)
{
    (void)state;
    clade_gene reals[20];
    for (size_t g = 0; g < 20; g++)
        reals[g] = (clade_gene){.kind = CLADE_GENE_REAL, .low = 0, .high = 1, .active_in = UINT64_MAX};
    const clade_space real_space = {.genes = reals, .n_genes = 20};
    clade_variation variation = clade_variation_default();
    variation.mutation_rate = 3;
    double changed = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double mother[20], child[20];
        clade_rng rng = rng_of(trial);
        clade_space_sample(&real_space, &rng, mother);
        clade_vary(&real_space, &variation, mother, mother, &rng, child);
        for (size_t g = 0; g < 20; g++)
            changed += child[g] != mother[g];
    }
    /* A little above 3, because children without a change are drawn again: 3 / (1 - 0.85^20). */
    assert_near(changed / TRIALS, 3 / (1 - pow(0.85, 20)), 0.15);
}

static void sbx_keeps_the_mean_and_the_bounds(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        clade_rng rng = rng_of(trial);
        const double x1 = clade_rng_uniform(&rng), x2 = clade_rng_uniform(&rng), u = clade_rng_uniform(&rng);
        double children[2], swapped[2];
        clade_sbx(x1, x2, 0, 1, 15, u, children);
        clade_sbx(x2, x1, 0, 1, 15, u, swapped);
        assert_true(children[0] >= 0 && children[1] <= 1 && children[0] <= children[1]);
        assert_memory_equal(children, swapped, sizeof children);
        /* Far bounds make it symmetric about the mean. */
        clade_sbx(x1, x2, -1e6, 1e6, 15, u, children);
        assert_near(children[0] + children[1], x1 + x2, 1e-9);
        const double mutant = clade_polynomial_mutation(x1, 0, 1, 20, u);
        assert_true(mutant >= 0 && mutant <= 1);
    }
    double same[2];
    clade_sbx(0.3, 0.3, 0, 1, 15, 0.9, same);
    assert_true(same[0] == 0.3 && same[1] == 0.3);
}

static void differential(void **state)
{
    (void)state;
    size_t stayed = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double x[GENES], a[GENES], b[GENES], child[GENES];
        clade_rng rng = rng_of(trial);
        clade_space_sample(&space, &rng, x);
        clade_space_sample(&space, &rng, a);
        clade_space_sample(&space, &rng, b);
        const bool changed = clade_differential(&space, x, a, b, &rng, child);
        assert_true(clade_space_holds(&space, child));
        assert_int_equal(changed, differs(child, x));
        for (size_t g = 0; g < GENES; g++) {
            const bool active =
                clade_gene_active(&space, x, g) && clade_gene_active(&space, a, g) && clade_gene_active(&space, b, g);
            if (!active || genes[g].kind == CLADE_GENE_CATEGORY || genes[g].kind == CLADE_GENE_SEED)
                assert_true(child[g] == x[g]);
        }
        /* The linear gene that is always active: x + (a - b) / 2, or halfway to the bound. */
        const double free_step = x[1] + 0.5 * (a[1] - b[1]);
        const double step = free_step < -1 ? (x[1] - 1) / 2 : free_step > 2 ? (x[1] + 2) / 2 : free_step;
        stayed += child[1] == x[1];
        if (child[1] != x[1])
            assert_near(child[1], step, 1e-12);
        assert_false(clade_differential(&space, x, a, a, &rng, child));
    }
    assert_near((double)stayed, 0.1 * TRIALS, 0.02 * TRIALS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vary),          cmocka_unit_test(vary_is_keyed),
        cmocka_unit_test(mutation_rate), cmocka_unit_test(sbx_keeps_the_mean_and_the_bounds),
        cmocka_unit_test(differential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
