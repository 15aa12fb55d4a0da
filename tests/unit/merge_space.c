/* The space of merges: genes, sites and decode, on a tiny family. */
#include "merge_fixture.h"
#include "near.h"

#include "clade/recipe.h"

static family_fixture stacked, flat;

/* ---- genes ---- */

static void product_genes(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic", "ties", "dare_ties"};
    clade_merge_space *space = new_space(&stacked, names, 3, "layer", "product");
    const clade_space *genes = clade_merge_space_genes(space);
    assert_true(genes->has_category);
    assert_string_equal(genes->genes[0].name, "method");
    assert_int_equal(clade_merge_space_sites(space), 5);
    assert_string_equal(clade_merge_space_site_name(space, 0), "before");
    assert_string_equal(clade_merge_space_site_name(space, 1), "layer 0");
    assert_string_equal(clade_merge_space_site_name(space, 4), "after");
    /* method, weight x 3, lambda, density x 3, drop_rate x 3, a factor for each site, seed */
    assert_int_equal(genes->n_genes, 1 + 3 + 1 + 3 + 3 + 5 + 1);
    assert_int_equal(genes->genes[gene_index(genes, "weight.digits")].active_in, 7);
    assert_int_equal(genes->genes[gene_index(genes, "lambda")].active_in, 2);
    assert_int_equal(genes->genes[gene_index(genes, "density.signs")].active_in, 2);
    assert_int_equal(genes->genes[gene_index(genes, "drop_rate.fashion")].active_in, 4);
    assert_int_equal(genes->genes[gene_index(genes, "strength@layer 2")].active_in, 7);
    assert_int_equal(genes->genes[gene_index(genes, "seed")].active_in, 4);
    assert_int_equal(genes->genes[gene_index(genes, "seed")].kind, CLADE_GENE_SEED);
    const clade_gene *drop = &genes->genes[gene_index(genes, "drop_rate.fashion")];
    const clade_parameter *density =
        &method("dare_ties")->parameters[clade_method_parameter(method("dare_ties"), "density")];
    assert_true(drop->low == 1 - density->search_high && drop->high == 1 - density->search_low);
    clade_merge_space_free(space);
}

static void full_genes(void **state)
{
    (void)state;
    const char *const names[] = {"ties"};
    clade_merge_space *space = new_space(&stacked, names, 1, "depth:2", "full");
    const clade_space *genes = clade_merge_space_genes(space);
    assert_false(genes->has_category);
    /* (weight x 3, lambda, density x 3) x 2 knots */
    assert_int_equal(genes->n_genes, 14);
    (void)gene_index(genes, "weight.fashion@knot 0");
    (void)gene_index(genes, "density.signs@knot 1");
    (void)gene_index(genes, "lambda@knot 1");
    for (size_t g = 0; g < genes->n_genes; g++)
        assert_true(genes->genes[g].active_in == UINT64_MAX);
    clade_merge_space_free(space);
}

/* A range of one value is no gene but holds; a parameter that is not searched becomes a gene when it is given a range.
 */
static void ranges(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("task_arithmetic")};
    clade_range_override given[] = {
        {(char *)"weight", 0.25, 0.25}, {(char *)"lambda", 0.5, 1.5}, {(char *)"normalize", 0, 1}};
    clade_merge_space_plan plan = family_plan(&stacked, methods, 1, "model", "product");
    plan.ranges = given;
    plan.n_ranges = 3;
    clade_merge_space *space;
    assert_ok(clade_merge_space_new(&plan, stacked.family, &space));
    const clade_space *genes = clade_merge_space_genes(space);
    assert_int_equal(genes->n_genes, 2);
    assert_int_equal(genes->genes[gene_index(genes, "normalize")].kind, CLADE_GENE_INTEGER);
    double genome[2];
    genome[gene_index(genes, "lambda")] = 0.75;
    genome[gene_index(genes, "normalize")] = 1;
    char hash[CLADE_SHA256_HEX];
    clade_recipe *recipe = decode(space, genome, hash);
    assert_true(parent_value(recipe, stacked_names[2], "weight", 1) == 0.25);
    assert_true(site_value(recipe, stacked_names[2], "lambda") == 0.75);
    assert_true(site_value(recipe, stacked_names[8], "normalize") == 1);
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
}

/* ---- decode ---- */

static void product_values(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic"};
    clade_merge_space *space = new_space(&stacked, names, 1, "layer", "product");
    const clade_space *genes = clade_merge_space_genes(space);
    double genome[16];
    assert_int_equal(genes->n_genes, 3 + 5);
    for (size_t p = 0; p < 3; p++)
        genome[p] = 0.1 * (double)(p + 1);
    for (size_t s = 0; s < 5; s++)
        genome[gene_index(genes, "strength@before") + s] = 0.25 * (double)s;
    char hash[CLADE_SHA256_HEX];
    clade_recipe *recipe = decode(space, genome, hash);
    assert_int_equal(recipe->n_rules, 5);
    assert_non_null(recipe->base);
    static const size_t site_of[FAMILY_TENSORS] = {0, 1, 1, 2, 2, 3, 3, 4, 4};
    for (size_t t = 0; t < FAMILY_TENSORS; t++) {
        assert_true(site_value(recipe, stacked_names[t], "lambda") == 0.25 * (double)site_of[t]);
        for (size_t p = 0; p < 3 && site_of[t] > 0; p++) /* at strength 0 they do not matter */
            assert_true(parent_value(recipe, stacked_names[t], "weight", p) == genome[p]);
    }
    assert_string_equal(clade_recipe_rule(recipe, stacked_names[3])->patterns[0], "vision_model.encoder.layers.1.*");
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
}

/* Linear between knots at equal distances: before the stack 0, blocks 1 2 3, after 4, of 4. */
static void curve_values(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic"};
    clade_merge_space *space = new_space(&stacked, names, 1, "depth:3", "full");
    const clade_space *genes = clade_merge_space_genes(space);
    double genome[16];
    for (size_t g = 0; g < genes->n_genes; g++)
        genome[g] = 0.5;
    genome[gene_index(genes, "weight.digits@knot 0")] = 0;
    genome[gene_index(genes, "weight.digits@knot 1")] = 1;
    genome[gene_index(genes, "weight.digits@knot 2")] = 0.5;
    char hash[CLADE_SHA256_HEX];
    clade_recipe *recipe = decode(space, genome, hash);
    const double expected[FAMILY_TENSORS] = {0, 0.5, 0.5, 1, 1, 0.75, 0.75, 0.5, 0.5};
    for (size_t t = 0; t < FAMILY_TENSORS; t++)
        assert_near(parent_value(recipe, stacked_names[t], "weight", 1), expected[t], 1e-15);
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
}

static void drop_rate_is_the_complement(void **state)
{
    (void)state;
    const char *const names[] = {"dare_linear"};
    clade_merge_space *space = new_space(&stacked, names, 1, "model", "product");
    const clade_space *genes = clade_merge_space_genes(space);
    double genome[16] = {0};
    for (size_t p = 0; p < 3; p++)
        genome[gene_index(genes, "weight.fashion") + p] = 0.5;
    genome[gene_index(genes, "drop_rate.digits")] = 0.75;
    genome[gene_index(genes, "seed")] = 4294967295.0;
    char hash[CLADE_SHA256_HEX];
    clade_recipe *recipe = decode(space, genome, hash);
    assert_true(parent_value(recipe, stacked_names[0], "density", 1) == 0.25);
    assert_true(parent_value(recipe, stacked_names[0], "density", 0) == 1);
    assert_true(recipe->seed == 4294967295u);
    clade_recipe_free(recipe);
    clade_merge_space_free(space);
}

/* Laws: equal active genes, equal hash, whatever the inactive ones are; every active gene reaches the recipe. */
static void hash_laws(void **state)
{
    (void)state;
    const char *const names[] = {"linear", "task_arithmetic", "ties", "dare_ties", "dare_linear"};
    static const char *const sites[] = {"model", "layer", "depth:3"}, *const coordinates[] = {"product", "full"};
    for (size_t v = 0; v < 6; v++) {
        clade_merge_space *space = new_space(&stacked, names, 5, sites[v % 3], coordinates[v / 3]);
        const clade_space *genes = clade_merge_space_genes(space);
        double a[128], b[128];
        assert_true(genes->n_genes <= 128);
        for (uint64_t trial = 0; trial < 12; trial++) {
            char first[CLADE_SHA256_HEX], second[CLADE_SHA256_HEX];
            const uint64_t keys[] = {v, trial};
            clade_rng rng = clade_rng_keyed(keys, 2);
            clade_space_sample(genes, &rng, a);
            clade_space_sample(genes, &rng, b);
            for (size_t g = 0; g < genes->n_genes; g++)
                if (clade_gene_active(genes, a, g))
                    b[g] = a[g];
            clade_recipe_free(decode(space, a, first));
            clade_recipe_free(decode(space, b, second));
            assert_string_equal(first, second);
            for (size_t g = 1; g < genes->n_genes; g++) {
                if (!clade_gene_active(genes, a, g))
                    continue;
                memcpy(b, a, genes->n_genes * sizeof *b);
                b[g] = b[g] > genes->genes[g].low ? genes->genes[g].low : genes->genes[g].high;
                clade_recipe_free(decode(space, b, second));
                if (strcmp(first, second) == 0)
                    fail_msg("gene %s does not reach the recipe", genes->genes[g].name);
            }
        }
        clade_merge_space_free(space);
    }
}

/* ---- refusals ---- */

static void refuse(const family_fixture *f, const char *name, const char *sites, const char *coordinates,
                   const clade_range_override *range, const char *part)
{
    const clade_method *methods[] = {method(name)};
    clade_merge_space_plan plan = family_plan(f, methods, 1, sites, coordinates);
    clade_merge_space *space;
    plan.ranges = range;
    plan.n_ranges = range != NULL;
    assert_fails(clade_merge_space_new(&plan, f->family, &space), CLADE_ECONFIG, part);
}

static void refusals(void **state)
{
    (void)state;
    const clade_range_override wide = {(char *)"density", 0, 2}, unknown = {(char *)"wieght", 0, 1},
                               turned = {(char *)"weight", 1, 0}, drop = {(char *)"density", 0, 1};
    refuse(&stacked, "ties", "layers", "product", NULL, "did you mean \"layer\"");
    refuse(&stacked, "ties", "depth:x", "product", NULL, "space.sites");
    refuse(&stacked, "ties", "depth:1", "product", NULL, "space.sites");
    refuse(&stacked, "ties", "depth:6", "product", NULL, "at most 5 knots");
    refuse(&stacked, "ties", "layer", "products", NULL, "did you mean \"product\"");
    refuse(&stacked, "ties", "layer", "product", &wide, "within [0, 1]");
    refuse(&stacked, "ties", "layer", "product", &unknown, "did you mean \"weight\"");
    refuse(&stacked, "ties", "layer", "product", &turned, "expected [low, high]");
    refuse(&stacked, "dare_ties", "layer", "product", &drop, "drop_rate");
    refuse(&flat, "ties", "layer", "product", NULL, "expected \"model\"");
    refuse(&flat, "ties", "depth:3", "product", NULL, "needs a stack of blocks");
}

static void flat_model(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("ties")};
    const clade_merge_space_plan plan = family_plan(&flat, methods, 1, "model", "product");
    clade_merge_space *space;
    assert_ok(clade_merge_space_new(&plan, flat.family, &space));
    assert_int_equal(clade_merge_space_sites(space), 1);
    assert_string_equal(clade_merge_space_site_name(space, 0), "model");
    assert_int_equal(clade_merge_space_genes(space)->n_genes, 3 + 1 + 3);
    clade_merge_space_free(space);
}

static int open_families(void **state)
{
    (void)state;
    family_init(&stacked, stacked_names);
    family_init(&flat, flat_names);
    return 0;
}

static int close_families(void **state)
{
    (void)state;
    family_fini(&stacked);
    family_fini(&flat);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_genes),  cmocka_unit_test(full_genes),   cmocka_unit_test(ranges),
        cmocka_unit_test(product_values), cmocka_unit_test(curve_values), cmocka_unit_test(drop_rate_is_the_complement),
        cmocka_unit_test(hash_laws),      cmocka_unit_test(refusals),     cmocka_unit_test(flat_model),
    };
    return cmocka_run_group_tests(tests, open_families, close_families);
}
