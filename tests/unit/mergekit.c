/* mergekit's YAML in and out: what it means, and what is refused. */
#include "merge_zoo.h"

#include "merge/mergekit.h"

static char folder[TEST_PATH], config[TEST_PATH];

static clade_status read_text(const char *text, clade_recipe **recipe)
{
    return clade_recipe_from_mergekit_text(text, strlen(text), config, recipe);
}

static double weight_of(const clade_recipe *recipe, const char *tensor, size_t parent, const char *name)
{
    const clade_rule *rule = clade_recipe_rule(recipe, tensor);
    size_t n = recipe->method->n_parameters, k = clade_method_parameter(recipe->method, name);
    assert_non_null(rule);
    assert_in_range(k, 0, n - 1);
    return recipe->method->parameters[k].scope == CLADE_PER_PARENT ? rule->parent[parent * n + k] : rule->site[k];
}

static void uniform(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("# a comment\n"
                        "merge_method: ties\n"
                        "base_model: base.safetensors\n"
                        "models:\n"
                        "  - model: base.safetensors   # the base is no parent\n"
                        "  - {model: 'p0.safetensors', parameters: {weight: \"1e-1\", density: .5}}\n"
                        "  - model: \"/abs/p0.safetensors\"\n"
                        "parameters:\n"
                        "  weight: 3\n"
                        "  normalize: 0.0\n"
                        "  int8_mask: yes\n"
                        "  lambda: ~\n"
                        "dtype: torch.bfloat16\n"
                        "out_dtype: float32\n",
                        &recipe));
    assert_int_equal(recipe->n_parents, 2);
    assert_int_equal(recipe->n_rules, 1); /* and no checkpoint was opened */
    assert_string_equal(recipe->parents[0].name, "p0");
    assert_string_equal(recipe->parents[1].name, "p0-2");
    assert_string_equal(recipe->parents[0].path, path_in(folder, "p0.safetensors"));
    assert_string_equal(recipe->parents[1].path, "/abs/p0.safetensors");
    assert_string_equal(recipe->base->path, path_in(folder, "base.safetensors"));
    assert_true(weight_of(recipe, "x", 0, "weight") == 0.1 && weight_of(recipe, "x", 1, "weight") == 3);
    assert_true(weight_of(recipe, "x", 0, "density") == 0.5 && weight_of(recipe, "x", 1, "density") == 1);
    assert_true(weight_of(recipe, "x", 0, "normalize") == 0 && weight_of(recipe, "x", 0, "lambda") == 1);
    assert_true(recipe->has_dtype && recipe->dtype == CLADE_BF16 && recipe->has_out_dtype &&
                recipe->out_dtype == CLADE_F32);
    clade_recipe_free(recipe);
}

/* Gradients run over layers, everything else takes their first entry; filters fall through; merge keys and anchors. */
static void settings(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: task_arithmetic\n"
                        "base_model: base.safetensors\n"
                        "models:\n"
                        "- model: p0.safetensors\n"
                        "  parameters: &p\n"
                        "    weight: [0.25, 1]\n"
                        "- model: p1.safetensors\n"
                        "  parameters:\n"
                        "    <<: *p\n"
                        "- model: p2.safetensors\n"
                        "  parameters:\n"
                        "    <<: [*p]\n"
                        "    weight: [{filter: layers.1, value: [5, 6]}, {filter: head, value: 7}]\n"
                        "parameters:\n"
                        "  weight: {filter: '*', value: 9}\n"
                        "  lambda: [2, 4, 8]\n",
                        &recipe));
    for (size_t p = 0; p < 2; p++) {
        assert_true(weight_of(recipe, "model.layers.0.w", p, "weight") == 0.25);
        assert_true(weight_of(recipe, "model.layers.1.w", p, "weight") == 1);
        assert_true(weight_of(recipe, "head.weight", p, "weight") == 0.25);
        assert_true(weight_of(recipe, "embed.weight", p, "weight") == 0.25);
    }
    assert_true(weight_of(recipe, "model.layers.0.w", 2, "weight") == 9);
    assert_true(weight_of(recipe, "model.layers.1.w", 2, "weight") == 6);
    assert_true(weight_of(recipe, "head.weight", 2, "weight") == 7);
    assert_true(weight_of(recipe, "model.layers.0.w", 0, "lambda") == 2);
    assert_true(weight_of(recipe, "model.layers.1.w", 0, "lambda") == 8);
    clade_recipe_free(recipe);
}

/* The only layer of a model is its last: it takes the last entry. */
static void one_layer(void **state)
{
    static const float values[2] = {0, 0};
    static const uint64_t shape[1] = {1};
    const clade_tensor tensors[2] = {
        {.name = "layers.0.w", .dtype = CLADE_F32, .rank = 1, .shape = shape, .count = 1, .bytes = 4, .data = values},
        {.name = "norm.w", .dtype = CLADE_F32, .rank = 1, .shape = shape, .count = 1, .bytes = 4, .data = values}};
    clade_recipe *recipe;
    (void)state;
    assert_ok(clade_safetensors_write(path_in(folder, "single.safetensors"), tensors, 2, NULL, NULL));
    assert_ok(read_text(
        "merge_method: linear\nmodels: [{model: single.safetensors}]\nparameters: {weight: [1, 2, 3]}\n", &recipe));
    assert_true(weight_of(recipe, "layers.0.w", 0, "weight") == 3);
    assert_true(weight_of(recipe, "norm.w", 0, "weight") == 1);
    clade_recipe_free(recipe);
}

/* Paths with what YAML cannot hold as it is come back the same. */
static void odd_paths(void **state)
{
    static const char *const paths[] = {"/a \"b\" \\c", "/\xc3\xa4\xe2\x80\xa8\xc2\x85", "/\x01\x7f\t\n",
                                        "/\xf0\x9f\x8c\xb1 #: -", "/\xef\xbf\xbe"};
    clade_text text = {0};
    (void)state;
    clade_recipe *recipe = zoo_recipe(folder, clade_method_find("linear"), 1, NULL), *back;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        clade_free(recipe->parents[0].path);
        assert_non_null(recipe->parents[0].path = clade_strdup(paths[i]));
        clade_text_clear(&text);
        assert_ok(clade_recipe_to_mergekit(recipe, &text));
        assert_ok(clade_recipe_from_mergekit_text(clade_text_get(&text), text.length, "/x.yml", &back));
        assert_string_equal(back->parents[0].path, paths[i]);
        clade_recipe_free(back);
    }
    clade_free(recipe->parents[0].path);
    assert_non_null(recipe->parents[0].path = clade_strdup("/\xff"));
    assert_fails(clade_recipe_to_mergekit(recipe, &text), CLADE_ECONFIG, "not UTF-8");
    clade_recipe_free(recipe);
    clade_text_free(&text);
}

static void slerp(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: slerp\nbase_model: b\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.25}\n",
                        &recipe));
    assert_string_equal(recipe->parents[0].name, "b");
    assert_string_equal(recipe->parents[1].name, "a");
    assert_true(weight_of(recipe, "x", 0, "weight") == 0.75 && weight_of(recipe, "x", 1, "weight") == 0.25);
    assert_null(recipe->base);
    clade_recipe_free(recipe);
}

/* ---- refusals ---- */

static const char models[] =
    "merge_method: task_arithmetic\nbase_model: b\nmodels:\n- model: a\n  parameters: {weight: 1}\n";

static const struct {
    const char *text, *expected;
} refusals[] = {
    {"", "no mapping at the top"},
    {"- a\n", "no mapping at the top"},
    {"a: [1\n", "not YAML"},
    {"a: \x01\n", "not YAML"},
    {"merge_method: tise\nmodels: [{model: a}]\n", ":1: unknown method \"tise\"; did you mean \"ties\"?"},
    {"merge_method: linear\nmodel: a\n", "unknown key \"model\"; did you mean \"models\"?"},
    {"merge_method: linear\nmodels: []\n", ":2: models: expected a list of 1 to 64 models"},
    {"merge_method: linear\nmodels: [a]\n", "expected \"model: PATH\""},
    {"merge_method: linear\nmodels: [{model: {model: {path: a, revision: main}}}]\n", "found no path"},
    {"merge_method: linear\nmodels: [{model: {model: a, lora: [b]}}]\n", "found no path"},
    {"merge_method: linear\nmodels: [{model: {model: a+b, lora: c}}]\n", "expected the folder of one adapter"},
    {"merge_method: linear\nmodels: [{model: a+b+c}]\n", "expected MODEL or MODEL+ADAPTER"},
    {"merge_method: linear\nmodels: [{model: +b}]\n", "expected MODEL or MODEL+ADAPTER"},
    {"merge_method: linear\nmodels: [{model: a@main}]\n", "revisions"},
    {"merge_method: linear\nmodels: [{model: a+b@main}]\n", "revisions"},
    {"merge_method: linear\nmodels: [{model: a, weight: 1}]\n", "unknown key \"weight\"; known: model, parameters"},
    {"merge_method: linear\nmodels: [{model: a}, {model: a}]\nparameters: {weight: 1}\n", "listed twice"},
    {"merge_method: linear\nmodels: [{model: a}]\n", "model a has no weight"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\ndtype: int64\n", "dtype: found int64"},
    {"merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: 1}\n---\na: 1\n", "found no name"},
    {"merge_method: fisher\nmodels: [{model: a}]\n", "fisher expects a file of statistics"},
    {"merge_method: ties\nbase_model: b+l\nmodels: [{model: a}]\nparameters: {weight: 1}\n", "the base has an adapter"},
    {"merge_method: linear\nmerge_method: ties\n", ":2: found the key \"merge_method\" a second time"},
    {"merge_method: linear\nmodels: *a\n", "alias *a"},
    {"merge_method: linear\nmodels: &a [*a]\n", "alias *a"},
    {"? [a]\n: b\n", "found a list or mapping as a key"},
    {"merge_method: linear\n<<: 5\n", "after \"<<\""},
    {"merge_method: ties\nmodels: [{model: a}]\nparameters: {weight: 1}\n", "found no base_model, ties expects one"},
    {"merge_method: ties\nbase_model: a\nmodels: [{model: a}]\nparameters: {weight: 1}\n", "no model besides the base"},
    {"merge_method: slerp\nbase_model: a\nmodels: [{model: b}, {model: c}]\nparameters: {t: 1}\n",
     "slerp expects two models"},
    {"merge_method: slerp\nbase_model: a\nmodels: [{model: b}]\n", "found no t"},
    {"merge_method: slerp\nbase_model: a\nmodels: [{model: b, parameters: {t: 1}}]\n", "top-level parameters only"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: x}}]\n",
     "weight: expected a number, a list of numbers"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: .inf}}]\n",
     "weight: expected a number"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: 0x10}}]\n",
     "weight: expected a number"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: 1e999}}]\n",
     "weight: expected a number"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: []}}]\n",
     "weight: expected a number"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: [1, {value: 1}]}}]\n",
     "weight: expected a number"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: [{filter: a}]}}]\n",
     "expected \"value: NUMBER\" or"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: [{filtre: a, value: "
     "1}]}}]\n",
     "found \"filtre\""},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: {weight: 1, wieght: 2}}]\n",
     "no parameter \"wieght\" of a model"},
    {"merge_method: task_arithmetic\nbase_model: b\nmodels: [{model: a, parameters: [1]}]\n",
     "parameters: expected names and values"},
    {"merge_method: ties\nbase_model: b\nmodels: [{model: a, parameters: {weight: 1, density: 2}}]\n",
     "density of a: found 2, expected a number from 0 to 1"},
};

static void what_is_refused(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text(models, &recipe));
    clade_recipe_free(recipe);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_fails(read_text(refusals[i].text, &recipe), CLADE_ECONFIG, refusals[i].expected);
        assert_null(recipe);
        assert_non_null(strstr(clade_error_message(), config));
    }
}

/* ---- out and in again ---- */

/* The recipe read back must give every tensor the same numbers. */
static void assert_same_values(const clade_recipe *one, const clade_recipe *other)
{
    assert_ptr_equal(one->method, other->method);
    assert_int_equal(one->n_parents, other->n_parents);
    size_t n = one->method->n_parameters;
    for (size_t t = 0; t < ZOO_TENSORS; t++) {
        const clade_rule *a = clade_recipe_rule(one, zoo_shapes[t].name),
                         *b = clade_recipe_rule(other, zoo_shapes[t].name);
        assert_memory_equal(a->site, b->site, n * sizeof(double));
        assert_memory_equal(a->parent, b->parent, one->n_parents * n * sizeof(double));
    }
    for (size_t p = 0; p < one->n_parents; p++)
        assert_string_equal(one->parents[p].path, other->parents[p].path);
    assert_true(one->has_dtype == other->has_dtype && (!one->has_dtype || one->dtype == other->dtype));
}

static void set_two_rules(clade_recipe *recipe)
{
    assert_int_equal(recipe->n_rules, 2); /* the first: layer 1 and a name that is part of others */
    for (size_t r = 0; r < 2; r++) {
        assert_non_null(recipe->rules[r].patterns = clade_calloc(2, sizeof(char *)));
        recipe->rules[r].n_patterns = 2;
        assert_non_null(recipe->rules[r].patterns[0] = clade_strdup(r == 0 ? "*.layers.1.*" : "*"));
        assert_non_null(recipe->rules[r].patterns[1] = clade_strdup(r == 0 ? "one" : "x"));
    }
}

/* Values that differ between the rules wherever mergekit has the parameter; weights that sum to 1, as t makes them. */
static void set_values(clade_recipe *recipe)
{
    const clade_method *method = recipe->method;
    size_t n = method->n_parameters;
    for (size_t r = 0; r < recipe->n_rules; r++)
        for (size_t k = 0; k < n; k++) {
            const clade_parameter *parameter = &method->parameters[k];
            bool t = strcmp(method->name, "slerp") == 0;
            if ((!t && !clade_mergekit_reads(clade_mergekit_method_find(method->name), parameter->name)) ||
                parameter->kind != CLADE_REAL || parameter->scope == CLADE_PER_RECIPE)
                continue;
            double value = r == 0 ? 0.25 : 0.625;
            recipe->rules[r].site[k] = parameter->scope == CLADE_PER_SITE ? fmin(value, parameter->high) : 0;
            for (size_t p = 0; p < recipe->n_parents && parameter->scope == CLADE_PER_PARENT; p++)
                recipe->rules[r].parent[p * n + k] = fmin(p == 0 ? 1 - value : value, parameter->high);
        }
}

static void assert_round_trip(const clade_recipe *recipe)
{
    clade_text text = {0}, once = {0}, twice = {0};
    clade_recipe *back, *again;
    assert_ok(clade_recipe_to_mergekit(recipe, &text));
    assert_ok(clade_recipe_from_mergekit_text(clade_text_get(&text), text.length, "/config.yaml", &back));
    assert_same_values(recipe, back);
    clade_recipe_print(back, false, &once);
    clade_text_clear(&text);
    assert_ok(clade_recipe_to_mergekit(back, &text));
    assert_ok(clade_recipe_from_mergekit_text(clade_text_get(&text), text.length, "/config.yaml", &again));
    clade_recipe_print(again, false, &twice);
    assert_string_equal(clade_text_get(&once), clade_text_get(&twice));
    clade_recipe_free(back);
    clade_recipe_free(again);
    clade_text_free(&text);
    clade_text_free(&once);
    clade_text_free(&twice);
}

/* Every method that both have; the others are refused. */
static void round_trip(void **state)
{
    size_t count, both = 0;
    const clade_method *const *methods = clade_methods(&count);
    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t n_rules = 1; n_rules <= 2; n_rules++) {
            const clade_method *method = methods[i];
            size_t n_parents = method->max_parents < 2 ? 1 : 2;
            clade_recipe *plain = zoo_recipe(folder, method, n_parents, NULL), *recipe = plain;
            clade_text text = {0};
            if (n_rules == 2) {
                assert_ok(clade_recipe_new(method, n_parents, 2, &recipe));
                clade_recipe_parent *parents = recipe->parents;
                recipe->parents = plain->parents;
                plain->parents = parents;
                recipe->base = plain->base;
                plain->base = NULL;
                set_two_rules(recipe);
                clade_recipe_free(plain);
            }
            set_values(recipe);
            recipe->has_dtype = true;
            recipe->dtype = CLADE_F16;
            if (clade_mergekit_method_find(method->name))
                assert_round_trip(recipe);
            else
                assert_fails(clade_recipe_to_mergekit(recipe, &text), CLADE_ECONFIG, "mergekit has no method");
            both += n_rules == 1 && clade_mergekit_method_find(method->name);
            clade_recipe_free(recipe);
            clade_text_free(&text);
        }
    assert_int_equal(both, 20);
}

static void what_mergekit_cannot_say(void **state)
{
    clade_text text = {0};
    (void)state;
    clade_recipe *three = zoo_recipe(folder, clade_method_find("slerp"), 3, NULL);
    assert_fails(clade_recipe_to_mergekit(three, &text), CLADE_ECONFIG,
                 "mergekit's slerp takes two models, the recipe has 3");
    clade_recipe_free(three);
    clade_recipe *dare = zoo_recipe(folder, clade_method_find("dare_linear"), 2, NULL);
    zoo_set(dare, "rescale_by_density", 0, 1);
    assert_fails(clade_recipe_to_mergekit(dare, &text), CLADE_ECONFIG, "rescale_by_density");
    zoo_set(dare, "rescale_by_density", 0, 0);
    clade_free(dare->parents[1].path);
    assert_non_null(dare->parents[1].path = clade_strdup(dare->parents[0].path));
    assert_fails(clade_recipe_to_mergekit(dare, &text), CLADE_ECONFIG, "twice");
    clade_recipe_free(dare);
    clade_recipe *two = zoo_recipe(folder, clade_method_find("slerp"), 2, NULL);
    zoo_set(two, "weight", 1, -1);
    assert_fails(clade_recipe_to_mergekit(two, &text), CLADE_ECONFIG, "their weights cancel");
    clade_recipe_free(two);
    clade_text_free(&text);
}

/* From a file: paths are relative to it, and a missing one is said to be missing. */
static void from_a_file(void **state)
{
    clade_recipe *recipe;
    (void)state;
    write_test_file(config, models, sizeof models - 1);
    assert_ok(clade_recipe_from_mergekit(config, &recipe));
    assert_string_equal(recipe->parents[0].path, path_in(folder, "a"));
    clade_recipe_free(recipe);
    assert_fails(clade_recipe_from_mergekit(path_in(folder, "none.yml"), &recipe), CLADE_EINPUT, "none.yml");
}

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    snprintf(config, sizeof config, "%s/config.yml", folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_F32, ZOO_TUNED, 1);
    zoo_write(folder, "p1", CLADE_F32, ZOO_TUNED, 2);
    zoo_write(folder, "p2", CLADE_F32, ZOO_TUNED, 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform),     cmocka_unit_test(settings),
        cmocka_unit_test(slerp),       cmocka_unit_test(one_layer),
        cmocka_unit_test(odd_paths),   cmocka_unit_test(what_is_refused),
        cmocka_unit_test(round_trip),  cmocka_unit_test(what_mergekit_cannot_say),
        cmocka_unit_test(from_a_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
