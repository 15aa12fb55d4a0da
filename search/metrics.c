#include "search/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clade/alloc.h"
#include "clade/files.h"

/* The file that is being written. */
typedef struct page {
    clade_text *text;
    clade_text run; /* the label run="...", escaped */
} page;

/* A label's value: backslash, quote and newline are escaped. */
static void append_escaped(clade_text *text, const char *value)
{
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n')
            clade_text_append(text, "\\n");
        else if (*c == '\\' || *c == '"')
            clade_text_append(text, "\\%c", *c);
        else
            clade_text_append_bytes(text, c, 1);
    }
}

static void head(const page *p, const char *name, const char *type, const char *help)
{
    clade_text_append(p->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* MORE: a further label, or "". */
static void sample(const page *p, const char *name, const char *more, double value)
{
    clade_text_append(p->text, "%s{%s%s} ", name, clade_text_get(&p->run), more);
    clade_text_append_number(p->text, value);
    clade_text_append(p->text, "\n");
}

static void put(const page *p, const char *name, const char *type, const char *help, double value)
{
    if (!isfinite(value))
        return;
    head(p, name, type, help);
    sample(p, name, "", value);
}

static void put_children(const page *p, const clade_progress *progress)
{
    put(p, "clade_children_committed_total", "counter", "Children whose results are committed, the failed ones too.",
        (double)progress->committed);
    put(p, "clade_children_failed_total", "counter", "Children that could not be scored.", (double)progress->failed);
    put(p, "clade_children_in_flight", "gauge", "Children bred and not committed.", (double)progress->in_flight);
    put(p, "clade_results_waiting", "gauge", "Children in flight whose result waits for those before them.",
        (double)progress->waiting);
    put(p, "clade_children_budget", "gauge", "Children at which the run ends; absent when it has no such budget.",
        progress->budget_children > 0 ? (double)progress->budget_children : (double)NAN);
    put(p, "clade_children_per_second", "gauge", "Children committed a second, in this session.",
        progress->children_per_second);
    put(p, "clade_eta_seconds", "gauge", "Seconds to go at this rate; absent when not known.",
        progress->eta_seconds < 0.0 ? (double)NAN : progress->eta_seconds);
}

/* The best value of each objective on the front, as people know it. */
static void put_best(const page *p, const clade_experiment *experiment, const clade_progress *progress)
{
    if (progress->front == 0)
        return;
    head(p, "clade_best", "gauge", "Best value on the front, by objective.");
    for (size_t i = 0; i < experiment->n_objectives; i++) {
        clade_text label = {0};
        clade_text_append(&label, ",objective=\"%s\"", experiment->objectives[i]->name);
        sample(p, "clade_best", clade_text_get(&label), progress->best[i]);
        p->text->failed |= label.failed;
        clade_text_free(&label);
    }
}

void clade_metrics_print(const clade_experiment *experiment, const clade_progress *progress, const char *run_folder,
                         bool active, uint64_t ledger_bytes, clade_text *text)
{
    page p = {.text = text};
    clade_text_append(&p.run, "run=\"");
    append_escaped(&p.run, run_folder);
    clade_text_append(&p.run, "\"");
    put(&p, "clade_session_active", "gauge", "1 while a session of the run is at work, else 0.", active ? 1.0 : 0.0);
    put_children(&p, progress);
    put(&p, "clade_images_total", "counter", "Images forwarded on the search split for the committed children.",
        (double)progress->images);
    put(&p, "clade_run_seconds_total", "counter", "Seconds that the sessions of the run took.", progress->seconds);
    put(&p, "clade_front_members", "gauge", "Members of the Pareto front.", (double)progress->front);
    put(&p, "clade_hypervolume", "gauge", "Hypervolume of the front against its fixed reference point.",
        progress->hypervolume);
    put_best(&p, experiment, progress);
    put(&p, "clade_workers", "gauge", "Workers of this session; a group is one.", (double)progress->workers);
    put(&p, "clade_workers_retired", "gauge", "Workers of this session that were given up.",
        (double)progress->workers_retired);
    put(&p, "clade_ledger_bytes", "gauge", "Bytes of run.db and its write-ahead log.", (double)ledger_bytes);
    if (p.run.failed)
        text->failed = true;
    clade_text_free(&p.run);
}

static uint64_t bytes_of(const char *folder, const char *name)
{
    struct stat info;
    char *path = clade_path_join(folder, name);
    const uint64_t bytes = path && stat(path, &info) == 0 && info.st_size > 0 ? (uint64_t)info.st_size : 0;
    clade_free(path);
    return bytes;
}

clade_status clade_metrics_write(const char *file, const clade_experiment *experiment, const clade_progress *progress,
                                 const char *run_folder, bool active)
{
    clade_text text = {0};
    char *whole = realpath(run_folder, NULL); /* the same run is the same series, wherever it was named from */
    clade_metrics_print(experiment, progress, whole ? whole : run_folder, active,
                        bytes_of(run_folder, "run.db") + bytes_of(run_folder, "run.db-wal"), &text);
    free(whole);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        status = clade_write_file(file, clade_text_get(&text), text.length);
    clade_text_free(&text);
    return status;
}
