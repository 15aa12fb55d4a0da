/* Which models a document names and where, and what mergekit makes of them.
 *
 *   linear, karcher    with "models", a base_model that is not among them is one more parent; with "slices" it says
 *                      only whose files the child gets (and so for passthrough)
 *   slerp              two models, of which base_model is one (with "models" it may be left out): t goes away from it
 *   methods with base  base_model is the base; listed among the models, it is not a parent. With "slices" it has to be
 *                      listed, since its blocks are */
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/hub.h"
#include "merge/mergekit.h"

/* ---- references to models ---- */

static bool part_is_plain(const clade_mergekit *file, const clade_yaml_node *node, const char *text)
{
    const char *plus = strchr(text, '+');
    if (strchr(text, '@'))
        clade_mergekit_problem(file, node,
                               "%.200s: revisions (\"model@revision\") are not looked up; download it and give the "
                               "folder (huggingface-cli download NAME --revision REVISION --local-dir DIR)",
                               text);
    else if (text[0] == '\0' || plus == text || (plus && (plus[1] == '\0' || strchr(plus + 1, '+'))))
        clade_mergekit_problem(file, node, "found \"%.200s\", expected MODEL or MODEL+ADAPTER", text);
    else
        return true;
    return false;
}

/* "path" of {path: TEXT, revision: null}, or the text itself. NULL and a problem when it is neither. */
static const char *path_of(const clade_mergekit *file, const clade_yaml_node *node)
{
    static const char *const known[] = {"path", "revision"};
    const clade_yaml_node *path = node, *revision = NULL;
    if (node->kind == CLADE_YAML_MAPPING) {
        clade_mergekit_only(file, node, "a model", known, 2);
        path = clade_yaml_get(node, "path");
        revision = clade_yaml_get(node, "revision");
    }
    if (path && path->kind == CLADE_YAML_SCALAR && path->text[0] != '\0' && clade_yaml_is_null(revision))
        return path->text;
    clade_mergekit_problem(file, node,
                           "found no path, expected the folder or .safetensors file of a model as text (revisions are "
                           "not looked up)");
    return NULL;
}

/* An earlier document by name. */
static const clade_mergekit_child *find_child(const clade_mergekit *file, const char *name, size_t length)
{
    for (size_t i = 0; i < file->n_children; i++)
        if (strlen(file->children[i].name) == length && strncmp(file->children[i].name, name, length) == 0)
            return &file->children[i];
    return NULL;
}

static clade_status fill_reference(const clade_mergekit *file, const char *text, const char *adapter,
                                   clade_mergekit_model *model)
{
    const char *plus = strchr(text, '+');
    size_t length = plus ? (size_t)(plus - text) : strlen(text);
    char *path = clade_strndup(text, length);
    if (!path)
        return clade_fail_memory(length, "the path of a model");
    model->child = find_child(file, text, length);
    model->path = model->child ? clade_strdup(model->child->path) : clade_path_beside(file->name, path);
    adapter = plus ? plus + 1 : adapter;
    model->adapter = adapter ? clade_path_beside(file->name, adapter) : NULL;
    model->written = text;
    clade_free(path);
    return model->path && (model->adapter || !adapter) ? CLADE_OK : clade_fail_memory(length, "the path of a model");
}

/* "model", "model+adapter", or {model: ..., lora: ...}. The path is empty, after a problem, when it is none. */
static clade_status read_reference(const clade_mergekit *file, const clade_yaml_node *node, clade_mergekit_model *model)
{
    static const char *const known[] = {"model", "lora", "override_architecture"};
    const clade_yaml_node *path = node, *lora = NULL;
    *model = (clade_mergekit_model){.node = node, .parent = CLADE_MERGEKIT_NONE};
    if (node->kind == CLADE_YAML_MAPPING) {
        if (!clade_mergekit_only(file, node, "a model", known, 3))
            return CLADE_OK;
        path = clade_yaml_get(node, "model");
        lora = clade_yaml_get(node, "lora");
        if (!clade_yaml_is_null(clade_yaml_get(node, "override_architecture")))
            clade_mergekit_problem(file, node, "override_architecture: the tensors' own names are used; remove it");
    }
    const char *text = path_of(file, path ? path : node), *adapter = NULL;
    if (text && !part_is_plain(file, node, text))
        text = NULL;
    if (!clade_yaml_is_null(lora))
        adapter = path_of(file, lora);
    if (!text || (!clade_yaml_is_null(lora) && !adapter))
        return CLADE_OK;
    if (adapter && (strchr(text, '+') || strchr(adapter, '@'))) {
        clade_mergekit_problem(file, lora, "found \"%.200s\", expected the folder of one adapter", adapter);
        return CLADE_OK;
    }
    return fill_reference(file, text, adapter, model);
}

static bool same_text(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

/* The model as it was written, without an adapter. */
static void name_of(const clade_mergekit_model *model, char name[CLADE_MERGEKIT_NAME])
{
    snprintf(name, CLADE_MERGEKIT_NAME, "%.*s", (int)strcspn(model->written, "+"), model->written);
}

bool clade_mergekit_is_remote(const clade_mergekit_model *model)
{
    char name[CLADE_MERGEKIT_NAME];
    name_of(model, name);
    return !model->child && clade_hub_is_name(name) && !clade_path_exists(model->path);
}

void clade_mergekit_append_missing(const clade_mergekit_model *model, clade_text *text)
{
    char name[CLADE_MERGEKIT_NAME];
    name_of(model, name);
    clade_hub_append_missing(model->path, name, text);
}

clade_status clade_mergekit_model_of(clade_mergekit *file, const clade_yaml_node *node, int *model)
{
    clade_mergekit_model one;
    *model = CLADE_MERGEKIT_NONE;
    clade_status status = read_reference(file, node, &one);
    size_t m = 0;
    while (m < file->n_models && one.path &&
           (strcmp(file->models[m].path, one.path) != 0 || !same_text(file->models[m].adapter, one.adapter)))
        m++;
    bool kept = status == CLADE_OK && one.path && m == file->n_models && m < CLADE_MAX_PARENTS + 1;
    if (status == CLADE_OK && one.path && m == CLADE_MAX_PARENTS + 1)
        clade_mergekit_problem(file, node, "found more than %d models", CLADE_MAX_PARENTS + 1);
    else if (status == CLADE_OK && one.path)
        *model = (int)m;
    if (kept && file->on_disk && clade_mergekit_is_remote(&one)) {
        clade_text text = {0};
        clade_mergekit_append_missing(&one, &text);
        clade_mergekit_problem(file, node, "%s", clade_text_get(&text));
        clade_text_free(&text);
    }
    if (kept) {
        file->models[file->n_models++] = one;
    } else {
        clade_free(one.path);
        clade_free(one.adapter);
    }
    return status;
}

static clade_status read_base(clade_mergekit *file, const clade_yaml_node *parent, int *base)
{
    const clade_yaml_node *node = clade_yaml_get(parent, "base_model");
    *base = CLADE_MERGEKIT_NONE;
    return clade_yaml_is_null(node) ? CLADE_OK : clade_mergekit_model_of(file, node, base);
}

/* ---- slices ---- */

/* [first, behind the last] */
static bool read_range(const clade_mergekit *file, const clade_yaml_node *source, clade_mergekit_slice *slice,
                       int *first)
{
    const clade_yaml_node *node = clade_yaml_get(source, "layer_range");
    double begin = -1, end = -1;
    bool pair = node && node->kind == CLADE_YAML_SEQUENCE && node->count == 2 &&
                clade_yaml_number(node->entries[0].value, &begin) && clade_yaml_number(node->entries[1].value, &end);
    if (!pair || !(begin >= 0 && begin < end && end <= CLADE_MAX_BLOCK + 1) || begin != (int)begin || end != (int)end) {
        clade_mergekit_problem(file, node ? node : source,
                               "layer_range: expected [FIRST, BEHIND_THE_LAST], two whole numbers");
        return false;
    }
    size_t n_blocks = (size_t)(end - begin);
    if (slice->n_blocks > 0 && slice->n_blocks != n_blocks) {
        clade_mergekit_problem(file, node, "layer_range: found %zu layers, expected %zu as of the slice's first source",
                               n_blocks, slice->n_blocks);
        return false;
    }
    slice->n_blocks = n_blocks;
    *first = (int)begin;
    return true;
}

/* One model of a slice, or of "models" (no layer_range). */
static clade_status read_source(clade_mergekit *file, const clade_yaml_node *node, bool ranged,
                                clade_mergekit_slice *slice)
{
    static const char *const known[] = {"model", "parameters", "layer_range"};
    const clade_yaml_node *reference = clade_yaml_get(node, "model");
    int model, first = 0;
    if (node->kind != CLADE_YAML_MAPPING || !reference) {
        clade_mergekit_problem(file, node, "expected \"model: PATH\" with %s\"parameters\" where needed",
                               ranged ? "\"layer_range\" and " : "");
        return CLADE_OK;
    }
    clade_mergekit_only(file, node, "a model", known, ranged ? 3 : 2);
    CLADE_TRY(clade_mergekit_model_of(file, reference, &model));
    bool placed = !ranged || read_range(file, node, slice, &first);
    if (model == CLADE_MERGEKIT_NONE || !placed)
        return CLADE_OK;
    for (size_t s = 0; s < slice->n_sources; s++)
        if (slice->sources[s].model == (size_t)model) {
            clade_mergekit_problem(file, reference, "%.200s is listed twice; mergekit would use it once",
                                   file->models[model].written);
            return CLADE_OK;
        }
    slice->sources[slice->n_sources++] = (clade_mergekit_source){
        .model = (size_t)model, .first = first, .parameters = clade_yaml_get(node, "parameters"), .node = node};
    return CLADE_OK;
}

/* LIST of models into SLICE, with room for one more. */
static clade_status read_sources(clade_mergekit *file, const char *what, const clade_yaml_node *list,
                                 const clade_yaml_node *parent, bool ranged, clade_mergekit_slice *slice)
{
    slice->node = list ? list : parent;
    slice->base = file->base;
    if (!list || list->kind != CLADE_YAML_SEQUENCE || list->count == 0 || list->count > CLADE_MAX_PARENTS + 1) {
        clade_mergekit_problem(file, slice->node, "%s: expected a list of 1 to %d models", what, CLADE_MAX_PARENTS);
        return CLADE_OK;
    }
    slice->sources = clade_calloc(list->count + 1, sizeof *slice->sources);
    if (!slice->sources)
        return clade_fail_memory(list->count * sizeof *slice->sources, "the models of a slice");
    for (size_t i = 0; i < list->count; i++)
        CLADE_TRY(read_source(file, list->entries[i].value, ranged, slice));
    return CLADE_OK;
}

static clade_status read_slice(clade_mergekit *file, const clade_yaml_node *node, clade_mergekit_slice *slice)
{
    static const char *const known[] = {"sources", "base_model", "parameters", "residual_weight"};
    if (!clade_mergekit_only(file, node, "a slice", known, 4))
        return CLADE_OK;
    if (!clade_yaml_is_null(clade_yaml_get(node, "residual_weight")))
        clade_mergekit_problem(file, node, "residual_weight has no effect in mergekit; remove it");
    slice->parameters = clade_yaml_get(node, "parameters");
    CLADE_TRY(read_sources(file, "sources", clade_yaml_get(node, "sources"), node, true, slice));
    int base;
    CLADE_TRY(read_base(file, node, &base));
    if (base != CLADE_MERGEKIT_NONE)
        slice->base = base;
    return CLADE_OK;
}

/* ---- modules ---- */

/* "models" or "slices" of NODE (the document or a module) into MODULE. */
static clade_status read_module(clade_mergekit *file, const clade_yaml_node *node, clade_mergekit_module *module)
{
    const clade_yaml_node *models = clade_yaml_get(node, "models"), *slices = clade_yaml_get(node, "slices");
    bool ranged = !clade_yaml_is_null(slices);
    if (ranged && !clade_yaml_is_null(models)) {
        clade_mergekit_problem(file, node, "found both \"models\" and \"slices\", expected one of them");
        return CLADE_OK;
    }
    if (ranged && (slices->kind != CLADE_YAML_SEQUENCE || slices->count == 0)) {
        clade_mergekit_problem(file, slices, "slices: expected a list of one or more {sources: [...]}");
        return CLADE_OK;
    }
    size_t count = ranged ? slices->count : 1;
    module->slices = clade_calloc(count, sizeof *module->slices);
    if (!module->slices)
        return clade_fail_memory(count * sizeof *module->slices, "the slices of a recipe");
    module->n_slices = count;
    file->stacked = file->stacked || ranged;
    if (!ranged)
        return read_sources(file, "models", models, node, false, &module->slices[0]);
    size_t blocks = 0;
    for (size_t i = 0; i < count && file->problems->count <= CLADE_MOST_PROBLEMS; i++) {
        CLADE_TRY(read_slice(file, slices->entries[i].value, &module->slices[i]));
        blocks += module->slices[i].n_blocks;
    }
    if (blocks > CLADE_MAX_BLOCKS)
        clade_mergekit_problem(file, slices, "slices: found %zu layers, expected at most %d", blocks, CLADE_MAX_BLOCKS);
    return CLADE_OK;
}

static clade_status read_modules(clade_mergekit *file, const clade_yaml_node *node)
{
    static const char *const known[] = {"models", "slices", "parameters"};
    enum { MOST_MODULES = 64 };
    if (node->kind != CLADE_YAML_MAPPING || node->count == 0 || node->count > MOST_MODULES) {
        clade_mergekit_problem(file, node, "modules: expected 1 to %d of NAME: {models: ...} or NAME: {slices: ...}",
                               MOST_MODULES);
        return CLADE_OK;
    }
    file->modules = clade_calloc(node->count, sizeof *file->modules);
    if (!file->modules)
        return clade_fail_memory(node->count * sizeof *file->modules, "the modules of a recipe");
    file->n_modules = node->count;
    for (size_t i = 0; i < node->count; i++) {
        const clade_yaml_node *module = node->entries[i].value;
        file->modules[i].name = node->entries[i].key->text;
        file->modules[i].parameters = clade_yaml_get(module, "parameters");
        if (clade_mergekit_only(file, module, "a module", known, 3))
            CLADE_TRY(read_module(file, module, &file->modules[i]));
    }
    if (file->stacked && file->n_modules > 1)
        clade_mergekit_problem(file, node,
                               "slices in one of several modules are not supported; stack the blocks in a "
                               "merge of its own, before or after");
    return CLADE_OK;
}

clade_status clade_mergekit_read_models(clade_mergekit *file, const clade_yaml_node *root)
{
    static const char *const ways[] = {"models", "slices", "modules"};
    const clade_yaml_node *modules = clade_yaml_get(root, "modules");
    size_t found = 0;
    CLADE_TRY(read_base(file, root, &file->base));
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        found += !clade_yaml_is_null(clade_yaml_get(root, ways[i]));
    if (found > 1) {
        clade_mergekit_problem(file, root, "found %zu of \"models\", \"slices\" and \"modules\", expected one", found);
        return CLADE_OK;
    }
    if (!clade_yaml_is_null(modules))
        return read_modules(file, modules);
    file->modules = clade_calloc(1, sizeof *file->modules);
    if (!file->modules)
        return clade_fail_memory(sizeof *file->modules, "the modules of a recipe");
    file->n_modules = 1;
    file->modules[0].name = "default";
    return read_module(file, root, &file->modules[0]);
}

void clade_mergekit_fini(clade_mergekit *file)
{
    for (size_t m = 0; m < file->n_models; m++) {
        clade_free(file->models[m].path);
        clade_free(file->models[m].adapter);
    }
    for (size_t m = 0; m < file->n_modules; m++) {
        for (size_t i = 0; i < file->modules[m].n_slices; i++)
            clade_free(file->modules[m].slices[i].sources);
        clade_free(file->modules[m].slices);
    }
    clade_free(file->modules);
}
