/* The supervisor between other ranks and an evaluator that may be damaged: what it passes on, and what costs the evaluator.
 * Both sides are this test; the supervisor's own source is compiled in. */
#include "near.h"
#include "test.h"

#include <sys/socket.h>

#define clade_evaluator_start fake_start
#define clade_evaluator_channel fake_channel
#define clade_evaluator_limit fake_limit
#define clade_evaluator_seconds fake_seconds
#define clade_evaluator_look fake_look
#define clade_evaluator_blame fake_blame
#define clade_evaluator_exit_status fake_exit_status
#define clade_evaluator_end fake_end
#define clade_outbox_send fake_send
#define clade_outbox_sweep fake_sweep
#define clade_outbox_drop fake_drop
#define clade_link_receive fake_receive
#include "search/supervisor.c"

/* ---- the evaluator: the other end of a channel ---- */

struct clade_evaluator_process {
    clade_channel *channel;
    bool blamed;
};

/* The world around the supervisor: its evaluator's end, a message that waits for it, and what it said last. */
static struct {
    clade_channel *evaluator; /* NULL: there is none */
    double limit;
    clade_message in; /* tag 0: none */
    unsigned said;    /* messages */
    int to, tag;      /* of the last of them */
    size_t header_length;
    char bytes[512]; /* its header and body */
    size_t length;
} world;

clade_status fake_start(const char *program, clade_evaluator_process **process)
{
    int ends[2];
    (void)program;
    *process = clade_calloc(1, sizeof **process);
    if (!*process)
        return clade_fail_memory(sizeof **process, "an evaluator");
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(clade_channel_open(ends[0], &(*process)->channel));
    assert_ok(clade_channel_open(ends[1], &world.evaluator));
    return CLADE_OK;
}

void fake_end(clade_evaluator_process *process)
{
    if (!process)
        return;
    clade_channel_close(process->channel);
    clade_channel_close(world.evaluator);
    world.evaluator = NULL;
    clade_free(process);
}

clade_channel *fake_channel(clade_evaluator_process *process)
{
    return process->channel;
}

void fake_limit(clade_evaluator_process *process, double seconds)
{
    (void)process;
    world.limit = seconds;
}

double fake_seconds(const clade_evaluator_process *process)
{
    (void)process;
    return 0.5;
}

clade_status fake_blame(clade_evaluator_process *process)
{
    process->blamed = true;
    return CLADE_OK;
}

clade_status fake_look(clade_evaluator_process *process, bool *gone, clade_loss *cause, clade_text *reason)
{
    *gone = process->blamed;
    if (*gone) {
        *cause = CLADE_LOSS_CRASH;
        clade_text_append(reason, "nonsense");
    }
    return clade_text_status(reason);
}

clade_status fake_exit_status(const clade_evaluator_process *process)
{
    (void)process;
    return CLADE_OK;
}

/* ---- other ranks ---- */

clade_status fake_send(clade_outbox *box, int to, int tag, const void *header, size_t header_length, const char *body,
                       size_t length)
{
    (void)box;
    world.said++;
    world.to = to;
    world.tag = tag;
    world.header_length = header_length;
    world.length = header_length + length;
    assert_true(world.length <= sizeof world.bytes);
    memcpy(world.bytes, header, header_length);
    if (length > 0)
        memcpy(world.bytes + header_length, body, length);
    return CLADE_OK;
}

clade_status fake_sweep(clade_outbox *box)
{
    (void)box;
    return CLADE_OK;
}

void fake_drop(clade_outbox *box)
{
    (void)box;
}

clade_status fake_receive(int source, int tag, clade_message *in, bool *got)
{
    (void)source;
    (void)tag;
    *in = world.in;
    *got = world.in.tag != 0;
    world.in = (clade_message){0};
    return CLADE_OK;
}

/* ---- what comes ---- */

enum { LEADER = 1, MEMBER = 2, JOB = 7, EPOCH = 3 };

/* A job as bytes. */
typedef struct asked {
    clade_job_header header;
    char recipe[8];
} asked;
static const asked job = {{.job = JOB, .split = CLADE_SEARCH, .seconds = 9.0, .recipe_length = 6}, "recipe"};

/* The supervisor hears this from a rank. */
static clade_status hear_rank(supervisor *self, int source, int tag, const void *bytes, size_t length)
{
    bool active = false;
    world.in = (clade_message){.bytes = clade_malloc(length + 1), .length = length, .source = source, .tag = tag};
    assert_non_null(world.in.bytes);
    memcpy(world.in.bytes, bytes, length);
    world.in.bytes[length] = '\0';
    return turn(self, &active);
}

/* And this from its evaluator, for PEER. */
static clade_status hear_evaluator(supervisor *self, int peer, int tag, const void *bytes, size_t length)
{
    bool active = false;
    assert_ok(clade_channel_deliver(world.evaluator, peer, tag, NULL, 0, bytes, length));
    return turn(self, &active);
}

static void evaluator_gets(int peer, int tag, const void *bytes, size_t length)
{
    clade_message in;
    assert_ok(clade_channel_await(world.evaluator, peer, tag, &in));
    assert_int_equal(in.length, length);
    assert_memory_equal(in.bytes, bytes, length);
    clade_free(in.bytes);
}

/* The supervisor of SHARE of the group, whose evaluator is ready; world.said is 0. */
static supervisor ready(uint64_t share)
{
    static const int32_t ranks[] = {LEADER, MEMBER};
    const clade_place place = {.epoch = EPOCH, .share = share, .n_shares = 2};
    const clade_reply well = {.job = 1};
    supervisor self = {.place = {.n_shares = 1}};
    clade_text bytes = {0};
    memset(&world, 0, sizeof world);
    world.limit = -1.0;
    assert_ok(clade_experiment_pack(&place, ranks, "{}", &bytes));
    assert_ok(hear_rank(&self, 0, CLADE_TAG_EXPERIMENT, bytes.data, bytes.length));
    evaluator_gets(0, CLADE_TAG_EXPERIMENT, bytes.data, bytes.length);
    clade_text_free(&bytes);
    assert_ok(hear_evaluator(&self, 0, CLADE_TAG_READY, &well, sizeof well));
    assert_int_equal(world.said, 1);
    assert_int_equal(world.tag, CLADE_TAG_READY);
    assert_near(world.limit, 0.0, 0.0); /* the time to start in is over */
    world.said = 0;
    return self;
}

/* A leader that does JOB. */
static supervisor leads_job(void)
{
    supervisor self = ready(0);
    assert_ok(hear_rank(&self, 0, CLADE_TAG_JOB, &job, sizeof job));
    evaluator_gets(0, CLADE_TAG_JOB, &job, sizeof job);
    assert_near(world.limit, 9.0, 0.0);
    return self;
}

static void close_supervisor(supervisor *self)
{
    end_evaluator(self);
    clade_free(self->experiment.bytes);
    clade_free(self->asked.bytes);
    assert_int_equal(clade_alloc_live(), 0);
}

/* Its last message was for RANK with TAG: the epoch, and this. */
static void expect_passed(int rank, int tag, const void *bytes, size_t length)
{
    uint64_t epoch = 0;
    assert_int_equal(world.said, 1);
    assert_int_equal(world.to, rank);
    assert_int_equal(world.tag, tag);
    memcpy(&epoch, world.bytes, sizeof epoch);
    assert_int_equal(epoch, EPOCH);
    assert_int_equal(world.length, sizeof epoch + length);
    assert_memory_equal(world.bytes + sizeof epoch, bytes, length);
    world.said = 0;
}

/* Its evaluator is lost, at job NUMBER, and nothing else was said. */
static void expect_lost(uint64_t number)
{
    clade_reply lost;
    assert_int_equal(world.said, 1);
    assert_int_equal(world.to, 0);
    assert_int_equal(world.tag, CLADE_TAG_LOST);
    assert_int_equal(world.header_length, sizeof lost);
    memcpy(&lost, world.bytes, sizeof lost);
    assert_int_equal(lost.epoch, EPOCH);
    assert_int_equal(lost.job, number);
    assert_int_equal(lost.status, CLADE_EEVAL);
    assert_int_equal(lost.cause, CLADE_LOSS_CRASH);
    assert_null(world.evaluator);
}

/* ---- the tests ---- */

static void a_group_does_a_job(void **state)
{
    (void)state;
    const clade_reply part = {.job = JOB, .seconds = 1.0};
    const struct {
        uint64_t epoch;
        asked job;
    } share = {EPOCH, job};
    supervisor self = leads_job();
    assert_ok(hear_evaluator(&self, MEMBER, CLADE_TAG_SHARE, &job, sizeof job));
    expect_passed(MEMBER, CLADE_TAG_SHARE, &job, sizeof job);
    assert_ok(hear_evaluator(&self, 0, CLADE_TAG_RESULT, &part, sizeof part));
    assert_int_equal(world.tag, CLADE_TAG_RESULT);
    assert_near(world.limit, 0.0, 0.0);
    close_supervisor(&self);
    self = ready(1);
    assert_ok(hear_rank(&self, LEADER, CLADE_TAG_SHARE, &share, sizeof share));
    evaluator_gets(LEADER, CLADE_TAG_SHARE, &job, sizeof job);
    assert_near(world.limit, 9.0, 0.0);
    assert_ok(hear_evaluator(&self, LEADER, CLADE_TAG_PART, &part, sizeof part));
    expect_passed(LEADER, CLADE_TAG_PART, &part, sizeof part);
    close_supervisor(&self);
}

/* A member trusts what its leader's rank sends: what is not the job itself costs the leader's evaluator. */
static void only_the_job_is_passed_on(void **state)
{
    (void)state;
    asked other = job, longer = job, recipe = job;
    other.header.job++;
    longer.header.seconds = 1e6;
    recipe.recipe[2] = 'x';
    const struct {
        const void *bytes;
        size_t length;
        int to;
    } shares[] = {
        {"garbage", 7, MEMBER},           {"", 0, MEMBER},
        {&other, sizeof other, MEMBER},   {&longer, sizeof longer, MEMBER},
        {&recipe, sizeof recipe, MEMBER}, {&job, sizeof job - 1, MEMBER},
        {&job, sizeof job, LEADER},       {&job, sizeof job, 3},
    };
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        supervisor self = leads_job();
        assert_ok(hear_evaluator(&self, shares[i].to, CLADE_TAG_SHARE, shares[i].bytes, shares[i].length));
        expect_lost(JOB);
        close_supervisor(&self);
    }
    supervisor self = ready(0); /* with nothing to do */
    assert_ok(hear_evaluator(&self, MEMBER, CLADE_TAG_SHARE, &job, sizeof job));
    expect_lost((uint64_t)CLADE_NO_JOB);
    close_supervisor(&self);
}

/* Where this process lacks memory, its evaluator is not to blame. */
static void memory_is_nobodys_fault(void **state)
{
    (void)state;
    const uint64_t epoch = EPOCH;
    supervisor self = leads_job();
    clade_alloc_fail_at(2); /* behind the message itself */
    assert_fails(hear_rank(&self, MEMBER, CLADE_TAG_RUNG, &epoch, sizeof epoch), CLADE_EIO, "memory");
    clade_alloc_fail_at(0);
    assert_int_equal(world.said, 0);
    assert_non_null(world.evaluator);
    close_supervisor(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_does_a_job),
        cmocka_unit_test(only_the_job_is_passed_on),
        cmocka_unit_test(memory_is_nobodys_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
