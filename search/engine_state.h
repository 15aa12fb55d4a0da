/* What the engine's files share: engine.c (the loop), engine_open.c (sessions), engine_child.c (asking and committing),
 * engine_budget.c (when it ends), engine_race.c (answers and opponents), engine_score.c (references and holdout),
 * best.c (the folder best/). */
#ifndef CLADE_ENGINE_STATE_H
#define CLADE_ENGINE_STATE_H

#include <stdio.h>

#include "search/algorithm/levels.h"
#include "search/archive.h"
#include "search/engine.h"

/* The base's name in the ledger's table of parents; a parent's name is never empty. */
#define CLADE_BASE_NAME ""

typedef enum clade_slot_state {
    CLADE_SLOT_NEW,     /* bred, to be submitted */
    CLADE_SLOT_WAITING, /* at the pool */
    CLADE_SLOT_COPY,    /* of an earlier child with the same recipe: settled when its turn comes */
    CLADE_SLOT_ARRIVED, /* result here, not in the ledger yet */
    CLADE_SLOT_SETTLED  /* result in the ledger */
} clade_slot_state;

/* A child between ask and commit; child c is in slot c % W. */
typedef struct clade_slot {
    clade_slot_state state;
    double *genome; /* (n_genes), owned */
    char recipe_hash[CLADE_SHA256_HEX];
    clade_text recipe;
    clade_evaluation_row result;
    double objectives[CLADE_MAX_OBJECTIVES]; /* natural values; meant when result.status is CLADE_OK, as all below */
    double signals[CLADE_MAX_OBJECTIVES];    /* what the algorithm is told in their place, minimised */
    double cost;                             /* share of all items that was scored */
    uint64_t batch, items;                   /* as proposed */
    bool complete;                           /* every item was scored; else the objectives are estimates */
    uint8_t *correct;                        /* (n_correct of the engine) bits, all tasks joined; owned */
    double *tasks;                           /* (n_tasks) clean accuracies, owned */
    clade_text race;                         /* what is sent along with the recipe; empty: every item is scored */
} clade_slot;

/* A member of the front, with its answers. */
typedef struct clade_rival {
    clade_opponent opponent; /* its bits are owned */
    double first;            /* its first objective, minimised */
} clade_rival;

typedef struct clade_engine {
    /* borrowed */
    const clade_experiment *experiment;
    const clade_family *family;
    const clade_probes *probes;
    clade_pool *pool;
    const clade_engine_options *options;
    /* owned */
    clade_ledger *ledger;
    FILE *log;
    clade_merge_space *space;
    clade_first *first;
    size_t n_first;
    double *first_genomes;    /* (n_first, n_genes) */
    const char **first_names; /* (n_first), of FIRST */
    clade_levels *levels;     /* the algorithm */
    double *retention;        /* (n_tasks): accuracy of each task's own fine-tune on the search split; NAN: unknown */
    clade_slot *slots;        /* (window) */
    clade_archive front;
    clade_rival *rivals; /* (n_rivals): the front's members by the first objective, while children race */
    size_t n_rivals, rivals_capacity;
    /* where we are */
    clade_score_plan plan;     /* of the search split */
    size_t n_genes, n_correct; /* n_correct: labelled items of a score; 0: no score was seen yet */
    uint64_t asked, committed, failed, images;
    uint64_t replayed; /* committed in earlier sessions */
    uint64_t stop_at;  /* children asked when the seconds were up in an earlier session; UINT64_MAX: they were not */
    bool closed;       /* a budget is reached: no more children are asked */
    /* the front's progress */
    double hypervolume;      /* of the front now */
    double last_gain_volume; /* when it last gained */
    uint64_t last_gain;      /* children committed then */
    bool target_reached;
    uint64_t extended_at; /* children bred before the budget was last raised; 0: it was not */
    char run_hash[CLADE_SHA256_HEX];
    clade_text first_failure;    /* reason of the first failed child */
    double started, used_before; /* monotonic time; seconds of earlier sessions since the last extension */
    double seconds_before;       /* seconds of all earlier sessions */
    double live_since;           /* monotonic time of the end of the replay */
    double last_progress, next_best;
    uint64_t best_written; /* the child best/ is about; UINT64_MAX: none */
} clade_engine;

double clade_engine_clock(void); /* monotonic seconds */

/* ---- engine_open.c ---- */

/* Begin a session: the ledger and its lock, checks against earlier sessions, the space and the algorithm. Close after
 * failure, too. */
clade_status clade_engine_open(clade_engine *engine) CLADE_CHECK_RESULT;
/* The space and the algorithm, when the parents have been scored. */
clade_status clade_engine_begin(clade_engine *engine) CLADE_CHECK_RESULT;
void clade_engine_close(clade_engine *engine);

/* ---- engine_budget.c ---- */

/* True when child number `asked` may be bred now; sets `closed` (and writes the event) when a budget is reached. */
clade_status clade_engine_may_ask(clade_engine *engine, bool *may) CLADE_CHECK_RESULT;
/* After the commit of CHILD, which entered the front at POINT (minimised): the series, and the rules that look at it.
 * KNOWN: the ledger had the commit, so when it was is not known. */
clade_status clade_engine_front_changed(clade_engine *engine, uint64_t child, const double *point,
                                        bool known) CLADE_CHECK_RESULT;

/* ---- engine_child.c ---- */

clade_status clade_engine_ask(clade_engine *engine) CLADE_CHECK_RESULT;
/* A result from the pool into its slot. RESULT's bytes are taken. */
clade_status clade_engine_arrive(clade_engine *engine, clade_pool_result *result) CLADE_CHECK_RESULT;
/* True when the next child in order has its result. */
bool clade_engine_may_commit(const clade_engine *engine);
clade_status clade_engine_commit(clade_engine *engine) CLADE_CHECK_RESULT;

/* ---- engine_race.c ---- */

/* The answers to single items, the tasks' accuracies and whether that is all, out of SCORE into SLOT. CLADE_EINPUT when
 * it has not as many items as the scores before. */
clade_status clade_engine_take_answers(clade_engine *engine, clade_slot *slot,
                                       const clade_score *score) CLADE_CHECK_RESULT;
/* CHILD of SLOT entered the front with this first objective (minimised): others will race against it. */
clade_status clade_engine_add_rival(clade_engine *engine, clade_slot *slot, uint64_t child,
                                    double first) CLADE_CHECK_RESULT;
void clade_engine_free_rivals(clade_engine *engine);
/* The race of a child that is bred now; empty when there is none to race against. */
clade_status clade_engine_race(const clade_engine *engine, clade_text *race) CLADE_CHECK_RESULT;

/* ---- engine_score.c ---- */

/* Fill ROW from a pool's result (its bytes are taken) and, when it is a score, SCORE. */
clade_status clade_engine_row(const clade_probes *probes, const clade_score_plan *plan, clade_pool_result *result,
                              clade_evaluation_row *row, clade_score *score) CLADE_CHECK_RESULT;
/* Before the loop: the parents on the search split, where references or retention are wanted; fills `retention`. */
clade_status clade_engine_score_parents(clade_engine *engine) CLADE_CHECK_RESULT;
/* After the loop: base, average and parents on both splits, the front and the best hand-made child on holdout; only
 * what the ledger lacks. */
clade_status clade_engine_score_rest(clade_engine *engine) CLADE_CHECK_RESULT;
/* The name of reference INDEX ("base", "average", "parent NAME") into NAME of SIZE bytes; false beyond the last. */
bool clade_reference_name(const clade_experiment *experiment, size_t index, char *name, size_t size);
/* The best by the experiment's rule of the children that are hand-made first individuals, on the search split. */
clade_status clade_best_hand_made(clade_ledger *ledger, const clade_experiment *experiment, uint64_t *child,
                                  bool *found) CLADE_CHECK_RESULT;
/* Accuracy of each task's own fine-tune on SPLIT as the ledger has it: OUT (n_tasks), NAN where there is none. */
clade_status clade_read_retention(clade_ledger *ledger, const clade_experiment *experiment, const clade_probes *probes,
                                  clade_split split, double *out) CLADE_CHECK_RESULT;
clade_score_plan clade_plan_of(const clade_experiment *experiment,
                               clade_split split); /* CLADE_SEARCH or CLADE_HOLDOUT */
bool clade_has_holdout(const clade_probes *probes);

/* ---- best.c ---- */

/* While the run goes on: recipe and lineage of CHILD. */
clade_status clade_best_write(clade_ledger *ledger, const clade_experiment *experiment, const char *run_folder,
                              uint64_t child) CLADE_CHECK_RESULT;
/* At the end: everything, for the best of FRONT. */
clade_status clade_best_finish(clade_ledger *ledger, const clade_front *front,
                               const char *run_folder) CLADE_CHECK_RESULT;
/* Remove what a killed process left half done. */
clade_status clade_best_clean(const char *run_folder) CLADE_CHECK_RESULT;

#endif
