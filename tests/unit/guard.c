/* The guard on entropy over made-up scores, and its event in a ledger. */
#include "near.h"

#include <math.h>

#include "search/guard.h"

enum { ITEMS = 64, BITS = 2 * ITEMS, BYTES = BITS / 8 };

/* The first RIGHT of the clean items are right; of the corrupted ones, which count for nothing, none or all. */
typedef struct made_up {
    uint8_t correct[BYTES], clean[BYTES];
    clade_watched watched;
} made_up;

static void make_up(made_up *self, uint64_t child, double entropy, size_t right)
{
    *self = (made_up){.watched = {.child = child, .entropy = entropy, .n_bits = BITS}};
    for (size_t i = 0; i < BITS; i++) {
        const bool is_right = i < ITEMS ? i < right : right < ITEMS / 2;
        self->correct[i / 8] = (uint8_t)(self->correct[i / 8] | is_right << (i % 8));
        self->clean[i / 8] = (uint8_t)(self->clean[i / 8] | (i < ITEMS) << (i % 8));
    }
    self->watched.accuracy = (double)right / ITEMS;
    self->watched.correct = self->correct;
    self->watched.clean = self->clean;
}

static bool tell(clade_guard *guard, uint64_t child, double entropy, size_t right, clade_guard_finding *finding)
{
    made_up made;
    bool found = true;
    make_up(&made, child, entropy, right);
    assert_ok(clade_guard_tell(guard, &made.watched, finding, &found));
    return found;
}

/* Six items fewer, all of them the better one's: p = 1/64; seven: 1/128. */
static void it_says_where_it_begins_to_hurt(void **state)
{
    (void)state;
    clade_guard guard = {0};
    clade_guard_finding finding = {0};
    assert_false(tell(&guard, 0, 2.0, 30, &finding));
    assert_false(tell(&guard, 1, 1.5, 40, &finding)); /* better in both */
    assert_false(tell(&guard, 2, 1.7, 10, &finding)); /* no record: whatever its accuracy */
    assert_false(tell(&guard, 3, 1.8, 60, &finding)); /* nor is this one held against anybody */
    assert_false(tell(&guard, 5, 1.2, 34, &finding)); /* worse, not clearly */
    assert_false(tell(&guard, 6, 1.2, 20, &finding)); /* the same entropy is no record */
    assert_true(tell(&guard, 7, 1.1, 33, &finding));  /* against child 1, not child 5 */
    assert_int_equal(finding.child, 7);
    assert_int_equal(finding.against, 1);
    assert_near(finding.entropy, 1.1, 0.0);
    assert_near(finding.accuracy, 33.0 / 64.0, 0.0);
    assert_near(finding.against_accuracy, 40.0 / 64.0, 0.0);
    assert_near(finding.p, 1.0 / 128.0, 1e-15);
    assert_false(tell(&guard, 8, 0.5, 0, &finding)); /* once */
    clade_guard_fini(&guard);
}

/* As long as accuracy goes along there is nothing to say. */
static void it_is_silent_while_it_helps(void **state)
{
    (void)state;
    clade_guard guard = {0};
    clade_guard_finding finding = {0};
    for (uint64_t c = 0; c < 60; c++)
        assert_false(tell(&guard, c, 2.0 - 0.01 * (double)c, 2 + c - c % 3, &finding));
    clade_guard_fini(&guard);
}

/* ---- the event ---- */

static void through_the_ledger(void **state)
{
    (void)state;
    char folder[TEST_PATH];
    make_temporary_folder(folder);
    clade_ledger *ledger = NULL;
    assert_ok(clade_ledger_create(path_in(folder, "run.db"), &ledger));
    const clade_guard_finding finding = {
        .child = 57, .against = 41, .entropy = 0.2134, .accuracy = 0.53125, .against_accuracy = 0.609375, .p = 0.0021};
    clade_guard_finding back = {.child = 1};
    clade_text text = {0};
    bool found = true;
    assert_ok(clade_guard_get(ledger, &back, &found));
    assert_false(found);
    assert_ok(clade_guard_put(ledger, &finding));
    assert_ok(clade_guard_get(ledger, &back, &found));
    assert_true(found);
    assert_int_equal(back.child, 57);
    assert_int_equal(back.against, 41);
    assert_near(back.entropy, finding.entropy, 0.0);
    assert_near(back.accuracy, finding.accuracy, 0.0);
    assert_near(back.against_accuracy, finding.against_accuracy, 0.0);
    assert_near(back.p, finding.p, 0.0);
    clade_guard_write(&back, &text);
    assert_string_equal(text.data,
                        "minimising entropy hurts since child 57: at entropy 0.2134 its accuracy on labelled "
                        "items is 0.5312, against 0.6094 of child 41 (exact McNemar p = 0.0021)");
    clade_text_free(&text);
    assert_ok(clade_ledger_put_event(ledger, "guard", "{\"child\": -1}"));
    assert_fails(clade_guard_get(ledger, &back, &found), CLADE_EINPUT, "child");
    clade_ledger_close(ledger);
    remove_temporary_folder(folder);
}

/* ---- memory ---- */

static clade_status attempt(void *context)
{
    clade_guard guard = {0};
    clade_guard_finding finding;
    bool found = false;
    clade_status status = clade_guard_tell(&guard, context, &finding, &found);
    clade_guard_fini(&guard);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    made_up made;
    make_up(&made, 0, 1.0, 5);
    check_every_allocation(attempt, &made.watched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_says_where_it_begins_to_hurt),
                                       cmocka_unit_test(it_is_silent_while_it_helps),
                                       cmocka_unit_test(through_the_ledger), cmocka_unit_test(memory_can_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
