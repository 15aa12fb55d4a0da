/* The tasks of a run, for whoever reads its scores. */
#ifndef CLADE_FRONT_TASKS_H
#define CLADE_FRONT_TASKS_H

#include "search/engine.h"

/* Probes with the names of the run's tasks in order, and the path; no more is needed to read scores. They come from the
 * first score that LEDGER has, so that a front can be read where the models and probes are not; while there is none, from
 * the probes' file, and CLADE_EINPUT says how to tell where that is. PROBES is the caller's. */
clade_status clade_run_tasks(clade_ledger *ledger, const clade_experiment *experiment, const char *run_folder,
                             clade_probes **probes) CLADE_CHECK_RESULT;

#endif
