/* The progress line: on a terminal one line that is rewritten, otherwise a log line every ten seconds. */
#ifndef CLADE_PROGRESS_H
#define CLADE_PROGRESS_H

#include "search/engine.h"

typedef struct clade_progress_view {
    bool terminal;
    double last; /* monotonic seconds of the last line */
    bool shown;  /* a line without newline stands on the terminal */
} clade_progress_view;

clade_progress_view clade_progress_view_new(void);
/* For clade_engine_options.progress; CONTEXT is a clade_progress_view. */
void clade_progress_show(void *context, const clade_experiment *experiment, const clade_progress *progress);
/* A line of bytes done, rate and ETA; SINCE is clade_clock_now() at the beginning. LAST: show it whatever the time. */
void clade_progress_bytes(clade_progress_view *view, const char *what, uint64_t done, uint64_t total, double since,
                          bool last);
/* End the line on a terminal. */
void clade_progress_end(clade_progress_view *view);

#endif
