/* LoRA adapters against ../shared/golden/merge, through recipes: an adapter on its base, models with adapters as
 * parents of other methods (mergekit lets PEFT fold those), and the weighted sum of adapters by their factors. */
#include "adapter_fixture.h"
#include "folder_fixture.h"
#include "merge_golden.h"

typedef struct golden_parent {
    const char *adapter;
    double weight;
} golden_parent;

static char *golden_copy(const char *name)
{
    char *copy = clade_strdup(golden(name));
    assert_non_null(copy);
    return copy;
}

/* METHOD over adapters on L_base, which is BASE or, WITH_MODEL, stands in every parent. */
static clade_recipe *recipe_of(const char *method, bool base, bool with_model, const golden_parent *parents,
                               size_t count)
{
    const char *paths[4];
    char adapters[4][TEST_PATH];
    for (size_t p = 0; p < count; p++) {
        snprintf(adapters[p], sizeof adapters[p], "%s", golden(parents[p].adapter));
        paths[p] = adapters[p];
    }
    const clade_method *found = clade_method_find(method);
    assert_non_null(found);
    clade_recipe *recipe = fixture_recipe(found, paths, count);
    for (size_t p = 0; p < count; p++) {
        if (clade_method_parameter(found, "weight") < found->n_parameters)
            fixture_weight(recipe, p, parents[p].weight);
        if (with_model)
            recipe->parents[p].path = golden_copy("models/L_base");
    }
    if (base) {
        assert_non_null(recipe->base = clade_calloc(1, sizeof *recipe->base));
        assert_non_null(recipe->base->name = clade_strdup("base"));
        recipe->base->path = golden_copy("models/L_base");
    }
    return recipe;
}

/* The folder OUT against the expected file of CASE_FILE. */
static void compare_with(const char *case_file, const char *out)
{
    test_case one = open_case(case_file);
    clade_checkpoint *expected, *found;
    double rtol = tolerance_of(&one, "rtol", 0), atol = tolerance_of(&one, "atol", 0);
    assert_ok(clade_checkpoint_open(golden(text_of(&one, "expected")), &expected));
    assert_ok(clade_checkpoint_open(out, &found));
    assert_int_equal(clade_checkpoint_count(found), clade_checkpoint_count(expected));
    for (size_t t = 0; t < clade_checkpoint_count(found); t++) {
        const clade_tensor *tensor = clade_checkpoint_at(found, t), *wanted = clade_checkpoint_at(expected, t);
        assert_string_equal(tensor->name, wanted->name);
        assert_true(clade_tensor_same_shape(tensor, wanted));
        for (size_t i = 0; i < tensor->count; i++)
            if (differs(element(tensor, i), element(wanted, i), rtol, atol))
                fail_msg("%s: %s[%zu]: found %.9g, expected %.9g", one.name, tensor->name, i, element(tensor, i),
                         element(wanted, i));
    }
    clade_checkpoint_close(found);
    clade_checkpoint_close(expected);
    clade_json_free(one.document);
}

static void run(const char *case_file, clade_recipe *recipe)
{
    static unsigned number;
    char out[TEST_PATH + 32];
    snprintf(out, sizeof out, "%s/child%u", folder, number++);
    assert_ok(clade_merge_to_folder(recipe, out, 0, NULL));
    compare_with(case_file, out);
    clade_recipe_free(recipe);
}

/* Each alone, as a parent of passthrough and as the one adapter of every method for adapters. */
static void one_adapter(void **state)
{
    static const char *const methods[] = {"passthrough", "lora_cat", "lora_linear", "lora_svd"};
    static const struct {
        const char *file;
        golden_parent parent;
    } rows[] = {
        {"paper_lora_a.json", {"models/lora_a", 1}},
        {"paper_lora_b.json", {"models/lora_b", 1}},
        {"paper_lora_rs.json", {"models/lora_rs", 1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < sizeof methods / sizeof *methods; k++)
            run(rows[i].file, recipe_of(methods[k], true, false, &rows[i].parent, 1));
}

/* lora_a and lora_b change different tensors, two of them both. */
static void weighted_sum(void **state)
{
    static const golden_parent parents[] = {{"models/lora_a", 0.7}, {"models/lora_b", -0.4}};
    (void)state;
    run("paper_lora_weighted_sum.json", recipe_of("lora_cat", true, false, parents, 2));
    clade_recipe *svd = recipe_of("lora_svd", true, false, parents, 2);
    fixture_site(svd, "rank", 8);
    run("paper_lora_weighted_sum.json", svd);
    run("paper_lora_weighted_sum.json", recipe_of("task_arithmetic", true, false, parents, 2));
}

static void models_with_adapters(void **state)
{
    static const golden_parent linear[] = {{"models/lora_a", 1}, {"models/lora_b", 1}};
    static const golden_parent arithmetic[] = {{"models/lora_a", 0.7}, {"models/lora_rs", 0.5}};
    static const golden_parent alone[] = {{"models/lora_rs", 1}};
    (void)state;
    run("lora_linear.json", recipe_of("linear", false, true, linear, 2));
    run("lora_task_arithmetic.json", recipe_of("task_arithmetic", true, true, arithmetic, 2));
    run("lora_passthrough.json", recipe_of("passthrough", false, true, alone, 1));
}

/* The same bits whether the merged adapter is folded at once or written, and put on the base later. */
static void written_and_folded_agree(void **state)
{
    static const golden_parent parents[] = {{"models/lora_a", 0.7}, {"models/lora_b", -0.4}};
    char folded[TEST_PATH + 16], adapter[TEST_PATH + 16], later[TEST_PATH + 16];
    char hash[CLADE_SHA256_HEX], again[CLADE_SHA256_HEX];
    clade_checkpoint *one, *two;
    bool is_adapter;
    (void)state;
    snprintf(folded, sizeof folded, "%s/folded", folder);
    snprintf(adapter, sizeof adapter, "%s/adapter", folder);
    snprintf(later, sizeof later, "%s/later", folder);
    clade_recipe *recipe = recipe_of("lora_cat", true, false, parents, 2);
    assert_ok(clade_merge_to_folder(recipe, folded, 0, NULL));
    fixture_site(recipe, "output", 1);
    assert_ok(clade_merge_to_folder(recipe, adapter, 0, NULL));
    assert_ok(clade_adapter_is(adapter, &is_adapter));
    assert_true(is_adapter);
    clade_recipe_free(recipe);
    recipe = recipe_of("passthrough", true, false, parents, 1);
    clade_free(recipe->parents[0].adapter.path);
    assert_non_null(recipe->parents[0].adapter.path = clade_strdup(adapter));
    assert_ok(clade_merge_to_folder(recipe, later, 0, NULL));
    clade_recipe_free(recipe);
    assert_ok(clade_checkpoint_open(folded, &one));
    assert_ok(clade_checkpoint_open(later, &two));
    assert_ok(clade_checkpoint_hash(one, hash));
    assert_ok(clade_checkpoint_hash(two, again));
    assert_string_equal(hash, again);
    clade_checkpoint_close(one);
    clade_checkpoint_close(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_adapter),
        cmocka_unit_test(weighted_sum),
        cmocka_unit_test(models_with_adapters),
        cmocka_unit_test(written_and_folded_agree),
    };
    skip_without_shared();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
