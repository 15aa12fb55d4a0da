/* What a sweep after killed jobs removes, and above all what it leaves: another host's, a young one, one whose process
 * lives or has a file open, one that is not ours to remove. */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "clade/files.h"
#include "search/leftovers.h"

enum { OLD = 120 };

typedef struct place {
    char base[TEST_PATH], host[256];
    long dead; /* a process that is no more */
} place;

static void begin(place *p)
{
    make_temporary_folder(p->base);
    assert_int_equal(gethostname(p->host, sizeof p->host - 1), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    p->dead = child;
}

/* Removes the rest. */
static void end(const place *p)
{
    remove_temporary_folder(p->base);
}

/* BASE/NAME..., as old as SECONDS. */
static void path_of(const place *p, char path[TEST_PATH], const char *format, ...) CLADE_PRINTF(3, 4);
static void path_of(const place *p, char path[TEST_PATH], const char *format, ...)
{
    char name[TEST_PATH / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    snprintf(path, TEST_PATH, "%s/%s", p->base, name);
}

static void make_old(const char *path, long seconds)
{
    const struct timespec then = {.tv_sec = time(NULL) - seconds};
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){then, then}, AT_SYMLINK_NOFOLLOW), 0);
}

static void make_file(const char *path, long seconds)
{
    char page[4096] = {0};
    assert_ok(clade_write_file(path, page, sizeof page));
    make_old(path, seconds);
}

/* A session folder as Open MPI 4.1 makes it: "pid.N", "jf.J"; DAEMON is in the name of its store. */
static void make_session(const char *path, long daemon, long seconds)
{
    char part[2 * TEST_PATH];
    snprintf(part, sizeof part, "%s/pmix_dstor_ds21_%ld", path, daemon);
    assert_ok(clade_make_folders(part));
    snprintf(part, sizeof part, "%s/pmix_dstor_ds21_%ld/smseg-1-0", path, daemon);
    make_file(part, seconds);
    snprintf(part, sizeof part, "%s/1/0", path);
    assert_ok(clade_make_folders(part));
    make_old(path, seconds);
}

static size_t removed(const place *p)
{
    return clade_leftovers_remove(p->base, p->base);
}

static void takes(const place *p, const char *path)
{
    assert_int_equal(removed(p), 1);
    assert_false(clade_path_exists(path));
}

static void leaves(const place *p, const char *path)
{
    assert_int_equal(removed(p), 0);
    assert_true(clade_path_exists(path));
}

static void segments(void **state)
{
    (void)state;
    place p;
    char path[TEST_PATH];
    begin(&p);
    const long user = (long)getuid();
    for (int i = 0; i < 2; i++) {
        path_of(&p, path, "%s.%s.%ld.45b20001.0", i ? "sm_segment" : "vader_segment", p.host, user);
        make_file(path, OLD);
        takes(&p, path);
    }
    path_of(&p, path, "vader_segment.%s.%ld.45b20001.0", p.host, user);
    make_file(path, 10);
    leaves(&p, path);
    make_old(path, OLD);
    const int file = open(path, O_RDWR | O_CLOEXEC); /* a rank that lives */
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    assert_true(page != MAP_FAILED);
    leaves(&p, path);
    assert_int_equal(munmap(page, 4096), 0);
    assert_int_equal(close(file), 0);
    takes(&p, path);
    const char *const others[] = {"vader_segment.%s-2.%ld.45b20001.0", "vader_segment.%s.1%ld.45b20001.0",
                                  "vader_segment.%s.%ld.45b20001.0.txt", "my_vader_segment.%s.%ld.45b20001.0"};
    path_of(&p, path, others[0], p.host, user);
    make_file(path, OLD);
    path_of(&p, path, others[1], p.host, user);
    make_file(path, OLD);
    path_of(&p, path, others[2], p.host, user);
    make_file(path, OLD);
    path_of(&p, path, others[3], p.host, user);
    make_file(path, OLD);
    leaves(&p, path);
    path_of(&p, path, "vader_segment.%s.%ld.45b20001.1", p.host, user);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    make_old(path, OLD);
    assert_int_equal(removed(&p), 0);
    end(&p);
}

static void sessions(void **state)
{
    (void)state;
    place p;
    char path[TEST_PATH], within[2 * TEST_PATH];
    begin(&p);
    const long user = (long)getuid(), alive = (long)getpid();
    path_of(&p, path, "ompi.%s.%ld/pid.%ld", p.host, user, p.dead);
    make_session(path, p.dead, 10);
    leaves(&p, path);
    make_old(path, OLD);
    snprintf(within, sizeof within, "%s/pmix_dstor_ds21_%ld/smseg-1-0", path, p.dead);
    const int file = open(within, O_RDONLY | O_CLOEXEC);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0); /* a rank that its mpirun left behind */
    assert_true(page != MAP_FAILED);
    leaves(&p, path);
    assert_int_equal(munmap(page, 4096), 0);
    assert_int_equal(close(file), 0);
    takes(&p, path);
    path_of(&p, path, "ompi.%s.%ld/jf.4711", p.host, user); /* of a daemon */
    make_session(path, p.dead, OLD);
    takes(&p, path);
    make_session(path, alive, OLD);
    leaves(&p, path);
    path_of(&p, path, "ompi.%s.%ld/jf.4712", p.host, user); /* that names nobody */
    assert_ok(clade_make_folders(path));
    make_old(path, OLD);
    leaves(&p, path);
    path_of(&p, path, "ompi.%s.%ld/pid.%ld", p.host, user, alive);
    make_session(path, alive, OLD);
    leaves(&p, path);
    path_of(&p, path, "ompi.%s-2.%ld/pid.%ld", p.host, user, p.dead); /* of another host */
    make_session(path, p.dead, OLD);
    leaves(&p, path);
    path_of(&p, path, "ompi.%s.%ld/pid.%ldx", p.host, user, p.dead);
    make_session(path, p.dead, OLD);
    leaves(&p, path);
    end(&p);
}

/* In /tmp anybody may have made the folder, or have made it a link. */
static void of_strangers(void **state)
{
    (void)state;
    place p;
    char folder[TEST_PATH], path[TEST_PATH], aside[TEST_PATH];
    begin(&p);
    path_of(&p, folder, "ompi.%s.%ld", p.host, (long)getuid());
    path_of(&p, path, "ompi.%s.%ld/pid.%ld", p.host, (long)getuid(), p.dead);
    make_session(path, p.dead, OLD);
    assert_int_equal(chmod(folder, 0777), 0);
    leaves(&p, path);
    assert_int_equal(chmod(folder, 0700), 0);
    path_of(&p, aside, "aside");
    assert_int_equal(rename(folder, aside), 0);
    assert_int_equal(symlink(aside, folder), 0);
    leaves(&p, path);
    if (getuid() == 0) {
        assert_int_equal(unlink(folder), 0);
        assert_int_equal(rename(aside, folder), 0);
        assert_int_equal(chown(folder, 12345, 12345), 0);
        leaves(&p, path);
        assert_int_equal(chown(folder, 0, 0), 0);
    }
    end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments),
        cmocka_unit_test(sessions),
        cmocka_unit_test(of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
