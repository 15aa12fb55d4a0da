/* What operators go by (slots, sites, parents, priors), and weights that share a sum, on a tiny family. */
#include "merge_stacked.h"
#include "near.h"

static clade_merge_space *make_space(const clade_merge_space_plan *plan)
{
    clade_merge_space *space;
    assert_ok(clade_merge_space_new(plan, stacked.family, &space));
    return space;
}

static void metadata(void **state)
{
    (void)state;
    const char *const names[] = {"ties", "dare_ties"};
    clade_merge_space *space = new_space(&stacked, names, 2, "layer", "full");
    const clade_space *genes = clade_merge_space_genes(space);
    const clade_gene *first = &genes->genes[gene_index(genes, "weight.fashion@before")];
    const clade_gene *last = &genes->genes[gene_index(genes, "weight.signs@after")];
    const clade_gene *lambda = &genes->genes[gene_index(genes, "lambda@layer 1")];
    const clade_gene *drop = &genes->genes[gene_index(genes, "drop_rate.digits@layer 0")];
    assert_int_equal(genes->genes[0].slot, 0);
    assert_int_equal(genes->genes[gene_index(genes, "seed")].slot, 0);
    assert_true(first->slot > 0 && first->slot == last->slot && first->slot != lambda->slot);
    assert_int_equal(first->site, 0);
    assert_int_equal(first->parent, 0);
    assert_int_equal(last->site, 4);
    assert_int_equal(last->parent, 2);
    assert_int_equal(lambda->site, 2);
    assert_int_equal(lambda->parent, -1);
    /* weights around 1.2 / 3, smaller before the stack than after it */
    assert_near(clade_gene_from_unit(first, first->prior), 0.4 * 0.5, 1e-12);
    assert_near(clade_gene_from_unit(last, last->prior), 0.4 * 1.5, 1e-12);
    assert_near(first->spread, 0.8 * 0.2, 1e-12);
    assert_near(clade_gene_from_unit(lambda, lambda->prior), 1, 1e-12);
    assert_near(clade_gene_from_unit(drop, drop->prior), 0, 1e-12);
    for (size_t g = 0; g < genes->n_genes; g++)
        assert_true(genes->genes[g].prior >= 0 && genes->genes[g].prior <= 1 && genes->genes[g].spread >= 0);
    clade_merge_space_free(space);
    const char *const one[] = {"task_arithmetic"};
    space = new_space(&stacked, one, 1, "layer", "product");
    genes = clade_merge_space_genes(space);
    const clade_gene *factor = &genes->genes[gene_index(genes, "strength@before")];
    assert_near(clade_gene_from_unit(factor, factor->prior), 0.5, 1e-12);
    assert_int_equal(factor->site, 0);
    assert_int_equal(factor->parent, -1);
    clade_merge_space_free(space);
}

static void given_priors(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("task_arithmetic")};
    const clade_prior_override priors[] = {{(char *)"weight", 0.7, 0.1}, {(char *)"strength", 1.5, 0.25}};
    clade_merge_space_plan plan = family_plan(&stacked, methods, 1, "layer", "product");
    plan.priors = priors;
    plan.n_priors = 2;
    clade_merge_space *space = make_space(&plan);
    const clade_space *genes = clade_merge_space_genes(space);
    for (size_t g = 0; g < genes->n_genes; g++) {
        const bool weight = genes->genes[g].parent >= 0;
        assert_near(clade_gene_from_unit(&genes->genes[g], genes->genes[g].prior), weight ? 0.7 : 1.5, 1e-12);
        assert_near(genes->genes[g].spread, weight ? 0.1 : 0.125, 1e-12);
    }
    clade_merge_space_free(space);
}

static void sums(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("task_arithmetic")};
    clade_merge_space_plan plan = family_plan(&stacked, methods, 1, "layer", "full");
    plan.sum = 1.5;
    clade_merge_space *space = make_space(&plan);
    const clade_space *genes = clade_merge_space_genes(space);
    double genome[32];
    char hash[CLADE_SHA256_HEX];
    for (uint64_t trial = 0; trial < 5; trial++) {
        clade_rng rng = clade_rng_keyed(&trial, 1);
        clade_space_sample(genes, &rng, genome);
        for (size_t p = 0; p < 3 && trial == 0; p++)
            genome[5 * p] = 0; /* nothing to share the sum out by */
        clade_recipe *recipe = decode(space, genome, hash);
        for (size_t t = 0; t < FAMILY_TENSORS; t++) {
            double sum = 0;
            for (size_t p = 0; p < 3; p++)
                sum += parent_value(recipe, stacked_names[t], "weight", p);
            assert_near(sum, 1.5, 1e-12);
        }
        assert_true(trial > 0 || parent_value(recipe, stacked_names[0], "weight", 1) == 0.5);
        clade_recipe_free(recipe);
    }
    clade_first *first;
    size_t count;
    assert_ok(clade_merge_space_first(space, NULL, &first, &count));
    assert_int_equal(count, 0); /* no uniform scale of the list sums to 1.5, and MetaGPT's sum to 1 */
    clade_first_free(first, count);
    clade_merge_space_free(space);
}

static void refuse(const clade_merge_space_plan *plan, const char *part)
{
    clade_merge_space *space;
    const size_t live = clade_alloc_live();
    assert_fails(clade_merge_space_new(plan, stacked.family, &space), CLADE_ECONFIG, part);
    assert_int_equal(clade_alloc_live(), live);
}

static void refusals(void **state)
{
    (void)state;
    const clade_method *adding[] = {method("task_arithmetic")}, *dividing[] = {method("linear"), method("slerp")},
                       *stock[] = {method("model_stock")};
    clade_merge_space_plan plan;
    const clade_prior_override unknown = {(char *)"wieght", 0, 1}, narrow = {(char *)"weight", 0, 0};
    plan = family_plan(&stacked, adding, 1, "layer", "full");
    plan.n_priors = 1;
    plan.priors = &unknown;
    refuse(&plan, "space.prior: unknown \"wieght\"; did you mean \"weight\"");
    plan.priors = &narrow;
    refuse(&plan, "space.prior.weight: found the deviation 0");
    const clade_range_override negative = {(char *)"weight", -1, 1}, fixed = {(char *)"weight", 0.3, 0.3};
    plan = family_plan(&stacked, dividing, 2, "layer", "full");
    plan.sum = 1;
    refuse(&plan, "no method of the space feels the sum");
    plan = family_plan(&stacked, stock, 1, "layer", "full");
    plan.sum = 1;
    refuse(&plan, "no method of the space feels the sum");
    plan = family_plan(&stacked, adding, 1, "layer", "full");
    plan.sum = -1;
    refuse(&plan, "space.sum: found -1");
    plan.sum = 1;
    plan.n_ranges = 1;
    plan.ranges = &negative;
    refuse(&plan, "space.sum: weights from -1 on may sum to 0");
    plan.ranges = &fixed;
    refuse(&plan, "space.sum: all weights are fixed at 0.3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata),
        cmocka_unit_test(given_priors),
        cmocka_unit_test(sums),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
