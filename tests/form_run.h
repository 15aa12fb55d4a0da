/* A run of a closed-form problem: the engine and the ledger without models, through a pool that gives results in any
 * order, may ask the run to stop and may kill the process. */
#ifndef CLADE_FORM_RUN_H
#define CLADE_FORM_RUN_H

#include "test.h"

#include <signal.h>

#include "clade/log.h"
#include "search/engine.h"
#include "search/pool_backend.h"
#include "search/subject_form.h"

enum { FORM_HELD = 64 };

/* ---- the pool ---- */

typedef struct form_pool {
    clade_evaluator evaluator;
    size_t workers; /* jobs held at once; results come back in random order when there are more than one */
    clade_rng rng;
    size_t stop_after; /* results after which STOP is set; 0: never */
    size_t kill_after; /* results after which the process is killed; 0: never */
    size_t fail_after; /* results after which the pool itself fails, with FAILURE; 0: never */
    clade_status failure;
    volatile int stop;
    size_t delivered;
    clade_pool_job *held[FORM_HELD];
    size_t n_held;
} form_pool;

static inline form_pool form_pool_of(const clade_problem_form *form, size_t workers, uint64_t seed)
{
    return (form_pool){.evaluator = clade_form_evaluator(form), .workers = workers, .rng = clade_rng_seeded(seed, 11)};
}

static inline size_t form_workers(const void *state)
{
    return ((const form_pool *)state)->workers;
}

static inline clade_status form_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    form_pool *self = state;
    (void)milliseconds;
    if (self->fail_after > 0 && self->delivered >= self->fail_after)
        return clade_fail(self->failure, "no worker is left");
    while (self->n_held < self->workers) {
        clade_pool_job *job = clade_pool_take(pool, 1); /* not who gives the results: it may try again */
        if (!job)
            break;
        self->held[self->n_held++] = job;
    }
    if (self->n_held == 0 || (self->workers > 1 && clade_rng_below(&self->rng, 3) == 0))
        return CLADE_OK;
    clade_pool_result *result = &done->result;
    const size_t pick = clade_rng_below(&self->rng, self->n_held);
    clade_pool_job *job = self->held[pick];
    self->held[pick] = self->held[--self->n_held];
    const clade_job asked = clade_pool_job_of(job);
    result->rank = 1 + (int)pick;
    result->status = self->evaluator.evaluate(self->evaluator.context, &asked, &result->bytes);
    if (result->status != CLADE_OK) {
        clade_text_clear(&result->bytes);
        clade_text_append(&result->bytes, "%s", clade_error_message());
    }
    done->job = job;
    self->delivered++;
    if (self->kill_after > 0 && self->delivered > self->kill_after)
        raise(SIGKILL);
    if (self->stop_after > 0 && self->delivered >= self->stop_after)
        self->stop = 1;
    return CLADE_OK;
}

static inline void form_close(void *state)
{
    form_pool *self = state;
    for (size_t i = 0; i < self->n_held; i++)
        clade_free(self->held[i]);
    self->n_held = 0;
}

static const clade_pool_backend form_backend = {.workers = form_workers, .wait = form_wait, .close = form_close};

/* ---- runs ---- */

/* ALGORITHM on FORM with a small population where it has one of a fixed size. */
static inline clade_status form_experiment(const clade_problem_form *form, const clade_algorithm *algorithm,
                                           uint64_t children, size_t window, clade_experiment **experiment)
{
    const size_t population = clade_algorithm_parameter(algorithm, "population");
    CLADE_TRY(clade_experiment_of_form(form, algorithm, 7, children, window, experiment));
    if (population < algorithm->n_parameters && (*experiment)->algorithm_parameters[population] > 0)
        (*experiment)->algorithm_parameters[population] = 8;
    return CLADE_OK;
}

/* Go on with the run in PATH, or begin it where there is none. */
static inline clade_status form_session(const char *path, const clade_experiment *experiment, form_pool *settings)
{
    struct stat info;
    clade_subject subject = {0};
    clade_pool *pool = NULL;
    settings->stop = 0;
    settings->delivered = 0;
    if (stat(path, &info) != 0)
        CLADE_TRY(clade_run_create(experiment, path));
    const clade_engine_options options = {.run_folder = path, .stop = &settings->stop};
    clade_status status = clade_subject_form_new(experiment, &subject);
    if (status == CLADE_OK)
        status = clade_pool_new(&form_backend, settings, &pool);
    if (status == CLADE_OK)
        status = clade_engine_run(experiment, &subject, pool, &options);
    clade_pool_close(pool);
    clade_subject_free(&subject);
    return status;
}

/* The commits of the run in PATH: OBJECTIVES (most, n_objectives), NAN of a failed child; HASH of the last. */
static inline size_t form_commits(const char *path, double *objectives, size_t most, char hash[CLADE_SHA256_HEX])
{
    clade_ledger *ledger = NULL;
    clade_commit_row row;
    size_t count = 0;
    bool found = false;
    assert_ok(clade_run_ledger(path, &ledger));
    for (;; count++) {
        assert_ok(clade_ledger_get_commit(ledger, count, &row, &found));
        if (!found)
            break;
        assert_true(count < most);
        memcpy(objectives + count * row.n_objectives, row.objectives, row.n_objectives * sizeof *objectives);
        memcpy(hash, row.hash, CLADE_SHA256_HEX);
    }
    clade_ledger_close(ledger);
    return count;
}

/* Thousands of fsyncs, of which no disk is tested: in memory where there is a folder for it. */
static inline void form_fast_disk(void)
{
    clade_log_set_level(CLADE_LOG_ERROR);
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
}

#endif
