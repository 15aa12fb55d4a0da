/* What `search` and `resume` share: start MPI when launched under it, make the pool, run the engine, show progress. */
#ifndef CLADE_SESSION_H
#define CLADE_SESSION_H

#include "search/engine.h"

/* Run `mpirun -n WORKERS+1 clade ARGV...` with "--workers N" taken out (ARGV[0] is the command's name) and return what
 * it ends with. INT, TERM and USR1 are passed on as USR1, so that a stop is a stop (CLADE_EINTERRUPTED) and not the
 * ranks' death. */
clade_status clade_session_launch(uint64_t workers, int argc, char **argv) CLADE_CHECK_RESULT;

/* Start MPI when launched under it. *IS_WORKER: this rank served and is done, with the returned status. The others from
 * now on stop on a signal (stop.h), and after SECONDS (0: never) as on one. */
clade_status clade_session_begin(uint64_t seconds, bool *is_worker) CLADE_CHECK_RESULT;
/* Run the experiment of RUN_FOLDER to the end of its budget (coordinator or single process). GROUP ranks (1 or
 * more) score one child together; a single process has none to share it with. METRICS: the file that watch.h keeps up
 * to date, or NULL. */
clade_status clade_session_run(const clade_experiment *experiment, const char *run_folder, uint64_t group,
                               const char *metrics) CLADE_CHECK_RESULT;
/* Leave MPI; returns STATUS. */
clade_status clade_session_end(clade_status status);

#endif
