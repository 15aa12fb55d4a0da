/* One child's evaluation: what a worker rank does, and what the single process does in its place. No MPI, no ledger. */
#ifndef CLADE_WORKER_H
#define CLADE_WORKER_H

#include "search/experiment.h"

typedef struct clade_worker clade_worker;

/* Open parents, probes and model, prepare the scorer of the search split. EXPERIMENT is borrowed. Any error is fatal.
 */
clade_status clade_worker_new(const clade_experiment *experiment, clade_worker **worker) CLADE_CHECK_RESULT;
void clade_worker_free(clade_worker *worker);
const clade_family *clade_worker_family(const clade_worker *worker);
const clade_probes *clade_worker_probes(const clade_worker *worker);

/* Evaluate: materialize RECIPE_JSON and score it on the search plan or (split CLADE_HOLDOUT) the holdout plan, whose
 * scorer is made at its first use. SCORE_JSON gets clade_score_print. CLADE_EEVAL, CLADE_EIO ... with the reason are
 * results, not ends. */
clade_status clade_worker_evaluate(clade_worker *worker, clade_split split, const char *recipe_json, size_t length,
                                   clade_text *score_json) CLADE_CHECK_RESULT;

#endif
