/* The loop of a run. The coordinator does four things in turn: it writes what arrived and commits and asks as far as
 * the order allows, all in one transaction (one fsync a turn); it submits what was bred; it reports; it waits for the
 * pool. */
#include "search/engine.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/clock.h"
#include "clade/log.h"
#include "search/engine_state.h"

enum { WAIT_MILLISECONDS = 50, EARLY_CHILDREN = 16 };
static const double PROGRESS_INTERVAL = 0.1, BEST_INTERVAL = 2.0,
                    BEST_SHARE = 20.0; /* seconds, seconds, 1/20 of the time */

/* ---- progress, and the best as it is, while the run goes on ---- */

/* Children whose result waits for those before them. */
static uint64_t count_waiting(const clade_engine *engine)
{
    uint64_t waiting = 0;
    for (uint64_t c = engine->committed; c < engine->asked; c++) {
        const clade_slot_state state = engine->slots[c % engine->experiment->window].state;
        waiting += state == CLADE_SLOT_ARRIVED || state == CLADE_SLOT_SETTLED;
    }
    return waiting;
}

static clade_status report(clade_engine *engine, bool last)
{
    const clade_experiment *experiment = engine->experiment;
    const double now = clade_clock_now(), live = now - engine->live_since;
    double best[CLADE_MAX_OBJECTIVES];
    if (!engine->options->progress || (!last && now - engine->last_progress < PROGRESS_INTERVAL))
        return CLADE_OK;
    clade_progress progress = {.committed = engine->committed,
                               .failed = engine->failed,
                               .budget_children = experiment->children,
                               .in_flight = engine->asked - engine->committed,
                               .waiting = count_waiting(engine),
                               .images = engine->images,
                               .seconds = engine->seconds_before + now - engine->started,
                               .workers = clade_pool_workers(engine->pool),
                               .workers_retired = clade_pool_retired(engine->pool),
                               .eta_seconds = -1.0,
                               .front = engine->front.count,
                               .hypervolume = engine->hypervolume,
                               .best = best};
    const uint64_t fresh = engine->committed - engine->replayed;
    if (fresh > 0 && live > 0.0)
        progress.children_per_second = (double)fresh / live;
    if (progress.children_per_second > 0.0 && experiment->children >= engine->committed)
        progress.eta_seconds = (double)(experiment->children - engine->committed) / progress.children_per_second;
    for (size_t k = 0; k < experiment->n_objectives; k++) {
        best[k] = NAN;
        for (size_t i = 0; i < engine->front.count; i++)
            best[k] = fmin(best[k], engine->front.points[i * experiment->n_objectives + k]);
    }
    clade_flip_objectives(experiment, best, best);
    engine->options->progress(engine->options->context, experiment, &progress);
    engine->last_progress = now;
    return CLADE_OK;
}

/* The subject follows the search, but takes no more than a small share of the time. */
static clade_status follow_best(clade_engine *engine)
{
    const clade_subject *subject = engine->subject;
    const clade_run_session session = clade_engine_session(engine);
    const double start = clade_clock_now();
    if (!subject->kind->follow || engine->front.count == 0 || engine->committed <= engine->replayed ||
        start < engine->next_best)
        return CLADE_OK;
    const size_t best = clade_archive_best(&engine->front, engine->experiment, engine->experiment->best);
    const uint64_t child = engine->front.children[best];
    if (child == engine->best_written)
        return CLADE_OK;
    CLADE_TRY(subject->kind->follow(subject->state, &session, child));
    const double end = clade_clock_now();
    engine->best_written = child;
    engine->next_best = end + fmax(BEST_INTERVAL, BEST_SHARE * (end - start));
    return CLADE_OK;
}

/* ---- the loop ---- */

static clade_slot *arrived_slot(const clade_engine *engine, size_t i)
{
    return &engine->slots[engine->arrived[i] % engine->experiment->window];
}

/* All of what arrived, or nothing. */
static clade_status write_arrived(clade_engine *engine)
{
    for (size_t i = 0; i < engine->n_arrived; i++)
        CLADE_TRY(clade_ledger_put_evaluation(engine->ledger, &arrived_slot(engine, i)->result));
    CLADE_TRY(clade_ledger_keep(engine->ledger));
    for (size_t i = 0; i < engine->n_arrived; i++)
        arrived_slot(engine, i)->state = CLADE_SLOT_SETTLED;
    engine->n_arrived = 0;
    return CLADE_OK;
}

/* Write what arrived, which stays whatever else fails; then ask and commit as far as the order allows. Asking comes
 * first: a child is bred before any more are told. */
static clade_status advance(clade_engine *engine)
{
    if (engine->n_arrived > 0)
        CLADE_TRY(write_arrived(engine));
    for (;;) {
        bool may = false;
        CLADE_TRY(clade_engine_may_ask(engine, &may));
        if (may)
            CLADE_TRY(clade_engine_ask(engine));
        else if (clade_engine_may_commit(engine))
            CLADE_TRY(clade_engine_commit(engine));
        else
            return CLADE_OK;
    }
}

static clade_status submit(clade_engine *engine)
{
    if (engine->submitted < engine->committed) /* a replay's need no pool */
        engine->submitted = engine->committed;
    for (; engine->submitted < engine->asked; engine->submitted++) {
        clade_slot *slot = &engine->slots[engine->submitted % engine->experiment->window];
        if (slot->state != CLADE_SLOT_NEW)
            continue;
        const clade_job job = {.number = engine->submitted,
                               .split = CLADE_SEARCH,
                               .recipe = clade_text_get(&slot->recipe),
                               .recipe_length = slot->recipe.length,
                               .batch = slot->batch,
                               .items = slot->items,
                               .race = clade_text_get(&slot->race),
                               .race_length = slot->race.length};
        CLADE_TRY(clade_pool_submit(engine->pool, &job));
        clade_text_free(&slot->recipe);
        clade_text_free(&slot->race);
        slot->state = CLADE_SLOT_WAITING;
    }
    return CLADE_OK;
}

/* All results there are, waiting a little for the first. */
static clade_status collect(clade_engine *engine)
{
    bool got = true;
    for (unsigned wait = WAIT_MILLISECONDS; got; wait = 0) {
        clade_pool_result result;
        CLADE_TRY(clade_pool_wait(engine->pool, wait, &result, &got));
        if (got)
            CLADE_TRY(clade_engine_arrive(engine, &result));
    }
    return CLADE_OK;
}

/* The ledger knows of workers that were given up: `clade status` shows them. */
static clade_status note_retired(clade_engine *engine)
{
    char detail[64];
    const size_t retired = clade_pool_retired(engine->pool);
    if (retired == engine->retired)
        return CLADE_OK;
    engine->retired = retired;
    snprintf(detail, sizeof detail, "{\"workers\":%zu,\"retired\":%zu}", clade_pool_workers(engine->pool), retired);
    return clade_ledger_put_event(engine->ledger, "workers", detail);
}

/* When nothing works from the start, the experiment is wrong, and its budget is better kept. */
static clade_status check_failures(const clade_engine *engine, bool finished)
{
    const uint64_t early = engine->n_first > 0 && engine->n_first < EARLY_CHILDREN ? engine->n_first : EARLY_CHILDREN;
    if (engine->committed == 0 || engine->failed < engine->committed || (engine->committed < early && !finished))
        return CLADE_OK;
    return clade_fail(CLADE_EEVAL, "all of the first %llu children failed; the first one: %s",
                      (unsigned long long)engine->committed, clade_text_get(&engine->first_failure));
}

static clade_status run_loop(clade_engine *engine)
{
    for (bool replay = true;; replay = false) {
        CLADE_TRY(clade_ledger_begin(engine->ledger));
        CLADE_TRY(advance(engine));
        CLADE_TRY(clade_ledger_end(engine->ledger));
        if (replay) { /* the first turn uses up all that the ledger has */
            engine->replayed = engine->committed;
            engine->live_since = clade_clock_now();
            if (engine->replayed > 0)
                clade_log(CLADE_LOG_INFO, "going on after %llu children", (unsigned long long)engine->replayed);
        }
        const bool finished = engine->closed && engine->committed == engine->asked;
        CLADE_TRY(check_failures(engine, finished));
        CLADE_TRY(report(engine, finished));
        if (finished)
            return CLADE_OK;
        if (engine->options->stop && *engine->options->stop)
            return clade_fail(CLADE_EINTERRUPTED, "stopped");
        CLADE_TRY(submit(engine));
        CLADE_TRY(follow_best(engine));
        CLADE_TRY(collect(engine));
        CLADE_TRY(note_retired(engine));
    }
}

/* ---- the end ---- */

/* The subject's part, and a word in the ledger. A run that is finished already is left as it is. */
static clade_status finish(clade_engine *engine)
{
    const clade_subject *subject = engine->subject;
    const clade_run_session session = clade_engine_session(engine);
    clade_text last = {0};
    bool found = false;
    clade_status status = clade_ledger_get_meta(engine->ledger, "finished", &last, &found);
    const bool finished = found && strcmp(clade_text_get(&last), engine->run_hash) == 0;
    clade_text_free(&last);
    if (status == CLADE_OK)
        status = subject->kind->finish(subject->state, &session, &engine->front, finished);
    if (status == CLADE_OK && !finished)
        status = clade_ledger_put_meta(engine->ledger, "finished", engine->run_hash);
    if (status == CLADE_OK && !finished)
        status = clade_ledger_put_event(engine->ledger, "finished", engine->run_hash);
    return status;
}

/* What arrived since the last turn, which a session that fails would take with it. */
static clade_status keep_arrived(clade_engine *engine)
{
    clade_status status = CLADE_OK;
    if (engine->n_arrived > 0) {
        status = clade_ledger_begin(engine->ledger);
        if (status == CLADE_OK)
            status = write_arrived(engine);
        if (status == CLADE_OK)
            status = clade_ledger_end(engine->ledger);
        clade_ledger_cancel(engine->ledger);
    }
    return status;
}

/* REASON: "stopped", or what else can be gone on from. */
static clade_status end_interrupted(clade_engine *engine, const char *reason)
{
    char detail[64];
    const unsigned long long committed = engine->committed;
    clade_log_record(CLADE_LOG_INFO, CLADE_LOG_NOBODY, "session ends: %s after %llu children", reason, committed);
    snprintf(detail, sizeof detail, "{\"committed\":%llu}", committed);
    CLADE_TRY(clade_ledger_put_event(engine->ledger, "interrupted", detail));
    return clade_fail(CLADE_EINTERRUPTED, "%s after %llu children; everything is kept, to go on: clade resume %s",
                      reason, committed, engine->options->run_folder);
}

/* Say in the ledger how the session ended, and to the user what to do. */
static clade_status end_session(clade_engine *engine, clade_status status)
{
    char message[CLADE_MESSAGE_BYTES];
    snprintf(message, sizeof message, "%s", clade_error_message());
    clade_ledger_cancel(engine->ledger);
    const clade_status kept = keep_arrived(engine);
    if (status == CLADE_EINTERRUPTED)
        return kept == CLADE_OK ? end_interrupted(engine, message) : kept;
    if (status == CLADE_OK)
        clade_log_record(CLADE_LOG_INFO, CLADE_LOG_NOBODY, "session ends: finished after %llu children",
                         (unsigned long long)engine->committed);
    else
        clade_log_record(CLADE_LOG_ERROR, CLADE_LOG_NOBODY, "session ends: %s", message);
    if (status == CLADE_OK)
        return status;
    if (status != CLADE_EIO) /* with a full disk there is nothing more to write */
        (void)!clade_ledger_put_event(engine->ledger, "error", message);
    return clade_fail(status, "%s", message);
}

clade_status clade_engine_run(const clade_experiment *experiment, const clade_subject *subject, clade_pool *pool,
                              const clade_engine_options *options)
{
    clade_engine engine = {.experiment = experiment, .subject = subject, .pool = pool, .options = options};
    clade_status status = clade_engine_open(&engine);
    const bool opened = status == CLADE_OK;
    if (opened)
        clade_log_record(CLADE_LOG_INFO, CLADE_LOG_NOBODY, "session begins: %zu workers, process %ld",
                         clade_pool_workers(pool), (long)getpid());
    if (status == CLADE_OK)
        status = clade_engine_begin(&engine);
    if (status == CLADE_OK)
        status = run_loop(&engine);
    if (status == CLADE_OK)
        status = finish(&engine);
    if (opened)
        status = end_session(&engine, status);
    else /* the log is there once the ledger is */
        clade_log_record(CLADE_LOG_ERROR, CLADE_LOG_NOBODY, "session does not begin: %s", clade_error_message());
    clade_engine_close(&engine);
    return status;
}
