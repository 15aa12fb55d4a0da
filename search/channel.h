/* Frames over a socket between a supervisor and its evaluator: what an MPI message is between ranks. A frame is a tag, a
 * peer (whom it is for, or from) and bytes; the tags are those of pool_link.h. Whoever reads trusts nothing: a frame that
 * is longer than CLADE_CHANNEL_LONGEST, has an unknown tag or is cut short is CLADE_EINTERNAL, the other side's fault. */
#ifndef CLADE_CHANNEL_H
#define CLADE_CHANNEL_H

#include <poll.h>
#include <stdbool.h>

#include "search/pool_link.h"

enum { CLADE_CHANNEL_LONGEST = 1 << 30 }; /* bytes of a frame */

typedef struct clade_channel clade_channel;

/* FD, a stream socket, is the channel's from here on. */
clade_status clade_channel_open(int fd, clade_channel **channel) CLADE_CHECK_RESULT;
void clade_channel_close(clade_channel *channel); /* accepts NULL */
int clade_channel_fd(const clade_channel *channel);
/* For poll(): until it can be received from or, where something is queued, more of that can be written. */
struct pollfd clade_channel_watch(const clade_channel *channel);

/* The other side has closed it, as a read or write found. */
bool clade_channel_ended(const clade_channel *channel);
/* Whether STATUS, of a call below or of what came by it, is a failure of the other side: not a lack of memory here. */
bool clade_channel_is_at_fault(const clade_channel *channel, clade_status status);

/* Queue HEADER followed by BODY (copied) for PEER and write what the socket takes now; never blocks. */
clade_status clade_channel_send(clade_channel *channel, int peer, int tag, const void *header, size_t header_length,
                                const char *body, size_t length) CLADE_CHECK_RESULT;
/* Write more of what is queued; *DONE: nothing is left. */
clade_status clade_channel_flush(clade_channel *channel, bool *done) CLADE_CHECK_RESULT;
/* The next whole frame if one is there (IN.source is its peer; clade_free its bytes). CLADE_EIO when the other side has
 * closed and nothing whole is left. */
clade_status clade_channel_receive(clade_channel *channel, clade_message *in, bool *got) CLADE_CHECK_RESULT;

/* ---- for an evaluator, who has nothing else to do meanwhile ---- */

/* The next frame, however long it takes; one that is not of PEER with TAG (CLADE_ANY: any) is CLADE_EINTERNAL, the
 * protocol has none. */
clade_status clade_channel_await(clade_channel *channel, int peer, int tag, clade_message *in) CLADE_CHECK_RESULT;
/* Send and see it leave. */
clade_status clade_channel_deliver(clade_channel *channel, int peer, int tag, const void *header, size_t header_length,
                                   const char *body, size_t length) CLADE_CHECK_RESULT;

#endif
