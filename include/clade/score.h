/* Scoring a model on probes: what a child is worth.
 *
 * A scorer holds the chosen items, clean and corrupted, made once (8-bit, in memory, bounded by
 * clade_score_plan.memory) and used for every child; and the forward workspace. Which items and which corruption each
 * gets is fixed by the plan alone, so children compare item by item. */
#ifndef CLADE_SCORE_H
#define CLADE_SCORE_H

#include "clade/corruption.h"
#include "clade/metrics.h"
#include "clade/model.h"
#include "clade/probes.h"
#include "clade/text.h"

enum { CLADE_MAX_CORRUPTIONS = 16, CLADE_MAX_RUNGS = 8 };

/* Tasks FIRST..FIRST + COUNT - 1 of some probes. */
typedef struct clade_task_range {
    size_t first, count;
} clade_task_range;

/* What is scored. */
typedef struct clade_score_plan {
    clade_split labelled_split; /* search for children in a run, holdout for the final scores; unlabelled: nothing
                                   labelled is scored, only the entropy (with_corrupted must then be false) */
    size_t labelled;            /* clean labelled items a task; 0: the whole split; more than there are: all */
    size_t corrupted;           /* corrupted labelled items a task: the first of the same split; 0: the whole split */
    size_t unlabelled;          /* items of the unlabelled split; 0: the whole split */
    bool with_corrupted, with_unlabelled; /* false: that part is not scored (its metrics are NAN, items 0) */
    const clade_corruption *corruptions[CLADE_MAX_CORRUPTIONS];
    int severities[CLADE_MAX_CORRUPTIONS]; /* 1..5, one per corruption */
    size_t n_corruptions;
    bool rotate;            /* item i gets corruption i mod n; false: every item under every corruption */
    uint64_t seed;          /* of the corruptions' draws */
    size_t memory;          /* bytes the kept items and their embeddings may take; 0: 1 GiB. CLADE_ECONFIG says what is
                      needed otherwise */
    clade_task_range tasks; /* whose items a scorer holds and scores, see clade_score_share; count 0: all */
} clade_score_plan;

typedef struct clade_task_score {
    clade_metrics clean;
    clade_metrics corrupted[CLADE_MAX_CORRUPTIONS]; /* per corruption; items may be 0 */
    double robustness;                              /* mean over corruptions (with items) of accuracy */
    double entropy;                                 /* of the unlabelled items, nats */
    size_t unlabelled;                              /* how many of them were scored */
    double confidence, confidence_variance;         /* theirs, as in clade_metrics; NAN where none */
    uint8_t *correct; /* bits, LSB first: clean items, then corrupted ones (corruption by corruption when not
                         rotating; item by item when rotating); owned */
    size_t n_correct; /* bits */
    size_t n_clean;   /* of them are of clean items */
    uint8_t *seen;    /* (n_correct) bits: the items that were scored, when a race ended the child; those left out are 0
                         in CORRECT; NULL: all were; owned */
} clade_task_score;

/* Why a child was not scored to its end. */
typedef enum clade_stop_reason {
    CLADE_NOT_STOPPED,
    CLADE_OUTRACED,
    CLADE_AT_CHANCE,
    CLADE_SAMPLED, /* it was to be scored on a batch of the items only; accuracy and robustness are those on the batch */
    CLADE_STOP_REASONS
} clade_stop_reason;

typedef struct clade_stopped {
    clade_stop_reason reason;    /* CLADE_NOT_STOPPED: every item was scored, and the rest means nothing */
    size_t rung;                 /* the rung it was stopped after; the first is 1 */
    size_t left;                 /* images not forwarded */
    double accuracy, robustness; /* estimates of what all items would have given; NAN where there is none */
} clade_stopped;

typedef struct clade_score {
    clade_task_score *tasks; /* (n_tasks), owned */
    size_t n_tasks;
    clade_stopped stopped; /* all else is of the items that were scored */
    /* Means over the tasks that have a value; NAN when none has: */
    clade_metrics clean;                              /* items is the sum */
    double corrupted_accuracy[CLADE_MAX_CORRUPTIONS]; /* per corruption; NAN where none */
    double robustness, entropy;
    double worst_task; /* smallest clean accuracy of a task */
    size_t images;     /* images forwarded */
} clade_score;

typedef struct clade_scorer clade_scorer;

/* Load and corrupt the items and check that images, heads and model fit (CLADE_EINCOMPATIBLE: task, found, expected).
 * CLADE_ECONFIG for a plan that cannot be: no items at all, a severity beyond 1..5, the same corruption twice.
 * PROBES and MODEL are borrowed while the scorer lives. */
clade_status clade_scorer_new(const clade_probes *probes, const clade_model *model, const clade_preprocess *preprocess,
                              const clade_score_plan *plan, clade_scorer **scorer) CLADE_CHECK_RESULT;
void clade_scorer_free(clade_scorer *scorer);
size_t clade_scorer_images(const clade_scorer *scorer); /* images one child costs; of its tasks only */
size_t clade_scorer_memory(const clade_scorer *scorer); /* bytes kept */

/* Score the weights PROVIDER gives. SCORE is overwritten; release with clade_score_fini ({0} is valid). CLADE_EEVAL
 * with the reason (task, item) when it cannot be scored. Same weights, same platform: same bits. */
clade_status clade_scorer_run(clade_scorer *scorer, const clade_provider *provider,
                              clade_score *score) CLADE_CHECK_RESULT;
void clade_score_fini(clade_score *score);

/* A score in rungs, so that a child can be stopped before all was paid for: rung r scores the first ceil(shares[r] n)
 * of the n clean items of every task and likewise of its corrupted ones (an item with its corruption, or with all of
 * them); the unlabelled items, which no race looks at, come after the last rung. */
typedef struct clade_rungs {
    size_t items; /* above 0: no rungs, but the first so many clean items of every task, and as many of its last ones
                     corrupted (other items say more than the same ones twice); it ends there, with CLADE_SAMPLED */
    const double *shares; /* (n_shares), ascending, above 0 and below 1 */
    size_t n_shares;
    const size_t *const
        *order; /* (n_tasks): a permutation of the clade_scorer_labelled items of each; NULL: as they come */
    /* Called after every rung with the score of what was seen so far; true: stop, and then *STOPPED has the reason and
     * the estimates. */
    bool (*stop)(void *context, const clade_score *seen, clade_stopped *stopped);
    void *context;
} clade_rungs;

/* Laws: not stopped, it is the score of clade_scorer_run, bit for bit; stopped, every bit of `correct` that was seen is
 * that score's. Bits stay in their natural places whatever the order. */
clade_status clade_scorer_run_rungs(clade_scorer *scorer, const clade_provider *provider, const clade_rungs *rungs,
                                    clade_score *score) CLADE_CHECK_RESULT;
/* Labelled items of TASK that the plan scores, clean or corrupted or both; whatever tasks SCORER has. */
size_t clade_scorer_labelled(const clade_scorer *scorer, size_t task);
/* Correctness bits of all tasks of the probes together. */
size_t clade_scorer_bits(const clade_scorer *scorer);
/* Which items the correctness bits of a task are of: those of `clean` clean items, then `copies` times those of
 * `corrupted` items, in the items' order. Whatever tasks SCORER has. */
typedef struct clade_bit_layout {
    size_t clean, corrupted, copies; /* copies: 1 when corruptions rotate, else one for each corruption */
} clade_bit_layout;
clade_bit_layout clade_scorer_layout(const clade_scorer *scorer, size_t task);

/* ---- a child in parts: several scorers, each of some tasks ---- */

/* The tasks of share SHARE of N_SHARES (1 or more): every task is in one share, in order, so that the most images of a
 * share are as few as can be. Shares beyond the number of tasks that have items get count 0, share 0 never does.
 * Whatever plan->tasks says. A function of the splits and the plan: the same on every rank. */
clade_task_range clade_score_share(const clade_probes *probes, const clade_score_plan *plan, size_t share,
                                   size_t n_shares);
/* The whole score of a child out of its PARTS: scores of the same probes by scorers of the same plan but for its tasks,
 * which no two have in common, run with the same rungs. SCORE is overwritten and owns what it holds; PARTS stay the
 * caller's.
 * CLADE_EINTERNAL for parts that do not fit together: tasks, or why they were stopped. Law: printed, it is the text of
 * the score by one scorer of all tasks, byte for byte, whole, on a batch, after a rung and stopped; also when the parts
 * were printed and parsed on the way. */
clade_status clade_score_join(const clade_score *parts, size_t n_parts, clade_score *score) CLADE_CHECK_RESULT;

/* The correctness bits of all tasks of SCORE, one task after the other, LSB first, into BITS, zeroed, of
 * ceil(clade_score_bits / 8) bytes. */
size_t clade_score_bits(const clade_score *score);
void clade_score_join_bits(const clade_score *score, uint8_t *bits);

/* JSON of a score, all numbers exact (what workers send and the ledger keeps), and back. NAN is null. The layout is at
 * the head of src/score/score_json.c. Law: printing what was parsed gives the same text. CLADE_EINPUT for a text that
 * is not of these probes and this plan. */
void clade_score_print(const clade_score *score, const clade_probes *probes, const clade_score_plan *plan,
                       clade_text *text);
clade_status clade_score_parse(const char *json, size_t length, const clade_probes *probes,
                               const clade_score_plan *plan, clade_score *score) CLADE_CHECK_RESULT;

/* ---- objectives ---- */

typedef struct clade_objective {
    const char *name, *title, *unit;
    bool maximise;
    bool unlabelled;    /* it looks at unlabelled items */
    const char *signal; /* the objective to be told to a search in its place, smoother in the weights; NULL: itself */
    const char *help;
    /* RETENTION_REFERENCE (n_tasks): clean accuracy of each task's own fine-tune on the same items, or NULL when
     * unknown. */
    double (*value)(const clade_score *score, const double *retention_reference);
} clade_objective;

/* accuracy, robustness, entropy, worst_task, calibration, retention (DESIGN.md 8), loss, corrupted_loss, accuracy_ppi:
 * NAN where it cannot be computed. */
const clade_objective *const *clade_objectives(size_t *count);
const clade_objective *clade_objective_find(const char *name);

#endif
