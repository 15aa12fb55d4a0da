/* One child scored by several ranks; what they say to each other is at the head of pool_link.h. */
#include "search/pool_group.h"

#include <string.h>

#include "clade/alloc.h"

/* What VERDICT says: how a rung ends, for all. */
typedef struct verdict {
    int64_t stop;
    clade_stopped stopped;
} verdict;

/* What a share came to. */
typedef struct share {
    bool answered;       /* TEXT and STATUS are there */
    bool at_rung;        /* it has said what it has seen, and waits for the verdict */
    clade_text text;     /* a member's score as JSON, or the reason */
    clade_status status; /* of the evaluation */
} share;

typedef struct group {
    const clade_seat *seat;
    clade_split split;
    size_t n;           /* shares that have tasks to score: the first ones, the leader's among them */
    share *shares;      /* (n); [0] is the leader's own */
    clade_score *parts; /* (n): the scores of the shares, at a rung or at the end */
    clade_status link;  /* of the messages */
} group;

/* ---- the leader ---- */

static clade_status open_group(group *g)
{
    const clade_seat *seat = g->seat;
    for (g->n = 1; g->n < seat->place.n_shares && clade_worker_tasks(seat->worker, g->split, g->n).count > 0;)
        g->n++;
    g->shares = clade_calloc(g->n, sizeof *g->shares);
    g->parts = clade_calloc(g->n, sizeof *g->parts);
    return g->shares && g->parts ? CLADE_OK : clade_fail_memory(g->n * sizeof *g->parts, "a group");
}

static void close_group(group *g)
{
    for (size_t k = 0; k < g->n; k++) {
        if (g->shares)
            clade_text_free(&g->shares[k].text);
        if (g->parts)
            clade_score_fini(&g->parts[k]);
    }
    clade_free(g->shares);
    clade_free(g->parts);
}

/* Give the job to every member. */
static clade_status pass_on(const group *g, const clade_message *in)
{
    for (size_t k = 1; k < g->n; k++)
        CLADE_TRY(clade_channel_deliver(g->seat->channel, g->seat->ranks[k], CLADE_TAG_SHARE, NULL, 0, in->bytes,
                                        in->length));
    return CLADE_OK;
}

static clade_status say(const group *g, size_t k, const verdict *v)
{
    g->shares[k].at_rung = false;
    return clade_channel_deliver(g->seat->channel, g->seat->ranks[k], CLADE_TAG_VERDICT, v, sizeof *v, NULL, 0);
}

/* What is no score is the fault of a rank, not of an input file. */
static clade_status parse_part(group *g, size_t k, const char *json, size_t length)
{
    const clade_score_plan plan = clade_worker_plan(g->seat->worker, g->split);
    clade_score_fini(&g->parts[k]);
    const clade_status status =
        clade_score_parse(json, length, clade_worker_probes(g->seat->worker), &plan, &g->parts[k]);
    if (status == CLADE_OK || status == CLADE_EIO)
        return status;
    return clade_fail_prefix(CLADE_EINTERNAL, "group: the part of rank %d is no score", g->seat->ranks[k]);
}

/* Whose message IN is: of a member that has neither answered nor waits for a word. */
static clade_status find_member(const group *g, const clade_message *in, size_t *k)
{
    for (*k = 1; *k < g->n; ++*k)
        if (g->seat->ranks[*k] == in->source && !g->shares[*k].answered && !g->shares[*k].at_rung)
            return CLADE_OK;
    return clade_fail(CLADE_EINTERNAL, "group: found a message with tag %d of rank %d, expected one of a member",
                      in->tag, in->source);
}

/* The next message, of whichever member: its answer, or what it has seen. */
static clade_status take_word(group *g, const clade_message *in)
{
    clade_reply reply;
    size_t k = 0;
    CLADE_TRY(find_member(g, in, &k));
    share *from = &g->shares[k];
    if (in->tag == CLADE_TAG_RUNG) {
        from->at_rung = true;
        return parse_part(g, k, in->bytes, in->length);
    }
    if (in->tag != CLADE_TAG_PART)
        return clade_fail(CLADE_EINTERNAL, "group: found a message with tag %d of rank %d, expected a part", in->tag,
                          in->source);
    CLADE_TRY(clade_reply_read(in, &reply, &from->text));
    from->status = (clade_status)reply.status;
    from->answered = true;
    return CLADE_OK;
}

static clade_status hear(group *g)
{
    clade_message in;
    CLADE_TRY(clade_channel_await(g->seat->channel, CLADE_ANY, CLADE_ANY, &in));
    const clade_status status = take_word(g, &in);
    clade_free(in.bytes);
    return status;
}

/* Members of whom nothing is to be waited for now. */
static size_t count_heard(const group *g)
{
    size_t heard = 0;
    for (size_t k = 1; k < g->n; k++)
        heard += g->shares[k].answered || g->shares[k].at_rung;
    return heard;
}

/* What was seen, as a score that can be printed and parsed: that of a batch that ends here. */
static clade_score seen_so_far(const clade_score *seen)
{
    clade_score score = *seen;
    score.stopped = (clade_stopped){.reason = CLADE_SAMPLED, .rung = 1};
    return score;
}

/* One rung of a race: hear all, decide by the joined score, tell all. Where some have failed instead of coming here
 * there is nothing to go on for. */
static clade_status hold_meeting(group *g, clade_race *race, const clade_score *seen, verdict *v)
{
    clade_score joined = {0};
    bool all = true;
    while (count_heard(g) < g->n - 1)
        CLADE_TRY(hear(g));
    for (size_t k = 1; k < g->n; k++)
        all = all && g->shares[k].at_rung;
    if (all) {
        g->parts[0] = seen_so_far(seen);
        const clade_status status = clade_score_join(g->parts, g->n, &joined);
        g->parts[0] = (clade_score){0}; /* what it holds is the scorer's */
        CLADE_TRY(status);
        v->stop = clade_race_stop(race, &joined, &v->stopped);
        clade_score_fini(&joined);
    }
    for (size_t k = 1; k < g->n; k++)
        if (g->shares[k].at_rung)
            CLADE_TRY(say(g, k, v));
    return CLADE_OK;
}

static bool lead_rung(void *context, clade_race *race, const clade_score *seen, clade_stopped *stopped)
{
    group *g = context;
    verdict v = {.stop = true};
    g->link = hold_meeting(g, race, seen, &v);
    *stopped = v.stopped;
    return v.stop || g->link != CLADE_OK;
}

/* Until every member has answered: those that wait at a rung are told to stop, since a share has failed. */
static clade_status hear_answers(group *g)
{
    static const verdict stop = {.stop = true};
    for (;;) {
        bool waiting = false;
        for (size_t k = 1; k < g->n; k++) {
            if (g->shares[k].at_rung)
                CLADE_TRY(say(g, k, &stop));
            waiting = waiting || !g->shares[k].answered;
        }
        if (!waiting)
            return CLADE_OK;
        CLADE_TRY(hear(g));
    }
}

/* The result of the first share that failed, or else the whole score. */
static clade_status join_shares(group *g, clade_text *text)
{
    for (size_t k = 0; k < g->n; k++)
        if (g->shares[k].status != CLADE_OK)
            return clade_fail(g->shares[k].status, "%s", clade_text_get(&g->shares[k].text));
    for (size_t k = 1; k < g->n; k++)
        CLADE_TRY(parse_part(g, k, clade_text_get(&g->shares[k].text), g->shares[k].text.length));
    clade_score whole;
    CLADE_TRY(clade_score_join(g->parts, g->n, &whole));
    const clade_score_plan plan = clade_worker_plan(g->seat->worker, g->split);
    clade_score_print(&whole, clade_worker_probes(g->seat->worker), &plan, text);
    clade_score_fini(&whole);
    return clade_text_status(text);
}

clade_status clade_group_lead(const clade_seat *seat, const clade_message *in, const clade_job *job,
                              clade_status *result, clade_text *text)
{
    group g = {.seat = seat, .split = job->split};
    const clade_meeting meeting = {.context = &g, .stop = lead_rung};
    clade_status status = open_group(&g);
    if (status == CLADE_OK)
        status = pass_on(&g, in);
    if (status == CLADE_OK) {
        clade_score own;
        g.shares[0].status = clade_worker_score(seat->worker, job, g.n > 1 ? &meeting : NULL, &own);
        g.parts[0] = own; /* from here on: until now the meetings had its place */
        if (g.shares[0].status != CLADE_OK)
            clade_text_append(&g.shares[0].text, "%s", clade_error_message());
        status = g.link;
    }
    if (status == CLADE_OK)
        status = hear_answers(&g);
    if (status == CLADE_OK)
        *result = join_shares(&g, text);
    close_group(&g);
    return status;
}

/* ---- a member ---- */

typedef struct member {
    const clade_seat *seat;
    clade_split split;
    clade_status link; /* of the messages */
} member;

static clade_status print_score(const member *m, const clade_score *score, clade_text *text)
{
    const clade_score_plan plan = clade_worker_plan(m->seat->worker, m->split);
    clade_score_print(score, clade_worker_probes(m->seat->worker), &plan, text);
    return clade_text_status(text);
}

/* Tell the leader what was seen and hear how it goes on. */
static clade_status attend_meeting(const member *m, const clade_score *seen, verdict *v)
{
    const clade_score score = seen_so_far(seen);
    const int leader = m->seat->ranks[0];
    clade_text text = {0};
    clade_message in;
    clade_status status = print_score(m, &score, &text);
    if (status == CLADE_OK)
        status = clade_channel_deliver(m->seat->channel, leader, CLADE_TAG_RUNG, NULL, 0, clade_text_get(&text),
                                       text.length);
    clade_text_free(&text);
    CLADE_TRY(status);
    CLADE_TRY(clade_channel_await(m->seat->channel, leader, CLADE_TAG_VERDICT, &in));
    if (in.length == sizeof *v)
        memcpy(v, in.bytes, sizeof *v);
    else
        status = clade_fail(CLADE_EINTERNAL, "group: rank %d sent a verdict of %zu bytes, expected %zu", in.source,
                            in.length, sizeof *v);
    clade_free(in.bytes);
    return status;
}

static bool follow_rung(void *context, clade_race *race, const clade_score *seen, clade_stopped *stopped)
{
    member *m = context;
    verdict v = {.stop = true};
    (void)race;
    m->link = attend_meeting(m, seen, &v);
    *stopped = v.stopped;
    return v.stop || m->link != CLADE_OK;
}

clade_status clade_group_follow(const clade_seat *seat, const clade_job *job, clade_status *result, clade_text *text)
{
    member m = {.seat = seat, .split = job->split};
    const clade_meeting meeting = {.context = &m, .stop = follow_rung};
    clade_score score;
    *result = clade_worker_score(seat->worker, job, &meeting, &score);
    if (*result == CLADE_OK && m.link == CLADE_OK)
        *result = print_score(&m, &score, text);
    clade_score_fini(&score);
    return m.link;
}
