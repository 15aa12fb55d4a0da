/* Every read and write is a MSG_DONTWAIT one, so the descriptor itself may block or not. A frame's memory grows with what
 * has come, not with what its header promises. */
#include "search/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clade/alloc.h"

enum { FIRST_BYTES = 1 << 16 }; /* taken for a frame at once */

/* What a frame begins with. */
typedef struct frame {
    uint64_t length; /* of the bytes behind it */
    int32_t peer, tag;
} frame;

/* Bytes on their way out, with their header. */
typedef struct parcel {
    struct parcel *next;
    size_t length, sent;
    char bytes[];
} parcel;

struct clade_channel {
    int fd;
    bool ended;
    parcel *first, *last; /* out, owned */
    frame head;           /* in: of the frame that comes */
    size_t head_got;
    char *bytes; /* in: of that frame, owned; NULL: its header is not whole */
    size_t got, capacity;
};

clade_status clade_channel_open(int fd, clade_channel **out)
{
    *out = clade_calloc(1, sizeof **out);
    if (!*out) {
        (void)close(fd);
        return clade_fail_memory(sizeof **out, "a channel");
    }
    (*out)->fd = fd;
    return CLADE_OK;
}

static void drop_first(clade_channel *channel)
{
    parcel *gone = channel->first;
    channel->first = gone->next;
    if (!channel->first)
        channel->last = NULL;
    clade_free(gone);
}

void clade_channel_close(clade_channel *channel)
{
    if (!channel)
        return;
    while (channel->first)
        drop_first(channel);
    clade_free(channel->bytes);
    (void)close(channel->fd);
    clade_free(channel);
}

int clade_channel_fd(const clade_channel *channel)
{
    return channel->fd;
}

bool clade_channel_ended(const clade_channel *channel)
{
    return channel->ended;
}

bool clade_channel_is_at_fault(const clade_channel *channel, clade_status status)
{
    return status != CLADE_OK && (status != CLADE_EIO || channel->ended);
}

struct pollfd clade_channel_watch(const clade_channel *channel)
{
    return (struct pollfd){.fd = channel->fd, .events = channel->first ? POLLIN | POLLOUT : POLLIN};
}

static clade_status note_end(clade_channel *channel)
{
    channel->ended = true;
    if (channel->head_got > 0)
        return clade_fail(CLADE_EINTERNAL, "channel: found its end in the middle of a message");
    return clade_fail(CLADE_EIO, "channel: found its end");
}

/* ---- out ---- */

clade_status clade_channel_flush(clade_channel *channel, bool *done)
{
    while (channel->first) {
        parcel *out = channel->first;
        const ssize_t wrote =
            send(channel->fd, out->bytes + out->sent, out->length - out->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (wrote < 0 && (errno == EPIPE || errno == ECONNRESET))
            return note_end(channel);
        if (wrote < 0)
            return clade_fail_errno("channel", "write");
        out->sent += (size_t)wrote;
        if (out->sent == out->length)
            drop_first(channel);
    }
    *done = channel->first == NULL;
    return CLADE_OK;
}

clade_status clade_channel_send(clade_channel *channel, int peer, int tag, const void *header, size_t header_length,
                                const char *body, size_t length)
{
    bool done = false;
    if (header_length > CLADE_CHANNEL_LONGEST || length > CLADE_CHANNEL_LONGEST - header_length)
        return clade_fail(CLADE_EIO, "channel: a message of %zu bytes is too long, expected at most %d", length,
                          CLADE_CHANNEL_LONGEST);
    const frame head = {.length = header_length + length, .peer = peer, .tag = tag};
    parcel *out = clade_malloc(sizeof *out + sizeof head + head.length);
    if (!out)
        return clade_fail_memory(sizeof *out + sizeof head + head.length, "a message");
    *out = (parcel){.length = sizeof head + head.length};
    memcpy(out->bytes, &head, sizeof head);
    if (header_length > 0)
        memcpy(out->bytes + sizeof head, header, header_length);
    if (length > 0)
        memcpy(out->bytes + sizeof head + header_length, body, length);
    if (channel->last)
        channel->last->next = out;
    else
        channel->first = out;
    channel->last = out;
    return clade_channel_flush(channel, &done);
}

/* ---- in ---- */

/* Up to WANTED bytes that are there; *GOT 0: none now. */
static clade_status take(clade_channel *channel, void *bytes, size_t wanted, size_t *got)
{
    *got = 0;
    for (;;) {
        const ssize_t count = recv(channel->fd, bytes, wanted, MSG_DONTWAIT);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return CLADE_OK;
        if (count == 0 || (count < 0 && errno == ECONNRESET))
            return note_end(channel);
        if (count < 0)
            return clade_fail_errno("channel", "read");
        *got = (size_t)count;
        return CLADE_OK;
    }
}

/* The header is whole: is it one, and room for what comes first. */
static clade_status begin_frame(clade_channel *channel)
{
    const frame *head = &channel->head;
    if (head->tag < CLADE_TAG_EXPERIMENT || head->tag > CLADE_TAG_LOST)
        return clade_fail(CLADE_EINTERNAL, "channel: found a message with tag %ld, which there is not",
                          (long)head->tag);
    if (head->length > CLADE_CHANNEL_LONGEST)
        return clade_fail(CLADE_EINTERNAL, "channel: found a message of %llu bytes, expected at most %d",
                          (unsigned long long)head->length, CLADE_CHANNEL_LONGEST);
    channel->capacity = head->length < FIRST_BYTES ? (size_t)head->length : FIRST_BYTES;
    channel->got = 0;
    channel->bytes = clade_malloc(channel->capacity + 1);
    return channel->bytes ? CLADE_OK : clade_fail_memory(channel->capacity + 1, "a message");
}

static clade_status grow_frame(clade_channel *channel)
{
    const size_t most = (size_t)channel->head.length;
    const size_t capacity = channel->capacity < most / 2 ? 2 * channel->capacity : most;
    char *bytes = clade_realloc(channel->bytes, capacity + 1);
    if (!bytes)
        return clade_fail_memory(capacity + 1, "a message");
    channel->bytes = bytes;
    channel->capacity = capacity;
    return CLADE_OK;
}

/* More of the frame; *GOT 0: nothing is there now. */
static clade_status take_more(clade_channel *channel, size_t *got)
{
    if (!channel->bytes) {
        CLADE_TRY(
            take(channel, (char *)&channel->head + channel->head_got, sizeof channel->head - channel->head_got, got));
        channel->head_got += *got;
        return channel->head_got == sizeof channel->head ? begin_frame(channel) : CLADE_OK;
    }
    if (channel->got == channel->capacity)
        CLADE_TRY(grow_frame(channel));
    CLADE_TRY(take(channel, channel->bytes + channel->got, channel->capacity - channel->got, got));
    channel->got += *got;
    return CLADE_OK;
}

clade_status clade_channel_receive(clade_channel *channel, clade_message *in, bool *whole)
{
    *in = (clade_message){0};
    *whole = false;
    while (!channel->bytes || channel->got < channel->head.length) {
        size_t got = 0;
        CLADE_TRY(take_more(channel, &got));
        if (got == 0)
            return CLADE_OK;
    }
    channel->bytes[channel->got] = '\0';
    *in = (clade_message){
        .bytes = channel->bytes, .length = channel->got, .source = channel->head.peer, .tag = channel->head.tag};
    channel->bytes = NULL;
    channel->head_got = 0;
    *whole = true;
    return CLADE_OK;
}

/* ---- waiting ---- */

static clade_status wait_until(const clade_channel *channel, short event)
{
    struct pollfd watched = {.fd = channel->fd, .events = event};
    if (poll(&watched, 1, -1) < 0 && errno != EINTR)
        return clade_fail_errno("channel", "wait for");
    return CLADE_OK;
}

clade_status clade_channel_await(clade_channel *channel, int peer, int tag, clade_message *in)
{
    for (bool got = false; !got;) {
        CLADE_TRY(clade_channel_receive(channel, in, &got));
        if (!got)
            CLADE_TRY(wait_until(channel, POLLIN));
    }
    if ((peer == CLADE_ANY || in->source == peer) && (tag == CLADE_ANY || in->tag == tag))
        return CLADE_OK;
    const clade_status status = clade_fail(CLADE_EINTERNAL,
                                           "channel: found a message with tag %d of rank %d, expected one with tag %d "
                                           "of rank %d",
                                           in->tag, in->source, tag, peer);
    clade_free(in->bytes);
    *in = (clade_message){0};
    return status;
}

clade_status clade_channel_deliver(clade_channel *channel, int peer, int tag, const void *header, size_t header_length,
                                   const char *body, size_t length)
{
    bool done = false;
    CLADE_TRY(clade_channel_send(channel, peer, tag, header, header_length, body, length));
    for (;;) {
        CLADE_TRY(clade_channel_flush(channel, &done));
        if (done)
            return CLADE_OK;
        CLADE_TRY(wait_until(channel, POLLOUT));
    }
}
