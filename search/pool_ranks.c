/* The pool over ranks, the coordinator's side; pool_serve.c is the workers'. A leader gets a job only after its last
 * result, so nothing ever queues up at a rank. */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/log.h"
#include "search/platform.h"
#include "search/pool_group.h"

typedef struct coordinator {
    size_t ranks;         /* 1 .. ranks work, in groups */
    size_t group;         /* ranks of a group; of the last one, perhaps fewer */
    size_t leaders;       /* groups */
    clade_pool_job **at;  /* (leaders): what the group is doing, owned; NULL: idle */
    clade_outgoing **out; /* (ranks): the last message to the rank, while it is on its way */
} coordinator;

/* The rank that leads group K, and its place in OUT. */
static size_t leader_of(const coordinator *self, size_t k)
{
    return 1 + k * self->group;
}

static size_t coordinator_workers(const void *state)
{
    return ((const coordinator *)state)->leaders;
}

static void coordinator_close(void *state)
{
    coordinator *self = state;
    if (!self)
        return;
    for (size_t r = 0; self->out && r < self->ranks; r++) {
        bool left = false;
        /* What has not left, or cannot be asked, keeps its memory: MPI may still read it. */
        if (clade_link_sent(&self->out[r], &left) != CLADE_OK || !left)
            self->out[r] = NULL;
    }
    for (size_t k = 0; self->at && k < self->leaders; k++)
        clade_free(self->at[k]);
    clade_free(self->at);
    clade_free(self->out);
    clade_free(self);
}

/* Give every idle group the next job. */
static clade_status deal(coordinator *self, clade_pool *pool)
{
    for (size_t k = 0; k < self->leaders; k++) {
        clade_outgoing **out = &self->out[leader_of(self, k) - 1];
        bool done = true;
        CLADE_TRY(clade_link_sent(out, &done));
        if (self->at[k] || !done)
            continue;
        clade_pool_job *job = clade_pool_take(pool);
        if (!job)
            return CLADE_OK;
        self->at[k] = job;
        CLADE_TRY(clade_job_send((int)leader_of(self, k), job, out));
    }
    return CLADE_OK;
}

static clade_status take_result(coordinator *self, const clade_message *in, clade_pool_result *result)
{
    clade_reply reply;
    const size_t k = ((size_t)in->source - 1) / self->group;
    CLADE_TRY(clade_reply_read(in, &reply, &result->bytes));
    if (!self->at[k] || self->at[k]->job != reply.job)
        return clade_fail(CLADE_EINTERNAL, "MPI: rank %d sent a result of job %llu, which it was not given", in->source,
                          (unsigned long long)reply.job);
    clade_free(self->at[k]);
    self->at[k] = NULL;
    result->job = reply.job;
    result->rank = in->source;
    result->seconds = reply.seconds;
    result->status = (clade_status)reply.status;
    return CLADE_OK;
}

static clade_status coordinator_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_result *result,
                                     bool *got)
{
    coordinator *self = state;
    const double deadline = clade_clock_now() + 1e-3 * milliseconds;
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        clade_message in;
        CLADE_TRY(deal(self, pool));
        CLADE_TRY(clade_link_receive(CLADE_ANY, CLADE_TAG_RESULT, &in, got));
        if (*got) {
            clade_status status = take_result(self, &in, result);
            clade_free(in.bytes);
            /* Before the result is worked on: the group need not wait for the ledger. */
            return status == CLADE_OK ? deal(self, pool) : status;
        }
        if (clade_clock_now() >= deadline)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* What the ranks said when they were ready, or not. */
typedef struct roll {
    clade_text platform; /* of this rank */
    clade_status failed; /* of the failed rank with the lowest number, so that a run fails the same way each time */
    int failed_rank;
    clade_text failure; /* its reason */
    size_t failures, idle;
} roll;

static clade_status note_ready(roll *r, const clade_message *in)
{
    clade_reply reply;
    clade_text text = {0};
    clade_status status = clade_reply_read(in, &reply, &text);
    if (status == CLADE_OK && reply.status != CLADE_OK && r->failures++ == 0)
        r->failed_rank = INT_MAX;
    if (status == CLADE_OK && reply.status != CLADE_OK && in->source < r->failed_rank) {
        r->failed = (clade_status)reply.status;
        r->failed_rank = in->source;
        clade_text_clear(&r->failure);
        clade_text_append(&r->failure, "rank %d on %s", in->source, clade_text_get(&text));
    } else if (status == CLADE_OK && reply.status == CLADE_OK) {
        r->idle += reply.job == 0;
        if (strcmp(clade_text_get(&text), clade_text_get(&r->platform)) != 0)
            clade_log(CLADE_LOG_WARNING,
                      "rank %d computes on another platform than rank 0: scores may differ in their last bits "
                      "with who computes them (rank 0: %s; rank %d: %s)",
                      in->source, clade_text_get(&r->platform), in->source, clade_text_get(&text));
    }
    clade_text_free(&text);
    return status;
}

/* Hear from every rank. */
static clade_status hear_ready(const coordinator *self)
{
    roll r = {.failed = CLADE_OK};
    clade_platform_print(&r.platform);
    clade_status status = clade_text_status(&r.platform);
    long pause = CLADE_SHORTEST_NAP;
    for (size_t heard = 0; status == CLADE_OK && heard < self->ranks;) {
        clade_message in;
        bool got = false;
        status = clade_link_receive(CLADE_ANY, CLADE_TAG_READY, &in, &got);
        if (status == CLADE_OK && got)
            status = note_ready(&r, &in);
        heard += got;
        clade_free(in.bytes);
        if (!got)
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
    if (status == CLADE_OK && r.failures > 1)
        clade_text_append(&r.failure, " (and %zu more ranks)", r.failures - 1);
    if (status == CLADE_OK && r.failures > 0)
        status = clade_fail(r.failed, "%s", clade_text_get(&r.failure));
    if (status == CLADE_OK && r.idle > 0)
        clade_log(CLADE_LOG_WARNING,
                  "%zu of %zu workers have no task to score: there are fewer tasks than the %zu ranks of a group",
                  r.idle, self->ranks, self->group);
    clade_text_free(&r.platform);
    clade_text_free(&r.failure);
    return status;
}

/* Tell every rank what is searched and where it stands. */
static clade_status send_experiment(coordinator *self, const char *json)
{
    for (size_t rank = 1; rank <= self->ranks; rank++) {
        const clade_place place = clade_place_of(rank, self->ranks, self->group);
        CLADE_TRY(clade_link_send((int)rank, CLADE_TAG_EXPERIMENT, &place, sizeof place, json, strlen(json),
                                  &self->out[rank - 1]));
    }
    return CLADE_OK;
}

clade_status clade_pool_open_mpi(const char *experiment_json, size_t group, clade_pool **pool)
{
    static const clade_pool_backend backend = {
        .workers = coordinator_workers, .wait = coordinator_wait, .close = coordinator_close};
    *pool = NULL;
    if (clade_mpi_size() < 2)
        return clade_fail(CLADE_EINTERNAL, "MPI: a job of %d rank has no workers", clade_mpi_size());
    coordinator *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a pool");
    self->ranks = (size_t)clade_mpi_size() - 1;
    self->group = group < self->ranks ? group : self->ranks;
    self->leaders = (self->ranks + self->group - 1) / self->group;
    self->at = clade_calloc(self->leaders, sizeof(clade_pool_job *));
    self->out = clade_calloc(self->ranks, sizeof(clade_outgoing *));
    clade_status status = CLADE_OK;
    if (!self->at || !self->out)
        status = clade_fail_memory(self->ranks * sizeof(clade_outgoing *), "a pool");
    if (status == CLADE_OK)
        status = send_experiment(self, experiment_json);
    if (status == CLADE_OK)
        status = hear_ready(self);
    if (status == CLADE_OK)
        return clade_pool_new(&backend, self, pool);
    coordinator_close(self);
    return status;
}
