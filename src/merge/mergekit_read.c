/* A document of mergekit's YAML to a recipe. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "merge/mergekit.h"

/* ---- the names of tensors in its models ---- */

/* The lists that were needed, opened once. */
typedef struct open_names {
    const clade_mergekit *file;
    const clade_recipe *recipe;
    clade_name_list lists[CLADE_MAX_PARENTS + 1]; /* by source */
} open_names;

/* The names in the model at PATH, or of what is promised to lie there. */
static clade_status names_of_path(const clade_mergekit *file, const char *path, clade_name_list *list)
{
    char *like = NULL;
    if (file->promised && !clade_path_exists(path))
        CLADE_TRY(file->promised->like(file->promised->context, path, &like));
    clade_status status = clade_name_list_open(like ? like : path, list);
    clade_free(like);
    return status;
}

/* The names of what an earlier document will make. */
static clade_status names_of_child(const clade_mergekit *file, const clade_mergekit_child *child, clade_name_list *list)
{
    while (child->tensors.count == 0 && child->like_child)
        child = child->like_child;
    if (child->tensors.count == 0)
        return names_of_path(file, child->like, list);
    list->names = clade_calloc(child->tensors.count, sizeof(const char *));
    if (!list->names)
        return clade_fail_memory(child->tensors.count * sizeof(const char *), "the names of tensors");
    list->count = child->tensors.count;
    for (size_t i = 0; i < list->count; i++)
        list->names[i] = child->tensors.list[i].name;
    return CLADE_OK;
}

/* The model that SOURCE is, or that its adapter is on. */
static const clade_mergekit_model *model_of(const clade_mergekit *file, const clade_recipe *recipe, size_t source)
{
    const clade_mergekit_model *base = recipe->base ? &file->models[file->recipe_base] : NULL;
    if (source == recipe->n_parents || !recipe->parents[source].path)
        return base;
    for (size_t m = 0; m < file->n_models; m++)
        if (file->models[m].parent == (int)source)
            return &file->models[m];
    return base;
}

static clade_status open_source(void *context, size_t source, const clade_name_list **list)
{
    open_names *self = context;
    clade_name_list *own = &self->lists[source];
    *list = own;
    if (own->names)
        return CLADE_OK;
    const clade_mergekit_model *model = model_of(self->file, self->recipe, source);
    if (model->child)
        return names_of_child(self->file, model->child, own);
    if (!clade_mergekit_is_remote(model))
        return names_of_path(self->file, model->path, own);
    clade_text text = {0};
    clade_mergekit_append_missing(model, &text);
    clade_status status =
        clade_fail(CLADE_EINPUT, "%s:%zu: %s", self->file->name, model->node->line, clade_text_get(&text));
    clade_text_free(&text);
    return status;
}

/* ---- the top level ---- */

static void read_method(clade_mergekit *file, const clade_yaml_node *root)
{
    const clade_yaml_node *node = clade_yaml_get(root, "merge_method");
    if (!node || node->kind != CLADE_YAML_SCALAR) {
        clade_mergekit_problem(file, root, "found no merge_method, expected its name");
        return;
    }
    file->method = clade_method_find(node->text);
    if (!file->method) {
        if (clade_method_unknown(node->text) != CLADE_OK)
            clade_mergekit_problem(file, node, "%s", clade_error_message());
        return;
    }
    file->known = clade_mergekit_method_find(node->text);
    if (file->method->statistics)
        clade_mergekit_problem(file, node,
                               "%s expects a file of statistics (%s) for every parent, which YAML has no key for; "
                               "write the recipe as JSON",
                               file->method->name, file->method->statistics);
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

static clade_status fill(clade_mergekit *file, const clade_yaml_node *root, clade_recipe *recipe,
                         clade_output_tensors *tensors)
{
    open_names names = {.file = file, .recipe = recipe};
    const clade_name_source source = {open_source, &names};
    recipe->has_dtype = read_dtype(file, root, "dtype", &recipe->dtype);
    recipe->has_out_dtype = read_dtype(file, root, "out_dtype", &recipe->out_dtype);
    CLADE_TRY(clade_mergekit_tokens(file, root, recipe));
    if (file->problems->count > 0)
        return CLADE_OK;
    clade_status status = clade_mergekit_fill(file, &source, recipe);
    if (status == CLADE_OK)
        status = clade_mergekit_rules(file, &source, recipe, tensors);
    if (status == CLADE_OK && file->problems->count == 0)
        clade_recipe_check(recipe, file->name, file->problems);
    for (size_t i = 0; i <= recipe->n_parents; i++)
        clade_name_list_close(&names.lists[i]);
    return status;
}

/* ---- what a later document sees of this one ---- */

static clade_status describe(const clade_mergekit *file, const clade_recipe *recipe, clade_output_tensors *tensors,
                             clade_mergekit_child *child)
{
    bool based = recipe->base && recipe->method->base != CLADE_BASE_IGNORED;
    const clade_mergekit_model *like = model_of(file, recipe, based ? recipe->n_parents : 0);
    child->tensors = *tensors;
    *tensors = (clade_output_tensors){0};
    child->like_child = like->child;
    child->like = like->child ? NULL : clade_strdup(like->path);
    return child->like || like->child ? CLADE_OK : clade_fail_memory(strlen(like->path), "a path");
}

static clade_status build(clade_mergekit *file, const clade_yaml_node *root, clade_recipe **recipe,
                          clade_mergekit_child *child)
{
    clade_recipe *made = NULL;
    clade_output_tensors tensors = {0};
    CLADE_TRY(clade_recipe_new(file->method, file->n_parents, 1, &made));
    clade_status status = fill(file, root, made, &tensors);
    if (status == CLADE_OK && file->problems->count == 0 && child)
        status = describe(file, made, &tensors, child);
    if (status == CLADE_OK && file->problems->count == 0)
        *recipe = made;
    else
        clade_recipe_free(made);
    clade_output_tensors_free(&tensors);
    return status;
}

clade_status clade_mergekit_document(clade_mergekit *file, const clade_yaml_node *root, clade_recipe **recipe,
                                     clade_mergekit_child *child)
{
    static const char *const known[] = {"merge_method", "models",           "slices",        "modules",
                                        "base_model",   "parameters",       "dtype",         "out_dtype",
                                        "tokenizer",    "tokenizer_source", "chat_template", "name"};
    *recipe = NULL;
    file->parameters = clade_yaml_get(root, "parameters");
    clade_mergekit_only(file, root, "a merge", known, sizeof known / sizeof known[0]);
    read_method(file, root);
    CLADE_TRY(clade_mergekit_read_models(file, root));
    if (file->method)
        clade_mergekit_check_parameters(file);
    if (file->problems->count == 0)
        clade_mergekit_arrange(file, root);
    return file->problems->count == 0 ? build(file, root, recipe, child) : CLADE_OK;
}
