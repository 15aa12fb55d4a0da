/* The YAML of every case of ../shared/golden/merge that Clade reads, written and read again, gives the same recipe: the
 * same text, and the same hash once the contents are known. */
#include "merge_golden.h"

static void set_hashes(clade_recipe *recipe)
{
    clade_recipe_parent *models[CLADE_MAX_PARENTS + 1];
    size_t count = 0;
    for (size_t p = 0; p < recipe->n_parents; p++)
        models[count++] = &recipe->parents[p];
    if (recipe->base)
        models[count++] = recipe->base;
    for (size_t i = 0; i < count; i++) {
        snprintf(models[i]->hash, sizeof models[i]->hash, "%zu", i);
        snprintf(models[i]->adapter.hash, sizeof models[i]->adapter.hash, "%zu", i);
    }
}

static void round_trip(const clade_recipe *recipe, const char *name)
{
    clade_text yaml = {0}, once = {0}, twice = {0};
    clade_recipe *back;
    char hash[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    assert_ok(clade_recipe_to_mergekit(recipe, &yaml));
    assert_ok(clade_recipe_from_mergekit_text(clade_text_get(&yaml), yaml.length, "/config.yaml", &back));
    clade_recipe_print(recipe, true, &once);
    clade_recipe_print(back, true, &twice);
    if (strcmp(clade_text_get(&once), clade_text_get(&twice)) != 0)
        fail_msg("%s: the YAML\n%s\nmeans another recipe", name, clade_text_get(&yaml));
    set_hashes(back);
    assert_ok(clade_recipe_hash(recipe, hash));
    assert_ok(clade_recipe_hash(back, other));
    assert_string_equal(hash, other);
    clade_recipe_free(back);
    clade_text_free(&yaml);
    clade_text_free(&once);
    clade_text_free(&twice);
}

static void all_cases(void **state)
{
    DIR *folder = opendir(golden("cases"));
    size_t count = 0;
    (void)state;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        clade_recipe *recipe = NULL;
        if (!strstr(entry->d_name, ".json"))
            continue;
        test_case one = open_case(entry->d_name);
        const char *yaml = text_of(&one, "mergekit_yaml");
        if (yaml && clade_recipe_from_mergekit_text(yaml, strlen(yaml), golden("config.yaml"), &recipe) == CLADE_OK) {
            set_hashes(recipe);
            round_trip(recipe, one.name);
            count++;
        }
        clade_recipe_free(recipe);
        clade_json_free(one.document);
    }
    closedir(folder);
    assert_true(count >= 170);
    assert_int_equal(clade_alloc_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_cases),
    };
    skip_without_shared();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
