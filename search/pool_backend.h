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
    unsigned tries;  /* that ended in a fault which may be the child's (CLADE_FAULT_JOB) */
    unsigned losses; /* evaluators that were ended from outside at it (CLADE_FAULT_WORKER) */
    size_t last;     /* the worker of the last of these, counted from 1; 0: none */
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

/* Whose fault a failure is, as far as the backend knows. */
typedef enum clade_fault {
    CLADE_FAULT_NONE, /* a score, or a failure that is a function of the job */
    CLADE_FAULT_JOB, /* a crash, the time limit, memory, bytes that are no score: perhaps the child's, perhaps the machine's */
    CLADE_FAULT_WORKER /* the worker was ended from outside: not the child's */
} clade_fault;

/* What a backend gives for a job. */
typedef struct clade_pool_done {
    clade_pool_job *job; /* the pool's again; NULL: nothing yet */
    size_t worker;       /* who did it, 0 .. the most there ever were - 1 */
    clade_fault fault;
    clade_pool_result result; /* its job number is filled in by the pool */
} clade_pool_done;

typedef struct clade_pool_backend {
    size_t (*workers)(const void *state); /* that live */
    size_t (*retired)(const void *state); /* that were given up; NULL: never any */
    /* Begin what can be begun (clade_pool_take), then give the next result, waiting as clade_pool_wait does.
     * CLADE_EINTERRUPTED when no worker lives any more; a job of a worker that is lost goes back (clade_pool_give_back).
     * What is in DONE is the pool's, also after a failure. */
    clade_status (*wait)(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done);
    /* The last result of WORKER was nonsense, REASON says how: trust it no more. NULL: nothing to do. */
    clade_status (*distrust)(void *state, clade_pool *pool, size_t worker, const char *reason);
    void (*close)(void *state);
} clade_pool_backend;

/* STATE is the pool's from here on (closed with it), also on failure. */
clade_status clade_pool_new(const clade_pool_backend *backend, void *state, clade_pool **pool) CLADE_CHECK_RESULT;
/* The oldest job not begun yet that WORKER should do, the caller's now (clade_pool_give_back, clade_pool_done, or
 * clade_free), or NULL. A job that failed at WORKER last is left to another while more than one lives, so that NULL says
 * nothing of what another worker would get. */
clade_pool_job *clade_pool_take(clade_pool *pool, size_t worker);
/* Whether a job waits that nobody has begun. */
bool clade_pool_has_more(const clade_pool *pool);
/* A job whose worker is lost: it is the next to be taken. Counts as no try. */
void clade_pool_give_back(clade_pool *pool, clade_pool_job *job);
/* The seconds that the evaluation of JOB, which begins, may take; 0: as long as it wants. */
double clade_pool_limit(const clade_pool *pool, const clade_pool_limits *limits, const clade_pool_job *job);

#endif
