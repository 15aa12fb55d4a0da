/* Loaded into `clade` by LD_PRELOAD (tests/fault/calls.sh): makes its N-th call of one class fail, once or from there on.
 * The C library's functions are defined here again, so that the calls of other libraries come here, too (SQLite's, the C
 * library's own allocations), and nothing in the program knows of it. What is outside of main, inside Open MPI, in
 * threads that the program did not start, or on stderr (whom to tell?) does not count.
 *
 *   CLADE_FAULT_CLASS   memory, read, write, sync, name, look, process, short, interrupt, mpi
 *   CLADE_FAULT_N       the call that fails; 0: none, only count
 *   CLADE_FAULT_STAYS   if not empty, so do all after it
 *   CLADE_FAULT_WHO     main (the default); child: the processes that it starts; or the number of a rank
 *   CLADE_FAULT_REPORT  a file that gets "failed NAME NUMBER" from the call that failed, or "calls CLASS COUNT" at the end
 *
 * "short" moves one byte instead of all, "interrupt" is EINTR: both are no failures, and the program must come to its
 * usual end. A sync that does not fail does nothing: what a disk keeps is tested elsewhere (fault_power.h). */
#include "fail.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_size_t calls;
static const char *class, *report_path;
static size_t fail_at;
static bool stays, of_children, counting;
static _Thread_local int elsewhere = 1; /* above 0: what this thread does is not the program's */

void *fail_next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

void fail_enter_library(void)
{
    elsewhere++;
}

void fail_leave_library(void)
{
    elsewhere--;
}

/* Whether a call has failed already, in a process before this one. */
static bool was_reported(void)
{
    struct stat info;
    return report_path && syscall(SYS_newfstatat, AT_FDCWD, report_path, &info, 0) == 0 && info.st_size > 0;
}

/* By system calls only: this may be in the middle of any function of the C library. */
static void report(const char *what, const char *name, size_t number)
{
    char line[128];
    if (!report_path)
        return;
    const int length = snprintf(line, sizeof line, "%s %s %zu\n", what, name, number);
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    const long fd = syscall(SYS_openat, AT_FDCWD, report_path, flags, 0666);
    if (fd < 0)
        return;
    syscall(SYS_write, fd, line, (size_t)length);
    syscall(SYS_close, fd);
}

bool fail_now(const char *of_class, const char *name, int error)
{
    if (!counting || elsewhere > 0 || strcmp(class, of_class) != 0)
        return false;
    const size_t number = atomic_fetch_add(&calls, 1) + 1;
    if (fail_at == 0 || (stays ? number < fail_at : number != fail_at))
        return false;
    if (number == fail_at)
        report("failed", name, number);
    errno = error;
    return true;
}

bool fail_short(const char *name, size_t bytes)
{
    return bytes > 1 && fail_now("short", name, 0);
}

/* ---- the program ---- */

static int (*real_main)(int count, char **words, char **environment);

/* Its own processes are `clade evaluator`, or forked. */
static void take_environment(int count, char **words)
{
    const char *number = getenv("CLADE_FAULT_N"), *who = getenv("CLADE_FAULT_WHO");
    const char *all_later = getenv("CLADE_FAULT_STAYS");
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    class = getenv("CLADE_FAULT_CLASS");
    report_path = getenv("CLADE_FAULT_REPORT");
    fail_at = number ? (size_t)strtoull(number, NULL, 10) : 0;
    stays = all_later && all_later[0] != '\0';
    of_children = who && strcmp(who, "child") == 0;
    const bool of_rank = !who || who[0] < '0' || who[0] > '9' || (rank && strcmp(rank, who) == 0);
    const bool is_child = count > 1 && strcmp(words[1], "evaluator") == 0;
    counting = class && of_children == is_child && of_rank && strcmp(program_invocation_short_name, "clade") == 0 &&
               !was_reported();
}

static void report_count(void)
{
    if (counting && fail_at == 0)
        report("calls", class, atomic_load(&calls));
}

static int watched_main(int count, char **words, char **environment)
{
    take_environment(count, words);
    elsewhere = 0;
    const int code = real_main(count, words, environment);
    elsewhere = 1;
    report_count();
    return code;
}

typedef int start_function(int (*program)(int, char **, char **), int count, char **words, void (*init)(void),
                           void (*fini)(void), void (*loader_fini)(void), void *stack_end);

int __libc_start_main(int (*program)(int, char **, char **), int count, char **words, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_function *start = fail_next("__libc_start_main");
    real_main = program;
    return start(watched_main, count, words, init, fini, loader_fini, stack_end);
}

/* ---- processes and threads ---- */

pid_t fork(void)
{
    pid_t (*real)(void) = fail_next("fork");
    if (fail_now("process", "fork", EAGAIN))
        return -1;
    const pid_t child = real();
    if (child == 0)
        counting = of_children && class && !was_reported();
    return child;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *files,
                const posix_spawnattr_t *attributes, char *const words[], char *const environment[])
{
    int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
                char *const[]) = fail_next("posix_spawn");
    return fail_now("process", "posix_spawn", EAGAIN) ? EAGAIN : real(pid, path, files, attributes, words, environment);
}

typedef struct thread_start {
    void *(*run)(void *argument);
    void *argument;
} thread_start;

static void *run_own_thread(void *argument)
{
    const thread_start start = *(thread_start *)argument;
    munmap(argument, sizeof start);
    elsewhere = 0;
    return start.run(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = fail_next("pthread_create");
    if (elsewhere > 0 || !counting)
        return real(thread, attributes, run, argument);
    if (fail_now("process", "pthread_create", EAGAIN))
        return EAGAIN;
    thread_start *start = mmap(NULL, sizeof *start, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return EAGAIN;
    *start = (thread_start){.run = run, .argument = argument};
    return real(thread, attributes, run_own_thread, start);
}

int pipe2(int ends[2], int flags)
{
    return fail_now("process", "pipe2", EMFILE) ? -1 : (int)syscall(SYS_pipe2, ends, flags);
}

int pipe(int ends[2])
{
    return fail_now("process", "pipe", EMFILE) ? -1 : (int)syscall(SYS_pipe2, ends, 0);
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
    return fail_now("process", "socketpair", EMFILE) ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, ends);
}

int memfd_create(const char *name, unsigned flags)
{
    return fail_now("process", "memfd_create", EMFILE) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

int poll(struct pollfd *fds, nfds_t count, int milliseconds)
{
    int (*real)(struct pollfd *, nfds_t, int) = fail_next("poll");
    if (fail_now("process", "poll", ENOMEM) || fail_now("interrupt", "poll", EINTR))
        return -1;
    return real(fds, count, milliseconds);
}

/* ---- memory ---- */

/* dlsym may allocate itself: out of here, never given back. */
static void *first_memory(size_t bytes)
{
    static _Alignas(64) unsigned char block[1 << 16];
    static size_t used;
    const size_t begin = used;
    used += (bytes + 63) / 64 * 64;
    return used <= sizeof block ? block + begin : NULL;
}

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    bool looking;
} real;

static bool find_real(void)
{
    if (real.posix_memalign)
        return true;
    if (real.looking)
        return false;
    real.looking = true;
    real.malloc = fail_next("malloc");
    real.calloc = fail_next("calloc");
    real.realloc = fail_next("realloc");
    real.posix_memalign = fail_next("posix_memalign");
    return true;
}

void *malloc(size_t bytes)
{
    if (!find_real())
        return first_memory(bytes);
    return fail_now("memory", "malloc", ENOMEM) ? NULL : real.malloc(bytes);
}

void *calloc(size_t count, size_t size)
{
    if (!find_real())
        return first_memory(count * size);
    return fail_now("memory", "calloc", ENOMEM) ? NULL : real.calloc(count, size);
}

void *realloc(void *memory, size_t bytes)
{
    if (!find_real())
        return first_memory(bytes);
    return fail_now("memory", "realloc", ENOMEM) ? NULL : real.realloc(memory, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (!find_real() || fail_now("memory", "posix_memalign", ENOMEM))
        return ENOMEM;
    return real.posix_memalign(out, alignment, bytes);
}
