/* UTF-8: every scalar value there and back, and what is none. */
#include "test.h"

#include "clade/utf8.h"

static void every_character_comes_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[4];
        uint32_t back = 0;
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        const size_t length = clade_utf8_encode(code, bytes);
        assert_int_equal(length, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        assert_int_equal(clade_utf8_decode(bytes, length, &back), length);
        assert_int_equal(back, code);
        assert_int_equal(clade_utf8_decode(bytes, length - (length > 1), &back), length > 1 ? 0 : 1);
    }
}

/* Of all pairs of bytes, and all triples that begin with one of the leads that have gaps behind them. */
static void nothing_else_is_one(void **state)
{
    (void)state;
    size_t pairs = 0, triples = 0, quadruples = 0;
    uint32_t code;
    for (unsigned i = 0; i < 0x10000; i++) {
        const char pair[] = {(char)(i >> 8), (char)i};
        pairs += clade_utf8_decode(pair, 2, &code) == 2;
        for (unsigned lead = 0xe0; lead <= 0xef; lead++) {
            const char triple[] = {(char)lead, pair[0], pair[1]};
            triples += clade_utf8_decode(triple, 3, &code) == 3;
        }
        for (unsigned lead = 0xf0; lead <= 0xff; lead++) {
            const char quadruple[] = {(char)lead, pair[0], pair[1], (char)0xbf};
            quadruples += clade_utf8_decode(quadruple, 4, &code) == 4;
        }
    }
    assert_int_equal(pairs, 0x800 - 0x80);
    assert_int_equal(triples, 0x10000 - 0x800 - 0x800); /* less the surrogates */
    assert_int_equal(quadruples, 0x100000 / 64);
}

static void the_first_bad_byte_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t valid;
    } rows[] = {{"", 0},
                {"plain", 5},
                {"\xc3\xa9t\xc3\xa9", 5},
                {"a\xff", 1},
                {"a\xc3", 1},
                {"ab\xc0\x80", 2},               /* overlong */
                {"\xe2\x82\xac\xed\xa0\x80", 3}, /* a surrogate */
                {"\xf4\x90\x80\x80", 0}};        /* above U+10FFFF */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(clade_utf8_valid(rows[i].text, strlen(rows[i].text)), rows[i].valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_character_comes_back),
                                       cmocka_unit_test(nothing_else_is_one),
                                       cmocka_unit_test(the_first_bad_byte_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
