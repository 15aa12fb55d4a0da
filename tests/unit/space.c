/* Spaces of genomes: scales, sampling, activity. */
#include "near.h"

#include "search/space.h"

static clade_gene gene(clade_gene_kind kind, clade_parameter_scale scale, double low, double high)
{
    return (clade_gene){.kind = kind, .scale = scale, .low = low, .high = high, .active_in = UINT64_MAX};
}

static void unit_and_back(void **state)
{
    (void)state;
    const clade_gene genes[] = {
        gene(CLADE_GENE_REAL, CLADE_LINEAR_SCALE, -2, 3),    gene(CLADE_GENE_REAL, CLADE_LOG_SCALE, 0.01, 10),
        gene(CLADE_GENE_REAL, CLADE_LOG_SCALE, 0, 10),       gene(CLADE_GENE_REAL, CLADE_LOGIT_SCALE, 0.05, 0.95),
        gene(CLADE_GENE_REAL, CLADE_LOGIT_SCALE, 0, 1),      gene(CLADE_GENE_REAL, CLADE_LOGIT_SCALE, 0.0001, 0.0005),
        gene(CLADE_GENE_INTEGER, CLADE_LINEAR_SCALE, -3, 4),
    };
    for (size_t g = 0; g < sizeof genes / sizeof *genes; g++) {
        const clade_gene *it = &genes[g];
        assert_true(clade_gene_from_unit(it, 0) == it->low && clade_gene_from_unit(it, 1) == it->high);
        assert_true(clade_gene_from_unit(it, -1) == it->low && clade_gene_from_unit(it, 2) == it->high);
        double former = it->low;
        for (double u = 0; u <= 1; u += 1.0 / 64) {
            const double value = clade_gene_from_unit(it, u);
            assert_true(value >= former && value <= it->high);
            former = value;
            const double again = clade_gene_from_unit(it, clade_gene_to_unit(it, value));
            /* Within the margin of an infinite end the coordinate is cut. */
            if (it->kind == CLADE_GENE_INTEGER)
                assert_true(again == value);
            else
                assert_near(again, value, 2e-3 * (it->high - it->low));
        }
    }
}

static void log_scale_is_even_in_ratios(void **state)
{
    (void)state;
    const clade_gene it = gene(CLADE_GENE_REAL, CLADE_LOG_SCALE, 0.01, 100);
    assert_near(clade_gene_from_unit(&it, 0.5), 1, 1e-12);
    assert_near(clade_gene_from_unit(&it, 0.25), 0.1, 1e-12);
}

static void samples(void **state)
{
    (void)state;
    clade_gene genes[] = {
        gene(CLADE_GENE_CATEGORY, CLADE_LINEAR_SCALE, 0, 2),
        gene(CLADE_GENE_REAL, CLADE_LINEAR_SCALE, 1, 2),
        gene(CLADE_GENE_INTEGER, CLADE_LINEAR_SCALE, 0, 3),
        gene(CLADE_GENE_SEED, CLADE_LINEAR_SCALE, 0, 4294967295.0),
    };
    const clade_space space = {.genes = genes, .n_genes = 4, .has_category = true};
    const uint64_t keys[] = {1};
    clade_rng rng = clade_rng_keyed(keys, 1);
    size_t category[3] = {0}, integer[4] = {0};
    double mean = 0;
    enum { N = 12000 };
    for (int i = 0; i < N; i++) {
        double genome[4];
        clade_space_sample(&space, &rng, genome);
        assert_true(clade_space_holds(&space, genome));
        category[(size_t)genome[0]]++;
        mean += genome[1] / N;
        integer[(size_t)genome[2]]++;
    }
    for (size_t c = 0; c < 3; c++)
        assert_near((double)category[c], N / 3.0, 250);
    for (size_t c = 0; c < 4; c++)
        assert_near((double)integer[c], N / 4.0, 250);
    assert_near(mean, 1.5, 0.02);
}

static void holds(void **state)
{
    (void)state;
    clade_gene genes[] = {gene(CLADE_GENE_CATEGORY, CLADE_LINEAR_SCALE, 0, 1),
                          gene(CLADE_GENE_REAL, CLADE_LINEAR_SCALE, 0, 1),
                          gene(CLADE_GENE_SEED, CLADE_LINEAR_SCALE, 0, 4294967295.0)};
    const clade_space space = {.genes = genes, .n_genes = 3, .has_category = true};
    assert_true(clade_space_holds(&space, (const double[]){1, 0.5, 4294967295.0}));
    assert_false(clade_space_holds(&space, (const double[]){2, 0.5, 7}));
    assert_false(clade_space_holds(&space, (const double[]){0.5, 0.5, 7}));
    assert_false(clade_space_holds(&space, (const double[]){1, 1.5, 7}));
    assert_false(clade_space_holds(&space, (const double[]){1, (double)NAN, 7}));
    assert_false(clade_space_holds(&space, (const double[]){1, 0.5, 4294967296.0}));
}

static void activity(void **state)
{
    (void)state;
    clade_gene genes[] = {gene(CLADE_GENE_CATEGORY, CLADE_LINEAR_SCALE, 0, 2),
                          gene(CLADE_GENE_REAL, CLADE_LINEAR_SCALE, 0, 1)};
    genes[1].active_in = 5; /* categories 0 and 2 */
    clade_space space = {.genes = genes, .n_genes = 2, .has_category = true};
    for (int c = 0; c < 3; c++) {
        const double genome[] = {c, 0.5};
        assert_true(clade_gene_active(&space, genome, 0));
        assert_int_equal(clade_gene_active(&space, genome, 1), c != 1);
    }
    space.has_category = false;
    assert_true(clade_gene_active(&space, (const double[]){1, 0.5}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unit_and_back), cmocka_unit_test(log_scale_is_even_in_ratios),
        cmocka_unit_test(samples),       cmocka_unit_test(holds),
        cmocka_unit_test(activity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
