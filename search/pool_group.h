/* A group: ranks that score one child together, each a share of its tasks (clade_score_share). The coordinator knows
 * the first of them only, the leader, so with groups of N it has an N-th of the messages and of the jobs in flight.
 *
 * Every rank makes the child's weights itself, since they have the same bits everywhere (DESIGN.md 3) and are larger
 * than any recipe; what is divided is the forward passes, and the memory and the start-up of the items. In a race the
 * ranks meet after every rung: members send what they have seen, the leader decides by the joined score and says so.
 * The joined score is that of one worker, byte for byte, so groups change no result; they are not part of an
 * experiment. */
#ifndef CLADE_POOL_GROUP_H
#define CLADE_POOL_GROUP_H

#include "search/pool_link.h"

/* Where a rank stands: the header of EXPERIMENT. */
typedef struct clade_place {
    int64_t leader;           /* its rank; the members have the ranks behind it */
    uint64_t share, n_shares; /* share 0 is the leader's */
} clade_place;

/* Of rank RANK of the ranks 1 .. WORKERS in groups of SIZE (1 or more); the last group may be smaller. */
clade_place clade_place_of(size_t rank, size_t workers, size_t size);

/* The leader's part of the job in IN: pass it on, score the own share, take the others'. RESULT is what a worker on its
 * own returns for the job, TEXT (empty) the score's JSON or the reason. What is returned is not of the job: a message
 * that could not be sent or taken, after which this rank cannot go on. */
clade_status clade_group_lead(const clade_place *place, clade_worker *worker, const clade_message *in,
                              const clade_job *job, clade_status *result, clade_text *text) CLADE_CHECK_RESULT;
/* A member's: RESULT and TEXT of its share. */
clade_status clade_group_follow(const clade_place *place, clade_worker *worker, const clade_job *job,
                                clade_status *result, clade_text *text) CLADE_CHECK_RESULT;

#endif
