#include "search/command/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/command/launch_words.h"
#include "search/command/stop.h"

static const char TOKEN[] = "CLADE_LAUNCHER"; /* the environment variable with the token */
static const double PATIENCE = 3.0;           /* seconds for mpirun to end by itself, and then when told to */
enum { LOOK_MILLISECONDS = 20, CHUNK_BYTES = 4096 };

/* ---- the coordinator ---- */

static bool say(const char *word, int status)
{
    char line[128];
    const char *token = getenv(TOKEN);
    if (!token)
        return false;
    const int length = snprintf(line, sizeof line, CLADE_LAUNCH_MARK "%.40s %s %d\n", token, word, status);
    return write(STDERR_FILENO, line, (size_t)length) == length;
}

bool clade_launch_say_begun(void)
{
    return say("begun", 0);
}

bool clade_launch_say_ended(clade_status status)
{
    return say("ended", (int)status);
}

/* ---- the launcher ---- */

/* mpirun, as it is watched. */
typedef struct launched {
    pid_t pid;
    int errors; /* its stderr */
    clade_mark_filter filter;
    double asked; /* to stop, 0: not yet */
    bool passed;  /* that was passed on */
    double told;  /* since when it is waited for: the last word, or the last signal after it */
    int signal;   /* the last, or SIGCONT: none yet; 0: there was no last word */
} launched;

/* In the child: be mpirun. A process group of its own keeps a terminal's Ctrl-C from mpirun, which would kill its ranks
 * without asking; and when this program is killed, mpirun is told to end. */
static void become(char *const *words, int errors)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(errors, STDERR_FILENO);
    execvp(words[0], words);
    fprintf(stderr, "clade: %s: cannot start: %s (is Open MPI installed and on PATH? `clade doctor` tells)\n", words[0],
            strerror(errno));
    _exit(CLADE_EIO);
}

/* Copy what mpirun and the ranks say, waiting a moment for it. */
static void copy_errors(launched *self, int milliseconds)
{
    char bytes[CHUNK_BYTES];
    struct pollfd look = {.fd = self->errors, .events = POLLIN};
    while (poll(&look, 1, milliseconds) > 0) {
        const ssize_t count = read(self->errors, bytes, sizeof bytes);
        if (count <= 0) {
            (void)poll(NULL, 0, milliseconds); /* it has closed it, and ends */
            return;
        }
        clade_mark_filter_take(&self->filter, bytes, (size_t)count, STDERR_FILENO);
        milliseconds = 0;
    }
}

/* The coordinator has had its last word, yet mpirun waits, perhaps for a rank that cannot be reached. */
static void hurry(launched *self)
{
    const double now = clade_clock_now();
    if (!self->filter.ended)
        return;
    if (self->signal == 0) {
        self->signal = SIGCONT;
        self->told = now;
    } else if (now - self->told > PATIENCE) {
        self->signal = self->signal == SIGCONT ? SIGTERM : SIGKILL;
        (void)kill(self->pid, self->signal);
        self->told = now;
    }
}

static clade_status last_word(const launched *self, int code)
{
    if (self->filter.ended)
        return (clade_status)self->filter.status;
    if (!self->filter.begun && clade_stop_requested())
        return clade_fail(CLADE_EINTERRUPTED, "stopped before the search began");
    if (!self->filter.begun && WIFSIGNALED(code))
        return clade_fail(CLADE_EIO, "mpirun was ended by signal %d before the search began", WTERMSIG(code));
    if (!self->filter.begun)
        return WEXITSTATUS(code) == CLADE_EIO
                   ? CLADE_EIO
                   : clade_fail(CLADE_EIO, "mpirun ended with exit code %d before the search began", WEXITSTATUS(code));
    if (WIFSIGNALED(code))
        return clade_fail(CLADE_EINTERRUPTED,
                          "mpirun was ended by signal %d; everything is kept, `clade resume` goes on", WTERMSIG(code));
    return clade_fail(CLADE_EINTERRUPTED,
                      "the coordinator ended without a word (mpirun: exit code %d); everything is kept, `clade resume` "
                      "goes on",
                      WEXITSTATUS(code));
}

/* Pass a stop on as USR1, which mpirun forwards to the ranks and survives. Before the coordinator says that it began they may
 * not listen yet: one would die of it, or never hear of it. Where that does not come, mpirun is told to end. */
static void pass_stop_on(launched *self)
{
    const double now = clade_clock_now();
    if (self->passed || !clade_stop_requested())
        return;
    if (self->asked <= 0.0)
        self->asked = now;
    if (self->filter.begun || now - self->asked > PATIENCE)
        self->passed = kill(self->pid, self->filter.begun ? SIGUSR1 : SIGTERM) == 0;
}

static clade_status wait_for(launched *self)
{
    int code = 0;
    for (;;) {
        const pid_t ended = waitpid(self->pid, &code, WNOHANG);
        if (ended == self->pid)
            break;
        if (ended < 0 && errno != EINTR)
            return clade_fail_errno("mpirun", "wait for");
        pass_stop_on(self);
        copy_errors(self, LOOK_MILLISECONDS);
        hurry(self);
    }
    copy_errors(self, 0);
    clade_mark_filter_end(&self->filter, STDERR_FILENO);
    return last_word(self, code);
}

static clade_status launch(char *const *words)
{
    int ends[2];
    launched self = {0};
    char token[48];
    snprintf(token, sizeof token, "%ld-%.0f", (long)getpid(), 1e6 * clade_clock_now());
    clade_mark_filter_begin(&self.filter, token);
    if (setenv(TOKEN, token, 1) != 0 || pipe2(ends, O_CLOEXEC) != 0)
        return clade_fail_errno("mpirun", "start a process for");
    self.errors = ends[0];
    clade_stop_catch();
    self.pid = fork();
    if (self.pid == 0)
        become(words, ends[1]);
    (void)close(ends[1]);
    const clade_status status = self.pid < 0 ? clade_fail_errno("mpirun", "start a process for") : wait_for(&self);
    (void)close(self.errors);
    return status;
}

clade_status clade_launch(uint64_t workers, const char *words, int argc, char **argv)
{
    char program[4096];
    clade_launch_words line = {0};
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return clade_fail_errno("/proc/self/exe", "read");
    program[length] = '\0';
    clade_status status = clade_launch_words_make(clade_launch_version(), workers, words, program, argc, argv, &line);
    if (status == CLADE_OK)
        status = launch(line.words);
    clade_launch_words_fini(&line);
    return status;
}
