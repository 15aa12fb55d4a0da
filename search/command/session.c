#include "search/command/session.h"

#include "clade/log.h"
#include "search/command/command.h"
#include "search/command/guardian.h"
#include "search/command/launch.h"
#include "search/command/stop.h"
#include "search/command/watch.h"
#include "search/leftovers.h"
#include "search/subject_merge.h"
#include "search/supervisor.h"

clade_status clade_session_begin(uint64_t seconds, bool *is_worker)
{
    int rank = 0, size = 1;
    *is_worker = false;
    clade_stop_catch();
    clade_guardian_begin();
    if (clade_mpi_launched())
        CLADE_TRY(clade_mpi_start(&rank, &size));
    clade_log_set_rank(size > 1 ? rank : CLADE_LOG_NOBODY);
    if (clade_mpi_launched())
        clade_leftovers_sweep();
    if (rank == 0) {
        if (clade_mpi_launched())
            (void)clade_launch_say_begun();
        clade_stop_after(seconds);
        return CLADE_OK;
    }
    *is_worker = true;
    const clade_status status = clade_supervise();
    return status == CLADE_OK ? status : clade_fail_prefix(status, "rank %d", rank);
}

/* What the coordinator has to say comes first: an mpirun that was told to end does not wait for the farewell. */
static void begin_farewell(clade_status status)
{
    if (status != CLADE_OK && clade_error_message()[0] != '\0')
        clade_print_error();
    clade_stop_settled();
}

/* The coordinator's part of the end. A status reaches whoever waits for the job through our launcher, or as mpirun's exit
 * code; where that is lost, mpirun is told to end, which is exit code 1. */
static clade_status end_job(clade_status status, bool all_left)
{
    (void)clade_fail(status, "%s", ""); /* it was printed: nothing that is said after the last word may be heard */
    const bool heard = clade_launch_say_ended(status);
    if (!heard && status != CLADE_OK && clade_mpi_loses_status())
        clade_guardian_end_job();
    if (!heard && !all_left)
        clade_guardian_linger();
    clade_guardian_dismiss();
    return heard ? CLADE_OK : status; /* mpirun has not to complain as well */
}

clade_status clade_session_end(clade_status status, bool is_worker)
{
    if (!clade_mpi_launched())
        return status;
    if (!is_worker)
        begin_farewell(status);
    bool all_left = true;
    const clade_status left = clade_mpi_finish(&all_left);
    if (is_worker)
        return status == CLADE_OK ? left : status;
    if (left != CLADE_OK) /* what the search came to stays what it is */
        clade_print_error();
    return end_job(status, all_left);
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

static clade_status open_pool(const clade_experiment *experiment, const clade_session_options *options,
                              clade_pool **pool)
{
    clade_text json = {0};
    clade_experiment_print(experiment, false, &json);
    clade_status status = clade_text_status(&json);
    if (status == CLADE_OK && clade_mpi_launched() && clade_mpi_size() > 1)
        status = clade_pool_open_mpi(clade_text_get(&json), (size_t)options->group, &options->limits, pool);
    else if (status == CLADE_OK)
        status = clade_pool_open_process(clade_text_get(&json), &options->limits, pool);
    clade_text_free(&json);
    return status;
}

clade_status clade_session_run(const clade_experiment *experiment, const char *run_folder,
                               const clade_session_options *options)
{
    clade_family *family = NULL;
    clade_probes *probes = NULL;
    clade_pool *pool = NULL;
    clade_status status = open_pool(experiment, options, &pool);
    if (status == CLADE_OK)
        status = clade_family_open(experiment->base, (const char *const *)experiment->parent_paths,
                                   experiment->n_parents, &family);
    if (status == CLADE_OK)
        status = clade_probes_read(experiment->probes, &probes);
    if (status == CLADE_OK)
        status = run_engine(experiment, family, probes, pool, run_folder, options->metrics);
    clade_pool_close(pool);
    clade_family_close(family);
    clade_probes_free(probes);
    return status;
}
