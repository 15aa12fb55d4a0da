/* Individuals in flat arrays: what others do to the place of one does nothing to its genome. */
#include "test.h"

#include "clade/rng.h"
#include "search/algorithm/population.h"

enum { CAPACITY = 12, GENES = 3, OBJECTIVES = 2, STEPS = 400 };

static clade_told told_of(uint64_t child, double *values)
{
    for (size_t i = 0; i < GENES + OBJECTIVES; i++)
        values[i] = (double)(child * 8 + i);
    return (clade_told){.child = child, .genome = values, .objectives = values + GENES, .complete = true};
}

static void check(const clade_population *population, const uint64_t *expected, size_t count)
{
    double values[GENES + OBJECTIVES];
    assert_int_equal(population->count, count);
    for (size_t i = 0; i < count; i++) {
        const clade_told told = told_of(expected[i], values);
        assert_int_equal(population->child[i], told.child);
        assert_memory_equal(clade_population_genome(population, i), told.genome, GENES * sizeof(double));
        assert_memory_equal(clade_population_objectives(population, i), told.objectives, OBJECTIVES * sizeof(double));
    }
}

static void keeps_who_is_in(void **state)
{
    (void)state;
    clade_gene genes[GENES] = {0};
    const clade_space space = {.genes = genes, .n_genes = GENES};
    const clade_search_problem problem = {.space = &space, .n_objectives = OBJECTIVES};
    clade_population population = {0}, other = {0};
    uint64_t expected[CAPACITY];
    size_t count = 0;
    double values[GENES + OBJECTIVES];
    clade_rng rng = clade_rng_seeded(1, 2);
    assert_ok(clade_population_init(&population, &problem, CAPACITY));
    assert_ok(clade_population_init(&other, &problem, CAPACITY));
    for (uint64_t child = 0; child < STEPS; child++) {
        const clade_told told = told_of(child, values);
        const size_t at = count > 0 ? (size_t)clade_rng_below(&rng, count) : 0;
        if (count == CAPACITY || (count > 0 && clade_rng_below(&rng, 3) == 0)) {
            clade_population_remove(&population, at);
            memmove(expected + at, expected + at + 1, (--count - at) * sizeof *expected);
        } else if (count > 0 && clade_rng_below(&rng, 4) == 0) {
            clade_population_replace(&population, at, &told);
            expected[at] = child;
        } else {
            clade_population_add(&population, &told);
            expected[count++] = child;
        }
        check(&population, expected, count);
        other.count = 0;
        clade_population_join(&other, &population, &(clade_population){0});
        check(&other, expected, count);
    }
    clade_population_fini(&population);
    clade_population_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_who_is_in)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
