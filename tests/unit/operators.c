/* The operators that know merges, and how often each is used. */
#include "near.h"

#include "search/algorithm/gain.h"
#include "search/algorithm/operators.h"
#include "search/variation.h"

enum { PARENTS = 3, SITES = 4, WEIGHTS = PARENTS * SITES, GENES = 1 + WEIGHTS + 1, METHODS = 2 };

/* Gene 0: the method; then the weight of parent p at site s, in both methods; then the density of the second. */
static clade_gene genes[GENES];
static const clade_space space = {.genes = genes, .n_genes = GENES, .has_category = true};

static size_t weight(int site, int parent)
{
    return 1 + (size_t)(site * PARENTS + parent);
}

static int make_space(void **state)
{
    (void)state;
    genes[0] =
        (clade_gene){.name = "method", .kind = CLADE_GENE_CATEGORY, .high = METHODS - 1, .active_in = UINT64_MAX};
    for (int s = 0; s < SITES; s++)
        for (int p = 0; p < PARENTS; p++)
            genes[weight(s, p)] =
                (clade_gene){.name = "weight", .high = 1, .active_in = UINT64_MAX, .slot = 1, .site = s, .parent = p};
    genes[GENES - 1] = (clade_gene){.name = "density", .high = 1, .active_in = 2, .slot = 2, .site = -1, .parent = -1};
    return 0;
}

static void fill(double *genome, double method, double value)
{
    for (size_t g = 0; g < GENES; g++)
        genome[g] = value;
    genome[0] = method;
}

static bool moved(const double *a, const double *b, size_t gene)
{
    return a[gene] < b[gene] || a[gene] > b[gene];
}

/* One site's weights move, together more often than apart; nothing else does. */
static void correlated_step(void **state)
{
    (void)state;
    double mother[GENES], child[GENES], together = 0, steps = 0;
    fill(mother, 0, 0.5);
    for (uint64_t seed = 0; seed < 400; seed++) {
        clade_rng rng = clade_rng_seeded(seed, 1);
        assert_true(clade_correlated_step(&space, mother, &rng, child));
        int site = -1;
        for (int s = 0; s < SITES; s++)
            for (int p = 0; p < PARENTS; p++)
                if (moved(mother, child, weight(s, p))) {
                    assert_true(site < 0 || site == s);
                    site = s;
                }
        assert_true(site >= 0 && !moved(mother, child, 0) && !moved(mother, child, GENES - 1));
        const double a = child[weight(site, 0)] - 0.5, b = child[weight(site, 1)] - 0.5;
        together += a * b > 0;
        steps++;
    }
    assert_true(together > 0.6 * steps); /* correlation 1/2: two of three */
}

/* One parent's weights move over the sites, all in one direction and the further from one site the less. */
static void smooth_step(void **state)
{
    (void)state;
    double mother[GENES], child[GENES];
    fill(mother, 0, 0.5);
    for (uint64_t seed = 0; seed < 400; seed++) {
        clade_rng rng = clade_rng_seeded(seed, 2);
        if (!clade_smooth_step(&space, mother, &rng, child))
            continue;
        int parent = -1, turns = 0;
        double before = 0, height[SITES];
        for (int p = 0; p < PARENTS; p++)
            for (int s = 0; s < SITES; s++)
                if (moved(mother, child, weight(s, p))) {
                    assert_true(parent < 0 || parent == p);
                    parent = p;
                }
        assert_true(parent >= 0);
        for (int s = 0; s < SITES; s++) {
            height[s] = fabs(child[weight(s, parent)] - 0.5);
            turns += s > 1 && (height[s] - height[s - 1]) * (height[s - 1] - height[s - 2]) < 0;
            assert_true((child[weight(s, parent)] - 0.5) * before >= 0);
            before = child[weight(s, parent)] - 0.5;
        }
        assert_true(turns <= 1);
    }
}

/* Before the split a mix of w, after it of 1 - w; the blend has one share for all. */
static void crossovers(void **state)
{
    (void)state;
    double mother[GENES], father[GENES], child[GENES];
    fill(mother, 0, 0);
    fill(father, 1, 1);
    for (uint64_t seed = 0; seed < 200; seed++) {
        clade_rng rng = clade_rng_seeded(seed, 3);
        assert_true(clade_split_crossover(&space, mother, father, &rng, child));
        const double first = child[weight(0, 0)], last = child[weight(SITES - 1, 0)];
        assert_near(first + last, 1, 1e-12);
        int split = 0;
        for (int s = 1; s < SITES; s++)
            split += fabs(child[weight(s, 0)] - child[weight(s - 1, 0)]) > 1e-12;
        assert_true(split <= 1 && child[0] < 0.5); /* w = 1/2 shows no split; the method is the mother's */
        for (int s = 0; s < SITES; s++)
            for (int p = 1; p < PARENTS; p++)
                assert_near(child[weight(s, p)], child[weight(s, 0)], 0);
        assert_near(child[GENES - 1], mother[GENES - 1], 0); /* the mother's method has no density */
        if (clade_blend(&space, mother, father, &rng, child))
            for (int s = 0; s < SITES; s++)
                assert_near(child[weight(s, 1)], child[weight(0, 0)], 1e-12);
    }
}

/* What both methods have stays, what only the new one has is the donor's. */
static void switch_of_method(void **state)
{
    (void)state;
    double mother[GENES], donor[GENES], child[GENES];
    fill(mother, 0, 0.25);
    fill(donor, 1, 0.75);
    assert_true(clade_switch_method(&space, mother, donor, 1, child));
    assert_near(child[0], 1, 0);
    assert_near(child[weight(2, 1)], 0.25, 0);
    assert_near(child[GENES - 1], 0.75, 0);
    assert_true(clade_switch_method(&space, mother, NULL, 1, child));
    assert_near(child[GENES - 1], 0.25, 0);
    assert_false(clade_switch_method(&space, mother, donor, 0, child));
}

/* In a space that is no merge the operators of merges have no share; the shares sum to 1 and follow the rewards. */
static void shares(void **state)
{
    (void)state;
    clade_gene plain[2] = {{.name = "a", .high = 1, .active_in = UINT64_MAX},
                           {.name = "b", .high = 1, .active_in = UINT64_MAX}};
    const clade_space small = {.genes = plain, .n_genes = 2};
    const clade_space *spaces[] = {&small, &space};
    for (size_t k = 0; k < 2; k++) {
        const clade_search_problem problem = {.space = spaces[k], .n_objectives = 2, .seed = 5, .window = 4};
        clade_operators *operators;
        clade_population population = {0};
        double genome[GENES], first[GENES], sum = 0;
        assert_ok(clade_operators_new(&problem, &operators));
        assert_ok(clade_population_init(&population, &problem, 8));
        for (uint64_t c = 0; c < 8; c++) {
            clade_rng rng = clade_rng_seeded(c, 4);
            clade_space_sample(spaces[k], &rng, genome);
            const clade_told told = {
                .child = c, .genome = genome, .objectives = (double[]){(double)c, -(double)c}, .complete = true};
            clade_population_add(&population, &told);
        }
        size_t used = 0;
        for (size_t row = 0; row < clade_operators_count(); row++) {
            const double share = clade_operators_share(operators, row);
            sum += share;
            used += share > 0;
        }
        assert_near(sum, 1, 1e-12);
        assert_int_equal(used, k == 0 ? 3 : clade_operators_count());
        /* Only children of the last row of use pay. */
        const double before = clade_operators_share(operators, 1);
        for (uint64_t child = 8; child < 1200; child++) {
            clade_proposal proposal = {.genome = genome}, again = {.genome = first};
            clade_operators_propose(operators, &population, child % 8, (child + 3) % 8, child, &again);
            clade_operators_propose(operators, &population, child % 8, (child + 3) % 8, child, &proposal);
            assert_memory_equal(first, genome, spaces[k]->n_genes * sizeof *genome);
            assert_true(clade_space_holds(spaces[k], genome));
            clade_operators_reward(operators, child, strcmp(proposal.operator_name, clade_operators_name(1)) == 0);
        }
        assert_true(clade_operators_share(operators, 1) > 1.5 * before);
        for (size_t row = 0; row < clade_operators_count(); row++)
            assert_true(clade_operators_share(operators, row) > 0.019 || (k == 0 && row > 2));
        clade_operators_free(operators);
        clade_population_fini(&population);
    }
}

/* Shares of the hypervolume, by hand. */
static void gains(void **state)
{
    (void)state;
    clade_gain gain = {.n_objectives = 2};
    double share;
    assert_ok(clade_gain_add(&gain, (double[]){0, 1}, &share));
    assert_near(share, 1, 0);
    assert_ok(clade_gain_add(&gain, (double[]){0, 1}, &share)); /* a copy */
    assert_near(share, 0, 0);
    /* Scaled to the unit square: boxes 1.1 x .1 each, .01 of them common; the new one adds 1.1 * .1 - .01 of .21. */
    assert_ok(clade_gain_add(&gain, (double[]){1, 0}, &share));
    assert_near(share, 0.1 / 0.21, 1e-12);
    assert_ok(clade_gain_add(&gain, (double[]){1, 1}, &share)); /* dominated */
    assert_near(share, 0, 0);
    /* (1/2, 1/2) adds the square from there to the ends of the two others: .6 x .6 less what they had. */
    assert_ok(clade_gain_add(&gain, (double[]){0.5, 0.5}, &share));
    assert_near(share, 0.25 / 0.46, 1e-12);
    assert_int_equal(gain.count, 3);
    assert_ok(clade_gain_add(&gain, (double[]){0, 0}, &share)); /* dominates them all */
    assert_int_equal(gain.count, 1);
    assert_true(share > 0.5 && share < 1);
    clade_gain_fini(&gain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(correlated_step),  cmocka_unit_test(smooth_step), cmocka_unit_test(crossovers),
        cmocka_unit_test(switch_of_method), cmocka_unit_test(shares),      cmocka_unit_test(gains),
    };
    return cmocka_run_group_tests(tests, make_space, NULL);
}
