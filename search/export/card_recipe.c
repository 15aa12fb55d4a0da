/* The recipe in a card: for people a table where it is short, for programs JSON and mergekit's YAML. Models have the names
 * that the card gives them, not the paths of the machine that merged them. */
#include <math.h>
#include <string.h>

#include "clade/merge.h"
#include "search/export/card_parts.h"

enum { MOST_ROWS = 16, MOST_PATTERNS = 4, MOST_BYTES = 32 << 10 };

/* ---- the table ---- */

static void append_value(clade_text *text, const clade_parameter *parameter, double value)
{
    if (parameter->kind == CLADE_CHOICE)
        clade_text_append(text, " %s;", parameter->choices[(size_t)value]);
    else if (parameter->kind == CLADE_BOOLEAN)
        clade_text_append(text, " %s;", value != 0 ? "true" : "false");
    else
        clade_text_append(text, " %.6g;", value);
}

static bool takes_part(const clade_rule *rule, size_t parent)
{
    return !rule->only || rule->only[parent];
}

static void append_row(clade_text *text, const clade_recipe *recipe, const clade_rule *rule)
{
    const clade_method *method = recipe->method;
    clade_text_append(text, "|");
    for (size_t i = 0; i < rule->n_patterns && i < MOST_PATTERNS; i++) {
        clade_text_append(text, " ");
        clade_card_cell(text, rule->patterns[i], SIZE_MAX);
    }
    if (rule->n_patterns > MOST_PATTERNS)
        clade_text_append(text, " and %zu more", rule->n_patterns - MOST_PATTERNS);
    clade_text_append(text, " |");
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        if (parameter->scope != CLADE_PER_PARENT) {
            clade_text_append(text, " %s", parameter->name);
            append_value(text, parameter, rule->site[k]);
        }
        for (size_t p = 0; p < recipe->n_parents && parameter->scope == CLADE_PER_PARENT; p++) {
            if (!takes_part(rule, p))
                continue;
            clade_text_append(text, " %s of ", parameter->name);
            clade_card_cell(text, recipe->parents[p].name, SIZE_MAX);
            append_value(text, parameter, rule->parent[p * method->n_parameters + k]);
        }
    }
    clade_text_append(text, " |\n");
}

static void append_table(clade_text *text, const clade_recipe *recipe)
{
    if (recipe->n_rules > MOST_ROWS || recipe->n_rules * recipe->n_parents > (size_t)MOST_ROWS * MOST_ROWS)
        return;
    clade_text_append(text, "| tensors | parameters |\n|---|---|\n");
    for (size_t r = 0; r < recipe->n_rules; r++)
        append_row(text, recipe, &recipe->rules[r]);
    clade_text_append(text, "\n");
}

/* ---- for programs ---- */

/* SHOWN calls the models as the card does. */
static void name_models(clade_shown_recipe *shown, const clade_card_models *models)
{
    for (size_t m = 0; m <= shown->recipe.n_parents; m++) {
        clade_recipe_parent *parent = m < shown->recipe.n_parents ? &shown->parents[m] : shown->recipe.base;
        const clade_card_model *model = parent ? clade_card_model_at(models, parent->path) : NULL;
        const clade_card_model *adapter = parent ? clade_card_model_at(models, parent->adapter.path) : NULL;
        const char *slash = parent && parent->statistics.path ? strrchr(parent->statistics.path, '/') : NULL;
        if (model)
            parent->path = model->name;
        if (adapter)
            parent->adapter.path = adapter->name;
        if (slash)
            parent->statistics.path += slash + 1 - parent->statistics.path;
    }
}

static void append_json(clade_text *text, const clade_recipe *shown, const char *kept_in)
{
    clade_text json = {0};
    clade_recipe_print(shown, true, &json);
    if (json.length > MOST_BYTES)
        clade_text_append(text, "It is too long for this page: see `%s`.\n\n", kept_in);
    else
        clade_card_block(text, "json", clade_text_get(&json));
    text->failed = text->failed || json.failed;
    clade_text_free(&json);
}

/* The same for mergekit; why not, where that is the recipe's own (and names no path). */
static clade_status append_mergekit(clade_text *text, const clade_recipe *recipe, const clade_recipe *shown)
{
    clade_text yaml = {0};
    clade_status status = clade_recipe_to_mergekit_as(recipe, shown, &yaml);
    if (status == CLADE_OK && yaml.length <= MOST_BYTES) {
        clade_text_append(text, "The same for mergekit:\n\n");
        clade_card_block(text, "yaml", clade_text_get(&yaml));
    } else if (status == CLADE_ECONFIG) {
        clade_text_append(text, "mergekit cannot express it: ");
        clade_card_cell(text, clade_error_message(), SIZE_MAX);
        clade_text_append(text, ".\n\n");
    }
    clade_text_free(&yaml);
    return status == CLADE_EIO || status == CLADE_EINTERNAL ? status : CLADE_OK;
}

clade_status clade_card_append_recipe(const clade_recipe *recipe, const clade_card_models *models, const char *kept_in,
                                      clade_text *text)
{
    clade_shown_recipe shown;
    clade_shown_recipe_init(&shown, recipe);
    name_models(&shown, models);
    clade_text_append(text,
                      "## Recipe\n\nMethod `%s`, seed %llu. The first rule that matches a tensor's name holds.\n\n",
                      recipe->method->name, (unsigned long long)recipe->seed);
    append_table(text, recipe);
    append_json(text, &shown.recipe, kept_in);
    return append_mergekit(text, recipe, &shown.recipe);
}
