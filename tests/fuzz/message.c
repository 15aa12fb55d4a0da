/* Any bytes as what comes over the channel between a rank and its evaluator, whose frames are the messages between ranks:
 * a worker is not trusted more than a file. They come in pieces of as many bytes as the first one says. A channel gives
 * whole messages up to the first frame that is none, whatever the pieces; a message is refused, or is a job or an
 * experiment whose parts lie in it, a reply with a status that there is, a machine that prints to a text that is accepted
 * and prints the same. */
#include <math.h>
#include <sys/socket.h>

#include "fuzz/scratch.h"
#include "search/channel.h"
#include "search/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(const void *part, size_t length, const clade_message *in)
{
    const char *bytes = part;
    return bytes >= in->bytes && bytes <= in->bytes + in->length && length <= (size_t)(in->bytes + in->length - bytes);
}

static void read_job(const clade_message *in)
{
    clade_job job;
    double seconds;
    if (clade_job_read(in, &job, &seconds) != CLADE_OK) {
        check(clade_error_message()[0] != '\0');
        return;
    }
    check(job.split == CLADE_SEARCH || job.split == CLADE_HOLDOUT);
    check(lies_in(job.recipe, job.recipe_length, in) && lies_in(job.race, job.race_length, in));
    check(job.recipe + job.recipe_length < job.race && job.race + job.race_length == in->bytes + in->length);
}

static void read_experiment(const clade_message *in)
{
    clade_place place;
    const int32_t *ranks;
    const char *json;
    size_t length;
    if (clade_place_read(in, &place, &ranks, &json, &length) != CLADE_OK) {
        check(clade_error_message()[0] != '\0');
        return;
    }
    check(place.share < place.n_shares && lies_in(ranks, (size_t)place.n_shares * sizeof *ranks, in));
    check(lies_in(json, length, in) && json + length == in->bytes + in->length);
}

static void read_reply(const clade_message *in)
{
    clade_reply reply;
    clade_text text = {0};
    if (clade_reply_read(in, &reply, &text) == CLADE_OK) {
        check(text.length == in->length - sizeof reply && isfinite(reply.seconds));
        check(clade_status_name((clade_status)reply.status) != NULL);
    } else {
        check(clade_error_message()[0] != '\0');
    }
    clade_text_free(&text);
}

static void read_machine(const char *bytes, size_t length)
{
    clade_machine machines[2];
    clade_text once = {0}, twice = {0};
    clade_findings findings = {0};
    if (clade_machine_parse(bytes, length, 1, &machines[0]) == CLADE_OK) {
        clade_machine_print(&machines[0], &once);
        check(clade_text_status(&once) == CLADE_OK);
        check(clade_machine_parse(once.data, once.length, 1, &machines[1]) == CLADE_OK);
        clade_machine_print(&machines[1], &twice);
        check(strcmp(once.data, twice.data) == 0);
        check(clade_machine_cores(machines, 2, 0) >= 1.0);
        clade_diagnose(machines, 2, 1e9, &findings);
        clade_machine_fini(&machines[1]);
    } else {
        check(clade_error_message()[0] != '\0');
    }
    clade_machine_fini(&machines[0]);
    clade_text_free(&once);
    clade_text_free(&twice);
    clade_text_free(&findings.text);
}

/* Whole messages out of CHANNEL while there are; false: it can give no more. */
static bool take_messages(clade_channel *channel)
{
    clade_message in;
    bool got = true;
    while (got) {
        const clade_status status = clade_channel_receive(channel, &in, &got);
        check(status == CLADE_OK || (!got && (status == CLADE_EIO || status == CLADE_EINTERNAL)));
        if (status != CLADE_OK)
            return false;
        if (!got)
            break;
        check(in.bytes[in.length] == '\0' && in.length <= CLADE_CHANNEL_LONGEST);
        read_job(&in);
        read_experiment(&in);
        read_reply(&in);
        read_machine(in.bytes, in.length);
        clade_free(in.bytes);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MOST = 1 << 16 }; /* fits into the buffer of a socket */
    int ends[2];
    clade_channel *channel;
    if (size == 0 || size > MOST)
        return 0;
    const size_t piece = data[0] > 0 ? data[0] : size;
    bool more = true;
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && clade_channel_open(ends[0], &channel) == CLADE_OK);
    for (size_t at = 1; at < size && more; at += piece) {
        const size_t length = piece < size - at ? piece : size - at;
        check(send(ends[1], data + at, length, MSG_NOSIGNAL) == (ssize_t)length);
        more = take_messages(channel);
    }
    check(close(ends[1]) == 0);
    check(!more || !take_messages(channel)); /* its end */
    clade_channel_close(channel);
    check(clade_alloc_live() == 0);
    return 0;
}
