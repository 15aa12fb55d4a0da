/* What the messages between ranks say, and waiting for them. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/pool_link.h"

/* ---- waiting ---- */

clade_status clade_link_await(int source, int tag, clade_message *in)
{
    long pause = CLADE_SHORTEST_NAP;
    for (;;) {
        bool got = false;
        CLADE_TRY(clade_link_receive(source, tag, in, &got));
        if (got)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_WORKER_NAP);
    }
}

clade_status clade_link_deliver(int to, int tag, const void *header, size_t header_length, const char *body,
                                size_t length)
{
    clade_outgoing *out = NULL;
    bool done = false;
    long pause = CLADE_SHORTEST_NAP;
    CLADE_TRY(clade_link_send(to, tag, header, header_length, body, length, &out));
    for (;;) {
        CLADE_TRY(clade_link_sent(&out, &done));
        if (done)
            return CLADE_OK;
        clade_link_nap(&pause, CLADE_WORKER_NAP);
    }
}

/* ---- experiments ---- */

clade_status clade_experiment_pack(const clade_place *place, const int32_t *ranks, const char *json, clade_text *bytes)
{
    clade_text_append_bytes(bytes, place, sizeof *place);
    clade_text_append_bytes(bytes, ranks, place->n_shares * sizeof *ranks);
    clade_text_append_bytes(bytes, json, strlen(json));
    return clade_text_status(bytes);
}

clade_status clade_place_read(const clade_message *in, clade_place *place, const int32_t **ranks, const char **json,
                              size_t *length)
{
    const size_t body = in->length < sizeof *place ? 0 : in->length - sizeof *place;
    *place = (clade_place){0};
    if (in->length >= sizeof *place)
        memcpy(place, in->bytes, sizeof *place);
    if (in->tag != CLADE_TAG_EXPERIMENT || place->share >= place->n_shares || place->n_shares > body / sizeof **ranks)
        return clade_fail(CLADE_EINTERNAL,
                          "MPI: found a message with tag %d of %zu bytes, expected an experiment for one of some ranks "
                          "(share %llu of %llu)",
                          in->tag, in->length, (unsigned long long)place->share, (unsigned long long)place->n_shares);
    *ranks = (const int32_t *)(const void *)(in->bytes + sizeof *place); /* aligned, as all that is allocated */
    *json = in->bytes + sizeof *place + place->n_shares * sizeof **ranks;
    *length = body - place->n_shares * sizeof **ranks;
    return CLADE_OK;
}

/* ---- replies ---- */

clade_status clade_reply_read(const clade_message *in, clade_reply *reply, clade_text *text)
{
    if (in->length < sizeof *reply)
        return clade_fail(CLADE_EINTERNAL, "MPI: rank %d sent %zu bytes, expected at least %zu", in->source, in->length,
                          sizeof *reply);
    memcpy(reply, in->bytes, sizeof *reply);
    const bool known = (reply->status >= CLADE_OK && reply->status <= CLADE_EIO) || reply->status == CLADE_EINTERRUPTED;
    if (!known || !isfinite(reply->seconds) || reply->seconds < 0.0)
        return clade_fail(CLADE_EINTERNAL, "MPI: rank %d sent status %lld after %g seconds, which there is not",
                          in->source, (long long)reply->status, reply->seconds);
    clade_text_append_bytes(text, in->bytes + sizeof *reply, in->length - sizeof *reply);
    return clade_text_status(text);
}

/* ---- jobs ---- */

clade_job_header clade_job_header_of(const clade_pool_job *job, double seconds)
{
    return (clade_job_header){.job = job->job,
                              .split = job->split,
                              .batch = job->batch,
                              .items = job->items,
                              .seconds = seconds,
                              .recipe_length = job->length};
}

clade_status clade_job_read(const clade_message *in, clade_job *job, double *seconds)
{
    clade_job_header header = {0};
    const size_t body = in->length < sizeof header ? 0 : in->length - sizeof header;
    if (body > 0)
        memcpy(&header, in->bytes, sizeof header);
    *seconds = header.seconds;
    if ((in->tag != CLADE_TAG_JOB && in->tag != CLADE_TAG_SHARE) || header.recipe_length >= body ||
        (header.split != CLADE_SEARCH && header.split != CLADE_HOLDOUT) || !isfinite(header.seconds) ||
        header.seconds < 0.0)
        return clade_fail(CLADE_EINTERNAL,
                          "MPI: found a message with tag %d of %zu bytes, expected a job of the search or the holdout "
                          "split with a recipe (%llu bytes said) and a time limit",
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
