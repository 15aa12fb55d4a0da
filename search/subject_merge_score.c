/* What is scored besides children of the search: what they are held against, and the front on holdout. All go through
 * the pool at once and are written as they come; a resumed run does what the ledger lacks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/log.h"
#include "search/subject_merge.h"

enum { NAME_BYTES = 512, WAIT_MILLISECONDS = 50 };

/* ---- a list of things to score ---- */

typedef struct scoring {
    char reference[NAME_BYTES]; /* "": a child */
    uint64_t child;
    clade_split split;
    clade_text recipe;
} scoring;

typedef struct scorings {
    const clade_merge_subject *subject; /* borrowed, as the next */
    const clade_run_session *session;
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

static clade_status add_reference(scorings *list, size_t index, clade_split split)
{
    char name[NAME_BYTES];
    clade_evaluation_row row = {0};
    bool found = false;
    (void)clade_reference_name(list->subject->experiment, index, name, sizeof name);
    clade_status status = clade_ledger_get_reference(list->session->ledger, name, split, &row, &found);
    clade_evaluation_row_fini(&row);
    if (status != CLADE_OK || found)
        return status;
    scoring *item = add(list);
    if (!item)
        return clade_fail_memory(sizeof *item, "a list of models to score");
    snprintf(item->reference, sizeof item->reference, "%s", name);
    item->split = split;
    return clade_reference_recipe(list->subject->experiment, index, &item->recipe);
}

static clade_status add_member(scorings *list, uint64_t child)
{
    clade_ledger *ledger = list->session->ledger;
    clade_evaluation_row row = {0};
    clade_child_row bred = {0};
    bool found = false;
    clade_status status = clade_ledger_get_evaluation(ledger, child, CLADE_HOLDOUT, &row, &found);
    clade_evaluation_row_fini(&row);
    if (status != CLADE_OK || found)
        return status;
    status = clade_ledger_get_child(ledger, child, &bred, &found);
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

static const char *name_of(const scoring *item)
{
    return item->reference[0] != '\0' ? item->reference : "a member of the front";
}

/* RESULT, of ITEM, into ROW. A score that cannot be read is a failure: *AGAIN, it is scored once more. */
static clade_status take_scored(const scorings *list, const scoring *item, clade_pool_result *result,
                                clade_evaluation_row *row, bool *again)
{
    const clade_merge_subject *subject = list->subject;
    const clade_score_plan plan = clade_plan_of(subject->experiment, item->split);
    clade_score score = {0};
    clade_text reason = {0};
    CLADE_TRY(clade_take_result(result, row));
    if (row->status != CLADE_OK)
        return CLADE_OK;
    clade_status status =
        clade_score_parse(clade_text_get(&row->score), row->score.length, subject->probes, &plan, &score);
    row->images = score.images;
    clade_score_fini(&score);
    if (status == CLADE_OK || status == CLADE_EIO) /* which is a lack of memory here */
        return status;
    clade_text_append(&reason, "%s", clade_error_message());
    status = clade_text_status(&reason);
    if (status == CLADE_OK)
        status = clade_pool_reject(list->session->pool, clade_text_get(&reason), result, again);
    if (status == CLADE_OK && !*again)
        status = clade_take_result(result, row);
    row->images = 0;
    clade_text_free(&reason);
    return status;
}

static clade_status put_scored(const scorings *list, clade_pool_result *result)
{
    clade_evaluation_row row = {0};
    bool again = false;
    if (result->job >= list->count)
        return clade_fail(CLADE_EINTERNAL, "pool: a result of job %llu, which was not submitted",
                          (unsigned long long)result->job);
    const scoring *item = &list->items[result->job];
    clade_status status = take_scored(list, item, result, &row, &again);
    row.child = item->child;
    row.split = item->split;
    if (status == CLADE_OK && !again && row.status == CLADE_EINPUT)
        status = clade_fail(CLADE_EINPUT, "%s: %s", name_of(item), clade_text_get(&row.reason));
    if (status == CLADE_OK && !again && row.status != CLADE_OK)
        clade_log(CLADE_LOG_WARNING, "%s could not be scored on %s: %s", name_of(item), clade_split_name(item->split),
                  clade_text_get(&row.reason));
    if (status == CLADE_OK && !again && item->reference[0] != '\0')
        status = clade_ledger_put_reference(list->session->ledger, item->reference, &row);
    else if (status == CLADE_OK && !again)
        status = clade_ledger_put_evaluation(list->session->ledger, &row);
    clade_evaluation_row_fini(&row);
    return status;
}

static clade_status score_list(const scorings *list)
{
    const clade_run_session *session = list->session;
    clade_status status = CLADE_OK;
    for (size_t i = 0; status == CLADE_OK && i < list->count; i++) {
        const scoring *item = &list->items[i];
        const clade_job job = {.number = i,
                               .split = item->split,
                               .recipe = clade_text_get(&item->recipe),
                               .recipe_length = item->recipe.length};
        status = clade_pool_submit(session->pool, &job);
    }
    while (status == CLADE_OK && clade_pool_pending(session->pool) > 0) {
        clade_pool_result result;
        bool got = false;
        if (session->stop && *session->stop)
            return clade_fail(CLADE_EINTERRUPTED, "stopped");
        status = clade_pool_wait(session->pool, WAIT_MILLISECONDS, &result, &got);
        if (status == CLADE_OK && got)
            status = put_scored(list, &result);
        clade_text_free(&result.bytes);
    }
    return status;
}

/* ---- before and after the loop ---- */

static bool searches_retention(const clade_experiment *experiment)
{
    bool searched = false;
    for (size_t i = 0; i < experiment->n_objectives; i++)
        searched |= strcmp(experiment->objectives[i]->name, "retention") == 0;
    return searched;
}

/* A search for retention needs each task's fine-tune among the parents. */
static clade_status check_retention(const clade_merge_subject *subject)
{
    const bool searched = searches_retention(subject->experiment);
    for (size_t t = 0; searched && t < subject->probes->n_tasks; t++)
        if (!(subject->retention[t] > 0.0))
            return clade_fail(CLADE_ECONFIG,
                              "objectives: retention: task %s needs a parent of the same name that can be scored "
                              "and has an accuracy above 0",
                              subject->probes->tasks[t].name);
    return CLADE_OK;
}

clade_status clade_merge_score_parents(clade_merge_subject *subject, const clade_run_session *session)
{
    const clade_experiment *experiment = subject->experiment;
    const size_t before = experiment->base ? 2 : 1;
    scorings list = {.subject = subject, .session = session};
    clade_status status = CLADE_OK;
    const bool wanted = experiment->references || searches_retention(experiment);
    for (size_t p = 0; status == CLADE_OK && wanted && p < experiment->n_parents; p++)
        status = add_reference(&list, before + p, CLADE_SEARCH);
    if (status == CLADE_OK)
        status = score_list(&list);
    free_list(&list);
    if (status == CLADE_OK)
        status = clade_read_retention(session->ledger, experiment, subject->probes, CLADE_SEARCH, subject->retention);
    return status == CLADE_OK ? check_retention(subject) : status;
}

static bool has_holdout(const clade_probes *probes)
{
    for (size_t t = 0; t < probes->n_tasks; t++)
        if (probes->tasks[t].splits[CLADE_HOLDOUT].last > probes->tasks[t].splits[CLADE_HOLDOUT].first)
            return true;
    return false;
}

clade_status clade_merge_score_rest(const clade_merge_subject *subject, const clade_run_session *session,
                                    const clade_archive *front)
{
    const clade_experiment *experiment = subject->experiment;
    const bool holdout = has_holdout(subject->probes);
    char name[NAME_BYTES];
    uint64_t hand_made = 0;
    bool found = false, member = false;
    scorings list = {.subject = subject, .session = session};
    clade_status status = clade_best_hand_made(session->ledger, experiment, &hand_made, &found);
    for (size_t i = 0; status == CLADE_OK && holdout && i < front->count; i++) {
        member = member || front->children[i] == hand_made;
        status = add_member(&list, front->children[i]);
    }
    if (status == CLADE_OK && holdout && found && !member)
        status = add_member(&list, hand_made);
    for (size_t r = 0;
         status == CLADE_OK && experiment->references && clade_reference_name(experiment, r, name, sizeof name); r++) {
        status = add_reference(&list, r, CLADE_SEARCH);
        if (status == CLADE_OK && holdout)
            status = add_reference(&list, r, CLADE_HOLDOUT);
    }
    if (status == CLADE_OK && !holdout)
        clade_log(CLADE_LOG_INFO, "no task has a holdout split: the front is not scored on one");
    if (status == CLADE_OK && list.count > 0)
        clade_log(CLADE_LOG_INFO, "scoring the front and its references: %zu evaluations", list.count);
    if (status == CLADE_OK)
        status = score_list(&list);
    free_list(&list);
    return status;
}
