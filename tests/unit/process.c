/* Other processes as /proc shows them. */
#include "test.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "search/process.h"

static pid_t start(const char *name)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_NAME, name);
        (void)raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    return child;
}

/* Whatever they are called. */
static void stopped_ended_and_gone(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "a) Z (b", ")", "two\nlines) X"};
    siginfo_t info;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const pid_t child = start(names[i]);
        assert_int_equal(clade_process_state(child), 'T');
        assert_false(clade_process_is_dead(child));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
        assert_int_equal(clade_process_state(child), 'Z');
        assert_true(clade_process_is_dead(child)); /* nobody has asked for its exit code */
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(clade_process_state(child), '?');
        assert_true(clade_process_is_dead(child));
    }
    assert_false(clade_process_is_dead(getpid()));
    assert_false(clade_process_is_dead(0));
    assert_false(clade_process_is_dead(-1));
}

static void numbers_mean_the_same(void **state)
{
    (void)state;
    char here[48], little[4];
    clade_process_namespace(here, sizeof here);
    assert_int_equal(strncmp(here, "pid:[", 5), 0);
    clade_process_namespace(little, sizeof little);
    assert_string_equal(little, "pid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stopped_ended_and_gone),
                                       cmocka_unit_test(numbers_mean_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
