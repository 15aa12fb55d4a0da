/* The front matter of a card: what the hub reads (https://huggingface.co/docs/hub/model-cards). Only what is true of the
 * merge is said: what the models say of themselves is repeated where all of them say the same. */
#include <string.h>

#include "clade/adapter.h"
#include "search/export/card_parts.h"

static bool same_values(const clade_front_matter *a, const clade_front_matter *b, const char *key)
{
    size_t count = clade_front_matter_count(a, key);
    if (count != clade_front_matter_count(b, key))
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(clade_front_matter_get(a, key, i), clade_front_matter_get(b, key, i)) != 0)
            return false;
    return true;
}

static bool all_same(const clade_card_models *models, const char *key)
{
    for (size_t m = 1; m < models->count; m++)
        if (!same_values(models->items[0].matter, models->items[m].matter, key))
            return false;
    return true;
}

static bool all_say_the_same(const clade_card_models *models, const char *key)
{
    return clade_front_matter_count(models->items[0].matter, key) > 0 && all_same(models, key);
}

/* "KEY: VALUE", or a list where there are several. */
static void append_values(clade_text *text, const clade_front_matter *matter, const char *key)
{
    size_t count = clade_front_matter_count(matter, key);
    clade_text_append(text, "%s:", key);
    for (size_t i = 0; i < count; i++) {
        clade_text_append(text, "%s", count > 1 ? "\n- " : " ");
        clade_card_quote(text, clade_front_matter_get(matter, key, i));
    }
    clade_text_append(text, "\n");
}

/* ---- licences ---- */

static const char *const licence_keys[] = {"license", "license_name", "license_link"};
enum { LICENCE_KEYS = sizeof licence_keys / sizeof *licence_keys };

static bool same_licences(const clade_card_models *models)
{
    bool same = true;
    for (size_t k = 0; k < LICENCE_KEYS; k++)
        same = same && all_same(models, licence_keys[k]);
    return same;
}

/* One for all models: theirs. Several, or some that say nothing: "other", and the text lists them. Nobody says any: none
 * is said. */
static void append_licence(clade_text *text, const clade_card_models *models)
{
    if (!same_licences(models)) {
        clade_text_append(text, "license: other\n");
        return;
    }
    for (size_t k = 0; k < LICENCE_KEYS; k++)
        if (clade_front_matter_count(models->items[0].matter, licence_keys[k]) > 0)
            append_values(text, models->items[0].matter, licence_keys[k]);
}

void clade_card_append_licences(const clade_card_models *models, clade_text *text)
{
    if (same_licences(models))
        return;
    clade_text_append(text, "## Licences\n\nThe models this one is made of have different licences, or do not say "
                            "which; all of them hold.\n\n| model | licence |\n|---|---|\n");
    for (size_t m = 0; m < models->count; m++) {
        const clade_front_matter *matter = models->items[m].matter;
        size_t begin;
        clade_text_append(text, "| ");
        clade_card_cell(text, models->items[m].name, SIZE_MAX);
        clade_text_append(text, " |");
        begin = text->length;
        for (size_t k = 0; k < LICENCE_KEYS; k++)
            for (size_t i = 0; i < clade_front_matter_count(matter, licence_keys[k]); i++) {
                clade_text_append(text, "%s ", text->length > begin ? "," : "");
                clade_card_cell(text, clade_front_matter_get(matter, licence_keys[k], i), SIZE_MAX);
            }
        clade_text_append(text, "%s |\n", text->length > begin ? "" : " not said");
    }
    clade_text_append(text, "\n");
}

/* ---- base_model ---- */

/* A name as a line of the list, once: LISTED is where the list begins in TEXT. */
static void append_once(clade_text *text, size_t listed, const char *name)
{
    clade_text line = {0};
    clade_text_append(&line, "- ");
    clade_card_quote(&line, name);
    clade_text_append(&line, "\n");
    if (!line.failed && !text->failed && !strstr(clade_text_get(text) + listed, clade_text_get(&line)))
        clade_text_append(text, "%s", clade_text_get(&line));
    text->failed = text->failed || line.failed;
    clade_text_free(&line);
}

/* What was made on the way has no place of its own: the models it was made of, as its card names them. */
static void append_base_models(clade_text *text, const clade_card_models *models)
{
    clade_text_append(text, "base_model:\n");
    size_t listed = text->length;
    for (size_t m = 0; m < models->count; m++) {
        const clade_card_model *model = &models->items[m];
        size_t made_of = clade_card_model_is_made(model) ? clade_front_matter_count(model->matter, "base_model") : 0;
        for (size_t i = 0; i < made_of; i++)
            append_once(text, listed, clade_front_matter_get(model->matter, "base_model", i));
        if (made_of == 0)
            append_once(text, listed, model->name);
    }
    clade_text_append(text, "base_model_relation: merge\n");
}

/* ---- all ---- */

/* transformers writes a model_type into config.json; other libraries' names are taken from the cards. */
static void append_library(clade_text *text, const clade_recipe *recipe, const clade_card_models *models)
{
    bool adapter = recipe->method->adapters && clade_adapters_stay(recipe), configured = true;
    for (size_t m = 0; m < models->count; m++)
        configured = configured && (models->items[m].has_config || models->items[m].is_adapter);
    if (adapter)
        clade_text_append(text, "library_name: peft\n");
    else if (configured)
        clade_text_append(text, "library_name: transformers\n");
    else if (all_say_the_same(models, "library_name"))
        append_values(text, models->items[0].matter, "library_name");
}

void clade_card_append_front(const clade_recipe *recipe, const clade_card_models *models, clade_text *text)
{
    clade_text_append(text, "---\n");
    append_licence(text, models);
    append_library(text, recipe, models);
    append_base_models(text, models);
    if (all_say_the_same(models, "pipeline_tag"))
        append_values(text, models->items[0].matter, "pipeline_tag");
    if (all_say_the_same(models, "language"))
        append_values(text, models->items[0].matter, "language");
    clade_text_append(text, "merge_method: %s\ntags:\n- merge\n- clade\n---\n\n", recipe->method->name);
}
