#include "search/export/card.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/version.h"
#include "search/export/card_parts.h"
#include "search/export/front_formats.h"

static const char RECIPE_FILE[] = "clade_recipe.json"; /* beside the card of clade merge */

/* ---- scores ---- */

static void append_score(clade_text *text, double value)
{
    if (isfinite(value))
        clade_text_append(text, " %.4f |", value);
    else
        clade_text_append(text, " |");
}

static void append_scores_row(clade_text *text, const char *name, const double *search, const double *holdout)
{
    size_t count = 0;
    (void)clade_objectives(&count);
    clade_text_append(text, "| ");
    clade_card_cell(text, name, SIZE_MAX);
    clade_text_append(text, " |");
    for (size_t i = 0; i < count; i++) {
        append_score(text, search[i]);
        append_score(text, holdout[i]);
    }
    clade_text_append(text, "\n");
}

static void append_scores(clade_text *text, const clade_front *front, const clade_member *member)
{
    size_t count = 0;
    const clade_objective *const *objectives = clade_objectives(&count);
    clade_text_append(text, "## Scores\n\nThe search saw the search split only. %s\n\n|  |",
                      member->holdout.n_tasks > 0 ? "The holdout split was scored once, after it."
                                                  : "There are no holdout scores.");
    for (size_t i = 0; i < count; i++)
        clade_text_append(text, " %s (search) | %s (holdout) |", objectives[i]->name, objectives[i]->name);
    clade_text_append(text, "\n|---|");
    for (size_t i = 0; i < 2 * count; i++)
        clade_text_append(text, "---|");
    clade_text_append(text, "\n");
    append_scores_row(text, "**this model**", member->search_objectives, member->holdout_objectives);
    for (size_t r = 0; r < front->n_references; r++)
        append_scores_row(text, front->references[r].name, front->references[r].search_objectives,
                          front->references[r].holdout_objectives);
    clade_text_append(text, "\n");
    for (size_t i = 0; i < count; i++)
        clade_text_append(text, "- **%s** (%s, %s is better): %s\n", objectives[i]->name, objectives[i]->unit,
                          objectives[i]->maximise ? "higher" : "lower", objectives[i]->help);
    clade_text_append(text, "\n");
    if (member->holdout.n_tasks == 0)
        return;
    clade_text_append(text, "### How sure that is\n\n");
    clade_front_write_certainty(front, (size_t)(member - front->members), text);
    clade_text_append(text, "\n");
}

/* ---- what it is made of ---- */

/* A row of the table: what it is, what it is called, the hash of its weights. */
static void append_source(clade_text *text, const char *role, const char *kind, const char *name, const char *hash)
{
    clade_text_append(text, "| ");
    clade_card_cell(text, role, SIZE_MAX);
    clade_text_append(text, "%s | ", kind);
    clade_card_cell(text, name, SIZE_MAX);
    clade_text_append(text, " | `%s` |\n", hash);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void append_parent(clade_text *text, const clade_recipe_parent *parent, const clade_card_models *models)
{
    const clade_card_model *model = clade_card_model_at(models, parent->path),
                           *adapter = clade_card_model_at(models, parent->adapter.path);
    if (model)
        append_source(text, parent->name, "", model->name, parent->hash);
    if (adapter)
        append_source(text, parent->name, model ? ": adapter" : ": adapter on the base", adapter->name,
                      parent->adapter.hash);
    if (parent->statistics.path)
        append_source(text, parent->name, ": statistics", last_part(parent->statistics.path), parent->statistics.hash);
}

/* With the hashes of the weights: of a run, as the ledger recorded them when it began. */
static void append_sources(clade_text *text, const clade_recipe *recipe, const clade_card_models *models)
{
    clade_text_append(text, "## Merged from\n\n|  | model | SHA-256 of the weights |\n|---|---|---|\n");
    if (recipe->base)
        append_source(text, "base", "", clade_card_model_at(models, recipe->base->path)->name, recipe->base->hash);
    for (size_t p = 0; p < recipe->n_parents; p++)
        append_parent(text, &recipe->parents[p], models);
    clade_text_append(text, "\n");
}

/* ---- models that were made on the way ---- */

static const char MADE_HEADING[] = "## Made on the way: ", RECIPE_HEADING[] = "## Recipe\n",
                  LAST_LINE[] = "Merged by Clade ";

/* LENGTH bytes from BODY on under a heading with NAME (of NAME_LENGTH bytes, quoted), once. */
static clade_status append_section(clade_text *text, const char *name, size_t name_length, const char *body,
                                   size_t length)
{
    clade_text heading = {0};
    clade_text_append(&heading, "\n%s", MADE_HEADING);
    clade_text_append_bytes(&heading, name, name_length);
    clade_text_append(&heading, "\n");
    clade_status status = clade_text_status(&heading);
    if (status == CLADE_OK && !strstr(clade_text_get(text), clade_text_get(&heading))) {
        clade_text_append(text, "%s", clade_text_get(&heading) + 1);
        clade_text_append_bytes(text, body, length);
    }
    clade_text_free(&heading);
    return status;
}

/* The section on the recipe of the model NAME (quoted) out of its CARD, which is one of ours, and what that was made of. */
static clade_status append_made_sections(clade_text *text, const char *name, const char *card)
{
    const char *at = strstr(card, RECIPE_HEADING), *end = at ? strstr(at, LAST_LINE) : NULL;
    while (at && end && at < end) {
        const char *body = strchr(at, '\n') + 1, *next = strstr(body, MADE_HEADING);
        next = next && next < end ? next : end;
        CLADE_TRY(append_section(text, name, strcspn(name, "\n"), body, (size_t)(next - body)));
        at = next;
        name = next + strlen(MADE_HEADING); /* up to the end of its line */
    }
    return CLADE_OK;
}

static clade_status append_made_model(clade_text *text, const clade_card_model *model)
{
    enum { MOST_CARD = 1 << 20 };
    char *path = clade_path_join(model->path, "README.md"), *card = NULL;
    size_t length = 0;
    clade_text name = {0};
    clade_card_cell(&name, model->name, SIZE_MAX);
    clade_status status = path ? clade_text_status(&name) : clade_fail_memory(strlen(model->path), "a path");
    if (status == CLADE_OK && clade_path_exists(path))
        status = clade_read_file(path, MOST_CARD, &card, &length);
    if (status == CLADE_OK && card)
        status = append_made_sections(text, clade_text_get(&name), card);
    clade_text_free(&name);
    clade_free(card);
    clade_free(path);
    return status;
}

static clade_status append_made(clade_text *text, const clade_card_models *models)
{
    for (size_t m = 0; m < models->count; m++)
        if (clade_card_model_is_made(&models->items[m]))
            CLADE_TRY(append_made_model(text, &models->items[m]));
    return CLADE_OK;
}

/* ---- the whole ---- */

static void append_search(clade_text *text, const clade_front *front, const clade_member *member)
{
    const clade_experiment *experiment = front->experiment;
    clade_text_append(text, "## How it was found\n\nBy Clade %s: %s, seed %llu, %llu children; objectives",
                      CLADE_VERSION, experiment->algorithm->title, (unsigned long long)experiment->seed,
                      (unsigned long long)front->committed);
    for (size_t i = 0; i < experiment->n_objectives; i++)
        clade_text_append(text, "%s %s", i > 0 ? "," : "", experiment->objectives[i]->name);
    clade_text_append(text, ". It is child %llu (", (unsigned long long)member->child);
    clade_card_cell(text, member->operator_name, sizeof member->operator_name);
    clade_text_append(text,
                      "), one of %zu on the Pareto front, chosen by the rule \"%s\".\n\n"
                      "- recipe hash `%s`\n- run hash `%s`\n",
                      front->n_members, experiment->best, member->recipe_hash, front->run_hash);
    if (!front->entropy_hurts)
        return;
    clade_text_append(text, "- in this search, ");
    clade_guard_write(&front->hurt, text);
    clade_text_append(text, "\n");
}

static clade_status append_card(const clade_recipe *recipe, const clade_front *front, size_t index,
                                const clade_card_models *models, clade_text *text)
{
    clade_card_append_front(recipe, models, text);
    clade_text_append(text, "# Merge by %s\n\n%s (%s), `%s`.\n\n", recipe->method->title, recipe->method->title,
                      recipe->method->source, recipe->method->formula);
    if (front)
        append_scores(text, front, &front->members[index]);
    append_sources(text, recipe, models);
    clade_card_append_licences(models, text);
    CLADE_TRY(clade_card_append_recipe(recipe, models, front ? "recipe.json of the run" : RECIPE_FILE, text));
    CLADE_TRY(append_made(text, models));
    if (front)
        append_search(text, front, &front->members[index]);
    else
        clade_text_append(text, "Merged by Clade %s from a recipe.\n", CLADE_VERSION);
    return clade_text_status(text);
}

clade_status clade_model_card(const clade_recipe *recipe, const clade_recipe *shown, const clade_front *front,
                              size_t member, clade_text *text)
{
    clade_card_models *models = clade_malloc(sizeof *models);
    if (!models)
        return clade_fail_memory(sizeof *models, "the models of a card");
    clade_status status = clade_card_models_read(recipe, shown, models);
    if (status == CLADE_OK) {
        status = append_card(recipe, front, member, models, text);
        clade_card_models_free(models);
    }
    clade_free(models);
    return status;
}
