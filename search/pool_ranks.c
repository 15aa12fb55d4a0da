/* The pool over ranks, the coordinator's side; supervisor.c is the workers'. A leader gets a job only after its last
 * result, so nothing ever queues up at a rank.
 *
 * Ranks fail. One that lost its evaluator says so (LOST): its group gets new ones, in a new epoch, and its job another
 * try. One that is dead, silent, or talks nonsense is retired: nothing more is dealt to it, what it still says is dropped,
 * its job is another's, and the rest of its group goes on as a smaller group. What a rank did before stays: a result is a
 * function of its job, not of who computed it. */
#include "search/pool_ranks.h"

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/log.h"

clade_status clade_ranks_begin_epoch(clade_coordinator *self, size_t group)
{
    clade_place place = {
        .epoch = clade_roster_epoch(self->roster, group), .memory = self->limits.memory, .heartbeat = self->heartbeat};
    size_t count = 0;
    const int32_t *ranks = clade_roster_members(self->roster, group, &count);
    place.n_shares = count;
    for (size_t share = 0; share < count; share++) {
        clade_text bytes = {0};
        place.share = share;
        clade_status status = clade_experiment_pack(&place, ranks, self->json, &bytes);
        if (status == CLADE_OK)
            status = clade_outbox_send(&self->out, (int)ranks[share], CLADE_TAG_EXPERIMENT, NULL, 0,
                                       clade_text_get(&bytes), bytes.length);
        clade_text_free(&bytes);
        CLADE_TRY(status);
    }
    return CLADE_OK;
}

/* ---- ranks that fail ---- */

static void give_back(clade_coordinator *self, clade_pool *pool, size_t group)
{
    if (self->at[group])
        clade_pool_give_back(pool, self->at[group]);
    self->at[group] = NULL;
}

/* Start the evaluators of a group anew, if it has ranks left. */
static clade_status renew(clade_coordinator *self, size_t group)
{
    clade_roster_renew(self->roster, group);
    return clade_ranks_begin_epoch(self, group);
}

/* RANK, which lives, is given up. */
static clade_status retire(clade_coordinator *self, clade_pool *pool, int rank, const char *why)
{
    const size_t group = clade_roster_group_of(self->roster, rank);
    give_back(self, pool, group);
    clade_roster_retire(self->roster, rank);
    clade_text_clear(&self->last_loss);
    clade_text_append(&self->last_loss, "rank %d on %s: %s", rank, clade_link_host(rank), why);
    clade_log(CLADE_LOG_WARNING, "%s; it is given up, %zu workers go on", clade_text_get(&self->last_loss),
              clade_roster_workers(self->roster));
    return renew(self, group);
}

/* To be gone on with later, unless what the run depends on has changed. */
static clade_status no_worker_is_left(const clade_coordinator *self)
{
    if (self->refusal == CLADE_EINPUT || self->refusal == CLADE_ECONFIG || self->refusal == CLADE_EINCOMPATIBLE)
        return clade_fail(self->refusal, "%s", clade_text_get(&self->last_loss));
    return clade_fail(CLADE_EINTERRUPTED, "stopped without a worker (the last: %s)", clade_text_get(&self->last_loss));
}

/* ---- what ranks say: each function returns false, with the failure set, when it is nonsense ---- */

static bool nonsense(const char *what)
{
    (void)clade_fail(CLADE_EINTERNAL, "%s", what);
    return false;
}

static bool take_ready(clade_coordinator *self, int rank, const clade_reply *reply, const char *text)
{
    if (clade_roster_is_ready(self->roster, rank))
        return nonsense("it says that it is ready for the second time");
    if (self->roll) {
        clade_roll_note(self->roll, rank, reply, text);
    } else if (reply->status != CLADE_OK) {
        self->refusal = (clade_status)reply->status;
        return nonsense(text);
    }
    clade_roster_ready(self->roster, rank);
    return true;
}

/* RANK's group has come to an end with its job, by a result or by a loss: TEXT is DONE's from here on. */
static void finish_job(clade_coordinator *self, int rank, const clade_reply *reply, clade_fault fault, clade_text *text,
                       clade_pool_done *done)
{
    const size_t group = clade_roster_group_of(self->roster, rank);
    *done = (clade_pool_done){.job = self->at[group],
                              .worker = group,
                              .fault = fault,
                              .result = {.job = reply->job,
                                         .rank = rank,
                                         .seconds = reply->seconds,
                                         .status = (clade_status)reply->status,
                                         .bytes = *text}};
    *text = (clade_text){0};
    self->at[group] = NULL;
}

static bool take_result(clade_coordinator *self, int rank, const clade_reply *reply, clade_text *text,
                        clade_pool_done *done)
{
    const size_t group = clade_roster_group_of(self->roster, rank);
    if (!clade_roster_leads(self->roster, rank) || !self->at[group] || self->at[group]->job != reply->job)
        return nonsense("it sent the result of a job that it was not given");
    clade_roster_worked(self->roster, group);
    finish_job(self, rank, reply, CLADE_FAULT_NONE, text, done);
    return true;
}

/* An evaluator is lost, perhaps with a job. */
static bool take_loss(clade_coordinator *self, clade_pool *pool, int rank, const clade_reply *reply, clade_text *text,
                      clade_pool_done *done)
{
    const size_t group = clade_roster_group_of(self->roster, rank);
    const bool idle = reply->job == (uint64_t)CLADE_NO_JOB;
    if (reply->cause < CLADE_LOSS_CRASH || reply->cause > CLADE_LOSS_KILLED || reply->status == CLADE_OK)
        return nonsense("it says that its evaluator was lost, but not how");
    if (!idle && self->at[group] && self->at[group]->job != reply->job)
        return nonsense("it lost an evaluator at a job that it was not given");
    clade_log(CLADE_LOG_WARNING, "rank %d on %s: %s: its evaluator is started again", rank, clade_link_host(rank),
              clade_text_get(text));
    if (!clade_roster_lost(self->roster, rank))
        return nonsense("it loses one evaluator after the other");
    if (!idle && self->at[group])
        finish_job(self, rank, reply, reply->cause == CLADE_LOSS_KILLED ? CLADE_FAULT_WORKER : CLADE_FAULT_JOB, text,
                   done);
    else
        give_back(self, pool, group); /* it was not begun */
    return true;
}

/* A message of RANK, which lives, in its present epoch. *LOST: its group needs new evaluators. */
static bool take_reply(clade_coordinator *self, clade_pool *pool, const clade_message *in, const clade_reply *reply,
                       clade_text *text, bool *lost, clade_pool_done *done)
{
    const int rank = in->source;
    *lost = in->tag == CLADE_TAG_LOST;
    if (in->tag == CLADE_TAG_READY)
        return take_ready(self, rank, reply, clade_text_get(text));
    if (in->tag == CLADE_TAG_RESULT)
        return take_result(self, rank, reply, text, done);
    if (in->tag == CLADE_TAG_LOST)
        return take_loss(self, pool, rank, reply, text, done);
    return in->tag == CLADE_TAG_ALIVE || nonsense("it sent a message that makes no sense here");
}

static clade_status take(clade_coordinator *self, clade_pool *pool, const clade_message *in, clade_pool_done *done)
{
    if (!clade_roster_lives(self->roster, in->source))
        return CLADE_OK;
    clade_reply reply;
    clade_text text = {0};
    bool lost = false;
    const size_t group = clade_roster_group_of(self->roster, in->source);
    const uint64_t epoch = clade_roster_epoch(self->roster, group);
    clade_roster_heard(self->roster, in->source, clade_clock_now());
    self->refusal = CLADE_OK;
    clade_status status = clade_reply_read(in, &reply, &text);
    bool sense = status == CLADE_OK;
    if (sense && reply.epoch > epoch)
        sense = nonsense("it is ahead of its time");
    else if (sense && reply.epoch == epoch)
        sense = take_reply(self, pool, in, &reply, &text, &lost, done);
    if (status == CLADE_EIO) { /* no memory: not the rank's fault */
        clade_text_free(&text);
        return status;
    }
    if (sense) {
        status = lost ? renew(self, group) : CLADE_OK;
    } else {
        clade_text_clear(&text);
        clade_text_append(&text, "%s", clade_error_message());
        status = retire(self, pool, in->source, clade_text_get(&text));
    }
    clade_text_free(&text);
    return status;
}

/* Who is dead or silent, now that all that was said is taken. */
static clade_status judge(clade_coordinator *self, clade_pool *pool, double now)
{
    self->refusal = CLADE_OK;
    for (int rank = clade_link_next_dead(); rank > 0; rank = clade_link_next_dead())
        if (clade_roster_lives(self->roster, rank))
            CLADE_TRY(retire(self, pool, rank, "its process is gone"));
    for (int rank = clade_roster_silent(self->roster, now, self->limits.silence); rank > 0;
         rank = clade_roster_silent(self->roster, now, self->limits.silence)) {
        clade_text why = {0};
        clade_text_append(&why, "it has been silent for %.3g s", self->limits.silence);
        const clade_status status = retire(self, pool, rank, clade_text_get(&why));
        clade_text_free(&why);
        CLADE_TRY(status);
    }
    return clade_roster_workers(self->roster) > 0 ? CLADE_OK : no_worker_is_left(self);
}

clade_status clade_ranks_listen(clade_coordinator *self, clade_pool *pool, clade_pool_done *done)
{
    const double now = clade_clock_now();
    clade_roster_look(self->roster, now, self->heartbeat);
    CLADE_TRY(clade_outbox_sweep(&self->out));
    for (bool got = true; got;) {
        clade_message in;
        CLADE_TRY(clade_link_receive(CLADE_ANY, CLADE_ANY, &in, &got));
        const clade_status status = got ? take(self, pool, &in, done) : CLADE_OK;
        clade_free(in.bytes);
        CLADE_TRY(status);
        if (done->job)
            return CLADE_OK;
    }
    return clade_roster_workers(self->roster) > 0 ? judge(self, pool, now) : no_worker_is_left(self);
}

/* ---- the backend ---- */

static size_t ranks_workers(const void *state)
{
    return clade_roster_workers(((const clade_coordinator *)state)->roster);
}

static size_t ranks_retired(const void *state)
{
    return clade_roster_retired(((const clade_coordinator *)state)->roster);
}

void clade_ranks_close(void *state)
{
    clade_coordinator *self = state;
    if (!self)
        return;
    const clade_status ignored = clade_outbox_sweep(&self->out); /* what has not left stays, or MPI fails */
    (void)ignored;
    clade_outbox_drop(&self->out);
    for (size_t k = 0; self->at && k < clade_roster_groups(self->roster); k++)
        clade_free(self->at[k]);
    clade_roster_free(self->roster);
    clade_text_free(&self->last_loss);
    clade_free(self->at);
    clade_free((char *)self->json);
    clade_free(self);
}

/* Give every idle group the next job. */
static clade_status deal(clade_coordinator *self, clade_pool *pool)
{
    for (size_t k = 0; k < clade_roster_groups(self->roster) && clade_pool_has_more(pool); k++) {
        size_t count = 0;
        if (self->at[k] || !clade_roster_group_ready(self->roster, k))
            continue;
        clade_pool_job *job = clade_pool_take(pool, k);
        if (!job)
            continue;
        const int leader = clade_roster_members(self->roster, k, &count)[0];
        self->at[k] = job;
        const clade_job_header header = clade_job_header_of(job, clade_pool_limit(pool, &self->limits, job));
        CLADE_TRY(clade_outbox_send(&self->out, leader, CLADE_TAG_JOB, &header, sizeof header, job->recipe,
                                    clade_job_body(job)));
    }
    return CLADE_OK;
}

static clade_status ranks_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    clade_coordinator *self = state;
    const double deadline = clade_clock_now() + 1e-3 * milliseconds;
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        CLADE_TRY(deal(self, pool));
        CLADE_TRY(clade_ranks_listen(self, pool, done));
        if (done->job)
            return deal(self, pool); /* before the result is worked on: the group need not wait for the ledger */
        if (clade_clock_now() >= deadline)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* It is its leader that sent the nonsense. */
static clade_status ranks_distrust(void *state, clade_pool *pool, size_t worker, const char *reason)
{
    clade_coordinator *self = state;
    size_t count = 0;
    const int32_t *members = clade_roster_members(self->roster, worker, &count);
    if (count == 0)
        return CLADE_OK;
    clade_text why = {0};
    clade_text_append(&why, "it sent a score that is none: %s", reason);
    const clade_status status = retire(self, pool, (int)members[0], clade_text_get(&why));
    clade_text_free(&why);
    return status;
}

const clade_pool_backend clade_ranks_backend = {.workers = ranks_workers,
                                                .retired = ranks_retired,
                                                .wait = ranks_wait,
                                                .distrust = ranks_distrust,
                                                .close = clade_ranks_close};
