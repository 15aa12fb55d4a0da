/* clade resume: go on where the ledger ends. */
#include "search/command/command.h"
#include "search/command/session.h"
#include "search/command/stop.h"

static clade_status resume(const char *folder, uint64_t children, uint64_t group)
{
    clade_experiment *experiment = NULL;
    CLADE_TRY(clade_run_experiment(folder, children, &experiment));
    clade_status status = clade_session_run(experiment, folder, group);
    clade_experiment_free(experiment);
    return status;
}

static clade_status run(int argc, char **argv)
{
    const char *limit = NULL;
    uint64_t children = 0, workers = 0, group = 1, seconds = 0;
    const clade_option options[] = {
        {"--children", "N", CLADE_OPTION_COUNT, &children, "raise the budget to N children"},
        {"--workers", "N", CLADE_OPTION_COUNT, &workers, "launch `mpirun -n N+1` on this command"},
        {"--group", "N", CLADE_OPTION_COUNT, &group, "workers that score one child together, by its tasks (1)"},
        {"--time-limit", "TIME", CLADE_OPTION_STRING, &limit, "stop after seconds or HH:MM:SS, as on a signal"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_resume, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (group == 0)
        return clade_fail(CLADE_EUSAGE, "clade resume: --group: found 0, expected at least 1");
    CLADE_TRY(clade_stop_parse("resume", "--time-limit", limit, &seconds));
    if (workers > 0 && !clade_mpi_launched())
        return clade_session_launch(workers, argc, argv);
    bool is_worker = false;
    clade_status status = clade_session_begin(seconds, &is_worker);
    if (status == CLADE_OK && !is_worker)
        status = resume(arguments.items[0], children, group);
    return clade_session_end(status);
}

const clade_command clade_command_resume = {
    .name = "resume",
    .synopsis = "DIR [--children N] [--workers N] [--group N] [--time-limit TIME]",
    .summary = "go on with an interrupted run, to the same result as an uninterrupted one",
    .run = run,
};
