/* Recipes as genomes: what a space says comes back, and what it cannot say is refused with the reason. */
#include "merge_stacked.h"
#include "near.h"

/* Equal values at every tensor, to rounding. */
static void same_values(const clade_recipe *a, const clade_recipe *b)
{
    const size_t n = a->method->n_parameters;
    assert_ptr_equal(a->method, b->method);
    for (size_t t = 0; t < FAMILY_TENSORS; t++) {
        const clade_rule *one = clade_recipe_rule(a, stacked_names[t]), *other = clade_recipe_rule(b, stacked_names[t]);
        for (size_t k = 0; k < n; k++) {
            assert_near(one->site[k], other->site[k], 1e-8);
            for (size_t p = 0; p < 3; p++)
                assert_near(one->parent[p * n + k], other->parent[p * n + k], 1e-8);
        }
    }
}

/* Law: encode is the inverse of decode; exactly, where values are genes. */
static void inverse(void **state)
{
    (void)state;
    const char *const names[] = {"linear", "task_arithmetic", "ties", "dare_ties"};
    static const char *const sites[] = {"model", "layer", "depth:2", "depth:3", "module", "tensor"};
    static const char *const coordinates[] = {"full", "product"};
    for (size_t v = 0; v < 12; v++) {
        clade_merge_space *space = new_space(&stacked, names, 4, sites[v / 2], coordinates[v % 2]);
        const clade_space *genes = clade_merge_space_genes(space);
        for (uint64_t trial = 0; trial < 12; trial++) {
            double genome[256], again[256];
            char first[CLADE_SHA256_HEX], second[CLADE_SHA256_HEX];
            clade_problems problems = {0};
            clade_rng rng = clade_rng_keyed(&trial, 1);
            assert_true(genes->n_genes <= 256);
            clade_space_sample(genes, &rng, genome);
            genome[0] = (double)(trial % 4);
            /* now and then a site without strength, and a parent without weight */
            for (size_t g = 1; g < genes->n_genes && trial % 3 == 0; g++)
                if (genes->genes[g].low <= 0 && genes->genes[g].kind == CLADE_GENE_REAL &&
                    clade_rng_below(&rng, 4) == 0)
                    genome[g] = 0;
            clade_recipe *recipe = decode(space, genome, first), *other = decode(space, genome, first);
            assert_ok(clade_merge_space_encode(space, recipe, "r.json", again, &problems));
            assert_ok(clade_problems_end(&problems, CLADE_ECONFIG));
            assert_true(clade_space_holds(genes, again));
            clade_recipe *back = decode(space, again, second);
            same_values(other, back);
            if (v % 2 == 0 && strncmp(sites[v / 2], "depth", 5) != 0 && genome[0] < 3)
                assert_string_equal(first, second);
            clade_recipe_free(recipe);
            clade_recipe_free(other);
            clade_recipe_free(back);
        }
        clade_merge_space_free(space);
    }
}

static void write_recipe(const clade_recipe *recipe, const char *path)
{
    clade_text text = {0};
    clade_recipe_print(recipe, true, &text);
    assert_ok(clade_text_status(&text));
    write_test_file(path, clade_text_get(&text), text.length);
    clade_text_free(&text);
}

/* A recipe of a model space is a first individual of a finer one. */
static void own_recipes(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic", "ties"};
    clade_merge_space *coarse = new_space(&stacked, names, 2, "model", "full"),
                      *fine = new_space(&stacked, names, 2, "module", "product");
    const double genome[] = {1, 0.25, 0.5, 0.75, 1.25, 0.3, 0.4, 0.5};
    char path[TEST_PATH + 32], hash[CLADE_SHA256_HEX];
    assert_int_equal(clade_merge_space_genes(coarse)->n_genes, 8);
    clade_recipe *recipe = decode(coarse, genome, hash);
    snprintf(path, sizeof path, "%s/my.json", stacked.folder);
    write_recipe(recipe, path);
    const char *paths[] = {path};
    const clade_first_sources sources = {.recipe_paths = paths, .n_recipes = 1};
    clade_first *first;
    size_t count, without;
    assert_ok(clade_merge_space_first(fine, &sources, &first, &count));
    assert_string_equal(first[0].name, "my.json");
    clade_recipe *said = decode(fine, first[0].genome, hash);
    same_values(recipe, said);
    clade_recipe_free(said);
    clade_first_free(first, count);
    assert_ok(clade_merge_space_first(fine, NULL, &first, &without));
    assert_int_equal(without + 1, count);
    clade_first_free(first, without);
    clade_recipe_free(recipe);
    clade_merge_space_free(coarse);
    clade_merge_space_free(fine);
}

/* ---- refusals ---- */

/* A uniform recipe of METHOD over the fixture's parents. */
static clade_recipe *new_recipe(const char *method_name, size_t n_rules)
{
    clade_recipe *recipe;
    assert_ok(clade_recipe_new(method(method_name), FAMILY_PARENTS, n_rules, &recipe));
    recipe->base = clade_calloc(1, sizeof *recipe->base);
    recipe->base->name = clade_strdup("base");
    recipe->base->path = clade_strdup(stacked.base_path);
    for (size_t p = 0; p < FAMILY_PARENTS; p++) {
        recipe->parents[p].name = clade_strdup(stacked.names[p]);
        recipe->parents[p].path = clade_strdup(stacked.paths[p]);
    }
    for (size_t r = 0; r < n_rules; r++) {
        recipe->rules[r].patterns = clade_calloc(1, sizeof *recipe->rules[r].patterns);
        recipe->rules[r].patterns[0] = clade_strdup(r + 1 < n_rules ? "*.layers.1.mlp.fc1.bias" : "*");
        recipe->rules[r].n_patterns = 1;
    }
    return recipe;
}

static void set_weight(clade_recipe *recipe, size_t rule, size_t parent, double value)
{
    const size_t n = recipe->method->n_parameters;
    recipe->rules[rule].parent[parent * n + clade_method_parameter(recipe->method, "weight")] = value;
}

/* RECIPE is freed. */
static void refuse(const clade_merge_space *space, clade_recipe *recipe, const char *part)
{
    double genome[256];
    clade_problems problems = {0};
    const size_t live = clade_alloc_live();
    assert_ok(clade_merge_space_encode(space, recipe, "r.json", genome, &problems));
    assert_fails(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG, part);
    assert_true(strncmp(clade_error_message(), "r.json: ", 8) == 0);
    assert_true(clade_alloc_live() <= live);
    clade_recipe_free(recipe);
}

static void refusals(void **state)
{
    (void)state;
    const char *const names[] = {"task_arithmetic", "ties"};
    clade_merge_space *product = new_space(&stacked, names, 2, "layer", "product"),
                      *full = new_space(&stacked, names, 2, "layer", "full"),
                      *curve = new_space(&stacked, names, 2, "depth:2", "full");
    refuse(product, new_recipe("linear", 1), "method: found linear, which is not in space.methods");
    clade_recipe *recipe = new_recipe("ties", 1);
    clade_free(recipe->parents[1].name);
    recipe->parents[1].name = clade_strdup("others");
    refuse(product, recipe, "parents: found none named digits");
    recipe = new_recipe("ties", 1);
    clade_free(recipe->parents[1].path);
    recipe->parents[1].path = clade_strdup(stacked.base_path);
    refuse(product, recipe, "parents: digits is ");
    recipe = new_recipe("ties", 1);
    recipe->has_dtype = true;
    refuse(product, recipe, "dtype: searches have none");
    recipe = new_recipe("ties", 1);
    recipe->rules[0].only = clade_calloc(FAMILY_PARENTS, sizeof(bool));
    refuse(product, recipe, "rules[0].only: in searches all parents take part");
    recipe = new_recipe("ties", 1);
    clade_free(recipe->rules[0].patterns[0]);
    recipe->rules[0].patterns[0] = clade_strdup("visual_projection.weight");
    refuse(product, recipe, "found no rule for tensor vision_model.embeddings.class_embedding");
    recipe = new_recipe("ties", 1);
    set_weight(recipe, 0, 1, 1.5);
    refuse(full, recipe, "weight of digits: found 1.5 at tensor");
    assert_non_null(strstr(clade_error_message(), "where the space can say 1: space.range.weight is [0, 1]"));
    recipe = new_recipe("ties", 1);
    recipe->rules[0].site[clade_method_parameter(recipe->method, "normalize")] = 0;
    refuse(full, recipe, "normalize: found 0");
    assert_non_null(strstr(clade_error_message(), "it is not searched; space.range can say so"));
    recipe = new_recipe("ties", 2);
    set_weight(recipe, 0, 2, 0.5);
    refuse(product, recipe, "it is one value for the model; with coordinates \"full\" it is not");
    recipe = new_recipe("ties", 2);
    set_weight(recipe, 0, 2, 0.5);
    refuse(full, recipe, "weight of signs: found ");
    assert_non_null(strstr(clade_error_message(), "other tensors of the same site have another one"));
    recipe = new_recipe("task_arithmetic", 2);
    clade_free(recipe->rules[0].patterns[0]);
    recipe->rules[0].patterns[0] = clade_strdup("*.layers.1.*");
    set_weight(recipe, 0, 2, 0.5);
    refuse(curve, recipe, "a curve through 2 knots does not go there");
    recipe = new_recipe("task_arithmetic", 1);
    recipe->rules[0].site[clade_method_parameter(recipe->method, "lambda")] = 2.5;
    refuse(product, recipe, "a site's factor on it is from 0 to 2");
    clade_merge_space_free(product);
    clade_merge_space_free(full);
    clade_merge_space_free(curve);
}

/* All that is wrong with all files, and nothing left behind. */
static void files(void **state)
{
    (void)state;
    const char *const names[] = {"ties"};
    clade_merge_space *space = new_space(&stacked, names, 1, "model", "product");
    char a[TEST_PATH + 32], b[TEST_PATH + 32];
    snprintf(a, sizeof a, "%s/a.json", stacked.folder);
    snprintf(b, sizeof b, "%s/b.json", stacked.folder);
    clade_recipe *recipe = new_recipe("ties", 1);
    set_weight(recipe, 0, 0, -1);
    write_recipe(recipe, a);
    clade_recipe_free(recipe);
    recipe = new_recipe("linear", 1);
    write_recipe(recipe, b);
    clade_recipe_free(recipe);
    const char *paths[] = {a, b, "/nowhere.json"};
    clade_first_sources sources = {.recipe_paths = paths, .n_recipes = 2};
    clade_first *first;
    size_t count;
    const size_t live = clade_alloc_live();
    assert_fails(clade_merge_space_first(space, &sources, &first, &count), CLADE_ECONFIG,
                 "weight of fashion: found -1");
    assert_non_null(strstr(clade_error_message(), "b.json: method: found linear"));
    sources.n_recipes = 3;
    assert_fails(clade_merge_space_first(space, &sources, &first, &count), CLADE_EINPUT, "/nowhere.json");
    assert_int_equal(clade_alloc_live(), live);
    clade_merge_space_free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inverse),
        cmocka_unit_test(own_recipes),
        cmocka_unit_test(refusals),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
