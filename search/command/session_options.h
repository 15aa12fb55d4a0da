/* The options that `search` and `resume` have in common: how a run is carried out. */
#ifndef CLADE_SESSION_OPTIONS_H
#define CLADE_SESSION_OPTIONS_H

#include "search/command/command.h"
#include "search/command/session.h"

/* What the command line said; all zero, but GROUP 1, before. */
typedef struct clade_session_request {
    uint64_t workers, silence, group;
    const char *mpirun, *evaluation_time, *evaluation_memory, *time_limit, *metrics; /* borrowed, NULL: not given */
} clade_session_request;

#define CLADE_SESSION_SYNOPSIS                                                                                         \
    "[--workers N] [--mpirun WORDS] [--worker-timeout SECONDS] [--group N] [--evaluation-time TIME] "                  \
    "[--evaluation-memory SIZE] [--time-limit TIME] [--metrics FILE]"
enum { CLADE_SESSION_OPTIONS = 8 };

/* The rows of a command's table that fill in REQUEST. */
void clade_session_option_rows(clade_session_request *request, clade_option rows[CLADE_SESSION_OPTIONS]);
/* What REQUEST asks COMMAND for; SECONDS: of the session, 0: no limit. --evaluation-time is seconds, with decimals or not,
 * or HH:MM:SS; --evaluation-memory bytes, or a number with K, M, G or T (of 1024, as Slurm has them). CLADE_EUSAGE for
 * all else and for 0. */
clade_status clade_session_options_read(const char *command, const clade_session_request *request,
                                        clade_session_options *options, uint64_t *seconds) CLADE_CHECK_RESULT;

#endif
