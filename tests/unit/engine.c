/* The laws of a run (DESIGN.md 3 and 4), with a pool that gives results in any order: the same run whatever the order,
 * the deaths and the sessions; nothing evaluated twice; failures recorded. */
#include "fake_run.h"

#include <sys/wait.h>

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
        fake_new_run(folder, path);
        assert_ok(fake_session(path, &first, 0, NULL));
        fake_run_hash(path, expected);
        char *csv = fake_read_file(path, "front.csv");
        for (uint64_t seed = 1; seed <= 4; seed++) {
            fake_pool pool = fake_pool_of(1 + seed * 2, seed);
            fake_new_run(folder, path);
            assert_ok(fake_session(path, &pool, 0, NULL));
            fake_run_hash(path, hash);
            assert_string_equal(hash, expected);
            char *again = fake_read_file(path, "front.csv");
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
    fake_reference_hash(folder, a);
    fake_experiment(folder, "\"seed\": 2, \"budget\": {\"children\": 40}, \"window\": 4,");
    fake_reference_hash(folder, b);
    fake_experiment(folder, "\"seed\": 1, \"budget\": {\"children\": 40}, \"window\": 9,");
    fake_reference_hash(folder, c);
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
    fake_experiment(
        folder,
        "\"algorithm\": {\"name\": \"sms_emoa\", \"population\": 6}, \"budget\": {\"children\": 20}, \"window\": 4,");
    fake_reference_hash(folder, expected);
    /* 20 children, 2 references before and the front and its references after them */
    for (size_t results = 1; results < 30; results += 2) {
        fake_pool pool = fake_pool_of(4, results);
        fake_new_run(folder, path);
        killed_session(path, results, results);
        killed_session(path, results % 5 + 1, results + 100);
        assert_ok(fake_session(path, &pool, 0, NULL));
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM children"), 20);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search'"), 20);
        assert_true(fake_exists(path, "best/recipe.json"));
    }
}

static void stopped_and_resumed_pays_nothing_twice(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 24}, \"window\": 4,");
    fake_reference_hash(folder, expected);
    for (size_t results = 1; results <= 24; results += 3) {
        size_t delivered = 0;
        clade_status status = CLADE_EINTERRUPTED;
        fake_new_run(folder, path);
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
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_int_equal(
            (int64_t)delivered,
            fake_ask_database(path,
                              "SELECT (SELECT COUNT(*) FROM evaluations) + (SELECT COUNT(*) FROM reference_scores)"));
    }
}

static void a_finished_run_stays_as_it_is(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_pool pool = fake_pool_of(2, 1);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_true(pool.delivered > 12);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_int_equal(pool.delivered, 0);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'finished'"), 1);
}

/* ---- budgets ---- */

static void an_extended_run_is_the_longer_run(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    static const char *const algorithms[] = {"sms_emoa", "nsga2", "random"};
    for (size_t a = 0; a < sizeof algorithms / sizeof *algorithms; a++) {
        char text[256];
        snprintf(text, sizeof text, "\"algorithm\": {\"name\": \"%s\"}, \"budget\": {\"children\": 30}, \"window\": 4,",
                 algorithms[a]);
        fake_experiment(folder, text);
        fake_reference_hash(folder, expected);
        snprintf(text, sizeof text, "\"algorithm\": {\"name\": \"%s\"}, \"budget\": {\"children\": 13}, \"window\": 4,",
                 algorithms[a]);
        fake_experiment(folder, text);
        fake_pool pool = fake_pool_of(3, a);
        fake_new_run(folder, path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        assert_ok(fake_session(path, &pool, 21, NULL));
        assert_ok(fake_session(path, &pool, 30, NULL));
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_fails(fake_session(path, &pool, 20, NULL), CLADE_EUSAGE, "less than the 30");
        assert_ok(fake_session(path, &pool, 0, NULL)); /* the extension is remembered */
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM commits"), 30);
    }
}

static void images_end_the_run_at_the_same_child(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 40, \"images\": 200}, \"window\": 4,"); /* 16 a child */
    fake_reference_hash(folder, expected);
    for (uint64_t seed = 0; seed < 4; seed++) {
        fake_pool pool = fake_pool_of(4, seed);
        pool.stop_after = 5 + seed;
        fake_new_run(folder, path);
        while (fake_session(path, &pool, 0, NULL) == CLADE_EINTERRUPTED)
            pool.stop_after = 5 + seed;
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
        /* 13 commits use up 208 images; at most W - 1 more were bred before that was known */
        const int64_t commits = fake_ask_database(path, "SELECT COUNT(*) FROM commits");
        assert_true(commits >= 13 && commits <= 13 + 3);
    }
}

static void seconds_end_the_run_for_good(void **state)
{
    (void)state;
    char before[CLADE_SHA256_HEX], after[CLADE_SHA256_HEX], expected[CLADE_SHA256_HEX], path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 100000, \"seconds\": 0.5}, \"window\": 4,");
    fake_pool pool = fake_pool_of(2, 1);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    fake_run_hash(path, before);
    const int64_t asked = fake_ask_database(path, "SELECT COUNT(*) FROM children");
    assert_true(asked > 0 && asked < 100000);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'stop'"), 1);
    assert_ok(fake_session(path, &pool, 0, NULL)); /* a replay stops at the same place */
    fake_run_hash(path, after);
    assert_string_equal(after, before);
    assert_int_equal(pool.delivered, 0);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'stop'"), 1);
    /* The clock begins anew, the run is the same one. On a busy machine a replay may use up its half second. */
    int64_t more = asked;
    for (uint64_t children = 100001; more == asked && children < 100021; children++) {
        assert_ok(fake_session(path, &pool, children, NULL));
        more = fake_ask_database(path, "SELECT COUNT(*) FROM children");
    }
    assert_true(more > asked);
    fake_run_hash(path, after);
    char text[128];
    snprintf(text, sizeof text, "\"budget\": {\"children\": %lld}, \"window\": 4,", (long long)more);
    fake_experiment(folder, text);
    fake_reference_hash(folder, expected);
    assert_string_equal(after, expected);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(order_of_arrival_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_seed_or_window_is_another_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_anywhere_and_resumed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_and_resumed_pays_nothing_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_finished_run_stays_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_extended_run_is_the_longer_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(images_end_the_run_at_the_same_child, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seconds_end_the_run_for_good, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
