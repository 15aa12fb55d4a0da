#include "search/command/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "search/pool.h"

/* How long mpirun may take to end by itself, and when told: it gives its ranks some seconds between TERM and KILL. */
enum { LINGER_MILLISECONDS = 8000, TERM_MILLISECONDS = 6000 };
/* What the guardian is told; without a word the coordinator has died. */
static const char DISMISSED = 'd', LINGER = 'l';

/* What rank 0 holds of its guardian: one of each per process, as of MPI itself. */
static int leash = -1;

static bool is_set(const char *name, const char *value)
{
    const char *found = getenv(name);
    return found && strcmp(found, value) == 0;
}

static bool needed(void)
{
    return clade_mpi_outlives_ranks() && (is_set("OMPI_COMM_WORLD_RANK", "0") || is_set("PMIX_RANK", "0"));
}

/* Whether PROCESS (a descriptor) ends in time. */
static bool ends_within(int process, int milliseconds)
{
    struct pollfd gone = {.fd = process, .events = POLLIN};
    return poll(&gone, 1, milliseconds) != 0;
}

static void tell(int process, int signal_number)
{
    (void)syscall(SYS_pidfd_send_signal, process, signal_number, NULL, 0);
}

/* What a terminal or mpirun sends to all is not for the guardian, and it keeps nothing open that mpirun would wait for. */
static void detach(void)
{
    const int nothing = open("/dev/null", O_RDWR);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    (void)prctl(PR_SET_NAME, "clade-guardian");
    for (int standard = 0; standard <= STDERR_FILENO && nothing >= 0; standard++)
        (void)dup2(nothing, standard);
}

/* Wait for a word on FD, or for its end, which is the coordinator's. */
static _Noreturn void guard(int fd, pid_t launcher_pid)
{
    char word = 0;
    const int launcher = (int)syscall(SYS_pidfd_open, launcher_pid, 0);
    detach();
    while (read(fd, &word, 1) < 0 && errno == EINTR)
        ;
    if (word == DISMISSED || launcher < 0 || (word == LINGER && ends_within(launcher, LINGER_MILLISECONDS)))
        _exit(0);
    tell(launcher, SIGTERM);
    if (!ends_within(launcher, TERM_MILLISECONDS))
        tell(launcher, SIGKILL);
    _exit(0);
}

void clade_guardian_begin(void)
{
    int ends[2];
    if (!needed() || pipe2(ends, O_CLOEXEC) != 0)
        return;
    const pid_t launcher = getppid(), child = fork();
    if (child == 0) {
        (void)close(ends[1]);
        guard(ends[0], launcher);
    }
    (void)close(ends[0]);
    if (child > 0)
        leash = ends[1];
    else
        (void)close(ends[1]);
}

static void say(char word)
{
    if (leash < 0)
        return;
    const ssize_t ignored = write(leash, &word, 1);
    (void)ignored;
    (void)close(leash);
    leash = -1;
}

void clade_guardian_dismiss(void)
{
    say(DISMISSED);
}

void clade_guardian_linger(void)
{
    say(LINGER);
}

void clade_guardian_end_job(void)
{
    signal(SIGTERM, SIG_DFL); /* what mpirun sends us is our end */
    signal(SIGALRM, SIG_IGN);
    if (leash >= 0)
        (void)close(leash); /* without a word */
    else
        (void)kill(getppid(), SIGTERM);
    leash = -1;
    (void)poll(NULL, 0, TERM_MILLISECONDS);
}
