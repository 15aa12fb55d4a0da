/* The models of a card and what they are called.
 *
 * Where a model lies says its name for certain only in the hub's cache. config.json may have "_name_or_path", but with a
 * fine-tune it is often the name of what was tuned: it is believed when no other model of the recipe says the same. */
#include <string.h>

#include "clade/adapter.h"
#include "clade/alloc.h"
#include "clade/files.h"
#include "search/export/card_parts.h"

enum { MOST_NAME = 256 };

bool clade_card_model_is_made(const clade_card_model *model)
{
    return strcmp(model->path, model->shown) != 0;
}

const clade_card_model *clade_card_model_at(const clade_card_models *models, const char *path)
{
    for (size_t m = 0; path && m < models->count; m++)
        if (strcmp(models->items[m].path, path) == 0)
            return &models->items[m];
    return NULL;
}

/* ---- names ---- */

/* The last part of a path, of *COUNT bytes. */
static const char *last_part(const char *path, size_t *count)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    *count = end - begin;
    return path + begin;
}

/* ".../models--OWNER--NAME/snapshots/..." is where the hub's own tools keep what they download. */
static bool name_in_cache(const char *path, char name[MOST_NAME])
{
    const char *owner = strstr(path, "models--"), *end = owner ? strstr(owner, "/snapshots/") : NULL;
    const char *split = owner ? strstr(owner + 8, "--") : NULL;
    if (!end || !split || split > end || end - owner >= MOST_NAME)
        return false;
    size_t first = (size_t)(split - owner) - 8, second = (size_t)(end - split) - 2;
    memcpy(name, owner + 8, first);
    name[first] = '/';
    memcpy(name + first + 1, split + 2, second);
    name[first + 1 + second] = '\0';
    return clade_hub_is_name(name);
}

/* "_name_or_path" of its config.json; "" when there is none that could be on the hub. */
static clade_status read_config(clade_card_model *model, char name[MOST_NAME])
{
    char *path = clade_path_join(model->path, "config.json");
    clade_json *config = NULL;
    name[0] = '\0';
    if (!path)
        return clade_fail_memory(strlen(model->path), "a path");
    clade_status status = clade_path_exists(path) ? clade_json_read(path, CLADE_EINPUT, &config) : CLADE_OK;
    if (config) {
        const clade_json_at root = clade_json_root(config), at = clade_json_member(&root, "_name_or_path"),
                            type = clade_json_member(&root, "model_type");
        clade_problems problems = {0};
        const char *value = "";
        model->has_config = clade_json_kind_of(&type) == CLADE_JSON_STRING;
        if (clade_json_kind_of(&at) == CLADE_JSON_STRING && clade_json_string(&at, &problems, &value) &&
            strlen(value) < MOST_NAME && clade_hub_is_name(value))
            memcpy(name, value, strlen(value) + 1);
        clade_text_free(&problems.text);
    }
    clade_json_free(config);
    clade_free(path);
    return status == CLADE_EIO ? status : CLADE_OK; /* a card needs no config.json, and no good one */
}

static bool is_taken(const clade_card_models *models, const char *name)
{
    for (size_t m = 0; m < models->count; m++)
        if (models->items[m].name && strcmp(models->items[m].name, name) == 0)
            return true;
    return false;
}

/* The last part of its path, with a number where another model has the same. */
static char *local_name(const clade_card_models *models, const clade_card_model *model)
{
    size_t count;
    const char *part = last_part(model->shown, &count);
    clade_text name = {0};
    for (int n = 1; n <= CLADE_CARD_MODELS + 1; n++) {
        clade_text_clear(&name);
        clade_text_append_bytes(&name, part, count);
        if (n > 1)
            clade_text_append(&name, "-%d", n);
        if (name.failed || !is_taken(models, clade_text_get(&name)))
            break;
    }
    if (name.failed)
        clade_text_free(&name);
    return name.data;
}

static clade_status name_models(clade_card_models *models, char configured[][MOST_NAME])
{
    for (size_t m = 0; m < models->count; m++) {
        clade_card_model *model = &models->items[m];
        const char *said = clade_front_matter_get(model->matter, "model_name", 0);
        char cached[MOST_NAME];
        bool alone = configured[m][0] != '\0';
        for (size_t k = 0; k < models->count; k++)
            alone = alone && (k == m || strcmp(configured[k], configured[m]) != 0);
        const char *name = name_in_cache(model->path, cached) ? cached
                           : alone                            ? configured[m]
                           : said && clade_hub_is_name(said)  ? said
                                                              : NULL;
        bool known = name && !clade_card_model_is_made(model) && !is_taken(models, name);
        model->name = known ? clade_strdup(name) : local_name(models, model);
        if (!model->name)
            return clade_fail_memory(strlen(model->path), "the name of a model");
    }
    return CLADE_OK;
}

/* ---- the list ---- */

static void add(clade_card_models *models, const char *path, const char *shown, bool is_adapter)
{
    if (path && !clade_card_model_at(models, path))
        models->items[models->count++] = (clade_card_model){.path = path, .shown = shown, .is_adapter = is_adapter};
}

static clade_status read_models(clade_card_models *models, char configured[][MOST_NAME])
{
    for (size_t m = 0; m < models->count; m++) {
        clade_card_model *model = &models->items[m];
        configured[m][0] = '\0';
        if (!clade_path_is_folder(model->path))
            continue;
        if (!model->is_adapter)
            CLADE_TRY(clade_adapter_is(model->path, &model->is_adapter));
        CLADE_TRY(clade_front_matter_read(model->path, &model->matter));
        CLADE_TRY(read_config(model, configured[m]));
    }
    return name_models(models, configured);
}

clade_status clade_card_models_read(const clade_recipe *recipe, const clade_recipe *shown, clade_card_models *models)
{
    char(*configured)[MOST_NAME] = clade_calloc(CLADE_CARD_MODELS, sizeof *configured);
    *models = (clade_card_models){0};
    if (!configured)
        return clade_fail_memory(CLADE_CARD_MODELS * sizeof *configured, "the names of models");
    if (recipe->base)
        add(models, recipe->base->path, shown->base->path, false);
    for (size_t p = 0; p < recipe->n_parents; p++) {
        add(models, recipe->parents[p].path, shown->parents[p].path, false);
        add(models, recipe->parents[p].adapter.path, shown->parents[p].adapter.path, true);
    }
    clade_status status = read_models(models, configured);
    clade_free(configured);
    if (status != CLADE_OK)
        clade_card_models_free(models);
    return status;
}

void clade_card_models_free(clade_card_models *models)
{
    for (size_t m = 0; m < models->count; m++) {
        clade_free(models->items[m].name);
        clade_front_matter_free(models->items[m].matter);
    }
    models->count = 0;
}
