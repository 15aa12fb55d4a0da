/* Messages for people, on stderr or a file: never results. Levels: error (the run ends), warning (something to know),
 * info (one line per step of the user's job), debug. Results go to stdout by the commands alone. */
#ifndef CLADE_LOG_H
#define CLADE_LOG_H

#include <stdio.h>

#include "clade/status.h"

typedef enum clade_log_level { CLADE_LOG_ERROR, CLADE_LOG_WARNING, CLADE_LOG_INFO, CLADE_LOG_DEBUG } clade_log_level;

/* Print what is at LEVEL or graver; default CLADE_LOG_INFO. */
void clade_log_set_level(clade_log_level level);
/* Also copy every printed line, with a UTC time stamp, to FILE (borrowed, may be NULL: stop copying). */
void clade_log_set_file(FILE *file);
void clade_log(clade_log_level level, const char *format, ...) CLADE_PRINTF(2, 3);

#endif
