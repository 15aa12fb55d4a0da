/* Messages come in from MPI and from the evaluator's channel; each is acted on or passed to the other side. What the
 * evaluator sends is checked first: a job may have damaged it. What comes from other ranks and does not fit (an older epoch,
 * an evaluator that is gone, a tag that is none) is dropped: the coordinator hears of every loss, and begins anew. */
#include "search/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/evaluator_process.h"
#include "search/outbox.h"

/* Microseconds while one rank alone evaluates: only STOP may come then, and what the channel brings wakes at once. */
enum { COORDINATOR = 0, MOST_STARTS = 5, BUSY_NAP = 20000 };

typedef struct supervisor {
    clade_message experiment; /* owned; the ranks are in it */
    clade_place place;
    const int32_t *ranks;             /* of the group (place.n_shares), the leader first; NULL: no experiment yet */
    clade_evaluator_process *process; /* owned; NULL: there is none */
    bool ready, busy, stopped;        /* said READY and it is well; does JOB; told to stop */
    uint64_t job;
    clade_message asked; /* owned: the JOB of a leader */
    unsigned starts;     /* of evaluators in this epoch */
    double next_alive;   /* moment */
    clade_outbox out;
} supervisor;

/* ---- to other ranks ---- */

static clade_reply stamp(const supervisor *self, const clade_reply *from)
{
    clade_reply reply = *from;
    reply.epoch = self->place.epoch;
    reply.cause = 0;
    return reply;
}

static clade_status say(supervisor *self, int tag, const clade_reply *reply, const char *text, size_t length)
{
    return clade_outbox_send(&self->out, COORDINATOR, tag, reply, sizeof *reply, text, length);
}

/* READY of a rank that has no evaluator. */
static clade_status say_not_ready(supervisor *self, clade_status why, const char *reason)
{
    const clade_reply reply = {.epoch = self->place.epoch, .status = why};
    return say(self, CLADE_TAG_READY, &reply, reason, strlen(reason));
}

static clade_status say_alive(supervisor *self)
{
    const double now = clade_clock_now();
    if (!self->ranks || !(self->place.heartbeat > 0.0) || now < self->next_alive)
        return CLADE_OK;
    self->next_alive = now + self->place.heartbeat;
    const clade_reply reply = {.epoch = self->place.epoch};
    return say(self, CLADE_TAG_ALIVE, &reply, NULL, 0);
}

/* ---- the evaluator's life ---- */

static void end_evaluator(supervisor *self)
{
    clade_evaluator_end(self->process);
    self->process = NULL;
    self->ready = self->busy = false;
}

/* Start one and hand it the experiment; one that cannot be started is a rank that is not ready. */
static clade_status start_evaluator(supervisor *self)
{
    const clade_message *in = &self->experiment;
    self->starts++;
    clade_status status = clade_evaluator_start(NULL, &self->process);
    if (status == CLADE_OK) {
        clade_channel *channel = clade_evaluator_channel(self->process);
        status = clade_channel_send(channel, COORDINATOR, CLADE_TAG_EXPERIMENT, NULL, 0, in->bytes, in->length);
        if (status == CLADE_OK || clade_channel_is_at_fault(channel, status)) /* which a look at it will tell */
            return CLADE_OK;
    }
    end_evaluator(self);
    return say_not_ready(self, status, clade_error_message());
}

/* It is gone, for CAUSE. One that died before it was ready is started again, but not for ever. */
static clade_status lose(supervisor *self, clade_loss cause, const char *reason)
{
    const clade_status left = clade_evaluator_exit_status(self->process);
    const bool ready = self->ready;
    const clade_reply reply = {.epoch = self->place.epoch,
                               .job = self->busy ? self->job : (uint64_t)CLADE_NO_JOB,
                               .seconds = self->busy ? clade_evaluator_seconds(self->process) : 0.0,
                               .status = left == CLADE_OK ? CLADE_EEVAL : left,
                               .cause = cause};
    end_evaluator(self);
    if (!ready && self->starts < MOST_STARTS)
        return start_evaluator(self);
    if (!ready)
        return say_not_ready(self, (clade_status)reply.status, reason);
    return say(self, CLADE_TAG_LOST, &reply, reason, strlen(reason));
}

static clade_status look(supervisor *self)
{
    clade_text reason = {0};
    clade_loss cause = CLADE_LOSS_CRASH;
    bool gone = false;
    clade_status status = clade_evaluator_look(self->process, &gone, &cause, &reason);
    if (status == CLADE_OK && gone)
        status = lose(self, cause, clade_text_get(&reason));
    clade_text_free(&reason);
    return status;
}

/* What it sent, or that it sent nothing more, is a failure with a message: end it. */
static clade_status blame(supervisor *self)
{
    CLADE_TRY(clade_evaluator_blame(self->process));
    return look(self);
}

/* ---- from other ranks ---- */

static bool leads(const supervisor *self)
{
    return self->place.share == 0;
}

static bool is_member(const supervisor *self, int rank)
{
    for (uint64_t k = 1; k < self->place.n_shares; k++)
        if (self->ranks[k] == rank)
            return true;
    return false;
}

static clade_status give_evaluator(supervisor *self, const clade_message *in, const char *bytes, size_t length)
{
    clade_channel *channel = clade_evaluator_channel(self->process);
    const clade_status status = clade_channel_send(channel, in->source, in->tag, NULL, 0, bytes, length);
    return clade_channel_is_at_fault(channel, status) ? blame(self) : status;
}

static clade_status begin_epoch(supervisor *self, clade_message *in)
{
    const char *json = NULL;
    size_t length = 0;
    end_evaluator(self);
    clade_free(self->experiment.bytes);
    self->experiment = *in;
    in->bytes = NULL;
    self->starts = 0;
    self->next_alive = 0.0;
    CLADE_TRY(clade_place_read(&self->experiment, &self->place, &self->ranks, &json, &length));
    return start_evaluator(self);
}

/* A job for the evaluator: JOB, or the SHARE in BYTES. */
static clade_status begin_job(supervisor *self, const clade_message *in, char *bytes, size_t length)
{
    const clade_message asked = {.bytes = bytes, .length = length, .source = in->source, .tag = in->tag};
    clade_job job;
    double seconds = 0.0;
    if (!self->ready || self->busy)
        return CLADE_OK;
    CLADE_TRY(clade_job_read(&asked, &job, &seconds));
    self->busy = true;
    self->job = job.number;
    clade_evaluator_limit(self->process, seconds);
    return give_evaluator(self, in, bytes, length);
}

/* The JOB of a leader, which is kept: what its evaluator passes on as such to members must be it. */
static clade_status begin_to_lead(supervisor *self, clade_message *in)
{
    if (!self->ready || self->busy)
        return CLADE_OK;
    clade_free(self->asked.bytes);
    self->asked = *in;
    in->bytes = NULL;
    return begin_job(self, &self->asked, self->asked.bytes, self->asked.length);
}

/* A message within the group, for the evaluator if it is of this epoch. */
static clade_status take_from_group(supervisor *self, const clade_message *in)
{
    uint64_t epoch = 0;
    if (!self->ready || in->length < sizeof epoch)
        return CLADE_OK;
    memcpy(&epoch, in->bytes, sizeof epoch);
    if (epoch != self->place.epoch)
        return CLADE_OK;
    char *bytes = in->bytes + sizeof epoch;
    const size_t length = in->length - sizeof epoch;
    const bool for_leader = in->tag == CLADE_TAG_RUNG || in->tag == CLADE_TAG_PART;
    const bool for_member = in->tag == CLADE_TAG_SHARE || in->tag == CLADE_TAG_VERDICT;
    if (for_leader && leads(self) && is_member(self, in->source))
        return give_evaluator(self, in, bytes, length);
    if (!for_member || leads(self) || in->source != self->ranks[0])
        return CLADE_OK;
    return in->tag == CLADE_TAG_SHARE ? begin_job(self, in, bytes, length) : give_evaluator(self, in, bytes, length);
}

static clade_status take_message(supervisor *self, clade_message *in)
{
    if (in->source != COORDINATOR)
        return take_from_group(self, in);
    if (in->tag == CLADE_TAG_EXPERIMENT)
        return begin_epoch(self, in);
    self->stopped = self->stopped || in->tag == CLADE_TAG_STOP;
    return in->tag == CLADE_TAG_JOB && leads(self) ? begin_to_lead(self, in) : CLADE_OK;
}

/* ---- from the evaluator ---- */

/* Whether IN is the leader's job, byte for byte: another rank will trust it. */
static bool is_asked(const supervisor *self, const clade_message *in)
{
    return in->length == self->asked.length && memcmp(in->bytes, self->asked.bytes, in->length) == 0;
}

/* Whether the evaluator may send this now, and for replies what they say. */
static clade_status check_frame(const supervisor *self, const clade_message *in, clade_reply *reply, clade_text *text)
{
    const bool replies = in->tag == CLADE_TAG_READY || in->tag == CLADE_TAG_RESULT || in->tag == CLADE_TAG_PART;
    bool fits = false;
    if (replies)
        CLADE_TRY(clade_reply_read(in, reply, text));
    if (in->tag == CLADE_TAG_READY)
        fits = !self->ready && in->source == COORDINATOR;
    else if (in->tag == CLADE_TAG_RESULT)
        fits = self->busy && leads(self) && reply->job == self->job && in->source == COORDINATOR;
    else if (in->tag == CLADE_TAG_PART)
        fits = self->busy && !leads(self) && reply->job == self->job && in->source == self->ranks[0];
    else if (in->tag == CLADE_TAG_RUNG)
        fits = self->busy && !leads(self) && in->source == self->ranks[0];
    else if (in->tag == CLADE_TAG_SHARE)
        fits = self->busy && leads(self) && is_member(self, in->source) && is_asked(self, in);
    else if (in->tag == CLADE_TAG_VERDICT)
        fits = self->busy && leads(self) && is_member(self, in->source);
    return fits ? CLADE_OK
                : clade_fail(CLADE_EINTERNAL, "found a message with tag %d, which does not fit here", in->tag);
}

static clade_status take_ready(supervisor *self, const clade_reply *said, const clade_text *text)
{
    const clade_reply reply = stamp(self, said);
    if (reply.status != CLADE_OK) {
        end_evaluator(self);
        return say_not_ready(self, (clade_status)reply.status, clade_text_get(text));
    }
    self->ready = true;
    clade_evaluator_limit(self->process, 0.0);
    return say(self, CLADE_TAG_READY, &reply, clade_text_get(text), text->length);
}

/* Within the group: with the epoch before it. */
static clade_status send_to_group(supervisor *self, const clade_message *in)
{
    const uint64_t epoch = self->place.epoch;
    return clade_outbox_send(&self->out, in->source, in->tag, &epoch, sizeof epoch, in->bytes, in->length);
}

static clade_status pass_frame(supervisor *self, const clade_message *in, const clade_reply *said,
                               const clade_text *text)
{
    if (in->tag == CLADE_TAG_READY)
        return take_ready(self, said, text);
    if (in->tag == CLADE_TAG_RESULT || in->tag == CLADE_TAG_PART) {
        self->busy = false;
        clade_evaluator_limit(self->process, 0.0);
    }
    if (in->tag != CLADE_TAG_RESULT)
        return send_to_group(self, in);
    const clade_reply reply = stamp(self, said);
    return say(self, CLADE_TAG_RESULT, &reply, clade_text_get(text), text->length);
}

/* One frame if there is one. */
static clade_status take_frame(supervisor *self, bool *got)
{
    clade_message in = {0};
    clade_reply reply = {0};
    clade_text text = {0};
    clade_channel *channel = clade_evaluator_channel(self->process);
    bool flushed = false;
    clade_status status = clade_channel_flush(channel, &flushed);
    if (status == CLADE_OK)
        status = clade_channel_receive(channel, &in, got);
    if (status == CLADE_OK && *got)
        status = check_frame(self, &in, &reply, &text);
    if (clade_channel_is_at_fault(channel, status))
        status = blame(self);
    else if (status == CLADE_OK && *got)
        status = pass_frame(self, &in, &reply, &text);
    clade_text_free(&text);
    clade_free(in.bytes);
    return status;
}

/* ---- the loop ---- */

/* One message of each side, if there is one. */
static clade_status turn(supervisor *self, bool *active)
{
    clade_message in;
    bool framed = false;
    CLADE_TRY(clade_link_receive(CLADE_ANY, CLADE_ANY, &in, active));
    if (*active) {
        const clade_status status = take_message(self, &in);
        clade_free(in.bytes);
        CLADE_TRY(status);
    }
    if (self->process)
        CLADE_TRY(take_frame(self, &framed));
    *active = *active || framed;
    if (self->process && !framed)
        CLADE_TRY(look(self));
    CLADE_TRY(say_alive(self));
    return clade_outbox_sweep(&self->out);
}

/* Until the channel brings or takes something, or about *PAUSE microseconds, and twice as long the next time. */
static void rest(const supervisor *self, long *pause)
{
    const bool alone = self->busy && self->place.n_shares == 1 && !self->out.first;
    const long longest = alone ? BUSY_NAP : CLADE_WORKER_NAP;
    const struct timespec length = {.tv_nsec = *pause * 1000};
    struct pollfd watched = {.fd = -1};
    if (self->process)
        watched = clade_channel_watch(clade_evaluator_channel(self->process));
    (void)ppoll(&watched, 1, &length, NULL);
    *pause = *pause * 2 > longest ? longest : *pause * 2;
}

static clade_status serve(supervisor *self)
{
    long pause = CLADE_SHORTEST_NAP;
    while (!self->stopped) {
        bool active = false;
        CLADE_TRY(turn(self, &active));
        if (active)
            pause = CLADE_SHORTEST_NAP;
        else
            rest(self, &pause);
    }
    /* The word first: an evaluator with much memory takes its time to die. */
    return clade_link_deliver(COORDINATOR, CLADE_TAG_STOPPED, NULL, 0, NULL, 0);
}

clade_status clade_supervise(void)
{
    supervisor self = {.place = {.n_shares = 1}};
    /* A user's or a scheduler's wish to stop is for the coordinator to act on; mpirun forwards it to every rank. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    const clade_status status = serve(&self);
    if (status != CLADE_OK)
        clade_link_abandon();
    end_evaluator(&self);
    clade_outbox_drop(&self.out);
    clade_free(self.experiment.bytes);
    clade_free(self.asked.bytes);
    return status;
}
