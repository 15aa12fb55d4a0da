/* The race: exact p-values, the error that is promised, what is estimated of a child that was stopped, and the text
 * that goes with a job. */
#include "score_fixture.h"

#include "search/race.h"

/* ---- McNemar ---- */

static void p_values_by_hand(void **state)
{
    (void)state;
    assert_near(clade_mcnemar_p(0, 0), 1.0, 0.0);
    assert_near(clade_mcnemar_p(0, 9), 1.0, 0.0);
    assert_near(clade_mcnemar_p(1, 0), 1.0 / 2.0, 0.0);
    assert_near(clade_mcnemar_p(5, 0), 1.0 / 32.0, 0.0);
    assert_near(clade_mcnemar_p(8, 2), 56.0 / 1024.0, 1e-16);
    assert_near(clade_mcnemar_p(10, 1), 12.0 / 2048.0, 1e-17);
    assert_near(clade_mcnemar_p(3, 7), 968.0 / 1024.0, 1e-15);
    assert_near(clade_mcnemar_p(1, 1), 3.0 / 4.0, 1e-15);
}

/* Against sums of 40 digits (mpmath). */
static void p_values_of_many_items(void **state)
{
    (void)state;
    static const struct {
        uint64_t losses, wins;
        double p;
    } known[] = {{600, 400, 1.3642320780330092e-10},
                 {500400, 499600, 0.2121452129757302},
                 {30, 5, 1.1180760338902473e-5},
                 {1000, 1000, 0.5089195055729}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_near(clade_mcnemar_p(known[i].losses, known[i].wins) / known[i].p, 1.0, 1e-12);
}

static void p_values_are_of_one_distribution(void **state)
{
    (void)state;
    for (uint64_t n = 1; n < 200; n += 7)
        for (uint64_t b = 1; b <= n; b++) {
            const double here = clade_mcnemar_p(b, n - b), above = clade_mcnemar_p(b + 1, n - b);
            const double tail = b < n ? clade_mcnemar_p(b + 1, n - b - 1) : 0.0;
            /* p(b, c) + p(c, b) = 1 + P(X = b) */
            assert_near(here + clade_mcnemar_p(n - b, b), 1.0 + (here - tail), 1e-13);
            assert_true(above <= here && clade_mcnemar_p(b, n - b + 1) >= here);
            assert_true(here > 0.999 || (above < here && clade_mcnemar_p(b, n - b + 1) > here));
        }
}

/* ---- a race without a model ---- */

enum { TASKS = 2, CLEAN = 40, CORRUPTED = 48, BITS = TASKS * (CLEAN + CORRUPTED), BYTES = BITS / 8 };

/* Two tasks of four classes, of which a prefix of the items is seen. */
typedef struct field {
    clade_task tasks[TASKS];
    clade_probes probes;
    clade_task_score scores[TASKS];
    uint8_t correct[TASKS][(CLEAN + CORRUPTED) / 8], seen[TASKS][(CLEAN + CORRUPTED) / 8];
    uint8_t opponents[CLADE_MAX_OPPONENTS][BYTES];
    clade_score score;
    clade_race race;
} field;

static void put(uint8_t *bits, size_t i, bool value)
{
    bits[i / 8] = (uint8_t)((bits[i / 8] & ~(1 << (i % 8))) | value << (i % 8));
}

static bool get(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

static void new_field(field *f, size_t opponents, double error)
{
    *f = (field){.race = {.accuracy = true, .robustness = true, .n_opponents = opponents, .n_bits = BITS}};
    f->race.racing = (clade_racing){.shares = {0.25, 0.5}, .n_shares = 2, .error = error};
    f->probes = (clade_probes){.tasks = f->tasks, .n_tasks = TASKS};
    f->race.probes = &f->probes;
    f->score = (clade_score){.tasks = f->scores, .n_tasks = TASKS};
    for (size_t m = 0; m < opponents; m++)
        f->race.opponents[m] = (clade_opponent){.child = m, .correct = f->opponents[m]};
    for (size_t t = 0; t < TASKS; t++) {
        f->tasks[t].classes = 4;
        f->scores[t] = (clade_task_score){.correct = f->correct[t],
                                          .seen = f->seen[t],
                                          .n_clean = CLEAN,
                                          .n_correct = CLEAN + CORRUPTED,
                                          .clean = {.entropy = 0.5}};
    }
}

/* The child answers item I of task T (clean ones first). */
static void answer(field *f, size_t t, size_t i, bool right)
{
    put(f->correct[t], i, right);
}

static void opponent_answers(field *f, size_t m, size_t t, size_t i, bool right)
{
    put(f->opponents[m], t * (CLEAN + CORRUPTED) + i, right);
}

/* See the first SHARE of the items; those not seen are 0 in what the race gets. */
static bool stop_after(field *f, double share, clade_stopped *stopped)
{
    uint8_t kept[TASKS][(CLEAN + CORRUPTED) / 8];
    memcpy(kept, f->correct, sizeof kept);
    for (size_t t = 0; t < TASKS; t++) {
        size_t right = 0;
        for (size_t i = 0; i < CLEAN + CORRUPTED; i++) {
            const double place = i < CLEAN ? (double)i / CLEAN : (double)(i - CLEAN) / CORRUPTED;
            const bool seen = place < share;
            put(f->seen[t], i, seen);
            put(f->correct[t], i, seen && get(f->correct[t], i));
            right += i < CLEAN && get(f->correct[t], i);
        }
        f->scores[t].clean.items = (size_t)(share * CLEAN);
        f->scores[t].clean.accuracy = (double)right / (share * CLEAN);
    }
    *stopped = (clade_stopped){0};
    const bool stop = clade_race_stop(&f->race, &f->score, stopped);
    memcpy(f->correct, kept, sizeof kept);
    return stop;
}

/* Stopped by a share of its items. The answers: a child that is as good as each opponent on clean items and hopeless on
 * corrupted ones (the worst case of what must not be stopped), or WORSE on both. */
static bool trial(field *f, uint64_t number, size_t opponents, double error, size_t rungs, bool worse)
{
    const uint64_t keys[] = {99, number};
    clade_rng rng = clade_rng_keyed(keys, 2);
    clade_stopped stopped;
    new_field(f, opponents, error);
    f->race.racing.n_shares = rungs;
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < CLEAN + CORRUPTED; i++) {
            const bool easy = i < CLEAN && !worse;
            answer(f, t, i, clade_rng_uniform(&rng) < (easy ? 0.7 : 0.4));
            for (size_t m = 0; m < opponents; m++)
                opponent_answers(f, m, t, i, clade_rng_uniform(&rng) < (easy ? 0.7 : 0.95));
        }
    bool stop = false;
    for (size_t r = 0; r < rungs && !stop; r++)
        stop = stop_after(f, f->race.racing.shares[r], &stopped);
    return stop;
}

static size_t count_stopped(size_t opponents, double error, size_t rungs, bool worse, size_t trials)
{
    field f;
    size_t stopped = 0;
    for (size_t i = 0; i < trials; i++)
        stopped += trial(&f, i, opponents, error, rungs, worse);
    return stopped;
}

/* At most the share that is promised, and some: the test is no empty one. 3 standard deviations of slack. */
static void the_error_is_bounded(void **state)
{
    (void)state;
    const size_t trials = 4000;
    const size_t one = count_stopped(1, 0.2, 1, false, trials);
    assert_true(one <= (size_t)(0.2 * 4000 + 3 * sqrt(4000 * 0.2 * 0.8)));
    assert_true(one > trials / 20);
    const size_t two = count_stopped(1, 0.2, 2, false, trials), five = count_stopped(5, 0.2, 2, false, trials);
    assert_true(two <= (size_t)(0.2 * 4000 + 3 * sqrt(4000 * 0.2 * 0.8)) && two > trials / 50);
    assert_true(five <= (size_t)(0.2 * 4000 + 3 * sqrt(4000 * 0.2 * 0.8)));
    /* and a child that is worse in both is stopped nearly always */
    assert_true(count_stopped(1, 0.05, 2, true, 500) > 490);
    assert_true(count_stopped(5, 0.05, 2, true, 500) > 490);
}

/* Who answers as an opponent does is not stopped by it, and who has none by nobody. */
static void equals_and_lonely_ones_go_on(void **state)
{
    (void)state;
    field f;
    clade_stopped stopped;
    new_field(&f, 1, 0.5);
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < CLEAN + CORRUPTED; i++) {
            answer(&f, t, i, i % 3 != 0);
            opponent_answers(&f, 0, t, i, i % 3 != 0);
        }
    assert_false(stop_after(&f, 0.25, &stopped) || stop_after(&f, 0.5, &stopped) || stop_after(&f, 1.0, &stopped));
    assert_int_equal(stopped.reason, CLADE_NOT_STOPPED);
    new_field(&f, 0, 0.5);
    assert_false(stop_after(&f, 0.5, &stopped)); /* all wrong */
}

/* Only the objectives that are searched count. */
static void both_objectives_must_reject(void **state)
{
    (void)state;
    field f;
    clade_stopped stopped;
    new_field(&f, 1, 0.05);
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < CLEAN + CORRUPTED; i++) {
            answer(&f, t, i, i < CLEAN || i % 2 == 0);
            opponent_answers(&f, 0, t, i, i >= CLEAN || i % 2 == 0);
        }
    assert_false(stop_after(&f, 0.5, &stopped)); /* better on clean items */
    f.race.accuracy = false;
    assert_true(stop_after(&f, 0.5, &stopped)); /* robustness alone */
    f.race.accuracy = true;
    f.race.robustness = false;
    assert_false(stop_after(&f, 0.5, &stopped));
}

/* ---- estimates ---- */

static void estimates_by_hand(void **state)
{
    (void)state;
    field f;
    clade_stopped stopped;
    new_field(&f, 2, 0.05);
    /* The child: half of the clean items seen, none of the corrupted. Opponent 0: all of what is seen, nothing of the
     * rest; opponent 1: a quarter of what is seen, three quarters of the rest. */
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < CLEAN + CORRUPTED; i++) {
            const size_t j = i < CLEAN ? i : i - CLEAN, half = i < CLEAN ? CLEAN / 2 : CORRUPTED / 2;
            answer(&f, t, i, i < CLEAN && j % 2 == 0);
            opponent_answers(&f, 0, t, i, j < half);
            opponent_answers(&f, 1, t, i, j < half ? j % 4 == 0 : j % 4 != 0);
        }
    (void)stop_after(&f, 0.5, &stopped);
    /* 0: 1/2 - 1; 1: 1/2 - 1/4; the mean of the two: -1/8 */
    assert_near(stopped.accuracy, 0.5 - 0.125, 1e-15);
    assert_near(stopped.robustness, 0.0, 0.0); /* clamped */
    (void)stop_after(&f, 1.0, &stopped);
    assert_near(stopped.accuracy, 0.5, 1e-15);
    assert_near(stopped.robustness, 0.0, 1e-15);
}

/* ---- chance ---- */

static void children_at_chance_are_ended(void **state)
{
    (void)state;
    field f;
    clade_stopped stopped;
    new_field(&f, 1, 1e-9); /* so that nobody is outraced */
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < CLEAN + CORRUPTED; i++) {
            answer(&f, t, i, i % 4 == 0); /* of four classes */
            opponent_answers(&f, 0, t, i, i % 4 != 1);
        }
    assert_true(stop_after(&f, 0.5, &stopped)); /* guessing gives 10 of 40 */
    assert_int_equal(stopped.reason, CLADE_AT_CHANCE);
    assert_false(stop_after(&f, 0.25, &stopped)); /* 5 are too few to say */
    f.scores[0].clean.entropy = f.scores[1].clean.entropy = 0.99 * log(4.0);
    assert_true(stop_after(&f, 0.25, &stopped)); /* and with no idea besides */
    for (size_t m = 0; m < BYTES; m++)
        f.opponents[0][m] = 0x11;
    assert_false(stop_after(&f, 0.5, &stopped)); /* nobody is better than that */
    for (size_t t = 0; t < TASKS; t++)
        for (size_t i = 0; i < CLEAN; i++) {
            answer(&f, t, i, i % 4 != 0);
            opponent_answers(&f, 0, t, i, i % 4 != 1);
        }
    assert_false(stop_after(&f, 0.5, &stopped)); /* unsure, but right: a head with a small scale */
}

/* ---- the text ---- */

/* ORIGINAL (NULL: as printed) in the printed race becomes CHANGED; parsed against the tiny model's scorer. */
static clade_status through_text(tiny *t, const char *original, const char *changed, clade_race *race)
{
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    clade_text text = {0}, sent = {0};
    uint8_t bits[2][8] = {{0x5a, 1, 2, 3, 4, 5, 6, 0x07}, {0xff, 0, 0, 0, 0, 0, 0, 0x0f}};
    uint8_t spread[60];
    const clade_opponent opponents[] = {{.child = 7, .correct = bits[0]}, {.child = 21, .correct = bits[1]}};
    for (size_t i = 0; i < 60; i++)
        spread[i] = (uint8_t)(255 - 3 * i);
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &scorer));
    assert_int_equal(clade_scorer_bits(scorer), 60);
    clade_race_print(opponents, 2, spread, 60, &text);
    const char *at = original ? strstr(text.data, original) : text.data + text.length;
    assert_non_null(at);
    clade_text_append_bytes(&sent, text.data, (size_t)(at - text.data));
    if (original)
        clade_text_append(&sent, "%s%s", changed, at + strlen(original));
    race->probes = probes;
    const clade_status status = clade_race_parse(sent.data, sent.length, scorer, race);
    if (status == CLADE_OK) {
        assert_int_equal(race->n_opponents, 2);
        assert_int_equal(race->opponents[1].child, 21);
        assert_memory_equal(race->opponents[0].correct, bits[0], 8);
        assert_memory_equal(race->opponents[1].correct, bits[1], 8);
        assert_memory_equal(race->spread, spread, sizeof spread);
        clade_race_fini(race);
    }
    assert_int_equal(race->n_opponents, 0);
    clade_text_free(&text);
    clade_text_free(&sent);
    clade_scorer_free(scorer);
    clade_probes_free(probes);
    return status;
}

static void text_and_back(void **state)
{
    clade_race race = {0};
    const size_t live = clade_alloc_live();
    assert_ok(through_text(*state, NULL, NULL, &race));
    assert_int_equal(clade_alloc_live(), live);
}

static void broken_texts(void **state)
{
    clade_race race = {0};
    const size_t live = clade_alloc_live();
    static const char *const broken[][3] = {
        {"\"opponents\"", "\"opponent\"", "unknown key"},
        {"5a01", "5a", "found 14 digits, expected 16"},
        {"5a01", "5g01", "found 'g'"},
        {"0f\"", "1f\"", "beyond item 59"},
        {"\"child\":7", "\"child\":-7", "opponents[0].child"},
        {"\"fffc", "\"fc", "spread: found 118 digits, expected 120"},
        {"\"fffc", "\"fffx", "spread: found 'x'"},
        {"\"spread\":\"", "\"spread\":3,\"s\":\"", "spread"},
        {"{\"opponents\"", "{\"opponents\":1,\"opponents\"", "opponents"},
        {"{\"opponents\":[", "[", "race"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_fails(through_text(*state, broken[i][0], broken[i][1], &race), CLADE_EINTERNAL, broken[i][2]);
        assert_int_equal(clade_alloc_live(), live);
    }
}

/* ---- memory ---- */

typedef struct parsing {
    const clade_scorer *scorer;
    const clade_probes *probes;
    const clade_text *text;
} parsing;

static clade_status parse_race(void *context)
{
    const parsing *p = context;
    clade_race race = {.probes = p->probes};
    CLADE_TRY(clade_race_parse(p->text->data, p->text->length, p->scorer, &race));
    clade_race_fini(&race);
    return CLADE_OK;
}

static void memory_can_end(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    clade_text text = {0};
    const uint8_t spread[60] = {0};
    uint8_t bits[8] = {0};
    const clade_opponent opponents[] = {{.child = 1, .correct = bits}, {.child = 2, .correct = bits}};
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &scorer));
    clade_race_print(opponents, 2, spread, 60, &text);
    check_every_allocation(parse_race, &(parsing){.scorer = scorer, .probes = probes, .text = &text});
    clade_text_free(&text);
    clade_scorer_free(scorer);
    clade_probes_free(probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p_values_by_hand),
        cmocka_unit_test(p_values_of_many_items),
        cmocka_unit_test(p_values_are_of_one_distribution),
        cmocka_unit_test(the_error_is_bounded),
        cmocka_unit_test(equals_and_lonely_ones_go_on),
        cmocka_unit_test(both_objectives_must_reject),
        cmocka_unit_test(estimates_by_hand),
        cmocka_unit_test(children_at_chance_are_ended),
        cmocka_unit_test_setup_teardown(text_and_back, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(broken_texts, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(memory_can_end, tiny_open, tiny_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
