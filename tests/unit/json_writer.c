/* The JSON writer: what it writes, the reader reads; an object of many keys. */
#include "test.h"

#include <math.h>

#include "clade/json.h"

static clade_status parse(const char *text, clade_json **document)
{
    return clade_json_parse(text, strlen(text), "t.json", CLADE_ECONFIG, document);
}

static void write_sample(clade_json_writer *writer)
{
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "text", "a\"\\\n\x01\xC3\xA9");
    clade_json_put_string(writer, "none", NULL);
    clade_json_begin_array(writer, "numbers");
    clade_json_put_number(writer, NULL, 0.1);
    clade_json_put_number(writer, NULL, NAN);
    clade_json_put_integer(writer, NULL, INT64_MIN);
    clade_json_put_u64(writer, NULL, UINT64_C(1) << 53);
    clade_json_put_u64(writer, NULL, UINT64_MAX);
    clade_json_end_array(writer);
    clade_json_begin_object(writer, "empty");
    clade_json_end_object(writer);
    clade_json_put_bool(writer, "yes", true);
    clade_json_put_raw(writer, "raw", "[1,2]");
    clade_json_end_object(writer);
}

static void test_writer(void **state)
{
    (void)state;
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    write_sample(&writer);
    assert_string_equal(clade_text_get(&text),
                        "{\"text\":\"a\\\"\\\\\\u000a\\u0001\xC3\xA9\",\"none\":null,\"numbers\":[0.1,null,"
                        "-9223372036854775808,9007199254740992,\"18446744073709551615\"],\"empty\":{},\"yes\":true,"
                        "\"raw\":[1,2]}");
    clade_text_clear(&text);
    writer = clade_json_writer_to(&text, true);
    write_sample(&writer);
    assert_string_equal(
        clade_text_get(&text),
        "{\n  \"text\": \"a\\\"\\\\\\u000a\\u0001\xC3\xA9\",\n  \"none\": null,\n  \"numbers\": [\n    0.1,\n"
        "    null,\n    -9223372036854775808,\n    9007199254740992,\n    \"18446744073709551615\"\n  ],\n"
        "  \"empty\": {},\n  \"yes\": true,\n  \"raw\": [1,2]\n}");
    clade_text_free(&text);
}

/* Whatever bytes a name has, what is written is JSON. */
static void test_any_bytes(void **state)
{
    (void)state;
    clade_text text = {0};
    clade_json *document;
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "a\xc3", "\xff\xc3\xa9\xed\xa0\x80.");
    clade_json_end_object(&writer);
    assert_string_equal(clade_text_get(&text), "{\"a\\ufffd\":\"\\ufffd\xc3\xa9\\ufffd\\ufffd\\ufffd.\"}");
    assert_ok(parse(clade_text_get(&text), &document));
    clade_json_free(document);
    clade_text_free(&text);
}

static void test_print(void **state)
{
    (void)state;
    const char *source = "{\"a\":[1.50,1E5,9007199254740993,-0,true,false,null,\"x\\\"\\u0007\"],\"b\":{\"c\":{}}}";
    clade_json *document;
    clade_text text = {0};
    assert_ok(parse(source, &document));
    clade_json_at root = clade_json_root(document), absent = clade_json_member(&root, "zz");
    clade_json_print(&root, &text);
    assert_string_equal(clade_text_get(&text), source);
    clade_text_clear(&text);
    clade_json_print(&absent, &text);
    assert_string_equal(clade_text_get(&text), "null");
    clade_text_free(&text);
    clade_json_free(document);
}

/* A weight map of a very large model is read and walked in no time. */
static void test_large(void **state)
{
    (void)state;
    enum { KEYS = 100000 };
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, true);
    clade_json_begin_object(&writer, NULL);
    for (int i = 0; i < KEYS; i++) {
        char key[32];
        snprintf(key, sizeof key, "layer.%d", i);
        clade_json_put_integer(&writer, key, i);
    }
    clade_json_end_object(&writer);
    clade_json *document;
    assert_ok(clade_json_parse(text.data, text.length, "large", CLADE_EINPUT, &document));
    clade_json_at root = clade_json_root(document);
    clade_problems problems = {0};
    for (int64_t i = 0; i < KEYS; i++) {
        int64_t value;
        clade_json_at item = clade_json_item(&root, (size_t)i);
        assert_true(clade_json_integer(&item, &problems, i, i, &value));
    }
    clade_json_free(document);
    clade_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
