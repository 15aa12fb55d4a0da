/* The pool of a search without ranks: one evaluator process (evaluator_process.h), fed with the frames that a supervisor
 * would pass on to it, and started anew when it dies. While it evaluates, this process goes on with the search. */
#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/evaluator_process.h"
#include "search/pool_backend.h"

/* Milliseconds from one look at an evaluator that says nothing to the next. */
enum { COORDINATOR = 0, WORKER = 0, MOST_STARTS = 5, LOOK_INTERVAL = 50 };

typedef struct single {
    clade_text experiment; /* the message */
    clade_pool_limits limits;
    clade_evaluator_process *process; /* owned; NULL: there is none */
    bool opened, ready;               /* the first one said READY; this one did */
    unsigned starts;                  /* since one said READY */
    clade_pool_job *job;              /* under way, owned; NULL: none */
} single;

static size_t single_workers(const void *state)
{
    (void)state;
    return 1;
}

static void end_evaluator(single *self)
{
    clade_evaluator_end(self->process);
    self->process = NULL;
    self->ready = false;
}

static void single_close(void *state)
{
    single *self = state;
    if (!self)
        return;
    end_evaluator(self);
    clade_free(self->job);
    clade_text_free(&self->experiment);
    clade_free(self);
}

/* ---- an evaluator's life ---- */

/* A search cannot begin for any reason; one that has begun can go on later, unless what it depends on has changed. Where
 * the evaluator, rather than what it looked at, is the reason, it is this machine's. */
static clade_status cannot_start(const single *self, clade_status status, const char *reason)
{
    if (status == CLADE_EINPUT || status == CLADE_ECONFIG || status == CLADE_EINCOMPATIBLE)
        return clade_fail(status, "%s", reason);
    if (!self->opened)
        return clade_fail(status == CLADE_EEVAL ? CLADE_EIO : status, "no evaluator can be started: %s", reason);
    return clade_fail(CLADE_EINTERRUPTED, "no evaluator can be started any more: %s", reason);
}

static clade_status start_evaluator(single *self)
{
    self->starts++;
    clade_status status = clade_evaluator_start(NULL, &self->process);
    if (status != CLADE_OK) {
        clade_text reason = {0};
        clade_text_append(&reason, "%s", clade_error_message());
        status = cannot_start(self, status, clade_text_get(&reason));
        clade_text_free(&reason);
        return status;
    }
    clade_channel *channel = clade_evaluator_channel(self->process);
    status = clade_channel_send(channel, COORDINATOR, CLADE_TAG_EXPERIMENT, NULL, 0, clade_text_get(&self->experiment),
                                self->experiment.length);
    return clade_channel_is_at_fault(channel, status) ? CLADE_OK : status; /* a look at it will tell */
}

/* The evaluator is gone, for CAUSE, and the job it had is DONE. Whoever waits starts another; but not for ever, when one
 * after the other dies before it is ready. */
static clade_status lose(single *self, clade_loss cause, const clade_text *reason, clade_pool_done *done)
{
    const clade_status left = clade_evaluator_exit_status(self->process);
    const clade_status status = left == CLADE_OK ? CLADE_EEVAL : left;
    const bool ready = self->ready;
    if (self->job) {
        *done = (clade_pool_done){.job = self->job,
                                  .worker = WORKER,
                                  .fault = cause == CLADE_LOSS_KILLED ? CLADE_FAULT_WORKER : CLADE_FAULT_JOB,
                                  .result = {.status = status, .seconds = clade_evaluator_seconds(self->process)}};
        clade_text_append(&done->result.bytes, "%s", clade_text_get(reason));
        self->job = NULL;
    }
    end_evaluator(self);
    if (!ready && self->starts >= MOST_STARTS)
        return cannot_start(self, status, clade_text_get(reason));
    return CLADE_OK;
}

static clade_status look(single *self, clade_pool_done *done)
{
    clade_text reason = {0};
    clade_loss cause = CLADE_LOSS_CRASH;
    bool gone = false;
    clade_status status = clade_evaluator_look(self->process, &gone, &cause, &reason);
    if (status == CLADE_OK && gone)
        status = lose(self, cause, &reason, done);
    clade_text_free(&reason);
    return status;
}

/* What it sent, or that it sent nothing more, is a failure with a message: end it. */
static clade_status blame(single *self, clade_pool_done *done)
{
    CLADE_TRY(clade_evaluator_blame(self->process));
    return look(self, done);
}

/* ---- jobs ---- */

/* Give an idle evaluator the next job. One that takes none any more is started again, and the job was not begun. */
static clade_status begin(single *self, clade_pool *pool)
{
    if (!self->ready || self->job)
        return CLADE_OK;
    clade_pool_job *job = clade_pool_take(pool, WORKER);
    if (!job)
        return CLADE_OK;
    const double seconds = clade_pool_limit(pool, &self->limits, job);
    const clade_job_header header = clade_job_header_of(job, seconds);
    clade_channel *channel = clade_evaluator_channel(self->process);
    clade_evaluator_limit(self->process, seconds);
    const clade_status status = clade_channel_send(channel, COORDINATOR, CLADE_TAG_JOB, &header, sizeof header,
                                                   job->recipe, clade_job_body(job));
    if (status == CLADE_OK) {
        self->job = job;
        return CLADE_OK;
    }
    const bool at_fault = clade_channel_is_at_fault(channel, status);
    clade_pool_give_back(pool, job);
    end_evaluator(self);
    return at_fault ? CLADE_OK : status;
}

/* A READY or RESULT; what it cannot be is a failure. */
static clade_status check_frame(const single *self, const clade_message *in, clade_reply *reply, clade_text *text)
{
    const bool due = in->source == COORDINATOR &&
                     ((in->tag == CLADE_TAG_READY && !self->ready) || (in->tag == CLADE_TAG_RESULT && self->job));
    if (!due)
        return clade_fail(CLADE_EINTERNAL, "found a message with tag %d, which does not fit here", in->tag);
    CLADE_TRY(clade_reply_read(in, reply, text));
    if (self->job && reply->job != self->job->job)
        return clade_fail(CLADE_EINTERNAL, "found a result of a job that it was not given");
    return CLADE_OK;
}

/* TEXT is moved from. */
static clade_status take_reply(single *self, const clade_reply *reply, clade_text *text, clade_pool_done *done)
{
    const clade_status status = (clade_status)reply->status;
    if (self->job) {
        *done = (clade_pool_done){.job = self->job,
                                  .worker = WORKER,
                                  .result = {.status = status, .seconds = reply->seconds, .bytes = *text}};
        *text = (clade_text){0};
        self->job = NULL;
        clade_evaluator_limit(self->process, 0.0);
        return CLADE_OK;
    }
    if (status != CLADE_OK) {
        end_evaluator(self);
        return cannot_start(self, status, clade_text_get(text));
    }
    self->ready = self->opened = true;
    self->starts = 0;
    clade_evaluator_limit(self->process, 0.0);
    return CLADE_OK;
}

/* One frame, if there is one, and else a look at the evaluator. */
static clade_status hear(single *self, clade_pool_done *done)
{
    clade_message in = {0};
    clade_reply reply = {0};
    clade_text text = {0};
    clade_channel *channel = clade_evaluator_channel(self->process);
    bool got = false, flushed = false;
    clade_status status = clade_channel_flush(channel, &flushed);
    if (status == CLADE_OK)
        status = clade_channel_receive(channel, &in, &got);
    if (status == CLADE_OK && got)
        status = check_frame(self, &in, &reply, &text);
    if (clade_channel_is_at_fault(channel, status))
        status = blame(self, done);
    else if (status == CLADE_OK)
        status = got ? take_reply(self, &reply, &text, done) : look(self, done);
    clade_text_free(&text);
    clade_free(in.bytes);
    return status;
}

/* Until the channel brings or takes something; not long, and not beyond DEADLINE, which may be over by now. */
static void rest(const single *self, double deadline)
{
    const double left = 1e3 * (deadline - clade_clock_now());
    struct pollfd watched = clade_channel_watch(clade_evaluator_channel(self->process));
    (void)poll(&watched, 1, left < 0.0 ? 0 : left < LOOK_INTERVAL ? (int)left + 1 : LOOK_INTERVAL);
}

static clade_status single_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    single *self = state;
    const double deadline = clade_clock_now() + 1e-3 * milliseconds;
    for (;;) {
        if (!self->process)
            CLADE_TRY(start_evaluator(self));
        CLADE_TRY(begin(self, pool));
        if (!done->job && self->process)
            CLADE_TRY(hear(self, done));
        /* Before the result is worked on: the evaluator need not wait for the ledger. */
        if (done->job)
            return begin(self, pool);
        if (clade_clock_now() >= deadline)
            return CLADE_OK;
        if (self->process)
            rest(self, deadline);
    }
}

/* A job under way is begun again. */
static clade_status single_distrust(void *state, clade_pool *pool, size_t worker, const char *reason)
{
    single *self = state;
    (void)worker;
    (void)reason;
    if (self->job)
        clade_pool_give_back(pool, self->job);
    self->job = NULL;
    end_evaluator(self);
    return CLADE_OK;
}

/* ---- opening ---- */

/* Until the first evaluator is ready. */
static clade_status begin_watch(single *self)
{
    while (!self->opened) {
        clade_pool_done none = {0};
        if (!self->process)
            CLADE_TRY(start_evaluator(self));
        CLADE_TRY(hear(self, &none));
        if (self->process && !self->opened)
            rest(self, clade_clock_now() + 1.0);
    }
    return CLADE_OK;
}

clade_status clade_pool_open_process(const char *experiment_json, const clade_pool_limits *limits, clade_pool **pool)
{
    static const clade_pool_backend backend = {
        .workers = single_workers, .wait = single_wait, .distrust = single_distrust, .close = single_close};
    const clade_place place = {.n_shares = 1, .memory = limits->memory};
    const int32_t ranks[] = {COORDINATOR};
    *pool = NULL;
    single *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a pool");
    self->limits = *limits;
    clade_status status = clade_experiment_pack(&place, ranks, experiment_json, &self->experiment);
    if (status == CLADE_OK)
        status = begin_watch(self);
    if (status == CLADE_OK)
        return clade_pool_new(&backend, self, pool);
    single_close(self);
    return status;
}
