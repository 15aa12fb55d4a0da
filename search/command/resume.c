/* clade resume: go on where the ledger ends. */
#include "search/command/command.h"
#include "search/command/launch.h"
#include "search/command/session_options.h"
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

enum { OWN_OPTIONS = 5 };

static clade_status run(int argc, char **argv)
{
    uint64_t seconds = 0;
    clade_session_request asked = {.group = 1};
    clade_session_options session;
    clade_option_strings moved = {.count = 0};
    clade_resume_request request = {0};
    clade_option options[OWN_OPTIONS + CLADE_SESSION_OPTIONS] = {
        {"--children", "N", CLADE_OPTION_COUNT, &request.children, "raise the budget to N children"},
        {"--images", "N", CLADE_OPTION_COUNT, &request.images, "raise the budget to N images"},
        {"--seconds", "N", CLADE_OPTION_COUNT, &request.seconds, "raise the budget to N seconds of all sessions"},
        {"--experiment", "FILE", CLADE_OPTION_STRING, &request.experiment,
         "take a larger budget and other paths from FILE; refused, with the difference, if it says anything else"},
        {"--moved", "OLD=NEW", CLADE_OPTION_STRINGS, &moved, "parents, base and probes below OLD are below NEW now"},
    };
    clade_session_option_rows(&asked, options + OWN_OPTIONS);
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_resume, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    CLADE_TRY(clade_session_options_read("resume", &asked, &session, &seconds));
    if (asked.workers > 0 && !clade_mpi_launched())
        return clade_launch(asked.workers, asked.mpirun, argc, argv);
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
    .synopsis = "DIR [--children N] [--images N] [--seconds N] [--experiment FILE] [--moved "
                "OLD=NEW]... " CLADE_SESSION_SYNOPSIS,
    .summary = "go on with an interrupted run, to the same result as an uninterrupted one",
    .run = run,
};
