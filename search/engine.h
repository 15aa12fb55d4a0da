/* The engine: the loop of a run. Everything that happens goes to the ledger; resume is replay (DESIGN.md 4).
 *
 *   ask child i  (exactly when max(i - W + 1, needs(i)) children are committed)
 *     -> say its recipe (subject.h) -> child row -> known recipe? take its result : submit to the pool
 *   result of a child, in any order -> evaluation row (never lost, never paid for twice)
 *   commit child c, in index order -> tell the algorithm -> commit row with the chained run hash -> front, best/
 * When the budget is reached the subject ends the run: of merges, the front's members are scored on holdout (through the
 * same pool), best/ gets its weights, and front.csv is written. */
#ifndef CLADE_ENGINE_H
#define CLADE_ENGINE_H

#include "search/bootstrap.h"
#include "search/guard.h"
#include "search/platform.h"
#include "search/subject.h"

typedef struct clade_progress {
    uint64_t committed, failed, budget_children; /* budget 0: none */
    uint64_t in_flight;                          /* bred, not committed */
    uint64_t waiting;                            /* of these, with a result that waits for its turn */
    uint64_t images;                             /* forwarded on the search split for the committed */
    double seconds;                              /* of the run, over all its sessions */
    size_t workers, workers_retired;             /* that go on; that were given up in this session */
    double children_per_second, eta_seconds;     /* eta < 0: unknown */
    size_t front;                                /* members */
    double hypervolume; /* of the front, in the experiment's first two or three objectives, against a
                           fixed reference point (archive.h) */
    const double *best; /* (n_objectives) best value of each */
} clade_progress;

typedef struct clade_engine_options {
    const char *run_folder;
    /* Called now and then (after commits, at most 10 times a second); may be NULL. */
    void (*progress)(void *context, const clade_experiment *experiment, const clade_progress *progress);
    void *context;
    /* Polled: nonzero asks the engine to stop (signal): CLADE_EINTERRUPTED, everything in the ledger. */
    const volatile int *stop;
} clade_engine_options;

/* A fresh run: RUN_FOLDER must not exist (CLADE_EUSAGE: says resume). Writes experiment.json as resolved and run.db. */
clade_status clade_run_create(const clade_experiment *experiment, const char *run_folder) CLADE_CHECK_RESULT;
/* The experiment of a run folder with the budget as it is now and the paths where the files are now (run_folder.h). The
 * second one from its ledger, which is open. */
clade_status clade_run_experiment(const char *run_folder, clade_experiment **experiment) CLADE_CHECK_RESULT;
clade_status clade_ledger_experiment(clade_ledger *ledger, const char *run_folder,
                                     clade_experiment **experiment) CLADE_CHECK_RESULT;
/* Open the ledger of a run folder for reading. */
clade_status clade_run_ledger(const char *run_folder, clade_ledger **ledger) CLADE_CHECK_RESULT;
/* Run (or go on with) what the ledger in the folder says until the budget is reached, using POOL. SUBJECT is that of the
 * experiment (clade_subject_merge_new, clade_subject_form_new) and was in no run before. All borrowed. */
clade_status clade_engine_run(const clade_experiment *experiment, const clade_subject *subject, clade_pool *pool,
                              const clade_engine_options *options) CLADE_CHECK_RESULT;

/* ---- the front of a run, read from its ledger; for front, lineage, status, report and best/ ---- */

/* What has an interval on holdout. */
typedef enum clade_measure { CLADE_ACCURACY, CLADE_ROBUSTNESS, CLADE_RETENTION, CLADE_MEASURES } clade_measure;
/* Its name, which is an objective's, and the index of that in clade_objectives. */
const char *clade_measure_name(clade_measure measure);
size_t clade_measure_objective(clade_measure measure);

/* How sure holdout values are (bootstrap.h); NAN where unknown, or before clade_front_intervals. DIFFERENCE is the value
 * minus that of the model the front is held against, on the same items. */
typedef struct clade_certainty {
    clade_interval value, difference;
} clade_certainty;

typedef struct clade_member {
    uint64_t child;
    char method[64];
    char operator_name[64];
    char recipe_hash[CLADE_SHA256_HEX];
    clade_score search, holdout; /* holdout.n_tasks is 0 when not scored yet */
    double *search_objectives,
        *holdout_objectives; /* (all objectives of clade_objectives, that order); NAN where unknown */
    bool on_holdout_front;   /* scored there, and no other member of the search split's front dominates it there */
    clade_certainty certainty[CLADE_MEASURES];
} clade_member;

/* What the children are held against: "base", "average", "parent NAME", and the best of the hand-made first individuals
 * by the experiment's rule, "first: NAME" as its operator is called; each scored once on both splits. */
typedef struct clade_reference {
    char *name;                                     /* owned */
    clade_score search, holdout;                    /* n_tasks is 0 when not scored (yet) */
    double *search_objectives, *holdout_objectives; /* as of clade_member */
    clade_certainty certainty[CLADE_MEASURES];
} clade_reference;

typedef struct clade_front {
    clade_experiment *experiment; /* owned */
    clade_probes *probes;         /* names of the tasks, lengths of their holdout splits; owned */
    clade_member *members;        /* (n_members), owned; sorted by the first objective, best first, then child */
    size_t n_members;
    size_t best; /* index of the best by the experiment's rule, on the search split; 0 when there is none */
    clade_reference *references; /* (n_references), owned */
    size_t n_references;
    char *against;                    /* what the differences are to: the reference's or member's name, owned; NULL
                                         before clade_front_intervals and when nothing is scored on holdout */
    const double *against_objectives; /* its holdout values, borrowed from it, as is */
    const clade_score *against_score; /* its score */
    bool entropy_hurts;               /* the guard on entropy found where */
    clade_guard_finding hurt;         /* there */
    char run_hash[CLADE_SHA256_HEX];  /* of the last commit; 64 zeros before the first */
    uint64_t committed;
} clade_front;

/* Non-dominated committed children on the search split (equal objective vectors: the first child only). SPLIT
 * CLADE_HOLDOUT: those of them that are scored there and non-dominated among themselves on holdout. FRONT is
 * overwritten. */
clade_status clade_front_read(const char *run_folder, clade_split split, clade_front *front) CLADE_CHECK_RESULT;
void clade_front_fini(clade_front *front);
/* Fill the certainty of members and references, from the answers to each item that their holdout scores keep. AGAINST
 * names what the differences are to: a reference, or "child N" for a member; NULL: the best hand-made first individual,
 * or the average where that has no holdout score. CLADE_EUSAGE (did you mean) for a name that has none. Takes
 * milliseconds for each thousand items and model. */
clade_status clade_front_intervals(clade_front *front, const char *against) CLADE_CHECK_RESULT;
/* How much better the search split says member or reference values are than holdout: for objective INDEX of
 * clade_objectives, SEARCH - HOLDOUT in the direction that is better; NAN when one is unknown. */
double clade_optimism(size_t index, double search, double holdout);
/* The child that is the best of the search split's front; CLADE_EUSAGE when the run has no front yet. */
clade_status clade_run_best(const char *run_folder, uint64_t *child) CLADE_CHECK_RESULT;

#endif
