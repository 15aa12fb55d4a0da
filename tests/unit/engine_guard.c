/* The guard on entropy in a run: said once, whatever the order and the sessions, and only where it is so; it changes
 * nothing else. */
#include "fake_run.h"

#include "near.h"

static const char entropy[] =
    "\"objectives\": [\"entropy\"], \"hand_made\": false, \"algorithm\": {\"name\": \"nsga2\", \"population\": 8}, "
    "\"budget\": {\"children\": 60}, \"window\": 5,";

static const char events[] = "SELECT COUNT(*) FROM events WHERE kind = 'guard'",
                  where[] = "SELECT json_extract(detail, '$.child') FROM events WHERE kind = 'guard'";

static fake_pool misled_pool(size_t workers, uint64_t seed)
{
    fake_pool pool = fake_pool_of(workers, seed);
    pool.misled = true;
    return pool;
}

/* A run of EXPERIMENT through POOL, to its end. */
static void whole_run(const char *experiment, fake_pool pool, char *path)
{
    fake_experiment(folder, experiment);
    fake_new_run(folder, path);
    assert_ok(fake_session(path, &pool, 0, NULL));
}

static void it_warns_where_entropy_misleads(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    clade_front front;
    whole_run(entropy, misled_pool(1, 0), path);
    assert_int_equal(fake_ask_database(path, events), 1);
    assert_ok(clade_front_read(path, CLADE_SEARCH, &front));
    assert_true(front.entropy_hurts);
    assert_int_equal(front.hurt.child, fake_ask_database(path, where));
    assert_true(front.hurt.against < front.hurt.child && front.hurt.p <= 0.01);
    assert_true(front.hurt.accuracy < front.hurt.against_accuracy);
    clade_front_fini(&front);
    char *card = fake_read_file(path, "best/README.md");
    assert_non_null(strstr(card, "- in this search, minimising entropy hurts since child "));
    clade_free(card);
}

static void it_is_silent_elsewhere(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    clade_front front;
    whole_run(entropy, fake_pool_of(1, 0), path); /* accuracy goes along */
    assert_int_equal(fake_ask_database(path, events), 0);
    assert_ok(clade_front_read(path, CLADE_SEARCH, &front));
    assert_false(front.entropy_hurts);
    clade_front_fini(&front);
    whole_run("\"objectives\": [\"robustness\"], \"budget\": {\"children\": 40},", misled_pool(1, 0), path);
    assert_int_equal(fake_ask_database(path, events), 0);
}

static void order_and_sessions_do_not_matter(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX];
    whole_run(entropy, misled_pool(1, 0), path);
    fake_run_hash(path, expected);
    const int64_t child = fake_ask_database(path, where);
    for (size_t results = 3; results <= 43; results += 10) {
        const fake_pool pool = misled_pool(4, 0);
        fake_sessions(folder, &pool, results, path);
        fake_run_hash(path, hash);
        assert_string_equal(hash, expected);
        assert_int_equal(fake_ask_database(path, events), 1);
        assert_int_equal(fake_ask_database(path, where), child);
    }
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_warns_where_entropy_misleads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_silent_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_and_sessions_do_not_matter, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
