/* Recipes read from JSON: values and defaults, and what every mistake is told. */
#include "merge_zoo.h"

static clade_status parse(const char *text, clade_recipe **recipe)
{
    clade_json *document;
    clade_problems problems = {0};
    clade_status status = clade_json_parse(text, strlen(text), "zoo/recipe.json", CLADE_ECONFIG, &document);
    *recipe = NULL;
    if (status != CLADE_OK)
        return status;
    clade_json_at root = clade_json_root(document);
    status = clade_recipe_parse(&root, &problems, recipe);
    clade_json_free(document);
    assert_ok(status);
    assert_true((*recipe != NULL) == (problems.count == 0));
    return clade_problems_end(&problems, CLADE_ECONFIG);
}

static const char good[] =
    "{\"clade_recipe\": 1, \"method\": \"ties\", \"seed\": 7, \"base\": \"base\","
    " \"parents\": [{\"name\": \"a\", \"path\": \"a\"}, {\"name\": \"b\", \"path\": \"/models/b\"}],"
    " \"dtype\": \"bfloat16\", \"out_dtype\": \"F32\", \"parameters\": {\"normalize\": false},"
    " \"rules\": [{\"tensors\": [\"*.layers.0.*\", \"x\"], \"parameters\": {\"lambda\": 0.5},"
    "              \"parents\": {\"a\": {\"weight\": 0.3, \"density\": 0.2}}},"
    "             {\"tensors\": [\"*\"]}]}";

static void values_and_defaults(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(parse(good, &recipe));
    size_t n = recipe->method->n_parameters, weight = clade_method_parameter(recipe->method, "weight"),
           density = clade_method_parameter(recipe->method, "density"),
           lambda = clade_method_parameter(recipe->method, "lambda"),
           normalize = clade_method_parameter(recipe->method, "normalize");
    assert_string_equal(recipe->method->name, "ties");
    assert_string_equal(recipe->base->path, "zoo/base");
    assert_string_equal(recipe->parents[0].path, "zoo/a");
    assert_string_equal(recipe->parents[1].path, "/models/b");
    assert_true(recipe->has_dtype && recipe->dtype == CLADE_BF16 && recipe->has_out_dtype &&
                recipe->out_dtype == CLADE_F32);
    const clade_rule *first = clade_recipe_rule(recipe, "model.layers.0.w"), *rest = clade_recipe_rule(recipe, "y");
    assert_ptr_equal(first, &recipe->rules[0]);
    assert_ptr_equal(clade_recipe_rule(recipe, "x"), first);
    assert_ptr_equal(rest, &recipe->rules[1]);
    assert_true(first->site[lambda] == 0.5 && rest->site[lambda] == 1);
    assert_true(first->site[normalize] == 0 && rest->site[normalize] == 0);
    assert_true(first->parent[weight] == 0.3 && first->parent[density] == 0.2);
    assert_true(first->parent[n + weight] == 1 && first->parent[n + density] == 1);
    clade_recipe_free(recipe);
}

/* In GOOD, replace the first OLD by NEW; the message must contain EXPECTED. */
typedef struct mistake {
    const char *old, *new, *expected;
} mistake;

static const mistake mistakes[] = {
    {"\"clade_recipe\": 1", "\"clade_recipe\": 2", "clade_recipe: "},
    {"\"ties\"", "\"tise\"", "method: unknown method \"tise\"; did you mean \"ties\"?"},
    {"\"seed\": 7", "\"seed\": -7", "seed: found -7"},
    {"\"seed\"", "\"sed\"", "did you mean \"seed\"?"},
    {"\"base\": \"base\",", "", "found no base, ties expects one"},
    {"\"name\": \"b\"", "\"name\": \"a\"", "two parents are named \"a\""},
    {"\"name\": \"b\"", "\"name\": \"\"", "parent 1 has no name"},
    {"\"path\": \"a\"", "\"path\": 3", "parents[0].path: found 3, expected a string"},
    {"bfloat16", "bfloat61", "dtype: found \"bfloat61\", expected float32, float16, bfloat16 or float64"},
    {"\"F32\"", "\"I64\"", "out_dtype: found \"I64\""},
    {"\"normalize\": false", "\"normalize\": 0", "parameters.normalize: found 0, expected true or false"},
    {"\"normalize\": false", "\"normalise\": false", "did you mean \"normalize\"?"},
    {"\"normalize\": false", "\"lambda\": 1", "lambda"},
    {"\"density\": 0.2", "\"density\": 1.5", "rules[0].parents.a.density: found 1.5"},
    {"\"density\": 0.2", "\"density\": \"x\"", "rules[0].parents.a.density: found \"x\""},
    {"\"a\": {\"weight\"", "\"aa\": {\"weight\"", "did you mean \"a\"?"},
    {"[\"*.layers.0.*\", \"x\"]", "[]", "rule 0: found no tensor patterns"},
    {"[\"*.layers.0.*\", \"x\"]", "[5]", "rules[0].tensors[0]: found 5, expected a string"},
    {"[\"*.layers.0.*\", \"x\"]", "\"*\"", "rules[0].tensors: found \"*\", expected an array"},
};

static void mistakes_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char text[2048];
        clade_recipe *recipe;
        const char *at = strstr(good, mistakes[i].old);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, mistakes[i].new, at + strlen(mistakes[i].old));
        assert_fails(parse(text, &recipe), CLADE_ECONFIG, mistakes[i].expected);
        assert_non_null(strstr(clade_error_message(), "zoo/recipe.json"));
    }
}

static void all_mistakes_at_once(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_fails(parse("{\"clade_recipe\": 1, \"method\": \"linear\", \"sead\": 1, \"parents\": [{\"name\": \"a\"}],"
                       " \"rules\": [{\"tensors\": [1]}]}",
                       &recipe),
                 CLADE_ECONFIG, "sead");
    assert_non_null(strstr(clade_error_message(), "parents[0].path"));
    assert_non_null(strstr(clade_error_message(), "rules[0].tensors[0]"));
}

/* Recipes built in code. */
static void check_in_code(void **state)
{
    clade_recipe *recipe;
    clade_problems problems = {0};
    (void)state;
    assert_ok(clade_recipe_new(clade_method_find("slerp"), 1, 1, &recipe));
    recipe->rules[0].parent[0] = NAN;
    clade_recipe_check(recipe, "genome 3", &problems);
    clade_status status = clade_problems_end(&problems, CLADE_ECONFIG);
    assert_fails(status, CLADE_ECONFIG, "genome 3: found 1 parents, slerp expects 2 to 64");
    assert_non_null(strstr(clade_error_message(), "genome 3: parent 0 has no name"));
    assert_non_null(strstr(clade_error_message(), "genome 3: rule 0: weight is not given, expected a number"));
    clade_recipe_free(recipe);
}

static void unknown_methods(void **state)
{
    (void)state;
    assert_null(clade_method_find("tise"));
    assert_fails(clade_method_unknown("tise"), CLADE_ECONFIG, "unknown method \"tise\"; did you mean \"ties\"?");
    assert_fails(clade_method_unknown("?"), CLADE_ECONFIG, "known: linear, slerp, ");
}

/* What every descriptor must be for the rest of Clade to work with it. */
static void descriptors(void **state)
{
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const clade_method *method = methods[i];
        assert_ptr_equal(clade_method_find(method->name), method);
        assert_true(method->title && method->source && method->mergekit && method->formula);
        assert_true((method->combine != NULL) != (method->adapters != NULL));
        assert_true(method->survey_scope == CLADE_NO_SURVEY ||
                    (method->survey && method->survey_merge && method->state_bytes && method->partial_bytes));
        assert_in_range(method->n_parameters, 0, CLADE_MAX_PARAMETERS);
        assert_in_range(method->min_parents, 1, method->max_parents);
        assert_true(method->max_parents <= CLADE_MAX_PARENTS);
        for (size_t k = 0; k < method->n_parameters; k++) {
            const clade_parameter *p = &method->parameters[k];
            assert_int_equal(clade_method_parameter(method, p->name), k);
            assert_true(p->low <= p->search_low && p->search_low <= p->search_high && p->search_high <= p->high);
            assert_true(isnan(p->default_value) || (p->default_value >= p->low && p->default_value <= p->high));
            assert_true(p->help && p->help[0]);
            assert_true((p->kind == CLADE_CHOICE) == (p->choices != NULL));
            for (size_t c = 0; p->choices && p->choices[c]; c++)
                assert_true((double)c >= p->low && (double)c <= p->high);
        }
        assert_int_equal(clade_method_parameter(method, "no such"), method->n_parameters);
    }
}

/* ---- families ---- */

static void write_one(const char *path, const char *name, clade_dtype dtype, uint64_t rows, const void *data)
{
    const uint64_t shape[1] = {rows};
    clade_tensor tensor = {.name = name,
                           .dtype = dtype,
                           .rank = 1,
                           .shape = shape,
                           .count = rows,
                           .bytes = rows * clade_dtype_of(dtype)->bits / 8,
                           .data = data};
    assert_ok(clade_safetensors_write(path, &tensor, 1, NULL, NULL));
}

static void families_must_agree(void **state)
{
    static const int64_t ones[4] = {1, 1, 1, 1}, twos[4] = {2, 2, 2, 2};
    char folder[TEST_PATH], a[TEST_PATH], b[TEST_PATH];
    clade_family *family;
    const char *parents[2] = {a, b};
    (void)state;
    make_temporary_folder(folder);
    snprintf(a, sizeof a, "%s/a.safetensors", folder);
    snprintf(b, sizeof b, "%s/b.safetensors", folder);
    write_one(a, "w", CLADE_F32, 4, ones);
    write_one(b, "w", CLADE_F32, 3, ones);
    assert_fails(clade_family_open(NULL, parents, 2, &family), CLADE_EINCOMPATIBLE,
                 "b.safetensors: tensor w: found shape [3], expected [4]");
    write_one(b, "v", CLADE_F32, 4, ones);
    assert_fails(clade_family_open(NULL, parents, 2, &family), CLADE_EINCOMPATIBLE,
                 "tensor v is not in the first checkpoint");
    assert_non_null(strstr(clade_error_message(), "tensor w is missing"));
    write_one(b, "w", CLADE_I32, 4, ones);
    assert_fails(clade_family_open(NULL, parents, 2, &family), CLADE_EINCOMPATIBLE, "found dtype I32, expected F32");
    write_one(b, "w", CLADE_F8_E4M3, 4, ones);
    assert_fails(clade_family_open(NULL, parents, 2, &family), CLADE_EINCOMPATIBLE,
                 "found dtype F8_E4M3, expected F32, F16");
    write_one(a, "w", CLADE_I64, 4, ones);
    write_one(b, "w", CLADE_I64, 4, twos);
    assert_fails(clade_family_open(NULL, parents, 2, &family), CLADE_EINCOMPATIBLE, "its integers differ");
    write_one(a, "w", CLADE_F8_E4M3, 4, ones);
    assert_fails(clade_family_open(NULL, parents, 1, &family), CLADE_EINCOMPATIBLE, "F8_E4M3");
    assert_fails(clade_family_open("nowhere", parents, 1, &family), CLADE_EINPUT, "nowhere");
    assert_int_equal(clade_alloc_live(), 0);
    remove_temporary_folder(folder);
}

/* A child that its dtype cannot hold is refused, not stored as infinity. */
static void overflow_is_refused(void **state)
{
    static const float large[2] = {1, 60000};
    char folder[TEST_PATH];
    const clade_method *linear = clade_method_find("linear");
    (void)state;
    make_temporary_folder(folder);
    write_one(path_in(folder, "p0.safetensors"), "w", CLADE_F32, 2, large);
    clade_recipe *recipe = zoo_recipe(folder, linear, 1, NULL);
    clade_family *family;
    clade_child *child;
    zoo_set(recipe, "normalize", 0, 0);
    zoo_set(recipe, "weight", 0, 2);
    recipe->has_out_dtype = true;
    recipe->out_dtype = CLADE_F16;
    assert_ok(zoo_family(recipe, &family));
    assert_ok(clade_child_new(family, NULL, &child));
    assert_fails(clade_child_make(child, recipe), CLADE_EEVAL, "tensor w: element 1 of the child is infinite in F16");
    recipe->out_dtype = CLADE_BF16;
    assert_ok(clade_child_make(child, recipe));
    clade_free(recipe->rules[0].patterns[0]);
    assert_non_null(recipe->rules[0].patterns[0] = clade_strdup("v*"));
    assert_fails(clade_child_make(child, recipe), CLADE_ECONFIG, "tensor w: no rule of the recipe matches it");
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
    remove_temporary_folder(folder);
}

/* Written and opened again, a child is the same as in memory, whatever the shards. */
static void folder_holds_the_child(void **state)
{
    char folder[TEST_PATH], out[TEST_PATH];
    (void)state;
    make_temporary_folder(folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_BF16, ZOO_TUNED, 1);
    zoo_write(folder, "p1", CLADE_F32, ZOO_TUNED, 2);
    snprintf(out, sizeof out, "%s/out", folder);
    clade_recipe *recipe = zoo_recipe(folder, clade_method_find("dare_ties"), 2, NULL);
    zoo_set(recipe, "density", 0, 0.4);
    recipe->seed = 3;
    assert_ok(clade_merge_to_folder(recipe, out, 10000, "# card\n"));
    assert_true(recipe->base->hash[0] != '\0' && recipe->parents[1].hash[0] != '\0');
    zoo_made made = zoo_make(recipe, 0, false);
    clade_checkpoint *written;
    assert_ok(clade_checkpoint_open(out, &written));
    assert_true(clade_checkpoint_shards(written) > 1);
    assert_int_equal(clade_checkpoint_count(written), clade_child_count(made.child));
    for (size_t t = 0; t < clade_child_count(made.child); t++) {
        const clade_tensor *a = clade_child_at(made.child, t), *b = clade_checkpoint_find(written, a->name);
        assert_non_null(b);
        assert_int_equal(a->bytes, b->bytes);
        assert_ptr_equal(clade_child_find(made.child, a->name), a);
        if (a->bytes > 0)
            assert_memory_equal(a->data, b->data, a->bytes);
    }
    assert_null(clade_child_find(made.child, "nothing"));
    assert_fails(clade_merge_to_folder(recipe, out, 0, NULL), CLADE_EUSAGE, "out");
    clade_checkpoint_close(written);
    zoo_drop(&made);
    clade_recipe_free(recipe);
    remove_temporary_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_defaults),    cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(all_mistakes_at_once),   cmocka_unit_test(check_in_code),
        cmocka_unit_test(unknown_methods),        cmocka_unit_test(descriptors),
        cmocka_unit_test(families_must_agree),    cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(folder_holds_the_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
