/* What clade_ledger_count adds up: children that a race stopped, batches, repeats and other splits; the same numbers
 * with the index and without it, and of a ledger of version 1. */
#include "ledger_fixture.h"

static void put_score(clade_ledger *ledger, uint64_t child, clade_split split, const char *score, uint64_t images,
                      int64_t same_as)
{
    clade_evaluation_row row = {.child = child, .split = split, .images = images, .seconds = 0.5, .same_as = same_as};
    clade_text_append(&row.score, "%s", score);
    assert_ok(clade_ledger_put_evaluation(ledger, &row));
    clade_evaluation_row_fini(&row);
}

static void put_commit(clade_ledger *ledger, uint64_t child, bool incomplete, bool failed)
{
    clade_commit_row row = {.child = child, .incomplete = incomplete, .failed = failed, .n_objectives = 1};
    memset(row.hash, 'e', CLADE_SHA256_HEX - 1);
    assert_ok(clade_ledger_put_commit(ledger, &row));
}

static void put_batch_child(clade_ledger *ledger, uint64_t child)
{
    clade_child_row row = {.child = child, .method = "ties", .operator_name = "cma", .batch = 1, .items = 10};
    memset(row.recipe_hash, 'f', CLADE_SHA256_HEX - 1);
    assert_ok(clade_ledger_put_child(ledger, &row));
}

/* Child 0 is whole; 1 raced, 2 its repeat; 3 failed; 4 of a batch, 5 of a batch and raced; 6 not committed. */
static void fill(clade_ledger *ledger)
{
    static const char raced[] = "{\"stopped\":{\"reason\":\"race\",\"rung\":1}}";
    static const char sampled[] = "{\"stopped\":{\"reason\":\"batch\",\"rung\":1}}";
    assert_ok(clade_ledger_put_platform(ledger, "{}"));
    for (uint64_t child = 0; child < 4; child++)
        put_child(ledger, child, (char)('a' + child));
    put_batch_child(ledger, 4);
    put_batch_child(ledger, 5);
    put_child(ledger, 6, 'a');
    put_score(ledger, 0, CLADE_SEARCH, "{}", 1000, -1);
    put_score(ledger, 0, CLADE_HOLDOUT, "{}", 5000, -1);
    put_score(ledger, 1, CLADE_SEARCH, raced, 300, -1);
    put_score(ledger, 2, CLADE_SEARCH, raced, 0, 1);
    put_score(ledger, 3, CLADE_SEARCH, "", 0, -1);
    put_score(ledger, 4, CLADE_SEARCH, sampled, 10, -1);
    put_score(ledger, 5, CLADE_SEARCH, raced, 4, -1);
    put_score(ledger, 6, CLADE_SEARCH, "{}", 1000, -1);
    put_commit(ledger, 0, false, false);
    put_commit(ledger, 1, true, false);
    put_commit(ledger, 2, true, false);
    put_commit(ledger, 3, false, true);
    put_commit(ledger, 4, true, false);
    put_commit(ledger, 5, true, false);
}

static void check(clade_ledger *ledger, uint64_t stopped, uint64_t saved)
{
    clade_ledger_counts counts;
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.children, 7);
    assert_int_equal(counts.evaluated, 7);
    assert_int_equal(counts.committed, 6);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.stopped, stopped);
    assert_int_equal(counts.images_saved, saved);
    assert_int_equal(counts.images, 2314);
    assert_true(counts.seconds >= 3.5 && counts.seconds <= 3.5);
    assert_true(counts.wall_seconds >= 0.0 && counts.wall_seconds < 60.0);
}

static void races_count_and_batches_do_not(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    fill(ledger);
    check(ledger, 3, 700 + 996);
    clade_ledger_close(ledger);
}

static void without_the_index_too(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    fill(ledger);
    clade_ledger_close(ledger);
    execute("DROP INDEX evaluations_in_time");
    ledger = open_ledger(false);
    check(ledger, 3, 700 + 996);
    clade_ledger_close(ledger);
    ledger = open_ledger(true); /* makes it again */
    clade_ledger_close(ledger);
    execute("DROP INDEX evaluations_in_time");
}

/* Nothing was for a batch before version 2. */
static void of_version_1(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    fill(ledger);
    clade_ledger_close(ledger);
    execute("DROP TABLE batches; DROP TABLE series; UPDATE meta SET value = '1' WHERE key = 'version'");
    ledger = open_ledger(false);
    check(ledger, 4, 700 + 996 + 990);
    clade_ledger_close(ledger);
}

static void nothing_yet(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_ledger_counts counts;
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_true(counts.children + counts.evaluated + counts.committed + counts.failed + counts.stopped == 0);
    assert_true(counts.images + counts.images_saved == 0);
    clade_ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(races_count_and_batches_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_index_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_version_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_yet, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
