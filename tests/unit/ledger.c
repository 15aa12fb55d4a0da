/* The ledger's laws: what is put comes back, one writer, readers beside it. */
#include "ledger_fixture.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

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

static void events_since_others(void **state)
{
    (void)state;
    static const struct {
        const char *put, *detail; /* "stop" since "budget" after that; NULL: none */
    } steps[] = {{"budget", NULL}, {"stop", "1"}, {"other", "1"}, {"stop", "3"}, {"budget", NULL}, {"stop", "5"}};
    clade_text text = {0};
    bool found = true;
    clade_ledger *ledger = create();
    assert_ok(clade_ledger_get_event_since(ledger, "stop", "budget", &text, &found));
    assert_false(found);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char detail[8];
        snprintf(detail, sizeof detail, "%zu", i);
        assert_ok(clade_ledger_put_event(ledger, steps[i].put, detail));
        assert_ok(clade_ledger_get_event_since(ledger, "stop", "budget", &text, &found));
        assert_int_equal(found, steps[i].detail != NULL);
        if (found)
            assert_string_equal(clade_text_get(&text), steps[i].detail);
        assert_ok(clade_ledger_get_event_since(ledger, steps[i].put, "none", &text, &found));
        assert_true(found);
        assert_string_equal(clade_text_get(&text), detail);
    }
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

/* A child of a batch is no source for one that is to be scored on all items, though the recipes are equal. */
static void batches_are_no_source(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    for (uint64_t child = 0; child < 3; child++) {
        clade_child_row row = {
            .child = child, .method = "ties", .operator_name = "x", .batch = child < 2 ? 7 : 0, .items = 4};
        memset(row.recipe_hash, 'a', CLADE_SHA256_HEX - 1);
        set_text(&row.recipe, "{}");
        set_text(&row.genome, "{}");
        set_text(&row.vector, "[]");
        assert_ok(clade_ledger_put_child(ledger, &row));
        clade_child_row_fini(&row);
    }
    char hash[CLADE_SHA256_HEX] = {0};
    memset(hash, 'a', CLADE_SHA256_HEX - 1);
    uint64_t same = 0;
    bool found = true;
    assert_ok(clade_ledger_find_recipe(ledger, hash, 2, &same, &found));
    assert_false(found);
    assert_ok(clade_ledger_find_recipe(ledger, hash, 3, &same, &found));
    assert_true(found && same == 2);
    clade_ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(children_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(evaluations_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commits_keep_every_bit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_are_of_the_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(events_since_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_writer_and_any_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_killed_writer_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_are_no_source, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
