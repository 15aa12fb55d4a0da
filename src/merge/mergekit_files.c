/* Files of one document or several (mergekit-multi): each document is a merge, all but the last have a name, and a
 * later one uses an earlier one's child as a model by that name. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "merge/mergekit.h"

typedef struct reader {
    const char *name, *work; /* of the file; where children that are not the last will lie */
    bool on_disk;
    const clade_promised_models *promised;
    clade_problems problems;
    clade_mergekit_child *children; /* (room), owned; n_children of them are read */
    size_t n_children, room;
    clade_recipe_list *list;
} reader;

static void problem(reader *self, const clade_yaml_node *node, const char *message, const char *name)
{
    clade_problem(&self->problems, "%s:%zu: name: found \"%.60s\", expected %s", self->name, node->line, name, message);
}

/* The name of a document, which will be a folder of the work folder; NULL when it has none, or after a problem. */
static const char *name_of(reader *self, const clade_yaml_node *root, bool last)
{
    const clade_yaml_node *node = clade_yaml_get(root, "name");
    if (clade_yaml_is_null(node)) {
        if (!last)
            clade_problem(&self->problems, "%s:%zu: found no name, expected one for each document but the last",
                          self->name, root->line);
        return NULL;
    }
    const char *name = node->kind == CLADE_YAML_SCALAR ? node->text : "";
    if (name[0] == '\0' || name[0] == '.' || strpbrk(name, "/\\:+@")) {
        problem(self, node, "a name that a folder can have", name);
        return NULL;
    }
    for (size_t i = 0; i < self->n_children; i++)
        if (strcmp(self->children[i].name, name) == 0) {
            problem(self, node, "a name that no earlier document has", name);
            return NULL;
        }
    return name;
}

static clade_status add_document(reader *self, const char *name, clade_recipe *recipe, const char *path)
{
    clade_recipe_document *document = &self->list->documents[self->list->count++];
    *document = (clade_recipe_document){.recipe = recipe};
    document->name = name ? clade_strdup(name) : NULL;
    document->out = path ? clade_strdup(path) : NULL;
    bool whole = (document->name || !name) && (document->out || !path);
    return whole ? CLADE_OK : clade_fail_memory(sizeof *document, "a list of recipes");
}

static clade_status read_document(reader *self, const clade_yaml_node *root, bool last)
{
    clade_mergekit file = {.name = self->name,
                           .problems = &self->problems,
                           .on_disk = self->on_disk,
                           .promised = self->promised,
                           .children = self->children,
                           .n_children = self->n_children,
                           .base = CLADE_MERGEKIT_NONE};
    clade_mergekit_child *child = last ? NULL : &self->children[self->n_children];
    clade_recipe *recipe = NULL;
    const char *name = name_of(self, root, last);
    if (child) {
        child->name = name ? name : "";
        child->path = clade_path_join(self->work, child->name);
        if (!child->path)
            return clade_fail_memory(strlen(self->work), "a path");
    }
    clade_status status = clade_mergekit_document(&file, root, &recipe, child);
    clade_mergekit_fini(&file);
    if (child)
        self->n_children++;
    return status == CLADE_OK && recipe ? add_document(self, name, recipe, child ? child->path : NULL) : status;
}

static clade_status read_all(reader *self, const clade_yaml *file)
{
    size_t count = clade_yaml_documents(file);
    self->children = clade_calloc(count, sizeof *self->children);
    self->room = self->children ? count : 0;
    self->list->documents = clade_calloc(count, sizeof *self->list->documents);
    if (!self->children || !self->list->documents)
        return clade_fail_memory(count * sizeof *self->children, "a list of recipes");
    for (size_t i = 0; i < count && self->problems.count == 0; i++)
        CLADE_TRY(read_document(self, clade_yaml_root(file, i), i + 1 == count));
    return CLADE_OK;
}

static void free_children(reader *self)
{
    for (size_t i = 0; i < self->room; i++) {
        clade_free(self->children[i].path);
        clade_free(self->children[i].like);
        clade_output_tensors_free(&self->children[i].tensors);
    }
    clade_free(self->children);
}

void clade_recipe_list_free(clade_recipe_list *list)
{
    for (size_t i = 0; list->documents && i < list->count; i++) {
        clade_free(list->documents[i].name);
        clade_free(list->documents[i].out);
        clade_recipe_free(list->documents[i].recipe);
    }
    clade_free(list->documents);
    *list = (clade_recipe_list){0};
}

static clade_status read_text(reader *self, const char *text, size_t length)
{
    clade_yaml *file;
    CLADE_TRY(clade_yaml_parse(text, length, self->name, &file));
    clade_status status = read_all(self, file);
    free_children(self);
    clade_yaml_free(file);
    if (status == CLADE_OK)
        status = clade_problems_end(&self->problems, CLADE_ECONFIG);
    else
        clade_text_free(&self->problems.text);
    if (status != CLADE_OK)
        clade_recipe_list_free(self->list);
    return status;
}

clade_status clade_recipes_from_mergekit_text(const char *text, size_t length, const char *name, const char *work,
                                              clade_recipe_list *list)
{
    reader self = {.name = name, .work = work, .list = list};
    *list = (clade_recipe_list){0};
    return read_text(&self, text, length);
}

static clade_status read_file(const char *path, const char *work, const clade_promised_models *promised,
                              clade_recipe_list *list)
{
    reader self = {.name = path, .work = work, .list = list, .on_disk = true, .promised = promised};
    char *text;
    size_t length;
    *list = (clade_recipe_list){0};
    CLADE_TRY(clade_read_file(path, CLADE_YAML_MAX_BYTES, &text, &length));
    clade_status status = read_text(&self, text, length);
    clade_free(text);
    return status;
}

clade_status clade_recipes_from_mergekit(const char *path, const char *work, const clade_promised_models *promised,
                                         clade_recipe_list *list)
{
    return read_file(path, work, promised, list);
}

/* ---- one document ---- */

static clade_status take_only(clade_recipe_list *list, const char *name, clade_recipe **recipe)
{
    clade_status status = CLADE_OK;
    if (list->count == 1) {
        *recipe = list->documents[0].recipe;
        list->documents[0].recipe = NULL;
    } else {
        status = clade_fail(CLADE_ECONFIG, "%s: found %zu documents, expected one; \"clade merge\" makes all of them",
                            name, list->count);
    }
    clade_recipe_list_free(list);
    return status;
}

clade_status clade_recipe_from_mergekit_text(const char *text, size_t length, const char *name, clade_recipe **recipe)
{
    clade_recipe_list list;
    *recipe = NULL;
    CLADE_TRY(clade_recipes_from_mergekit_text(text, length, name, "", &list));
    return take_only(&list, name, recipe);
}

clade_status clade_recipe_from_mergekit(const char *path, clade_recipe **recipe)
{
    clade_recipe_list list;
    *recipe = NULL;
    CLADE_TRY(read_file(path, "", NULL, &list));
    return take_only(&list, path, recipe);
}
