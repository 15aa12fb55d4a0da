#include "search/command/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/log.h"
#include "search/command/stop.h"
#include "search/command/watch.h"
#include "search/leftovers.h"
#include "search/subject_merge.h"

/* In the child: be mpirun. A process group of its own keeps a terminal's Ctrl-C from mpirun, which would kill its ranks
 * without asking; and when this program is killed, mpirun is told to end. */
static void become(char **words)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    execvp(words[0], words);
    fprintf(stderr, "clade: %s: cannot start: %s (is Open MPI installed and on PATH? `clade doctor` tells)\n", words[0],
            strerror(errno));
    _exit(CLADE_EIO);
}

/* Wait for mpirun; a stop is passed on as USR1, which mpirun forwards to the ranks and survives. The exit code is
 * theirs. */
static clade_status wait_for(pid_t launcher)
{
    int code = 0;
    bool told = false;
    for (;;) {
        const pid_t ended = waitpid(launcher, &code, WNOHANG);
        if (ended == launcher)
            break;
        if (ended < 0)
            return clade_fail_errno("mpirun", "wait for");
        if (clade_stop_requested() && !told)
            told = kill(launcher, SIGUSR1) == 0;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (WIFSIGNALED(code))
        return clade_fail(CLADE_EINTERRUPTED,
                          "mpirun was ended by signal %d; everything is kept, `clade resume` goes on", WTERMSIG(code));
    return (clade_status)WEXITSTATUS(code);
}

static clade_status launch(char **words)
{
    clade_stop_catch();
    const pid_t launcher = fork();
    if (launcher < 0)
        return clade_fail_errno("mpirun", "start a process for");
    if (launcher == 0)
        become(words);
    return wait_for(launcher);
}

clade_status clade_session_launch(uint64_t workers, int argc, char **argv)
{
    char program[4096], ranks[32];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return clade_fail_errno("/proc/self/exe", "read");
    program[length] = '\0';
    snprintf(ranks, sizeof ranks, "%llu", (unsigned long long)workers + 1);
    const char *prefix[] = {"mpirun", "--quiet", "--oversubscribe", "--bind-to", "none", "-n", ranks, program};
    enum { PREFIX = sizeof prefix / sizeof prefix[0] };
    const char **words = clade_calloc((size_t)argc + PREFIX + 1, sizeof *words);
    if (words == NULL)
        return clade_fail_memory(((unsigned long long)argc + PREFIX + 1) * sizeof *words, "the command line of mpirun");
    size_t count = 0;
    for (size_t i = 0; i < PREFIX; i++)
        words[count++] = prefix[i];
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--workers") == 0)
            i++;
        else if (strncmp(argv[i], "--workers=", 10) != 0)
            words[count++] = argv[i];
    }
    clade_status status = launch((char **)words);
    clade_free(words);
    return status;
}

clade_status clade_session_begin(uint64_t seconds, bool *is_worker)
{
    int rank = 0, size = 1;
    *is_worker = false;
    clade_stop_catch();
    if (clade_mpi_launched())
        CLADE_TRY(clade_mpi_start(&rank, &size));
    clade_log_set_rank(size > 1 ? rank : CLADE_LOG_NOBODY);
    if (clade_mpi_launched())
        clade_leftovers_sweep();
    if (rank == 0) {
        clade_stop_after(seconds);
        return CLADE_OK;
    }
    *is_worker = true;
    const clade_status status = clade_pool_serve();
    return status == CLADE_OK ? status : clade_fail_prefix(status, "rank %d", rank);
}

clade_status clade_session_end(clade_status status)
{
    if (clade_mpi_launched())
        clade_mpi_finish();
    return status;
}

/* The window is a part of the experiment and of its result, the number of workers is not. */
static void advise_window(size_t window, size_t workers)
{
    const size_t enough = clade_window_for_workers(workers);
    if (window < enough)
        clade_log(
            CLADE_LOG_INFO,
            "a window of %zu leaves some of %zu workers without work; \"window\": %zu in the experiment keeps them "
            "busy, and is another run",
            window, workers, enough);
}

static clade_status run_engine(const clade_experiment *experiment, const clade_family *family,
                               const clade_probes *probes, clade_pool *pool, const char *run_folder,
                               const char *metrics)
{
    clade_watch watch = clade_watch_begin(run_folder, metrics);
    clade_subject subject = {0};
    advise_window(experiment->window, clade_pool_workers(pool));
    const clade_engine_options options = {
        .run_folder = run_folder, .progress = clade_watch_show, .context = &watch, .stop = clade_stop_flag()};
    clade_status status = clade_subject_merge_new(experiment, family, probes, &subject);
    if (status == CLADE_OK)
        status = clade_engine_run(experiment, &subject, pool, &options);
    clade_subject_free(&subject);
    return clade_watch_end(&watch, experiment, status);
}

static clade_status run_local(const clade_experiment *experiment, const char *run_folder, const char *metrics)
{
    clade_worker *worker = NULL;
    clade_pool *pool = NULL;
    clade_status status = clade_worker_new(experiment, &worker);
    if (status == CLADE_OK) {
        const clade_evaluator evaluator = clade_worker_evaluator(worker);
        status = clade_pool_open_local(&evaluator, &pool);
    }
    if (status == CLADE_OK)
        status =
            run_engine(experiment, clade_worker_family(worker), clade_worker_probes(worker), pool, run_folder, metrics);
    clade_pool_close(pool);
    clade_worker_free(worker);
    return status;
}

static clade_status run_mpi(const clade_experiment *experiment, const char *run_folder, uint64_t group,
                            const char *metrics)
{
    clade_family *family = NULL;
    clade_probes *probes = NULL;
    clade_pool *pool = NULL;
    clade_text json = {0};
    clade_experiment_print(experiment, false, &json);
    clade_status status = clade_text_status(&json);
    if (status == CLADE_OK)
        status = clade_pool_open_mpi(clade_text_get(&json), (size_t)group, &pool);
    if (status == CLADE_OK)
        status = clade_family_open(experiment->base, (const char *const *)experiment->parent_paths,
                                   experiment->n_parents, &family);
    if (status == CLADE_OK)
        status = clade_probes_read(experiment->probes, &probes);
    if (status == CLADE_OK)
        status = run_engine(experiment, family, probes, pool, run_folder, metrics);
    clade_pool_close(pool);
    clade_family_close(family);
    clade_probes_free(probes);
    clade_text_free(&json);
    return status;
}

clade_status clade_session_run(const clade_experiment *experiment, const char *run_folder, uint64_t group,
                               const char *metrics)
{
    return clade_mpi_launched() && clade_mpi_size() > 1 ? run_mpi(experiment, run_folder, group, metrics)
                                                        : run_local(experiment, run_folder, metrics);
}
