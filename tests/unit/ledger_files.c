/* The ledger as a file: the series of the front, versions, and files that are not ours, which are refused as they are. */
#include "ledger_fixture.h"

#include <math.h>

static void the_series_comes_back(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_series_row row = {.child = 3, .images = 100, .seconds = 1.25, .hypervolume = 0.1 + 0.2, .front = 2}, back;
    bool found = true;
    assert_ok(clade_ledger_get_series(ledger, 0, &back, &found));
    assert_false(found);
    assert_ok(clade_ledger_last_series(ledger, UINT64_MAX, &back, &found));
    assert_false(found);
    assert_ok(clade_ledger_put_series(ledger, &row));
    row = (clade_series_row){.child = 9, .images = 300, .seconds = NAN, .hypervolume = 0.5, .front = 4};
    assert_ok(clade_ledger_put_series(ledger, &row));
    row.hypervolume = 0.75; /* what is there stays */
    assert_ok(clade_ledger_put_series(ledger, &row));
    assert_ok(clade_ledger_get_series(ledger, 0, &back, &found));
    assert_true(found);
    assert_int_equal(back.child, 3);
    assert_int_equal(back.images, 100);
    assert_int_equal(back.front, 2);
    assert_true(back.hypervolume >= 0.1 + 0.2 && back.hypervolume <= 0.1 + 0.2);
    assert_true(back.seconds >= 1.25 && back.seconds <= 1.25);
    assert_ok(clade_ledger_get_series(ledger, 4, &back, &found));
    assert_true(found && back.child == 9 && isnan(back.seconds) && back.hypervolume <= 0.5);
    assert_ok(clade_ledger_get_series(ledger, 10, &back, &found));
    assert_false(found);
    assert_ok(clade_ledger_last_series(ledger, 8, &back, &found));
    assert_true(found && back.child == 3);
    assert_ok(clade_ledger_last_series(ledger, UINT64_MAX, &back, &found));
    assert_true(found && back.child == 9);
    clade_ledger_close(ledger);
}

static void operators_are_found(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    uint64_t child = 77;
    bool found = false;
    for (uint64_t i = 0; i < 4; i++)
        put_child(ledger, i, 'a'); /* operator sbx+pm */
    assert_ok(clade_ledger_find_operator(ledger, "sbx", 2, &child, &found));
    assert_true(found && child == 2);
    assert_ok(clade_ledger_find_operator(ledger, "sbx", 4, &child, &found));
    assert_false(found);
    assert_ok(clade_ledger_find_operator(ledger, "bx", 0, &child, &found)); /* from its beginning only */
    assert_false(found);
    clade_ledger_close(ledger);
}

/* A ledger of version 1 is read as one without a series; a writer makes it one of version 2, and loses nothing. */
static void version_1_is_read_and_upgraded(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_series_row row = {.child = 3, .hypervolume = 0.5}, back;
    clade_text version = {0};
    clade_ledger_counts counts;
    bool found = true;
    put_child(ledger, 0, 'a');
    clade_ledger_close(ledger);
    execute("DROP TABLE series; DROP TABLE IF EXISTS batches; UPDATE meta SET value = '1' WHERE key = 'version'");
    ledger = open_ledger(false);
    assert_ok(clade_ledger_get_series(ledger, 0, &back, &found));
    assert_false(found);
    found = true;
    assert_ok(clade_ledger_last_series(ledger, 5, &back, &found));
    assert_false(found);
    clade_ledger_close(ledger);
    ledger = open_ledger(true);
    assert_ok(clade_ledger_put_series(ledger, &row));
    clade_ledger_close(ledger);
    ledger = open_ledger(false);
    assert_ok(clade_ledger_last_series(ledger, 5, &back, &found));
    assert_true(found && back.child == 3);
    assert_ok(clade_ledger_get_meta(ledger, "version", &version, &found));
    assert_string_equal(clade_text_get(&version), "2");
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.children, 1);
    clade_text_free(&version);
    clade_ledger_close(ledger);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    clade_ledger *ledger = NULL;
    assert_fails(clade_ledger_open(path, false, &ledger), CLADE_EINPUT, path);
    static const char text[] =
        "this is no database, and long enough to have a header of one hundred bytes if it were one, which it "
        "is not";
    write_test_file(path, text, sizeof text);
    assert_fails(clade_ledger_open(path, false, &ledger), CLADE_EINPUT, path);
    assert_fails(clade_ledger_open(path, true, &ledger), CLADE_EINPUT, path);
    assert_int_equal(unlink(path), 0);
    execute("CREATE TABLE cats (name TEXT)");
    assert_fails(clade_ledger_open(path, true, &ledger), CLADE_EINPUT, "no ledger");
    assert_null(ledger);
}

static void newer_versions_are_refused(void **state)
{
    (void)state;
    clade_ledger *ledger = NULL;
    clade_ledger_close(create());
    execute("UPDATE meta SET value = '7' WHERE key = 'version'");
    assert_fails(clade_ledger_open(path, false, &ledger), CLADE_EINPUT, "version 7");
    assert_fails(clade_ledger_open(path, true, &ledger), CLADE_EINPUT, "up to version 2");
    execute("UPDATE meta SET value = '1x' WHERE key = 'version'");
    assert_fails(clade_ledger_open(path, false, &ledger), CLADE_EINPUT, "1x");
    execute("DELETE FROM meta");
    assert_fails(clade_ledger_open(path, false, &ledger), CLADE_EINPUT, "no ledger");
}

static void changed_rows_are_noticed(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    put_child(ledger, 2, 'a');
    clade_ledger_close(ledger);
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"UPDATE children SET parents = '[5]'", "parents"}, /* a parent younger than its child */
        {"UPDATE children SET parents = '[0,1,0,1,0]'", "parents"},
        {"UPDATE children SET parents = 'x'", "parents"},
        {"UPDATE children SET recipe_hash = 'short'", "recipe_hash"},
        {"UPDATE children SET method = printf('%.100c', 'x')", "method"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        execute("UPDATE children SET parents = '[0]', method = 'ties', recipe_hash = printf('%.64c', 'a')");
        execute(cases[i].sql);
        clade_child_row row = {0};
        bool found = false;
        ledger = open_ledger(false);
        assert_fails(clade_ledger_get_child(ledger, 2, &row, &found), CLADE_EINPUT, cases[i].message);
        clade_child_row_fini(&row);
        clade_ledger_close(ledger);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_series_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(operators_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_1_is_read_and_upgraded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_versions_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_rows_are_noticed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
