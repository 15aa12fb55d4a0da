/* What time does to an evaluator: the end of the patience with its start, and which deaths are the kernel's for memory. The
 * clock and the kernel's count are this test's, the process is real; its own source is compiled in. */
#include "test.h"

#include <signal.h>
#include <stdio.h>

static double moment = 1000.0;
static unsigned kills; /* by the kernel, for memory */

static double fake_now(void)
{
    return moment;
}

static FILE *fake_open(const char *path, const char *mode)
{
    FILE *file = tmpfile();
    assert_string_equal(path, "/proc/vmstat");
    assert_string_equal(mode, "re");
    assert_non_null(file);
    (void)fprintf(file, "pgfault 17\noom_kill %u\nother 5\n", kills);
    rewind(file);
    return file;
}

#define clade_clock_now fake_now
#define fopen fake_open
#include "search/evaluator_process.c"

/* This program again, which then waits for its end. */
static clade_evaluator_process *begin(void)
{
    clade_evaluator_process *process = NULL;
    assert_ok(clade_evaluator_start(NULL, &process));
    return process;
}

/* One look. */
static bool is_gone(clade_evaluator_process *process, clade_loss *cause)
{
    clade_text reason = {0};
    bool gone = false;
    assert_ok(clade_evaluator_look(process, &gone, cause, &reason));
    clade_text_free(&reason);
    return gone;
}

/* A look every second of the clock for as long as it lives, but at most for so many. */
static unsigned seconds_until_gone(clade_evaluator_process *process, unsigned most, clade_loss *cause)
{
    unsigned seconds = 0;
    while (seconds < most && !is_gone(process, cause)) {
        moment += 1.0;
        seconds++;
    }
    return seconds;
}

static void a_start_has_a_limit(void **state)
{
    (void)state;
    clade_loss cause = CLADE_LOSS_CRASH;
    clade_evaluator_process *process = begin();
    assert_in_range(seconds_until_gone(process, 10000, &cause), 1800, 1802);
    assert_int_equal(cause, CLADE_LOSS_TIME);
    clade_evaluator_end(process);
    process = begin();
    clade_evaluator_limit(process, 0.0); /* it is ready */
    assert_int_equal(seconds_until_gone(process, 10000, &cause), 10000);
    clade_evaluator_end(process);
    assert_int_equal(clade_alloc_live(), 0);
}

/* It is killed AFTER seconds after the kernel's count has grown. */
static clade_loss cause_of_death(unsigned after)
{
    clade_loss cause = CLADE_LOSS_CRASH;
    clade_evaluator_process *process = begin();
    assert_int_equal(seconds_until_gone(process, 100, &cause), 100);
    kills++;
    assert_int_equal(seconds_until_gone(process, after, &cause), after);
    assert_int_equal(kill(process->pid, SIGKILL), 0);
    while (!is_gone(process, &cause))
        ;
    clade_evaluator_end(process);
    return cause;
}

static void who_the_kernel_ends_may_take_its_time(void **state)
{
    (void)state;
    for (unsigned after = 0; after < 5; after++)
        assert_int_equal(cause_of_death(after), CLADE_LOSS_MEMORY);
    assert_int_equal(cause_of_death(20), CLADE_LOSS_KILLED); /* that was another's */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_has_a_limit),
        cmocka_unit_test(who_the_kernel_ends_may_take_its_time),
    };
    if (argc > 1 && strcmp(argv[1], "evaluator") == 0)
        return read(STDIN_FILENO, &(char){0}, 1) != 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
