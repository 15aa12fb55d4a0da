/* clade resume: go on where the ledger ends. */
#include "search/command/command.h"
#include "search/command/launch.h"
#include "search/command/limits.h"
#include "search/command/session.h"
#include "search/command/stop.h"
#include "search/command/watch.h"
#include "search/run_folder.h"

static clade_status resume(const char *folder, const clade_resume_request *request,
                           const clade_session_options *session)
{
    clade_experiment *experiment = NULL;
    CLADE_TRY(clade_watch_check(session->metrics));
    CLADE_TRY(clade_run_resume(folder, request, &experiment));
    clade_status status = clade_session_run(experiment, folder, session);
    clade_experiment_free(experiment);
    return status;
}

static clade_status run(int argc, char **argv)
{
    const char *limit = NULL, *launcher = NULL, *time = NULL, *memory = NULL;
    uint64_t workers = 0, silence = 0, seconds = 0;
    clade_session_options session = {.group = 1};
    clade_option_strings moved = {.count = 0};
    clade_resume_request request = {0};
    const clade_option options[] = {
        {"--children", "N", CLADE_OPTION_COUNT, &request.children, "raise the budget to N children"},
        {"--images", "N", CLADE_OPTION_COUNT, &request.images, "raise the budget to N images"},
        {"--seconds", "N", CLADE_OPTION_COUNT, &request.seconds, "raise the budget to N seconds of all sessions"},
        {"--experiment", "FILE", CLADE_OPTION_STRING, &request.experiment,
         "take a larger budget and other paths from FILE; refused, with the difference, if it says anything else"},
        {"--moved", "OLD=NEW", CLADE_OPTION_STRINGS, &moved, "parents, base and probes below OLD are below NEW now"},
        {"--workers", "N", CLADE_OPTION_COUNT, &workers, "launch `mpirun -n N+1` on this command"},
        {"--mpirun", "WORDS", CLADE_OPTION_STRING, &launcher,
         "with --workers: further words for mpirun (\"--hostfile F\")"},
        {"--worker-timeout", "SECONDS", CLADE_OPTION_COUNT, &silence, "give up a worker that is silent so long (60)"},
        {"--group", "N", CLADE_OPTION_COUNT, &session.group, "workers that score one child together, by its tasks (1)"},
        {"--evaluation-time", "TIME", CLADE_OPTION_STRING, &time,
         "end an evaluation that takes longer (20 times the longest before, at least 600 s)"},
        {"--evaluation-memory", "SIZE", CLADE_OPTION_STRING, &memory,
         "what an evaluation may allocate: bytes, or with K, M, G (no limit)"},
        {"--time-limit", "TIME", CLADE_OPTION_STRING, &limit, "stop after seconds or HH:MM:SS, as on a signal"},
        {"--metrics", "FILE", CLADE_OPTION_STRING, &session.metrics,
         "keep FILE up to date for Prometheus (text format)"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_resume, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (session.group == 0)
        return clade_fail(CLADE_EUSAGE, "clade resume: --group: found 0, expected at least 1");
    CLADE_TRY(clade_stop_parse("resume", "--time-limit", limit, &seconds));
    CLADE_TRY(clade_limits_parse("resume", time, memory, &session.limits));
    if (workers > 0 && !clade_mpi_launched())
        return clade_launch(workers, launcher, argc, argv);
    session.limits.silence = (double)silence;
    request.moved = moved.items;
    request.n_moved = moved.count;
    bool is_worker = false;
    clade_status status = clade_session_begin(seconds, &is_worker);
    if (status == CLADE_OK && !is_worker)
        status = resume(arguments.items[0], &request, &session);
    return clade_session_end(status, is_worker);
}

const clade_command clade_command_resume = {
    .name = "resume",
    .synopsis = "DIR [--children N] [--images N] [--seconds N] [--experiment FILE] [--moved OLD=NEW]... [--workers N] "
                "[--mpirun WORDS] [--worker-timeout SECONDS] [--group N] [--evaluation-time TIME] [--evaluation-memory "
                "SIZE] [--time-limit TIME] [--metrics FILE]",
    .summary = "go on with an interrupted run, to the same result as an uninterrupted one",
    .run = run,
};
