/* What `search` and `resume` share: start MPI when launched under it, make the pool, run the engine, show progress. */
#ifndef CLADE_SESSION_H
#define CLADE_SESSION_H

#include "search/engine.h"

/* How a run is carried out; nothing of it is part of the experiment, or changes a result. */
typedef struct clade_session_options {
    uint64_t group;           /* ranks that score one child together (1 or more); a single process has none */
    const char *metrics;      /* the file that watch.h keeps up to date, or NULL */
    clade_pool_limits limits; /* of evaluations and workers */
} clade_session_options;

/* Start MPI when launched under it. *IS_WORKER: this rank served and is done, with the returned status. The others from
 * now on stop on a signal (stop.h), and after SECONDS (0: never) as on one. */
clade_status clade_session_begin(uint64_t seconds, bool *is_worker) CLADE_CHECK_RESULT;
/* Run the experiment of RUN_FOLDER to the end of its budget (coordinator or single process). */
clade_status clade_session_run(const clade_experiment *experiment, const char *run_folder,
                               const clade_session_options *options) CLADE_CHECK_RESULT;
/* Leave MPI, as worker or as coordinator, with STATUS, which the job ends with wherever mpirun can be made to say so (else
 * with 1). Returns what this process is to exit with: CLADE_OK where a launcher of ours was told the status. A coordinator's
 * message of a failure is printed, and then empty. */
clade_status clade_session_end(clade_status status, bool is_worker);

#endif
