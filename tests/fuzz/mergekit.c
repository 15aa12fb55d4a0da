/* Whatever the bytes: no crash, no leak; a recipe that is accepted and that mergekit can express is written as YAML that
 * means the same recipe, and one that can be planned is planned twice alike. Two small models lie beside the file,
 * "m.safetensors" and "n.safetensors" (merge_models.h), so that gradients, filters and slices are followed to the end. */
#include "fuzz/merge_models.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const clade_recipe *recipe, const char *name)
{
    clade_recipe *again;
    clade_text yaml = {0}, once = {0}, twice = {0};
    if (clade_recipe_to_mergekit(recipe, &yaml) == CLADE_OK) {
        check(clade_recipe_from_mergekit_text(yaml.data, yaml.length, name, &again) == CLADE_OK);
        clade_recipe_print(recipe, false, &once);
        clade_recipe_print(again, false, &twice);
        check(strcmp(once.data, twice.data) == 0);
        clade_recipe_free(again);
    }
    clade_text_free(&yaml);
    clade_text_free(&once);
    clade_text_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_recipe_list list;
    char *name = clade_path_join(models(), "config.yml");
    check(name != NULL);
    if (clade_recipes_from_mergekit_text((const char *)data, size, name, "/nowhere/at/all", &list) == CLADE_OK) {
        check_round_trip(list.documents[list.count - 1].recipe, name);
        check_plan(list.documents[list.count - 1].recipe);
    }
    clade_recipe_list_free(&list);
    clade_free(name);
    check(clade_alloc_live() == 0);
    return 0;
}
