/* The queue in front of every backend. */
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

static clade_status give_back(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_result *result,
                              bool *got)
{
    backend_state *self = state;
    while (self->n_held < self->most) {
        clade_pool_job *job = clade_pool_take(pool);
        if (!job)
            break;
        self->held[self->n_held++] = job;
    }
    if (milliseconds == 0 || self->n_held == 0)
        return CLADE_OK;
    clade_pool_job *job = self->held[--self->n_held];
    result->job = job->job;
    const clade_job asked = clade_pool_job_of(job);
    assert_int_equal(asked.number, job->job);
    assert_int_equal(strlen(asked.recipe), asked.recipe_length);
    assert_int_equal(strlen(asked.race), asked.race_length);
    clade_text_append(&result->bytes, "%s %s%s", clade_split_name(asked.split), asked.recipe, asked.race);
    clade_free(job);
    *got = true;
    return clade_text_status(&result->bytes);
}

static void close_backend(void *state)
{
    backend_state *self = state;
    for (size_t i = 0; i < self->n_held; i++)
        clade_free(self->held[i]);
    self->closed++;
}

static const clade_pool_backend backend = {.workers = count_workers, .wait = give_back, .close = close_backend};

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
        cmocka_unit_test(memory_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
