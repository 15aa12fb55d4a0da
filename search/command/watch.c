#include "search/command/watch.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "clade/log.h"
#include "search/metrics.h"

static const double METRICS_INTERVAL = 5.0; /* seconds */

clade_status clade_watch_check(const char *metrics)
{
    if (!metrics)
        return CLADE_OK;
    char *folder = clade_path_beside(metrics, ".");
    if (!folder)
        return clade_fail_memory(strlen(metrics) + 2, "a path");
    const clade_status status = access(folder, W_OK | X_OK) == 0 ? CLADE_OK : clade_fail_errno(metrics, "write");
    clade_free(folder);
    return status;
}

clade_watch clade_watch_begin(const char *run_folder, const char *metrics)
{
    return (clade_watch){.view = clade_progress_view_new(), .run_folder = run_folder, .metrics = metrics};
}

static void write_metrics(clade_watch *watch, const clade_experiment *experiment, bool active)
{
    watch->next = clade_clock_now() + METRICS_INTERVAL;
    if (clade_metrics_write(watch->metrics, experiment, &watch->progress, watch->run_folder, active) == CLADE_OK)
        return;
    if (!watch->warned)
        clade_log(CLADE_LOG_WARNING, "%s; the run goes on without metrics", clade_error_message());
    watch->warned = true;
}

void clade_watch_show(void *context, const clade_experiment *experiment, const clade_progress *progress)
{
    clade_watch *watch = context;
    clade_progress_show(&watch->view, experiment, progress);
    watch->progress = *progress;
    memcpy(watch->best, progress->best, experiment->n_objectives * sizeof *watch->best);
    watch->progress.best = watch->best;
    watch->seen = true;
    if (watch->metrics && clade_clock_now() >= watch->next)
        write_metrics(watch, experiment, true);
}

clade_status clade_watch_end(clade_watch *watch, const clade_experiment *experiment, clade_status status)
{
    char message[CLADE_MESSAGE_BYTES];
    clade_progress_end(&watch->view);
    if (!watch->metrics || !watch->seen)
        return status;
    snprintf(message, sizeof message, "%s", clade_error_message());
    write_metrics(watch, experiment, false);
    return status == CLADE_OK ? status : clade_fail(status, "%s", message);
}
