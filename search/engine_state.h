/* What the engine's files share: engine.c (the loop), engine_open.c (sessions), engine_child.c (asking and committing),
 * engine_budget.c (when it ends), engine_platform.c (another machine), engine_race.c (opponents), engine_guard.c
 * (entropy). */
#ifndef CLADE_ENGINE_STATE_H
#define CLADE_ENGINE_STATE_H

#include <stdio.h>

#include "search/algorithm/levels.h"
#include "search/archive.h"
#include "search/engine.h"
#include "search/item_choice.h"

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
    clade_outcome outcome; /* meant when result.status is CLADE_OK; its cost always */
    uint64_t batch, items; /* as proposed */
    clade_text race;       /* what is sent along with the recipe; empty: every item is scored */
} clade_slot;

/* A member of the front, with its answers. */
typedef struct clade_rival {
    clade_opponent opponent; /* its bits are owned */
    double first;            /* its first objective, minimised */
} clade_rival;

typedef struct clade_engine {
    /* borrowed */
    const clade_experiment *experiment;
    const clade_subject *subject;
    clade_pool *pool;
    const clade_engine_options *options;
    const clade_space *space; /* the subject's */
    size_t n_first;           /* individuals to start with */
    /* owned */
    clade_ledger *ledger;
    FILE *log;
    clade_levels *levels; /* the algorithm */
    clade_slot *slots;    /* (window) */
    uint64_t *arrived;    /* (n_arrived), room for (window): children whose results came since the last turn */
    size_t n_arrived;
    clade_archive front;
    clade_rival *rivals; /* (n_rivals): the front's members by the first objective, while children race */
    size_t n_rivals, rivals_capacity;
    clade_item_answers answers; /* of the children committed, where races choose their items by them */
    clade_guard guard;
    /* where we are */
    size_t n_correct; /* labelled items of a result; 0: none was seen yet, or they have none */
    uint64_t asked, committed, failed, images;
    uint64_t submitted; /* children below it are at the pool, or need not go there */
    uint64_t replayed;  /* committed in earlier sessions */
    uint64_t stop_at;   /* children asked when the seconds were up in an earlier session; UINT64_MAX: they were not */
    bool closed;        /* a budget is reached: no more children are asked */
    bool unchecked;     /* nothing was scored again since the run came to this platform */
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
    size_t retired;        /* workers, as the ledger has it */
    uint64_t best_written; /* the child best/ is about; UINT64_MAX: none */
} clade_engine;

/* ---- engine_open.c ---- */

/* Begin a session: the ledger and its lock, checks against earlier sessions. Close after failure, too. */
clade_status clade_engine_open(clade_engine *engine) CLADE_CHECK_RESULT;
/* What comes before the loop: the subject's part, the algorithm. */
clade_status clade_engine_begin(clade_engine *engine) CLADE_CHECK_RESULT;
void clade_engine_close(clade_engine *engine);
/* The session as the subject gets it. */
clade_run_session clade_engine_session(const clade_engine *engine);

/* ---- engine_platform.c ---- */

/* Score a child of earlier sessions again, and say whether it is the same to the last bit. The pool is idle. */
clade_status clade_engine_check_platform(clade_engine *engine) CLADE_CHECK_RESULT;

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

/* CHILD of SLOT entered the front with this first objective (minimised): others will race against it. */
clade_status clade_engine_add_rival(clade_engine *engine, clade_slot *slot, uint64_t child,
                                    double first) CLADE_CHECK_RESULT;
void clade_engine_free_rivals(clade_engine *engine);
/* Count the answers of SLOT, whose child is committed now, before it becomes a rival. */
clade_status clade_engine_count_answers(clade_engine *engine, const clade_slot *slot) CLADE_CHECK_RESULT;
/* The race of a child that is bred now; empty when there is none to race against. */
clade_status clade_engine_race(const clade_engine *engine, clade_text *race) CLADE_CHECK_RESULT;

/* ---- engine_guard.c ---- */

/* CHILD of SLOT is committed now, every item of which was scored: where minimising entropy has begun to hurt, an event
 * and a warning. */
clade_status clade_engine_watch(clade_engine *engine, const clade_slot *slot, uint64_t child) CLADE_CHECK_RESULT;

#endif
