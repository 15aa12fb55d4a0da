/* Sobol' points: known values, the stratification that makes them worth having, and that the algorithm keeps it. */
#include "near.h"

#include "search/algorithm.h"
#include "search/algorithm/sobol_sequence.h"

enum { BLOCK = 64, BLOCKS = 4, LARGE = 170 };

/* From scipy 1.17.1, qmc.Sobol(161, scramble=False, bits=32): Joe & Kuo's directions in the same order. */
static void known_values(void **state)
{
    (void)state;
    enum { COLUMNS = 8 };
    static const size_t dimensions[COLUMNS] = {0, 1, 2, 3, 4, 39, 99, 160};
    static const struct {
        uint64_t index;
        double x[COLUMNS];
    } points[] = {
        {0, {0}},
        {1, {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5}},
        {2, {0.75, 0.25, 0.25, 0.25, 0.75, 0.25, 0.75, 0.75}},
        {3, {0.25, 0.75, 0.75, 0.75, 0.25, 0.75, 0.25, 0.25}},
        {5, {0.875, 0.875, 0.125, 0.375, 0.875, 0.375, 0.375, 0.875}},
        {7, {0.125, 0.625, 0.375, 0.125, 0.125, 0.125, 0.625, 0.125}},
        {1000,
         {0.2197265625, 0.0966796875, 0.5185546875, 0.6767578125, 0.2802734375, 0.4794921875, 0.1865234375,
          0.8583984375}},
        {2047,
         {0.00048828125, 0.62744140625, 0.93115234375, 0.35107421875, 0.63037109375, 0.67626953125, 0.86083984375,
          0.77490234375}},
    };
    for (size_t d = 0; d < COLUMNS; d++) {
        uint32_t directions[CLADE_SOBOL_BITS];
        clade_sobol_directions(dimensions[d], directions);
        for (size_t p = 0; p < sizeof points / sizeof *points; p++)
            assert_near(clade_sobol_coordinate(directions, points[p].index) * 0x1p-32, points[p].x[d], 0);
    }
}

/* One point in each of the 2^k intervals, in every aligned block of 2^k, in every dimension of the table. */
static void stratified(void **state)
{
    (void)state;
    for (size_t d = 0; d < CLADE_SOBOL_DIMENSIONS; d++) {
        uint32_t directions[CLADE_SOBOL_BITS];
        clade_sobol_directions(d, directions);
        for (unsigned k = 0; k <= 8; k++)
            for (uint64_t block = 0; block < 5; block++) {
                bool seen[256] = {false};
                for (uint64_t i = 0; i < UINT64_C(1) << k; i++) {
                    const uint32_t x = clade_sobol_coordinate(directions, (block << k) + i);
                    bool *interval = &seen[(uint64_t)x >> (32 - k)];
                    assert_false(*interval);
                    *interval = true;
                }
            }
    }
}

static clade_gene genes[LARGE] = {
    {.kind = CLADE_GENE_CATEGORY, .low = 0, .high = 3, .active_in = UINT64_MAX},
    {.kind = CLADE_GENE_INTEGER, .low = -3, .high = 4, .active_in = UINT64_MAX},
    {.kind = CLADE_GENE_SEED, .active_in = UINT64_MAX},
};

/* A category, an integer, a seed, and reals for the rest. */
static clade_space mixed_space(size_t n_genes)
{
    for (size_t g = 3; g < n_genes; g++)
        genes[g] = (clade_gene){.kind = CLADE_GENE_REAL, .low = 2, .high = 4, .active_in = UINT64_MAX};
    return (clade_space){.genes = genes, .n_genes = n_genes, .has_category = true};
}

static void *sobol_on(const clade_space *space, uint64_t seed, const double *first, size_t n_first)
{
    static const char *const names[] = {"x", "x"};
    const clade_search_problem problem = {.space = space,
                                          .n_objectives = 2,
                                          .seed = seed,
                                          .first = first,
                                          .first_names = names,
                                          .n_first = n_first,
                                          .window = 1};
    void *it;
    assert_ok(clade_algorithm_find("sobol")->create(&problem, &it));
    return it;
}

static void ask(void *it, uint64_t child, uint64_t variant, double *genome)
{
    clade_proposal proposal = {.genome = genome, .variant = variant};
    assert_ok(clade_algorithm_find("sobol")->ask(it, child, &proposal));
}

/* Gene G of a genome as a number in [0, 1). */
static double unit_of(size_t g, const double *genome)
{
    return g == 2 ? genome[g] * 0x1p-32 : clade_gene_to_unit(&genes[g], genome[g]);
}

/* Scrambling keeps the strata; the few values of categories and integers come equally often. */
static void scrambled(void **state)
{
    (void)state;
    enum { GENES = 12 };
    const clade_space space = mixed_space(GENES);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        void *it = sobol_on(&space, seed, NULL, 0);
        for (size_t block = 0; block < BLOCKS; block++) {
            size_t categories[4] = {0}, integers[8] = {0};
            bool seen[GENES][BLOCK] = {{false}};
            for (size_t i = 0; i < BLOCK; i++) {
                double genome[GENES];
                ask(it, block * BLOCK + i, 0, genome);
                assert_true(clade_space_holds(&space, genome));
                categories[(size_t)genome[0]]++;
                integers[(size_t)(genome[1] + 3)]++;
                for (size_t g = 2; g < GENES; g++) {
                    bool *interval = &seen[g][(size_t)(unit_of(g, genome) * BLOCK)];
                    assert_false(*interval);
                    *interval = true;
                }
            }
            for (size_t c = 0; c < 8; c++) {
                assert_int_equal(categories[c % 4], BLOCK / 4);
                assert_int_equal(integers[c], BLOCK / 8);
            }
        }
        clade_algorithm_find("sobol")->destroy(it);
    }
}

/* As part of a portfolio it is asked for some children only, and wastes no point; nor does it on a variant. */
static void gaps_and_variants(void **state)
{
    (void)state;
    enum { GENES = 5 };
    const clade_space space = mixed_space(GENES);
    const double first[2 * GENES] = {1, 0, 7, 2, 3, 2, 1, 8, 3, 4};
    void *all = sobol_on(&space, 1, NULL, 0), *some = sobol_on(&space, 1, first, 2);
    for (uint64_t i = 0; i < BLOCK; i++) {
        double genome[GENES], other[GENES], variant[GENES];
        ask(all, i, 0, genome);
        ask(some, 2 + 3 * i, 0, other);
        assert_memory_equal(genome, other, sizeof genome);
        ask(some, 2 + 3 * i, 1, variant);
        assert_memory_not_equal(genome, variant, sizeof genome);
        ask(some, 2 + 3 * i, 0, other);
        assert_memory_equal(genome, other, sizeof genome);
    }
    clade_algorithm_find("sobol")->destroy(all);
    clade_algorithm_find("sobol")->destroy(some);
}

/* More genes than dimensions: those beyond are uniform, and different from child to child. */
static void beyond_the_table(void **state)
{
    (void)state;
    const clade_space space = mixed_space(LARGE);
    void *it = sobol_on(&space, 1, NULL, 0);
    double sum = 0, last = 0;
    for (uint64_t i = 0; i < 256; i++) {
        double genome[LARGE];
        ask(it, i, 0, genome);
        assert_true(clade_space_holds(&space, genome));
        sum += genome[LARGE - 1];
        assert_true(genome[LARGE - 1] < last || genome[LARGE - 1] > last);
        last = genome[LARGE - 1];
    }
    assert_near(sum / 256, 3, 4 * sqrt(4.0 / 12 / 256));
    clade_algorithm_find("sobol")->destroy(it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),      cmocka_unit_test(stratified),       cmocka_unit_test(scrambled),
        cmocka_unit_test(gaps_and_variants), cmocka_unit_test(beyond_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
