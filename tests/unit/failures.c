/* Why children failed, counted: reasons that differ only in numbers are one. */
#include "ledger_fixture.h"

#include "search/failures.h"

static void pattern_is(const char *reason, const char *expected)
{
    clade_text pattern = {0};
    clade_failure_pattern(reason, &pattern);
    assert_string_equal(clade_text_get(&pattern), expected);
    clade_text_free(&pattern);
}

static void numbers_are_one_word(void **state)
{
    (void)state;
    pattern_is("", "");
    pattern_is("task fashion: NaN in logits", "task fashion: NaN in logits");
    pattern_is("model.layers.3.mlp: value 17 is -2.5e-07", "model.layers.N.mlp: value N is -N");
    pattern_is("layers.10: 1e5, 0.25, 1.2.3.", "layers.N: N, N, N.");
    pattern_is("task mnist8, head_2, utf8 7e", "task mnist8, head_2, utf8 Ne");
    pattern_is("99", "N");
    pattern_is("3.x 4e+ [5,6]", "N.x Ne+ [N,N]");
}

static void equal_reasons_are_counted(void **state)
{
    (void)state;
    clade_failures failures = {0};
    for (uint64_t child = 0; child < 10; child++) {
        char reason[64];
        snprintf(reason, sizeof reason, "layer %d: not finite", (int)child);
        assert_ok(clade_failures_add(&failures, child, child % 2 == 0 ? "task fashion: item 3" : reason));
    }
    assert_int_equal(failures.count, 2);
    assert_string_equal(clade_text_get(&failures.kinds[0].reason), "task fashion: item 3"); /* always the same 3 */
    assert_int_equal(failures.kinds[0].count, 5);
    assert_int_equal(failures.kinds[0].first_child, 0);
    assert_string_equal(clade_text_get(&failures.kinds[1].reason), "layer N: not finite");
    assert_int_equal(failures.kinds[1].count, 5);
    assert_int_equal(failures.kinds[1].first_child, 1);
    assert_int_equal(failures.others, 0);
    clade_failures_fini(&failures);
}

/* A ledger is as long as its author likes; what is kept of it is not. */
static void more_kinds_than_room(void **state)
{
    (void)state;
    clade_failures failures = {0};
    for (uint64_t child = 0; child < CLADE_MAX_FAILURE_KINDS + 5; child++) {
        char reason[64];
        snprintf(reason, sizeof reason, "%c%c", 'a' + (int)(child / 26), 'a' + (int)(child % 26));
        assert_ok(clade_failures_add(&failures, child, reason));
    }
    assert_int_equal(failures.count, CLADE_MAX_FAILURE_KINDS);
    assert_int_equal(failures.others, 5);
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_failures_json(&failures, &writer);
    clade_json_end_object(&writer);
    assert_non_null(strstr(clade_text_get(&text), "{\"reason\":\"other reasons\",\"count\":5,\"first_child\":null}"));
    clade_text_free(&text);
    clade_failures_fini(&failures);
}

static void put_failure(clade_ledger *ledger, uint64_t child, const char *reason)
{
    clade_evaluation_row row = {
        .child = child, .split = CLADE_SEARCH, .status = *reason ? CLADE_EEVAL : CLADE_OK, .same_as = -1};
    clade_commit_row commit = {.child = child, .failed = *reason != '\0', .n_objectives = 1};
    put_child(ledger, child, (char)('a' + (char)child));
    set_text(&row.reason, reason);
    assert_ok(clade_ledger_put_evaluation(ledger, &row));
    clade_evaluation_row_fini(&row);
    memset(commit.hash, 'a', CLADE_SHA256_HEX - 1);
    if (child < 5)
        assert_ok(clade_ledger_put_commit(ledger, &commit));
}

static clade_status read_all(void *context)
{
    clade_failures failures = {0};
    const clade_status status = clade_failures_read(context, &failures);
    clade_failures_fini(&failures);
    return status;
}

static void of_a_ledger(void **state)
{
    (void)state;
    clade_ledger *ledger = create();
    clade_failures failures = {0};
    put_failure(ledger, 0, "rank died");
    put_failure(ledger, 1, "");
    put_failure(ledger, 2, "value 1");
    put_failure(ledger, 3, "value 2");
    put_failure(ledger, 4, "value 3");
    put_failure(ledger, 5, "not committed"); /* and so not counted */
    put_evaluation(ledger, 1, CLADE_HOLDOUT, CLADE_EEVAL, 0);
    assert_ok(clade_failures_read(ledger, &failures));
    assert_int_equal(failures.count, 2);
    assert_string_equal(clade_text_get(&failures.kinds[0].reason), "value N"); /* the most frequent first */
    assert_int_equal(failures.kinds[0].count, 3);
    assert_int_equal(failures.kinds[0].first_child, 2);
    assert_string_equal(clade_text_get(&failures.kinds[1].reason), "rank died");
    clade_failures_fini(&failures);
    check_every_allocation(read_all, ledger);
    clade_ledger_close(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_one_word),
        cmocka_unit_test(equal_reasons_are_counted),
        cmocka_unit_test(more_kinds_than_room),
        cmocka_unit_test_setup_teardown(of_a_ledger, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
