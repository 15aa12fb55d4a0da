/* Messages on their way to other ranks, sent by who does not wait for them to leave. */
#ifndef CLADE_OUTBOX_H
#define CLADE_OUTBOX_H

#include "search/pool_link.h"

/* {0} is empty. */
typedef struct clade_outbox {
    struct clade_letter *first; /* owned */
} clade_outbox;

/* Begin to send HEADER followed by BODY; both are copied. */
clade_status clade_outbox_send(clade_outbox *box, int to, int tag, const void *header, size_t header_length,
                               const char *body, size_t length) CLADE_CHECK_RESULT;
/* Forget what has left. */
clade_status clade_outbox_sweep(clade_outbox *box) CLADE_CHECK_RESULT;
/* Forget all. What has not left keeps its bytes for ever: MPI may still read them. */
void clade_outbox_drop(clade_outbox *box);

#endif
