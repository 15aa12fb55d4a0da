/* Evaluators that crash, hang, leave, talk nonsense or are killed, and the pool over one of them. The evaluator is this
 * program again, called with "evaluator"; what it does is in the recipes of its jobs. */
#include "near.h"
#include "test.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "clade/clock.h"
#include "search/evaluator_process.h"
#include "search/pool_backend.h"

/* ---- the evaluator ---- */

static void say(clade_channel *channel, int tag, uint64_t job, clade_status status, const char *text)
{
    const clade_reply reply = {.job = job, .status = status, .seconds = 0.125};
    if (clade_channel_deliver(channel, 0, tag, &reply, sizeof reply, text, strlen(text)) != CLADE_OK)
        _exit(9);
}

/* How often something was done by all evaluators: the length of a file, whose path comes behind the ' ' in RECIPE. */
static off_t count_up(const char *recipe)
{
    struct stat info;
    const char *path = strchr(recipe, ' ') + 1;
    FILE *file = fopen(path, "a");
    if (!file || fputc('x', file) == EOF || fclose(file) != 0 || stat(path, &info) != 0)
        _exit(9);
    return info.st_size;
}

/* Without what a sanitizer would make of it. */
static void die_of(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void do_job(clade_channel *channel, const clade_job *job)
{
    const char *recipe = job->recipe;
    if (strncmp(recipe, "signal ", 7) == 0)
        die_of(atoi(recipe + 7));
    else if (strncmp(recipe, "exit ", 5) == 0)
        _exit(atoi(recipe + 5));
    else if (strcmp(recipe, "hang") == 0)
        (void)pause();
    else if (strcmp(recipe, "garbage") == 0)
        (void)send(clade_channel_fd(channel), "this is no frame, whatever it may be", 36, MSG_NOSIGNAL);
    else if (strcmp(recipe, "another job") == 0)
        say(channel, CLADE_TAG_RESULT, job->number + 1, CLADE_OK, "score");
    else if (strcmp(recipe, "another tag") == 0)
        say(channel, CLADE_TAG_PART, job->number, CLADE_OK, "score");
    else if (strcmp(recipe, "close") == 0 && shutdown(clade_channel_fd(channel), SHUT_RDWR) == 0)
        (void)pause();
    else if (strncmp(recipe, "once ", 5) == 0 && count_up(recipe) == 1)
        die_of(SIGSEGV);
    else if (strncmp(recipe, "killed ", 7) == 0 && count_up(recipe) <= 4)
        die_of(SIGKILL);
    else if (strcmp(recipe, "failure") == 0)
        say(channel, CLADE_TAG_RESULT, job->number, CLADE_EEVAL, "its weights are not finite");
    else
        say(channel, CLADE_TAG_RESULT, job->number, CLADE_OK, recipe);
}

/* The experiment says how it starts: "{}" well. */
static int evaluate(void)
{
    clade_channel *channel = NULL;
    clade_message in;
    if (clade_channel_open(STDIN_FILENO, &channel) != CLADE_OK ||
        clade_channel_await(channel, 0, CLADE_TAG_EXPERIMENT, &in) != CLADE_OK)
        return 0;
    const char *json = in.bytes + sizeof(clade_place) + sizeof(int32_t);
    if (strcmp(json, "crashes") == 0)
        die_of(SIGABRT);
    if (strncmp(json, "killed ", 7) == 0 && count_up(json) <= 3)
        die_of(SIGKILL);
    if (strcmp(json, "is killed") == 0)
        die_of(SIGKILL);
    const bool once = strncmp(json, "once ", 5) == 0 && count_up(json) > 1;
    const bool bad = strcmp(json, "bad") == 0 || once;
    say(channel, CLADE_TAG_READY, 0, bad ? CLADE_EINPUT : CLADE_OK, bad ? "zoo/base: is not there" : "platform");
    while (clade_channel_await(channel, 0, CLADE_TAG_JOB, &in) == CLADE_OK) {
        clade_job job;
        double seconds = 0.0;
        if (clade_job_read(&in, &job, &seconds) == CLADE_OK)
            do_job(channel, &job);
        clade_free(in.bytes);
    }
    return 0;
}

/* ---- the process ---- */

static clade_evaluator_process *start(void)
{
    clade_evaluator_process *process = NULL;
    clade_message in;
    const clade_place place = {.n_shares = 1};
    const int32_t rank = 0;
    clade_text bytes = {0};
    assert_ok(clade_experiment_pack(&place, &rank, "{}", &bytes));
    assert_ok(clade_evaluator_start(NULL, &process));
    clade_channel *channel = clade_evaluator_channel(process);
    assert_ok(clade_channel_deliver(channel, 0, CLADE_TAG_EXPERIMENT, NULL, 0, bytes.data, bytes.length));
    assert_ok(clade_channel_await(channel, 0, CLADE_TAG_READY, &in));
    clade_free(in.bytes);
    clade_text_free(&bytes);
    return process;
}

static void ask(clade_evaluator_process *process, const char *recipe)
{
    const clade_job_header header = {.job = 5, .split = CLADE_SEARCH, .recipe_length = strlen(recipe)};
    assert_ok(clade_channel_deliver(clade_evaluator_channel(process), 0, CLADE_TAG_JOB, &header, sizeof header, recipe,
                                    strlen(recipe) + 1));
}

/* It is lost, for CAUSE and REASON. */
static void expect_loss(clade_evaluator_process *process, clade_loss cause, const char *reason)
{
    clade_text text = {0};
    clade_loss found = CLADE_LOSS_TIME;
    bool gone = false;
    while (!gone) {
        assert_ok(clade_evaluator_look(process, &gone, &found, &text));
        (void)poll(NULL, 0, gone ? 0 : 1);
    }
    assert_string_equal(clade_text_get(&text), reason);
    assert_int_equal(found, cause);
    clade_text_clear(&text);
    assert_ok(clade_evaluator_look(process, &gone, &found, &text)); /* it stays so */
    assert_true(gone);
    assert_string_equal(clade_text_get(&text), reason);
    clade_text_free(&text);
}

static void it_says_how_it_ended(void **state)
{
    (void)state;
    static const struct {
        const char *recipe, *reason;
        clade_loss cause;
        clade_status left;
    } ends[] = {{"signal 11", "killed by signal 11 (Segmentation fault)", CLADE_LOSS_CRASH, CLADE_OK},
                {"signal 6", "killed by signal 6 (Aborted)", CLADE_LOSS_CRASH, CLADE_OK},
                {"signal 7", "killed by signal 7 (Bus error)", CLADE_LOSS_CRASH, CLADE_OK},
                {"signal 9", "killed by signal 9 (Killed)", CLADE_LOSS_KILLED, CLADE_OK},
                {"signal 1", "killed by signal 1 (Hangup)", CLADE_LOSS_KILLED, CLADE_OK},
                {"signal 19", "held by signal 19 (Stopped (signal))", CLADE_LOSS_KILLED, CLADE_OK},
                {"exit 0", "ended with exit code 0", CLADE_LOSS_CRASH, CLADE_OK},
                {"exit 3", "ended with exit code 3", CLADE_LOSS_CRASH, CLADE_OK},
                {"exit 7", "a disk that it reads fails, or /dev/shm is full", CLADE_LOSS_CRASH, CLADE_OK},
                {"exit 4", "a file that it reads was shortened", CLADE_LOSS_CRASH, CLADE_EINPUT}};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        clade_evaluator_process *process = start();
        ask(process, ends[i].recipe);
        expect_loss(process, ends[i].cause, ends[i].reason);
        assert_int_equal(clade_evaluator_exit_status(process), ends[i].left);
        clade_evaluator_end(process);
    }
    clade_evaluator_end(NULL);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left to wait for */
    assert_int_equal(clade_alloc_live(), 0);
}

static void stops_are_not_for_it(void **state)
{
    (void)state;
    clade_evaluator_process *process = start();
    clade_message in;
    static const char *const stops[] = {"signal 2", "signal 15", "signal 10"};
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++)
        ask(process, stops[i]);
    ask(process, "lives");
    assert_ok(clade_channel_await(clade_evaluator_channel(process), 0, CLADE_TAG_RESULT, &in));
    clade_free(in.bytes);
    clade_evaluator_end(process);
}

static void time_has_a_limit(void **state)
{
    (void)state;
    clade_evaluator_process *process = start();
    clade_text text = {0};
    clade_loss cause = CLADE_LOSS_CRASH;
    bool gone = true;
    const double begin = clade_clock_now();
    clade_evaluator_limit(process, 0.05);
    ask(process, "hang");
    expect_loss(process, CLADE_LOSS_TIME, "took longer than its time limit");
    assert_true(clade_clock_now() - begin >= 0.05);
    clade_evaluator_end(process);
    process = start();
    clade_evaluator_limit(process, 1.2);
    ask(process, "hang");
    (void)poll(NULL, 0, 1300); /* who looks was away: that is one second, however long it was */
    assert_ok(clade_evaluator_look(process, &gone, &cause, &text));
    assert_false(gone);
    assert_near(clade_evaluator_seconds(process), 1.0, 0.0);
    clade_evaluator_limit(process, 0.0);
    assert_near(clade_evaluator_seconds(process), 0.0, 0.0);
    clade_evaluator_end(process);
    assert_int_equal(clade_alloc_live(), 0);
}

/* What it sends is refused by the channel, and it is blamed for it. */
static void expect_blame(const char *recipe, const char *reason)
{
    clade_evaluator_process *process = start();
    clade_message in;
    clade_text text = {0};
    clade_loss cause = CLADE_LOSS_TIME;
    ask(process, recipe);
    assert_int_not_equal(clade_channel_await(clade_evaluator_channel(process), 0, CLADE_TAG_RESULT, &in), CLADE_OK);
    assert_ok(clade_evaluator_blame(process));
    bool gone = false;
    assert_ok(clade_evaluator_look(process, &gone, &cause, &text));
    assert_true(gone);
    if (!strstr(clade_text_get(&text), reason))
        fail_msg("found %s, expected %s", clade_text_get(&text), reason);
    assert_int_equal(cause, CLADE_LOSS_CRASH);
    clade_text_free(&text);
    clade_evaluator_end(process);
}

static void nonsense_is_a_crash(void **state)
{
    (void)state;
    expect_blame("garbage", "cannot be understood: channel: found a message");
    expect_blame("close", "cannot be understood: channel: found its end");
    expect_blame("signal 11", "killed by signal 11 (Segmentation fault)"); /* why its channel ended */
    assert_int_equal(clade_alloc_live(), 0);
}

static void programs_may_not_start(void **state)
{
    (void)state;
    clade_evaluator_process *process = NULL;
    assert_fails(clade_evaluator_start("/nothing/here", &process), CLADE_EIO, "/nothing/here: cannot start");
    assert_null(process);
    assert_ok(clade_evaluator_start("/bin/true", &process));
    expect_loss(process, CLADE_LOSS_CRASH, "ended with exit code 0");
    clade_evaluator_end(process);
    assert_int_equal(clade_alloc_live(), 0);
}

/* ---- the pool ---- */

static char folder[TEST_PATH];

static clade_pool *open_pool(const char *experiment, const clade_pool_limits *limits)
{
    clade_pool *pool = NULL;
    assert_ok(clade_pool_open_process(experiment, limits, &pool));
    assert_int_equal(clade_pool_workers(pool), 1);
    assert_int_equal(clade_pool_retired(pool), 0);
    return pool;
}

static void submit(clade_pool *pool, uint64_t number, const char *recipe)
{
    assert_ok(clade_pool_submit(
        pool,
        &(clade_job){.number = number, .split = CLADE_SEARCH, .recipe = recipe, .recipe_length = strlen(recipe)}));
}

static void expect(clade_pool *pool, uint64_t number, clade_status status, const char *text)
{
    clade_pool_result result;
    bool got = false;
    while (!got)
        assert_ok(clade_pool_wait(pool, 50, &result, &got));
    assert_int_equal(result.job, number);
    assert_string_equal(clade_text_get(&result.bytes), text);
    assert_int_equal(result.status, status);
    assert_int_equal(result.rank, 0);
    clade_text_free(&result.bytes);
}

/* One after the other in one pool: what a job does to the evaluator is no other's misfortune. */
static void a_pool_outlives_its_evaluators(void **state)
{
    (void)state;
    const clade_pool_limits limits = {.seconds = 0.2};
    char once[TEST_PATH + 8], killed[TEST_PATH + 8];
    clade_pool *pool = open_pool("{}", &limits);
    clade_pool_result result;
    bool got = true;
    snprintf(once, sizeof once, "once %s/once", folder);
    snprintf(killed, sizeof killed, "killed %s/killed", folder);
    submit(pool, 1, "well");
    submit(pool, 2, "signal 11");
    submit(pool, 3, "failure");
    submit(pool, 4, "exit 4");
    submit(pool, 5, "hang");
    submit(pool, 6, "another job");
    submit(pool, 7, "another tag");
    submit(pool, 8, once);
    submit(pool, 9, killed);
    submit(pool, 10, "signal 9");
    submit(pool, 11, "well again");
    expect(pool, 1, CLADE_OK, "well");
    expect(pool, 2, CLADE_EEVAL, "killed by signal 11 (Segmentation fault)");
    expect(pool, 3, CLADE_EEVAL, "its weights are not finite");
    expect(pool, 4, CLADE_EINPUT, "a file that it reads was shortened");
    expect(pool, 5, CLADE_EEVAL, "took longer than its time limit");
    expect(pool, 6, CLADE_EEVAL, "cannot be understood: found a result of a job that it was not given");
    expect(pool, 7, CLADE_EEVAL, "cannot be understood: found a message with tag 8, which does not fit here");
    expect(pool, 8, CLADE_OK, once);   /* at its second try */
    expect(pool, 9, CLADE_OK, killed); /* four times, and no try of its own */
    expect(pool, 10, CLADE_EEVAL, "killed by signal 9 (Killed)");
    expect(pool, 11, CLADE_OK, "well again");
    assert_ok(clade_pool_wait(pool, 0, &result, &got));
    assert_false(got);
    clade_pool_close(pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(clade_alloc_live(), 0);
}

static void what_is_rejected_is_done_by_another(void **state)
{
    (void)state;
    const clade_pool_limits limits = {0};
    clade_pool *pool = open_pool("{}", &limits);
    clade_pool_result result;
    bool again = false;
    submit(pool, 1, "no score");
    submit(pool, 2, "well"); /* begun when the first is rejected, and begun again */
    expect(pool, 1, CLADE_OK, "no score");
    assert_ok(clade_pool_reject(pool, "it is none", &result, &again));
    assert_true(again);
    for (int i = 0; i < 2; i++) {
        bool got = false;
        while (!got)
            assert_ok(clade_pool_wait(pool, 50, &result, &got));
        assert_string_equal(clade_text_get(&result.bytes), result.job == 1 ? "no score" : "well");
        clade_text_free(&result.bytes);
    }
    clade_pool_close(pool);
    assert_int_equal(clade_alloc_live(), 0);
}

static void waiting_is_not_for_the_evaluation(void **state)
{
    (void)state;
    const clade_pool_limits limits = {0};
    clade_pool *pool = open_pool("{}", &limits);
    clade_pool_result result;
    bool got = true;
    submit(pool, 1, "hang");
    assert_ok(clade_pool_wait(pool, 0, &result, &got));
    assert_false(got);
    assert_ok(clade_pool_wait(pool, 60, &result, &got));
    assert_false(got);
    assert_int_equal(clade_pool_pending(pool), 1);
    clade_pool_close(pool); /* in the middle of it */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(clade_alloc_live(), 0);
}

static void a_start_may_fail(void **state)
{
    (void)state;
    const clade_pool_limits limits = {0};
    char killed[TEST_PATH + 8], once[TEST_PATH + 8];
    clade_pool *pool = NULL;
    clade_pool_result result;
    bool got = false;
    assert_fails(clade_pool_open_process("bad", &limits, &pool), CLADE_EINPUT, "zoo/base: is not there");
    assert_null(pool);
    assert_fails(clade_pool_open_process("crashes", &limits, &pool), CLADE_EIO, "killed by signal 6");
    assert_fails(clade_pool_open_process("is killed", &limits, &pool), CLADE_EIO, "killed by signal 9");
    snprintf(killed, sizeof killed, "killed %s/starts", folder);
    pool = open_pool(killed, &limits); /* at the fourth */
    clade_pool_close(pool);
    snprintf(once, sizeof once, "once %s/opened", folder);
    pool = open_pool(once, &limits);
    submit(pool, 1, "signal 9"); /* the second one finds the files changed */
    clade_status status = CLADE_OK;
    while (status == CLADE_OK && !got)
        status = clade_pool_wait(pool, 50, &result, &got);
    assert_int_equal(status, CLADE_EINPUT);
    clade_pool_close(pool);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(clade_alloc_live(), 0);
}

static clade_status do_one(void *context)
{
    const clade_pool_limits limits = {0};
    clade_pool *pool = NULL;
    clade_pool_result result = {0};
    bool got = false;
    (void)context;
    clade_status status = clade_pool_open_process("{}", &limits, &pool);
    if (status == CLADE_OK)
        status = clade_pool_submit(pool, &(clade_job){.recipe = "well", .recipe_length = 4});
    while (status == CLADE_OK && !got)
        status = clade_pool_wait(pool, 50, &result, &got);
    if (status == CLADE_OK)
        status = result.status;
    clade_text_free(&result.bytes);
    clade_pool_close(pool);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    check_every_allocation(do_one, NULL);
}

/* ---- the kernel's memory ---- */

static unsigned ended_for_memory; /* what /proc/vmstat says */

FILE *fopen(const char *path, const char *mode)
{
    char text[64];
    FILE *(*real)(const char *path, const char *mode) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "fopen");
    if (strcmp(path, "/proc/vmstat") != 0)
        return real(path, mode);
    FILE *file = tmpfile();
    const int length = snprintf(text, sizeof text, "nr_free_pages 4711\noom_kill %u\nzswpin 12\n", ended_for_memory);
    if (file && fwrite(text, 1, (size_t)length, file) == (size_t)length)
        rewind(file);
    return file;
}

static void the_kernel_ends_it_for_memory(void **state)
{
    (void)state;
    ended_for_memory = 3;
    clade_evaluator_process *process = start();
    ended_for_memory = 4;
    ask(process, "signal 9");
    expect_loss(process, CLADE_LOSS_MEMORY, "out of memory: the kernel ended its process");
    clade_evaluator_end(process);
    process = start(); /* that was another one */
    ask(process, "signal 9");
    expect_loss(process, CLADE_LOSS_KILLED, "killed by signal 9 (Killed)");
    clade_evaluator_end(process);
    assert_int_equal(clade_alloc_live(), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_how_it_ended),
        cmocka_unit_test(stops_are_not_for_it),
        cmocka_unit_test(time_has_a_limit),
        cmocka_unit_test(nonsense_is_a_crash),
        cmocka_unit_test(programs_may_not_start),
        cmocka_unit_test(a_pool_outlives_its_evaluators),
        cmocka_unit_test(what_is_rejected_is_done_by_another),
        cmocka_unit_test(waiting_is_not_for_the_evaluation),
        cmocka_unit_test(a_start_may_fail),
        cmocka_unit_test(memory_can_end),
        cmocka_unit_test(the_kernel_ends_it_for_memory),
    };
    if (argc > 1 && strcmp(argv[1], "evaluator") == 0)
        return evaluate();
    make_temporary_folder(folder);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_temporary_folder(folder);
    return failed;
}
