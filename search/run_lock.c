#include "search/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/json.h"
#include "clade/log.h"
#include "search/process.h"

enum { PAUSE_MILLISECONDS = 20, MOST_BYTES = 4096, BEATS_OF_THE_DEAD = 3 };

struct clade_run_lock {
    int file;
    long beat; /* milliseconds */
    bool beats, ends;
    pthread_t beater;
    pthread_mutex_t guard; /* of ENDS */
    pthread_cond_t end;
};

/* ---- who ---- */

static void read_boot(char *boot, size_t size)
{
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    boot[0] = '\0';
    if (file && !fgets(boot, (int)size, file))
        boot[0] = '\0';
    boot[strcspn(boot, "\n")] = '\0';
    if (file)
        (void)fclose(file);
}

static void be(clade_lock_owner *self)
{
    const time_t now = time(NULL);
    struct tm utc;
    *self = (clade_lock_owner){.known = true, .process = (long)getpid()};
    (void)gethostname(self->host, sizeof self->host - 1);
    read_boot(self->boot, sizeof self->boot);
    clade_process_namespace(self->pids, sizeof self->pids);
    if (!gmtime_r(&now, &utc) || strftime(self->since, sizeof self->since, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        self->since[0] = '\0';
}

/* Whether both are of one kernel, whose locks and processes can be relied upon. */
static bool same_machine(const clade_lock_owner *a, const clade_lock_owner *b)
{
    return strcmp(a->boot, b->boot) == 0 && (a->boot[0] != '\0' || strcmp(a->host, b->host) == 0);
}

/* Whether a process number means the same to both, which are of one machine: containers count their own. */
static bool same_numbers(const clade_lock_owner *a, const clade_lock_owner *b)
{
    return a->pids[0] != '\0' && strcmp(a->pids, b->pids) == 0;
}

/* All of it, or false with errno. */
static bool write_all(int file, const char *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        const ssize_t part = pwrite(file, bytes + done, length - done, (off_t)done);
        if (part < 0 && errno != EINTR)
            return false;
        done += part > 0 ? (size_t)part : 0;
    }
    return true;
}

static clade_status put_owner(int file, const char *name)
{
    clade_lock_owner self;
    clade_text text = {0};
    be(&self);
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "host", self.host);
    clade_json_put_string(&writer, "boot", self.boot);
    clade_json_put_integer(&writer, "process", self.process);
    clade_json_put_string(&writer, "pids", self.pids);
    clade_json_put_string(&writer, "since", self.since);
    clade_json_end_object(&writer);
    clade_text_append(&text, "\n");
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK && (ftruncate(file, 0) != 0 || !write_all(file, clade_text_get(&text), text.length)))
        status = clade_fail_errno(name, "write");
    clade_text_free(&text);
    return status;
}

/* A text member that is not too long, and has no letters that a terminal would act on. */
static bool take_text(const clade_json_at *root, const char *key, char *out, size_t size)
{
    const clade_json_at at = clade_json_member(root, key);
    clade_problems problems = {0};
    const char *text = NULL;
    bool good = clade_json_string(&at, &problems, &text) && strlen(text) < size;
    for (const char *c = text; good && *c != '\0'; c++)
        good = *c > ' ' && *c < 127;
    snprintf(out, size, "%s", good ? text : "");
    (void)clade_problems_end(&problems, CLADE_EINPUT);
    return good;
}

static clade_status parse_owner(const char *bytes, size_t length, clade_lock_owner *owner)
{
    clade_json *document = NULL;
    clade_problems problems = {0};
    double process = 0.0;
    const clade_status status = clade_json_parse(bytes, length, "run.db.lock", CLADE_EINPUT, &document);
    if (status != CLADE_OK)
        return status == CLADE_EINPUT ? CLADE_OK : status;
    const clade_json_at root = clade_json_root(document), at = clade_json_member(&root, "process");
    owner->known = take_text(&root, "host", owner->host, sizeof owner->host) &&
                   take_text(&root, "since", owner->since, sizeof owner->since) &&
                   clade_json_number(&at, &problems, 1.0, 0x1p31, &process);
    (void)take_text(&root, "boot", owner->boot, sizeof owner->boot);
    (void)take_text(&root, "pids", owner->pids, sizeof owner->pids);
    owner->process = (long)process;
    (void)clade_problems_end(&problems, CLADE_EINPUT);
    clade_json_free(document);
    return CLADE_OK;
}

/* Who the file NAME says; BEAT: when it was touched. It is opened anew, so that a network file system asks its server. A
 * name that nobody can read is no name; without memory it might be one. */
static clade_status look(const char *name, clade_lock_owner *owner, struct timespec *beat)
{
    char bytes[MOST_BYTES];
    struct stat info;
    struct timespec now;
    *owner = (clade_lock_owner){.silent = -1.0};
    *beat = (struct timespec){0};
    const int file = open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return CLADE_OK;
    const ssize_t length = fstat(file, &info) == 0 && S_ISREG(info.st_mode) ? pread(file, bytes, sizeof bytes, 0) : 0;
    const clade_status status = length > 0 ? parse_owner(bytes, (size_t)length, owner) : CLADE_OK;
    if (status == CLADE_OK && owner->known) {
        clock_gettime(CLOCK_REALTIME, &now);
        *beat = info.st_mtim;
        owner->silent = (double)(now.tv_sec - beat->tv_sec) + 1e-9 * (double)(now.tv_nsec - beat->tv_nsec);
    }
    (void)close(file);
    return status;
}

/* ---- refusing ---- */

static clade_status refuse(const char *ledger, const char *name, long beat)
{
    clade_lock_owner self, owner;
    struct timespec ignored;
    char more[512] = "";
    be(&self);
    CLADE_TRY(look(name, &owner, &ignored));
    if (!owner.known)
        return clade_fail(CLADE_EUSAGE, "%s: another process is writing this run; wait for it or stop it first",
                          ledger);
    const bool here = same_machine(&owner, &self);
    if (here && same_numbers(&owner, &self) && clade_process_state(owner.process) == 'T')
        snprintf(more, sizeof more, " (it is stopped: kill -CONT %ld lets it go on, kill -KILL %ld ends it)",
                 owner.process, owner.process);
    else if (!here && owner.silent > 1e-3 * BEATS_OF_THE_DEAD * (double)beat)
        snprintf(more, sizeof more,
                 " (it was last heard of %.0f s ago: if its host is dead, the file system gives its lock up after a "
                 "minute or two; if it never does, and you are sure, remove %s)",
                 owner.silent, name);
    return clade_fail(CLADE_EUSAGE,
                      "%s: another process is writing this run: process %ld on %s, since %s%s; wait for it or stop it "
                      "first",
                      ledger, owner.process, owner.host, owner.since, more);
}

static clade_status refuse_locks(const char *name)
{
    return clade_fail(CLADE_EIO,
                      "%s: cannot lock: %s; this file system has no locks, so nothing would keep a second process from "
                      "writing the same run: use a folder on another one",
                      name, strerror(errno));
}

/* ---- taking ---- */

static void nap(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_MILLISECONDS * 1000000L}, NULL);
}

/* The lock was free, and yet somebody on another machine has his name in it: was he killed, or do locks not reach as far
 * as that? Who lives beats. */
static clade_status watch_owner(const char *ledger, const char *name, long beat)
{
    clade_lock_owner self, owner, now;
    struct timespec first, last;
    be(&self);
    CLADE_TRY(look(name, &owner, &first));
    if (!owner.known || same_machine(&owner, &self))
        return CLADE_OK;
    clade_log(CLADE_LOG_INFO,
              "%s: process %ld on %s began to write this run at %s; looking whether it still does (%.0f s)", ledger,
              owner.process, owner.host, owner.since, 1e-3 * BEATS_OF_THE_DEAD * (double)beat);
    const double until = clade_clock_now() + 1e-3 * BEATS_OF_THE_DEAD * (double)beat;
    while (clade_clock_now() < until) {
        nap();
        CLADE_TRY(look(name, &now, &last));
        if (!now.known) /* it ended, just now */
            return CLADE_OK;
        if (last.tv_sec != first.tv_sec || last.tv_nsec != first.tv_nsec)
            return clade_fail(CLADE_EUSAGE,
                              "%s: another process is writing this run: process %ld on %s, since %s; wait for it or "
                              "stop it first (only its heartbeat tells: locks of this file system do not reach from "
                              "host to host)",
                              ledger, now.process, now.host, now.since);
    }
    clade_log(CLADE_LOG_INFO, "%s: nothing was heard of process %ld on %s: the run is taken over", ledger,
              owner.process, owner.host);
    return CLADE_OK;
}

static clade_status wait_for_lock(const char *ledger, const char *name, int file, clade_lock_times times)
{
    for (long waited = 0; flock(file, LOCK_EX | LOCK_NB) != 0; waited += PAUSE_MILLISECONDS) {
        if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP)
            return refuse_locks(name);
        if (errno != EWOULDBLOCK)
            return clade_fail_errno(name, "lock");
        if (waited >= times.wait)
            return refuse(ledger, name, times.beat);
        nap();
    }
    return CLADE_OK;
}

static struct timespec in_milliseconds(long milliseconds)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += milliseconds / 1000;
    at.tv_nsec += milliseconds % 1000 * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    return at;
}

static void *keep_beating(void *context)
{
    clade_run_lock *lock = context;
    pthread_mutex_lock(&lock->guard);
    while (!lock->ends) {
        const struct timespec next = in_milliseconds(lock->beat);
        int waited = 0;
        while (!lock->ends && waited == 0)
            waited = pthread_cond_timedwait(&lock->end, &lock->guard, &next);
        if (!lock->ends)
            (void)futimens(lock->file, NULL); /* a beat that is lost is made up for by the next */
    }
    pthread_mutex_unlock(&lock->guard);
    return NULL;
}

/* Signals are for the thread that works. */
static clade_status begin_beating(clade_run_lock *lock)
{
    pthread_condattr_t monotonic;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&lock->guard, NULL);
    pthread_cond_init(&lock->end, &monotonic);
    pthread_condattr_destroy(&monotonic);
    const int error = pthread_create(&lock->beater, NULL, keep_beating, lock);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    lock->beats = error == 0;
    return error == 0 ? CLADE_OK : clade_fail(CLADE_EIO, "cannot start a thread: %s", strerror(error));
}

static clade_status take(const char *ledger, const char *name, clade_lock_times times, clade_run_lock *lock)
{
    lock->file = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (lock->file < 0)
        return clade_fail_errno(name, "create");
    CLADE_TRY(wait_for_lock(ledger, name, lock->file, times));
    CLADE_TRY(watch_owner(ledger, name, times.beat));
    CLADE_TRY(put_owner(lock->file, name));
    return begin_beating(lock);
}

clade_status clade_run_lock_take(const char *ledger, clade_lock_times times, clade_run_lock **out)
{
    clade_text name = {0};
    *out = NULL;
    clade_run_lock *lock = clade_calloc(1, sizeof *lock);
    if (!lock)
        return clade_fail_memory(sizeof *lock, "a lock");
    lock->file = -1;
    lock->beat = times.beat;
    clade_text_append(&name, "%s.lock", ledger);
    clade_status status = clade_text_status(&name);
    if (status == CLADE_OK)
        status = take(ledger, clade_text_get(&name), times, lock);
    clade_text_free(&name);
    if (status == CLADE_OK)
        *out = lock;
    else if (lock->file >= 0)
        (void)close(lock->file);
    if (status != CLADE_OK)
        clade_free(lock);
    return status;
}

void clade_run_lock_release(clade_run_lock *lock)
{
    if (!lock)
        return;
    pthread_mutex_lock(&lock->guard);
    lock->ends = true;
    pthread_cond_signal(&lock->end);
    pthread_mutex_unlock(&lock->guard);
    pthread_join(lock->beater, NULL);
    pthread_cond_destroy(&lock->end);
    pthread_mutex_destroy(&lock->guard);
    (void)!ftruncate(lock->file, 0); /* nobody's, in order; else the next one looks a little longer */
    (void)close(lock->file);
    clade_free(lock);
}

/* ---- looking ---- */

bool clade_run_lock_is_held(const char *ledger, clade_lock_owner *owner)
{
    clade_lock_owner self;
    clade_text name = {0};
    struct timespec ignored;
    *owner = (clade_lock_owner){.silent = -1.0};
    clade_text_append(&name, "%s.lock", ledger);
    if (clade_text_status(&name) != CLADE_OK)
        return true;
    const int file = open(clade_text_get(&name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    const bool unlocked = file >= 0 ? flock(file, LOCK_SH | LOCK_NB) == 0 : errno == ENOENT;
    if (file >= 0)
        (void)close(file);
    const bool read = look(clade_text_get(&name), owner, &ignored) == CLADE_OK;
    clade_text_free(&name);
    be(&self);
    const double alive = 1e-3 * BEATS_OF_THE_DEAD * (double)CLADE_LOCK_TIMES.beat;
    return !read || !unlocked || (owner->known && !same_machine(owner, &self) && owner->silent < alive);
}
