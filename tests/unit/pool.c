/* The queue in front of every backend. */
#include "near.h"
#include "test.h"

#include "search/pool_backend.h"

/* Does nothing with a job but give it back, the newest of those held first. */
typedef struct backend_state {
    clade_pool_job *held[8];
    size_t n_held, most, closed;
} backend_state;

static size_t count_workers(const void *state)
{
    return ((const backend_state *)state)->most;
}

static clade_status do_newest(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    backend_state *self = state;
    while (self->n_held < self->most) {
        clade_pool_job *job = clade_pool_take(pool, self->n_held);
        if (!job)
            break;
        self->held[self->n_held++] = job;
    }
    if (milliseconds == 0 || self->n_held == 0)
        return CLADE_OK;
    clade_pool_job *job = self->held[--self->n_held];
    const clade_job asked = clade_pool_job_of(job);
    assert_int_equal(asked.number, job->job);
    assert_int_equal(strlen(asked.recipe), asked.recipe_length);
    assert_int_equal(strlen(asked.race), asked.race_length);
    clade_text_append(&done->result.bytes, "%s %s%s", clade_split_name(asked.split), asked.recipe, asked.race);
    done->job = job;
    return clade_text_status(&done->result.bytes);
}

static void close_backend(void *state)
{
    backend_state *self = state;
    for (size_t i = 0; i < self->n_held; i++)
        clade_free(self->held[i]);
    self->closed++;
}

static const clade_pool_backend backend = {.workers = count_workers, .wait = do_newest, .close = close_backend};

static void submit(clade_pool *pool, uint64_t job, const char *text)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s and what is not sent", text);
    const clade_job asked = {.number = job,
                             .split = job % 2 ? CLADE_HOLDOUT : CLADE_SEARCH,
                             .recipe = copy,
                             .recipe_length = strlen(text),
                             .race = " and", /* odd numbers race */
                             .race_length = job % 2 ? 2 : 0};
    assert_ok(clade_pool_submit(pool, &asked));
    memset(copy, 'x', sizeof copy); /* the bytes were copied */
}

static void expect(clade_pool *pool, uint64_t job, const char *bytes)
{
    clade_pool_result result;
    bool got = false;
    assert_ok(clade_pool_wait(pool, 1, &result, &got));
    assert_true(got);
    assert_int_equal(result.job, job);
    assert_string_equal(clade_text_get(&result.bytes), bytes);
    clade_text_free(&result.bytes);
}

static void jobs_begin_in_order(void **state)
{
    (void)state;
    backend_state one = {.most = 1};
    clade_pool *pool = NULL;
    clade_pool_result result;
    bool got = true;
    assert_ok(clade_pool_new(&backend, &one, &pool));
    assert_int_equal(clade_pool_workers(pool), 1);
    assert_ok(clade_pool_wait(pool, 1, &result, &got)); /* nothing there: no waiting, no result */
    assert_false(got);
    submit(pool, 4, "four");
    submit(pool, 7, "seven");
    submit(pool, 2, "");
    assert_int_equal(clade_pool_pending(pool), 3);
    assert_ok(clade_pool_wait(pool, 0, &result, &got));
    assert_false(got);
    assert_int_equal(clade_pool_pending(pool), 3);
    expect(pool, 4, "search four");
    assert_int_equal(clade_pool_pending(pool), 2);
    submit(pool, 9, "nine");
    expect(pool, 7, "holdout seven a");
    expect(pool, 2, "search ");
    expect(pool, 9, "holdout nine a");
    assert_int_equal(clade_pool_pending(pool), 0);
    submit(pool, 1, "again"); /* after it was empty */
    expect(pool, 1, "holdout again a");
    clade_pool_close(pool);
    assert_int_equal(one.closed, 1);
    assert_int_equal(clade_alloc_live(), 0);
}

static void closing_drops_what_is_left(void **state)
{
    (void)state;
    backend_state three = {.most = 3};
    clade_pool *pool = NULL;
    assert_ok(clade_pool_new(&backend, &three, &pool));
    for (uint64_t job = 0; job < 6; job++)
        submit(pool, job, "work");
    expect(pool, 2, "search work"); /* 0, 1 and 2 begun; the newest came back */
    clade_pool_close(pool);
    clade_pool_close(NULL);
    assert_int_equal(clade_alloc_live(), 0);
}

/* ---- tries ---- */

/* How attempts end, in order; then all is well. */
typedef struct attempt {
    clade_fault fault;
    clade_status status;
} attempt;

/* One job at a time, done by whichever worker gets it, the first one asked first. */
typedef struct failing {
    const attempt *plan; /* (n_plan) */
    size_t n_plan, n_done, workers;
    size_t by[16];     /* who did each */
    size_t distrusted; /* the worker, from 1 */
    clade_status distrust_status;
} failing;

static size_t failing_workers(const void *state)
{
    return ((const failing *)state)->workers;
}

static clade_status fail_or_not(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    failing *self = state;
    (void)milliseconds;
    for (size_t worker = 0; !done->job && worker < self->workers; worker++) {
        done->job = clade_pool_take(pool, worker);
        done->worker = worker;
    }
    if (!done->job)
        return CLADE_OK;
    const attempt now = self->n_done < self->n_plan ? self->plan[self->n_done] : (attempt){.fault = CLADE_FAULT_NONE};
    self->by[self->n_done++] = done->worker;
    done->fault = now.fault;
    done->result.status = now.status;
    done->result.seconds = 0.25;
    clade_text_append(&done->result.bytes, "%s of attempt %zu", now.status == CLADE_OK ? "score" : "failure",
                      self->n_done);
    return CLADE_OK;
}

static clade_status distrust(void *state, clade_pool *pool, size_t worker, const char *reason)
{
    failing *self = state;
    (void)pool;
    assert_string_equal(reason, "no score");
    self->distrusted = worker + 1;
    return self->distrust_status;
}

static void close_nothing(void *state)
{
    (void)state;
}

static const clade_pool_backend failing_backend = {
    .workers = failing_workers, .wait = fail_or_not, .distrust = distrust, .close = close_nothing};

/* The one result of a job whose attempts end as PLAN says, and how many there were. */
static size_t attempts(const attempt *plan, size_t n_plan, size_t workers, clade_pool_result *result, failing *how)
{
    clade_pool *pool = NULL;
    bool got = false;
    *how = (failing){.plan = plan, .n_plan = n_plan, .workers = workers};
    assert_ok(clade_pool_new(&failing_backend, how, &pool));
    submit(pool, 8, "work");
    for (size_t i = 0; !got && i < 20; i++)
        assert_ok(clade_pool_wait(pool, 1, result, &got));
    assert_true(got);
    assert_int_equal(result->job, 8);
    assert_int_equal(clade_pool_pending(pool), 0);
    clade_pool_close(pool);
    return how->n_done;
}

#define ATTEMPTS(PLAN, WORKERS) attempts(PLAN, sizeof(PLAN) / sizeof(PLAN)[0], WORKERS, &result, &how)

static void doubtful_failures_get_a_second_try(void **state)
{
    (void)state;
    static const attempt crash[] = {{CLADE_FAULT_JOB, CLADE_EEVAL}};
    static const attempt crashes[] = {{CLADE_FAULT_JOB, CLADE_EEVAL}, {CLADE_FAULT_JOB, CLADE_EEVAL}};
    static const attempt mixed[] = {{CLADE_FAULT_NONE, CLADE_EIO}, {CLADE_FAULT_JOB, CLADE_EEVAL}};
    static const attempt of_the_job[] = {{CLADE_FAULT_NONE, CLADE_EEVAL}};
    static const clade_status doubtful[] = {CLADE_EIO, CLADE_EINTERNAL, CLADE_EINPUT};
    clade_pool_result result;
    failing how;
    assert_int_equal(ATTEMPTS(crash, 1), 2); /* the second is well */
    assert_int_equal(result.status, CLADE_OK);
    assert_string_equal(clade_text_get(&result.bytes), "score of attempt 2");
    clade_text_free(&result.bytes);
    assert_int_equal(ATTEMPTS(crashes, 1), 2); /* the second is final */
    assert_int_equal(result.status, CLADE_EEVAL);
    assert_string_equal(clade_text_get(&result.bytes), "failure of attempt 2");
    clade_text_free(&result.bytes);
    assert_int_equal(ATTEMPTS(mixed, 1), 2);
    assert_int_equal(result.status, CLADE_EEVAL);
    clade_text_free(&result.bytes);
    assert_int_equal(ATTEMPTS(of_the_job, 1), 1); /* a function of the job: the same again */
    assert_int_equal(result.status, CLADE_EEVAL);
    clade_text_free(&result.bytes);
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++) {
        const attempt twice[] = {{CLADE_FAULT_NONE, doubtful[i]}, {CLADE_FAULT_NONE, doubtful[i]}};
        assert_int_equal(attempts(twice, 1, 1, &result, &how), 2);
        assert_int_equal(result.status, CLADE_OK);
        clade_text_free(&result.bytes);
        assert_int_equal(ATTEMPTS(twice, 1), 2);
        assert_int_equal(result.status, doubtful[i]);
        clade_text_free(&result.bytes);
    }
    assert_int_equal(clade_alloc_live(), 0);
}

static void the_second_try_is_elsewhere(void **state)
{
    (void)state;
    static const attempt crashes[] = {{CLADE_FAULT_JOB, CLADE_EEVAL}, {CLADE_FAULT_JOB, CLADE_EEVAL}};
    static const attempt killed[] = {{CLADE_FAULT_WORKER, CLADE_EEVAL}, {CLADE_FAULT_WORKER, CLADE_EEVAL}};
    clade_pool_result result;
    failing how;
    assert_int_equal(ATTEMPTS(crashes, 2), 2);
    assert_int_equal(how.by[0], 0);
    assert_int_equal(how.by[1], 1);
    clade_text_free(&result.bytes);
    assert_int_equal(ATTEMPTS(crashes, 1), 2); /* there is nobody else */
    assert_int_equal(how.by[1], 0);
    clade_text_free(&result.bytes);
    assert_int_equal(ATTEMPTS(killed, 3), 3);
    assert_int_equal(how.by[1], 1);
    assert_int_equal(how.by[2], 0);
    clade_text_free(&result.bytes);
}

static void losses_are_no_tries(void **state)
{
    (void)state;
    static const attempt four[] = {{CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_JOB, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL}};
    static const attempt five[] = {{CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL},
                                   {CLADE_FAULT_WORKER, CLADE_EEVAL}};
    clade_pool_result result;
    failing how;
    assert_int_equal(ATTEMPTS(four, 1), 6);
    assert_int_equal(result.status, CLADE_OK);
    clade_text_free(&result.bytes);
    assert_int_equal(ATTEMPTS(five, 1), 5);
    assert_int_equal(result.status, CLADE_EEVAL);
    clade_text_free(&result.bytes);
}

static void others_do_not_wait_for_a_job_that_is_tried_again(void **state)
{
    (void)state;
    static const attempt crash[] = {{CLADE_FAULT_JOB, CLADE_EEVAL}};
    failing two = {.plan = crash, .n_plan = 1, .workers = 2};
    clade_pool *pool = NULL;
    assert_ok(clade_pool_new(&failing_backend, &two, &pool));
    for (uint64_t job = 2; job <= 6; job += 2)
        submit(pool, job, "work");
    expect(pool, 4, "score of attempt 2"); /* at worker 0, which leaves 2 to the other */
    assert_int_equal(two.by[1], 0);
    two.workers = 1; /* which is lost */
    expect(pool, 2, "score of attempt 3");
    expect(pool, 6, "score of attempt 4");
    clade_pool_close(pool);
    assert_int_equal(clade_alloc_live(), 0);
}

static void what_is_no_score_is_rejected(void **state)
{
    (void)state;
    failing two = {.workers = 2};
    clade_pool *pool = NULL;
    clade_pool_result result;
    bool again = false;
    assert_ok(clade_pool_new(&failing_backend, &two, &pool));
    assert_fails(clade_pool_reject(pool, "no score", &result, &again), CLADE_EINTERNAL, "no result to reject");
    clade_text_free(&result.bytes);
    submit(pool, 8, "work");
    expect(pool, 8, "score of attempt 1");
    assert_int_equal(clade_pool_pending(pool), 0);
    assert_ok(clade_pool_reject(pool, "no score", &result, &again));
    assert_true(again);
    assert_int_equal(two.distrusted, 1);
    assert_int_equal(clade_pool_pending(pool), 1);
    expect(pool, 8, "score of attempt 2");
    assert_int_equal(two.by[1], 1);
    assert_ok(clade_pool_reject(pool, "no score", &result, &again));
    assert_false(again);
    assert_int_equal(two.distrusted, 2);
    assert_int_equal(result.job, 8);
    assert_int_equal(result.status, CLADE_EEVAL);
    assert_string_equal(clade_text_get(&result.bytes), "what came is no score: no score");
    clade_text_free(&result.bytes);
    assert_int_equal(clade_pool_pending(pool), 0);
    submit(pool, 10, "work"); /* a result is there to be rejected until the next wait */
    expect(pool, 10, "score of attempt 3");
    submit(pool, 12, "work");
    expect(pool, 12, "score of attempt 4");
    two.distrust_status = CLADE_EIO;
    assert_int_equal(clade_pool_reject(pool, "no score", &result, &again), CLADE_EIO);
    clade_pool_close(pool);
    assert_int_equal(clade_alloc_live(), 0);
}

static void time_limits_follow_the_longest(void **state)
{
    (void)state;
    failing one = {.workers = 1};
    clade_pool *pool = NULL;
    const clade_pool_job search = {.split = CLADE_SEARCH}, holdout = {.split = CLADE_HOLDOUT};
    const clade_pool_limits none = {0}, some = {.seconds = 3.0};
    assert_ok(clade_pool_new(&failing_backend, &one, &pool));
    assert_near(clade_pool_limit(pool, &none, &search), 0.0, 0.0); /* nobody knows yet */
    assert_near(clade_pool_limit(pool, &some, &search), 3.0, 0.0);
    submit(pool, 2, "work"); /* a quarter of a second */
    expect(pool, 2, "score of attempt 1");
    assert_near(clade_pool_limit(pool, &none, &search), 600.0, 0.0);
    assert_near(clade_pool_limit(pool, &none, &holdout), 0.0, 0.0);
    assert_near(clade_pool_limit(pool, &some, &search), 3.0, 0.0);
    clade_pool_close(pool);
}

static clade_status open_and_submit(void *context)
{
    backend_state state = {.most = 1};
    clade_pool *pool = NULL;
    (void)context;
    CLADE_TRY(clade_pool_new(&backend, &state, &pool));
    const clade_job job = {.recipe = "work", .recipe_length = 4};
    clade_status status = clade_pool_submit(pool, &job);
    clade_pool_close(pool);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    check_every_allocation(open_and_submit, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_begin_in_order),
        cmocka_unit_test(closing_drops_what_is_left),
        cmocka_unit_test(doubtful_failures_get_a_second_try),
        cmocka_unit_test(the_second_try_is_elsewhere),
        cmocka_unit_test(losses_are_no_tries),
        cmocka_unit_test(others_do_not_wait_for_a_job_that_is_tried_again),
        cmocka_unit_test(what_is_no_score_is_rejected),
        cmocka_unit_test(time_limits_follow_the_longest),
        cmocka_unit_test(memory_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
