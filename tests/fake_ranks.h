/* Ranks that answer, fail, hang and lie, for tests of the coordinator over ranks: what it calls of the link and the clock is
 * replaced by functions of this file, by name, and its own source is compiled in. Include it once, in a test of its own. */
#ifndef CLADE_FAKE_RANKS_H
#define CLADE_FAKE_RANKS_H

#include "test.h"

#define clade_link_receive fake_receive
#define clade_link_send fake_send
#define clade_link_sent fake_sent
#define clade_link_nap fake_nap
#define clade_link_next_dead fake_next_dead
#define clade_link_host fake_host
#define clade_mpi_size fake_size
#define clade_clock_now fake_now
#define clade_outbox_send fake_outbox_send
#define clade_outbox_sweep fake_outbox_sweep
#define clade_outbox_drop fake_outbox_drop
#define clade_pool_open_mpi fake_open
#define clade_ranks_backend fake_backend
#define clade_ranks_begin_epoch fake_begin_epoch
#define clade_ranks_listen fake_listen
#define clade_ranks_close fake_close
#define clade_roll_note fake_roll_note
#include "search/outbox.c"
#include "search/pool_ranks.c"
#include "search/pool_ranks_open.c"

enum { MOST_RANKS = 8, MOST_MESSAGES = 256 };

struct clade_outgoing {
    int to;
};

/* The ranks, and what was said to them. */
static struct {
    int size;
    double now;
    clade_message inbox[MOST_MESSAGES];
    size_t first, last;
    int dead;                          /* the next to be told of */
    bool mute[MOST_RANKS + 1];         /* does not answer EXPERIMENT */
    int64_t refusal[MOST_RANKS + 1];   /* the status of its READY */
    clade_place place[MOST_RANKS + 1]; /* its last */
    int32_t ranks[MOST_RANKS + 1][MOST_RANKS];
    uint64_t job[MOST_RANKS + 1]; /* its last; 0: none since its EXPERIMENT */
    double seconds[MOST_RANKS + 1];
    size_t experiments, jobs;
} world;

int fake_size(void)
{
    return world.size;
}

double fake_now(void)
{
    return world.now;
}

const char *fake_host(int rank)
{
    (void)rank;
    return "somewhere";
}

int fake_next_dead(void)
{
    const int rank = world.dead;
    world.dead = 0;
    return rank;
}

/* ---- from the ranks ---- */

static void deliver(int from, int tag, const void *bytes, size_t length, const char *text)
{
    clade_message *in = &world.inbox[world.last++ % MOST_MESSAGES];
    *in = (clade_message){.source = from, .tag = tag, .length = length + strlen(text)};
    in->bytes = malloc(in->length + 1);
    assert_non_null(in->bytes);
    memcpy(in->bytes, bytes, length);
    strcpy(in->bytes + length, text);
}

static void reply_as(int from, int tag, clade_reply reply, const char *text)
{
    deliver(from, tag, &reply, sizeof reply, text);
}

/* RANK says TAG about JOB in its epoch. */
static void reply(int from, int tag, uint64_t job, clade_status status, const char *text)
{
    reply_as(from, tag, (clade_reply){.epoch = world.place[from].epoch, .job = job, .status = status}, text);
}

static void lose(int from, uint64_t job, clade_loss cause, const char *reason)
{
    const clade_reply said = {
        .epoch = world.place[from].epoch, .job = job, .status = CLADE_EEVAL, .cause = (int64_t)cause};
    reply_as(from, CLADE_TAG_LOST, said, reason);
}

clade_status fake_receive(int source, int tag, clade_message *in, bool *got)
{
    (void)source;
    (void)tag;
    *in = (clade_message){0};
    *got = world.first < world.last;
    if (!*got)
        return CLADE_OK;
    *in = world.inbox[world.first % MOST_MESSAGES];
    char *bytes = clade_malloc(in->length + 1);
    if (!bytes)
        return clade_fail_memory(in->length + 1, "a message");
    memcpy(bytes, in->bytes, in->length + 1);
    free(in->bytes);
    in->bytes = bytes;
    world.first++;
    return CLADE_OK;
}

/* Time passes, and who can says that it is alive. */
void fake_nap(long *microseconds, long longest)
{
    (void)microseconds;
    (void)longest;
    world.now += 0.25;
    for (int rank = 1; rank < world.size; rank++)
        if (!world.mute[rank] && world.place[rank].epoch > 0)
            reply(rank, CLADE_TAG_ALIVE, (uint64_t)CLADE_NO_JOB, CLADE_OK, "");
}

/* ---- to the ranks ---- */

static char platform[4096];

static void be_ready(int rank)
{
    const clade_reply ready = {.epoch = world.place[rank].epoch, .job = 1, .status = world.refusal[rank]};
    reply_as(rank, CLADE_TAG_READY, ready, ready.status == CLADE_OK ? platform : "no such file");
}

static void take_experiment(int to, const char *body, size_t length)
{
    clade_message in = {.bytes = (char *)body, .length = length, .tag = CLADE_TAG_EXPERIMENT};
    const int32_t *ranks = NULL;
    const char *json = NULL;
    size_t json_length = 0;
    assert_ok(clade_place_read(&in, &world.place[to], &ranks, &json, &json_length));
    assert_int_equal(json_length, strlen("{an experiment}"));
    assert_memory_equal(json, "{an experiment}", json_length);
    memcpy(world.ranks[to], ranks, world.place[to].n_shares * sizeof *ranks);
    world.job[to] = 0;
    world.experiments++;
    if (!world.mute[to])
        be_ready(to);
}

static void take_job(int to, const clade_job_header *header, const char *body, size_t length)
{
    assert_int_equal(world.place[to].share, 0);
    assert_int_equal(length, strlen("work") + 1);
    assert_memory_equal(body, "work", length);
    world.job[to] = header->job;
    world.seconds[to] = header->seconds;
    world.jobs++;
}

clade_status fake_send(int to, int tag, const void *header, size_t header_length, const char *body, size_t length,
                       clade_outgoing **out)
{
    *out = clade_malloc(sizeof **out);
    if (!*out)
        return clade_fail_memory(sizeof **out, "a message");
    (*out)->to = to;
    if (tag == CLADE_TAG_EXPERIMENT) {
        assert_int_equal(header_length, 0);
        take_experiment(to, body, length);
    } else {
        assert_int_equal(tag, CLADE_TAG_JOB);
        assert_int_equal(header_length, sizeof(clade_job_header));
        take_job(to, header, body, length);
    }
    return CLADE_OK;
}

/* What is for a mute rank never leaves, but nothing is lost of it here. */
clade_status fake_sent(clade_outgoing **out, bool *done)
{
    *done = true;
    clade_free(*out);
    *out = NULL;
    return CLADE_OK;
}

/* ---- pools ---- */

static const clade_pool_limits limits = {.silence = 60.0, .seconds = 7.0, .memory = 12345};

/* Of RANKS ranks in groups of GROUP, with JOBS jobs from 1 on. */
static clade_status open_pool(int ranks, size_t group, uint64_t jobs, clade_pool **pool)
{
    for (; world.first < world.last; world.first++)
        free(world.inbox[world.first % MOST_MESSAGES].bytes);
    const int first_dead = world.dead;
    memset(&world.job, 0, sizeof world.job);
    memset(&world.place, 0, sizeof world.place);
    world.size = ranks + 1;
    world.now = 1000.0;
    world.first = world.last = world.experiments = world.jobs = 0;
    world.dead = first_dead;
    CLADE_TRY(fake_open("{an experiment}", group, &limits, pool));
    clade_status status = CLADE_OK;
    for (uint64_t job = 1; status == CLADE_OK && job <= jobs; job++) {
        const clade_job asked = {.number = job, .split = CLADE_SEARCH, .recipe = "work", .recipe_length = 4};
        status = clade_pool_submit(*pool, &asked);
    }
    if (status != CLADE_OK) {
        clade_pool_close(*pool);
        *pool = NULL;
    }
    return status;
}

static clade_pool *new_pool(int ranks, size_t group, uint64_t jobs)
{
    clade_pool *pool = NULL;
    memset(&world.mute, 0, sizeof world.mute);
    memset(&world.refusal, 0, sizeof world.refusal);
    assert_ok(open_pool(ranks, group, jobs, &pool));
    assert_int_equal(clade_pool_workers(pool), ((size_t)ranks + group - 1) / group);
    assert_int_equal(clade_pool_retired(pool), 0);
    return pool;
}

static void end(clade_pool *pool)
{
    clade_pool_close(pool);
    for (; world.first < world.last; world.first++)
        free(world.inbox[world.first % MOST_MESSAGES].bytes);
    assert_int_equal(clade_alloc_live(), 0);
}

/* Nothing comes back, but what was delivered is taken, and what there is to do is dealt. */
static void look(clade_pool *pool)
{
    for (int turn = 0; turn < 2; turn++) {
        clade_pool_result result;
        bool got = true;
        assert_ok(clade_pool_wait(pool, 0, &result, &got));
        assert_false(got);
    }
}

static void expect_result(clade_pool *pool, uint64_t job, int rank, clade_status status, const char *text)
{
    clade_pool_result result;
    bool got = false;
    assert_ok(clade_pool_wait(pool, 0, &result, &got));
    assert_true(got);
    assert_int_equal(result.job, job);
    assert_int_equal(result.rank, rank);
    assert_int_equal(result.status, status);
    assert_string_equal(clade_text_get(&result.bytes), text);
    clade_text_free(&result.bytes);
}

/* Once, before the first test. */
static void fill_platform(void)
{
    clade_text text = {0};
    clade_log_set_level(CLADE_LOG_ERROR);
    clade_platform_print(&text);
    snprintf(platform, sizeof platform, "%s", clade_text_get(&text));
    clade_text_free(&text);
}

#endif
