/* Groups of ranks: who stands where, and messages that are not what they should be. */
#include "test.h"

#include "search/pool_group.h"

static void every_rank_has_a_place(void **state)
{
    (void)state;
    for (size_t workers = 1; workers <= 12; workers++)
        for (size_t size = 1; size <= 13; size++) {
            size_t rank = 1;
            while (rank <= workers) { /* group after group */
                const size_t rest = workers + 1 - rank, ranks = rest < size ? rest : size;
                for (size_t share = 0; share < ranks; share++) {
                    const clade_place place = clade_place_of(rank + share, workers, size);
                    assert_int_equal(place.leader, rank);
                    assert_int_equal(place.share, share);
                    assert_int_equal(place.n_shares, ranks);
                }
                rank += ranks;
            }
        }
}

/* The bytes of a job as they are sent: five numbers, the last the length of the recipe. */
typedef struct sent_job {
    uint64_t numbers[5];
    char body[16];
} sent_job;

static void jobs_are_checked(void **state)
{
    (void)state;
    sent_job sent = {.numbers = {7, CLADE_HOLDOUT, 3, 20, 6}, .body = "recipe\0race"};
    const size_t length = sizeof sent.numbers + strlen("recipe") + 1 + strlen("race");
    clade_message in = {.bytes = (char *)&sent, .length = length, .source = 1, .tag = CLADE_TAG_SHARE};
    clade_job job;
    assert_ok(clade_job_read(&in, &job));
    assert_int_equal(job.number, 7);
    assert_int_equal(job.split, CLADE_HOLDOUT);
    assert_int_equal(job.batch, 3);
    assert_int_equal(job.items, 20);
    assert_string_equal(job.recipe, "recipe");
    assert_int_equal(job.recipe_length, 6);
    assert_memory_equal(job.race, "race", 4);
    assert_int_equal(job.race_length, 4);
    in.length = length - strlen("race"); /* no race */
    assert_ok(clade_job_read(&in, &job));
    assert_int_equal(job.race_length, 0);
    in.length--; /* not even its NUL */
    assert_fails(clade_job_read(&in, &job), CLADE_EINTERNAL, "6 bytes said");
    in.length = 3;
    assert_fails(clade_job_read(&in, &job), CLADE_EINTERNAL, "of 3 bytes");
    in.length = length;
    in.tag = CLADE_TAG_VERDICT;
    assert_fails(clade_job_read(&in, &job), CLADE_EINTERNAL, "expected a job");
    in.tag = CLADE_TAG_JOB;
    sent.numbers[1] = CLADE_UNLABELLED;
    assert_fails(clade_job_read(&in, &job), CLADE_EINTERNAL, "expected a job");
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_has_a_place),
        cmocka_unit_test(jobs_are_checked),
        cmocka_unit_test(replies_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
