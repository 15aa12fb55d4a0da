/* Whatever the bytes: no crash, no leak, and a recipe that is accepted prints to a text that is accepted and prints the
 * same; one that can be planned, with the models beside it, is planned twice alike. */
#include "fuzz/merge_models.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False when DATA is no recipe. */
static bool print(const char *data, size_t size, clade_text *out)
{
    clade_json *document;
    clade_problems problems = {0};
    clade_recipe *recipe = NULL;
    char *name = clade_path_join(models(), "recipe.json"); /* that paths are relative to */
    check(name != NULL);
    clade_status status = clade_json_parse(data, size, name, CLADE_ECONFIG, &document);
    clade_free(name);
    if (status != CLADE_OK)
        return false;
    clade_json_at root = clade_json_root(document);
    status = clade_recipe_parse(&root, &problems, &recipe);
    if (status != CLADE_OK || (recipe != NULL) != (problems.count == 0))
        abort();
    bool accepted = recipe != NULL;
    if (accepted) {
        clade_recipe_rule(recipe, "model.layers.0.mlp.weight");
        clade_recipe_print(recipe, true, out);
        check_plan(recipe);
    }
    clade_recipe_free(recipe);
    clade_text_free(&problems.text);
    clade_json_free(document);
    return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_text once = {0}, twice = {0};
    if (print((const char *)data, size, &once))
        if (!print(once.data, once.length, &twice) || strcmp(once.data, twice.data) != 0)
            abort();
    clade_text_free(&once);
    clade_text_free(&twice);
    if (clade_alloc_live() != 0)
        abort();
    return 0;
}
