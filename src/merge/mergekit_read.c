/* mergekit's YAML to a recipe: which models take part and in what part, by mergekit's own rules.
 *
 *   linear             a base_model that is not among the models is one more parent
 *   slerp              two models, of which base_model is one (it may be left out of the list): parents base, other
 *   task vectors       base_model is the base; listed among the models, it is not used as a parent
 *
 * What mergekit would do and Clade does not (slices, tokenizers, adapters) is refused with what to do instead. */
#include <stdio.h>
#include <string.h>

#include "clade/files.h"
#include "merge/mergekit.h"
#include "merge/methods.h"
#include "merge/recipe_parts.h"

/* ---- the top level ---- */

typedef struct refusal {
    const char *key, *advice;
} refusal;

static const refusal refused[] = {
    {"slices", "layer stacking is not supported; give whole \"models\""},
    {"modules", "merging towers apart is not supported; give whole \"models\""},
    {"tokenizer_source", "vocabularies are not remapped; remove it, and the base's tokenizer files are copied"},
    {"tokenizer", "vocabularies are not remapped; remove it, and the base's tokenizer files are copied"},
    {"chat_template", "templates are not changed; remove it, and the base's tokenizer files are copied"},
    {"name", "files of several merges (mergekit-multi) are not supported; remove it"},
};

static void check_keys(const clade_mergekit *file, const clade_yaml_node *root)
{
    static const char *const known[] = {"merge_method", "models", "base_model", "parameters", "dtype", "out_dtype"};
    for (size_t i = 0; i < root->count; i++) {
        const clade_yaml_node *key = root->entries[i].key;
        const char *advice = NULL;
        bool found = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            found = found || strcmp(known[k], key->text) == 0;
        for (size_t k = 0; k < sizeof refused / sizeof refused[0]; k++)
            if (strcmp(refused[k].key, key->text) == 0)
                advice = refused[k].advice;
        if (advice) {
            clade_mergekit_problem(file, key, "%s: %s", key->text, advice);
        } else if (!found) {
            clade_text hint = {0};
            clade_append_suggestion(&hint, key->text, known, sizeof known / sizeof known[0]);
            clade_mergekit_problem(file, key, "unknown key \"%.60s\"%s", key->text, clade_text_get(&hint));
            clade_text_free(&hint);
        }
    }
}

/* A path to a model; adapters and revisions are part of mergekit's grammar for them. NULL and a problem when it is
 * none. */
static const char *model_path(const clade_mergekit *file, const clade_yaml_node *node)
{
    if (node->kind != CLADE_YAML_SCALAR || node->text[0] == '\0') {
        clade_mergekit_problem(file, node,
                               "found no path, expected the folder or .safetensors file of a model as text");
        return NULL;
    }
    if (strchr(node->text, '+'))
        clade_mergekit_problem(file, node,
                               "%.200s: LoRA adapters (\"model+adapter\") come with a later version; merge the "
                               "adapter into its model first",
                               node->text);
    else if (strchr(node->text, '@'))
        clade_mergekit_problem(file, node,
                               "%.200s: revisions (\"model@revision\") are not looked up; download it and give the "
                               "folder",
                               node->text);
    else
        return node->text;
    return NULL;
}

static void read_method(clade_mergekit *file, const clade_yaml_node *root)
{
    const clade_yaml_node *node = clade_yaml_get(root, "merge_method");
    if (!node || node->kind != CLADE_YAML_SCALAR) {
        clade_mergekit_problem(file, root, "found no merge_method, expected its name");
        return;
    }
    file->method = clade_method_find(node->text);
    if (!file->method && clade_method_unknown(node->text) != CLADE_OK)
        clade_mergekit_problem(file, node, "%s", clade_error_message());
}

static void read_model(clade_mergekit *file, const clade_yaml_node *node)
{
    const clade_yaml_node *model = clade_yaml_get(node, "model");
    if (node->kind != CLADE_YAML_MAPPING || !model) {
        clade_mergekit_problem(file, node, "expected \"model: PATH\" with \"parameters\" where needed");
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->entries[i].key->text;
        if (strcmp(key, "model") != 0 && strcmp(key, "parameters") != 0)
            clade_mergekit_problem(file, node->entries[i].key, "found \"%.60s\", expected \"model\" or \"parameters\"",
                                   key);
    }
    const char *path = model_path(file, model);
    for (size_t p = 0; path && p < file->n_models; p++)
        if (strcmp(file->models[p].path, path) == 0)
            clade_mergekit_problem(file, model, "%.200s is listed twice; mergekit would use it once", path);
    if (path)
        file->models[file->n_models++] = (clade_mergekit_model){path, clade_yaml_get(node, "parameters")};
}

static void read_models(clade_mergekit *file, const clade_yaml_node *root)
{
    const clade_yaml_node *models = clade_yaml_get(root, "models"), *base = clade_yaml_get(root, "base_model");
    if (!clade_yaml_is_null(base))
        file->base = model_path(file, base);
    if (!models || models->kind != CLADE_YAML_SEQUENCE || models->count == 0 || models->count > CLADE_MAX_PARENTS) {
        clade_mergekit_problem(file, models ? models : root, "models: expected a list of 1 to %d models",
                               CLADE_MAX_PARENTS);
        return;
    }
    for (size_t i = 0; i < models->count; i++)
        read_model(file, models->entries[i].value);
}

static bool read_dtype(const clade_mergekit *file, const clade_yaml_node *root, const char *key, clade_dtype *dtype)
{
    const clade_yaml_node *node = clade_yaml_get(root, key);
    if (clade_yaml_is_null(node))
        return false;
    const char *name = node->kind == CLADE_YAML_SCALAR ? node->text : "a list or mapping";
    name += strncmp(name, "torch.", 6) == 0 ? 6 : 0;
    if (clade_dtype_parse(name, dtype) && clade_dtype_of(*dtype)->mergeable)
        return true;
    clade_mergekit_problem(file, node, "%s: found %.60s, expected float32, float16, bfloat16 or float64", key, name);
    return false;
}

/* ---- who is a parent ---- */

static size_t index_of_base(const clade_mergekit *file)
{
    size_t p = 0;
    while (p < file->n_models && (!file->base || strcmp(file->models[p].path, file->base) != 0))
        p++;
    return p;
}

static void remove_model(clade_mergekit *file, size_t index)
{
    file->n_models--;
    memmove(&file->models[index], &file->models[index + 1], (file->n_models - index) * sizeof file->models[0]);
}

/* Turn the models as listed into the parents of the recipe. */
static void arrange(clade_mergekit *file, const clade_yaml_node *root)
{
    size_t base = index_of_base(file);
    bool listed = base < file->n_models;
    if (file->method->needs_base) {
        if (!file->base)
            clade_mergekit_problem(file, root, "found no base_model, %s expects one", file->method->name);
        if (listed)
            remove_model(file, base);
    } else if (file->method == &clade_method_slerp) {
        clade_mergekit_model first = listed ? file->models[base] : (clade_mergekit_model){file->base, NULL};
        if (listed)
            remove_model(file, base);
        if (!file->base || file->n_models != 1) {
            clade_mergekit_problem(file, root, "slerp expects two models, of which base_model is one");
            return;
        }
        file->models[1] = file->models[0];
        file->models[0] = first;
        file->n_models = 2;
    } else if (file->base && !listed) {
        file->models[file->n_models++] = (clade_mergekit_model){file->base, NULL};
    }
    if (file->n_models > CLADE_MAX_PARENTS)
        clade_mergekit_problem(file, root, "found %zu models, expected at most %d", file->n_models, CLADE_MAX_PARENTS);
    if (file->n_models == 0)
        clade_mergekit_problem(file, root, "found no model besides the base, expected one or more");
}

/* ---- the recipe's models ---- */

/* The last part of a path, without ".safetensors": what a person would call the model. */
static char *short_name(const char *path)
{
    static const char suffix[] = ".safetensors";
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    if (end - begin > sizeof suffix - 1 && strncmp(path + end - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0)
        end -= sizeof suffix - 1;
    return end > begin ? clade_strndup(path + begin, end - begin) : clade_strdup("model");
}

/* The short name, with "-2", "-3", ... where an earlier parent has it already. */
static char *free_name(const clade_recipe *recipe, size_t p, const char *path)
{
    char *plain = short_name(path);
    clade_text name = {0};
    bool taken = plain != NULL;
    for (int number = 1; taken; number++) {
        clade_text_clear(&name);
        clade_text_append(&name, number > 1 ? "%s-%d" : "%s", plain, number);
        taken = false;
        for (size_t q = 0; q < p; q++)
            taken = taken || strcmp(recipe->parents[q].name, clade_text_get(&name)) == 0;
    }
    char *copy = plain && !name.failed ? clade_strdup(clade_text_get(&name)) : NULL;
    clade_text_free(&name);
    clade_free(plain);
    return copy;
}

static bool fill_models(const clade_mergekit *file, clade_recipe *recipe)
{
    for (size_t p = 0; p < recipe->n_parents; p++) {
        recipe->parents[p].path = clade_path_beside(file->name, file->models[p].path);
        recipe->parents[p].name = free_name(recipe, p, file->models[p].path);
        if (!recipe->parents[p].path || !recipe->parents[p].name)
            return false;
    }
    if (!file->method->needs_base)
        return true;
    recipe->base = clade_calloc(1, sizeof *recipe->base);
    if (!recipe->base)
        return false;
    recipe->base->path = clade_path_beside(file->name, file->base);
    recipe->base->name = clade_strdup("base");
    return recipe->base->path && recipe->base->name;
}

static clade_status build(const clade_mergekit *file, const clade_yaml_node *root, clade_recipe **recipe)
{
    clade_recipe *made = NULL;
    char *like = clade_path_beside(file->name, file->method->needs_base ? file->base : file->models[0].path);
    if (!like)
        return clade_fail_memory(strlen(file->name), "a path");
    clade_status status = clade_mergekit_rules(file, like, &made);
    clade_free(like);
    if (status != CLADE_OK || !made)
        return status;
    made->has_dtype = read_dtype(file, root, "dtype", &made->dtype);
    made->has_out_dtype = read_dtype(file, root, "out_dtype", &made->out_dtype);
    if (fill_models(file, made))
        clade_recipe_check(made, file->name, file->problems);
    else
        status = clade_fail_memory(strlen(file->name), "the models of a recipe");
    if (status == CLADE_OK && file->problems->count == 0)
        *recipe = made;
    else
        clade_recipe_free(made);
    return status;
}

/* ---- the file ---- */

static clade_status read_document(const clade_yaml_node *root, const char *name, clade_problems *problems,
                                  clade_recipe **recipe)
{
    clade_mergekit file = {.name = name, .problems = problems, .parameters = clade_yaml_get(root, "parameters")};
    check_keys(&file, root);
    read_method(&file, root);
    read_models(&file, root);
    if (file.method)
        clade_mergekit_check_parameters(&file);
    if (problems->count == 0)
        arrange(&file, root);
    return problems->count == 0 ? build(&file, root, recipe) : CLADE_OK;
}

clade_status clade_recipe_from_mergekit_text(const char *text, size_t length, const char *name, clade_recipe **recipe)
{
    clade_yaml *document;
    clade_problems problems = {0};
    *recipe = NULL;
    CLADE_TRY(clade_yaml_parse(text, length, name, &document));
    clade_status status = read_document(clade_yaml_root(document), name, &problems, recipe);
    if (status == CLADE_OK)
        status = clade_problems_end(&problems, CLADE_ECONFIG);
    else
        clade_text_free(&problems.text);
    clade_yaml_free(document);
    return status;
}

clade_status clade_recipe_from_mergekit(const char *path, clade_recipe **recipe)
{
    char *text;
    size_t length;
    *recipe = NULL;
    CLADE_TRY(clade_read_file(path, CLADE_YAML_MAX_BYTES, &text, &length));
    clade_status status = clade_recipe_from_mergekit_text(text, length, path, recipe);
    clade_free(text);
    return status;
}
