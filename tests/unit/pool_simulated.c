/* The laws of a pool in virtual time (search/pool_simulated.h). */
#include "near.h"
#include "test.h"

#include <math.h>

#include "search/pool_simulated.h"

enum { MOST_JOBS = 4000 };

typedef struct sim_run {
    size_t count, calls;
    uint64_t order[MOST_JOBS]; /* jobs as they came back */
    double seconds[MOST_JOBS]; /* of the result at this place */
    bool failed[MOST_JOBS];
    clade_simulation_report report;
} sim_run;

static clade_status echo(void *context, const clade_job *job, clade_text *result)
{
    ++*(size_t *)context;
    if (job->number % 1000 == 999)
        return clade_fail(CLADE_ECONFIG, "this one cannot be scored");
    clade_text_append(result, "%.*s", (int)job->recipe_length, job->recipe);
    return clade_text_status(result);
}

static void submit(clade_pool *pool, uint64_t number)
{
    char text[32];
    const int length = snprintf(text, sizeof text, "job %llu", (unsigned long long)number);
    assert_ok(clade_pool_submit(
        pool, &(clade_job){.number = number, .split = CLADE_SEARCH, .recipe = text, .recipe_length = (size_t)length}));
}

static bool next(clade_pool *pool, unsigned milliseconds, sim_run *run)
{
    clade_pool_result result;
    bool got = false;
    char expected[32];
    assert_ok(clade_pool_wait(pool, milliseconds, &result, &got));
    if (!got)
        return false;
    snprintf(expected, sizeof expected, "job %llu", (unsigned long long)result.job);
    run->order[run->count] = result.job;
    run->seconds[run->count] = result.seconds;
    run->failed[run->count++] = result.status != CLADE_OK;
    assert_true(result.rank >= 1 && (size_t)result.rank <= clade_pool_workers(pool));
    if (result.status == CLADE_OK)
        assert_string_equal(clade_text_get(&result.bytes), expected);
    else if (result.status == CLADE_EEVAL)
        assert_string_equal(clade_text_get(&result.bytes), "a simulated failure");
    else
        assert_non_null(strstr(clade_text_get(&result.bytes), "this one cannot be scored"));
    clade_text_free(&result.bytes);
    return true;
}

/* JOBS jobs, all submitted at once. */
static void run_jobs(const clade_simulation *plan, size_t jobs, sim_run *run)
{
    clade_pool *pool = NULL;
    *run = (sim_run){0};
    const clade_evaluator evaluator = {.context = &run->calls, .evaluate = echo};
    assert_ok(clade_pool_open_simulated(plan, &evaluator, &run->report, &pool));
    assert_int_equal(clade_pool_workers(pool), plan->workers);
    for (uint64_t i = 0; i < jobs; i++)
        submit(pool, i);
    while (clade_pool_pending(pool) > 0)
        assert_true(next(pool, 1, run));
    clade_pool_close(pool);
    assert_int_equal(run->count, jobs);
    assert_int_equal(run->report.done, jobs);
    bool *seen = clade_calloc(jobs, sizeof *seen);
    size_t failed = 0;
    for (size_t i = 0; i < jobs; i++) {
        assert_false(seen[run->order[i]]); /* every job comes back once */
        seen[run->order[i]] = true;
        failed += run->failed[i];
    }
    assert_int_equal(run->report.failed, failed);
    clade_free(seen);
    assert_int_equal(clade_alloc_live(), 0);
}

static const clade_simulation log_uniform = {
    .seed = 3, .workers = 16, .times = CLADE_TIMES_LOG_UNIFORM, .shape = 10, .mean = 2};

static sim_run a, b; /* too large for the stack */

/* ---- the order and the clock ---- */

static void one_worker_gives_jobs_in_order(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    plan.workers = 1;
    plan.latency = 0.25;
    run_jobs(&plan, 200, &a);
    double busy = 0;
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(a.order[i], i);
        assert_near(a.seconds[i], clade_simulation_seconds(&plan, i), 1e-9);
        busy += a.seconds[i];
    }
    assert_near(a.report.busy, busy, 1e-9);
    assert_near(a.report.elapsed, busy + 200 * 0.5, 1e-9); /* there and back */
    assert_near(a.report.utilisation, busy / (busy + 100), 1e-9);
}

/* The first to be free takes the next job, computed without events. */
static void workers_take_jobs_as_they_get_free(void **state)
{
    (void)state;
    double free_at[16] = {0}, end[600], last_begin = 0, busy_after = 0, busy = 0;
    run_jobs(&log_uniform, 600, &a);
    for (size_t i = 0; i < 600; i++) {
        size_t w = 0;
        for (size_t k = 1; k < 16; k++)
            if (free_at[k] < free_at[w])
                w = k;
        last_begin = free_at[w];
        busy += clade_simulation_seconds(&log_uniform, i);
        end[i] = free_at[w] += clade_simulation_seconds(&log_uniform, i);
    }
    double elapsed = 0;
    for (size_t i = 0; i < 600; i++) {
        assert_near(end[a.order[i]], fmax(end[a.order[i]], elapsed), 1e-9); /* in the order of their ends */
        elapsed = end[a.order[i]];
        busy_after += fmax(0, end[i] - last_begin);
    }
    assert_near(a.report.elapsed, elapsed, 1e-9);
    assert_near(a.report.busy, busy, 1e-9);
    assert_near(a.report.utilisation, busy / (16 * elapsed), 1e-9);
    assert_near(a.report.full_elapsed, last_begin, 1e-9);
    assert_near(a.report.full_busy, busy - busy_after, 1e-9);
    assert_near(a.report.full_utilisation, 1, 1e-9); /* there always was a job in the queue */
}

static void the_clock_moves_only_when_a_result_is_waited_for(void **state)
{
    (void)state;
    const clade_simulation plan = {.workers = 3, .times = CLADE_TIMES_EQUAL, .mean = 5};
    clade_pool *pool = NULL;
    a = (sim_run){0};
    const clade_evaluator evaluator = {.context = &a.calls, .evaluate = echo};
    assert_ok(clade_pool_open_simulated(&plan, &evaluator, &a.report, &pool));
    assert_false(next(pool, 1000, &a)); /* nothing to wait for */
    for (uint64_t i = 0; i < 5; i++)
        submit(pool, i);
    for (size_t i = 0; i < 3; i++)
        assert_false(next(pool, 0, &a)); /* nothing is due */
    assert_true(next(pool, 1, &a));
    assert_true(next(pool, 0, &a)); /* due at the same moment */
    assert_true(next(pool, 0, &a));
    assert_false(next(pool, 0, &a));
    assert_true(next(pool, 1, &a));
    assert_int_equal(clade_pool_pending(pool), 1);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(a.order[i], i); /* ties: as they were dealt */
    clade_pool_close(pool);              /* with a job under way */
    assert_near(a.report.elapsed, 10, 1e-12);
    assert_near(a.report.busy, 25, 1e-12);
    assert_near(a.report.utilisation, 25.0 / 30, 1e-12);
    assert_int_equal(clade_alloc_live(), 0);
}

static void a_plan_gives_the_same_run_again(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    plan.failures = 0.1;
    plan.deaths = 0.5;
    plan.within = 40;
    run_jobs(&plan, 500, &a);
    run_jobs(&plan, 500, &b);
    assert_memory_equal(a.order, b.order, sizeof a.order);
    assert_memory_equal(&a.report, &b.report, sizeof a.report);
    plan.seed++;
    run_jobs(&plan, 500, &b);
    assert_memory_not_equal(a.order, b.order, sizeof a.order);
}

static void thinking_takes_time(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    plan.mean = 1e-9;
    for (plan.thinking = CLADE_THINKS_ON_CPU; plan.thinking <= CLADE_THINKS_REAL_TIME; plan.thinking++) {
        run_jobs(&plan, 500, &a);
        assert_true(a.report.thought > 0);
        assert_true(a.report.elapsed >= a.report.thought);
        assert_true(a.report.utilisation < 1);
    }
    plan.thinking = CLADE_THINKS_AT_ONCE;
    run_jobs(&plan, 500, &a);
    assert_true(a.report.thought <= 0);
}

/* ---- draws ---- */

static void times_have_their_mean(void **state)
{
    (void)state;
    static const double recorded[] = {1, 2, 4, 8};
    static const clade_simulation plans[] = {
        {.times = CLADE_TIMES_EQUAL, .mean = 3},
        {.times = CLADE_TIMES_LOG_UNIFORM, .shape = 10, .mean = 3},
        {.times = CLADE_TIMES_LOG_UNIFORM, .shape = 1, .mean = 3},
        {.times = CLADE_TIMES_LOGNORMAL, .shape = 0.8, .mean = 3},
        {.times = CLADE_TIMES_PARETO, .shape = 3, .mean = 3},
        {.times = CLADE_TIMES_RECORDED, .mean = 1, .recorded = recorded, .n_recorded = 4}};
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        const double mean = plans[p].times == CLADE_TIMES_RECORDED ? 3.75 : 3;
        double sum = 0, least = INFINITY, most = 0;
        for (uint64_t job = 0; job < 40000; job++) {
            const double seconds = clade_simulation_seconds(&plans[p], job);
            sum += seconds;
            least = fmin(least, seconds);
            most = fmax(most, seconds);
        }
        assert_near(sum / 40000, mean, 0.1);
        assert_true(least > 0);
        if (plans[p].times == CLADE_TIMES_LOG_UNIFORM && plans[p].shape > 1)
            assert_near(most / least, 10, 0.1);
        if (plans[p].times == CLADE_TIMES_PARETO)
            assert_near(least, 2, 0.02);
    }
}

static void the_same_jobs_fail_whoever_does_them(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    plan.failures = 0.2;
    run_jobs(&plan, 3000, &a);
    plan.workers = 200;
    run_jobs(&plan, 3000, &b);
    bool failed[3000] = {false};
    size_t simulated = 0;
    for (size_t i = 0; i < 3000; i++)
        failed[a.order[i]] = a.failed[i];
    for (size_t i = 0; i < 3000; i++) {
        assert_int_equal(b.failed[i], failed[b.order[i]]);
        simulated += clade_simulation_fails(&plan, i);
    }
    assert_near((double)simulated / 3000, 0.2, 0.02);
    assert_int_equal(b.calls, 3000 - simulated); /* who fails is not evaluated */
    assert_near(a.report.busy, b.report.busy, 1e-9);
}

static void jobs_of_the_dead_are_done_by_others(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    plan.workers = 50;
    plan.deaths = 0.6;
    plan.within = 60;
    plan.latency = 0.01;
    run_jobs(&plan, 2000, &a);
    size_t dead = 0;
    for (uint64_t w = 0; w < 50; w++)
        dead += isfinite(clade_simulation_death(&plan, w)) != 0;
    assert_true(dead > 15 && dead < 45);
    assert_int_equal(a.report.died, dead);
    assert_int_equal(a.report.redone, dead); /* all were at work when they died */
    assert_true(a.report.full_utilisation > 0.9 && a.report.full_utilisation < 1);
    plan.deaths = 1;
    clade_pool *pool = NULL;
    b = (sim_run){0};
    const clade_evaluator evaluator = {.context = &b.calls, .evaluate = echo};
    assert_ok(clade_pool_open_simulated(&plan, &evaluator, NULL, &pool));
    clade_status status = CLADE_OK;
    for (uint64_t i = 0; i < 3000; i++)
        submit(pool, i);
    while (status == CLADE_OK) {
        clade_pool_result result;
        bool got;
        status = clade_pool_wait(pool, 1, &result, &got);
        clade_text_free(&result.bytes);
    }
    assert_fails(status, CLADE_EIO, "all 50 workers died");
    clade_pool_close(pool);
    assert_int_equal(clade_alloc_live(), 0);
}

/* ---- the window ---- */

/* As the engine does: at most WINDOW jobs between the oldest that is not back and the newest. */
static void run_in_order(const clade_simulation *plan, size_t window, size_t jobs, sim_run *run)
{
    clade_pool *pool = NULL;
    *run = (sim_run){0};
    const clade_evaluator evaluator = {.context = &run->calls, .evaluate = echo};
    assert_ok(clade_pool_open_simulated(plan, &evaluator, &run->report, &pool));
    bool *arrived = clade_calloc(jobs, sizeof *arrived);
    size_t asked = 0, committed = 0;
    while (committed < jobs) {
        for (; asked < jobs && asked < committed + window; asked++)
            submit(pool, asked);
        assert_true(next(pool, 1, run));
        do
            arrived[run->order[run->count - 1]] = true;
        while (next(pool, 0, run));
        while (committed < asked && arrived[committed])
            committed++;
    }
    clade_pool_close(pool);
    clade_free(arrived);
}

static void the_window_for_workers_keeps_them_busy(void **state)
{
    (void)state;
    static const size_t workers[] = {1, 2, 3, 4, 7, 16, 64, 256};
    clade_simulation plan = log_uniform;
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        plan.workers = workers[i];
        const size_t window = clade_window_for_workers(plan.workers);
        run_in_order(&plan, window, MOST_JOBS, &a);
        assert_true(a.report.full_utilisation > 0.95 && a.report.full_utilisation <= 1 + 1e-12);
        assert_true(window >= plan.workers && 2 * window <= 5 * plan.workers);
        if (plan.workers < 16)
            continue;
        run_in_order(&plan, 3 * window / 4, MOST_JOBS, &b); /* no more than it takes */
        assert_true(b.report.full_utilisation < 0.9);
    }
}

/* ---- what cannot be ---- */

static void a_wrong_plan_is_refused(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    plan.workers = 0;
    assert_fails(clade_simulation_check(&plan), CLADE_EUSAGE, "0 workers");
    plan = log_uniform;
    plan.mean = 0;
    assert_fails(clade_simulation_check(&plan), CLADE_EUSAGE, "mean time of 0");
    plan = log_uniform;
    plan.shape = 0.5;
    assert_fails(clade_simulation_check(&plan), CLADE_EUSAGE, "expected at least 1");
    plan.times = CLADE_TIMES_PARETO;
    plan.shape = 1;
    assert_fails(clade_simulation_check(&plan), CLADE_EUSAGE, "expected more than 1");
    plan.times = CLADE_TIMES_RECORDED;
    assert_fails(clade_simulation_check(&plan), CLADE_EUSAGE, "0 recorded times");
    plan = log_uniform;
    plan.failures = 1.5;
    clade_pool *pool = NULL;
    assert_fails(clade_pool_open_simulated(&plan, &(clade_evaluator){0}, NULL, &pool), CLADE_EUSAGE, "1.5 of failures");
    assert_null(pool);
    assert_int_equal(clade_alloc_live(), 0);
}

static clade_status open_and_do(void *context)
{
    clade_pool *pool = NULL;
    clade_pool_result result = {0};
    bool got = false;
    size_t calls = 0;
    const clade_evaluator evaluator = {.context = &calls, .evaluate = echo};
    CLADE_TRY(clade_pool_open_simulated(context, &evaluator, NULL, &pool));
    clade_status status = clade_pool_submit(pool, &(clade_job){.recipe = "work", .recipe_length = 4});
    if (status == CLADE_OK)
        status = clade_pool_wait(pool, 1, &result, &got);
    if (status == CLADE_OK && result.status != CLADE_OK)
        status = clade_fail(result.status, "%s", clade_text_get(&result.bytes));
    clade_text_free(&result.bytes);
    clade_pool_close(pool);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    clade_simulation plan = log_uniform;
    check_every_allocation(open_and_do, &plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_gives_jobs_in_order),
        cmocka_unit_test(workers_take_jobs_as_they_get_free),
        cmocka_unit_test(the_clock_moves_only_when_a_result_is_waited_for),
        cmocka_unit_test(a_plan_gives_the_same_run_again),
        cmocka_unit_test(thinking_takes_time),
        cmocka_unit_test(times_have_their_mean),
        cmocka_unit_test(the_same_jobs_fail_whoever_does_them),
        cmocka_unit_test(jobs_of_the_dead_are_done_by_others),
        cmocka_unit_test(the_window_for_workers_keeps_them_busy),
        cmocka_unit_test(a_wrong_plan_is_refused),
        cmocka_unit_test(memory_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
