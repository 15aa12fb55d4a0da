/* Messages between the ranks of a run, without an MPI type; pool_mpi.c is the only file that knows MPI.
 *
 *   coordinator -> every rank   EXPERIMENT place+ranks+json | STOP
 *   coordinator -> leader       JOB header+recipe+race
 *   leader -> its members       SHARE epoch+the bytes of JOB | VERDICT epoch+verdict
 *   member -> its leader        RUNG epoch+score | PART epoch+header+text
 *   leader -> coordinator       RESULT header+text
 *   every rank -> coordinator   READY header+text | ALIVE header | LOST header+reason | STOPPED
 *   coordinator -> every rank   LEAVE how (the last word, within clade_mpi_finish)
 *
 * and of `clade doctor` (roll_call.h):
 *   coordinator -> every rank   CALL | STOP
 *   every rank -> coordinator   READY header+machine | STOPPED
 *
 * A rank of a run is two processes. The rank itself is a supervisor (supervisor.h): it never computes, passes messages
 * between MPI and its evaluator, says ALIVE while it lives, and says LOST, with the reason, when its evaluator died, hung
 * or ran out of memory. The evaluator (pool_serve.h) knows no MPI; it opens the files and does the jobs.
 *
 * EXPERIMENT begins an epoch: the rank ends the evaluator it has, if any, starts a new one, and says READY. After LOST the
 * coordinator sends it to every rank of the group, with the next epoch, and a leader gets no JOB before all ranks of its
 * group are READY in this epoch. Messages within a group and replies carry their epoch; those of an older one are dropped
 * by who takes them, so nothing of a job that was given up is ever taken for the next.
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
    CLADE_TAG_CALL,
    CLADE_TAG_ALIVE,
    CLADE_TAG_LOST,
    CLADE_TAG_LEAVE
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
/* The coordinator: a rank that is known to have died and was not told of before, or 0. It is known of ranks on this machine
 * (neighbours.h), and of all where MPI detects it (Open MPI 5 --with-ft ulfm). */
int clade_link_next_dead(void);
bool clade_link_is_dead(int rank); /* was returned by it */
/* The coordinator: the name of the host of a rank; borrowed. */
const char *clade_link_host(int rank);
/* The coordinator: send a signal to a rank on this machine; false: it is none, or has ended. */
bool clade_link_signal(int rank, int signal_number);
/* For the end (pool_finish.c): how many ranks the job has, and *RANK, this one; 0 before the start, after the end, and
 * when this rank was abandoned. */
int clade_link_begun(int *rank);
bool clade_link_launcher_lives(void);
/* Nothing of MPI is used any more. FINALIZE: all ranks are there and leave through MPI_Finalize. */
void clade_link_end(bool finalize);
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

/* The header of READY, RESULT, PART, ALIVE and LOST; the text behind it is the machine or the score, or why not. */
typedef struct clade_reply {
    uint64_t epoch; /* of the sender */
    uint64_t job;   /* of READY: the tasks that the rank scores for a child of the search; of LOST: the job under
                        way, or CLADE_NO_JOB */
    double seconds; /* of the evaluation */
    int64_t status; /* LOST: CLADE_EEVAL, or CLADE_EINPUT: a file that it reads was shortened */
    int64_t cause;  /* of LOST: a clade_loss; else 0 */
} clade_reply;

enum { CLADE_NO_JOB = -1 }; /* as (uint64_t)CLADE_NO_JOB */

/* How an evaluator was lost. */
typedef enum clade_loss {
    CLADE_LOSS_CRASH = 1, /* a signal of its own making (SEGV, ABRT, FPE, ILL ...), or an exit it should not make */
    CLADE_LOSS_MEMORY,    /* the kernel ended it because memory ran out */
    CLADE_LOSS_TIME,      /* it took longer than the job's limit */
    CLADE_LOSS_KILLED     /* somebody ended or stopped it from outside: no fault of the child */
} clade_loss;

/* The header of EXPERIMENT: where a rank stands, and how it watches its evaluator. Behind it the ranks of its group in the
 * order of their shares, int32_t (n_shares), and then the experiment. */
typedef struct clade_place {
    uint64_t epoch;
    uint64_t share, n_shares; /* share 0 is the leader's */
    uint64_t memory;          /* bytes that an evaluator may allocate, 0: no limit */
    double heartbeat;         /* seconds from one ALIVE to the next */
} clade_place;

/* Into BYTES, empty, the message EXPERIMENT for the rank at PLACE among RANKS (n_shares). */
clade_status clade_experiment_pack(const clade_place *place, const int32_t *ranks, const char *json,
                                   clade_text *bytes) CLADE_CHECK_RESULT;
/* What an EXPERIMENT says; ranks and JSON (length) are borrowed from it. CLADE_EINTERNAL when it is none. */
clade_status clade_place_read(const clade_message *in, clade_place *place, const int32_t **ranks, const char **json,
                              size_t *length) CLADE_CHECK_RESULT;

/* Into TEXT, empty, the text. CLADE_EINTERNAL for a message that is too short, a status that there is not, a time that is
 * none. */
clade_status clade_reply_read(const clade_message *in, clade_reply *reply, clade_text *text) CLADE_CHECK_RESULT;

/* The header of JOB and SHARE; recipe, NUL and race follow, the race up to the end. */
typedef struct clade_job_header {
    uint64_t job;
    int64_t split;
    uint64_t batch, items;
    double seconds; /* it may take, 0: as long as it wants */
    uint64_t recipe_length;
} clade_job_header;

/* Of JOB, which may take SECONDS. */
clade_job_header clade_job_header_of(const clade_pool_job *job, double seconds);
/* How many bytes of job->recipe follow. */
static inline size_t clade_job_body(const clade_pool_job *job)
{
    return job->length + 1 + job->race_length;
}
/* The job in a message (JOB or SHARE), whose bytes it borrows, and how long it may take. CLADE_EINTERNAL when it is
 * none. */
clade_status clade_job_read(const clade_message *in, clade_job *job, double *seconds) CLADE_CHECK_RESULT;

#endif
