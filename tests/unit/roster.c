/* Who lives, in whose group, in which epoch, and who was heard when: all with a clock of the test's own. */
#include "test.h"

#include "search/roster.h"

static clade_roster *new_roster(size_t ranks, size_t size)
{
    clade_roster *roster = NULL;
    assert_ok(clade_roster_new(ranks, size, 100.0, &roster));
    return roster;
}

static void expect_members(const clade_roster *roster, size_t group, size_t count, const int32_t *ranks)
{
    size_t found = 0;
    const int32_t *members = clade_roster_members(roster, group, &found);
    assert_int_equal(found, count);
    assert_memory_equal(members, ranks, count * sizeof *ranks);
}

static void groups_are_neighbours(void **state)
{
    (void)state;
    for (size_t ranks = 1; ranks <= 12; ranks++)
        for (size_t size = 1; size <= 13; size++) {
            clade_roster *roster = new_roster(ranks, size);
            int32_t next = 1;
            for (size_t k = 0; k < clade_roster_groups(roster); k++) {
                size_t count = 0;
                const int32_t *members = clade_roster_members(roster, k, &count);
                assert_in_range(count, 1, size);
                assert_true(count == size || k + 1 == clade_roster_groups(roster));
                for (size_t i = 0; i < count; i++, next++) {
                    assert_int_equal(members[i], next);
                    assert_int_equal(clade_roster_group_of(roster, next), k);
                    assert_true(clade_roster_leads(roster, next) == (i == 0));
                }
                assert_int_equal(clade_roster_epoch(roster, k), 1);
            }
            assert_int_equal(next, ranks + 1);
            assert_int_equal(clade_roster_workers(roster), clade_roster_groups(roster));
            clade_roster_free(roster);
        }
    clade_roster_free(NULL);
    assert_int_equal(clade_alloc_live(), 0);
}

static void a_group_is_ready_when_all_are(void **state)
{
    (void)state;
    clade_roster *roster = new_roster(5, 3);
    assert_false(clade_roster_group_ready(roster, 0));
    clade_roster_ready(roster, 1);
    clade_roster_ready(roster, 3);
    assert_true(clade_roster_is_ready(roster, 3));
    assert_false(clade_roster_group_ready(roster, 0));
    clade_roster_ready(roster, 2);
    assert_true(clade_roster_group_ready(roster, 0));
    assert_false(clade_roster_group_ready(roster, 1));
    clade_roster_renew(roster, 0);
    assert_int_equal(clade_roster_epoch(roster, 0), 2);
    assert_int_equal(clade_roster_epoch(roster, 1), 1);
    assert_false(clade_roster_group_ready(roster, 0));
    clade_roster_free(roster);
}

static void who_is_retired_leaves_its_group(void **state)
{
    (void)state;
    clade_roster *roster = new_roster(5, 3);
    for (int rank = 1; rank <= 5; rank++)
        clade_roster_ready(roster, rank);
    clade_roster_retire(roster, 1);
    expect_members(roster, 0, 2, (const int32_t[]){2, 3});
    assert_false(clade_roster_lives(roster, 1));
    assert_false(clade_roster_leads(roster, 1));
    assert_true(clade_roster_leads(roster, 2));
    assert_true(clade_roster_group_ready(roster, 0));
    assert_int_equal(clade_roster_workers(roster), 2);
    clade_roster_retire(roster, 3);
    expect_members(roster, 0, 1, (const int32_t[]){2});
    clade_roster_retire(roster, 2);
    assert_int_equal(clade_roster_workers(roster), 1);
    assert_int_equal(clade_roster_groups(roster), 2);
    assert_false(clade_roster_group_ready(roster, 0));
    assert_true(clade_roster_group_ready(roster, 1));
    clade_roster_renew(roster, 0); /* nobody is there for it, and that is all right */
    clade_roster_retire(roster, 5);
    clade_roster_retire(roster, 4);
    assert_int_equal(clade_roster_workers(roster), 0);
    assert_int_equal(clade_roster_retired(roster), 5);
    assert_false(clade_roster_lives(roster, 0));
    assert_false(clade_roster_lives(roster, 6));
    assert_false(clade_roster_lives(roster, -1));
    clade_roster_free(roster);
}

static void silence_is_since_the_last_word(void **state)
{
    (void)state;
    clade_roster *roster = new_roster(3, 1);
    assert_int_equal(clade_roster_silent(roster, 159.0, 60.0), 0);
    clade_roster_heard(roster, 1, 159.0);
    clade_roster_heard(roster, 3, 130.0);
    assert_int_equal(clade_roster_silent(roster, 161.0, 60.0), 2);
    clade_roster_retire(roster, 2);
    assert_int_equal(clade_roster_silent(roster, 161.0, 60.0), 0);
    assert_int_equal(clade_roster_silent(roster, 191.0, 60.0), 3);
    assert_int_equal(clade_roster_silent(roster, 300.0, 60.0), 1);
    clade_roster_free(roster);
}

static void who_was_away_blames_nobody(void **state)
{
    (void)state;
    clade_roster *roster = new_roster(2, 1);
    for (double now = 105.0; now <= 150.0; now += 5.0)
        clade_roster_look(roster, now, 10.0);
    assert_int_equal(clade_roster_silent(roster, 161.0, 60.0), 1); /* it looked all the time */
    clade_roster_look(roster, 161.0, 10.0);                        /* eleven seconds away */
    assert_int_equal(clade_roster_silent(roster, 161.0, 60.0), 0);
    clade_roster_look(roster, 170.0, 10.0);
    assert_int_equal(clade_roster_silent(roster, 220.0, 60.0), 0);
    assert_int_equal(clade_roster_silent(roster, 222.0, 60.0), 1);
    clade_roster_free(roster);
}

static void evaluators_are_lost_a_few_times(void **state)
{
    (void)state;
    clade_roster *roster = new_roster(2, 2);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < CLADE_MOST_RESTARTS; i++)
            assert_true(clade_roster_lost(roster, 1));
        clade_roster_worked(roster, 0);
    }
    for (int i = 0; i < CLADE_MOST_RESTARTS; i++)
        assert_true(clade_roster_lost(roster, 1));
    assert_true(clade_roster_lost(roster, 2));
    assert_false(clade_roster_lost(roster, 1));
    clade_roster_free(roster);
}

static clade_status make(void *context)
{
    clade_roster *roster = NULL;
    (void)context;
    CLADE_TRY(clade_roster_new(7, 2, 0.0, &roster));
    clade_roster_free(roster);
    return CLADE_OK;
}

static void memory_can_end(void **state)
{
    (void)state;
    check_every_allocation(make, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_neighbours),
        cmocka_unit_test(a_group_is_ready_when_all_are),
        cmocka_unit_test(who_is_retired_leaves_its_group),
        cmocka_unit_test(silence_is_since_the_last_word),
        cmocka_unit_test(who_was_away_blames_nobody),
        cmocka_unit_test(evaluators_are_lost_a_few_times),
        cmocka_unit_test(memory_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
