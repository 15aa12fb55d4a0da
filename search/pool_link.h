/* Messages between the ranks of a run, without an MPI type; pool_mpi.c is the only file that knows MPI.
 *
 *   coordinator -> every rank   EXPERIMENT place+json | STOP
 *   coordinator -> leader       JOB header+recipe+race
 *   leader -> its members       SHARE (the bytes of JOB) | VERDICT | STOP
 *   member -> its leader        RUNG score | PART header+text
 *   leader -> coordinator       RESULT header+text
 *   every rank -> coordinator   READY header+text | STOPPED
 *
 * and of `clade doctor` (roll_call.h):
 *   coordinator -> every rank   CALL | STOP
 *   every rank -> coordinator   READY header+machine | STOPPED
 *
 * A worker rank on its own is the leader of a group of one; groups are in pool_group.c.
 * Every message is one MPI message of bytes, all ranks are the same program, and its size comes with it. Nobody blocks
 * inside MPI: everything is Isend, Improbe and a nap, because a blocked Open MPI rank spins on its core, which on a
 * shared node would be taken from the workers. */
#ifndef CLADE_POOL_LINK_H
#define CLADE_POOL_LINK_H

#include "search/pool_backend.h"

enum {
    CLADE_TAG_EXPERIMENT = 1,
    CLADE_TAG_READY,
    CLADE_TAG_JOB,
    CLADE_TAG_RESULT,
    CLADE_TAG_STOP,
    CLADE_TAG_STOPPED,
    CLADE_TAG_SHARE,
    CLADE_TAG_PART,
    CLADE_TAG_RUNG,
    CLADE_TAG_VERDICT,
    CLADE_TAG_CALL
};
enum { CLADE_ANY = -1 };                                                                 /* of ranks or tags */
enum { CLADE_SHORTEST_NAP = 50, CLADE_COORDINATOR_NAP = 1000, CLADE_WORKER_NAP = 2000 }; /* microseconds */

typedef struct clade_message {
    char *bytes; /* owned; NUL-terminated */
    size_t length;
    int source, tag;
} clade_message;

typedef struct clade_outgoing clade_outgoing;

/* ---- pool_mpi.c ---- */

/* Take a message of SOURCE with TAG if one is there (clade_free its bytes). */
clade_status clade_link_receive(int source, int tag, clade_message *in, bool *got) CLADE_CHECK_RESULT;
/* Begin to send HEADER followed by BODY; both are copied. */
clade_status clade_link_send(int to, int tag, const void *header, size_t header_length, const char *body, size_t length,
                             clade_outgoing **out) CLADE_CHECK_RESULT;
/* Whether *OUT has left; then it is freed and NULL. NULL has left. */
clade_status clade_link_sent(clade_outgoing **out, bool *done) CLADE_CHECK_RESULT;
/* This rank cannot go on: clade_mpi_finish then leaves without the others, and its exit code ends the job. */
void clade_link_abandon(void);
/* Sleep *MICROSECONDS, and twice as long the next time, up to LONGEST. */
void clade_link_nap(long *microseconds, long longest);

/* ---- pool_message.c: for workers, who have nothing else to do meanwhile ---- */

/* The next message of SOURCE with TAG, however long it takes. */
clade_status clade_link_await(int source, int tag, clade_message *in) CLADE_CHECK_RESULT;
/* Send HEADER followed by BODY and see it leave. */
clade_status clade_link_deliver(int to, int tag, const void *header, size_t header_length, const char *body,
                                size_t length) CLADE_CHECK_RESULT;

/* ---- pool_message.c: what messages say ---- */

/* The header of READY, RESULT and PART; the text behind it is the platform, the score, or why not. */
typedef struct clade_reply {
    uint64_t job;   /* of READY: the tasks that the rank scores for a child of the search */
    double seconds; /* of the evaluation */
    int64_t status;
} clade_reply;

/* Into TEXT, empty, the text. CLADE_EINTERNAL for a message that is too short. */
clade_status clade_reply_read(const clade_message *in, clade_reply *reply, clade_text *text) CLADE_CHECK_RESULT;

/* Begin to send JOB to the leader TO. */
clade_status clade_job_send(int to, const clade_pool_job *job, clade_outgoing **out) CLADE_CHECK_RESULT;
/* The job in a message (JOB or SHARE), whose bytes it borrows. CLADE_EINTERNAL when it is none. */
clade_status clade_job_read(const clade_message *in, clade_job *job) CLADE_CHECK_RESULT;

#endif
