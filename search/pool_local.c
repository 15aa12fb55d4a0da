/* The pool within this process: a job is done when its result is waited for. For closed forms, benches and tests, whose
 * evaluations need no process of their own. */
#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/pool_backend.h"

static size_t local_workers(const void *state)
{
    (void)state;
    return 1;
}

static clade_status local_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    const clade_evaluator *evaluator = state;
    if (milliseconds == 0)
        return CLADE_OK;
    clade_pool_job *job = clade_pool_take(pool, 0);
    if (!job)
        return CLADE_OK;
    clade_pool_result *result = &done->result;
    const double start = clade_clock_now();
    const clade_job asked = clade_pool_job_of(job);
    result->status = evaluator->evaluate(evaluator->context, &asked, &result->bytes);
    if (result->status != CLADE_OK) {
        clade_text_clear(&result->bytes);
        clade_text_append(&result->bytes, "%s", clade_error_message());
    }
    result->seconds = clade_clock_now() - start;
    done->job = job;
    return CLADE_OK;
}

clade_status clade_pool_open_local(const clade_evaluator *evaluator, clade_pool **pool)
{
    static const clade_pool_backend local = {.workers = local_workers, .wait = local_wait, .close = clade_free};
    *pool = NULL;
    clade_evaluator *copy = clade_malloc(sizeof *copy);
    if (!copy)
        return clade_fail_memory(sizeof *copy, "a pool");
    *copy = *evaluator;
    return clade_pool_new(&local, copy, pool);
}
