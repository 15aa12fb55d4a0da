/* Take the experiment, open the files, do jobs until there is nobody to do them for. */
#include "search/pool_serve.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/log.h"
#include "search/platform.h"
#include "search/pool_group.h"

enum { COORDINATOR = 0 };

/* An evaluator at work. */
typedef struct server {
    clade_seat seat;              /* its worker is owned; NULL: it could not be made, and the coordinator knows */
    clade_message message;        /* EXPERIMENT, owned: the seat's ranks are in it */
    clade_experiment *experiment; /* owned */
} server;

static bool leads(const server *self)
{
    return self->seat.place.share == 0;
}

static clade_status reply(const server *self, int to, int tag, const clade_reply *header, const clade_text *text)
{
    return clade_channel_deliver(self->seat.channel, to, tag, header, sizeof *header, clade_text_get(text),
                                 text->length);
}

/* ---- the start ---- */

/* Let this process allocate BYTES more than it has now (RLIMIT_DATA: heap and private maps, not the parents' mapped
 * files); 0: as much as there is. */
static clade_status limit_memory(uint64_t bytes)
{
    unsigned long pages = 0;
    struct rlimit limit;
    FILE *file = bytes > 0 ? fopen("/proc/self/statm", "re") : NULL;
    if (file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    if (file)
        (void)fclose(file);
    if (bytes == 0)
        return CLADE_OK;
    limit.rlim_cur = limit.rlim_max = (rlim_t)bytes + pages * (rlim_t)sysconf(_SC_PAGESIZE);
    return setrlimit(RLIMIT_DATA, &limit) == 0 ? CLADE_OK : clade_fail_errno("evaluator", "limit the memory of");
}

static clade_status take_experiment(server *self)
{
    const char *json = NULL;
    size_t length = 0;
    const clade_place *place = &self->seat.place;
    CLADE_TRY(clade_place_read(&self->message, &self->seat.place, &self->seat.ranks, &json, &length));
    if (self->seat.ranks[place->share] != COORDINATOR)
        clade_log_set_rank(self->seat.ranks[place->share]);
    CLADE_TRY(limit_memory(place->memory));
    CLADE_TRY(clade_experiment_parse(json, length, "the coordinator's experiment", "/", &self->experiment));
    return clade_worker_new_share(self->experiment, place->share, place->n_shares, &self->seat.worker);
}

static clade_status say_ready(const server *self, clade_status status)
{
    clade_text text = {0};
    clade_reply header = {.status = status};
    if (status == CLADE_OK) {
        clade_platform_print(&text);
        header.job = clade_worker_tasks(self->seat.worker, CLADE_SEARCH, self->seat.place.share).count;
    } else {
        clade_text_append(&text, "%s", clade_error_message());
    }
    const clade_status sent = reply(self, COORDINATOR, CLADE_TAG_READY, &header, &text);
    clade_text_free(&text);
    return sent;
}

/* ---- jobs ---- */

/* RESULT and TEXT of the job in IN, or of this evaluator's share of it; what is returned is of the messages within a
 * group. */
static clade_status evaluate(const server *self, const clade_message *in, const clade_job *job, clade_status *result,
                             clade_text *text)
{
    if (!leads(self))
        return clade_group_follow(&self->seat, job, result, text);
    if (self->seat.place.n_shares > 1)
        return clade_group_lead(&self->seat, in, job, result, text);
    *result = clade_worker_evaluate(self->seat.worker, job, text);
    return CLADE_OK;
}

static clade_status do_job(const server *self, const clade_message *in)
{
    clade_job job;
    clade_text text = {0};
    clade_status result = CLADE_OK;
    double limit = 0.0; /* for who watches */
    if (!self->seat.worker)
        return clade_fail(CLADE_EINTERNAL, "found a message with tag %d before the experiment", in->tag);
    CLADE_TRY(clade_job_read(in, &job, &limit));
    const double start = clade_clock_now();
    clade_status status = evaluate(self, in, &job, &result, &text);
    if (status == CLADE_OK) {
        if (result != CLADE_OK) {
            clade_text_clear(&text);
            clade_text_append(&text, "%s", clade_error_message());
        }
        const clade_reply header = {.job = job.number, .seconds = clade_clock_now() - start, .status = result};
        status = leads(self) ? reply(self, COORDINATOR, CLADE_TAG_RESULT, &header, &text)
                             : reply(self, self->seat.ranks[0], CLADE_TAG_PART, &header, &text);
    }
    clade_text_free(&text);
    return status;
}

static clade_status serve(server *self)
{
    CLADE_TRY(clade_channel_await(self->seat.channel, COORDINATOR, CLADE_TAG_EXPERIMENT, &self->message));
    CLADE_TRY(say_ready(self, take_experiment(self)));
    for (;;) {
        clade_message in;
        CLADE_TRY(clade_channel_await(self->seat.channel, CLADE_ANY, CLADE_ANY, &in));
        const clade_status status = do_job(self, &in);
        clade_free(in.bytes);
        CLADE_TRY(status);
    }
}

clade_status clade_pool_serve(clade_channel *channel)
{
    server self = {.seat = {.channel = channel, .place = {.n_shares = 1}}};
    clade_status status = serve(&self);
    if (clade_channel_ended(channel))
        status = CLADE_OK; /* there is nobody to tell */
    clade_worker_free(self.seat.worker);
    clade_experiment_free(self.experiment);
    clade_free(self.message.bytes);
    return status;
}
