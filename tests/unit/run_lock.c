/* One writer: while the first lives, stopped or not, the second is refused and told who it is; once it is dead, it is let
 * in. Another host, whose locks may not reach us, is known by its heartbeat. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "clade/clock.h"
#include "search/run_lock.h"

static const clade_lock_times SOON = {.wait = 60, .beat = 40};

static bool no_locks; /* the system's answer */

int flock(int fd, int operation)
{
    if (!no_locks)
        return (int)syscall(SYS_flock, fd, operation);
    errno = ENOLCK;
    return -1;
}

typedef struct place {
    char folder[TEST_PATH], ledger[TEST_PATH], file[TEST_PATH + 8];
} place;

static void begin(place *p)
{
    make_temporary_folder(p->folder);
    snprintf(p->ledger, sizeof p->ledger, "%s", path_in(p->folder, "run.db"));
    snprintf(p->file, sizeof p->file, "%s.lock", p->ledger);
}

static void end(const place *p)
{
    remove_temporary_folder(p->folder);
}

static void sleep_milliseconds(long milliseconds)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000L}, NULL);
}

static void is_let_in(const place *p)
{
    clade_run_lock *lock = NULL;
    assert_ok(clade_run_lock_take(p->ledger, SOON, &lock));
    clade_run_lock_release(lock);
}

static void is_refused(const place *p, const char *part)
{
    clade_run_lock *lock = NULL;
    assert_fails(clade_run_lock_take(p->ledger, SOON, &lock), CLADE_EUSAGE, part);
    assert_non_null(strstr(clade_error_message(), "another process is writing this run"));
    assert_null(lock);
}

/* A process that has the lock until it is killed. */
static pid_t start_owner(const place *p)
{
    clade_lock_owner owner;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        clade_run_lock *lock = NULL;
        if (clade_run_lock_take(p->ledger, SOON, &lock) == CLADE_OK)
            for (;;)
                (void)pause();
        _exit(1);
    }
    while (!clade_run_lock_is_held(p->ledger, &owner) || owner.process != child)
        sleep_milliseconds(1);
    return child;
}

static void end_process(pid_t process)
{
    assert_int_equal(kill(process, SIGKILL), 0);
    assert_int_equal(waitpid(process, NULL, 0), process);
}

/* The file as a machine that is not here would have left it, SECONDS ago. */
static void forge(const place *p, const char *text, long seconds)
{
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    FILE *file = fopen(p->file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(utimensat(AT_FDCWD, p->file, (const struct timespec[]){then, then}, 0), 0);
}
static const char elsewhere[] =
    "{\"host\":\"node17\",\"boot\":\"11111111-2222\",\"process\":4711,\"since\":\"2026-11-23T10:00:00Z\"}\n";

static void one_at_a_time(void **state)
{
    (void)state;
    place p;
    clade_run_lock *lock = NULL;
    clade_lock_owner owner;
    char part[300], host[256] = "";
    begin(&p);
    assert_false(clade_run_lock_is_held(p.ledger, &owner)); /* there is no file yet */
    assert_ok(clade_run_lock_take(p.ledger, SOON, &lock));
    assert_true(clade_run_lock_is_held(p.ledger, &owner));
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    assert_true(owner.known && owner.process == getpid());
    assert_string_equal(owner.host, host);
    snprintf(part, sizeof part, "process %ld on %s, since 20", (long)getpid(), host);
    is_refused(&p, part);
    clade_run_lock_release(lock);
    assert_false(clade_run_lock_is_held(p.ledger, &owner));
    assert_false(owner.known);
    is_let_in(&p);
    no_locks = true;
    assert_fails(clade_run_lock_take(p.ledger, SOON, &lock), CLADE_EIO, "this file system has no locks");
    no_locks = false;
    end(&p);
}

static void owner_stopped_and_killed(void **state)
{
    (void)state;
    place p;
    char part[64];
    clade_lock_owner owner;
    begin(&p);
    const pid_t child = start_owner(&p);
    snprintf(part, sizeof part, "process %ld on ", (long)child);
    is_refused(&p, part);
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    snprintf(part, sizeof part, "it is stopped: kill -CONT %ld", (long)child);
    is_refused(&p, part);
    end_process(child);
    assert_false(clade_run_lock_is_held(p.ledger, &owner));
    assert_true(owner.known && owner.process == child); /* who it was */
    is_let_in(&p);
    end(&p);
}

/* A container of the same kernel counts its processes from 1: its number is somebody else's here, or nobody's. */
static void advice_is_for_ones_own_numbers(void **state)
{
    (void)state;
    place p;
    clade_run_lock *lock = NULL;
    char owner[1024], other[1024];
    begin(&p);
    const pid_t child = start_owner(&p);
    assert_int_equal(kill(child, SIGSTOP), 0);
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    FILE *file = fopen(p.file, "r");
    assert_non_null(file);
    assert_non_null(fgets(owner, sizeof owner, file));
    assert_int_equal(fclose(file), 0);
    char *pids = strstr(owner, "\"pids\":\"");
    assert_non_null(pids);
    is_refused(&p, "it is stopped: kill -CONT");
    for (int known = 0; known < 2; known++) { /* another namespace; none, as older programs wrote it */
        const char *rest = known ? pids + 8 : strstr(pids, "\",") + 2;
        snprintf(other, sizeof other, "%.*s%s%s", (int)(pids - owner), owner, known ? "\"pids\":\"other-" : "", rest);
        forge(&p, other, 0);
        assert_fails(clade_run_lock_take(p.ledger, SOON, &lock), CLADE_EUSAGE, "another process is writing this run");
        assert_null(strstr(clade_error_message(), "kill"));
        assert_non_null(strstr(clade_error_message(), "process "));
    }
    end_process(child);
    end(&p);
}

/* Who waits is let in as soon as the owner is dead. */
static void owner_dies_meanwhile(void **state)
{
    (void)state;
    place p;
    begin(&p);
    const pid_t owner = start_owner(&p), killer = fork();
    assert_true(killer >= 0);
    if (killer == 0) {
        sleep_milliseconds(50);
        _exit(kill(owner, SIGKILL));
    }
    clade_run_lock *lock = NULL;
    assert_ok(clade_run_lock_take(p.ledger, (clade_lock_times){.wait = 8000, .beat = 40}, &lock));
    clade_run_lock_release(lock);
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    end(&p);
}

static void it_beats(void **state)
{
    (void)state;
    place p;
    clade_run_lock *lock = NULL;
    begin(&p);
    assert_ok(clade_run_lock_take(p.ledger, SOON, &lock));
    struct stat before, after;
    for (int beats = 0; beats < 3; beats++) {
        assert_int_equal(stat(p.file, &before), 0);
        do {
            sleep_milliseconds(5);
            assert_int_equal(stat(p.file, &after), 0);
        } while (after.st_mtim.tv_sec == before.st_mtim.tv_sec && after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
    }
    clade_run_lock_release(lock);
    end(&p);
}

/* The lock was free: the host is dead, or has locks of its own. */
static void another_host(void **state)
{
    (void)state;
    place p;
    clade_lock_owner owner;
    begin(&p);
    forge(&p, elsewhere, 3600);
    assert_false(clade_run_lock_is_held(p.ledger, &owner));
    assert_true(owner.known && owner.silent > 3500.0 && owner.silent < 3700.0);
    const double start = clade_clock_now();
    is_let_in(&p);
    assert_true(clade_clock_now() - start >= 0.12); /* three beats */

    forge(&p, elsewhere, 0);
    const pid_t beater = fork();
    assert_true(beater >= 0);
    if (beater == 0) {
        while (utimensat(AT_FDCWD, p.file, NULL, 0) == 0)
            sleep_milliseconds(10);
        _exit(1);
    }
    is_refused(&p, "process 4711 on node17, since 2026-11-23T10:00:00Z");
    is_refused(&p, "do not reach from host to host");
    assert_true(clade_run_lock_is_held(p.ledger, &owner));
    assert_string_equal(owner.host, "node17"); /* his name is still there */
    end_process(beater);
    is_let_in(&p);
    end(&p);
}

/* A lock that is held is not broken, however silent its owner. */
static void another_host_that_holds_it(void **state)
{
    (void)state;
    place p;
    begin(&p);
    forge(&p, elsewhere, 500);
    const int file = open(p.file, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(file, LOCK_EX), 0);
    is_refused(&p, "it was last heard of 50");
    is_refused(&p, "if it never does, and you are sure, remove");
    assert_int_equal(unlink(p.file), 0);
    is_let_in(&p);
    assert_int_equal(close(file), 0);
    end(&p);
}

/* What is in the file is somebody else's word. */
static void nonsense(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "\x01\x02",
        "{\"host\":\"a\\u001b[2J\",\"boot\":\"x\",\"process\":1,\"since\":\"y\"}",
        "{\"host\":\"a\",\"boot\":\"x\",\"process\":-1,\"since\":\"y\"}",
        "{\"host\":7,\"boot\":\"x\",\"process\":1,\"since\":\"y\"}",
    };
    place p;
    clade_lock_owner owner;
    begin(&p);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        forge(&p, texts[i], 0);
        assert_false(clade_run_lock_is_held(p.ledger, &owner));
        assert_false(owner.known);
        const int file = open(p.file, O_RDWR | O_CLOEXEC);
        assert_int_equal(flock(file, LOCK_EX), 0);
        is_refused(&p, "another process is writing this run; wait for it");
        assert_int_equal(close(file), 0);
        is_let_in(&p);
    }
    assert_int_equal(unlink(p.file), 0);
    forge(&p, elsewhere, 0);
    assert_int_equal(rename(p.file, path_in(p.folder, "aside")), 0);
    assert_int_equal(symlink(path_in(p.folder, "aside"), p.file), 0);
    clade_run_lock *lock = NULL;
    assert_fails(clade_run_lock_take(p.ledger, SOON, &lock), CLADE_EIO, "run.db.lock");
    end(&p);
}

static clade_status take_and_release(void *context)
{
    clade_run_lock *lock = NULL;
    const clade_status status = clade_run_lock_take(context, SOON, &lock);
    clade_run_lock_release(lock);
    return status;
}

static void memory_runs_out(void **state)
{
    (void)state;
    place p;
    begin(&p);
    check_every_allocation(take_and_release, p.ledger);
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(owner_stopped_and_killed),
        cmocka_unit_test(advice_is_for_ones_own_numbers),
        cmocka_unit_test(owner_dies_meanwhile),
        cmocka_unit_test(it_beats),
        cmocka_unit_test(another_host),
        cmocka_unit_test(another_host_that_holds_it),
        cmocka_unit_test(nonsense),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
