/* YAML as trees: documents, anchors, merge keys, what scalars mean, and hostile files, each refused quickly and in
 * little memory. */
#include "test.h"

#include "clade/text.h"
#include "merge/yaml_tree.h"

static clade_status parse(const char *text, clade_yaml **file)
{
    return clade_yaml_parse(text, strlen(text), "a.yml", file);
}

static void documents(void **state)
{
    clade_yaml *file;
    (void)state;
    assert_ok(parse("a: &x 1\n---\nb: &x 2\nc: *x\n---\nd: 3\n", &file));
    assert_int_equal(clade_yaml_documents(file), 3);
    assert_string_equal(clade_yaml_get(clade_yaml_root(file, 0), "a")->text, "1");
    assert_string_equal(clade_yaml_get(clade_yaml_root(file, 1), "c")->text, "2");
    assert_int_equal(clade_yaml_root(file, 2)->line, 6);
    assert_null(clade_yaml_get(clade_yaml_root(file, 2), "a"));
    clade_yaml_free(file);
    assert_fails(parse("a: &x 1\n---\nb: *x\n", &file), CLADE_ECONFIG, "a.yml:3: found the alias *x");
    assert_fails(parse("a: 1\n---\n- b\n", &file), CLADE_ECONFIG, ":3: found no mapping at the top");
    assert_fails(parse("a: 1\n---\n", &file), CLADE_ECONFIG, "no mapping at the top");
    assert_fails(parse("", &file), CLADE_ECONFIG, "no mapping at the top");
}

static void merge_keys(void **state)
{
    clade_yaml *file;
    (void)state;
    assert_ok(parse("p: &p {a: 1, b: 2}\nq: &q {b: 3, c: 4}\nr: {<<: [*p, *q], a: 0}\ns: {<<: *q, <<x: 1}\n", &file));
    const clade_yaml_node *r = clade_yaml_get(clade_yaml_root(file, 0), "r");
    assert_string_equal(clade_yaml_get(r, "a")->text, "0");
    assert_string_equal(clade_yaml_get(r, "b")->text, "2");
    assert_string_equal(clade_yaml_get(r, "c")->text, "4");
    assert_int_equal(r->count, 3);
    clade_yaml_free(file);
    assert_fails(parse("a: {<<: 5}\n", &file), CLADE_ECONFIG, "after \"<<\"");
    assert_fails(parse("a: &a {<<: *a}\n", &file), CLADE_ECONFIG, "the alias *a");
    assert_fails(parse("a: &a [1, *a]\n", &file), CLADE_ECONFIG, "the alias *a");
}

static const struct {
    const char *text;
    double value;
} numbers[] = {
    {"1", 1},   {"-0.5", -0.5}, {"+2.", 2}, {".5", 0.5}, {"1e-5", 1e-5}, {"1E+3", 1000}, {"\"1e-3\"", 1e-3},
    {"'7'", 7}, {"true", 1},    {"Yes", 1}, {"ON", 1},   {"false", 0},   {"No", 0},      {"off", 0},
};
static const char *const no_numbers[] = {"'true'", "y", "0x10", ".inf", ".nan", "1e999", "1_000", "12:30",
                                         "e5",     ".", "",     "~",    "nan",  "inf",   "1 2",   "[1]"};

static void scalars(void **state)
{
    char text[64];
    clade_yaml *file;
    double value = 0;
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(text, sizeof text, "a: %s\n", numbers[i].text);
        assert_ok(parse(text, &file));
        assert_true(clade_yaml_number(clade_yaml_get(clade_yaml_root(file, 0), "a"), &value));
        assert_true(value == numbers[i].value);
        clade_yaml_free(file);
    }
    for (size_t i = 0; i < sizeof no_numbers / sizeof no_numbers[0]; i++) {
        snprintf(text, sizeof text, "a: %s\n", no_numbers[i]);
        assert_ok(parse(text, &file));
        assert_false(clade_yaml_number(clade_yaml_get(clade_yaml_root(file, 0), "a"), &value));
        clade_yaml_free(file);
    }
    assert_ok(parse("a: ~\nb: null\nc:\nd: 'null'\ne: ''\n", &file));
    const clade_yaml_node *root = clade_yaml_root(file, 0);
    assert_true(clade_yaml_is_null(clade_yaml_get(root, "a")) && clade_yaml_is_null(clade_yaml_get(root, "b")));
    assert_true(clade_yaml_is_null(clade_yaml_get(root, "c")) && clade_yaml_is_null(clade_yaml_get(root, "none")));
    assert_false(clade_yaml_is_null(clade_yaml_get(root, "d")) || clade_yaml_is_null(clade_yaml_get(root, "e")));
    clade_yaml_free(file);
}

/* ---- hostile files ---- */

static const struct {
    const char *head, *part;
    size_t times;
    const char *expected;
} repeated[] = {
    {"a: ", "[", 100000, "levels of nesting"},
    {"a: ", "- ", 100000, ""},
    {"a: [", "1,", 100000, "more than 65536"},
    {"", "aaaaaaaaaaaaaaaa", 100000, "expected at most 1048576"},
    {"a: [", "&x 1,", 5000, "more than 1024 anchors"},
    {"a: &x {p: 1, q: 2, r: 3}\nb:\n  <<: [", "*x,", 40000, ""},
    {"a: 1\n", "---\na: 1\n", 100, "more than 64 documents"},
    {"a: &x [1]\nb: [", "*x,", 70000, "more than 65536 entries"},
};

static void hostile(void **state)
{
    clade_text text = {0};
    clade_yaml *file;
    (void)state;
    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++) {
        clade_text_clear(&text);
        clade_text_append(&text, "%s", repeated[i].head);
        for (size_t k = 0; k < repeated[i].times; k++)
            clade_text_append(&text, "%s", repeated[i].part);
        assert_fails(parse(clade_text_get(&text), &file), CLADE_ECONFIG, repeated[i].expected);
    }
    clade_text_clear(&text);
    for (int i = 0; i < 100000; i++)
        clade_text_append(&text, "k%d: 1\n", i);
    assert_fails(parse(clade_text_get(&text), &file), CLADE_ECONFIG, "more than 4096 keys");
    clade_text_free(&text);
}

/* 9^20 values if aliases were copied: they are shared. */
static void laughs(void **state)
{
    clade_text text = {0};
    clade_yaml *file;
    (void)state;
    clade_text_append(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 20; i++) {
        clade_text_append(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            clade_text_append(&text, "%s*a%d", k > 0 ? ", " : "", i - 1);
        clade_text_append(&text, "]\n");
    }
    assert_ok(parse(clade_text_get(&text), &file));
    assert_int_equal(clade_yaml_get(clade_yaml_root(file, 0), "a19")->count, 9);
    clade_yaml_free(file);
    clade_text_free(&text);
    assert_int_equal(clade_alloc_live(), 0);
}

static clade_status attempt(void *context)
{
    clade_yaml *file;
    (void)context;
    clade_status status = parse("a: &x {b: [1, 2], c: d}\ne: {<<: *x, f: [*x]}\n---\ng: &y h\n", &file);
    if (status == CLADE_OK)
        clade_yaml_free(file);
    return status;
}

static void every_allocation(void **state)
{
    (void)state;
    check_every_allocation(attempt, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents), cmocka_unit_test(merge_keys), cmocka_unit_test(scalars),
        cmocka_unit_test(hostile),   cmocka_unit_test(laughs),     cmocka_unit_test(every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
