#include "search/evaluator_process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"

/* Seconds: until it is ready; what a look adds to an evaluation's time at most; from one reading of the kernel's count to
 * the next; how long the death of a process may take that was killed, and of one whose channel ended. */
static const double START_SECONDS = 1800.0, LONGEST_STEP = 1.0, COUNT_INTERVAL = 5.0, KILL_PATIENCE = 2.0,
                    DEATH_PATIENCE = 1.0;

struct clade_evaluator_process {
    pid_t pid; /* 0: waited for */
    clade_channel *channel;
    bool gone;                      /* or held, or ended from here */
    int code;                       /* of waitpid, when it is gone */
    clade_loss ended;               /* why it was ended from here; 0: it was not */
    clade_text nonsense;            /* what it sent, when that is why */
    double limit, spent, looked_at; /* seconds of the evaluation; moment */
    /* Processes the kernel had ended for memory, at the last reading but one and the last: what it ends it counts at once,
     * but a large process takes seconds to die of it. */
    uint64_t out_of_memory[2];
    double counted_at; /* when, the last */
};

/* ---- start ---- */

static bool is_launchers(const char *variable)
{
    static const char *const prefixes[] = {"OMPI_", "PMIX_", "PRTE_", "PMI_"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* The environment without the launcher's variables: what is borrowed stays so, the list is the caller's. */
static char **own_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ && environ[count])
        count++;
    char **variables = clade_calloc(count + 1, sizeof *variables);
    for (size_t i = 0; variables && i < count; i++)
        if (!is_launchers(environ[i]))
            variables[kept++] = environ[i];
    return variables;
}

/* PROGRAM with SOCKET as its descriptor 0 and nothing above 2; an error number. */
static int spawn(const char *program, char **variables, int socket, pid_t *pid)
{
    char parent[32];
    char *arguments[] = {"clade", "evaluator", parent, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t stops;
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    sigemptyset(&stops); /* not for it, from its first moment: a user's or a scheduler's, to everybody */
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGUSR1);
    int error = posix_spawn_file_actions_init(&files);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&files, socket, STDIN_FILENO);
        if (error == 0)
            error = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
        if (error == 0)
            error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        if (error == 0)
            error = posix_spawnattr_setsigmask(&attributes, &stops);
        if (error == 0)
            error = posix_spawn(pid, program ? program : "/proc/self/exe", &files, &attributes, arguments, variables);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&files);
    return error;
}

/* The kernel's count of processes that it ended for memory; 0 where it has none. */
static uint64_t count_out_of_memory(void)
{
    uint64_t count = 0;
    char line[128];
    FILE *file = fopen("/proc/vmstat", "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file) && sscanf(line, "oom_kill %" SCNu64, &count) != 1)
        count = 0;
    (void)fclose(file);
    return count;
}

static clade_status start(clade_evaluator_process *process, const char *program, char **variables)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return clade_fail_errno("evaluator", "make a socket for");
    errno = spawn(program, variables, ends[1], &process->pid);
    (void)close(ends[1]);
    if (errno != 0) {
        process->pid = 0;
        const clade_status status = clade_fail_errno(program ? program : "evaluator", "start");
        (void)close(ends[0]);
        return status;
    }
    CLADE_TRY(clade_channel_open(ends[0], &process->channel));
    process->out_of_memory[0] = process->out_of_memory[1] = count_out_of_memory();
    process->counted_at = clade_clock_now();
    clade_evaluator_limit(process, START_SECONDS);
    return CLADE_OK;
}

clade_status clade_evaluator_start(const char *program, clade_evaluator_process **out)
{
    *out = NULL;
    clade_evaluator_process *process = clade_calloc(1, sizeof *process);
    char **variables = own_environment();
    clade_status status =
        process && variables ? start(process, program, variables) : clade_fail_memory(sizeof *process, "an evaluator");
    clade_free(variables);
    if (status == CLADE_OK)
        *out = process;
    else
        clade_evaluator_end(process);
    return status;
}

clade_channel *clade_evaluator_channel(clade_evaluator_process *process)
{
    return process->channel;
}

/* ---- time ---- */

void clade_evaluator_limit(clade_evaluator_process *process, double seconds)
{
    process->limit = seconds;
    process->spent = 0.0;
    process->looked_at = clade_clock_now();
}

double clade_evaluator_seconds(const clade_evaluator_process *process)
{
    return process->spent;
}

static void count_time(clade_evaluator_process *process)
{
    const double now = clade_clock_now(), step = now - process->looked_at;
    process->spent += step < LONGEST_STEP ? step : LONGEST_STEP;
    process->looked_at = now;
    if (now - process->counted_at < COUNT_INTERVAL)
        return;
    process->out_of_memory[0] = process->out_of_memory[1];
    process->out_of_memory[1] = count_out_of_memory();
    process->counted_at = now;
}

/* ---- the end ---- */

/* Whether it ended or, with WUNTRACED, was held. */
static void reap(clade_evaluator_process *process, int held)
{
    int code = 0;
    pid_t pid = -1;
    if (process->pid <= 0)
        return;
    do
        pid = waitpid(process->pid, &code, WNOHANG | held);
    while (pid < 0 && errno == EINTR);
    if (pid == 0)
        return;
    process->gone = true;
    process->code = pid < 0 ? 0 : code; /* nobody knows, where SIGCHLD is ignored */
    if (!WIFSTOPPED(process->code))
        process->pid = 0;
}

static void await_death(clade_evaluator_process *process, double patience)
{
    const double deadline = clade_clock_now() + patience;
    long pause = CLADE_SHORTEST_NAP;
    for (reap(process, 0); !process->gone && clade_clock_now() < deadline; reap(process, 0))
        clade_link_nap(&pause, CLADE_WORKER_NAP);
}

/* One that does not die of it is inside a call to the kernel that does not end, and is left to the kernel. */
static void end(clade_evaluator_process *process)
{
    const int code = process->code;
    const bool held = process->gone;
    if (process->pid <= 0)
        return;
    (void)kill(process->pid, SIGKILL);
    process->gone = false;
    await_death(process, KILL_PATIENCE);
    process->gone = true;
    if (held)
        process->code = code;
}

/* What the way says in which it left. */
static clade_loss say_end(const clade_evaluator_process *process, clade_text *reason)
{
    const int code = process->code;
    if (WIFSTOPPED(code)) {
        clade_text_append(reason, "held by signal %d (%s)", WSTOPSIG(code), strsignal(WSTOPSIG(code)));
        return CLADE_LOSS_KILLED;
    }
    if (WIFEXITED(code)) {
        if (WEXITSTATUS(code) == CLADE_EINPUT)
            clade_text_append(reason, "a file that it reads was shortened");
        else if (WEXITSTATUS(code) == CLADE_EIO)
            clade_text_append(reason, "a disk that it reads fails, or /dev/shm is full");
        else
            clade_text_append(reason, "ended with exit code %d", WEXITSTATUS(code));
        return CLADE_LOSS_CRASH;
    }
    const int signal_number = WTERMSIG(code);
    if (signal_number == SIGKILL && count_out_of_memory() > process->out_of_memory[0]) {
        clade_text_append(reason, "out of memory: the kernel ended its process");
        return CLADE_LOSS_MEMORY;
    }
    clade_text_append(reason, "killed by signal %d (%s)", signal_number, strsignal(signal_number));
    switch (signal_number) {
    case SIGSEGV:
    case SIGABRT:
    case SIGFPE:
    case SIGILL:
    case SIGBUS:
    case SIGSYS:
    case SIGTRAP:
    case SIGXCPU:
        return CLADE_LOSS_CRASH;
    default:
        return CLADE_LOSS_KILLED;
    }
}

static clade_status say_loss(const clade_evaluator_process *process, clade_loss *cause, clade_text *reason)
{
    *cause = process->ended;
    if (process->ended == CLADE_LOSS_TIME)
        clade_text_append(reason, "took longer than its time limit");
    else if (process->ended == CLADE_LOSS_CRASH)
        clade_text_append(reason, "cannot be understood: %s", clade_text_get(&process->nonsense));
    else
        *cause = say_end(process, reason);
    return clade_text_status(reason);
}

clade_status clade_evaluator_look(clade_evaluator_process *process, bool *gone, clade_loss *cause, clade_text *reason)
{
    if (!process->gone)
        reap(process, WUNTRACED);
    if (process->gone && WIFSTOPPED(process->code))
        end(process);
    if (!process->gone)
        count_time(process);
    if (!process->gone && process->limit > 0.0 && process->spent > process->limit) {
        process->ended = CLADE_LOSS_TIME;
        end(process);
    }
    *gone = process->gone;
    return *gone ? say_loss(process, cause, reason) : CLADE_OK;
}

clade_status clade_evaluator_blame(clade_evaluator_process *process)
{
    clade_text_clear(&process->nonsense);
    clade_text_append(&process->nonsense, "%s", clade_error_message());
    if (!process->gone && clade_channel_ended(process->channel))
        await_death(process, DEATH_PATIENCE); /* which may be why */
    if (!process->gone) {
        process->ended = CLADE_LOSS_CRASH;
        end(process);
    }
    return clade_text_status(&process->nonsense);
}

clade_status clade_evaluator_exit_status(const clade_evaluator_process *process)
{
    const bool left = process->gone && process->ended == 0 && WIFEXITED(process->code);
    return left && WEXITSTATUS(process->code) == CLADE_EINPUT ? CLADE_EINPUT : CLADE_OK;
}

void clade_evaluator_end(clade_evaluator_process *process)
{
    if (!process)
        return;
    end(process);
    clade_channel_close(process->channel);
    clade_text_free(&process->nonsense);
    clade_free(process);
}
