/* One child's evaluation: what an evaluator (pool_serve.h) does. No MPI, no ledger. */
#ifndef CLADE_WORKER_H
#define CLADE_WORKER_H

#include "search/experiment.h"
#include "search/race.h"

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

/* What carries out jobs: a closed-form problem (subject_form.h), a test. RESULT, empty, gets the text that the
 * ledger keeps. A failure, with the reason, is a result too. The same JOB, the same result. */
typedef struct clade_evaluator {
    void *context; /* borrowed */
    clade_status (*evaluate)(void *context, const clade_job *job, clade_text *result);
} clade_evaluator;

/* Open parents, probes and model, prepare the scorer of the search split. EXPERIMENT is borrowed. Any error is fatal.
 * The worker makes whole children but scores the tasks of one share only (clade_score_share; of one share, all), and
 * keeps the items of these only. It may have none: then it cannot score, and costs next to nothing. */
clade_status clade_worker_new_share(const clade_experiment *experiment, size_t share, size_t n_shares,
                                    clade_worker **worker) CLADE_CHECK_RESULT;
void clade_worker_free(clade_worker *worker);
const clade_probes *clade_worker_probes(const clade_worker *worker);
/* What jobs of SPLIT score, all shares together. */
clade_score_plan clade_worker_plan(const clade_worker *worker, clade_split split);
/* The tasks that share SHARE scores of them. */
clade_task_range clade_worker_tasks(const clade_worker *worker, clade_split split, size_t share);

/* Evaluate: materialize the recipe and score it; the scorer of the holdout plan is made at its first use. With a race,
 * in the rungs of the experiment, and perhaps not to the end (race.h). SCORE_JSON gets clade_score_print. CLADE_EEVAL,
 * CLADE_EIO ... with the reason are results, not ends. A function of the experiment and JOB. */
clade_status clade_worker_evaluate(clade_worker *worker, const clade_job *job,
                                   clade_text *score_json) CLADE_CHECK_RESULT;

/* Who decides after a rung of a race when several workers share a child: as clade_rungs.stop, SEEN being of this
 * worker's tasks, and with the RACE. All of them must decide the same. */
typedef struct clade_meeting {
    void *context;
    bool (*stop)(void *context, clade_race *race, const clade_score *seen, clade_stopped *stopped);
} clade_meeting;

/* As clade_worker_evaluate, and the score of this worker's tasks itself (clade_score_fini, also after a failure).
 * MEETING NULL: the worker alone decides a race. Law: the joined scores of all shares (clade_score_join), whose
 * meetings decide by the joined scores, are the score of a worker that is not shared; and when workers fail, the first
 * share that does fails as that one would (but that, alone, it would have met an infinite embedding of a later share
 * before the zero one of an earlier share). */
clade_status clade_worker_score(clade_worker *worker, const clade_job *job, const clade_meeting *meeting,
                                clade_score *score) CLADE_CHECK_RESULT;

#endif
