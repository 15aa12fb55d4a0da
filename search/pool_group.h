/* A group: ranks that score one child together, each a share of its tasks (clade_score_share). The coordinator knows
 * the first of them only, the leader, so with groups of N it has an N-th of the messages and of the jobs in flight.
 *
 * Every rank makes the child's weights itself, since they have the same bits everywhere (DESIGN.md 3) and are larger
 * than any recipe; what is divided is the forward passes, and the memory and the start-up of the items. In a race the
 * ranks meet after every rung: members send what they have seen, the leader decides by the joined score and says so.
 * The joined score is that of one worker, byte for byte, so groups change no result; they are not part of an
 * experiment.
 *
 * All of this is done by evaluators, over their channels; the supervisors between them pass frames on (pool_link.h). */
#ifndef CLADE_POOL_GROUP_H
#define CLADE_POOL_GROUP_H

#include "search/channel.h"

/* Where an evaluator is in its group; all borrowed. */
typedef struct clade_seat {
    clade_place place;
    const int32_t *ranks; /* (place.n_shares), in the order of the shares; of share 0, the leader's, first */
    clade_channel *channel;
    clade_worker *worker;
} clade_seat;

/* The leader's part of the job in IN: pass it on, score the own share, take the others'. RESULT is what a worker on its
 * own returns for the job, TEXT (empty) the score's JSON or the reason. What is returned is not of the job: a message
 * that could not be sent or taken, after which this evaluator cannot go on. */
clade_status clade_group_lead(const clade_seat *seat, const clade_message *in, const clade_job *job,
                              clade_status *result, clade_text *text) CLADE_CHECK_RESULT;
/* A member's: RESULT and TEXT of its share. */
clade_status clade_group_follow(const clade_seat *seat, const clade_job *job, clade_status *result,
                                clade_text *text) CLADE_CHECK_RESULT;

#endif
