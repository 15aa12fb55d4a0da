/* The scorer in rungs (races): what is seen when, and that the score stays the same. */
#include "score_fixture.h"

/* Stops after rung `stop_at` (0: never) and looks at what was seen until then. */
typedef struct rung_watch {
    const clade_score *whole;
    size_t rungs, stop_at, images[4];
} rung_watch;

static bool watch(void *context, const clade_score *seen, clade_stopped *stopped)
{
    rung_watch *self = context;
    self->images[self->rungs++] = seen->images;
    size_t scored = 0;
    for (size_t k = 0; k < 2; k++) {
        const clade_task_score *task = &seen->tasks[k], *all = &self->whole->tasks[k];
        assert_int_equal(task->n_correct, all->n_correct);
        assert_int_equal(task->n_clean, all->clean.items);
        for (size_t i = 0; i < task->n_correct; i++) {
            const bool was_seen = task->seen[i / 8] >> (i % 8) & 1;
            assert_int_equal(tiny_bit(task, i), was_seen && tiny_bit(all, i));
            scored += was_seen;
        }
        assert_true(isnan(task->entropy)); /* unlabelled items come last */
    }
    assert_int_equal(scored, seen->images);
    *stopped = (clade_stopped){.reason = CLADE_OUTRACED, .accuracy = 0.25, .robustness = 0.125};
    return self->rungs == self->stop_at;
}

static const double shares[] = {0.2, 0.5};

/* The score in rungs, stopped after STOP_AT; TEXT gets it as it is printed. */
static clade_score score_in_rungs(tiny *t, const clade_score_plan *plan, const size_t *const *order, rung_watch *self,
                                  clade_text *text)
{
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    clade_score score = {0};
    const clade_rungs rungs = {.shares = shares, .n_shares = 2, .order = order, .stop = watch, .context = self};
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, plan, &scorer));
    assert_int_equal(clade_scorer_labelled(scorer, 1), TINY_SEARCH);
    assert_int_equal(clade_scorer_bits(scorer), clade_score_bits(self->whole));
    assert_ok(clade_scorer_run_rungs(scorer, &t->provider, &rungs, &score));
    *text = tiny_text(&score, probes, plan);
    clade_scorer_free(scorer);
    clade_probes_free(probes);
    return score;
}

/* Not stopped, the score is the one without rungs; stopped, it has what was seen. Both ways to assign corruptions. */
static void rungs_change_nothing(void **state)
{
    tiny *t = *state;
    for (size_t rotate = 0; rotate < 2; rotate++) {
        const clade_score_plan plan = tiny_plan(CLADE_SEARCH, rotate == 1);
        clade_probes *probes = tiny_read_probes(t);
        clade_score whole = tiny_score_of(t, &plan);
        clade_text expected = tiny_text(&whole, probes, &plan), found = {0}, stopped_text = {0};
        rung_watch never = {.whole = &whole}, second = {.whole = &whole, .stop_at = 2};
        clade_score again = score_in_rungs(t, &plan, NULL, &never, &found);
        assert_string_equal(clade_text_get(&found), clade_text_get(&expected));
        assert_int_equal(never.rungs, 2);
        /* 2 tasks: 3 of 15 clean items, 3 with one or three corruptions; then 8 of 15 */
        assert_int_equal(never.images[0], 2 * (3 + (rotate ? 3 : 9)));
        assert_int_equal(never.images[1], 2 * (8 + (rotate ? 8 : 24)));
        clade_score stopped = score_in_rungs(t, &plan, NULL, &second, &stopped_text);
        assert_int_equal(stopped.stopped.reason, CLADE_OUTRACED);
        assert_int_equal(stopped.stopped.rung, 2);
        assert_int_equal(stopped.images, never.images[1]);
        assert_int_equal(stopped.images + stopped.stopped.left, whole.images);
        assert_int_equal(stopped.tasks[0].clean.items, 8);
        assert_near(stopped.stopped.accuracy, 0.25, 0.0);
        for (size_t i = 0; i < 8; i++)
            assert_true(stopped.tasks[0].seen[i / 8] >> (i % 8) & 1);
        clade_score_fini(&stopped);
        clade_score_fini(&again);
        clade_score_fini(&whole);
        clade_text_free(&expected);
        clade_text_free(&found);
        clade_text_free(&stopped_text);
        clade_probes_free(probes);
    }
}

/* Another order changes which items are seen first, and nothing else. */
static void rungs_in_another_order(void **state)
{
    tiny *t = *state;
    size_t backwards[TINY_SEARCH], odd_first[TINY_SEARCH];
    const size_t *const order[] = {backwards, odd_first};
    for (size_t i = 0; i < TINY_SEARCH; i++) {
        backwards[i] = TINY_SEARCH - 1 - i;
        odd_first[i] = 2 * i + 1 < TINY_SEARCH ? 2 * i + 1 : 2 * (i - TINY_SEARCH / 2);
    }
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_score whole = tiny_score_of(t, &plan);
    clade_text expected = tiny_text(&whole, probes, &plan), found = {0}, first_text = {0};
    rung_watch never = {.whole = &whole}, first = {.whole = &whole, .stop_at = 1};
    clade_score again = score_in_rungs(t, &plan, order, &never, &found);
    assert_string_equal(clade_text_get(&found), clade_text_get(&expected));
    clade_score stopped = score_in_rungs(t, &plan, order, &first, &first_text);
    for (size_t i = 0; i < TINY_SEARCH; i++) {
        const size_t clean = i, corrupted = TINY_SEARCH + i;
        assert_int_equal(stopped.tasks[0].seen[clean / 8] >> (clean % 8) & 1, i >= 12);
        assert_int_equal(stopped.tasks[0].seen[corrupted / 8] >> (corrupted % 8) & 1, i >= 12);
        assert_int_equal(stopped.tasks[1].seen[clean / 8] >> (clean % 8) & 1, i == 1 || i == 3 || i == 5);
    }
    size_t right = 0;
    for (size_t i = 12; i < TINY_SEARCH; i++)
        right += tiny_bit(&whole.tasks[0], i);
    assert_near(stopped.tasks[0].clean.accuracy, (double)right / 3.0, 1e-15);
    clade_score_fini(&stopped);
    clade_score_fini(&again);
    clade_score_fini(&whole);
    clade_text_free(&expected);
    clade_text_free(&found);
    clade_text_free(&first_text);
    clade_probes_free(probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(rungs_change_nothing, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(rungs_in_another_order, tiny_open, tiny_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
