/* A session of a run: from the folder to an engine that can go on, and back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/engine_state.h"
#include "search/run_folder.h"

/* ---- the session ---- */

/* Whether the run moved and nothing was scored again since: sessions end before they come to that. */
static clade_status is_unchecked(clade_ledger *ledger, bool *unchecked)
{
    clade_text ignored = {0};
    const clade_status status =
        clade_ledger_get_event_since(ledger, "platform changed", "platform checked", &ignored, unchecked);
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

/* The member "asked" of an event "stop". */
static clade_status parse_stop(const clade_text *detail, uint64_t *asked)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_parse(clade_text_get(detail), detail->length, "event stop", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), at = clade_json_member(&root, "asked");
    (void)clade_json_u64(&at, &problems, asked);
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

/* Where the seconds ended the run, unless its budget was raised since. */
static clade_status read_stop(clade_engine *engine)
{
    clade_text detail = {0};
    bool found = false;
    engine->stop_at = UINT64_MAX;
    clade_status status = clade_ledger_get_event_since(engine->ledger, "stop", "budget", &detail, &found);
    if (status == CLADE_OK && found)
        status = parse_stop(&detail, &engine->stop_at);
    clade_text_free(&detail);
    return status;
}

/* How many seconds the run has used since the last extension, if there was one. Rules on the front begin anew there, too. */
static clade_status read_clock(clade_engine *engine)
{
    clade_ledger_counts counts;
    clade_series_row last;
    bool has_last = false;
    double forgiven = 0.0;
    CLADE_TRY(clade_ledger_count(engine->ledger, &counts));
    CLADE_TRY(clade_budget_begun(engine->ledger, &forgiven, &engine->extended_at));
    CLADE_TRY(clade_ledger_last_series(engine->ledger, UINT64_MAX, &last, &has_last));
    engine->used_before = counts.wall_seconds - forgiven;
    /* Times in the ledger are of another clock than the series': it must not go back. */
    engine->seconds_before = has_last && last.seconds > counts.wall_seconds ? last.seconds : counts.wall_seconds;
    return CLADE_OK;
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

/* The end of PATH, to write there. In a folder from somebody else a link would be any file, and a pipe would wait. */
static clade_status open_log(const char *path, FILE **log)
{
    struct stat info;
    const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    const bool is_other = file < 0 ? errno == ELOOP || errno == ENXIO || errno == EISDIR
                                   : fstat(file, &info) == 0 && !S_ISREG(info.st_mode);
    *log = file >= 0 && !is_other ? fdopen(file, "a") : NULL;
    if (*log)
        return CLADE_OK;
    const clade_status status =
        is_other ? clade_fail(CLADE_EINPUT, "%s: is no file itself, but a link or the like; remove it", path)
                 : clade_fail_errno(path, "open");
    if (file >= 0)
        (void)close(file);
    return status;
}

static clade_status open_files(clade_engine *engine)
{
    const char *folder = engine->options->run_folder;
    char *database = clade_path_join(folder, "run.db"), *log = clade_path_join(folder, "log.txt");
    clade_status status = database && log ? clade_ledger_open(database, true, &engine->ledger)
                                          : clade_fail_memory(strlen(folder) + 16, "a path");
    if (status == CLADE_OK)
        status = open_log(log, &engine->log);
    if (status == CLADE_OK)
        clade_log_set_file(engine->log);
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
    CLADE_TRY(read_stop(engine));
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
