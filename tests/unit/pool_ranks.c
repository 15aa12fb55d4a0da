/* The coordinator over ranks that answer, fail, hang and lie (fake_ranks.h). */
#include "fake_ranks.h"

#include <math.h>

/* ---- the tests ---- */

static void ranks_are_told_where_they_stand(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(5, 2, 0);
    assert_int_equal(world.experiments, 5);
    for (int rank = 1; rank <= 5; rank++) {
        const clade_place *place = &world.place[rank];
        assert_int_equal(place->epoch, 1);
        assert_int_equal(place->n_shares, rank == 5 ? 1 : 2);
        assert_int_equal(place->share, (rank - 1) % 2);
        assert_int_equal(world.ranks[rank][place->share], rank);
        assert_int_equal(world.ranks[rank][0], (rank - 1) / 2 * 2 + 1);
        assert_int_equal(place->memory, 12345);
        assert_true(place->heartbeat > 5.0 && place->heartbeat < 20.0);
    }
    end(pool);
}

static void jobs_go_round(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(2, 1, 3);
    look(pool);
    assert_int_equal(world.job[1], 1);
    assert_int_equal(world.job[2], 2);
    assert_true(world.seconds[1] > 6.9 && world.seconds[1] < 7.1);
    reply(2, CLADE_TAG_RESULT, 2, CLADE_OK, "two");
    reply(2, CLADE_TAG_ALIVE, (uint64_t)CLADE_NO_JOB, CLADE_OK, "");
    expect_result(pool, 2, 2, CLADE_OK, "two");
    assert_int_equal(world.job[2], 3); /* before the result is worked on */
    reply(1, CLADE_TAG_RESULT, 1, CLADE_EEVAL, "NaN");
    expect_result(pool, 1, 1, CLADE_EEVAL, "NaN");
    reply(2, CLADE_TAG_RESULT, 3, CLADE_OK, "three");
    expect_result(pool, 3, 2, CLADE_OK, "three");
    assert_int_equal(world.jobs, 3);
    end(pool);
}

/* A crash is a try; the second one, elsewhere, is the result. The group begins a new epoch, and what is said of the old one
 * is for nobody. */
static void crashes_are_tried_twice(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(4, 2, 1);
    look(pool);
    assert_int_equal(world.job[1], 1);
    world.mute[1] = true;
    lose(2, 1, CLADE_LOSS_CRASH, "killed by signal 11"); /* the member's share */
    reply(1, CLADE_TAG_RESULT, 1, CLADE_OK, "late");
    look(pool);
    assert_int_equal(world.place[1].epoch, 2);
    assert_int_equal(world.place[2].epoch, 2);
    assert_int_equal(world.place[3].epoch, 1);
    assert_int_equal(world.experiments, 6);
    assert_int_equal(world.job[3], 1); /* the other group has it */
    reply_as(1, CLADE_TAG_RESULT, (clade_reply){.epoch = 1, .job = 1}, "later");
    lose(3, 1, CLADE_LOSS_TIME, "took longer than 7 s");
    expect_result(pool, 1, 3, CLADE_EEVAL, "took longer than 7 s");
    assert_int_equal(clade_pool_retired(pool), 0);
    const clade_job asked = {.number = 9, .split = CLADE_SEARCH, .recipe = "work", .recipe_length = 4};
    assert_ok(clade_pool_submit(pool, &asked));
    look(pool);
    assert_int_equal(world.job[1], 0); /* not before its leader is ready */
    assert_int_equal(world.job[3], 9);
    end(pool);
}

static void killed_evaluators_are_no_try(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(2, 1, 1);
    int at = 1;
    for (int i = 0; i < 4; i++, at = 3 - at) {
        look(pool);
        assert_int_equal(world.job[at], 1); /* to the other one each time */
        lose(at, 1, CLADE_LOSS_KILLED, "killed by signal 9");
    }
    look(pool);
    lose(at, 1, CLADE_LOSS_KILLED, "killed by signal 9");
    expect_result(pool, 1, at, CLADE_EEVAL, "killed by signal 9");
    end(pool);
}

/* An evaluator that dies with nothing to do is started again; a rank where that goes on and on is given up. */
static void idle_losses_end(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(2, 1, 1);
    look(pool);
    for (int i = 0; i < CLADE_MOST_RESTARTS; i++) {
        lose(2, (uint64_t)CLADE_NO_JOB, CLADE_LOSS_KILLED, "killed by signal 9");
        look(pool);
        assert_int_equal(clade_pool_retired(pool), 0);
    }
    lose(1, (uint64_t)CLADE_NO_JOB, CLADE_LOSS_KILLED, "killed by signal 9"); /* its job had not begun */
    look(pool);
    assert_int_equal(world.job[2] + world.job[1], 1);
    lose(2, (uint64_t)CLADE_NO_JOB, CLADE_LOSS_KILLED, "killed by signal 9");
    look(pool);
    assert_int_equal(clade_pool_retired(pool), 1);
    assert_int_equal(world.job[1], 1);
    reply(1, CLADE_TAG_RESULT, 1, CLADE_OK, "done");
    expect_result(pool, 1, 1, CLADE_OK, "done");
    end(pool);
}

static void the_dead_and_the_silent_are_retired(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(4, 1, 4);
    look(pool);
    world.dead = 3;
    look(pool);
    assert_int_equal(clade_pool_retired(pool), 1);
    assert_int_equal(clade_pool_workers(pool), 3);
    for (int i = 0; i < 13; i++) { /* 65 seconds, and it looks all the time */
        world.now += 5.0;
        for (int rank = 1; rank <= 4; rank++)
            if (rank != 2)
                reply(rank, CLADE_TAG_ALIVE, world.job[rank], CLADE_OK, "");
        look(pool);
    }
    assert_int_equal(clade_pool_retired(pool), 2);
    reply(2, CLADE_TAG_RESULT, 2, CLADE_OK, "late"); /* it only slept */
    reply(1, CLADE_TAG_RESULT, 1, CLADE_OK, "one");
    expect_result(pool, 1, 1, CLADE_OK, "one");
    assert_int_equal(world.job[1], 2); /* what was given back comes first, the last of it */
    reply(4, CLADE_TAG_RESULT, 4, CLADE_OK, "four");
    expect_result(pool, 4, 4, CLADE_OK, "four");
    assert_int_equal(world.job[4], 3);
    world.now += 500.0; /* the coordinator was away: nobody is to blame */
    look(pool);
    assert_int_equal(clade_pool_retired(pool), 2);
    end(pool);
}

static void a_group_goes_on_with_who_is_left(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(3, 3, 1);
    look(pool);
    world.dead = 1; /* the leader */
    look(pool);
    assert_int_equal(clade_pool_workers(pool), 1);
    assert_int_equal(world.place[2].epoch, 2);
    assert_int_equal(world.place[2].share, 0);
    assert_int_equal(world.place[3].share, 1);
    assert_int_equal(world.place[3].n_shares, 2);
    assert_int_equal(world.ranks[3][0], 2);
    look(pool);
    assert_int_equal(world.job[2], 1);
    world.dead = 3; /* a member */
    look(pool);
    assert_int_equal(world.place[2].epoch, 3);
    assert_int_equal(world.place[2].n_shares, 1);
    look(pool);
    assert_int_equal(world.job[2], 1);
    reply(2, CLADE_TAG_RESULT, 1, CLADE_OK, "done");
    expect_result(pool, 1, 2, CLADE_OK, "done");
    end(pool);
}

static void the_last_one_ends_the_run(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(2, 1, 1);
    clade_pool_result result;
    bool got = false;
    look(pool);
    world.dead = 1;
    look(pool);
    world.dead = 2;
    assert_fails(clade_pool_wait(pool, 0, &result, &got), CLADE_EINTERRUPTED,
                 "without a worker (the last: rank 2 on somewhere: its process is gone)");
    end(pool);
}

/* What is no message of ours costs its sender: its job is the other's. */
static void nonsense_costs_its_sender(void **state)
{
    (void)state;
    const uint64_t no_job = (uint64_t)CLADE_NO_JOB;
    const struct {
        int tag;
        clade_reply reply;
    } nonsense[] = {
        {CLADE_TAG_RESULT, {.epoch = 1, .job = 2}}, /* not its own */
        {CLADE_TAG_RESULT, {.epoch = 1, .job = 1, .status = 99}},
        {CLADE_TAG_RESULT, {.epoch = 1, .job = 1, .status = -1}},
        {CLADE_TAG_RESULT, {.epoch = 1, .job = 1, .seconds = -1.0}},
        {CLADE_TAG_RESULT, {.epoch = 1, .job = 1, .seconds = (double)NAN}},
        {CLADE_TAG_RESULT, {.epoch = 2, .job = 1}}, /* ahead of its time */
        {CLADE_TAG_READY, {.epoch = 1, .job = 1}},  /* again */
        {CLADE_TAG_LOST, {.epoch = 1, .job = 1, .status = CLADE_EEVAL}},
        {CLADE_TAG_LOST, {.epoch = 1, .job = 1, .status = CLADE_EEVAL, .cause = 5}},
        {CLADE_TAG_LOST, {.epoch = 1, .job = 1, .cause = CLADE_LOSS_CRASH}},
        {CLADE_TAG_LOST, {.epoch = 1, .job = 3, .status = CLADE_EEVAL, .cause = CLADE_LOSS_CRASH}},
        {CLADE_TAG_STOPPED, {.epoch = 1, .job = no_job}},
        {CLADE_TAG_VERDICT, {.epoch = 1, .job = 1}},
        {4711, {.epoch = 1, .job = 1}},
        {-1, {.epoch = 0}}, /* three bytes */
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        clade_pool *pool = new_pool(2, 1, 1);
        look(pool);
        if (nonsense[i].tag >= 0)
            reply_as(1, nonsense[i].tag, nonsense[i].reply, "nonsense");
        else
            deliver(1, CLADE_TAG_RESULT, "abc", 3, "");
        look(pool);
        assert_int_equal(clade_pool_retired(pool), 1);
        assert_int_equal(world.job[2], 1);
        reply(1, CLADE_TAG_RESULT, 1, CLADE_OK, "and now?");
        look(pool);
        reply(2, CLADE_TAG_RESULT, 1, CLADE_OK, "done");
        expect_result(pool, 1, 2, CLADE_OK, "done");
        end(pool);
    }
}

static void a_member_gives_no_results(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(2, 2, 1);
    look(pool);
    reply(2, CLADE_TAG_RESULT, 1, CLADE_OK, "mine");
    look(pool);
    assert_int_equal(clade_pool_retired(pool), 1);
    assert_int_equal(world.place[1].n_shares, 1);
    end(pool);
}

static void a_rejected_score_costs_its_sender(void **state)
{
    (void)state;
    clade_pool *pool = new_pool(3, 1, 1);
    clade_pool_result final;
    bool again = false;
    look(pool);
    reply(1, CLADE_TAG_RESULT, 1, CLADE_OK, "{no score}");
    expect_result(pool, 1, 1, CLADE_OK, "{no score}");
    assert_ok(clade_pool_reject(pool, "no score", &final, &again));
    assert_true(again);
    assert_int_equal(clade_pool_retired(pool), 1);
    look(pool);
    assert_int_equal(world.job[2], 1);
    reply(2, CLADE_TAG_RESULT, 1, CLADE_OK, "{no score}");
    expect_result(pool, 1, 2, CLADE_OK, "{no score}");
    assert_ok(clade_pool_reject(pool, "no score", &final, &again));
    assert_false(again);
    assert_int_equal(final.status, CLADE_EEVAL);
    assert_non_null(strstr(clade_text_get(&final.bytes), "no score"));
    clade_text_free(&final.bytes);
    assert_int_equal(clade_pool_workers(pool), 1);
    end(pool);
}

/* At the start a rank that cannot open its files ends the run, with the first of them in the message; one that is dead or
 * never says a word is given up. Later one that cannot start again is given up, too. */
static void the_start(void **state)
{
    (void)state;
    clade_pool *pool = NULL;
    memset(&world.mute, 0, sizeof world.mute);
    memset(&world.refusal, 0, sizeof world.refusal);
    world.refusal[2] = world.refusal[3] = CLADE_EINPUT;
    assert_fails(open_pool(4, 1, 0, &pool), CLADE_EINPUT, "rank 2 on somewhere: no such file (and 1 more ranks)");
    world.refusal[2] = CLADE_OK;
    world.dead = 1; /* and its group begins anew: who says it again is counted once */
    world.mute[1] = true;
    assert_fails(open_pool(3, 3, 0, &pool), CLADE_EINPUT, "rank 3 on somewhere: no such file");
    assert_null(strstr(clade_error_message(), "more ranks"));
    world.mute[1] = false;
    memset(&world.refusal, 0, sizeof world.refusal);
    world.mute[2] = true;
    assert_ok(open_pool(3, 1, 1, &pool));
    assert_true(world.now > 1060.0 && world.now < 1062.0);
    assert_int_equal(clade_pool_workers(pool), 2);
    end(pool);
    world.dead = 2;
    assert_ok(open_pool(3, 1, 1, &pool));
    assert_true(world.now < 1002.0);
    assert_int_equal(clade_pool_workers(pool), 2);
    look(pool);
    world.refusal[1] = CLADE_EIO;
    lose(1, 1, CLADE_LOSS_MEMORY, "out of memory");
    look(pool);
    assert_int_equal(clade_pool_workers(pool), 1);
    assert_int_equal(world.job[3], 1);
    end(pool);
    memset(&world.refusal, 0, sizeof world.refusal);
    assert_ok(open_pool(1, 1, 1, &pool));
    look(pool);
    world.refusal[1] = CLADE_EINPUT; /* what the run depends on has changed: no resume will help */
    lose(1, 1, CLADE_LOSS_KILLED, "killed by signal 9");
    clade_pool_result result;
    bool got = false;
    assert_fails(clade_pool_wait(pool, 0, &result, &got), CLADE_EINPUT, "rank 1 on somewhere: no such file");
    end(pool);
    world.mute[1] = true;
    assert_fails(open_pool(2, 1, 0, &pool), CLADE_EINTERRUPTED, "without a worker");
    end(NULL);
}

static clade_status open_and_work(void *context)
{
    clade_pool *pool = NULL;
    clade_pool_result result;
    bool got = false;
    (void)context;
    clade_status status = open_pool(2, 1, 2, &pool);
    if (status == CLADE_OK)
        status = clade_pool_wait(pool, 0, &result, &got);
    if (status == CLADE_OK) {
        lose(1, 1, CLADE_LOSS_CRASH, "killed by signal 11");
        world.dead = 2;
        status = clade_pool_wait(pool, 0, &result, &got);
    }
    clade_pool_close(pool);
    world.dead = 0;
    for (; world.first < world.last; world.first++)
        free(world.inbox[world.first % MOST_MESSAGES].bytes);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    memset(&world.mute, 0, sizeof world.mute);
    memset(&world.refusal, 0, sizeof world.refusal);
    check_every_allocation(open_and_work, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_told_where_they_stand),
        cmocka_unit_test(jobs_go_round),
        cmocka_unit_test(crashes_are_tried_twice),
        cmocka_unit_test(killed_evaluators_are_no_try),
        cmocka_unit_test(idle_losses_end),
        cmocka_unit_test(the_dead_and_the_silent_are_retired),
        cmocka_unit_test(a_group_goes_on_with_who_is_left),
        cmocka_unit_test(the_last_one_ends_the_run),
        cmocka_unit_test(nonsense_costs_its_sender),
        cmocka_unit_test(a_member_gives_no_results),
        cmocka_unit_test(a_rejected_score_costs_its_sender),
        cmocka_unit_test(the_start),
        cmocka_unit_test(memory_can_end),
    };
    fill_platform();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
