/* Every allocation of reading recipes and making a child may fail: CLADE_EIO, nothing left behind, and the next try
 * works. */
#include "merge_zoo.h"

static char folder[TEST_PATH];

static clade_status read_recipe(void *context)
{
    clade_recipe *recipe;
    CLADE_TRY(clade_recipe_read(context, &recipe));
    clade_recipe_free(recipe);
    return CLADE_OK;
}

static clade_status read_yaml(void *context)
{
    clade_recipe *recipe;
    CLADE_TRY(clade_recipe_from_mergekit(context, &recipe));
    clade_recipe_free(recipe);
    return CLADE_OK;
}

static clade_status write_yaml(void *context)
{
    clade_text text = {0};
    clade_status status = clade_recipe_to_mergekit(context, &text);
    clade_text_free(&text);
    return status;
}

static clade_status make_child(void *context)
{
    const clade_recipe *recipe = context;
    clade_family *family;
    clade_child *child = NULL;
    CLADE_TRY(zoo_family(recipe, &family));
    clade_status status = clade_child_new(family, NULL, &child);
    if (status == CLADE_OK)
        status = clade_child_make(child, recipe);
    clade_child_free(child);
    clade_family_close(family);
    return status;
}

static clade_status write_child(void *context)
{
    char out[TEST_PATH];
    snprintf(out, sizeof out, "%s/out", folder);
    remove_temporary_folder(out);
    return clade_merge_to_folder(context, out, 0, "card");
}

static void allocations(void **state)
{
    static const char yaml[] = "merge_method: ties\nbase_model: base.safetensors\n"
                               "models:\n- model: p0.safetensors\n  parameters: &x {weight: [0.1, 0.9]}\n"
                               "- model: p1.safetensors\n  parameters: {<<: *x, density: 0.5}\n";
    char path[TEST_PATH];
    clade_text text = {0};
    clade_recipe *recipe = zoo_recipe(folder, clade_method_find("dare_ties"), 2, NULL), *rules;
    (void)state;
    zoo_set(recipe, "density", 0, 0.5);
    snprintf(path, sizeof path, "%s/config.yml", folder);
    write_test_file(path, yaml, sizeof yaml - 1);
    check_every_allocation(read_yaml, path);
    assert_ok(clade_recipe_from_mergekit(path, &rules));
    check_every_allocation(write_yaml, rules);
    clade_recipe_free(rules);
    clade_recipe_print(recipe, true, &text);
    snprintf(path, sizeof path, "%s/recipe.json", folder);
    write_test_file(path, clade_text_get(&text), text.length);
    clade_text_free(&text);
    check_every_allocation(read_recipe, path);
    check_every_allocation(make_child, recipe);
    check_every_allocation(write_child, recipe);
    recipe->has_dtype = true; /* converted rows */
    recipe->dtype = CLADE_BF16;
    check_every_allocation(make_child, recipe);
    clade_recipe_free(recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(allocations)};
    make_temporary_folder(folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_F16, ZOO_TUNED, 1);
    zoo_write(folder, "p1", CLADE_F32, ZOO_TUNED, 2);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_temporary_folder(folder);
    return failed;
}
