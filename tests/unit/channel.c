/* Frames between a supervisor and its evaluator: they come as they were sent, and what is none is refused. */
#include "test.h"

#include <sys/socket.h>

#include "search/channel.h"

/* Both ends of one; END has no channel of its own. */
static clade_channel *open_pair(int *end)
{
    int ends[2];
    clade_channel *channel = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(clade_channel_open(ends[0], &channel));
    assert_int_equal(clade_channel_fd(channel), ends[0]);
    *end = ends[1];
    return channel;
}

static clade_channel *open_both(clade_channel **other)
{
    int end = -1;
    clade_channel *channel = open_pair(&end);
    assert_ok(clade_channel_open(end, other));
    return channel;
}

static void expect(clade_channel *channel, int peer, int tag, const char *bytes, size_t length)
{
    clade_message in;
    assert_ok(clade_channel_await(channel, peer, tag, &in));
    assert_int_equal(in.source, peer);
    assert_int_equal(in.tag, tag);
    assert_int_equal(in.length, length);
    assert_memory_equal(in.bytes, bytes, length);
    assert_int_equal(in.bytes[length], '\0');
    clade_free(in.bytes);
}

static void expect_nothing(clade_channel *channel)
{
    clade_message in;
    bool got = true;
    assert_ok(clade_channel_receive(channel, &in, &got));
    assert_false(got);
}

static void frames_come_in_order(void **state)
{
    (void)state;
    clade_channel *a = NULL, *b = open_both(&a);
    expect_nothing(a);
    assert_ok(clade_channel_deliver(b, 3, CLADE_TAG_JOB, "head", 4, "body", 4));
    assert_ok(clade_channel_send(b, -7, CLADE_TAG_LOST, NULL, 0, NULL, 0));
    assert_ok(clade_channel_send(b, 0, CLADE_TAG_READY, NULL, 0, "\0x", 2));
    assert_ok(clade_channel_deliver(a, 1, CLADE_TAG_STOP, "to b", 4, NULL, 0));
    expect(a, 3, CLADE_TAG_JOB, "headbody", 8);
    expect(a, -7, CLADE_TAG_LOST, "", 0);
    expect(a, 0, CLADE_TAG_READY, "\0x", 2);
    expect(b, 1, CLADE_TAG_STOP, "to b", 4);
    expect_nothing(a);
    clade_channel_close(a);
    clade_channel_close(b);
    clade_channel_close(NULL);
    assert_int_equal(clade_alloc_live(), 0);
}

/* Longer than a socket holds: sent and received by turns, byte for byte. */
static void long_frames_go_through_in_parts(void **state)
{
    (void)state;
    const size_t length = 5000000;
    clade_channel *a = NULL, *b = open_both(&a);
    clade_message in;
    bool got = false, sent = true;
    char *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    assert_ok(clade_channel_send(b, 1, CLADE_TAG_RESULT, NULL, 0, bytes, length)); /* does not block */
    assert_ok(clade_channel_send(b, 2, CLADE_TAG_RESULT, NULL, 0, bytes, 3));
    assert_ok(clade_channel_flush(b, &sent));
    assert_false(sent);
    assert_int_equal(clade_channel_watch(b).events, POLLIN | POLLOUT); /* it goes on when the other side takes some */
    while (!got) {
        assert_ok(clade_channel_receive(a, &in, &got));
        assert_ok(clade_channel_flush(b, &sent));
    }
    assert_int_equal(in.source, 1);
    assert_int_equal(in.length, length);
    assert_memory_equal(in.bytes, bytes, length);
    clade_free(in.bytes);
    assert_ok(clade_channel_flush(b, &sent));
    assert_true(sent);
    assert_int_equal(clade_channel_watch(b).events, POLLIN);
    assert_int_equal(clade_channel_watch(b).fd, clade_channel_fd(b));
    expect(a, 2, CLADE_TAG_RESULT, bytes, 3);
    free(bytes);
    clade_channel_close(a);
    clade_channel_close(b);
    assert_int_equal(clade_alloc_live(), 0);
}

static void byte_by_byte_is_a_frame_too(void **state)
{
    (void)state;
    int copy = -1;
    char bytes[64];
    clade_channel *a = NULL, *b = open_both(&a), *c = open_pair(&copy);
    assert_ok(clade_channel_deliver(b, 5, CLADE_TAG_PART, NULL, 0, "some text", 9));
    const ssize_t length = recv(clade_channel_fd(a), bytes, sizeof bytes, 0);
    assert_int_equal(length, 25);
    for (ssize_t i = 0; i < length; i++) {
        expect_nothing(c);
        assert_int_equal(write(copy, bytes + i, 1), 1);
    }
    expect(c, 5, CLADE_TAG_PART, "some text", 9);
    (void)close(copy);
    clade_channel_close(a);
    clade_channel_close(b);
    clade_channel_close(c);
}

/* What comes is LENGTH of these and the end; how receiving ends. */
static clade_status receive_raw(const void *bytes, size_t length, bool *ended)
{
    int end = -1;
    clade_message in = {0};
    clade_channel *channel = open_pair(&end);
    bool got = true;
    assert_int_equal(write(end, bytes, length), (ssize_t)length);
    (void)close(end);
    clade_status status = CLADE_OK;
    while (status == CLADE_OK && got)
        status = clade_channel_receive(channel, &in, &got);
    assert_false(got && status != CLADE_OK);
    *ended = clade_channel_ended(channel);
    clade_channel_close(channel);
    return status;
}

static void what_is_no_frame_is_refused(void **state)
{
    (void)state;
    struct {
        uint64_t length;
        int32_t peer, tag;
        char body[8];
    } frame = {.length = 8, .tag = CLADE_TAG_JOB, .body = "recipe"};
    bool ended = false;
    for (size_t length = 1; length < sizeof frame; length++) {
        assert_fails(receive_raw(&frame, length, &ended), CLADE_EINTERNAL, "in the middle");
        assert_true(ended);
    }
    assert_fails(receive_raw(&frame, 0, &ended), CLADE_EIO, "found its end");
    assert_true(ended);
    static const int32_t tags[] = {0, -1, CLADE_TAG_LOST + 1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        frame.tag = tags[i];
        assert_fails(receive_raw(&frame, sizeof frame, &ended), CLADE_EINTERNAL, "which there is not");
        assert_false(ended);
    }
    frame.tag = CLADE_TAG_JOB;
    frame.length = (uint64_t)CLADE_CHANNEL_LONGEST + 1;
    assert_fails(receive_raw(&frame, sizeof frame, &ended), CLADE_EINTERNAL, "1073741825 bytes");
    frame.length = UINT64_MAX;
    assert_fails(receive_raw(&frame, sizeof frame, &ended), CLADE_EINTERNAL, "bytes");
    frame.length = CLADE_CHANNEL_LONGEST; /* it may be, but takes no memory before it comes */
    assert_fails(receive_raw(&frame, sizeof frame, &ended), CLADE_EINTERNAL, "in the middle");
    assert_int_equal(clade_alloc_live(), 0);
}

static void an_end_is_told(void **state)
{
    (void)state;
    clade_channel *a = NULL, *b = open_both(&a);
    clade_message in;
    bool got = false;
    assert_ok(clade_channel_deliver(b, 0, CLADE_TAG_STOP, NULL, 0, NULL, 0));
    clade_channel_close(b);
    expect(a, 0, CLADE_TAG_STOP, "", 0); /* what was sent before comes first */
    assert_false(clade_channel_ended(a));
    assert_false(clade_channel_is_at_fault(a, CLADE_EIO)); /* which then is a lack of memory here */
    assert_true(clade_channel_is_at_fault(a, CLADE_EINTERNAL));
    assert_false(clade_channel_is_at_fault(a, CLADE_OK));
    assert_fails(clade_channel_receive(a, &in, &got), CLADE_EIO, "end");
    assert_true(clade_channel_ended(a));
    assert_true(clade_channel_is_at_fault(a, CLADE_EIO));
    assert_false(clade_channel_is_at_fault(a, CLADE_OK));
    assert_fails(clade_channel_await(a, CLADE_ANY, CLADE_ANY, &in), CLADE_EIO, "end");
    clade_channel_close(a);
    b = open_both(&a);
    clade_channel_close(a);
    assert_fails(clade_channel_deliver(b, 0, CLADE_TAG_STOP, NULL, 0, NULL, 0), CLADE_EIO, "end"); /* and no signal */
    assert_true(clade_channel_ended(b));
    clade_channel_close(b);
}

static void who_waits_gets_what_is_due(void **state)
{
    (void)state;
    clade_channel *a = NULL, *b = open_both(&a);
    clade_message in;
    assert_ok(clade_channel_deliver(b, 4, CLADE_TAG_RUNG, NULL, 0, "x", 1));
    assert_fails(clade_channel_await(a, 5, CLADE_TAG_RUNG, &in), CLADE_EINTERNAL, "of rank 4");
    assert_ok(clade_channel_deliver(b, 4, CLADE_TAG_RUNG, NULL, 0, "x", 1));
    assert_fails(clade_channel_await(a, CLADE_ANY, CLADE_TAG_VERDICT, &in), CLADE_EINTERNAL, "of rank 4");
    assert_ok(clade_channel_deliver(b, 4, CLADE_TAG_RUNG, NULL, 0, "x", 1));
    assert_ok(clade_channel_await(a, CLADE_ANY, CLADE_ANY, &in));
    clade_free(in.bytes);
    clade_channel_close(a);
    clade_channel_close(b);
    assert_int_equal(clade_alloc_live(), 0);
}

static clade_status there_and_back(void *context)
{
    int ends[2];
    clade_channel *a = NULL, *b = NULL;
    clade_message in = {0};
    (void)context;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    clade_status status = clade_channel_open(ends[0], &a);
    if (status == CLADE_OK)
        status = clade_channel_open(ends[1], &b);
    else
        (void)close(ends[1]);
    char body[100000] = "grows";
    if (status == CLADE_OK)
        status = clade_channel_deliver(a, 0, CLADE_TAG_JOB, NULL, 0, body, sizeof body);
    if (status == CLADE_OK)
        status = clade_channel_await(b, 0, CLADE_TAG_JOB, &in);
    clade_free(in.bytes);
    clade_channel_close(a);
    clade_channel_close(b);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    check_every_allocation(there_and_back, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_in_order),
        cmocka_unit_test(long_frames_go_through_in_parts),
        cmocka_unit_test(byte_by_byte_is_a_frame_too),
        cmocka_unit_test(what_is_no_frame_is_refused),
        cmocka_unit_test(an_end_is_told),
        cmocka_unit_test(who_waits_gets_what_is_due),
        cmocka_unit_test(memory_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
