/* From the models of a document to those of a recipe: which is the base, which are parents and in what order, and the
 * blocks of each. What mergekit does with base_model is said in mergekit_models.c. */
#include <string.h>

#include "clade/alloc.h"
#include "merge/mergekit.h"
#include "merge/method/methods.h"

static const clade_mergekit_source *source_of(const clade_mergekit_slice *slice, int model)
{
    for (size_t s = 0; s < slice->n_sources; s++)
        if ((int)slice->sources[s].model == model)
            return &slice->sources[s];
    return NULL;
}

static bool uses_base(const clade_mergekit *file)
{
    return file->method->base != CLADE_BASE_IGNORED;
}

/* mergekit adds base_model to "models"; a method that does not treat it apart then merges it like the others. */
static void append_base(const clade_mergekit *file, clade_mergekit_slice *slice)
{
    bool merged = file->known && !uses_base(file);
    if (merged && !file->stacked && slice->base != CLADE_MERGEKIT_NONE && !source_of(slice, slice->base))
        slice->sources[slice->n_sources++] = (clade_mergekit_source){.model = (size_t)slice->base};
}

/* SLERP's t runs away from the base: it goes first. */
static void arrange_slerp(const clade_mergekit *file, clade_mergekit_slice *slice)
{
    clade_mergekit_source first;
    if (slice->n_sources != 2 || slice->base == CLADE_MERGEKIT_NONE || !source_of(slice, slice->base)) {
        clade_mergekit_problem(file, slice->node, "slerp expects two models, of which base_model is one");
        return;
    }
    if ((int)slice->sources[0].model == slice->base)
        return;
    first = slice->sources[1];
    slice->sources[1] = slice->sources[0];
    slice->sources[0] = first;
}

/* Slices of a method with a base all have the same one, and its blocks. */
static void check_base(clade_mergekit *file, const clade_mergekit_slice *slice, bool first)
{
    const char *method = file->method->name;
    if (slice->base == CLADE_MERGEKIT_NONE && file->method->base == CLADE_BASE_REQUIRED)
        clade_mergekit_problem(file, slice->node, "found no base_model, %s expects one", method);
    if (first)
        file->recipe_base = slice->base;
    else if (file->recipe_base != slice->base)
        clade_mergekit_problem(file, slice->node,
                               "found another base_model than in the first slice, %s expects one for "
                               "all slices; merge them one after the other",
                               method);
    if (file->stacked && slice->base != CLADE_MERGEKIT_NONE && !source_of(slice, slice->base))
        clade_mergekit_problem(file, slice->node,
                               "the sources do not list base_model (%.200s), %s expects it with its layer_range",
                               file->models[slice->base].written, method);
}

static void number_parents(clade_mergekit *file, const clade_mergekit_slice *slice)
{
    for (size_t s = 0; s < slice->n_sources; s++) {
        clade_mergekit_model *model = &file->models[slice->sources[s].model];
        bool is_base = uses_base(file) && (int)slice->sources[s].model == file->recipe_base;
        if (!is_base && model->parent == CLADE_MERGEKIT_NONE)
            model->parent = (int)file->n_parents++;
    }
}

void clade_mergekit_arrange(clade_mergekit *file, const clade_yaml_node *root)
{
    bool first = true;
    file->recipe_base = CLADE_MERGEKIT_NONE;
    for (size_t m = 0; m < file->n_modules; m++)
        for (size_t i = 0; i < file->modules[m].n_slices; i++) {
            clade_mergekit_slice *slice = &file->modules[m].slices[i];
            append_base(file, slice);
            if (file->method == &clade_method_slerp)
                arrange_slerp(file, slice);
            if (uses_base(file))
                check_base(file, slice, first);
            number_parents(file, slice);
            first = false;
        }
    if (!uses_base(file) && file->base != CLADE_MERGEKIT_NONE && file->models[file->base].parent == CLADE_MERGEKIT_NONE)
        file->recipe_base = file->base; /* for its files */
    if (file->n_parents > CLADE_MAX_PARENTS)
        clade_mergekit_problem(file, root, "found %zu models, expected at most %d", file->n_parents, CLADE_MAX_PARENTS);
    if (file->n_parents == 0)
        clade_mergekit_problem(file, root, "found no model besides the base, expected one or more");
}

bool clade_mergekit_index(const clade_mergekit *file, int model, size_t *index)
{
    if (model == CLADE_MERGEKIT_NONE || (model != file->recipe_base && file->models[model].parent < 0))
        return false;
    *index = model == file->recipe_base ? file->n_parents : (size_t)file->models[model].parent;
    return true;
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

/* Names that mean something else in a recipe are taken. */
static bool is_taken(const clade_recipe *recipe, size_t p, const char *name)
{
    bool taken = (recipe->base && strcmp(name, "base") == 0) || strcmp(name, "union") == 0 || strcmp(name, "zero") == 0;
    for (size_t q = 0; q < p && !taken; q++)
        taken = recipe->parents[q].name && strcmp(recipe->parents[q].name, name) == 0;
    return taken;
}

/* The short name, with "-2", "-3", ... where it is taken. */
static char *free_name(const clade_recipe *recipe, size_t p, const char *path)
{
    char *plain = short_name(path);
    clade_text name = {0};
    bool taken = plain != NULL;
    for (int number = 1; taken && !name.failed; number++) {
        clade_text_clear(&name);
        clade_text_append(&name, number > 1 ? "%s-%d" : "%s", plain, number);
        taken = is_taken(recipe, p, clade_text_get(&name));
    }
    char *copy = plain && !name.failed ? clade_strdup(clade_text_get(&name)) : NULL;
    clade_text_free(&name);
    clade_free(plain);
    return copy;
}

/* An adapter on the base needs no model of its own. */
static bool fill_parent(const clade_mergekit *file, const clade_mergekit_model *model, const clade_recipe *recipe,
                        clade_recipe_parent *parent)
{
    const clade_mergekit_model *base = recipe->base ? &file->models[file->recipe_base] : NULL;
    bool on_base = model->adapter && base && !base->adapter && strcmp(base->path, model->path) == 0;
    parent->path = on_base ? NULL : clade_strdup(model->path);
    parent->adapter.path = model->adapter ? clade_strdup(model->adapter) : NULL;
    return (parent->path || on_base) && (parent->adapter.path || !model->adapter);
}

static bool fill_models(const clade_mergekit *file, clade_recipe *recipe)
{
    const clade_mergekit_model *of[CLADE_MAX_PARENTS] = {NULL};
    if (file->recipe_base != CLADE_MERGEKIT_NONE) {
        recipe->base = clade_calloc(1, sizeof *recipe->base);
        if (!recipe->base || !fill_parent(file, &file->models[file->recipe_base], &(clade_recipe){0}, recipe->base))
            return false;
        recipe->base->name = clade_strdup("base");
        if (!recipe->base->name)
            return false;
    }
    for (size_t m = 0; m < file->n_models; m++)
        if (file->models[m].parent >= 0)
            of[file->models[m].parent] = &file->models[m];
    for (size_t p = 0; p < recipe->n_parents; p++) {
        clade_recipe_parent *parent = &recipe->parents[p];
        if (!fill_parent(file, of[p], recipe, parent))
            return false;
        parent->name = free_name(recipe, p, of[p]->adapter ? of[p]->adapter : of[p]->path);
        if (!parent->name)
            return false;
    }
    return true;
}

/* ---- the recipe's stack ---- */

static bool fill_slices(const clade_mergekit *file, clade_recipe *recipe)
{
    const clade_mergekit_module *module = &file->modules[0];
    if (!clade_recipe_stack_init(recipe, &recipe->stacks[0], module->n_slices))
        return false;
    for (size_t i = 0; i < module->n_slices; i++) {
        const clade_mergekit_slice *slice = &module->slices[i];
        recipe->stacks[0].slices[i].n_blocks = slice->n_blocks;
        for (size_t s = 0; s < slice->n_sources; s++) {
            size_t index = 0;
            if (clade_mergekit_index(file, (int)slice->sources[s].model, &index))
                recipe->stacks[0].slices[i].first[index] = slice->sources[s].first;
        }
    }
    return true;
}

clade_status clade_mergekit_fill(const clade_mergekit *file, const clade_name_source *names, clade_recipe *recipe)
{
    const clade_name_list *list;
    size_t files = 0;
    if (!fill_models(file, recipe))
        return clade_fail_memory(strlen(file->name), "the models of a recipe");
    if (clade_mergekit_index(file, file->base, &files) && files > 0 && !recipe->base)
        recipe->files_from = files;
    if (!file->stacked)
        return CLADE_OK;
    recipe->stacks = clade_calloc(1, sizeof *recipe->stacks);
    if (!recipe->stacks)
        return clade_fail_memory(sizeof *recipe->stacks, "the slices of a recipe");
    recipe->n_stacks = 1;
    if (!fill_slices(file, recipe))
        return clade_fail_memory(file->modules[0].n_slices, "the slices of a recipe");
    size_t source = recipe->stacks[0].slices[0].first[recipe->n_parents] >= 0 ? recipe->n_parents : 0;
    while (recipe->stacks[0].slices[0].first[source] < 0 && source < recipe->n_parents)
        source++;
    CLADE_TRY(names->open(names->context, source, &list));
    return clade_name_list_stack(list, file->name, &recipe->stacks[0].blocks);
}
