/* Where a run stands, read from its ledger while it goes on or later. */
#ifndef CLADE_RUN_STATUS_H
#define CLADE_RUN_STATUS_H

#include "search/engine.h"
#include "search/failures.h"
#include "search/run_lock.h"

/* Who is at work, and where (status_session.c). */
typedef struct clade_session_status {
    bool active; /* a session holds the run's lock, or nobody can tell */
    clade_lock_owner
        owner;           /* of the session at work, or of the last one, which was ended in its work; else not known */
    clade_text platform; /* of the last session, JSON as clade_platform_print; empty before the first; owned */
    char check[16]; /* "": there was never another platform; "agrees", "differs", "failed" say what a child that was
                             * scored again gave; "not checked": none was */
    uint64_t child; /* that child */
    double largest; /* difference of an objective */
} clade_session_status;

typedef struct clade_run_status {
    clade_ledger_counts counts;
    clade_failures failures; /* owned */
    clade_front front;       /* owned */
    double rate, eta;        /* eta < 0: unknown or done */
    clade_series_row last;   /* of the series */
    bool has_series;
    uint64_t retired; /* workers that the last session has given up */
    char ended[32];   /* why no more children are bred: the budget that was reached; "": they are */
    bool finished;    /* all is done, the end's scores on holdout too */
    clade_session_status session;
} clade_run_status;

/* STATUS, zeroed by the caller, is to be freed whatever comes back. Files are opened and closed: nothing is kept that a
 * network file system would have to keep up to date. */
clade_status clade_run_status_read(const char *run_folder, clade_run_status *status) CLADE_CHECK_RESULT;
void clade_run_status_fini(clade_run_status *status);
/* One JSON object and a newline; PRETTY: over several lines. */
void clade_run_status_json(const clade_run_status *status, bool pretty, clade_text *text);
void clade_run_status_people(const clade_run_status *status, clade_text *text);
/* One line, without its newline. */
void clade_run_status_line(const clade_run_status *status, clade_text *text);

/* ---- sessions (status_session.c): as those above ---- */

clade_status clade_session_status_read(const char *run_folder, clade_ledger *ledger,
                                       clade_session_status *status) CLADE_CHECK_RESULT;
void clade_session_status_fini(clade_session_status *status);
/* Members of the open object of WRITER: active, session, platform, platform_check. */
void clade_session_status_members(const clade_session_status *status, clade_json_writer *writer);
/* Lines, each with a newline before it. */
void clade_session_status_people(const clade_session_status *status, bool finished, clade_text *text);

/* ---- following (status_follow.c) ---- */

typedef struct clade_follow_options {
    bool json;       /* one object a line, else lines for people and the whole at the end */
    double interval; /* seconds between two looks */
    double patience; /* seconds without a session after which it ends */
} clade_follow_options;

/* Print to stdout whenever something changed, until the run is finished (CLADE_OK), a signal says stop (CLADE_OK), no
 * session has been at work for so long (CLADE_EINTERRUPTED: it can be resumed), or stdout takes no more (CLADE_EIO). It
 * polls, since no file system of a cluster tells of changes made on another host, and takes at most a tenth of the time
 * of one core. */
clade_status clade_run_follow(const char *run_folder, const clade_follow_options *options) CLADE_CHECK_RESULT;

#endif
