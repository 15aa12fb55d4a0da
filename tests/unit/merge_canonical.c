/* One recipe for equal weights: the canonical form makes the same child as the recipe it was made from, whatever the
 * method, and recipes that differ in nothing that matters become one. */
#include "merge_fixture.h"
#include "near.h"

#include "search/merge_parts.h"

enum { ROWS = 8, COLUMNS = 6, ELEMENTS = ROWS * COLUMNS, TENSORS = 2 };

static const char *const names[TENSORS] = {"layers.0.weight", "layers.1.weight"};
static char folder[TEST_PATH];
static clade_family *family;
static const char *const parent_names[] = {"a", "b", "c"};
static char paths[4][TEST_PATH + 32];

/* Matrices, so that no method is left out: weights near a base, as fine-tuning leaves them. */
static int open_family(void **state)
{
    (void)state;
    static const uint64_t shape[] = {ROWS, COLUMNS};
    static float values[TENSORS][ELEMENTS];
    clade_tensor tensors[TENSORS];
    make_temporary_folder(folder);
    for (uint64_t m = 0; m < 4; m++) {
        for (uint64_t t = 0; t < TENSORS; t++) {
            for (uint64_t i = 0; i < ELEMENTS; i++) {
                const uint64_t keys[] = {0, t, i}, own[] = {m, t, i};
                clade_rng rng = clade_rng_keyed(keys, 3), change = clade_rng_keyed(own, 3);
                const double base = clade_rng_uniform(&rng) - 0.5;
                values[t][i] = (float)(base + (m > 0 ? 0.1 * (clade_rng_uniform(&change) - 0.5) : 0));
            }
            tensors[t] = (clade_tensor){names[t], CLADE_F32, 2, shape, ELEMENTS, sizeof values[t], values[t]};
        }
        snprintf(paths[m], sizeof paths[m], "%s/%d.safetensors", folder, (int)m);
        assert_ok(clade_safetensors_write(paths[m], tensors, TENSORS, NULL, NULL));
    }
    const char *parents[] = {paths[1], paths[2], paths[3]};
    assert_ok(clade_family_open(paths[0], parents, 3, &family));
    return 0;
}

static int close_family(void **state)
{
    (void)state;
    clade_family_close(family);
    remove_temporary_folder(folder);
    return nothing_is_left();
}

/* A recipe with a rule a tensor; values are uniform in their search range, the first of it where there is none. */
static clade_recipe *draw_recipe(const clade_method *method, clade_rng *rng)
{
    clade_recipe *recipe;
    const size_t n_parents = method->max_parents < 3 ? method->max_parents : 3, n = method->n_parameters;
    assert_ok(clade_recipe_new(method, n_parents, TENSORS, &recipe));
    recipe->seed = method->uses_masks ? clade_rng_next(rng) >> 32 : 0;
    recipe->base = clade_calloc(1, sizeof *recipe->base);
    recipe->base->name = clade_strdup("base");
    recipe->base->path = clade_strdup(paths[0]);
    for (size_t p = 0; p < n_parents; p++) {
        recipe->parents[p].name = clade_strdup(parent_names[p]);
        recipe->parents[p].path = clade_strdup(paths[p + 1]);
    }
    for (size_t r = 0; r < TENSORS; r++) {
        clade_rule *rule = &recipe->rules[r];
        rule->patterns = clade_calloc(1, sizeof *rule->patterns);
        rule->patterns[0] = clade_strdup(names[r]);
        rule->n_patterns = 1;
        for (size_t k = 0; k < n; k++) {
            const clade_parameter *parameter = &method->parameters[k];
            const double low = parameter->search_low, high = parameter->search_high;
            const bool searched = low < high && parameter->scope != CLADE_PER_RECIPE;
            for (size_t p = 0; p < n_parents; p++) {
                double value = searched ? low + (high - low) * clade_rng_uniform(rng) : clade_unsearched(parameter);
                if (strcmp(parameter->name, "density") == 0) /* with any epsilon */
                    value = 0.3 + 0.4 * clade_rng_uniform(rng);
                if (strcmp(parameter->name, "epsilon") == 0 && parameter->scope == CLADE_PER_PARENT)
                    value = 0.25 * clade_rng_uniform(rng);
                if (strcmp(parameter->name, "gamma") == 0)
                    value = 0.2 * clade_rng_uniform(rng);
                if (parameter->scope == CLADE_PER_PARENT)
                    rule->parent[p * n + k] = value;
                else
                    rule->site[k] = value;
            }
        }
    }
    return recipe;
}

/* Something that makes other values not matter, in the first rule or in all. */
typedef enum trick { NO_LAMBDA, NO_WEIGHTS, NO_WEIGHT, WHOLE, LONE, TRICKS } trick;

static void set(clade_recipe *recipe, const char *name, size_t rule, size_t parent, double value)
{
    const size_t n = recipe->method->n_parameters, k = clade_method_parameter(recipe->method, name);
    if (k == n)
        return;
    if (recipe->method->parameters[k].scope == CLADE_PER_PARENT)
        recipe->rules[rule].parent[parent * n + k] = value;
    else
        recipe->rules[rule].site[k] = value;
}

static void play(clade_recipe *recipe, trick what, bool everywhere)
{
    for (size_t r = 0; r < (everywhere ? recipe->n_rules : 1); r++)
        for (size_t p = 0; p < recipe->n_parents; p++) {
            if (what == NO_LAMBDA)
                set(recipe, "lambda", r, p, 0);
            if (what == NO_WEIGHTS || (what == NO_WEIGHT && p == 1) || (what == LONE && p != 1))
                set(recipe, "weight", r, p, 0);
            if (what == WHOLE)
                set(recipe, "density", r, p, 1);
        }
}

/* The child of RECIPE as floats, OUT (TENSORS, ELEMENTS); false when there is none. */
static bool make(clade_child *child, const clade_recipe *recipe, float out[TENSORS][ELEMENTS])
{
    const clade_status status = clade_child_make(child, recipe);
    for (size_t t = 0; t < TENSORS && status == CLADE_OK; t++)
        memcpy(out[t], clade_child_find(child, names[t])->data, sizeof out[t]);
    return status == CLADE_OK;
}

static bool fits(const clade_method *method)
{
    return !method->statistics && !method->adapters;
}

static clade_family *family_for(const clade_method *method)
{
    clade_family *few;
    const char *parents[] = {paths[1], paths[2]};
    if (method->max_parents >= 3)
        return family;
    assert_ok(clade_family_open(paths[0], parents, method->max_parents, &few));
    return few;
}

/* Law: the canonical recipe makes the weights of the one it was. */
static void same_weights(void **state)
{
    (void)state;
    size_t count, compared = 0;
    const clade_method *const *all = clade_methods(&count);
    for (size_t m = 0; m < count; m++) {
        if (!fits(all[m]))
            continue;
        clade_family *own = family_for(all[m]);
        const clade_child_options options = {0};
        clade_child *child;
        assert_ok(clade_child_new(own, &options, &child));
        for (uint64_t trial = 0; trial < 2 * TRICKS; trial++) {
            static float raw[TENSORS][ELEMENTS], canonical[TENSORS][ELEMENTS];
            const uint64_t keys[] = {m, trial};
            clade_rng rng = clade_rng_keyed(keys, 2);
            clade_recipe *recipe = draw_recipe(all[m], &rng);
            play(recipe, (trick)(trial / 2), trial % 2 == 1);
            const bool made = make(child, recipe, raw);
            clade_merge_canonical(recipe);
            /* What failed may be saved by the canonical form (densities that no weight asks for), never the reverse. */
            const bool again = make(child, recipe, canonical);
            assert_true(!made || again);
            for (size_t t = 0; t < TENSORS && made; t++)
                for (size_t i = 0; i < ELEMENTS; i++)
                    if (raw[t][i] < canonical[t][i] || raw[t][i] > canonical[t][i])
                        fail_msg("%s, trick %d: %.9g became %.9g", all[m]->name, (int)(trial / 2), (double)raw[t][i],
                                 (double)canonical[t][i]);
            compared += made;
            clade_recipe_free(recipe);
        }
        clade_child_free(child);
        if (own != family)
            clade_family_close(own);
    }
    assert_true(compared > 200);
}

static void hash_of(clade_recipe *recipe, char hash[CLADE_SHA256_HEX])
{
    clade_merge_canonical(recipe);
    assert_ok(clade_family_stamp(family, recipe));
    assert_ok(clade_recipe_hash(recipe, hash));
}

/* Two draws that agree in what matters. */
static void same_hash(const char *method_name, trick what, bool everywhere, bool expected)
{
    char hashes[2][CLADE_SHA256_HEX];
    clade_rng rng = clade_rng_seeded(1, 2), other = clade_rng_seeded(3, 4);
    clade_recipe *a = draw_recipe(method(method_name), &rng), *b = draw_recipe(method(method_name), &other);
    const size_t n = a->method->n_parameters, density = clade_method_parameter(a->method, "density"),
                 weight = clade_method_parameter(a->method, "weight");
    /* Except for what the trick makes idle, b is a. */
    for (size_t r = 0; r < TENSORS; r++) {
        const bool idle_rule = everywhere || r == 0;
        for (size_t k = 0; k < n; k++) {
            if (!idle_rule || (what != NO_LAMBDA && what != NO_WEIGHTS))
                b->rules[r].site[k] = a->rules[r].site[k];
            for (size_t p = 0; p < 3; p++) {
                const bool idle = idle_rule && (what <= NO_WEIGHTS || (what == NO_WEIGHT && p == 1 && k == density) ||
                                                (what == LONE && p == 1 && k == weight));
                if (!idle)
                    b->rules[r].parent[p * n + k] = a->rules[r].parent[p * n + k];
            }
        }
    }
    if (!everywhere || what == NO_WEIGHT || what == LONE)
        b->seed = a->seed;
    play(a, what, everywhere);
    play(b, what, everywhere);
    hash_of(a, hashes[0]);
    hash_of(b, hashes[1]);
    assert_int_equal(strcmp(hashes[0], hashes[1]) == 0, expected);
    clade_recipe_free(a);
    clade_recipe_free(b);
}

static void duplicates(void **state)
{
    (void)state;
    for (int everywhere = 0; everywhere < 2; everywhere++) {
        same_hash("ties", NO_LAMBDA, everywhere, true);
        same_hash("ties", NO_WEIGHTS, everywhere, true);
        same_hash("ties", NO_WEIGHT, everywhere, true);
        same_hash("dare_ties", NO_WEIGHT, everywhere, true);
        same_hash("dare_linear", NO_LAMBDA, everywhere, true);
        same_hash("consensus_ta", NO_WEIGHTS, everywhere, true);
        same_hash("fourier", NO_LAMBDA, everywhere, true);
        same_hash("linear", LONE, everywhere, true);
        same_hash("slerp", LONE, everywhere, true);
        same_hash("karcher", LONE, everywhere, true);
        same_hash("task_arithmetic", LONE, everywhere, false);
        same_hash("ties", LONE, everywhere, false); /* equal to rounding only */
    }
    same_hash("dare_ties", WHOLE, true, true); /* other seeds */
    same_hash("della", WHOLE, true, true);
}

/* The same in genomes: children of different genomes are one recipe. */
static void genomes(void **state)
{
    (void)state;
    const clade_method *methods[] = {method("dare_ties"), method("task_arithmetic")};
    const char *parents[] = {paths[1], paths[2], paths[3]};
    const clade_merge_space_plan plan = {.methods = methods,
                                         .n_methods = 2,
                                         .sites = "layer",
                                         .coordinates = "product",
                                         .base_path = paths[0],
                                         .parent_names = parent_names,
                                         .parent_paths = parents,
                                         .n_parents = 3};
    clade_merge_space *space;
    assert_ok(clade_merge_space_new(&plan, family, &space));
    const clade_space *genes = clade_merge_space_genes(space);
    double a[32], b[32];
    char hashes[3][CLADE_SHA256_HEX];
    clade_rng rng = clade_rng_seeded(5, 6);
    clade_space_sample(genes, &rng, a);
    a[0] = 0;
    memcpy(b, a, sizeof b);
    a[gene_index(genes, "weight.b")] = b[gene_index(genes, "weight.b")] = 0;
    b[gene_index(genes, "drop_rate.b")] = 1 - a[gene_index(genes, "drop_rate.b")];
    clade_recipe_free(decode(space, a, hashes[0]));
    clade_recipe_free(decode(space, b, hashes[1]));
    b[gene_index(genes, "weight.b")] = 0.5;
    clade_recipe_free(decode(space, b, hashes[2]));
    assert_string_equal(hashes[0], hashes[1]);
    assert_string_not_equal(hashes[0], hashes[2]);
    clade_merge_space_free(space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_weights),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(genomes),
    };
    return cmocka_run_group_tests(tests, open_family, close_family);
}
