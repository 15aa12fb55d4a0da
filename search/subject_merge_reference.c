/* What children are held against: base, average, the parents and the best hand-made merge; as recipes, and as the ledger
 * has them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/subject_merge.h"

enum { NAME_BYTES = 512 };

clade_score_plan clade_plan_of(const clade_experiment *experiment, clade_split split)
{
    return split == CLADE_HOLDOUT ? clade_experiment_holdout_plan(experiment)
                                  : clade_experiment_search_plan(experiment);
}

bool clade_reference_name(const clade_experiment *experiment, size_t index, char *name, size_t size)
{
    const size_t before = experiment->base ? 2 : 1;
    if (index >= before + experiment->n_parents)
        return false;
    if (index >= before)
        snprintf(name, size, "parent %s", experiment->parent_names[index - before]);
    else
        snprintf(name, size, "%s", index == 0 && experiment->base ? "base" : "average");
    return true;
}

/* The task whose own fine-tune parent INDEX is (they have the same name), or n_tasks. */
static size_t task_of_parent(const clade_experiment *experiment, const clade_probes *probes, size_t index)
{
    size_t t = 0;
    while (t < probes->n_tasks && strcmp(probes->tasks[t].name, experiment->parent_names[index]) != 0)
        t++;
    return t;
}

clade_status clade_read_retention(clade_ledger *ledger, const clade_experiment *experiment, const clade_probes *probes,
                                  clade_split split, double *out)
{
    const clade_score_plan plan = clade_plan_of(experiment, split);
    clade_evaluation_row row = {0};
    clade_status status = CLADE_OK;
    for (size_t t = 0; t < probes->n_tasks; t++)
        out[t] = NAN;
    for (size_t p = 0; status == CLADE_OK && p < experiment->n_parents; p++) {
        const size_t t = task_of_parent(experiment, probes, p);
        char name[NAME_BYTES];
        bool found = false;
        clade_score score = {0};
        if (t == probes->n_tasks)
            continue;
        snprintf(name, sizeof name, "parent %s", experiment->parent_names[p]);
        status = clade_ledger_get_reference(ledger, name, split, &row, &found);
        if (status == CLADE_OK && found && row.status == CLADE_OK)
            status = clade_score_parse(clade_text_get(&row.score), row.score.length, probes, &plan, &score);
        if (status == CLADE_OK && score.n_tasks > t)
            out[t] = score.tasks[t].clean.accuracy;
        clade_score_fini(&score);
    }
    clade_evaluation_row_fini(&row);
    return status;
}

/* ---- recipes ---- */

static clade_status copy_parent(clade_recipe_parent *out, const char *name, const char *path)
{
    out->name = clade_strdup(name);
    out->path = clade_strdup(path);
    return out->name && out->path ? CLADE_OK : clade_fail_memory(strlen(path), "a recipe");
}

/* One rule for all tensors: METHOD with these weights and its defaults. */
static clade_status uniform_recipe(const clade_experiment *experiment, const char *method_name, const double *weights,
                                   clade_text *json)
{
    const clade_method *method = clade_method_find(method_name);
    clade_recipe *recipe = NULL;
    if (!method || method->min_parents > experiment->n_parents ||
        (method->base == CLADE_BASE_REQUIRED && !experiment->base))
        return clade_fail(CLADE_EINTERNAL, "%s cannot merge the parents of this experiment", method_name);
    const size_t weight = clade_method_parameter(method, "weight");
    CLADE_TRY(clade_recipe_new(method, experiment->n_parents, 1, &recipe));
    clade_rule *rule = &recipe->rules[0];
    clade_status status = CLADE_OK;
    if (experiment->base) {
        recipe->base = clade_calloc(1, sizeof *recipe->base);
        status = recipe->base ? copy_parent(recipe->base, "base", experiment->base)
                              : clade_fail_memory(sizeof *recipe->base, "a recipe");
    }
    for (size_t p = 0; status == CLADE_OK && p < experiment->n_parents; p++) {
        status = copy_parent(&recipe->parents[p], experiment->parent_names[p], experiment->parent_paths[p]);
        if (weight < method->n_parameters)
            rule->parent[p * method->n_parameters + weight] = weights[p];
    }
    if (status == CLADE_OK && !rule->patterns) {
        rule->patterns = clade_calloc(1, sizeof(char *));
        rule->n_patterns = rule->patterns ? 1 : 0;
    }
    if (status == CLADE_OK && rule->n_patterns == 1)
        rule->patterns[0] = clade_strdup("*");
    if (status == CLADE_OK && (rule->n_patterns != 1 || !rule->patterns[0]))
        status = clade_fail_memory(sizeof(char *), "a recipe");
    if (status == CLADE_OK)
        clade_recipe_print(recipe, false, json);
    clade_recipe_free(recipe);
    return status == CLADE_OK ? clade_text_status(json) : status;
}

/* Linear averaging gives a parent bit for bit; task arithmetic gives the base, and what linear cannot. */
clade_status clade_reference_recipe(const clade_experiment *experiment, size_t index, clade_text *json)
{
    double weights[CLADE_MAX_PARENTS] = {0.0};
    const clade_method *linear = clade_method_find("linear");
    const bool use_linear = linear && linear->min_parents <= experiment->n_parents;
    const size_t before = experiment->base ? 2 : 1;
    if (experiment->base && index == 0)
        return uniform_recipe(experiment, "task_arithmetic", weights, json);
    for (size_t p = 0; p < experiment->n_parents; p++)
        weights[p] = index < before ? 1.0 / (double)experiment->n_parents : index - before == p ? 1.0 : 0.0;
    return uniform_recipe(experiment, use_linear ? "linear" : "task_arithmetic", weights, json);
}

/* ---- the best of the hand-made ---- */

clade_status clade_best_hand_made(clade_ledger *ledger, const clade_experiment *experiment, uint64_t *child,
                                  bool *found)
{
    clade_archive front = {.n_objectives = experiment->n_objectives};
    clade_status status = CLADE_OK;
    bool more = true;
    for (uint64_t next = 0; status == CLADE_OK && more; next++) {
        clade_commit_row row;
        double minimised[CLADE_MAX_OBJECTIVES];
        bool committed = false, entered = false;
        status = clade_ledger_find_operator(ledger, "first: ", next, &next, &more);
        if (status == CLADE_OK && more)
            status = clade_ledger_get_commit(ledger, next, &row, &committed);
        if (status != CLADE_OK || !committed || row.failed || row.incomplete ||
            row.n_objectives != experiment->n_objectives)
            continue;
        clade_flip_objectives(experiment, row.objectives, minimised);
        status = clade_archive_add(&front, next, minimised, &entered);
    }
    clade_archive_sort(&front);
    *found = front.count > 0;
    if (*found)
        *child = front.children[clade_archive_best(&front, experiment, experiment->best)];
    clade_archive_fini(&front);
    return status;
}
