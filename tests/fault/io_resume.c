/* A writer in pieces that fails at every step that changes the disk, that runs out of memory, or whose process is
 * killed: nothing under the final name, and the next one makes the same bytes as an undisturbed one. */
#include "writer_fixture.h"

#include <signal.h>
#include <sys/wait.h>

/* Where the process kills itself; 0: nowhere. */
static size_t kill_at;

static void step(void)
{
    if (kill_at != 0 && --kill_at == 0)
        raise(SIGKILL);
}

static clade_status write_missing(clade_checkpoint_writer *writer)
{
    for (size_t s = 0; s < clade_checkpoint_writer_shards(writer); s++) {
        if (clade_checkpoint_writer_done(writer, s))
            continue;
        step();
        CLADE_TRY(clade_checkpoint_writer_begin(writer, s));
        step();
        CLADE_TRY(put_shard(writer, s, 5));
        step();
        CLADE_TRY(clade_checkpoint_writer_end(writer, s));
        step();
    }
    return CLADE_OK;
}

/* A whole job, which leaves what it has when it fails. */
static clade_status run_job(void *context)
{
    clade_checkpoint_writer *writer;
    (void)context;
    CLADE_TRY(open_writer("recipe", &writer));
    step();
    clade_status status = write_missing(writer);
    if (status == CLADE_OK)
        return clade_checkpoint_writer_finish(writer);
    clade_checkpoint_writer_close(writer);
    return status;
}

/* Finish what was interrupted, unless it was complete but for the very last sync. */
static void go_on(void)
{
    if (!clade_path_exists(out))
        assert_ok(run_job(NULL));
    check_out();
    assert_ok(clade_remove_folder(partial));
}

static void test_full_disk(void **state)
{
    (void)state;
    size_t whole_at_once = 0;
    clade_status status = CLADE_EIO;
    use("full");
    for (size_t n = 1; status != CLADE_OK; n++) {
        size_t live = clade_alloc_live();
        clade_output_fail_at(n);
        status = run_job(NULL);
        clade_output_fail_at(0);
        assert_int_equal(clade_alloc_live(), live);
        if (status != CLADE_OK) {
            assert_fails(status, CLADE_EIO, "No space left on device");
            whole_at_once += clade_path_exists(out);
            assert_true(entries_in(folder) <= 2); /* "whole", and OUT or OUT.partial */
        }
        go_on();
        assert_true(n < 1000);
    }
    assert_int_equal(whole_at_once, 1);
}

/* Every attempt fails one step later than the one before, and begins with what that one left. */
static void test_again_and_again(void **state)
{
    (void)state;
    use("again");
    clade_status status = CLADE_EIO;
    for (size_t n = 1; status != CLADE_OK && !clade_path_exists(out); n++) {
        clade_output_fail_at(n);
        status = run_job(NULL);
        clade_output_fail_at(0);
        assert_true(n < 1000);
    }
    check_out();
}

static clade_status run_anew(void *context)
{
    CLADE_TRY(clade_remove_folder(out)); /* it may be in place and whole when the last sync found no memory */
    return run_job(context);
}

static void test_no_memory(void **state)
{
    (void)state;
    use("memory");
    check_every_allocation(run_anew, NULL);
    check_out();
}

/* Run a job in a process of its own that is killed at step AT (0: by us, after WAIT microseconds). True when it was. */
static bool killed(size_t at, useconds_t wait)
{
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        kill_at = at;
        _exit(run_job(NULL) == CLADE_OK ? 0 : 1);
    }
    if (at == 0) {
        usleep(wait);
        kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    if (WIFSIGNALED(result))
        return true;
    assert_int_equal(WEXITSTATUS(result), 0);
    return false;
}

static void test_killed(void **state)
{
    (void)state;
    size_t at = 0;
    use("killed");
    do {
        bool was_killed = killed(++at, 0);
        assert_int_equal(clade_path_exists(out), !was_killed);
        go_on();
        if (!was_killed)
            break;
    } while (at < 100);
    assert_int_equal(at, 2 + 4 * SHARDS);                         /* every step before the end, then none is left */
    for (useconds_t wait = 100; wait < 12000; wait += wait / 3) { /* in the middle of whatever it was doing */
        killed(0, wait);
        if (clade_path_exists(out))
            unlink(path_in(out, ".clade-journal")); /* the one thing that may be left over */
        go_on();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_again_and_again),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
