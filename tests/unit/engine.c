/* The laws of a run (DESIGN.md 3 and 4), with a pool that gives results in any order: the same run whatever the order, the deaths and
 * the sessions; nothing evaluated twice; failures recorded. */
#include "fake_run.h"

#include <sqlite3.h>
#include <sys/wait.h>

#include "clade/log.h"

static char folder[TEST_PATH];
static unsigned runs;

static int set_up(void **state)
{
    (void)state;
    clade_log_set_level(CLADE_LOG_ERROR);
    make_temporary_folder(folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    assert_int_equal(clade_alloc_live(), 0);
    return 0;
}

/* A fresh run of the folder's experiment; PATH has TEST_PATH + 32 bytes. */
static void new_run(char *path)
{
    char experiment_path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    snprintf(experiment_path, sizeof experiment_path, "%s/experiment.json", folder);
    snprintf(path, TEST_PATH + 32, "%s/run-%u", folder, runs++);
    assert_ok(clade_experiment_read(experiment_path, &experiment));
    assert_ok(clade_run_create(experiment, path));
    clade_experiment_free(experiment);
}

static void run_hash(const char *path, char hash[CLADE_SHA256_HEX])
{
    clade_front front;
    assert_ok(clade_front_read(path, CLADE_SEARCH, &front));
    memcpy(hash, front.run_hash, CLADE_SHA256_HEX);
    clade_front_fini(&front);
}

/* An uninterrupted run by one worker: what every other way must come to. */
static void reference_hash(char hash[CLADE_SHA256_HEX])
{
    char path[TEST_PATH + 32];
    fake_pool pool = fake_pool_of(1, 0);
    new_run(path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    run_hash(path, hash);
}

/* A number out of the run's database. */
static int64_t ask_database(const char *path, const char *sql)
{
    char database[TEST_PATH + 64];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    snprintf(database, sizeof database, "%s/run.db", path);
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    const int64_t answer = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return answer;
}

static char *read_in(const char *path, const char *name)
{
    char file[TEST_PATH + 128];
    char *text = NULL;
    size_t bytes = 0;
    snprintf(file, sizeof file, "%s/%s", path, name);
    assert_ok(clade_read_file(file, 1 << 24, &text, &bytes));
    return text;
}

static bool exists_in(const char *path, const char *name)
{
    char file[TEST_PATH + 128];
    snprintf(file, sizeof file, "%s/%s", path, name);
    return clade_path_exists(file);
}

/* ---- one run, any order ---- */

static void order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    static const char *const experiments[] = {
        "\"algorithm\": {\"name\": \"sms_emoa\", \"population\": 8}, \"budget\": {\"children\": 40}, \"window\": 5,",
        "\"algorithm\": {\"name\": \"nsga2\", \"population\": 8}, \"budget\": {\"children\": 40}, \"window\": 3,",
        "\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": 40}, \"window\": 7,"};
    for (size_t e = 0; e < sizeof experiments / sizeof *experiments; e++) {
        char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
        fake_experiment(folder, experiments[e]);
        fake_pool first = fake_pool_of(1, 0);
        new_run(path);
        assert_ok(fake_session(path, &first, 0, NULL));
        run_hash(path, expected);
        char *csv = read_in(path, "front.csv");
        for (uint64_t seed = 1; seed <= 4; seed++) {
            fake_pool pool = fake_pool_of(1 + seed * 2, seed);
            new_run(path);
            assert_ok(fake_session(path, &pool, 0, NULL));
            run_hash(path, hash);
            assert_string_equal(hash, expected);
            char *again = read_in(path, "front.csv");
            assert_string_equal(again, csv);
            clade_free(again);
        }
        clade_free(csv);
    }
}

static void another_seed_or_window_is_another_run(void **state)
{
    (void)state;
    char a[CLADE_SHA256_HEX], b[CLADE_SHA256_HEX], c[CLADE_SHA256_HEX];
    fake_experiment(folder, "\"seed\": 1, \"budget\": {\"children\": 40}, \"window\": 4,");
    reference_hash(a);
    fake_experiment(folder, "\"seed\": 2, \"budget\": {\"children\": 40}, \"window\": 4,");
    reference_hash(b);
    fake_experiment(folder, "\"seed\": 1, \"budget\": {\"children\": 40}, \"window\": 9,");
    reference_hash(c);
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
}

/* ---- deaths and sessions ---- */

/* A session in a process of its own that is killed after some results, wherever it is then. */
static void killed_session(const char *path, size_t results, uint64_t seed)
{
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        fake_pool pool = fake_pool_of(3, seed);
        pool.kill_after = results;
        _exit(fake_session(path, &pool, 0, NULL) == CLADE_OK ? 0 : 1);
    }
    int ended = 0;
    assert_int_equal(waitpid(process, &ended, 0), process);
    assert_true(WIFSIGNALED(ended) || (WIFEXITED(ended) && WEXITSTATUS(ended) == 0));
}

static void killed_anywhere_and_resumed(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"algorithm\": {\"name\": \"sms_emoa\", \"population\": 6}, \"budget\": {\"children\": 20}, \"window\": 4,");
    reference_hash(expected);
    /* 20 children, 2 references before and the front and its references after them */
    for (size_t results = 1; results < 30; results += 2) {
        fake_pool pool = fake_pool_of(4, results);
        new_run(path);
        killed_session(path, results, results);
        killed_session(path, results % 5 + 1, results + 100);
        assert_ok(fake_session(path, &pool, 0, NULL));
        run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM children"), 20);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search'"), 20);
        assert_true(exists_in(path, "best/recipe.json"));
    }
}

static void stopped_and_resumed_pays_nothing_twice(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 24}, \"window\": 4,");
    reference_hash(expected);
    for (size_t results = 1; results <= 24; results += 3) {
        size_t delivered = 0;
        clade_status status = CLADE_EINTERRUPTED;
        new_run(path);
        for (uint64_t session = 0; status == CLADE_EINTERRUPTED; session++) {
            fake_pool pool = fake_pool_of(4, 10 * results + session);
            pool.stop_after = results;
            status = fake_session(path, &pool, 0, NULL);
            delivered += pool.delivered;
            if (status == CLADE_EINTERRUPTED)
                assert_non_null(strstr(clade_error_message(), "clade resume"));
            assert_true(session < 100);
        }
        assert_ok(status);
        run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_int_equal((int64_t)delivered,
                         ask_database(path, "SELECT (SELECT COUNT(*) FROM evaluations) + (SELECT COUNT(*) FROM reference_scores)"));
    }
}

static void a_finished_run_stays_as_it_is(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_pool pool = fake_pool_of(2, 1);
    new_run(path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_true(pool.delivered > 12);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_int_equal(pool.delivered, 0);
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'finished'"), 1);
}

/* ---- budgets ---- */

static void an_extended_run_is_the_longer_run(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    static const char *const algorithms[] = {"sms_emoa", "nsga2", "random"};
    for (size_t a = 0; a < sizeof algorithms / sizeof *algorithms; a++) {
        char text[256];
        snprintf(text, sizeof text, "\"algorithm\": {\"name\": \"%s\"}, \"budget\": {\"children\": 30}, \"window\": 4,", algorithms[a]);
        fake_experiment(folder, text);
        reference_hash(expected);
        snprintf(text, sizeof text, "\"algorithm\": {\"name\": \"%s\"}, \"budget\": {\"children\": 13}, \"window\": 4,", algorithms[a]);
        fake_experiment(folder, text);
        fake_pool pool = fake_pool_of(3, a);
        new_run(path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        assert_ok(fake_session(path, &pool, 21, NULL));
        assert_ok(fake_session(path, &pool, 30, NULL));
        run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_fails(fake_session(path, &pool, 20, NULL), CLADE_EUSAGE, "less than the 30");
        assert_ok(fake_session(path, &pool, 0, NULL)); /* the extension is remembered */
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM commits"), 30);
    }
}

static void images_end_the_run_at_the_same_child(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 40, \"images\": 200}, \"window\": 4,"); /* 16 a child */
    reference_hash(expected);
    for (uint64_t seed = 0; seed < 4; seed++) {
        fake_pool pool = fake_pool_of(4, seed);
        pool.stop_after = 5 + seed;
        new_run(path);
        while (fake_session(path, &pool, 0, NULL) == CLADE_EINTERRUPTED)
            pool.stop_after = 5 + seed;
        run_hash(path, hash);
        assert_string_equal(hash, expected);
        /* 13 commits use up 208 images; at most W - 1 more were bred before that was known */
        const int64_t commits = ask_database(path, "SELECT COUNT(*) FROM commits");
        assert_true(commits >= 13 && commits <= 13 + 3);
    }
}

static void seconds_end_the_run_for_good(void **state)
{
    (void)state;
    char before[CLADE_SHA256_HEX], after[CLADE_SHA256_HEX], expected[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 100000, \"seconds\": 0.5}, \"window\": 4,");
    fake_pool pool = fake_pool_of(2, 1);
    new_run(path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    run_hash(path, before);
    const int64_t asked = ask_database(path, "SELECT COUNT(*) FROM children");
    assert_true(asked > 0 && asked < 100000);
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'stop'"), 1);
    assert_ok(fake_session(path, &pool, 0, NULL)); /* a replay stops at the same place */
    run_hash(path, after);
    assert_string_equal(after, before);
    assert_int_equal(pool.delivered, 0);
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'stop'"), 1);
    assert_ok(fake_session(path, &pool, 100001, NULL)); /* the clock begins anew, the run is the same one */
    const int64_t more = ask_database(path, "SELECT COUNT(*) FROM children");
    assert_true(more > asked);
    run_hash(path, after);
    char text[128];
    snprintf(text, sizeof text, "\"budget\": {\"children\": %lld}, \"window\": 4,", (long long)more);
    fake_experiment(folder, text);
    reference_hash(expected);
    assert_string_equal(after, expected);
}

/* ---- duplicates and failures ---- */

static clade_status ask_again(void *state, uint64_t child, clade_proposal *proposal)
{
    /* Child 3 k, 3 k + 1 and 3 k + 2 are one recipe: copies of what is in flight and of what is committed. */
    return clade_algorithm_find("random")->ask(state, child < 30 ? child / 3 : child % 10, proposal);
}

static void equal_recipes_are_scored_once(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    clade_algorithm repeating = *clade_algorithm_find("random");
    repeating.ask = ask_again;
    fake_experiment(folder, "\"algorithm\": {\"name\": \"random\"}, \"budget\": {\"children\": 60}, \"window\": 4,");
    for (uint64_t seed = 0; seed < 4; seed++) {
        fake_pool pool = fake_pool_of(1 + 2 * seed, seed);
        pool.fail_every = 4;
        pool.stop_after = 4 * seed;
        new_run(path);
        while (fake_session(path, &pool, 0, &repeating) == CLADE_EINTERRUPTED)
            continue;
        run_hash(path, seed == 0 ? expected : hash);
        if (seed > 0)
            assert_string_equal(hash, expected);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search'"), 60);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search' AND same_as IS NULL"), 10);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM evaluations e, children c, children d WHERE e.same_as = c.child AND "
                                            "e.child = d.child AND c.recipe_hash = d.recipe_hash AND e.images = 0"), 50);
        assert_true(ask_database(path, "SELECT COUNT(*) FROM commits WHERE failed") > 0);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM commits, children c, commits b, children d WHERE commits.child = c.child "
                                            "AND b.child = d.child AND c.recipe_hash = d.recipe_hash AND commits.objectives <> "
                                            "b.objectives"), 0);
    }
}

static void failures_are_recorded_and_not_the_end(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 30}, \"window\": 4,");
    for (uint64_t seed = 0; seed < 3; seed++) {
        fake_pool pool = fake_pool_of(1 + seed, seed);
        pool.fail_every = 5;
        pool.nan_every = 7;
        new_run(path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        run_hash(path, seed == 0 ? expected : hash);
        if (seed > 0)
            assert_string_equal(hash, expected);
        assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM commits"), 30);
        const int64_t failed = ask_database(path, "SELECT COUNT(*) FROM commits WHERE failed");
        assert_true(failed > 0 && failed < 30);
        assert_int_equal(failed, ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search' AND status = 6 AND "
                                                    "reason IN ('made to fail', 'objective accuracy is not finite')"));
        assert_true(ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE reason = 'objective accuracy is not finite'") > 0);
    }
}

static void nothing_but_failures_ends_early(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 500}, \"window\": 4,");
    fake_pool pool = fake_pool_of(2, 1);
    pool.fail_every = 1;
    new_run(path);
    assert_fails(fake_session(path, &pool, 0, NULL), CLADE_EEVAL, "made to fail");
    const int64_t asked = ask_database(path, "SELECT COUNT(*) FROM children");
    assert_true(asked > 0 && asked <= 16 + 4);
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'error'"), 1);
    assert_fails(fake_session(path, &pool, 0, NULL), CLADE_EEVAL, "made to fail"); /* and says so again */
}

/* ---- what a replay checks ---- */

static void a_changed_ledger_is_noticed(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"UPDATE children SET recipe_hash = printf('%.64c', 'a') WHERE child = 5", "child 5: recipe hash"},
        {"UPDATE children SET vector = '[1]' WHERE child = 7", "child 7: genome"},
        {"UPDATE commits SET hash = printf('%.64c', 'a') WHERE child = 9", "child 9: commit"},
    };
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[TEST_PATH + 32];
        fake_pool pool = fake_pool_of(2, 1);
        new_run(path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        (void)ask_database(path, cases[i].sql);
        assert_fails(fake_session(path, &pool, 20, NULL), CLADE_EINTERNAL, cases[i].message);
    }
}

static void changed_parents_are_noticed(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_pool pool = fake_pool_of(2, 1);
    new_run(path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    fake_checkpoint(folder, "digits", 99);
    assert_fails(fake_session(path, &pool, 20, NULL), CLADE_EINPUT, "digits.safetensors: the weights changed");
    fake_checkpoint(folder, "digits", 3);
    assert_ok(fake_session(path, &pool, 20, NULL));
}

static void another_platform_is_recorded(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_pool pool = fake_pool_of(2, 1);
    new_run(path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_ok(fake_session(path, &pool, 14, NULL));
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'platform changed'"), 0);
    (void)ask_database(path, "UPDATE platform SET json = '{\"cpu\":\"another\"}'");
    assert_ok(fake_session(path, &pool, 16, NULL));
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'platform changed'"), 1);
    assert_int_equal(ask_database(path, "SELECT COUNT(*) FROM platform"), 3);
}

static void a_run_folder_is_made_once(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], experiment_path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "");
    new_run(path);
    snprintf(experiment_path, sizeof experiment_path, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(experiment_path, &experiment));
    assert_fails(clade_run_create(experiment, path), CLADE_EUSAGE, "clade resume");
    clade_experiment_free(experiment);
    assert_true(exists_in(path, "experiment.json") && exists_in(path, "run.db"));
    assert_fails(clade_run_experiment(folder, 0, &experiment), CLADE_EINPUT, "run.db");
}

int main(void)
{
    /* Thousands of fsyncs, of which no disk is tested here. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_of_arrival_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_seed_or_window_is_another_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_anywhere_and_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_and_resumed_pays_nothing_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_finished_run_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_extended_run_is_the_longer_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(images_end_the_run_at_the_same_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seconds_end_the_run_for_good, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_recipes_are_scored_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_are_recorded_and_not_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_but_failures_ends_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_ledger_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_parents_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_platform_is_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_folder_is_made_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
