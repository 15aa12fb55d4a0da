/* PCG against the published demo outputs of pcg-c (pcg32) and against NumPy (PCG64DXSM): golden/pcg/pcg.json. */
#include "test.h"

#include "clade/json.h"
#include "clade/rng.h"

static clade_json *golden;

static clade_json_at section(const char *name)
{
    clade_json_at root = clade_json_root(golden), at = clade_json_member(&root, name);
    assert_true(clade_json_size(&at) > 0);
    return at;
}

static const char *string_of(clade_json_at at)
{
    clade_problems problems = {0};
    const char *text = NULL;
    bool found = clade_json_string(&at, &problems, &text);
    assert_ok(clade_problems_end(&problems, CLADE_EINPUT));
    assert_true(found);
    return text;
}

static const char *string_at(const clade_json_at *at, const char *key)
{
    return string_of(clade_json_member(at, key));
}

/* "0x..." of up to 32 digits. */
static clade_uint128 hex(const char *text)
{
    clade_uint128 value = 0;
    for (text += 2; *text; text++)
        value = value << 4 | (unsigned)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return value;
}

static clade_uint128 hex_at(const clade_json_at *at, const char *key)
{
    return hex(string_at(at, key));
}

static bool is_kind(const clade_json_at *at, const char *generator)
{
    return strcmp(string_at(at, "generator"), generator) == 0;
}

/* Either of our generators behind one face, so that both go through the same steps. */
typedef struct generator {
    bool wide;
    clade_rng dxsm;
    clade_pcg32 pcg32;
} generator;

static uint64_t next(generator *g)
{
    return g->wide ? clade_rng_next(&g->dxsm) : clade_pcg32_next(&g->pcg32);
}

static void advance(generator *g, clade_uint128 delta)
{
    if (g->wide)
        clade_rng_advance(&g->dxsm, delta);
    else
        clade_pcg32_advance(&g->pcg32, (uint64_t)delta);
}

static void assert_state(const generator *g, clade_uint128 expected)
{
    assert_true(g->wide ? g->dxsm.state == expected : g->pcg32.state == (uint64_t)expected);
}

/* pcg-c's bounded numbers (modulo with rejection), which only the demo uses. */
static unsigned demo_bounded(generator *g, uint64_t bound)
{
    uint64_t limit = g->wide ? (0 - bound) % bound : (UINT64_C(0x100000000) - bound) % bound;
    uint64_t draw;
    do
        draw = next(g);
    while (draw < limit);
    return (unsigned)(draw % bound);
}

static void check_round(generator *g, const clade_json_at *round)
{
    clade_json_at numbers = clade_json_member(round, "numbers"), rolls = clade_json_member(round, "rolls");
    for (int again = 0; again < 2; again++) {
        if (again)
            advance(g, -(clade_uint128)6);
        for (size_t i = 0; i < 6; i++)
            assert_true(next(g) == (uint64_t)hex(string_of(clade_json_item(&numbers, i))));
    }
    for (const char *coin = string_at(round, "coins"); *coin; coin++)
        assert_int_equal(demo_bounded(g, 2) ? 'H' : 'T', *coin);
    for (size_t i = 0; i < clade_json_size(&rolls); i++) {
        clade_problems problems = {0};
        int64_t roll;
        clade_json_at at = clade_json_item(&rolls, i);
        assert_true(clade_json_integer(&at, &problems, 1, 6, &roll));
        assert_int_equal(demo_bounded(g, 6) + 1, roll);
    }
    unsigned cards[52];
    for (unsigned i = 0; i < 52; i++)
        cards[i] = i;
    for (unsigned i = 52; i > 1; i--) {
        unsigned chosen = demo_bounded(g, i), card = cards[chosen];
        cards[chosen] = cards[i - 1];
        cards[i - 1] = card;
    }
    const char *text = string_at(round, "cards");
    for (unsigned i = 0; i < 52; i++) {
        assert_int_equal(text[3 * i], "A23456789TJQK"[cards[i] / 4]);
        assert_int_equal(text[3 * i + 1], "hcds"[cards[i] % 4]);
    }
    assert_state(g, hex_at(round, "state_after_round"));
}

static void test_demo(void **state)
{
    (void)state;
    clade_json_at demo = section("demo");
    int checked = 0;
    for (size_t i = 0; i < clade_json_size(&demo); i++) {
        clade_json_at entry = clade_json_item(&demo, i), rounds = clade_json_member(&entry, "rounds");
        generator g = {.wide = is_kind(&entry, "pcg64_dxsm")};
        if (!g.wide && !is_kind(&entry, "pcg32"))
            continue;
        g.dxsm = clade_rng_seeded(42, 54);
        g.pcg32 = clade_pcg32_seeded(42, 54);
        assert_state(&g, hex_at(&entry, "state_after_seed"));
        for (size_t j = 0; j < clade_json_size(&rounds); j++) {
            clade_json_at round = clade_json_item(&rounds, j);
            check_round(&g, &round);
        }
        checked++;
    }
    assert_int_equal(checked, 2);
}

/* Outputs from a given state, and the state afterwards. */
static void check_raw(const char *name, int expected_entries)
{
    clade_json_at entries = section(name);
    int checked = 0;
    for (size_t i = 0; i < clade_json_size(&entries); i++) {
        clade_json_at entry = clade_json_item(&entries, i), raw = clade_json_member(&entry, "raw");
        if (!is_kind(&entry, "pcg64_dxsm"))
            continue;
        clade_rng rng = {.state = hex_at(&entry, "state"), .increment = hex_at(&entry, "inc")};
        for (size_t j = 0; j < clade_json_size(&raw); j++)
            assert_true(clade_rng_next(&rng) == (uint64_t)hex(string_of(clade_json_item(&raw, j))));
        clade_json_at after = clade_json_member(&entry, "state_after");
        if (clade_json_kind_of(&after) == CLADE_JSON_STRING)
            assert_true(rng.state == hex(string_of(after)));
        checked++;
    }
    assert_int_equal(checked, expected_entries);
}

static void test_numpy(void **state)
{
    (void)state;
    check_raw("numpy_states", 8);
    check_raw("numpy_seeded", 4);
}

static void test_jumps(void **state)
{
    (void)state;
    clade_json_at entries = section("jumps");
    int checked = 0;
    for (size_t i = 0; i < clade_json_size(&entries); i++) {
        clade_json_at entry = clade_json_item(&entries, i), following = clade_json_member(&entry, "next4");
        generator g = {.wide = is_kind(&entry, "pcg64_dxsm"), .pcg32 = clade_pcg32_seeded(42, 54)};
        if (!g.wide && !is_kind(&entry, "pcg32"))
            continue;
        if (g.wide)
            g.dxsm = (clade_rng){.state = hex_at(&entry, "state"), .increment = hex_at(&entry, "inc")};
        advance(&g, hex_at(&entry, "delta"));
        assert_state(&g, hex_at(&entry, "state_after"));
        for (size_t j = 0; j < 4; j++)
            assert_true(next(&g) == (uint64_t)hex(string_of(clade_json_item(&following, j))));
        checked++;
    }
    assert_int_equal(checked, 14 + 8);
}

static void test_bounded(void **state)
{
    (void)state;
    clade_json_at entries = section("bounded");
    int checked = 0;
    for (size_t i = 0; i < clade_json_size(&entries); i++) {
        clade_json_at entry = clade_json_item(&entries, i), values = clade_json_member(&entry, "multiply_shift");
        if (!is_kind(&entry, "pcg64_dxsm"))
            continue;
        clade_rng rng = clade_rng_seeded(42, 54);
        uint64_t bound = (uint64_t)hex_at(&entry, "bound");
        for (size_t j = 0; j < clade_json_size(&values); j++)
            assert_true(clade_rng_below(&rng, bound) == (uint64_t)hex(string_of(clade_json_item(&values, j))));
        assert_true(rng.state == hex_at(&entry, "state_after_multiply_shift"));
        checked++;
    }
    assert_int_equal(checked, 12);
}

static void test_doubles(void **state)
{
    (void)state;
    clade_json_at entries = section("doubles");
    int checked = 0;
    for (size_t i = 0; i < clade_json_size(&entries); i++) {
        clade_json_at entry = clade_json_item(&entries, i), values = clade_json_member(&entry, "values");
        if (!is_kind(&entry, "pcg64_dxsm"))
            continue;
        clade_rng rng = {.state = hex_at(&entry, "state"), .increment = hex_at(&entry, "inc")};
        for (size_t j = 0; j < clade_json_size(&values); j++)
            assert_true(clade_rng_uniform(&rng) == strtod(string_of(clade_json_item(&values, j)), NULL));
        checked++;
    }
    assert_int_equal(checked, 1);
}

static int setup(void **state)
{
    (void)state;
    return clade_json_read(shared_path("golden/pcg/pcg.json"), CLADE_EINPUT, &golden) == CLADE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    clade_json_free(golden);
    return 0;
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demo),    cmocka_unit_test(test_numpy),   cmocka_unit_test(test_jumps),
        cmocka_unit_test(test_bounded), cmocka_unit_test(test_doubles),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
