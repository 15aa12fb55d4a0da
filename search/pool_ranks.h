/* The coordinator's side of a pool of ranks, private to pool_ranks.c (a run under way) and pool_ranks_open.c (its start).
 * Nobody here trusts a message: what is not as it should be costs its sender, not the run. */
#ifndef CLADE_POOL_RANKS_H
#define CLADE_POOL_RANKS_H

#include "search/outbox.h"
#include "search/roster.h"

/* What the ranks said when they were ready for the first time, or not. */
typedef struct clade_roll {
    clade_text platform; /* of this rank */
    bool *noted;         /* (ranks + 1), owned: a rank says it again when another of its group is lost meanwhile */
    clade_status failed; /* of the failed rank with the lowest number, so that a run fails the same way each time */
    int failed_rank;
    clade_text failure; /* its reason */
    size_t failures, idle;
} clade_roll;

typedef struct clade_coordinator {
    clade_roster *roster;     /* owned; its groups are the workers of the pool */
    const char *json;         /* the experiment, owned */
    clade_pool_limits limits; /* silence is not 0 */
    double heartbeat;         /* seconds */
    clade_pool_job **at;      /* (groups): what the group is doing, owned; NULL: nothing */
    clade_outbox out;
    clade_text last_loss; /* why the last rank was given up */
    clade_status refusal; /* it could not start its evaluator again, for this; else CLADE_OK */
    clade_roll *roll;     /* borrowed; NULL once the run is under way */
} clade_coordinator;

extern const clade_pool_backend clade_ranks_backend; /* its state is a clade_coordinator */

/* Start the evaluators of GROUP's ranks, in its present epoch. */
clade_status clade_ranks_begin_epoch(clade_coordinator *self, size_t group) CLADE_CHECK_RESULT;
/* Take what has come, until a job is DONE or nothing is left; then see who is dead or silent. POOL is NULL at the start,
 * when no rank has a job. */
clade_status clade_ranks_listen(clade_coordinator *self, clade_pool *pool, clade_pool_done *done) CLADE_CHECK_RESULT;
/* Release everything; accepts NULL. */
void clade_ranks_close(void *state);

/* ---- pool_ranks_open.c ---- */

/* A READY of RANK, of which the first counts; TEXT is its platform, or why it failed. */
void clade_roll_note(clade_roll *roll, int rank, const clade_reply *reply, const char *text);

#endif
