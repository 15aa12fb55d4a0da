/* Processes that are watched: known to be gone when they are, a zombie too, and signalled while they live. */
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "search/neighbours.h"

static pid_t start(void)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves none behind */
        for (;;)
            pause();
    }
    return child;
}

static int next_dead_soon(clade_neighbours *neighbours)
{
    for (int i = 0; i < 500; i++) {
        const int rank = clade_neighbours_next_dead(neighbours);
        if (rank >= 0)
            return rank;
        (void)poll(NULL, 0, 10);
    }
    return -1;
}

static void who_ends_is_known_once(void **state)
{
    (void)state;
    clade_neighbours *neighbours = NULL;
    const pid_t first = start(), second = start(), gone = start();
    assert_int_equal(kill(gone, SIGKILL), 0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    assert_ok(clade_neighbours_new(5, &neighbours));
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1);
    clade_neighbours_add(neighbours, 1, first);
    clade_neighbours_add(neighbours, 2, second);
    clade_neighbours_add(neighbours, 7, first); /* no rank */
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1);
    clade_neighbours_add(neighbours, 4, gone);
    assert_int_equal(clade_neighbours_next_dead(neighbours), 4);
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1);
    assert_true(clade_neighbours_signal(neighbours, 1, SIGCONT));
    assert_false(clade_neighbours_signal(neighbours, 3, SIGCONT)); /* of another machine, as far as is known */
    assert_false(clade_neighbours_signal(neighbours, 4, SIGCONT));
    assert_false(clade_neighbours_signal(neighbours, -1, SIGCONT));
    assert_true(clade_neighbours_signal(neighbours, 2, SIGKILL));
    assert_int_equal(next_dead_soon(neighbours), 2); /* a zombie: nobody has waited for it */
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1);
    assert_false(clade_neighbours_signal(neighbours, 2, SIGKILL));
    assert_int_equal(waitpid(second, NULL, 0), second);
    assert_int_equal(kill(first, SIGSTOP), 0);
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1); /* held is not dead */
    assert_true(clade_neighbours_signal(neighbours, 1, SIGKILL));
    assert_int_equal(next_dead_soon(neighbours), 1);
    assert_int_equal(waitpid(first, NULL, 0), first);
    clade_neighbours_free(neighbours);
    clade_neighbours_free(NULL);
    assert_int_equal(clade_alloc_live(), 0);
}

/* Fewer files may be open than there are ranks, of which only those of this machine count. */
static void there_may_be_many_ranks(void **state)
{
    (void)state;
    clade_neighbours *neighbours = NULL;
    struct rlimit before, few;
    const pid_t first = start(), second = start();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_ok(clade_neighbours_new(1000, &neighbours));
    clade_neighbours_add(neighbours, 3, first);
    clade_neighbours_add(neighbours, 999, second);
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1);
    assert_true(clade_neighbours_signal(neighbours, 3, SIGKILL));
    assert_int_equal(next_dead_soon(neighbours), 3);
    assert_true(clade_neighbours_signal(neighbours, 999, SIGKILL));
    assert_int_equal(next_dead_soon(neighbours), 999);
    assert_int_equal(clade_neighbours_next_dead(neighbours), -1);
    clade_neighbours_free(neighbours);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(waitpid(first, NULL, 0), first);
    assert_int_equal(waitpid(second, NULL, 0), second);
    assert_int_equal(clade_alloc_live(), 0);
}

static void a_process_knows_itself(void **state)
{
    (void)state;
    clade_identity self, again;
    clade_identify(&self);
    clade_identify(&again);
    assert_int_equal(self.pid, getpid());
    assert_true(strlen(self.host) > 0);
    assert_memory_equal(&self, &again, sizeof self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_ends_is_known_once),
        cmocka_unit_test(there_may_be_many_ranks),
        cmocka_unit_test(a_process_knows_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
