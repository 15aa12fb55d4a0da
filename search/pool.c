/* The queue in front of every backend: first in, first out, each job one block of memory. */
#include "search/pool.h"

#include <string.h>

#include "clade/alloc.h"
#include "search/pool_backend.h"

struct clade_pool {
    const clade_pool_backend *backend;
    void *state;
    clade_pool_job *first, *last; /* not begun */
    size_t pending;               /* submitted, not returned */
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

clade_pool_job *clade_pool_take(clade_pool *pool)
{
    clade_pool_job *job = pool->first;
    if (job)
        pool->first = job->next;
    if (!pool->first)
        pool->last = NULL;
    return job;
}

size_t clade_pool_workers(const clade_pool *pool)
{
    return pool->backend->workers(pool->state);
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

size_t clade_pool_pending(const clade_pool *pool)
{
    return pool->pending;
}

clade_status clade_pool_wait(clade_pool *pool, unsigned milliseconds, clade_pool_result *result, bool *got)
{
    *got = false;
    *result = (clade_pool_result){0};
    if (pool->pending == 0)
        return CLADE_OK;
    CLADE_TRY(pool->backend->wait(pool->state, pool, milliseconds, result, got));
    if (*got)
        pool->pending--;
    return CLADE_OK;
}

void clade_pool_close(clade_pool *pool)
{
    if (!pool)
        return;
    for (clade_pool_job *job = clade_pool_take(pool); job; job = clade_pool_take(pool))
        clade_free(job);
    pool->backend->close(pool->state);
    clade_free(pool);
}
