/* What a run records and what it checks: copies of equal recipes, failures, and a ledger or a world that changed
 * between sessions. */
#include "fake_run.h"

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
        fake_new_run(folder, path);
        while (fake_session(path, &pool, 0, &repeating) == CLADE_EINTERRUPTED)
            continue;
        fake_run_hash(path, seed == 0 ? expected : hash);
        if (seed > 0)
            assert_string_equal(hash, expected);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search'"), 60);
        assert_int_equal(
            fake_ask_database(path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search' AND same_as IS NULL"), 10);
        assert_int_equal(fake_ask_database(
                             path,
                             "SELECT COUNT(*) FROM evaluations e, children c, children d WHERE e.same_as = c.child AND "
                             "e.child = d.child AND c.recipe_hash = d.recipe_hash AND e.images = 0"),
                         50);
        assert_true(fake_ask_database(path, "SELECT COUNT(*) FROM commits WHERE failed") > 0);
        assert_int_equal(
            fake_ask_database(
                path, "SELECT COUNT(*) FROM commits, children c, commits b, children d WHERE commits.child = c.child "
                      "AND b.child = d.child AND c.recipe_hash = d.recipe_hash AND commits.objectives <> "
                      "b.objectives"),
            0);
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
        fake_new_run(folder, path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        fake_run_hash(path, seed == 0 ? expected : hash);
        if (seed > 0)
            assert_string_equal(hash, expected);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM commits"), 30);
        const int64_t failed = fake_ask_database(path, "SELECT COUNT(*) FROM commits WHERE failed");
        assert_true(failed > 0 && failed < 30);
        assert_int_equal(failed, fake_ask_database(
                                     path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search' AND status = 6 AND "
                                           "reason IN ('made to fail', 'objective accuracy is not finite')"));
        assert_true(fake_ask_database(
                        path, "SELECT COUNT(*) FROM evaluations WHERE reason = 'objective accuracy is not finite'") >
                    0);
    }
}

static void nothing_but_failures_ends_early(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 500}, \"window\": 4,");
    fake_pool pool = fake_pool_of(2, 1);
    pool.fail_every = 1;
    fake_new_run(folder, path);
    assert_fails(fake_session(path, &pool, 0, NULL), CLADE_EEVAL, "made to fail");
    const int64_t asked = fake_ask_database(path, "SELECT COUNT(*) FROM children");
    assert_true(asked > 0 && asked <= 16 + 4);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'error'"), 1);
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
        fake_new_run(folder, path);
        assert_ok(fake_session(path, &pool, 0, NULL));
        (void)fake_ask_database(path, cases[i].sql);
        assert_fails(fake_session(path, &pool, 20, NULL), CLADE_EINPUT, cases[i].message);
    }
}

static void changed_parents_are_noticed(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_pool pool = fake_pool_of(2, 1);
    fake_new_run(folder, path);
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
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    assert_ok(fake_session(path, &pool, 14, NULL));
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'platform changed'"), 0);
    (void)fake_ask_database(path, "UPDATE platform SET json = '{\"cpu\":\"another\"}'");
    assert_ok(fake_session(path, &pool, 16, NULL));
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'platform changed'"), 1);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM platform"), 3);
}

/* A session that ends before it comes to the check leaves it to the next one on the new platform. */
static void another_platform_is_checked_once(void **state)
{
    static const char checked[] = "SELECT COUNT(*) FROM events WHERE kind = 'platform checked'";
    (void)state;
    char path[TEST_PATH + 32];
    fake_experiment(folder, "\"algorithm\": {\"name\": \"sms_emoa\"}, \"budget\": {\"children\": 12},");
    fake_pool pool = fake_pool_of(2, 1);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
    (void)fake_ask_database(path, "UPDATE platform SET json = '{\"cpu\":\"another\"}'");
    (void)fake_ask_database(path, "UPDATE meta SET value = value || '0' WHERE key = 'probes'");
    assert_fails(fake_session(path, &pool, 0, NULL), CLADE_EINPUT, "the probes changed");
    assert_int_equal(fake_ask_database(path, checked), 0);
    (void)fake_ask_database(path, "UPDATE meta SET value = substr(value, 1, 64) WHERE key = 'probes'");
    for (uint64_t session = 0; session < 2; session++) {
        assert_ok(fake_session(path, &pool, 14, NULL));
        assert_int_equal(fake_ask_database(path, checked), 1);
        assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'platform changed'"), 1);
    }
    assert_int_equal(fake_ask_database(path, "SELECT detail LIKE '%\"agrees\"%' FROM events WHERE kind = "
                                             "'platform checked'"),
                     1);
}

static void a_run_folder_is_made_once(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], experiment_path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "");
    fake_new_run(folder, path);
    snprintf(experiment_path, sizeof experiment_path, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(experiment_path, &experiment));
    assert_fails(clade_run_create(experiment, path), CLADE_EUSAGE, "clade resume");
    clade_experiment_free(experiment);
    assert_true(fake_exists(path, "experiment.json") && fake_exists(path, "run.db"));
    assert_fails(clade_run_experiment(folder, &experiment), CLADE_EINPUT, "run.db");
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_recipes_are_scored_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_are_recorded_and_not_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_but_failures_ends_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_changed_ledger_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_parents_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_platform_is_recorded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_platform_is_checked_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_folder_is_made_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
