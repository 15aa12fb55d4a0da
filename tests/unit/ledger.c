/* The ledger's laws: what is put comes back, one writer, readers beside it, and files that are not ours are refused as
 * they are. */
#include "test.h"

#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "search/ledger.h"

static char folder[TEST_PATH], path[TEST_PATH + 16];

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    snprintf(path, sizeof path, "%s/run.db", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    assert_int_equal(clade_alloc_live(), 0);
    return 0;
}

static clade_ledger *create(void)
{
    clade_ledger *ledger = NULL;
    assert_ok(clade_ledger_create(path, &ledger));
    return ledger;
}

static clade_ledger *open_ledger(bool write)
{
    clade_ledger *ledger = NULL;
    assert_ok(clade_ledger_open(path, write, &ledger));
    return ledger;
}

static void set_text(clade_text *text, const char *value)
{
    clade_text_clear(text);
    clade_text_append(text, "%s", value);
}

static void put_child(clade_ledger *ledger, uint64_t child, char letter)
{
    clade_child_row row = {.child = child, .method = "ties", .operator_name = "sbx+pm"};
    memset(row.recipe_hash, letter, CLADE_SHA256_HEX - 1);
    set_text(&row.recipe, "{\"clade_recipe\":1}");
    set_text(&row.genome, "{\"weight\":0.25}");
    set_text(&row.vector, "[0.25,0.1]");
    for (uint64_t p = 0; p < child && p < 4; p++)
        row.parents[row.n_parents++] = p;
    assert_ok(clade_ledger_put_child(ledger, &row));
    clade_child_row_fini(&row);
}

static void put_evaluation(clade_ledger *ledger, uint64_t child, clade_split split, clade_status status,
                           uint64_t images)
{
    clade_evaluation_row row = {
        .child = child, .split = split, .status = status, .images = images, .seconds = 1.5, .rank = 3, .same_as = -1};
    set_text(&row.reason, status == CLADE_OK ? "" : "it's \"broken\"; DROP TABLE children");
    set_text(&row.score, status == CLADE_OK ? "{\"a\":1}" : "");
    assert_ok(clade_ledger_put_evaluation(ledger, &row));
    clade_evaluation_row_fini(&row);
}

static void children_come_back(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    for (uint64_t child = 0; child < 6; child++)
        put_child(ledger, child, child == 4 ? 'b' : (char)('a' + child));
    clade_ledger_close(ledger);
    ledger = open_ledger(false);
    clade_child_row row = {0};
    bool found = false;
    assert_ok(clade_ledger_get_child(ledger, 5, &row, &found));
    assert_true(found);
    assert_string_equal(row.method, "ties");
    assert_string_equal(row.operator_name, "sbx+pm");
    assert_string_equal(clade_text_get(&row.recipe), "{\"clade_recipe\":1}");
    assert_string_equal(clade_text_get(&row.genome), "{\"weight\":0.25}");
    assert_string_equal(clade_text_get(&row.vector), "[0.25,0.1]");
    assert_int_equal(row.n_parents, 4);
    assert_int_equal(row.parents[3], 3);
    assert_ok(clade_ledger_get_child(ledger, 0, &row, &found));
    assert_true(found && row.n_parents == 0);
    assert_ok(clade_ledger_get_child(ledger, 6, &row, &found));
    assert_false(found);
    clade_child_row_fini(&row);
    /* 'b' is the recipe of children 1 and 4: the first before the asking child. */
    char hash[CLADE_SHA256_HEX] = "";
    uint64_t child = 99;
    memset(hash, 'b', sizeof hash - 1);
    assert_ok(clade_ledger_find_recipe(ledger, hash, 4, &child, &found));
    assert_true(found);
    assert_int_equal(child, 1);
    assert_ok(clade_ledger_find_recipe(ledger, hash, 1, &child, &found));
    assert_false(found);
    clade_ledger_close(ledger);
}

static void evaluations_come_back(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_evaluation_row row = {0};
    bool found = false;
    put_evaluation(ledger, 7, CLADE_SEARCH, CLADE_OK, 640);
    put_evaluation(ledger, 7, CLADE_HOLDOUT, CLADE_EEVAL, 0);
    assert_ok(clade_ledger_get_evaluation(ledger, 7, CLADE_HOLDOUT, &row, &found));
    assert_true(found);
    assert_int_equal(row.status, CLADE_EEVAL);
    assert_string_equal(clade_text_get(&row.reason), "it's \"broken\"; DROP TABLE children");
    assert_int_equal(row.same_as, -1);
    assert_ok(clade_ledger_get_evaluation(ledger, 7, CLADE_SEARCH, &row, &found));
    assert_true(found);
    assert_int_equal(row.child, 7);
    assert_int_equal(row.images, 640);
    assert_int_equal(row.rank, 3);
    assert_true(row.seconds >= 1.5 && row.seconds <= 1.5);
    assert_string_equal(clade_text_get(&row.score), "{\"a\":1}");
    /* A second result of the same child and split is a bug of the caller's, never an overwrite. */
    assert_fails(clade_ledger_put_evaluation(ledger, &row), CLADE_EINTERNAL, "UNIQUE");
    row.child = 8;
    row.same_as = 0; /* child 0 is a child like any other */
    assert_ok(clade_ledger_put_evaluation(ledger, &row));
    assert_ok(clade_ledger_get_evaluation(ledger, 8, CLADE_SEARCH, &row, &found));
    assert_int_equal(row.same_as, 0);
    assert_ok(clade_ledger_put_reference(ledger, "parent fashion", &row));
    assert_ok(clade_ledger_get_reference(ledger, "parent fashion", CLADE_SEARCH, &row, &found));
    assert_true(found);
    assert_ok(clade_ledger_get_reference(ledger, "parent fashion", CLADE_HOLDOUT, &row, &found));
    assert_false(found);
    clade_evaluation_row_fini(&row);
    clade_ledger_close(ledger);
}

static void commits_keep_every_bit(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_commit_row row = {.child = 0, .n_objectives = 3, .objectives = {0.1 + 0.2, 1e-300, -1.0 / 3.0}}, back;
    bool found = false;
    memset(row.hash, 'c', CLADE_SHA256_HEX - 1);
    assert_ok(clade_ledger_put_commit(ledger, &row));
    assert_ok(clade_ledger_get_commit(ledger, 0, &back, &found));
    assert_true(found && !back.failed);
    assert_int_equal(back.n_objectives, 3);
    assert_memory_equal(back.objectives, row.objectives, 3 * sizeof(double));
    assert_string_equal(back.hash, row.hash);
    row = (clade_commit_row){.child = 1, .failed = true, .n_objectives = 2, .objectives = {NAN, NAN}};
    memset(row.hash, 'd', CLADE_SHA256_HEX - 1);
    assert_ok(clade_ledger_put_commit(ledger, &row));
    assert_ok(clade_ledger_get_commit(ledger, 1, &back, &found));
    assert_true(found && back.failed && isnan(back.objectives[0]) && isnan(back.objectives[1]));
    row = (clade_commit_row){.child = 2, .incomplete = true, .n_objectives = 2, .objectives = {0.1, 1.0 / 3.0}};
    memset(row.hash, 'e', CLADE_SHA256_HEX - 1);
    assert_ok(clade_ledger_put_commit(ledger, &row));
    assert_ok(clade_ledger_get_commit(ledger, 2, &back, &found));
    assert_true(found && back.incomplete && !back.failed);
    assert_memory_equal(back.objectives, row.objectives, 2 * sizeof(double));
    assert_ok(clade_ledger_get_commit(ledger, 0, &back, &found));
    assert_false(back.incomplete);
    assert_ok(clade_ledger_get_commit(ledger, 3, &back, &found));
    assert_false(found);
    clade_ledger_close(ledger);
}

static void counts_are_of_the_search(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_ledger_counts counts;
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.children, 0);
    assert_true(counts.wall_seconds >= 0.0 && counts.wall_seconds <= 0.0);
    assert_ok(clade_ledger_put_event(ledger, "budget", "{}")); /* outside a session: no time of the run */
    usleep(20000);
    assert_ok(clade_ledger_put_platform(ledger, "{}"));
    put_child(ledger, 0, 'a');
    put_child(ledger, 1, 'b');
    put_evaluation(ledger, 0, CLADE_SEARCH, CLADE_OK, 100);
    put_evaluation(ledger, 0, CLADE_HOLDOUT, CLADE_OK, 5000);
    put_evaluation(ledger, 1, CLADE_SEARCH, CLADE_EEVAL, 0);
    clade_commit_row commit = {.child = 0, .n_objectives = 1};
    memset(commit.hash, 'e', CLADE_SHA256_HEX - 1);
    assert_ok(clade_ledger_put_commit(ledger, &commit));
    commit.child = 1;
    commit.failed = true;
    assert_ok(clade_ledger_put_commit(ledger, &commit));
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.children, 2);
    assert_int_equal(counts.evaluated, 2);
    assert_int_equal(counts.committed, 2);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.images, 100);
    assert_true(counts.seconds >= 3.0 && counts.seconds <= 3.0);
    const double first = counts.wall_seconds;
    clade_ledger_close(ledger);
    usleep(200000); /* a pause */
    ledger = open_ledger(true);
    assert_ok(clade_ledger_put_platform(ledger, "{}"));
    assert_ok(clade_ledger_put_event(ledger, "session", ""));
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_true(counts.wall_seconds >= first && counts.wall_seconds < first + 0.15);
    clade_ledger_close(ledger);
}

static void small_tables(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_text text = {0};
    uint64_t first = 0, number = 0;
    bool found = true;
    assert_fails(clade_ledger_get_experiment(ledger, &text), CLADE_EINPUT, "experiment");
    assert_ok(clade_ledger_put_experiment(ledger, "{\"clade\":1}"));
    assert_ok(clade_ledger_get_experiment(ledger, &text));
    assert_string_equal(clade_text_get(&text), "{\"clade\":1}");
    assert_ok(clade_ledger_get_meta(ledger, "nothing", &text, &found));
    assert_false(found);
    assert_ok(clade_ledger_put_meta(ledger, "key", "one"));
    assert_ok(clade_ledger_put_meta(ledger, "key", "two"));
    assert_ok(clade_ledger_get_meta(ledger, "key", &text, &found));
    assert_string_equal(clade_text_get(&text), "two");
    assert_ok(clade_ledger_get_platform(ledger, &text, &found));
    assert_false(found);
    assert_ok(clade_ledger_put_platform(ledger, "old"));
    assert_ok(clade_ledger_put_platform(ledger, "new"));
    assert_ok(clade_ledger_get_platform(ledger, &text, &found));
    assert_string_equal(clade_text_get(&text), "new");
    assert_ok(clade_ledger_put_parent(ledger, "fashion", "/zoo/fashion", "abc"));
    assert_ok(clade_ledger_get_parent(ledger, "fashion", &text, &found));
    assert_string_equal(clade_text_get(&text), "abc");
    assert_ok(clade_ledger_put_event(ledger, "stop", "1"));
    assert_ok(clade_ledger_get_event(ledger, "stop", &text, &first, &found));
    assert_ok(clade_ledger_put_event(ledger, "budget", "x"));
    assert_ok(clade_ledger_put_event(ledger, "stop", "2"));
    assert_ok(clade_ledger_get_event(ledger, "stop", &text, &number, &found));
    assert_true(found && number > first);
    assert_string_equal(clade_text_get(&text), "2");
    assert_ok(clade_ledger_get_event(ledger, "none", &text, &number, &found));
    assert_false(found);
    clade_text_free(&text);
    clade_ledger_close(ledger);
}

static void transactions_are_whole(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_ledger_counts counts;
    assert_ok(clade_ledger_begin(ledger));
    put_child(ledger, 0, 'a');
    clade_ledger_cancel(ledger);
    clade_ledger_cancel(ledger); /* nothing open: nothing happens */
    assert_ok(clade_ledger_begin(ledger));
    put_child(ledger, 0, 'a');
    assert_ok(clade_ledger_end(ledger));
    assert_ok(clade_ledger_begin(ledger));
    put_child(ledger, 1, 'b');
    clade_ledger_close(ledger); /* open: as if it had been killed */
    ledger = open_ledger(false);
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.children, 1);
    clade_ledger_close(ledger);
}

static void one_writer_and_any_readers(void **state)
{
    (void)state;
    clade_ledger *writer = create(), *second = NULL;
    clade_ledger_counts counts;
    assert_fails(clade_ledger_open(path, true, &second), CLADE_EUSAGE, "another process");
    assert_null(second);
    clade_ledger *reader = open_ledger(false);
    put_child(writer, 0, 'a');
    assert_ok(clade_ledger_count(reader, &counts));
    assert_int_equal(counts.children, 1);
    assert_ok(clade_ledger_begin(writer)); /* a reader sees the last whole state and does not wait */
    put_child(writer, 1, 'b');
    assert_ok(clade_ledger_count(reader, &counts));
    assert_int_equal(counts.children, 1);
    assert_ok(clade_ledger_end(writer));
    assert_ok(clade_ledger_count(reader, &counts));
    assert_int_equal(counts.children, 2);
    assert_fails(clade_ledger_put_meta(reader, "a", "b"), CLADE_EIO, "run.db");
    clade_ledger_close(writer);
    clade_ledger_close(reader);
    writer = open_ledger(true); /* the lock went with its holder */
    clade_ledger_close(writer);
    clade_ledger *again = NULL;
    assert_fails(clade_ledger_create(path, &again), CLADE_EUSAGE, "exists");
}

static void a_killed_writer_loses_nothing(void **state)
{
    (void)state;
    clade_ledger_close(create());
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        clade_ledger *ledger = open_ledger(true);
        put_child(ledger, 0, 'a');
        assert_ok(clade_ledger_begin(ledger));
        put_child(ledger, 1, 'b');
        raise(SIGKILL);
    }
    int ended = 0;
    assert_int_equal(waitpid(process, &ended, 0), process);
    assert_true(WIFSIGNALED(ended));
    clade_ledger *ledger = open_ledger(true);
    clade_ledger_counts counts;
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.children, 1);
    clade_ledger_close(ledger);
}

/* Change the file behind the ledger's back. */
static void execute(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* ---- the series ---- */

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
        cmocka_unit_test_setup_teardown(children_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(evaluations_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commits_keep_every_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_are_of_the_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_writer_and_any_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_writer_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_series_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(operators_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(version_1_is_read_and_upgraded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(newer_versions_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_rows_are_noticed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
