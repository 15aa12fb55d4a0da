/* How a run's front came along and how that ends it: the series, no progress, a target; the same in any order of
 * arrival, after deaths, and in a replay. */
#include "fake_run.h"

#include "near.h"

/* A text out of the run's database. */
static void ask_text(const char *path, const char *sql, char *answer, size_t size)
{
    char database[TEST_PATH + 64];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    snprintf(database, sizeof database, "%s/run.db", path);
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(answer, size, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* All of the series that is a function of the commits. */
static void series_of(const char *path, char *text, size_t size)
{
    ask_text(
        path,
        "SELECT group_concat(printf('%d %d %!.17g %d', child, images, hypervolume, front), ';') FROM (SELECT * FROM "
        "series ORDER BY child)",
        text, size);
}

static void fresh(const char *extra, size_t workers, uint64_t seed, char *path)
{
    fake_pool pool = fake_pool_of(workers, seed);
    fake_experiment(folder, extra);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
}

/* ---- the series ---- */

static void the_series_is_of_the_commits(void **state)
{
    (void)state;
    static const char extra[] =
        "\"algorithm\": {\"name\": \"sms_emoa\", \"population\": 8}, \"budget\": {\"children\": "
        "40}, \"window\": 5, \"best_weights\": false,";
    char path[TEST_PATH + 32], expected[8192], found[8192];
    fresh(extra, 1, 0, path);
    series_of(path, expected, sizeof expected);
    for (uint64_t seed = 1; seed < 4; seed++) {
        fresh(extra, 1 + 2 * seed, seed, path);
        series_of(path, found, sizeof found);
        assert_string_equal(found, expected);
    }
    fake_pool pool = fake_pool_of(4, 9);
    fake_new_run(folder, path);
    pool.stop_after = 7;
    while (fake_session(path, &pool, 0, NULL) == CLADE_EINTERRUPTED)
        pool.stop_after = 7;
    series_of(path, found, sizeof found);
    assert_string_equal(found, expected);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM series WHERE seconds IS NULL"), 0);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM series a, series b WHERE a.child < b.child AND "
                                             "(a.hypervolume > b.hypervolume OR a.images > b.images OR a.seconds > "
                                             "b.seconds)"),
                     0);
}

/* The last row is the front that is read. */
static void the_series_ends_at_the_front(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    clade_front front;
    clade_ledger *ledger = NULL;
    clade_series_row row;
    bool found = false;
    fresh("\"budget\": {\"children\": 40}, \"best_weights\": false,", 3, 1, path);
    assert_ok(clade_front_read(path, CLADE_SEARCH, &front));
    assert_ok(clade_run_ledger(path, &ledger));
    assert_ok(clade_ledger_last_series(ledger, UINT64_MAX, &row, &found));
    assert_true(found);
    assert_int_equal(row.front, front.n_members);
    /* Members come by accuracy, best first: the staircase above the origin. */
    double volume = 0.0, width = 0.0;
    for (size_t i = front.n_members; i-- > 0;) {
        const double *values = front.members[i].search_objectives;
        volume += (values[0] - width) * values[1];
        width = values[0];
    }
    assert_near(row.hypervolume, volume, 1e-12);
    clade_ledger_close(ledger);
    clade_front_fini(&front);
}

static void a_ledger_of_version_1_goes_on(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], expected[8192], found[8192], before[CLADE_SHA256_HEX], after[CLADE_SHA256_HEX];
    fresh("\"budget\": {\"children\": 30}, \"best_weights\": false,", 3, 1, path);
    series_of(path, expected, sizeof expected);
    fake_run_hash(path, before);
    (void)fake_ask_database(path, "DROP TABLE series");
    (void)fake_ask_database(path, "DROP TABLE IF EXISTS batches");
    (void)fake_ask_database(path, "UPDATE meta SET value = '1' WHERE key = 'version'");
    fake_run_hash(path, after); /* can be read as it is */
    assert_string_equal(after, before);
    fake_pool pool = fake_pool_of(2, 1);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_int_equal(pool.delivered, 0);
    fake_run_hash(path, after);
    assert_string_equal(after, before);
    series_of(path, found, sizeof found);
    assert_string_equal(found, expected);
    /* When those commits were made is not known. */
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM series WHERE seconds IS NOT NULL"), 0);
}

/* ---- rules ---- */

static const char STANDS[] = "\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": 400, \"no_progress\": "
                             "12}, \"window\": 4, \"best_weights\": false,";

/* Of the first COMMITTED children, how many there were when the hypervolume last gained. */
static int64_t gained(const char *path, uint64_t committed)
{
    clade_ledger *ledger = NULL;
    clade_series_row row = {0};
    double volume = 0.0;
    int64_t last = 0;
    bool found = true;
    assert_ok(clade_run_ledger(path, &ledger));
    for (uint64_t next = 0; found; next = row.child + 1) {
        assert_ok(clade_ledger_get_series(ledger, next, &row, &found));
        if (found && row.child < committed && row.hypervolume > volume * (1.0 + 1e-4)) {
            volume = row.hypervolume;
            last = (int64_t)row.child + 1;
        }
    }
    clade_ledger_close(ledger);
    return last;
}

static void no_progress_ends_the_run_at_the_same_child(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], text[128];
    fresh(STANDS, 1, 0, path);
    fake_run_hash(path, expected);
    const int64_t commits = fake_ask_database(path, "SELECT COUNT(*) FROM commits");
    assert_true(commits >= 12 && commits < 400);
    /* Child c is bred when c - W + 1 are committed, so the run ends when the last gain of those is twelve back. */
    assert_int_equal(commits, gained(path, (uint64_t)commits - 3) + 12 + 3);
    ask_text(path, "SELECT detail FROM events WHERE kind = 'closed'", text, sizeof text);
    assert_non_null(strstr(text, "\"reason\":\"no_progress\""));
    for (uint64_t seed = 1; seed < 4; seed++) {
        fake_pool pool = fake_pool_of(4, seed);
        fake_new_run(folder, path);
        pool.stop_after = 5 + seed;
        while (fake_session(path, &pool, 0, NULL) == CLADE_EINTERRUPTED)
            pool.stop_after = 5 + seed;
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM commits"), commits);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'closed'"), 1);
    }
}

/* Raising the children lifts it: as many again without a gain end the run, at the same child in a replay. */
static void an_extension_lifts_it(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], once[CLADE_SHA256_HEX], again[CLADE_SHA256_HEX], text[128];
    fake_pool pool = fake_pool_of(3, 1);
    fresh(STANDS, 3, 1, path);
    const int64_t before = fake_ask_database(path, "SELECT COUNT(*) FROM commits");
    assert_ok(fake_session(path, &pool, 500, NULL));
    const int64_t after = fake_ask_database(path, "SELECT COUNT(*) FROM commits");
    assert_true(after >= before + 12 && after < 500);
    fake_run_hash(path, once);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_int_equal(pool.delivered, 0);
    fake_run_hash(path, again);
    assert_string_equal(again, once);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'closed'"), 2);
    /* And it is the run that has no such rule, as far as it goes. */
    snprintf(text, sizeof text,
             "\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": %lld}, \"window\": 4,",
             (long long)after);
    fake_experiment(folder, text);
    fake_reference_hash(folder, again);
    assert_string_equal(again, once);
}

/* The run stops where the longer one reaches the target, but for what is in flight then. */
static void check_target(const char *target, const char *reached)
{
    char path[TEST_PATH + 32], text[512], hash[CLADE_SHA256_HEX], expected[CLADE_SHA256_HEX];
    fresh("\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": 60}, \"window\": 4, \"best_weights\": "
          "false,",
          1, 0, path);
    const int64_t child = fake_ask_database(path, reached);
    assert_true(child >= 0 && child < 50);
    snprintf(text, sizeof text,
             "\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": 60, \"target\": {%s}}, \"window\": 4, "
             "\"best_weights\": false,",
             target);
    fresh(text, 3, 5, path);
    const int64_t commits = fake_ask_database(path, "SELECT COUNT(*) FROM commits");
    assert_true(commits > child && commits <= child + 4);
    fake_run_hash(path, hash);
    ask_text(path, "SELECT detail FROM events WHERE kind = 'closed'", text, sizeof text);
    assert_non_null(strstr(text, "\"reason\":\"target\""));
    snprintf(text, sizeof text,
             "\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": %lld}, \"window\": 4,",
             (long long)commits);
    fake_experiment(folder, text);
    fake_reference_hash(folder, expected);
    assert_string_equal(hash, expected);
}

static void a_target_ends_the_run(void **state)
{
    (void)state;
    check_target("\"accuracy\": 0.66", "SELECT MIN(child) FROM commits WHERE json_extract(objectives, '$[0]') >= 0.66");
    check_target("\"accuracy\": 0.6, \"robustness\": 0.85",
                 "SELECT MIN(child) FROM commits WHERE json_extract(objectives, '$[0]') >= 0.6 AND "
                 "json_extract(objectives, '$[1]') >= 0.85");
    check_target("\"hypervolume\": 0.6", "SELECT MIN(child) FROM series WHERE hypervolume >= 0.6");
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_series_is_of_the_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_series_ends_at_the_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_ledger_of_version_1_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_progress_ends_the_run_at_the_same_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_extension_lifts_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_target_ends_the_run, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
