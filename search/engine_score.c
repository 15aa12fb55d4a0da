/* Scores outside the search: what children are held against, and the front on holdout. All go through the pool at once
 * and are written as they come; a resumed run does what the ledger lacks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/log.h"
#include "search/engine_state.h"

enum { NAME_BYTES = 512, WAIT_MILLISECONDS = 50 };

clade_score_plan clade_plan_of(const clade_experiment *experiment, clade_split split)
{
    return split == CLADE_HOLDOUT ? clade_experiment_holdout_plan(experiment)
                                  : clade_experiment_search_plan(experiment);
}

bool clade_has_holdout(const clade_probes *probes)
{
    for (size_t t = 0; t < probes->n_tasks; t++)
        if (probes->tasks[t].splits[CLADE_HOLDOUT].last > probes->tasks[t].splits[CLADE_HOLDOUT].first)
            return true;
    return false;
}

clade_status clade_engine_row(const clade_probes *probes, const clade_score_plan *plan, clade_pool_result *result,
                              clade_evaluation_row *row, clade_score *score)
{
    clade_evaluation_row_fini(row);
    row->status = result->status;
    row->seconds = result->seconds;
    row->rank = result->rank;
    row->same_as = -1;
    if (result->status != CLADE_OK) {
        row->reason = result->bytes; /* moved */
        result->bytes = (clade_text){0};
        return clade_text_status(&row->reason);
    }
    row->score = result->bytes; /* moved */
    result->bytes = (clade_text){0};
    CLADE_TRY(clade_text_status(&row->score));
    CLADE_TRY(clade_score_parse(clade_text_get(&row->score), row->score.length, probes, plan, score));
    row->images = score->images;
    return CLADE_OK;
}

/* ---- references ---- */

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
static clade_status reference_recipe(const clade_experiment *experiment, size_t index, clade_text *json)
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

/* ---- a list of things to score ---- */

typedef struct scoring {
    char reference[NAME_BYTES]; /* "": a child */
    uint64_t child;
    clade_split split;
    clade_text recipe;
} scoring;

typedef struct scorings {
    scoring *items; /* owned */
    size_t count, capacity;
} scorings;

static void free_list(scorings *list)
{
    for (size_t i = 0; i < list->count; i++)
        clade_text_free(&list->items[i].recipe);
    clade_free(list->items);
}

/* A new item at the end, or NULL without memory. */
static scoring *add(scorings *list)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        scoring *items = clade_realloc(list->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        list->items = items;
        list->capacity = capacity;
    }
    scoring *item = &list->items[list->count++];
    *item = (scoring){0};
    return item;
}

static clade_status add_reference(clade_engine *engine, size_t index, clade_split split, scorings *list)
{
    char name[NAME_BYTES];
    clade_evaluation_row row = {0};
    bool found = false;
    (void)clade_reference_name(engine->experiment, index, name, sizeof name);
    clade_status status = clade_ledger_get_reference(engine->ledger, name, split, &row, &found);
    clade_evaluation_row_fini(&row);
    if (status != CLADE_OK || found)
        return status;
    scoring *item = add(list);
    if (!item)
        return clade_fail_memory(sizeof *item, "a list of models to score");
    snprintf(item->reference, sizeof item->reference, "%s", name);
    item->split = split;
    return reference_recipe(engine->experiment, index, &item->recipe);
}

static clade_status add_member(clade_engine *engine, uint64_t child, scorings *list)
{
    clade_evaluation_row row = {0};
    clade_child_row bred = {0};
    bool found = false;
    clade_status status = clade_ledger_get_evaluation(engine->ledger, child, CLADE_HOLDOUT, &row, &found);
    clade_evaluation_row_fini(&row);
    if (status != CLADE_OK || found)
        return status;
    status = clade_ledger_get_child(engine->ledger, child, &bred, &found);
    if (status == CLADE_OK && !found)
        status = clade_fail(CLADE_EINTERNAL, "ledger: there is no child %llu", (unsigned long long)child);
    scoring *item = status == CLADE_OK ? add(list) : NULL;
    if (status == CLADE_OK && !item)
        status = clade_fail_memory(sizeof *item, "a list of models to score");
    if (item) {
        item->child = child;
        item->split = CLADE_HOLDOUT;
        item->recipe = bred.recipe; /* moved */
        bred.recipe = (clade_text){0};
    }
    clade_child_row_fini(&bred);
    return status;
}

static clade_status put_scored(clade_engine *engine, const scorings *list, clade_pool_result *result)
{
    clade_evaluation_row row = {0};
    clade_score score = {0};
    if (result->job >= list->count)
        return clade_fail(CLADE_EINTERNAL, "pool: a result of job %llu, which was not submitted",
                          (unsigned long long)result->job);
    const scoring *item = &list->items[result->job];
    const clade_score_plan plan = clade_plan_of(engine->experiment, item->split);
    clade_status status = clade_engine_row(engine->probes, &plan, result, &row, &score);
    row.child = item->child;
    row.split = item->split;
    if (status == CLADE_OK && row.status != CLADE_OK)
        clade_log(CLADE_LOG_WARNING, "%s could not be scored on %s: %s",
                  item->reference[0] ? item->reference : "a member of the front", clade_split_name(item->split),
                  clade_text_get(&row.reason));
    if (status == CLADE_OK && item->reference[0] != '\0')
        status = clade_ledger_put_reference(engine->ledger, item->reference, &row);
    else if (status == CLADE_OK)
        status = clade_ledger_put_evaluation(engine->ledger, &row);
    clade_score_fini(&score);
    clade_evaluation_row_fini(&row);
    return status;
}

static clade_status score_list(clade_engine *engine, const scorings *list)
{
    clade_status status = CLADE_OK;
    for (size_t i = 0; status == CLADE_OK && i < list->count; i++) {
        const scoring *item = &list->items[i];
        const clade_job job = {.number = i,
                               .split = item->split,
                               .recipe = clade_text_get(&item->recipe),
                               .recipe_length = item->recipe.length};
        status = clade_pool_submit(engine->pool, &job);
    }
    while (status == CLADE_OK && clade_pool_pending(engine->pool) > 0) {
        clade_pool_result result;
        bool got = false;
        if (engine->options->stop && *engine->options->stop)
            return clade_fail(CLADE_EINTERRUPTED, "stopped");
        status = clade_pool_wait(engine->pool, WAIT_MILLISECONDS, &result, &got);
        if (status == CLADE_OK && got)
            status = put_scored(engine, list, &result);
        clade_text_free(&result.bytes);
    }
    return status;
}

/* ---- before and after the loop ---- */

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

static bool searches_retention(const clade_experiment *experiment)
{
    bool searched = false;
    for (size_t i = 0; i < experiment->n_objectives; i++)
        searched |= strcmp(experiment->objectives[i]->name, "retention") == 0;
    return searched;
}

/* A search for retention needs each task's fine-tune among the parents. */
static clade_status check_retention(const clade_engine *engine)
{
    const bool searched = searches_retention(engine->experiment);
    for (size_t t = 0; searched && t < engine->probes->n_tasks; t++)
        if (!(engine->retention[t] > 0.0))
            return clade_fail(CLADE_ECONFIG,
                              "objectives: retention: task %s needs a parent of the same name that can be scored "
                              "and has an accuracy above 0",
                              engine->probes->tasks[t].name);
    return CLADE_OK;
}

clade_status clade_engine_score_parents(clade_engine *engine)
{
    const clade_experiment *experiment = engine->experiment;
    const size_t before = experiment->base ? 2 : 1;
    scorings list = {0};
    clade_status status = CLADE_OK;
    const bool wanted = experiment->references || searches_retention(experiment);
    for (size_t p = 0; status == CLADE_OK && wanted && p < experiment->n_parents; p++)
        status = add_reference(engine, before + p, CLADE_SEARCH, &list);
    if (status == CLADE_OK)
        status = score_list(engine, &list);
    free_list(&list);
    if (status == CLADE_OK)
        status = clade_read_retention(engine->ledger, experiment, engine->probes, CLADE_SEARCH, engine->retention);
    return status == CLADE_OK ? check_retention(engine) : status;
}

clade_status clade_engine_score_rest(clade_engine *engine)
{
    const bool holdout = clade_has_holdout(engine->probes);
    char name[NAME_BYTES];
    uint64_t hand_made = 0;
    bool found = false, member = false;
    scorings list = {0};
    clade_status status = clade_best_hand_made(engine->ledger, engine->experiment, &hand_made, &found);
    for (size_t i = 0; status == CLADE_OK && holdout && i < engine->front.count; i++) {
        member = member || engine->front.children[i] == hand_made;
        status = add_member(engine, engine->front.children[i], &list);
    }
    if (status == CLADE_OK && holdout && found && !member)
        status = add_member(engine, hand_made, &list);
    for (size_t r = 0; status == CLADE_OK && engine->experiment->references &&
                       clade_reference_name(engine->experiment, r, name, sizeof name);
         r++) {
        status = add_reference(engine, r, CLADE_SEARCH, &list);
        if (status == CLADE_OK && holdout)
            status = add_reference(engine, r, CLADE_HOLDOUT, &list);
    }
    if (status == CLADE_OK && !holdout)
        clade_log(CLADE_LOG_INFO, "no task has a holdout split: the front is not scored on one");
    if (status == CLADE_OK && list.count > 0)
        clade_log(CLADE_LOG_INFO, "scoring the front and its references: %zu evaluations", list.count);
    if (status == CLADE_OK)
        status = score_list(engine, &list);
    free_list(&list);
    return status;
}
