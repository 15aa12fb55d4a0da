/* Messages between the ranks of a run, without an MPI type; pool_mpi.c is the only file that knows MPI.
 *
 *   coordinator -> worker   EXPERIMENT json | JOB header+recipe+race | STOP
 *   worker -> coordinator   READY header+text | RESULT header+text | STOPPED
 *
 * Every message is one MPI message of bytes, all ranks are the same program, and its size comes with it. Nobody blocks
 * inside MPI: everything is Isend, Improbe and a nap, because a blocked Open MPI rank spins on its core, which on a
 * shared node would be taken from the workers. */
#ifndef CLADE_POOL_LINK_H
#define CLADE_POOL_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

enum { CLADE_TAG_EXPERIMENT = 1, CLADE_TAG_READY, CLADE_TAG_JOB, CLADE_TAG_RESULT, CLADE_TAG_STOP, CLADE_TAG_STOPPED };
enum { CLADE_ANY = -1 };                                                                 /* of ranks or tags */
enum { CLADE_SHORTEST_NAP = 50, CLADE_COORDINATOR_NAP = 1000, CLADE_WORKER_NAP = 2000 }; /* microseconds */

typedef struct clade_message {
    char *bytes; /* owned; NUL-terminated */
    size_t length;
    int source, tag;
} clade_message;

typedef struct clade_outgoing clade_outgoing;

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

#endif
