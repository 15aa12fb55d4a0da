/* A session of a run: from the folder to an engine that can go on, and back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/engine_state.h"

/* ---- the session ---- */

/* Whether the run moved and nothing was scored again since: sessions end before they come to that. */
static clade_status is_unchecked(clade_ledger *ledger, bool *unchecked)
{
    clade_text ignored = {0};
    uint64_t changed = 0, checked = 0;
    bool has_changed = false, has_checked = false;
    clade_status status = clade_ledger_get_event(ledger, "platform changed", &ignored, &changed, &has_changed);
    if (status == CLADE_OK)
        status = clade_ledger_get_event(ledger, "platform checked", &ignored, &checked, &has_checked);
    *unchecked = has_changed && (!has_checked || checked < changed);
    clade_text_free(&ignored);
    return status;
}

/* Another platform may give other last bits: the run goes on, and its record says where it moved. */
static clade_status begin_session(clade_engine *engine)
{
    clade_text now = {0}, before = {0};
    bool found = false;
    char detail[64];
    clade_platform_print(&now);
    clade_status status = clade_text_status(&now);
    if (status == CLADE_OK)
        status = clade_ledger_get_platform(engine->ledger, &before, &found);
    const bool moved = found && strcmp(clade_text_get(&before), clade_text_get(&now)) != 0;
    if (status == CLADE_OK)
        status = clade_ledger_begin(engine->ledger); /* what it moved to and that it moved: both or neither */
    if (status == CLADE_OK)
        status = clade_ledger_put_platform(engine->ledger, clade_text_get(&now));
    snprintf(detail, sizeof detail, "{\"workers\":%zu,\"process\":%ld}", clade_pool_workers(engine->pool),
             (long)getpid());
    if (status == CLADE_OK)
        status = clade_ledger_put_event(engine->ledger, "session", detail);
    if (status == CLADE_OK && moved) {
        clade_log(CLADE_LOG_WARNING,
                  "this session runs on another platform than the last one; scores may differ in their last bits from "
                  "those of an uninterrupted run (before: %s; now: %s)",
                  clade_text_get(&before), clade_text_get(&now));
        status = clade_ledger_put_event(engine->ledger, "platform changed", clade_text_get(&now));
    }
    if (status == CLADE_OK)
        status = clade_ledger_end(engine->ledger);
    if (status == CLADE_OK)
        status = is_unchecked(engine->ledger, &engine->unchecked);
    clade_text_free(&now);
    clade_text_free(&before);
    return status;
}

/* ---- the budget of seconds ---- */

/* The number KEY of an event's JSON; absent, where it is OPTIONAL: *OUT stays. */
static clade_status number_of(const clade_text *detail, const char *kind, const char *key, bool optional, double *out)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(detail), detail->length, kind, CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), member = clade_json_member(&root, key);
    if (!optional || clade_json_kind_of(&member) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&member, &problems, 0.0, 0x1p53, out);
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

/* Where the seconds ended the run, and how many it has used: both since the last extension, if there was one. Rules on
 * the front begin anew there, too. */
static clade_status read_clock(clade_engine *engine)
{
    clade_text detail = {0};
    clade_ledger_counts counts;
    clade_series_row last;
    uint64_t extended = 0, stopped = 0;
    bool has_extension = false, has_stop = false, has_last = false;
    double at_extension = 0.0, bred = 0.0, asked = 0.0;
    clade_status status = clade_ledger_count(engine->ledger, &counts);
    if (status == CLADE_OK)
        status = clade_ledger_get_event(engine->ledger, "budget", &detail, &extended, &has_extension);
    if (status == CLADE_OK && has_extension)
        status = number_of(&detail, "event budget", "wall_seconds", false, &at_extension);
    if (status == CLADE_OK && has_extension)
        status = number_of(&detail, "event budget", "bred", true, &bred);
    if (status == CLADE_OK)
        status = clade_ledger_get_event(engine->ledger, "stop", &detail, &stopped, &has_stop);
    if (status == CLADE_OK && has_stop)
        status = number_of(&detail, "event stop", "asked", false, &asked);
    if (status == CLADE_OK)
        status = clade_ledger_last_series(engine->ledger, UINT64_MAX, &last, &has_last);
    engine->stop_at = has_stop && (!has_extension || stopped > extended) ? (uint64_t)asked : UINT64_MAX;
    engine->used_before = counts.wall_seconds - at_extension;
    /* Times in the ledger are of another clock than the series': it must not go back. */
    engine->seconds_before = has_last && last.seconds > counts.wall_seconds ? last.seconds : counts.wall_seconds;
    engine->extended_at = (uint64_t)bred;
    clade_text_free(&detail);
    return status;
}

/* ---- the search ---- */

static clade_status open_slots(clade_engine *engine)
{
    const size_t window = engine->experiment->window, bytes = engine->space->n_genes * sizeof(double);
    engine->slots = clade_calloc(window, sizeof *engine->slots);
    engine->arrived = clade_calloc(window, sizeof *engine->arrived);
    if (!engine->slots || !engine->arrived)
        return clade_fail_memory(window * sizeof *engine->slots, "the children in flight");
    for (size_t i = 0; i < window; i++) {
        engine->slots[i].genome = clade_calloc(1, bytes);
        if (!engine->slots[i].genome)
            return clade_fail_memory(bytes, "a genome");
    }
    return CLADE_OK;
}

clade_status clade_engine_begin(clade_engine *engine)
{
    const clade_experiment *experiment = engine->experiment;
    const clade_run_session session = clade_engine_session(engine);
    clade_search_problem problem = {.n_objectives = experiment->n_objectives,
                                    .seed = experiment->seed,
                                    .window = experiment->window,
                                    .parameters = experiment->algorithm_parameters,
                                    .children = experiment->planned > 0 ? experiment->planned : experiment->children,
                                    .images = experiment->planned_images > 0 ? experiment->planned_images
                                                                             : experiment->images,
                                    .line_share = experiment->line_share};
    CLADE_TRY(engine->subject->kind->begin(engine->subject->state, &session, &problem));
    engine->space = problem.space;
    engine->n_first = problem.n_first;
    engine->front.n_objectives = experiment->n_objectives;
    CLADE_TRY(open_slots(engine));
    if (engine->unchecked)
        CLADE_TRY(clade_engine_check_platform(engine));
    return clade_levels_create(experiment->algorithm, &problem, &experiment->preselect, &engine->levels);
}

/* ---- files ---- */

clade_run_session clade_engine_session(const clade_engine *engine)
{
    return (clade_run_session){.folder = engine->options->run_folder,
                               .ledger = engine->ledger,
                               .pool = engine->pool,
                               .stop = engine->options->stop};
}

static clade_status open_files(clade_engine *engine)
{
    const char *folder = engine->options->run_folder;
    char *database = clade_path_join(folder, "run.db"), *log = clade_path_join(folder, "log.txt");
    clade_status status = database && log ? clade_ledger_open(database, true, &engine->ledger)
                                          : clade_fail_memory(strlen(folder) + 16, "a path");
    if (status == CLADE_OK) {
        engine->log = fopen(log, "a");
        if (!engine->log)
            status = clade_fail_errno(log, "open");
        clade_log_set_file(engine->log);
    }
    clade_free(database);
    clade_free(log);
    return status;
}

clade_status clade_engine_open(clade_engine *engine)
{
    engine->started = engine->live_since = clade_clock_now();
    engine->best_written = UINT64_MAX;
    memset(engine->run_hash, '0', CLADE_SHA256_HEX - 1);
    CLADE_TRY(open_files(engine));
    CLADE_TRY(read_clock(engine));
    CLADE_TRY(begin_session(engine));
    const clade_run_session session = clade_engine_session(engine);
    return engine->subject->kind->check(engine->subject->state, &session);
}

void clade_engine_close(clade_engine *engine)
{
    const size_t window = engine->slots ? engine->experiment->window : 0;
    for (size_t i = 0; i < window; i++) {
        clade_free(engine->slots[i].genome);
        clade_text_free(&engine->slots[i].recipe);
        clade_text_free(&engine->slots[i].race);
        clade_outcome_fini(&engine->slots[i].outcome);
        clade_evaluation_row_fini(&engine->slots[i].result);
    }
    clade_free(engine->slots);
    clade_free(engine->arrived);
    clade_levels_destroy(engine->levels);
    clade_engine_free_rivals(engine);
    clade_item_answers_fini(&engine->answers);
    clade_guard_fini(&engine->guard);
    clade_archive_fini(&engine->front);
    clade_text_free(&engine->first_failure);
    clade_ledger_close(engine->ledger);
    clade_log_set_file(NULL);
    if (engine->log)
        (void)fclose(engine->log);
}
