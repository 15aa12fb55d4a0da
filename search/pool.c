/* The queue in front of every backend, first in, first out, each job one block of memory; and how often a job is tried. */
#include "search/pool.h"

#include <string.h>

#include "clade/alloc.h"
#include "search/pool_backend.h"

enum { MOST_TRIES = 2, MOST_LOSSES = 5 };
/* The time limit of an evaluation where the user has set none: so many times the longest, and at least so many seconds. */
static const double TIMES_LONGEST = 20.0, LEAST_SECONDS = 600.0;

struct clade_pool {
    const clade_pool_backend *backend;
    void *state;
    clade_pool_job *first, *last; /* not begun */
    size_t pending;               /* submitted, not returned */
    clade_pool_job *given;        /* whose result was returned last, owned; NULL: it was rejected, or there was none */
    size_t giver;                 /* the worker it is of */
    double longest[CLADE_SPLITS]; /* seconds of an evaluation that came to a score */
};

clade_status clade_pool_new(const clade_pool_backend *backend, void *state, clade_pool **out)
{
    *out = NULL;
    clade_pool *pool = clade_calloc(1, sizeof *pool);
    if (!pool) {
        backend->close(state);
        return clade_fail_memory(sizeof *pool, "a pool");
    }
    pool->backend = backend;
    pool->state = state;
    *out = pool;
    return CLADE_OK;
}

size_t clade_pool_workers(const clade_pool *pool)
{
    return pool->backend->workers(pool->state);
}

size_t clade_pool_retired(const clade_pool *pool)
{
    return pool->backend->retired ? pool->backend->retired(pool->state) : 0;
}

size_t clade_pool_pending(const clade_pool *pool)
{
    return pool->pending;
}

double clade_pool_limit(const clade_pool *pool, const clade_pool_limits *limits, const clade_pool_job *job)
{
    const double longest = pool->longest[job->split];
    if (limits->seconds > 0.0)
        return limits->seconds;
    if (!(longest > 0.0))
        return 0.0;
    return TIMES_LONGEST * longest > LEAST_SECONDS ? TIMES_LONGEST * longest : LEAST_SECONDS;
}

/* ---- the queue ---- */

clade_pool_job *clade_pool_take(clade_pool *pool, size_t worker)
{
    clade_pool_job *before = NULL, *job = pool->first;
    while (job && job->last == worker + 1 && clade_pool_workers(pool) > 1) {
        before = job;
        job = job->next;
    }
    if (!job)
        return NULL;
    if (before)
        before->next = job->next;
    else
        pool->first = job->next;
    if (pool->last == job)
        pool->last = before;
    job->next = NULL;
    return job;
}

bool clade_pool_has_more(const clade_pool *pool)
{
    return pool->first != NULL;
}

void clade_pool_give_back(clade_pool *pool, clade_pool_job *job)
{
    job->next = pool->first;
    pool->first = job;
    if (!pool->last)
        pool->last = job;
}

clade_status clade_pool_submit(clade_pool *pool, const clade_job *asked)
{
    const size_t bytes = sizeof(clade_pool_job) + asked->recipe_length + asked->race_length + 2;
    clade_pool_job *job = clade_malloc(bytes);
    if (!job)
        return clade_fail_memory(bytes, "a job");
    *job = (clade_pool_job){.job = asked->number,
                            .split = asked->split,
                            .batch = asked->batch,
                            .items = asked->items,
                            .length = asked->recipe_length,
                            .race_length = asked->race_length};
    memcpy(job->recipe, asked->recipe, job->length);
    job->recipe[job->length] = '\0';
    char *race = job->recipe + job->length + 1;
    if (job->race_length > 0)
        memcpy(race, asked->race, job->race_length);
    race[job->race_length] = '\0';
    if (pool->last)
        pool->last->next = job;
    else
        pool->first = job;
    pool->last = job;
    pool->pending++;
    return CLADE_OK;
}

/* ---- results ---- */

static void forget_given(clade_pool *pool)
{
    clade_free(pool->given);
    pool->given = NULL;
}

/* Whether the machine may have been the reason, so that another try may end otherwise. */
static bool is_doubtful(clade_status status)
{
    return status == CLADE_EIO || status == CLADE_EINTERNAL || status == CLADE_EINPUT;
}

/* The job of DONE goes back to the queue, unless it had all its chances. */
static bool may_try_again(clade_pool *pool, const clade_pool_done *done)
{
    clade_pool_job *job = done->job;
    bool again = false;
    if (done->fault == CLADE_FAULT_WORKER)
        again = ++job->losses < MOST_LOSSES;
    else if (done->fault == CLADE_FAULT_JOB || is_doubtful(done->result.status))
        again = ++job->tries < MOST_TRIES;
    if (again) {
        job->last = done->worker + 1;
        clade_pool_give_back(pool, job);
    }
    return again;
}

clade_status clade_pool_wait(clade_pool *pool, unsigned milliseconds, clade_pool_result *result, bool *got)
{
    *got = false;
    *result = (clade_pool_result){0};
    forget_given(pool);
    if (pool->pending == 0)
        return CLADE_OK;
    for (;;) {
        clade_pool_done done = {0};
        const clade_status status = pool->backend->wait(pool->state, pool, milliseconds, &done);
        if (status != CLADE_OK || !done.job) {
            clade_text_free(&done.result.bytes);
            clade_free(done.job);
            return status;
        }
        if (may_try_again(pool, &done)) {
            clade_text_free(&done.result.bytes);
            continue;
        }
        double *longest = &pool->longest[done.job->split];
        if (done.result.status == CLADE_OK && done.result.seconds > *longest)
            *longest = done.result.seconds;
        pool->given = done.job;
        pool->giver = done.worker;
        pool->pending--;
        *result = done.result;
        result->job = done.job->job;
        *got = true;
        return CLADE_OK;
    }
}

clade_status clade_pool_reject(clade_pool *pool, const char *reason, clade_pool_result *final, bool *again)
{
    *final = (clade_pool_result){.status = CLADE_EEVAL};
    *again = false;
    if (!pool->given)
        return clade_fail(CLADE_EINTERNAL, "pool: found no result to reject (%s)", reason);
    clade_pool_done done = {.job = pool->given, .worker = pool->giver, .fault = CLADE_FAULT_JOB};
    pool->given = NULL;
    final->job = done.job->job;
    clade_text_append(&final->bytes, "what came is no score: %.*s", (int)strcspn(reason, "\n"), reason);
    *again = may_try_again(pool, &done);
    if (*again)
        pool->pending++;
    else
        clade_free(done.job);
    clade_status status = clade_text_status(&final->bytes);
    if (status == CLADE_OK && pool->backend->distrust)
        status = pool->backend->distrust(pool->state, pool, done.worker, reason);
    if (status != CLADE_OK || *again)
        clade_text_free(&final->bytes);
    return status;
}

void clade_pool_close(clade_pool *pool)
{
    if (!pool)
        return;
    forget_given(pool);
    for (clade_pool_job *next, *job = pool->first; job; job = next) {
        next = job->next;
        clade_free(job);
    }
    pool->backend->close(pool->state);
    clade_free(pool);
}
