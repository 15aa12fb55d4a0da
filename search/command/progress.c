#include "search/command/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "clade/clock.h"
#include "clade/log.h"

static const double TERMINAL_INTERVAL = 0.2, LOG_INTERVAL = 10.0; /* seconds */

clade_progress_view clade_progress_view_new(void)
{
    return (clade_progress_view){.terminal = isatty(STDERR_FILENO) != 0, .last = clade_clock_now() - LOG_INTERVAL};
}

static void append_eta(clade_text *text, double seconds)
{
    if (seconds < 0.0)
        clade_text_append(text, "ETA ?");
    else if (seconds < 90.0)
        clade_text_append(text, "ETA %.0f s", seconds);
    else if (seconds < 5400.0)
        clade_text_append(text, "ETA %.0f min", seconds / 60.0);
    else
        clade_text_append(text, "ETA %.1f h", seconds / 3600.0);
}

static void append_line(clade_text *text, const clade_experiment *experiment, const clade_progress *progress)
{
    clade_text_append(text, "%llu", (unsigned long long)progress->committed);
    if (progress->budget_children > 0)
        clade_text_append(text, "/%llu", (unsigned long long)progress->budget_children);
    clade_text_append(text, " children");
    if (progress->failed > 0)
        clade_text_append(text, " (%llu failed)", (unsigned long long)progress->failed);
    if (progress->workers_retired > 0)
        clade_text_append(text, ", %zu workers given up", progress->workers_retired);
    clade_text_append(text, ", %.2f/s, front %zu, hypervolume %.5f", progress->children_per_second, progress->front,
                      progress->hypervolume);
    for (size_t i = 0; progress->front > 0 && i < experiment->n_objectives; i++)
        clade_text_append(text, ", %s %.4f", experiment->objectives[i]->name, progress->best[i]);
    clade_text_append(text, ", ");
    append_eta(text, progress->eta_seconds);
}

/* Whether it is time for a line. */
static bool is_due(clade_progress_view *view, bool last)
{
    const double time = clade_clock_now();
    if (!last && time - view->last < (view->terminal ? TERMINAL_INTERVAL : LOG_INTERVAL))
        return false;
    view->last = time;
    return true;
}

static void show(clade_progress_view *view, clade_text *text)
{
    if (view->terminal) {
        fprintf(stderr, "\r\033[K%s", clade_text_get(text));
        fflush(stderr);
        view->shown = true;
    } else {
        clade_log(CLADE_LOG_INFO, "%s", clade_text_get(text));
    }
    clade_text_free(text);
}

void clade_progress_show(void *context, const clade_experiment *experiment, const clade_progress *progress)
{
    clade_text text = {0};
    if (!is_due(context, progress->budget_children > 0 && progress->committed >= progress->budget_children))
        return;
    append_line(&text, experiment, progress);
    show(context, &text);
}

void clade_progress_bytes(clade_progress_view *view, const char *what, uint64_t done, uint64_t total, double since,
                          bool last)
{
    clade_text text = {0};
    const double seconds = clade_clock_now() - since, rate = seconds > 0 ? (double)done / seconds : 0;
    if (!is_due(view, last))
        return;
    clade_text_append(&text, "%s %.2f of %.2f GB, %.0f MB/s, ", what, (double)done / 1e9, (double)total / 1e9,
                      rate / 1e6);
    append_eta(&text, rate > 0 ? (double)(total - done) / rate : -1);
    show(view, &text);
}

void clade_progress_end(clade_progress_view *view)
{
    if (view->shown)
        fputc('\n', stderr);
    view->shown = false;
}
