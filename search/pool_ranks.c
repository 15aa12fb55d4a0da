/* The pool over ranks: what the coordinator and the workers say to each other. A worker gets a job only after its last
 * result, so nothing ever queues up at a rank. */
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/log.h"
#include "search/platform.h"
#include "search/pool_backend.h"
#include "search/pool_link.h"

typedef struct job_header {
    uint64_t job;
    int64_t split;
    uint64_t batch, items;
    uint64_t recipe_length; /* recipe, NUL and race follow, the race up to the end */
} job_header;

typedef struct reply_header { /* of READY and RESULT */
    uint64_t job;
    double seconds;
    int64_t status;
} reply_header;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- the coordinator ---- */

typedef struct coordinator {
    size_t workers;       /* ranks 1 .. workers */
    clade_pool_job **at;  /* (workers): what the worker is doing, owned; NULL: idle */
    clade_outgoing **out; /* (workers): the last message to it, while it is on its way */
} coordinator;

static size_t coordinator_workers(const void *state)
{
    return ((const coordinator *)state)->workers;
}

static void coordinator_close(void *state)
{
    coordinator *self = state;
    if (!self)
        return;
    for (size_t w = 0; w < self->workers; w++) {
        bool left = false;
        /* What has not left, or cannot be asked, keeps its memory: MPI may still read it. */
        if (self->out && (clade_link_sent(&self->out[w], &left) != CLADE_OK || !left))
            self->out[w] = NULL;
        if (self->at)
            clade_free(self->at[w]);
    }
    clade_free(self->at);
    clade_free(self->out);
    clade_free(self);
}

/* Give every idle worker the next job. */
static clade_status deal(coordinator *self, clade_pool *pool)
{
    for (size_t w = 0; w < self->workers; w++) {
        bool done = true;
        CLADE_TRY(clade_link_sent(&self->out[w], &done));
        if (self->at[w] || !done)
            continue;
        clade_pool_job *job = clade_pool_take(pool);
        if (!job)
            return CLADE_OK;
        self->at[w] = job;
        const job_header header = {.job = job->job,
                                   .split = job->split,
                                   .batch = job->batch,
                                   .items = job->items,
                                   .recipe_length = job->length};
        CLADE_TRY(clade_link_send((int)w + 1, CLADE_TAG_JOB, &header, sizeof header, job->recipe,
                                  job->length + 1 + job->race_length, &self->out[w]));
    }
    return CLADE_OK;
}

/* A reply's header and, in TEXT, the rest. */
static clade_status read_reply(const clade_message *in, reply_header *header, clade_text *text)
{
    if (in->length < sizeof *header)
        return clade_fail(CLADE_EINTERNAL, "MPI: rank %d sent %zu bytes, expected at least %zu", in->source, in->length,
                          sizeof *header);
    memcpy(header, in->bytes, sizeof *header);
    clade_text_append_bytes(text, in->bytes + sizeof *header, in->length - sizeof *header);
    return clade_text_status(text);
}

static clade_status take_result(coordinator *self, const clade_message *in, clade_pool_result *result)
{
    reply_header header;
    const size_t w = (size_t)in->source - 1;
    CLADE_TRY(read_reply(in, &header, &result->bytes));
    if (!self->at[w] || self->at[w]->job != header.job)
        return clade_fail(CLADE_EINTERNAL, "MPI: rank %d sent a result of job %llu, which it was not given", in->source,
                          (unsigned long long)header.job);
    clade_free(self->at[w]);
    self->at[w] = NULL;
    result->job = header.job;
    result->rank = in->source;
    result->seconds = header.seconds;
    result->status = (clade_status)header.status;
    return CLADE_OK;
}

static clade_status coordinator_wait(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_result *result,
                                     bool *got)
{
    coordinator *self = state;
    const double deadline = seconds_now() + 1e-3 * milliseconds;
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        clade_message in;
        CLADE_TRY(deal(self, pool));
        CLADE_TRY(clade_link_receive(CLADE_ANY, CLADE_TAG_RESULT, &in, got));
        if (*got) {
            clade_status status = take_result(self, &in, result);
            clade_free(in.bytes);
            /* Before the result is worked on: the worker need not wait for the ledger. */
            return status == CLADE_OK ? deal(self, pool) : status;
        }
        if (seconds_now() >= deadline)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
}

/* Hear from every worker; the failure of the lowest rank is the one reported, so that a run fails the same way each
 * time. */
static clade_status hear_ready(const coordinator *self)
{
    clade_text platform = {0}, failure = {0};
    clade_platform_print(&platform);
    clade_status status = clade_text_status(&platform), failed = CLADE_OK;
    int failed_rank = INT_MAX, failures = 0;
    long pause = CLADE_SHORTEST_NAP;
    for (size_t heard = 0; status == CLADE_OK && heard < self->workers;) {
        clade_message in;
        bool got = false;
        reply_header header = {0};
        clade_text text = {0};
        status = clade_link_receive(CLADE_ANY, CLADE_TAG_READY, &in, &got);
        if (status == CLADE_OK && got)
            status = read_reply(&in, &header, &text);
        heard += got;
        if (status == CLADE_OK && got && header.status != CLADE_OK && ++failures && in.source < failed_rank) {
            failed = (clade_status)header.status;
            failed_rank = in.source;
            clade_text_clear(&failure);
            clade_text_append(&failure, "rank %d on %s", failed_rank, clade_text_get(&text));
        } else if (status == CLADE_OK && got && header.status == CLADE_OK &&
                   strcmp(clade_text_get(&text), clade_text_get(&platform)) != 0) {
            clade_log(CLADE_LOG_WARNING,
                      "rank %d computes on another platform than rank 0: scores may differ in their last bits "
                      "with who computes them (rank 0: %s; rank %d: %s)",
                      in.source, clade_text_get(&platform), in.source, clade_text_get(&text));
        }
        clade_text_free(&text);
        clade_free(in.bytes);
        if (!got)
            clade_link_nap(&pause, CLADE_COORDINATOR_NAP);
    }
    if (status == CLADE_OK && failures > 1)
        clade_text_append(&failure, " (and %d more ranks)", failures - 1);
    if (status == CLADE_OK && failures > 0)
        status = clade_fail(failed, "%s", clade_text_get(&failure));
    clade_text_free(&platform);
    clade_text_free(&failure);
    return status;
}

clade_status clade_pool_open_mpi(const char *experiment_json, clade_pool **pool)
{
    static const clade_pool_backend backend = {
        .workers = coordinator_workers, .wait = coordinator_wait, .close = coordinator_close};
    *pool = NULL;
    if (clade_mpi_size() < 2)
        return clade_fail(CLADE_EINTERNAL, "MPI: a job of %d rank has no workers", clade_mpi_size());
    coordinator *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a pool");
    self->workers = (size_t)clade_mpi_size() - 1;
    self->at = clade_calloc(self->workers, sizeof(clade_pool_job *));
    self->out = clade_calloc(self->workers, sizeof(clade_outgoing *));
    clade_status status = CLADE_OK;
    if (!self->at || !self->out)
        status = clade_fail_memory(self->workers * sizeof(clade_outgoing *), "a pool");
    for (size_t w = 0; status == CLADE_OK && w < self->workers; w++)
        status = clade_link_send((int)w + 1, CLADE_TAG_EXPERIMENT, NULL, 0, experiment_json, strlen(experiment_json),
                                 &self->out[w]);
    if (status == CLADE_OK)
        status = hear_ready(self);
    if (status == CLADE_OK)
        return clade_pool_new(&backend, self, pool);
    coordinator_close(self);
    return status;
}

/* ---- a worker ---- */

/* The whole way of a message to the coordinator: a worker has nothing else to do meanwhile. */
static clade_status reply(int tag, const void *header, size_t header_length, const clade_text *body)
{
    clade_outgoing *out = NULL;
    bool done = false;
    long pause = CLADE_SHORTEST_NAP;
    CLADE_TRY(clade_link_send(0, tag, header, header_length, clade_text_get(body), body->length, &out));
    for (;;) {
        CLADE_TRY(clade_link_sent(&out, &done));
        if (done)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_WORKER_NAP);
    }
}

/* The next message of the coordinator, however long it takes. */
static clade_status await(clade_message *in)
{
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        bool got = false;
        CLADE_TRY(clade_link_receive(0, CLADE_ANY, in, &got));
        if (got)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_WORKER_NAP);
    }
}

/* TEXT of a failure is "HOST: message". */
static clade_status say_ready(clade_status status)
{
    clade_text text = {0};
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    if (status == CLADE_OK)
        clade_platform_print(&text);
    else
        clade_text_append(&text, "%s: %s", host, clade_error_message());
    const reply_header header = {.status = status};
    clade_status sent = reply(CLADE_TAG_READY, &header, sizeof header, &text);
    clade_text_free(&text);
    return sent;
}

/* The job in a message, whose bytes it borrows. */
static clade_status read_job(const clade_message *in, clade_job *job)
{
    job_header header = {0};
    const size_t body = in->length < sizeof header ? 0 : in->length - sizeof header;
    if (body > 0)
        memcpy(&header, in->bytes, sizeof header);
    if (in->tag != CLADE_TAG_JOB || header.recipe_length >= body ||
        (header.split != CLADE_SEARCH && header.split != CLADE_HOLDOUT))
        return clade_fail(CLADE_EINTERNAL,
                          "MPI: found a message with tag %d of %zu bytes, expected a job of the search or the holdout "
                          "split with a recipe (%llu bytes said)",
                          in->tag, in->length, (unsigned long long)header.recipe_length);
    const char *recipe = in->bytes + sizeof header;
    *job = (clade_job){.number = header.job,
                       .split = (clade_split)header.split,
                       .batch = header.batch,
                       .items = header.items,
                       .recipe = recipe,
                       .recipe_length = (size_t)header.recipe_length,
                       .race = recipe + header.recipe_length + 1,
                       .race_length = body - (size_t)header.recipe_length - 1};
    return CLADE_OK;
}

static clade_status do_job(clade_worker *worker, const clade_message *in)
{
    clade_job job;
    clade_text text = {0};
    if (!worker)
        return clade_fail(CLADE_EINTERNAL, "MPI: found a message with tag %d before the experiment", in->tag);
    CLADE_TRY(read_job(in, &job));
    const double start = seconds_now();
    const clade_status status = clade_worker_evaluate(worker, &job, &text);
    if (status != CLADE_OK) {
        clade_text_clear(&text);
        clade_text_append(&text, "%s", clade_error_message());
    }
    const reply_header header = {.job = job.number, .seconds = seconds_now() - start, .status = status};
    const clade_status sent = reply(CLADE_TAG_RESULT, &header, sizeof header, &text);
    clade_text_free(&text);
    return sent;
}

clade_status clade_pool_serve(void)
{
    clade_experiment *experiment = NULL;
    clade_worker *worker = NULL;
    clade_message in;
    /* A user's or a scheduler's wish to stop is for the coordinator to act on; mpirun forwards it to every rank. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    clade_status status = await(&in);
    if (status == CLADE_OK && in.tag == CLADE_TAG_EXPERIMENT) {
        clade_status made =
            clade_experiment_parse(in.bytes, in.length, "the coordinator's experiment", "/", &experiment);
        if (made == CLADE_OK)
            made = clade_worker_new(experiment, &worker);
        clade_free(in.bytes);
        status = say_ready(made);
        if (status == CLADE_OK)
            status = await(&in);
    }
    while (status == CLADE_OK && in.tag != CLADE_TAG_STOP) {
        status = do_job(worker, &in);
        clade_free(in.bytes);
        if (status == CLADE_OK)
            status = await(&in);
    }
    if (status == CLADE_OK) {
        const clade_text nothing = {0};
        clade_free(in.bytes);
        status = reply(CLADE_TAG_STOPPED, NULL, 0, &nothing);
    }
    if (status != CLADE_OK)
        clade_link_abandon();
    clade_worker_free(worker);
    clade_experiment_free(experiment);
    return status;
}
