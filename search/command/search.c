/* clade search: a fresh run. */
#include <unistd.h>

#include "clade/files.h"
#include "search/command/command.h"
#include "search/command/launch.h"
#include "search/command/session_options.h"
#include "search/command/watch.h"
#include "search/run_folder.h"

/* Everything that can be wrong with the request is found before the run folder is made. */
static clade_status check_before_creating(const clade_experiment *experiment)
{
    clade_family *family = NULL;
    clade_probes *probes = NULL;
    clade_status status = clade_family_open(experiment->base, (const char *const *)experiment->parent_paths,
                                            experiment->n_parents, &family);
    if (status == CLADE_OK)
        status = clade_family_check_finite(family);
    if (status == CLADE_OK)
        status = clade_probes_read(experiment->probes, &probes);
    if (status == CLADE_OK) /* the holdout's items are loaded at the end */
        status = clade_probes_check_ranges(probes);
    clade_family_close(family);
    clade_probes_free(probes);
    return status;
}

/* The experiment that is asked for. */
static clade_status read_wanted(const char *path, uint64_t seed, uint64_t children, clade_experiment **experiment)
{
    CLADE_TRY(clade_experiment_read(path, experiment));
    if (seed != UINT64_MAX)
        (*experiment)->seed = seed;
    if (children != 0)
        clade_experiment_set_children(*experiment, children);
    return CLADE_OK;
}

static clade_status search(const char *path, const char *run, uint64_t seed, uint64_t children,
                           const clade_session_options *session)
{
    clade_experiment *experiment = NULL;
    CLADE_TRY(read_wanted(path, seed, children, &experiment));
    clade_status status = clade_watch_check(session->metrics);
    if (status == CLADE_OK)
        status = check_before_creating(experiment);
    if (status == CLADE_OK)
        status = clade_run_create(experiment, run);
    if (status == CLADE_OK)
        status = clade_session_run(experiment, run, session);
    clade_experiment_free(experiment);
    return status;
}

/* A run that is there is gone on with by `clade resume` only; whoever searches again is told what would be another. */
static clade_status refuse_existing(const char *path, const char *run, uint64_t seed, uint64_t children)
{
    clade_experiment *wanted = NULL;
    bool is_free;
    CLADE_TRY(clade_path_is_free(run, &is_free));
    if (is_free)
        return CLADE_OK;
    const bool readable = read_wanted(path, seed, children, &wanted) == CLADE_OK;
    const clade_status status = clade_run_refuse(run, readable ? wanted : NULL);
    clade_experiment_free(wanted);
    return status;
}

enum { OWN_OPTIONS = 3 };

static clade_status run(int argc, char **argv)
{
    const char *folder = NULL;
    uint64_t seed = UINT64_MAX, children = 0, seconds = 0;
    clade_session_request asked = {.group = 1};
    clade_session_options session;
    clade_option options[OWN_OPTIONS + CLADE_SESSION_OPTIONS] = {
        {"--run", "DIR", CLADE_OPTION_STRING, &folder, "folder of the run; must not exist yet"},
        {"--seed", "N", CLADE_OPTION_COUNT, &seed, "seed, instead of the experiment's"},
        {"--children", "N", CLADE_OPTION_COUNT, &children, "budget of children, instead of the experiment's"},
    };
    clade_session_option_rows(&asked, options + OWN_OPTIONS);
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_search, argc, argv, options, sizeof options / sizeof options[0], 1,
                                    1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    if (folder == NULL)
        return clade_fail(CLADE_EUSAGE, "clade search: --run DIR is missing\nusage: clade search %s",
                          clade_command_search.synopsis);
    CLADE_TRY(clade_session_options_read("search", &asked, &session, &seconds));
    if (asked.workers > 0 && !clade_mpi_launched()) {
        CLADE_TRY(refuse_existing(arguments.items[0], folder, seed, children));
        return clade_launch(asked.workers, asked.mpirun, argc, argv);
    }
    bool is_worker = false;
    clade_status status = clade_session_begin(seconds, &is_worker);
    if (status == CLADE_OK && !is_worker)
        status = refuse_existing(arguments.items[0], folder, seed, children);
    if (status == CLADE_OK && !is_worker)
        status = search(arguments.items[0], folder, seed, children, &session);
    return clade_session_end(status, is_worker);
}

const clade_command clade_command_search = {
    .name = "search",
    .synopsis = "EXPERIMENT.json --run DIR [--seed N] [--children N] " CLADE_SESSION_SYNOPSIS,
    .summary = "breed and score merges until the budget is spent (under mpirun: rank 0 coordinates)",
    .run = run,
};
