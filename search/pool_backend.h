/* What carries out a pool's jobs: this process, MPI ranks, or a test. pool.c keeps the queue and the counts for all of
 * them. */
#ifndef CLADE_POOL_BACKEND_H
#define CLADE_POOL_BACKEND_H

#include "search/pool.h"

/* A job in the queue, one block of memory. */
typedef struct clade_pool_job {
    struct clade_pool_job *next;
    uint64_t job;
    clade_split split;
    uint64_t batch, items;
    size_t length, race_length;
    char recipe[]; /* (length), and a NUL; then the race (race_length), and a NUL */
} clade_pool_job;

/* The job as a worker takes it; borrows from QUEUED. */
static inline clade_job clade_pool_job_of(const clade_pool_job *queued)
{
    return (clade_job){.number = queued->job,
                       .split = queued->split,
                       .batch = queued->batch,
                       .items = queued->items,
                       .recipe = queued->recipe,
                       .recipe_length = queued->length,
                       .race = queued->recipe + queued->length + 1,
                       .race_length = queued->race_length};
}

typedef struct clade_pool_backend {
    size_t (*workers)(const void *state);
    /* Begin what can be begun (clade_pool_take), then give the next result as clade_pool_wait does. */
    clade_status (*wait)(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_result *result, bool *got);
    void (*close)(void *state);
} clade_pool_backend;

/* STATE is the pool's from here on (closed with it), also on failure. */
clade_status clade_pool_new(const clade_pool_backend *backend, void *state, clade_pool **pool) CLADE_CHECK_RESULT;
/* The oldest job not begun yet, the caller's now (clade_free), or NULL. */
clade_pool_job *clade_pool_take(clade_pool *pool);

#endif
