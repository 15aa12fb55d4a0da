/* One child's evaluation: what a worker rank does, and what the single process does in its place. No MPI, no ledger. */
#ifndef CLADE_WORKER_H
#define CLADE_WORKER_H

#include "search/experiment.h"

typedef struct clade_worker clade_worker;

/* One evaluation, as the coordinator asks for it; borrowed. */
typedef struct clade_job {
    uint64_t number;    /* the caller's own; results come back under it */
    clade_split split;  /* CLADE_SEARCH: the search plan; CLADE_HOLDOUT: the holdout plan */
    const char *recipe; /* (recipe_length) JSON */
    size_t recipe_length;
    uint64_t batch, items; /* batch above 0: scored on ITEMS items of every task and kind, drawn for the batch */
    const char *race;      /* (race_length), of clade_race_print; length 0: every item is scored */
    size_t race_length;
} clade_job;

/* Open parents, probes and model, prepare the scorer of the search split. EXPERIMENT is borrowed. Any error is fatal.
 */
clade_status clade_worker_new(const clade_experiment *experiment, clade_worker **worker) CLADE_CHECK_RESULT;
void clade_worker_free(clade_worker *worker);
const clade_family *clade_worker_family(const clade_worker *worker);
const clade_probes *clade_worker_probes(const clade_worker *worker);

/* Evaluate: materialize the recipe and score it; the scorer of the holdout plan is made at its first use. With a race,
 * in the rungs of the experiment, and perhaps not to the end (race.h). SCORE_JSON gets clade_score_print. CLADE_EEVAL,
 * CLADE_EIO ... with the reason are results, not ends. A function of the experiment and JOB. */
clade_status clade_worker_evaluate(clade_worker *worker, const clade_job *job,
                                   clade_text *score_json) CLADE_CHECK_RESULT;

#endif
