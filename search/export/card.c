/* Whatever comes from a file (names, paths) is quoted: as a JSON string in the YAML, which YAML reads the same, and
 * without '|' in tables. */
#include "search/export/card.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/version.h"

/* The last part of a path, of COUNT bytes. */
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

/* TEXT in a cell of a table. */
static void append_cell(clade_text *text, const char *cell)
{
    for (const char *c = cell; *c; c++)
        clade_text_append(text, "%s%c", *c == '|' ? "\\" : "", *c == '\n' || *c == '\r' ? ' ' : *c);
}

static void append_model(clade_text *text, const clade_recipe_parent *parent)
{
    size_t count = 0;
    const char *name = last_part(parent->path, &count);
    char *copy = clade_strndup(name, count);
    clade_json_writer writer = clade_json_writer_to(text, false);
    clade_text_append(text, "- ");
    clade_json_put_string(&writer, NULL, copy ? copy : parent->name);
    clade_text_append(text, "\n");
    clade_free(copy);
}

static void append_front_matter(clade_text *text, const clade_recipe *recipe)
{
    clade_text_append(text, "---\nlibrary_name: transformers\nbase_model:\n");
    if (recipe->base)
        append_model(text, recipe->base);
    for (size_t p = 0; p < recipe->n_parents; p++)
        append_model(text, &recipe->parents[p]);
    clade_text_append(text, "base_model_relation: merge\ntags:\n- merge\n- clade\n- %s\n---\n\n", recipe->method->name);
}

static void append_value(clade_text *text, double value)
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
    append_cell(text, name);
    clade_text_append(text, " |");
    for (size_t i = 0; i < count; i++) {
        append_value(text, search[i]);
        append_value(text, holdout[i]);
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
}

static void append_source(clade_text *text, const char *role, const clade_recipe_parent *parent, const char *hash)
{
    size_t count = 0;
    const char *name = last_part(parent->path, &count);
    clade_text_append(text, "| ");
    append_cell(text, role);
    clade_text_append(text, " | %.*s | `%s` |\n", (int)count, name, hash);
}

/* The parents with the hash of their weights, as the ledger recorded them when the run began. */
static void append_sources(clade_text *text, const clade_recipe *recipe)
{
    clade_text_append(text, "## Merged from\n\n|  | folder | SHA-256 of the weights |\n|---|---|---|\n");
    if (recipe->base)
        append_source(text, "base", recipe->base, recipe->base->hash);
    for (size_t p = 0; p < recipe->n_parents; p++)
        append_source(text, recipe->parents[p].name, &recipe->parents[p], recipe->parents[p].hash);
    clade_text_append(text, "\n");
}

/* One line per rule: its parameters of scope site, then those of each parent. */
static void append_rules(clade_text *text, const clade_recipe *recipe)
{
    const clade_method *method = recipe->method;
    clade_text_append(text, "| tensors | parameters |\n|---|---|\n");
    for (size_t r = 0; r < recipe->n_rules; r++) {
        const clade_rule *rule = &recipe->rules[r];
        clade_text_append(text, "| ");
        for (size_t i = 0; i < rule->n_patterns; i++) {
            clade_text_append(text, "%s`", i > 0 ? " " : "");
            append_cell(text, rule->patterns[i]);
            clade_text_append(text, "`");
        }
        clade_text_append(text, " |");
        for (size_t k = 0; k < method->n_parameters; k++) {
            const clade_parameter *parameter = &method->parameters[k];
            if (parameter->scope != CLADE_PER_PARENT) {
                clade_text_append(text, " %s %.6g;", parameter->name, rule->site[k]);
                continue;
            }
            for (size_t p = 0; p < recipe->n_parents; p++) {
                clade_text_append(text, " %s of ", parameter->name);
                append_cell(text, recipe->parents[p].name);
                clade_text_append(text, " %.6g;", rule->parent[p * method->n_parameters + k]);
            }
        }
        clade_text_append(text, " |\n");
    }
    clade_text_append(text, "\n");
}

static void append_search(clade_text *text, const clade_front *front, const clade_member *member)
{
    const clade_experiment *experiment = front->experiment;
    clade_text_append(text, "## How it was found\n\nBy Clade %s: %s, seed %llu, %llu children; objectives",
                      CLADE_VERSION, experiment->algorithm->title, (unsigned long long)experiment->seed,
                      (unsigned long long)front->committed);
    for (size_t i = 0; i < experiment->n_objectives; i++)
        clade_text_append(text, "%s %s", i > 0 ? "," : "", experiment->objectives[i]->name);
    clade_text_append(text,
                      ". It is child %llu (%s), one of %zu on the Pareto front, chosen by the rule \"%s\".\n\n"
                      "- recipe hash `%s`\n- run hash `%s`\n",
                      (unsigned long long)member->child, member->operator_name, front->n_members, experiment->best,
                      member->recipe_hash, front->run_hash);
}

clade_status clade_model_card(const clade_recipe *recipe, const clade_front *front, size_t index, clade_text *text)
{
    append_front_matter(text, recipe);
    clade_text_append(text, "# Merge by %s\n\n%s (%s), `%s`.\n\n", recipe->method->title, recipe->method->title,
                      recipe->method->source, recipe->method->formula);
    if (front)
        append_scores(text, front, &front->members[index]);
    append_sources(text, recipe);
    clade_text_append(text,
                      "## Recipe\n\nMethod `%s`, seed %llu. The first rule that matches a tensor's name holds.\n\n",
                      recipe->method->name, (unsigned long long)recipe->seed);
    append_rules(text, recipe);
    if (front)
        append_search(text, front, &front->members[index]);
    else
        clade_text_append(text, "Merged by Clade %s from a recipe.\n", CLADE_VERSION);
    return clade_text_status(text);
}
