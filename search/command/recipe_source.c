#include "search/command/recipe_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/hash.h"
#include "search/engine.h"
#include "search/run_folder.h"

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static clade_status child_number(const char *source, const char *folder, const char *word, uint64_t *child)
{
    if (strcmp(word, "best") == 0)
        return clade_run_best(folder, child);
    char *end = NULL;
    *child = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0')
        return clade_fail(CLADE_EUSAGE, "%s: found child \"%s\", expected a number or \"best\"", source, word);
    return CLADE_OK;
}

static clade_status recipe_of_child(const char *folder, uint64_t child, clade_recipe **recipe)
{
    clade_experiment *experiment = NULL;
    clade_ledger *ledger = NULL;
    clade_child_row row = {0};
    bool found = false;
    clade_status status = clade_run_ledger(folder, &ledger);
    if (status == CLADE_OK)
        status = clade_ledger_get_child(ledger, child, &row, &found);
    if (status == CLADE_OK && !found)
        status = clade_fail(CLADE_EUSAGE, "%s: no child %llu in this run", folder, (unsigned long long)child);
    if (status == CLADE_OK)
        status = clade_ledger_experiment(ledger, folder, &experiment);
    if (status == CLADE_OK)
        status = clade_run_recipe(ledger, experiment, &row, recipe);
    if (status == CLADE_OK)
        status = clade_recipe_check_places(*recipe, folder);
    clade_ledger_close(ledger);
    clade_child_row_fini(&row);
    clade_experiment_free(experiment);
    return status;
}

/* PATH as "FOLDER:WORD" of a run: the folder (owned by the caller) and the word; a NULL folder when it is something else. */
static clade_status split_run_child(const char *path, char **folder, const char **word)
{
    const char *colon = strrchr(path, ':');
    *folder = NULL;
    if (!colon || colon == path || clade_path_exists(path))
        return CLADE_OK;
    *word = colon + 1;
    *folder = clade_strndup(path, (size_t)(colon - path));
    return *folder ? CLADE_OK : clade_fail_memory(strlen(path), "a path");
}

/* The recipe of SOURCE, "FOLDER:WORD"; NULL when it is something else. */
static clade_status open_run_child(const char *source, clade_recipe **recipe)
{
    char *folder;
    const char *word = "";
    uint64_t child = 0;
    *recipe = NULL;
    CLADE_TRY(split_run_child(source, &folder, &word));
    if (!folder)
        return CLADE_OK;
    clade_status status = child_number(source, folder, word, &child);
    if (status == CLADE_OK)
        status = recipe_of_child(folder, child, recipe);
    clade_free(folder);
    return status;
}

static bool is_yaml(const char *source)
{
    return ends_with(source, ".yml") || ends_with(source, ".yaml");
}

clade_status clade_recipe_open(const char *source, clade_recipe **recipe)
{
    CLADE_TRY(open_run_child(source, recipe));
    if (*recipe)
        return CLADE_OK;
    if (is_yaml(source))
        return clade_recipe_from_mergekit(source, recipe);
    if (ends_with(source, ".json") || !clade_path_is_folder(source))
        return clade_recipe_read(source, recipe);
    return clade_fail(CLADE_EUSAGE,
                      "%s: is a folder; expected a recipe (.json), a mergekit YAML (.yml) or RUN_FOLDER:CHILD", source);
}

/* ---- models that are children of runs ---- */

/* PATH, which does not exist, has the form FOLDER:WORD, and there is such a folder. */
static clade_status find_run_child(const char *path, bool *found)
{
    char *folder;
    const char *word;
    *found = false;
    CLADE_TRY(split_run_child(path, &folder, &word));
    *found = folder && clade_path_is_folder(folder);
    clade_free(folder);
    return CLADE_OK;
}

/* For the reader of YAML, which has to know the names of tensors: a child has those of its base or first parent. */
static clade_status like_run_child(void *context, const char *path, char **model)
{
    char *next = NULL;
    bool found = false;
    (void)context;
    *model = NULL;
    clade_status status = find_run_child(path, &found);
    for (int depth = 0; status == CLADE_OK && found && depth <= CLADE_MOST_RUN_DEPTH; depth++) {
        clade_recipe *recipe = NULL;
        status = open_run_child(next ? next : path, &recipe);
        clade_free(next);
        next = NULL;
        if (status == CLADE_OK)
            next = clade_strdup(recipe->base ? recipe->base->path : recipe->parents[0].path);
        if (status == CLADE_OK)
            status = next ? find_run_child(next, &found) : clade_fail_memory(sizeof *recipe, "a path");
        clade_recipe_free(recipe);
    }
    if (status == CLADE_OK)
        *model = next;
    else
        clade_free(next);
    return status;
}

/* ---- steps ---- */

typedef struct stepper {
    const char *out, *work;
    clade_merge_steps *steps;
} stepper;

static void free_step(clade_merge_step *step)
{
    clade_free(step->shown);
    clade_free(step->out);
    clade_recipe_free(step->recipe);
}

/* Takes what STEP owns, also on failure. */
static clade_status add_step(stepper *self, clade_merge_step step)
{
    clade_merge_steps *steps = self->steps;
    if (steps->count == steps->room) {
        size_t room = steps->room ? 2 * steps->room : 4;
        clade_merge_step *moved = clade_realloc(steps->items, room * sizeof *moved);
        if (moved) {
            steps->items = moved;
            steps->room = room;
        }
    }
    if (steps->count < steps->room && steps->count < CLADE_MOST_STEPS) {
        steps->items[steps->count++] = step;
        return CLADE_OK;
    }
    free_step(&step);
    return steps->count < CLADE_MOST_STEPS
               ? clade_fail_memory(sizeof step, "the steps of a merge")
               : clade_fail(CLADE_ECONFIG, "found more than %d merges to make", CLADE_MOST_STEPS);
}

static clade_status expand(stepper *self, clade_recipe *recipe, int depth);

/* A place in WORK for the child of a run: the same whenever the same child is asked for by the same path. */
static char *place_of(const stepper *self, const char *path)
{
    char name[64];
    snprintf(name, sizeof name, "child-%016llx", (unsigned long long)clade_xxh64(path, strlen(path), 0));
    return clade_path_join(self->work, name);
}

/* The step that makes PATH, a child of a run, at PLACE, and before it those that it needs. */
static clade_status add_run_child(stepper *self, const char *path, const char *place, int depth)
{
    clade_merge_step step = {.shown = clade_strdup(path), .out = clade_strdup(place)};
    clade_status status = step.shown && step.out ? CLADE_OK : clade_fail_memory(strlen(path), "a path");
    if (status == CLADE_OK && depth == CLADE_MOST_RUN_DEPTH)
        status = clade_fail(CLADE_ECONFIG, "%s: found children of runs made of children of runs more than %d deep",
                            path, CLADE_MOST_RUN_DEPTH);
    if (status == CLADE_OK)
        status = open_run_child(path, &step.recipe);
    if (status == CLADE_OK)
        status = expand(self, step.recipe, depth + 1);
    if (status == CLADE_OK)
        return add_step(self, step);
    free_step(&step);
    return status;
}

/* *PATH, where it is a child of a run, becomes the place of a step that makes it. */
static clade_status expand_model(stepper *self, char **path, int depth)
{
    bool found = false;
    if (*path)
        CLADE_TRY(find_run_child(*path, &found));
    if (!found)
        return CLADE_OK;
    char *place = place_of(self, *path);
    clade_status status = place ? CLADE_OK : clade_fail_memory(strlen(*path), "a path");
    if (status == CLADE_OK && !clade_merge_steps_find(self->steps, self->steps->count, place))
        status = add_run_child(self, *path, place, depth);
    if (status != CLADE_OK) {
        clade_free(place);
        return status;
    }
    clade_free(*path);
    *path = place;
    return CLADE_OK;
}

static clade_status expand(stepper *self, clade_recipe *recipe, int depth)
{
    if (recipe->base)
        CLADE_TRY(expand_model(self, &recipe->base->path, depth));
    for (size_t p = 0; p < recipe->n_parents; p++)
        CLADE_TRY(expand_model(self, &recipe->parents[p].path, depth));
    return CLADE_OK;
}

/* What a named document is called by, and where it is made. The last one without a name is the result, in its place. */
static clade_status fill_document(const stepper *self, clade_recipe_document *document, bool last,
                                  clade_merge_step *step)
{
    bool many = self->steps->many;
    step->recipe = document->recipe;
    step->is_result = many || last;
    step->is_name = !step->is_result;
    document->recipe = NULL;
    if (last && !many)
        return CLADE_OK;
    step->out = clade_path_join(self->work, document->name);
    step->shown = many ? clade_path_join(self->out, document->name) : clade_strdup(document->name);
    return step->out && step->shown ? CLADE_OK : clade_fail_memory(strlen(self->work), "a path");
}

static clade_status add_documents(stepper *self, clade_recipe_list *list)
{
    self->steps->many = list->count > 1 && list->documents[list->count - 1].name;
    for (size_t i = 0; i < list->count; i++) {
        clade_merge_step step = {0};
        clade_status status = fill_document(self, &list->documents[i], i + 1 == list->count, &step);
        if (status == CLADE_OK)
            status = expand(self, step.recipe, 0);
        if (status != CLADE_OK) {
            free_step(&step);
            return status;
        }
        CLADE_TRY(add_step(self, step));
    }
    return CLADE_OK;
}

clade_status clade_merge_steps_open(const char *source, const char *out, const char *work, clade_merge_steps *steps)
{
    const clade_promised_models promised = {.like = like_run_child};
    stepper self = {.out = out, .work = work, .steps = steps};
    clade_recipe_list list = {0};
    *steps = (clade_merge_steps){0};
    if (is_yaml(source)) {
        CLADE_TRY(clade_recipes_from_mergekit(source, work, &promised, &list));
    } else {
        list.documents = clade_calloc(1, sizeof *list.documents);
        if (!list.documents)
            return clade_fail_memory(sizeof *list.documents, "a list of recipes");
        list.count = 1;
    }
    clade_status status = list.documents[0].recipe ? CLADE_OK : clade_recipe_open(source, &list.documents[0].recipe);
    if (status == CLADE_OK)
        status = add_documents(&self, &list);
    clade_recipe_list_free(&list);
    if (status != CLADE_OK)
        clade_merge_steps_free(steps);
    return status;
}

void clade_merge_steps_free(clade_merge_steps *steps)
{
    for (size_t i = 0; i < steps->count; i++)
        free_step(&steps->items[i]);
    clade_free(steps->items);
    *steps = (clade_merge_steps){0};
}

const clade_merge_step *clade_merge_steps_find(const clade_merge_steps *steps, size_t before, const char *path)
{
    for (size_t i = 0; path && i < before; i++)
        if (steps->items[i].out && strcmp(steps->items[i].out, path) == 0)
            return &steps->items[i];
    return NULL;
}
