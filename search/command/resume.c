/* clade resume: go on where the ledger ends. */
#include "search/command/command.h"
#include "search/command/session.h"

static clade_status resume(const char *folder, uint64_t children)
{
    clade_experiment *experiment = NULL;
    CLADE_TRY(clade_run_experiment(folder, children, &experiment));
    clade_status status = clade_session_run(experiment, folder);
    clade_experiment_free(experiment);
    return status;
}

static clade_status run(int argc, char **argv)
{
    uint64_t children = 0, workers = 0;
    const clade_option options[] = {
        {"--children", "N", CLADE_OPTION_COUNT, &children, "raise the budget to N children"},
        {"--workers", "N", CLADE_OPTION_COUNT, &workers, "launch `mpirun -n N+1` on this command"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_resume, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (workers > 0 && !clade_mpi_launched())
        return clade_session_launch(workers, argc, argv);
    bool is_worker = false;
    clade_status status = clade_session_begin(&is_worker);
    if (status == CLADE_OK && !is_worker)
        status = resume(arguments.items[0], children);
    return clade_session_end(status);
}

const clade_command clade_command_resume = {
    .name = "resume",
    .synopsis = "DIR [--children N] [--workers N]",
    .summary = "go on with an interrupted run, to the same result as an uninterrupted one",
    .run = run,
};
