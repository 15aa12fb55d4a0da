/* The pool over ranks, a worker's side: take the experiment, open the files, do jobs until told to stop. */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "search/platform.h"
#include "search/pool_group.h"

/* A rank at work. */
typedef struct server {
    clade_place place;
    clade_experiment *experiment; /* owned */
    clade_worker *worker;         /* owned; NULL: it could not be made, and the coordinator knows */
} server;

static bool leads(const server *self)
{
    return self->place.share == 0;
}

/* Whose messages this rank takes: a member's leader stands between it and the coordinator. */
static int superior(const server *self)
{
    return leads(self) ? 0 : (int)self->place.leader;
}

static clade_status reply(int to, int tag, const clade_reply *header, const clade_text *text)
{
    return clade_link_deliver(to, tag, header, sizeof *header, clade_text_get(text), text->length);
}

/* ---- the start ---- */

/* TEXT of a failure is "HOST: message". */
static clade_status say_ready(const server *self, clade_status status)
{
    clade_text text = {0};
    char host[256] = "";
    clade_reply header = {.status = status};
    (void)gethostname(host, sizeof host - 1);
    if (status == CLADE_OK) {
        clade_platform_print(&text);
        header.job = clade_worker_tasks(self->worker, CLADE_SEARCH, self->place.share).count;
    } else {
        clade_text_append(&text, "%s: %s", host, clade_error_message());
    }
    const clade_status sent = reply(0, CLADE_TAG_READY, &header, &text);
    clade_text_free(&text);
    return sent;
}

static clade_status take_experiment(server *self, const clade_message *in)
{
    if (in->length < sizeof self->place)
        return clade_fail(CLADE_EINTERNAL, "MPI: found an experiment of %zu bytes, expected at least %zu", in->length,
                          sizeof self->place);
    memcpy(&self->place, in->bytes, sizeof self->place);
    CLADE_TRY(clade_experiment_parse(in->bytes + sizeof self->place, in->length - sizeof self->place,
                                     "the coordinator's experiment", "/", &self->experiment));
    return clade_worker_new_share(self->experiment, self->place.share, self->place.n_shares, &self->worker);
}

/* ---- jobs ---- */

/* RESULT and TEXT of the job in IN, or of this rank's share of it; what is returned is of the messages within a group.
 */
static clade_status evaluate(server *self, const clade_message *in, const clade_job *job, clade_status *result,
                             clade_text *text)
{
    if (!leads(self))
        return clade_group_follow(&self->place, self->worker, job, result, text);
    if (self->place.n_shares > 1)
        return clade_group_lead(&self->place, self->worker, in, job, result, text);
    *result = clade_worker_evaluate(self->worker, job, text);
    return CLADE_OK;
}

static clade_status do_job(server *self, const clade_message *in)
{
    clade_job job;
    clade_text text = {0};
    clade_status result = CLADE_OK;
    if (!self->worker)
        return clade_fail(CLADE_EINTERNAL, "MPI: found a message with tag %d before the experiment", in->tag);
    CLADE_TRY(clade_job_read(in, &job));
    const double start = clade_clock_now();
    clade_status status = evaluate(self, in, &job, &result, &text);
    if (status == CLADE_OK) {
        if (result != CLADE_OK) {
            clade_text_clear(&text);
            clade_text_append(&text, "%s", clade_error_message());
        }
        const clade_reply header = {.job = job.number, .seconds = clade_clock_now() - start, .status = result};
        status = reply(superior(self), leads(self) ? CLADE_TAG_RESULT : CLADE_TAG_PART, &header, &text);
    }
    clade_text_free(&text);
    return status;
}

/* ---- the end ---- */

/* The coordinator tells every rank to stop, but a member's leader may still need it for a job: a member stops when its
 * leader, who is between two jobs then, passes the word on. */
static clade_status stop(const server *self)
{
    clade_message in = {0};
    for (uint64_t k = 1; leads(self) && k < self->place.n_shares; k++)
        CLADE_TRY(clade_link_deliver((int)self->place.leader + (int)k, CLADE_TAG_STOP, NULL, 0, NULL, 0));
    if (!leads(self))
        CLADE_TRY(clade_link_await(0, CLADE_TAG_STOP, &in));
    clade_free(in.bytes);
    return clade_link_deliver(0, CLADE_TAG_STOPPED, NULL, 0, NULL, 0);
}

static clade_status serve(server *self)
{
    clade_message in;
    CLADE_TRY(clade_link_await(0, CLADE_ANY, &in));
    if (in.tag == CLADE_TAG_EXPERIMENT) {
        const clade_status made = take_experiment(self, &in);
        clade_free(in.bytes);
        CLADE_TRY(say_ready(self, made));
        CLADE_TRY(clade_link_await(superior(self), CLADE_ANY, &in));
    }
    while (in.tag != CLADE_TAG_STOP) {
        const clade_status status = do_job(self, &in);
        clade_free(in.bytes);
        CLADE_TRY(status);
        CLADE_TRY(clade_link_await(superior(self), CLADE_ANY, &in));
    }
    clade_free(in.bytes);
    return stop(self);
}

clade_status clade_pool_serve(void)
{
    server self = {.place = {.n_shares = 1}};
    /* A user's or a scheduler's wish to stop is for the coordinator to act on; mpirun forwards it to every rank. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    const clade_status status = serve(&self);
    if (status != CLADE_OK)
        clade_link_abandon();
    clade_worker_free(self.worker);
    clade_experiment_free(self.experiment);
    return status;
}
