/* The choice of items for a race: counts of answers, how much children disagree, the order, and that a choice without
 * regard to who is right keeps the error that a race promises. */
#include "near.h"

#include <stdbool.h>

#include "clade/rng.h"
#include "search/item_choice.h"

static void put(uint8_t *bits, size_t i, bool value)
{
    bits[i / 8] = (uint8_t)((bits[i / 8] & ~(1 << (i % 8))) | value << (i % 8));
}

/* ---- answers ---- */

/* Four items: all right, all wrong, half right, never asked; the opponent is right on 0 and 2. */
static void spread_by_hand(void **state)
{
    (void)state;
    const uint8_t children[][1] = {{5}, {5}, {1}, {1}}, asked[1] = {7};
    const clade_opponent opponent = {.child = 0, .correct = (uint8_t[]){5}};
    clade_item_answers answers = {0};
    uint8_t spread[4];
    for (size_t c = 0; c < 4; c++)
        assert_ok(clade_item_answers_add(&answers, children[c], asked, 4));
    assert_int_equal(answers.children, 4);
    clade_item_spread(&answers, NULL, 0, spread);
    /* p = 5/6, 1/6, 3/6, 1/2 */
    assert_int_equal(spread[0], 1020 * 5 / 36);
    assert_int_equal(spread[1], 1020 * 5 / 36);
    assert_int_equal(spread[2], 255);
    assert_int_equal(spread[3], 255);
    assert_ok(clade_item_answers_add(&answers, opponent.correct, NULL, 4));
    clade_item_spread(&answers, NULL, 0, spread);
    assert_int_equal(spread[3], 1020 * 2 / 9); /* asked of one, who was wrong: 1/3 */
    clade_item_spread(&answers, &opponent, 1, spread);
    assert_int_equal(spread[0], 1020 * 5 / 36); /* as without it */
    assert_int_equal(spread[2], 255);
    assert_int_equal(spread[3], 255);
    clade_item_answers_fini(&answers);
}

/* ---- order ---- */

static void check_permutation(const size_t *places, size_t n)
{
    bool placed[64] = {false};
    for (size_t i = 0; i < n; i++) {
        assert_true(places[i] < n && !placed[places[i]]);
        placed[places[i]] = true;
    }
}

/* Clean items first, then corrupted ones; an item counts with both. */
static void chosen_ones_come_first(void **state)
{
    (void)state;
    enum { N = 16 };
    const clade_bit_layout layout = {.clean = N, .corrupted = N, .copies = 1};
    uint8_t spread[2 * N] = {0};
    size_t places[N];
    for (size_t i = 0; i < N; i++)
        places[i] = (5 * i + 3) % N; /* 3 8 13 2 7 12 1 6 11 0 5 10 15 4 9 14 */
    spread[14] = 100;
    spread[N + 14] = 100;
    spread[4] = 150;
    spread[N + 5] = spread[0] = 120; /* a tie: 0 was drawn before 5 */
    assert_ok(clade_item_choose(&layout, spread, 0.25, places));
    static const size_t expected[N] = {3, 14, 4, 0, 8, 13, 2, 7, 12, 1, 6, 11, 5, 10, 15, 9};
    assert_memory_equal(places, expected, sizeof places);
    check_permutation(places, N);
    memset(spread, 7, sizeof spread);
    assert_ok(clade_item_choose(&layout, spread, 0.5, places));
    assert_memory_equal(places, expected, sizeof places);
}

/* Every corruption of every item, and fewer of them than clean ones; and the other way round, rotating. */
static void layouts(void **state)
{
    (void)state;
    const clade_bit_layout all = {.clean = 6, .corrupted = 3, .copies = 2},
                           more = {.clean = 2, .corrupted = 5, .copies = 1};
    size_t places[6] = {0, 1, 2, 3, 4, 5};
    const uint8_t spread[12] = {0, 0, 0, 0, 0, 90, 0, 0, 50, 0, 0, 50}; /* item 5; item 2 under both */
    assert_ok(clade_item_choose(&all, spread, 1.0 / 3.0, places));
    assert_memory_equal(places, ((size_t[]){2, 5, 0, 1, 3, 4}), sizeof places);
    size_t fewer[5] = {4, 3, 2, 1, 0};
    assert_ok(clade_item_choose(&more, (uint8_t[]){9, 0, 0, 0, 0, 8, 0}, 0.4, fewer));
    assert_memory_equal(fewer, ((size_t[]){0, 3, 4, 2, 1}), sizeof fewer);
    const clade_bit_layout none = {.copies = 1};
    assert_ok(clade_item_choose(&none, spread, 0.5, fewer));
}

/* ---- the error of a race ---- */

enum { ITEMS = 160, BYTES = ITEMS / 8, PAST = 40 };

/* An item's difficulty, which all children share. */
static double chance_of(size_t item)
{
    return 0.05 + 0.9 * (double)(item % 16) / 15.0;
}

static void draw_answers(clade_rng *rng, uint8_t *bits)
{
    for (size_t i = 0; i < ITEMS; i++)
        put(bits, i, clade_rng_uniform(rng) < chance_of(i));
}

/* A child that is as good as its opponent is stopped as rarely as promised; and one that gets everything wrong that the
 * opponent gets wrong, and a fifth of the rest, is found out on fewer items than by a drawn order. */
static void the_error_stays_bounded(void **state)
{
    (void)state;
    enum { TRIALS = 2000, FIRST = ITEMS / 4 };
    const clade_bit_layout layout = {.clean = ITEMS, .copies = 1};
    size_t stopped = 0, found = 0, found_as_drawn = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        const uint64_t keys[] = {4, trial};
        clade_rng rng = clade_rng_keyed(keys, 2);
        clade_item_answers answers = {0};
        uint8_t opponent[BYTES] = {0}, child[BYTES] = {0}, spread[ITEMS];
        size_t places[ITEMS];
        const clade_opponent rival = {.correct = opponent};
        for (size_t past = 0; past < PAST; past++) {
            draw_answers(&rng, child);
            assert_ok(clade_item_answers_add(&answers, child, NULL, ITEMS));
        }
        draw_answers(&rng, opponent);
        assert_ok(clade_item_answers_add(&answers, opponent, NULL, ITEMS));
        draw_answers(&rng, child);
        for (size_t i = 0; i < ITEMS; i++)
            places[i] = (i * 77 + trial) % ITEMS;
        uint64_t losses = 0, wins = 0, worse = 0, worse_as_drawn = 0;
        for (size_t i = 0; i < FIRST; i++) {
            const size_t j = places[i];
            worse_as_drawn += (opponent[j / 8] >> (j % 8) & 1) && clade_rng_uniform(&rng) > 1.3 * chance_of(j) - 0.3;
        }
        clade_item_spread(&answers, &rival, 1, spread);
        assert_ok(clade_item_choose(&layout, spread, 0.25, places));
        for (size_t i = 0; i < FIRST; i++) {
            const size_t j = places[i];
            const bool theirs = opponent[j / 8] >> (j % 8) & 1, ours = child[j / 8] >> (j % 8) & 1;
            losses += theirs && !ours;
            wins += ours && !theirs;
            worse += theirs && clade_rng_uniform(&rng) > 1.3 * chance_of(j) - 0.3;
        }
        stopped += clade_mcnemar_p(losses, wins) <= 0.05;
        found += clade_mcnemar_p(worse, 0) <= 0.001;
        found_as_drawn += clade_mcnemar_p(worse_as_drawn, 0) <= 0.001;
        clade_item_answers_fini(&answers);
    }
    assert_true(stopped <= (size_t)(0.05 * TRIALS + 3 * sqrt(TRIALS * 0.05 * 0.95)));
    assert_true(stopped > TRIALS / 200);
    assert_true(found > found_as_drawn + TRIALS / 10);
}

/* ---- memory ---- */

static clade_status attempt(void *context)
{
    (void)context;
    const uint8_t bits[1] = {1};
    const clade_bit_layout layout = {.clean = 3, .copies = 1};
    clade_item_answers answers = {0};
    uint8_t spread[3];
    size_t places[3] = {0, 1, 2};
    clade_status status = clade_item_answers_add(&answers, bits, NULL, 3);
    if (status == CLADE_OK) {
        clade_item_spread(&answers, NULL, 0, spread);
        status = clade_item_choose(&layout, spread, 0.5, places);
    }
    clade_item_answers_fini(&answers);
    return status;
}

static void memory_can_end(void **state)
{
    (void)state;
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(spread_by_hand), cmocka_unit_test(chosen_ones_come_first),
                                       cmocka_unit_test(layouts), cmocka_unit_test(the_error_stays_bounded),
                                       cmocka_unit_test(memory_can_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
