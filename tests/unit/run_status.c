/* What status says of a run with failures, and what its log does. */
#include "fake_run.h"

#include "search/command/run_status.h"

static char run_path[TEST_PATH + 32];

/* Some children fail for a reason, some for another. */
static void make_run(void)
{
    fake_pool pool = fake_pool_of(2, 3);
    pool.fail_every = 3;
    pool.nan_every = 4;
    fake_experiment(folder, "\"objectives\": [\"accuracy\", \"entropy\"], \"budget\": {\"children\": 40}, "
                            "\"best_weights\": false,");
    fake_new_run(folder, run_path);
    assert_ok(fake_session(run_path, &pool, 0, NULL));
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (size_t i = 0; text[i] != '\0'; i++)
        count += strncmp(text + i, part, strlen(part)) == 0;
    return count;
}

static void failures_are_said(void **state)
{
    (void)state;
    clade_log_set_level(CLADE_LOG_INFO);
    make_run();
    clade_log_set_level(CLADE_LOG_ERROR);
    clade_run_status status = {0};
    clade_text text = {0};
    char part[256];
    assert_ok(clade_run_status_read(run_path, &status));
    assert_true(status.finished && !status.session.active);
    assert_true(status.counts.failed > 2 && status.failures.count == 2);
    assert_int_equal(status.failures.kinds[0].count + status.failures.kinds[1].count, status.counts.failed);
    const clade_failure_kind *kind = &status.failures.kinds[0];
    clade_run_status_json(&status, false, &text);
    snprintf(part, sizeof part, "\"failures\":[{\"reason\":\"%s\",\"count\":%d,\"first_child\":%d}",
             clade_text_get(&kind->reason), (int)kind->count, (int)kind->first_child);
    assert_non_null(strstr(clade_text_get(&text), part));
    assert_int_equal(count_of(clade_text_get(&text), "\n"), 1); /* one object, one line */
    clade_text_clear(&text);
    clade_run_status_people(&status, &text);
    snprintf(part, sizeof part, "failures  %s x %d, first child %d\n", clade_text_get(&kind->reason), (int)kind->count,
             (int)kind->first_child);
    assert_non_null(strstr(clade_text_get(&text), part));
    /* The log has each of them once, with its number, and how the session began and ended. */
    char *log = fake_read_file(run_path, "log.txt");
    assert_int_equal(count_of(log, " WARNING failed: "), status.counts.failed);
    snprintf(part, sizeof part, "Z child %d WARNING failed: %s\n", (int)kind->first_child,
             clade_text_get(&kind->reason));
    assert_int_equal(count_of(log, part), 1);
    assert_int_equal(count_of(log, "Z INFO session begins: 2 workers"), 1);
    assert_int_equal(count_of(log, "Z INFO session ends: finished after 40 children"), 1);
    clade_free(log);
    clade_text_free(&text);
    clade_run_status_fini(&status);
}

/* Commits of children that are not there: a ledger from somebody else. */
static void more_commits_than_children(void **state)
{
    (void)state;
    clade_run_status status = {0};
    clade_text text = {0};
    make_run();
    assert_ok(clade_run_status_read(run_path, &status));
    status.counts.children = status.counts.committed - 1;
    clade_run_status_json(&status, false, &text);
    assert_non_null(strstr(clade_text_get(&text), "\"in_flight\":0,"));
    clade_run_status_people(&status, &text);
    assert_non_null(strstr(clade_text_get(&text), ", 0 in flight\n"));
    clade_text_free(&text);
    clade_run_status_fini(&status);
}

static void writers_are_seen(void **state)
{
    (void)state;
    char database[TEST_PATH + 64];
    clade_ledger *ledger = NULL;
    clade_run_status status = {0};
    make_run();
    snprintf(database, sizeof database, "%s/run.db", run_path);
    assert_ok(clade_ledger_open(database, true, &ledger));
    assert_ok(clade_run_status_read(run_path, &status));
    assert_true(status.session.active);
    clade_run_status_fini(&status);
    clade_ledger_close(ledger);
    assert_ok(clade_run_status_read(run_path, &status));
    assert_false(status.session.active);
    clade_run_status_fini(&status);
}

static clade_status read_once(void *context)
{
    clade_run_status status = {0};
    const clade_status result = clade_run_status_read(context, &status);
    clade_run_status_fini(&status);
    return result;
}

static void memory_runs_out(void **state)
{
    (void)state;
    make_run();
    check_every_allocation(read_once, run_path);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(failures_are_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_commits_than_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writers_are_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_runs_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
