/* Messages for people, on stderr or a file: never results. Levels: error (the run ends), warning (something to know),
 * info (one line per step of the user's job), debug. Results go to stdout by the commands alone.
 *
 * A line of a file says when, who and about what, since it is read later and among those of others:
 *
 *   2026-11-23T10:00:00.123Z rank 3 child 17 WARNING TEXT
 *
 * UTC in milliseconds; the rank in a job of several; the child where one is evaluated. A message of several lines is one
 * line, with " | " between them. The stderr of ranks above 0, which somebody else's terminal shows, has the same lines;
 * on a terminal of one's own it is "warning: TEXT". */
#ifndef CLADE_LOG_H
#define CLADE_LOG_H

#include <stdint.h>
#include <stdio.h>

#include "clade/status.h"

typedef enum clade_log_level { CLADE_LOG_ERROR, CLADE_LOG_WARNING, CLADE_LOG_INFO, CLADE_LOG_DEBUG } clade_log_level;

enum { CLADE_LOG_NOBODY = -1 }; /* no rank, no child */

/* Print what is at LEVEL or graver; default CLADE_LOG_INFO. */
void clade_log_set_level(clade_log_level level);
/* Also copy every printed line to FILE (borrowed, may be NULL: stop copying). */
void clade_log_set_file(FILE *file);
/* Who writes, and about which child, from now on, in all threads; CLADE_LOG_NOBODY (the default) for none. */
void clade_log_set_rank(int rank);
void clade_log_set_child(int64_t child);
/* One write per line, so that lines of several processes on one terminal do not mix. */
void clade_log(clade_log_level level, const char *format, ...) CLADE_PRINTF(2, 3);
/* For the file only, about CHILD (or CLADE_LOG_NOBODY): what a terminal shows in another way, or too often. */
void clade_log_record(clade_log_level level, int64_t child, const char *format, ...) CLADE_PRINTF(3, 4);

#endif
