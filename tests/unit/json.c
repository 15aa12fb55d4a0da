/* The JSON reader refuses what RFC 8259 forbids, says where, and keeps integers exact. */
#include "test.h"

#include <math.h>

#include "clade/json.h"

static clade_status parse(const char *text, clade_json **document)
{
    return clade_json_parse(text, strlen(text), "t.json", CLADE_ECONFIG, document);
}

static void test_accepted(void **state)
{
    (void)state;
    const char *const texts[] = {
        "0",
        "-0",
        "1.5e-3",
        "1E+2",
        "true",
        " null ",
        "\"\"",
        "[]",
        "{}",
        "\t\r\n[1 , 2]\n",
        "{\"a\":{\"a\":1},\"b\":1}",
        "\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\\\"\"",
        "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x7f\"",
        "\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"",
        "[1,\"-5,3\",2]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        clade_json *document;
        assert_ok(parse(texts[i], &document));
        clade_json_free(document);
    }
}

static const struct {
    const char *text, *message;
} refused[] = {
    {"", "line 1, column 1: found the end of the text, expected a JSON value"},
    {"  ", "column 3: found the end"},
    {"\xEF\xBB\xBF{}", "byte order mark"},
    {"[1,]", "line 1, column 4: found ']', expected a JSON value"},
    {"{\"a\":1,}", "expected a key in double quotes"},
    {"{\n \"a\" 1}", "line 2, column 6: found '1', expected ':'"},
    {"{a:1}", "column 2: found 'a', expected a key"},
    {"{'a':1}", "found '''"},
    {"[1 2]", "expected ',' or ']'"},
    {"{\"a\":1 \"b\":2}", "expected ',' or '}'"},
    {"[1] x", "found 'x', expected nothing after the value"},
    {"[1]\v", "found byte 0x0B"},
    {"\f1", "found byte 0x0C"},
    {"01", "leading zero"},
    {"-01", "leading zero"},
    {"+1", "found '+'"},
    {".5", "found '.'"},
    {"1.", "expected a digit"},
    {"1.e3", "expected a digit"},
    {"1e", "expected a digit"},
    {"-", "expected a digit"},
    {"0x10", "found 'x'"},
    {"NaN", "expected a JSON value"},
    {"Infinity", "expected a JSON value"},
    {"-Infinity", "expected a digit"},
    {"1e999", "column 1: the number is out of range"},
    {"[1,\"2\",-1e400]", "column 8: the number is out of range"},
    {"1234567890123456789012345678901234567890123456789012345678901", "at most 60"},
    {"tru", "expected a JSON value"},
    {"truex", "nothing after"},
    {"True", "expected a JSON value"},
    {"\"a", "closing"},
    {"\"a\nb\"", "raw control byte"},
    {"\"\x01\"", "found byte 0x01"},
    {"\"\\x\"", "after a backslash"},
    {"\"\\", "after a backslash"},
    {"\"\\u12g4\"", "four hex digits"},
    {"\"\\u12", "four hex digits"},
    {"\"\\u0000\"", "NUL"},
    {"\"\\ud800\"", "pair of surrogates"},
    {"\"\\ud800\\n\"", "pair of surrogates"},
    {"\"\\ud800\\ud800\"", "pair of surrogates"},
    {"\"\\udc00\"", "pair of surrogates"},
    {"\"\x80\"", "expected UTF-8"},
    {"\"\xC0\x80\"", "expected UTF-8"},
    {"\"\xC3\"", "continuation"},
    {"\"\xE0\x9F\xBF\"", "continuation"},
    {"\"\xED\xA0\x80\"", "continuation"},
    {"\"\xF0\x8F\xBF\xBF\"", "continuation"},
    {"\"\xF4\x90\x80\x80\"", "continuation"},
    {"\"\xF5\x80\x80\x80\"", "expected UTF-8"},
    {"\xC3\xA9", "expected a JSON value"},
    {"{\"a\":1,\"b\":{\"c\":1,\"d\":2,\"c\":3}}", "\"c\" is given twice"},
    {"{\"a\":1,\"\\u0061\":2}", "\"a\" is given twice"},
    {"// x\n1", "found '/'"},
    {"{\"a\\n\":\"\\n\\n\\u0041\",\n \"b\":-}", "line 2, column 7: found '}', expected a digit"},
    {"[\"\\n\\n\",\n1e999]", "line 2, column 1: the number is out of range"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        clade_json *document;
        assert_fails(parse(refused[i].text, &document), CLADE_ECONFIG, refused[i].message);
        assert_null(document);
        assert_memory_equal(clade_error_message(), "t.json: ", 8);
    }
    clade_json *document;
    assert_fails(clade_json_parse("1\0", 2, "n", CLADE_EINPUT, &document), CLADE_EINPUT, "byte 0x00");
    assert_fails(clade_json_parse("\"\0\"", 3, "n", CLADE_EINPUT, &document), CLADE_EINPUT, "raw control byte");
}

/* What is escaped is decoded, in keys too; empty containers and strings beside it stay what they are. */
static void test_strings(void **state)
{
    (void)state;
    const char *source = "{\"\\u006be\\ty\":\"\\u00e9\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\\\\\\"\",\"\":\"\",\"plain\":"
                         "[\"a\",{},[],\"\\u0041\\u0041\",[[]]]}";
    clade_json *document;
    clade_problems problems = {0};
    const char *text = NULL;
    assert_ok(parse(source, &document));
    const clade_json_at root = clade_json_root(document), first = clade_json_member(&root, "ke\ty"),
                        empty = clade_json_member(&root, ""), list = clade_json_member(&root, "plain"),
                        letters = clade_json_item(&list, 3), last = clade_json_item(&list, 4);
    assert_true(clade_json_string(&first, &problems, &text));
    assert_string_equal(text, "\xC3\xA9\xF0\x9F\x98\x80/\b\f\n\r\t\\\"");
    assert_string_equal(clade_json_key(&first), "ke\ty");
    assert_true(clade_json_string(&empty, &problems, &text));
    assert_string_equal(text, "");
    assert_true(clade_json_string(&letters, &problems, &text));
    assert_string_equal(text, "AA");
    assert_int_equal(clade_json_size(&list), 5);
    assert_int_equal(clade_json_size(&last), 1);
    assert_int_equal(problems.count, 0);
    clade_json_free(document);
    assert_ok(parse("\"\\u0041\\n\"", &document));
    const clade_json_at alone = clade_json_root(document);
    assert_true(clade_json_string(&alone, &problems, &text));
    assert_string_equal(text, "A\n");
    clade_json_free(document);
}

static void test_caps(void **state)
{
    (void)state;
    char deep[2 * 65 + 1];
    clade_json *document;
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    deep[130] = '\0';
    assert_fails(parse(deep, &document), CLADE_ECONFIG, "nested deeper than 64");
    memmove(deep, deep + 1, 128);
    deep[128] = '\0';
    assert_ok(parse(deep, &document));
    clade_json_free(document);
    size_t count = (1 << 20) + 1;
    char *many = malloc(2 * count);
    assert_non_null(many);
    for (size_t i = 0; i < count; i++)
        memcpy(many + 2 * i, "1,", 2);
    many[0] = '[';
    assert_fails(clade_json_parse(many, 2 * count, "t", CLADE_ECONFIG, &document), CLADE_ECONFIG,
                 "expected a JSON value");
    many[0] = '1';
    memmove(many + 1, many, 2 * count - 1);
    many[0] = '[';
    assert_fails(clade_json_parse(many, 2 * count, "t", CLADE_ECONFIG, &document), CLADE_ECONFIG, "more than 1048576");
    assert_fails(clade_json_parse(many, (size_t)CLADE_JSON_MAX_BYTES + 1, "t", CLADE_ECONFIG, &document), CLADE_EINPUT,
                 "more than");
    free(many);
}

static void test_walk(void **state)
{
    (void)state;
    clade_json *document;
    assert_ok(parse("{\"space\":{\"methods\":[\"ties\",7]},\"A\":1,\"a\":2}", &document));
    clade_json_at root = clade_json_root(document), space = clade_json_member(&root, "space");
    clade_json_at methods = clade_json_member(&space, "methods"), second = clade_json_item(&methods, 1);
    assert_string_equal(clade_json_file(document), "t.json");
    assert_string_equal(root.place, "");
    assert_string_equal(second.place, "space.methods[1]");
    assert_int_equal(clade_json_kind_of(&second), CLADE_JSON_NUMBER);
    assert_int_equal(clade_json_size(&root), 3);
    assert_int_equal(clade_json_size(&methods), 2);
    assert_int_equal(clade_json_size(&second), 0);
    clade_json_at first = clade_json_item(&root, 0), last = clade_json_item(&root, 2);
    assert_string_equal(clade_json_key(&first), "space");
    assert_string_equal(first.place, "space");
    assert_string_equal(clade_json_key(&last), "a");
    assert_null(clade_json_key(&second));
    clade_problems problems = {0};
    int64_t value = 0;
    clade_json_at upper = clade_json_member(&root, "A"), lower = clade_json_member(&root, "a");
    assert_true(clade_json_integer(&upper, &problems, 0, 9, &value) && value == 1);
    assert_true(clade_json_integer(&lower, &problems, 0, 9, &value) && value == 2);
    clade_json_at none = clade_json_member(&root, "none"), deeper = clade_json_member(&none, "x");
    clade_json_at past = clade_json_item(&methods, 2), nothing = clade_json_root(NULL);
    assert_int_equal(clade_json_kind_of(&none), CLADE_JSON_ABSENT);
    assert_string_equal(deeper.place, "none.x");
    assert_int_equal(clade_json_kind_of(&deeper), CLADE_JSON_ABSENT);
    assert_string_equal(past.place, "space.methods[2]");
    assert_int_equal(clade_json_kind_of(&past), CLADE_JSON_ABSENT);
    assert_int_equal(clade_json_kind_of(&nothing), CLADE_JSON_ABSENT);
    assert_int_equal(problems.count, 0);
    char key[300];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    clade_json_at cut = clade_json_member(&space, key);
    assert_int_equal(strlen(cut.place), sizeof cut.place - 1);
    assert_string_equal(cut.place + sizeof cut.place - 4, "...");
    clade_json_free(document);
    clade_json_free(NULL);
}

/* One wrong value per getter; the messages are what a user sees. */
static void test_messages(void **state)
{
    (void)state;
    clade_json *document;
    assert_ok(
        parse("{\"n\":1.5,\"s\":\"x\",\"o\":{},\"f\":false,\"big\":9007199254740993,\"e\":1e2,\"neg\":-1}", &document));
    clade_json_at root = clade_json_root(document);
    clade_json_at n = clade_json_member(&root, "n"), s = clade_json_member(&root, "s"),
                  o = clade_json_member(&root, "o");
    clade_json_at f = clade_json_member(&root, "f"), big = clade_json_member(&root, "big");
    clade_json_at e = clade_json_member(&root, "e"), neg = clade_json_member(&root, "neg");
    clade_json_at none = clade_json_member(&root, "none");
    clade_problems problems = {0};
    const char *text = "untouched";
    double number = 5;
    int64_t integer = 5;
    uint64_t natural = 5;
    bool truth = true;
    assert_false(clade_json_string(&none, &problems, &text));
    assert_false(clade_json_number(&n, &problems, 0, 1, &number));
    assert_false(clade_json_number(&s, &problems, -INFINITY, INFINITY, &number));
    assert_false(clade_json_number(&neg, &problems, 0, INFINITY, &number));
    assert_false(clade_json_integer(&n, &problems, 0, 10, &integer));
    assert_false(clade_json_integer(&e, &problems, 0, 1000, &integer));
    assert_false(clade_json_integer(&big, &problems, 0, INT64_C(1) << 53, &integer));
    assert_false(clade_json_u64(&big, &problems, &natural));
    assert_false(clade_json_bool(&o, &problems, &truth));
    assert_false(clade_json_is(&f, &problems, CLADE_JSON_ARRAY));
    clade_json_problem(&n, &problems, "too %s", "odd");
    clade_json_problem(&root, &problems, "at the root");
    assert_true(text[0] == 'u' && number == 5 && integer == 5 && natural == 5 && truth);
    assert_int_equal(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG);
    assert_string_equal(
        clade_error_message(),
        "t.json: none: found nothing, expected a string\n"
        "t.json: n: found 1.5, expected a number from 0 to 1\n"
        "t.json: s: found \"x\", expected a number\n"
        "t.json: neg: found -1, expected a number of at least 0\n"
        "t.json: n: found 1.5, expected an integer from 0 to 10\n"
        "t.json: e: found 1e2, expected an integer from 0 to 1000\n"
        "t.json: big: found 9007199254740993, expected an integer of at least 0\n"
        "t.json: big: found 9007199254740993, expected an integer from 0 to 2^53, or one up to 2^64-1 as a "
        "decimal string\n"
        "t.json: o: found an object, expected true or false\n"
        "t.json: f: found false, expected an array\n"
        "t.json: n: too odd\n"
        "t.json: at the root");
    clade_json_free(document);
}

static void test_integers(void **state)
{
    (void)state;
    clade_json *document;
    assert_ok(parse("[9007199254740992,-9007199254740992,\"18446744073709551615\",\"0\",-0,"
                    "\"18446744073709551616\",\"01\",\"-1\",\"\",\"1 \",-1,1.0,9007199254740992.5]",
                    &document));
    clade_json_at root = clade_json_root(document);
    clade_problems problems = {0};
    const int64_t limit = INT64_C(1) << 53;
    int64_t integer;
    uint64_t natural;
    clade_json_at at = clade_json_item(&root, 0);
    assert_true(clade_json_integer(&at, &problems, -limit, limit, &integer) && integer == limit);
    assert_true(clade_json_u64(&at, &problems, &natural) && natural == (uint64_t)limit);
    at = clade_json_item(&root, 1);
    assert_true(clade_json_integer(&at, &problems, -limit, limit, &integer) && integer == -limit);
    at = clade_json_item(&root, 2);
    assert_true(clade_json_u64(&at, &problems, &natural) && natural == UINT64_MAX);
    at = clade_json_item(&root, 3);
    assert_true(clade_json_u64(&at, &problems, &natural) && natural == 0);
    at = clade_json_item(&root, 4);
    assert_true(clade_json_integer(&at, &problems, 0, 0, &integer) && integer == 0);
    assert_int_equal(problems.count, 0);
    for (size_t i = 5; i < clade_json_size(&root); i++) {
        at = clade_json_item(&root, i);
        assert_false(clade_json_u64(&at, &problems, &natural));
    }
    at = clade_json_item(&root, 12);
    assert_false(clade_json_integer(&at, &problems, -limit, limit, &integer));
    assert_int_equal(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG);
    clade_json_free(document);
}

static void test_only(void **state)
{
    (void)state;
    const char *const known[] = {"seed", "budget"};
    clade_json *document;
    assert_ok(parse("{\"seed\":1,\"bugdet\":{},\"zzzzz\":0}", &document));
    clade_json_at root = clade_json_root(document);
    clade_problems problems = {0};
    clade_json_only(&root, &problems, known, 2);
    assert_int_equal(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG);
    assert_string_equal(clade_error_message(), "t.json: unknown key \"bugdet\"; did you mean \"budget\"?\n"
                                               "t.json: unknown key \"zzzzz\"; known: seed, budget");
    clade_json_free(document);
}

static clade_status read_once(void *path)
{
    clade_json *document;
    CLADE_TRY(clade_json_read(path, CLADE_ECONFIG, &document));
    clade_json_free(document);
    return CLADE_OK;
}

static void test_read(void **state)
{
    (void)state;
    char folder[TEST_PATH], path[TEST_PATH];
    make_temporary_folder(folder);
    snprintf(path, sizeof path, "%s", path_in(folder, "a.json"));
    const char source[] = "{\"a\":[1,2,{\"b\":\"c\"}]}";
    write_test_file(path, source, sizeof source - 1);
    check_every_allocation(read_once, path);
    clade_json *document;
    write_test_file(path, "[1", 2);
    assert_fails(clade_json_read(path, CLADE_ECONFIG, &document), CLADE_ECONFIG, "a.json: line 1, column 3");
    write_test_file(path, "", 0);
    assert_fails(clade_json_read(path, CLADE_EINPUT, &document), CLADE_EINPUT, "the end of the text");
    assert_fails(clade_json_read(folder, CLADE_ECONFIG, &document), CLADE_EINPUT, "cannot open");
    remove_temporary_folder(folder);
    assert_fails(clade_json_read(path, CLADE_ECONFIG, &document), CLADE_EINPUT, "cannot open");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted), cmocka_unit_test(test_refused),  cmocka_unit_test(test_caps),
        cmocka_unit_test(test_walk),     cmocka_unit_test(test_messages), cmocka_unit_test(test_integers),
        cmocka_unit_test(test_only),     cmocka_unit_test(test_read),     cmocka_unit_test(test_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
