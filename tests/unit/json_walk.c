/* JSON walked as text: every entry in its place, strings decoded, and more values than a tree may have. */
#include "base/json_walk.h"

#include "clade/text.h"
#include "test.h"

static clade_status check(const char *text)
{
    return clade_json_check(text, strlen(text), "test", CLADE_EINPUT);
}

/* Append every entry below the container at AT: "key=value" for plain values, brackets around what is inside. */
static void walk(const char *text, size_t at, clade_text *out)
{
    clade_json_entry entry;
    while (clade_json_next(text, &at, &entry)) {
        int length = (int)(entry.value_end - entry.value);
        clade_text_append(out, "%.*s=", (int)(entry.key_end - entry.key), text + entry.key);
        if (text[entry.value] == '{' || text[entry.value] == '[') {
            clade_text_append(out, "(");
            walk(text, entry.value, out);
            clade_text_append(out, ")");
        } else {
            clade_text_append(out, "%.*s ", length, text + entry.value);
        }
    }
    assert_true(text[at] == '}' || text[at] == ']');
}

static void entries_in_order(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{}", ""},
        {" [ ] ", ""},
        {"[1]", "=1 "},
        {"{\"a\":1,\"b\":[2,{\"c\":null}],\"d\":\"x\"}", "a=1 b=(=2 =(c=null ))d=\"x\" "},
        {"{ \"a\" : [ ] , \"b\\\"\" : { } ,\n\"c\" : -1e5\n}", "a=()b\\\"=()c=-1e5 "},
        {"[\"]\", \"}\\\\\", \"\\\",\", [[[]]], true]", "=\"]\" =\"}\\\\\" =\"\\\",\" =(=(=()))=true "},
        {"[\"a\", \"b\"]", "=\"a\" =\"b\" "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_text out = {0};
        assert_ok(check(cases[i].text));
        walk(cases[i].text, clade_json_skip_space(cases[i].text, 0), &out);
        assert_string_equal(clade_text_get(&out), cases[i].expected);
        clade_text_free(&out);
    }
}

static void members_by_key(void **state)
{
    static const char text[] = "{\"a\": {\"b\": 5}, \"b\": 7, \"c\": 1, \"b\": 8, \"ab\": 9}";
    clade_json_entry entry = {0}, inner;
    uint32_t value = 0;
    (void)state;
    assert_ok(check(text));
    assert_int_equal(clade_json_find(text, 0, "b", &entry), 2);
    assert_true(clade_json_natural(text, &entry, 100, &value));
    assert_int_equal(value, 8);
    assert_int_equal(clade_json_find(text, 0, "z", &entry), 0);
    assert_int_equal(clade_json_find(text, 0, "a", &entry), 1);
    assert_int_equal(clade_json_find(text, entry.value, "b", &inner), 1);
    assert_true(clade_json_natural(text, &inner, 5, &value));
    assert_false(clade_json_natural(text, &inner, 4, &value));
    assert_int_equal(value, 5);
    assert_int_equal(clade_json_find(text, inner.value, "b", &entry), 0); /* a number has no members */
}

static void only_plain_integers(void **state)
{
    static const char text[] = "[-1, 1.0, 1e2, \"1\", null, 99999999999999999999999, 4294967296]";
    clade_json_entry entry;
    uint32_t value = 77;
    (void)state;
    for (size_t at = 0; clade_json_next(text, &at, &entry);)
        assert_false(clade_json_natural(text, &entry, UINT32_MAX, &value));
    assert_int_equal(value, 77);
}

static void strings_decoded(void **state)
{
    static const struct {
        const char *json, *expected;
    } cases[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u0120\\u2581\\uD83D\\ude00\"", "A\xc3\xa9\xc4\xa0\xe2\x96\x81\xf0\x9f\x98\x80"},
        {"\"\xe2\x96\x81the\"", "\xe2\x96\x81the"},
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(check(cases[i].json));
        size_t length = clade_json_decode(cases[i].json, 1, strlen(cases[i].json) - 1, out);
        assert_int_equal(length, strlen(cases[i].expected));
        assert_string_equal(out, cases[i].expected);
        assert_true(length + 1 <= strlen(cases[i].json) - 1);
    }
}

static void the_check_is_strict(void **state)
{
    static const char *const bad[] = {"",     "{",           "[1,]",  "{\"a\":1,}", "{'a':1}",
                                      "[01]", "\"\\u0000\"", "[1] 2", "\"\n\""};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_fails(check(bad[i]), CLADE_EINPUT, "test: line 1");
}

static void more_values_than_a_tree_may_have(void **state)
{
    enum { VALUES = (1 << 20) + 100 };
    clade_text text = {0};
    clade_json_entry entry;
    size_t count = 0;
    (void)state;
    clade_text_append_bytes(&text, "[0", 2);
    for (size_t i = 1; i < VALUES; i++)
        clade_text_append_bytes(&text, ",0", 2);
    clade_text_append_bytes(&text, "]", 1);
    assert_ok(clade_json_check(clade_text_get(&text), text.length, "test", CLADE_EINPUT));
    for (size_t at = 0; clade_json_next(clade_text_get(&text), &at, &entry);)
        count++;
    assert_int_equal(count, VALUES);
    clade_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_in_order),    cmocka_unit_test(members_by_key),
        cmocka_unit_test(only_plain_integers), cmocka_unit_test(strings_decoded),
        cmocka_unit_test(the_check_is_strict), cmocka_unit_test(more_values_than_a_tree_may_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
