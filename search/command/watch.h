/* Whoever watches a session: the progress line, and the file of metrics (search/metrics.h). */
#ifndef CLADE_WATCH_H
#define CLADE_WATCH_H

#include "search/command/progress.h"

typedef struct clade_watch {
    clade_progress_view view;
    const char *run_folder, *metrics; /* borrowed; METRICS: the file, or NULL for none */
    double next;                      /* monotonic seconds when the file is due */
    bool warned;                      /* that it cannot be written */
    bool seen;                        /* there was progress: the last is below */
    clade_progress progress;
    double best[CLADE_MAX_OBJECTIVES];
} clade_watch;

/* CLADE_EIO when METRICS, which may be NULL, is in a folder that cannot be written to: better known
 * before days of a search. */
clade_status clade_watch_check(const char *metrics) CLADE_CHECK_RESULT;
clade_watch clade_watch_begin(const char *run_folder, const char *metrics);
/* For clade_engine_options.progress; CONTEXT is a clade_watch. The file is written at once and then every five seconds.
 * That it cannot be is a warning, given once: the run is worth more. */
void clade_watch_show(void *context, const clade_experiment *experiment, const clade_progress *progress);
/* The session ended with STATUS, which is returned, with its message: the file says so, the line ends. */
clade_status clade_watch_end(clade_watch *watch, const clade_experiment *experiment, clade_status status);

#endif
