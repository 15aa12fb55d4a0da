/* Messages of ranks and their evaluators that are not what they should be. The leader of a group is compiled in, with a
 * worker that scores nothing. */
#include "near.h"
#include "test.h"

#include <sys/socket.h>

#define clade_worker_tasks fake_tasks
#define clade_worker_plan fake_plan
#define clade_worker_probes fake_probes
#define clade_worker_score fake_score
#define clade_group_lead fake_lead
#define clade_group_follow fake_follow
#include "search/pool_group.c"

static void experiments_are_checked(void **state)
{
    (void)state;
    static const int32_t shares[] = {4, 7, 9};
    const clade_place sent = {.epoch = 3, .share = 2, .n_shares = 3, .memory = 1 << 20, .heartbeat = 0.5};
    clade_text bytes = {0};
    clade_place place;
    const int32_t *ranks = NULL;
    const char *json = NULL;
    size_t length = 0;
    assert_ok(clade_experiment_pack(&sent, shares, "{}", &bytes));
    clade_message in = {.bytes = bytes.data, .length = bytes.length, .tag = CLADE_TAG_EXPERIMENT};
    assert_ok(clade_place_read(&in, &place, &ranks, &json, &length));
    assert_memory_equal(&place, &sent, sizeof sent);
    assert_memory_equal(ranks, shares, sizeof shares);
    assert_int_equal(length, 2);
    assert_string_equal(json, "{}");
    in.tag = CLADE_TAG_JOB;
    assert_fails(clade_place_read(&in, &place, &ranks, &json, &length), CLADE_EINTERNAL, "with tag 3");
    in.tag = CLADE_TAG_EXPERIMENT;
    in.length = sizeof sent + sizeof shares - 1;
    assert_fails(clade_place_read(&in, &place, &ranks, &json, &length), CLADE_EINTERNAL, "share 2 of 3");
    in.length = 5;
    assert_fails(clade_place_read(&in, &place, &ranks, &json, &length), CLADE_EINTERNAL, "of 5 bytes");
    in.length = bytes.length;
    ((clade_place *)(void *)in.bytes)->share = 3;
    assert_fails(clade_place_read(&in, &place, &ranks, &json, &length), CLADE_EINTERNAL, "share 3 of 3");
    ((clade_place *)(void *)in.bytes)->n_shares = UINT64_MAX / 2;
    assert_fails(clade_place_read(&in, &place, &ranks, &json, &length), CLADE_EINTERNAL, "share 3 of");
    clade_text_free(&bytes);
}

static void jobs_are_checked(void **state)
{
    (void)state;
    struct {
        clade_job_header header;
        char body[16];
    } sent = {.header = {.job = 7, .split = CLADE_HOLDOUT, .batch = 3, .items = 20, .seconds = 2.5, .recipe_length = 6},
              .body = "recipe\0race"};
    const size_t length = sizeof sent.header + strlen("recipe") + 1 + strlen("race");
    double seconds = 0.0;
    clade_message in = {.bytes = (char *)&sent, .length = length, .source = 1, .tag = CLADE_TAG_SHARE};
    clade_job job;
    assert_ok(clade_job_read(&in, &job, &seconds));
    assert_int_equal(job.number, 7);
    assert_near(seconds, 2.5, 0.0);
    assert_int_equal(job.split, CLADE_HOLDOUT);
    assert_int_equal(job.batch, 3);
    assert_int_equal(job.items, 20);
    assert_string_equal(job.recipe, "recipe");
    assert_int_equal(job.recipe_length, 6);
    assert_memory_equal(job.race, "race", 4);
    assert_int_equal(job.race_length, 4);
    in.length = length - strlen("race"); /* no race */
    assert_ok(clade_job_read(&in, &job, &seconds));
    assert_int_equal(job.race_length, 0);
    in.length--; /* not even its NUL */
    assert_fails(clade_job_read(&in, &job, &seconds), CLADE_EINTERNAL, "6 bytes said");
    in.length = 3;
    assert_fails(clade_job_read(&in, &job, &seconds), CLADE_EINTERNAL, "of 3 bytes");
    in.length = length;
    in.tag = CLADE_TAG_VERDICT;
    assert_fails(clade_job_read(&in, &job, &seconds), CLADE_EINTERNAL, "expected a job");
    in.tag = CLADE_TAG_JOB;
    sent.header.split = CLADE_UNLABELLED;
    assert_fails(clade_job_read(&in, &job, &seconds), CLADE_EINTERNAL, "expected a job");
}

static void replies_are_checked(void **state)
{
    (void)state;
    struct {
        clade_reply reply;
        char text[8];
    } sent = {.reply = {.job = 4, .seconds = 0.5, .status = CLADE_EEVAL}, .text = "because"};
    clade_message in = {.bytes = (char *)&sent, .length = sizeof sent.reply + 7, .source = 2, .tag = CLADE_TAG_PART};
    clade_reply reply;
    clade_text text = {0};
    assert_ok(clade_reply_read(&in, &reply, &text));
    assert_int_equal(reply.job, 4);
    assert_int_equal(reply.status, CLADE_EEVAL);
    assert_string_equal(clade_text_get(&text), "because");
    clade_text_free(&text);
    in.length = sizeof sent.reply - 1;
    assert_fails(clade_reply_read(&in, &reply, &text), CLADE_EINTERNAL, "rank 2 sent");
    in.length = sizeof sent.reply;
    for (int64_t status = -1; status < 300; status++) {
        sent.reply.status = status;
        const bool known = (status >= CLADE_OK && status <= CLADE_EIO) || status == CLADE_EINTERRUPTED;
        assert_int_equal(clade_reply_read(&in, &reply, &text), known ? CLADE_OK : CLADE_EINTERNAL);
    }
    sent.reply.status = CLADE_OK;
    sent.reply.seconds = NAN;
    assert_fails(clade_reply_read(&in, &reply, &text), CLADE_EINTERNAL, "nan seconds");
    sent.reply.seconds = -1.0;
    assert_fails(clade_reply_read(&in, &reply, &text), CLADE_EINTERNAL, "-1 seconds");
    clade_text_free(&text);
}

/* ---- a leader ---- */

static bool has_rungs; /* the job is a race of one rung */

clade_task_range fake_tasks(const clade_worker *worker, clade_split split, size_t at)
{
    (void)worker;
    (void)split;
    return (clade_task_range){.first = at, .count = 1};
}

clade_score_plan fake_plan(const clade_worker *worker, clade_split split)
{
    (void)worker;
    return (clade_score_plan){.labelled_split = split};
}

const clade_probes *fake_probes(const clade_worker *worker)
{
    static const clade_probes none;
    (void)worker;
    return &none;
}

clade_status fake_score(clade_worker *worker, const clade_job *job, const clade_meeting *meeting, clade_score *score)
{
    clade_stopped stopped;
    (void)worker;
    (void)job;
    *score = (clade_score){0};
    if (has_rungs)
        assert_true(meeting->stop(meeting->context, NULL, score, &stopped));
    return CLADE_OK;
}

/* How leading ends when rank 9 sends BYTES with TAG; RESULT and TEXT are of the job. */
static clade_status lead(int tag, const void *bytes, size_t length, clade_status *result, clade_text *text)
{
    static const int32_t ranks[] = {4, 9};
    int ends[2];
    clade_channel *other = NULL;
    clade_seat seat = {.place = {.n_shares = 2}, .ranks = ranks};
    clade_message in = {.bytes = "a job", .length = 5};
    const clade_job job = {.split = CLADE_SEARCH};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_ok(clade_channel_open(ends[0], &seat.channel));
    assert_ok(clade_channel_open(ends[1], &other));
    assert_ok(clade_channel_deliver(other, 9, tag, NULL, 0, bytes, length));
    const clade_status status = fake_lead(&seat, &in, &job, result, text);
    clade_channel_close(other);
    clade_channel_close(seat.channel);
    return status;
}

/* It is no bad input file, with which a run would end, but the fault of a rank. */
static void a_part_that_is_no_score(void **state)
{
    (void)state;
    static const char *const parts[] = {"", "nonsense", "{\"x\":1}"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct {
            clade_reply reply;
            char text[16];
        } sent = {.reply = {.status = CLADE_OK}};
        clade_status result = CLADE_OK;
        clade_text text = {0};
        strcpy(sent.text, parts[i]);
        has_rungs = false;
        assert_ok(lead(CLADE_TAG_PART, &sent, sizeof sent.reply + strlen(parts[i]), &result, &text));
        assert_fails(result, CLADE_EINTERNAL, "group: the part of rank 9 is no score: ");
        has_rungs = true;
        assert_fails(lead(CLADE_TAG_RUNG, parts[i], strlen(parts[i]), &result, &text), CLADE_EINTERNAL,
                     "group: the part of rank 9 is no score: ");
        clade_text_free(&text);
        assert_int_equal(clade_alloc_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(experiments_are_checked),
        cmocka_unit_test(jobs_are_checked),
        cmocka_unit_test(replies_are_checked),
        cmocka_unit_test(a_part_that_is_no_score),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
