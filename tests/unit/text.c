/* Growable texts, numbers as text, lists of problems, "did you mean". */
#include "test.h"

#include <math.h>

#include "clade/rng.h"
#include "clade/text.h"

static void test_append(void **state)
{
    (void)state;
    clade_text text = {0};
    assert_string_equal(clade_text_get(&text), "");
    clade_text_append(&text, "%d-%s", 5, "x");
    clade_text_append_bytes(&text, "yz\0w", 4);
    assert_int_equal(text.length, 7);
    assert_memory_equal(text.data, "5-xyz\0w", 8);
    clade_text_clear(&text);
    assert_string_equal(clade_text_get(&text), "");
    for (int i = 0; i < 10000; i++)
        clade_text_append(&text, "%04d", i);
    assert_int_equal(text.length, 40000);
    assert_memory_equal(text.data + 4 * 1234, "12341235", 8);
    assert_ok(clade_text_status(&text));
    clade_text_free(&text);
    clade_text_append_bytes(&text, "", 0);
    assert_non_null(text.data);
    clade_text_free(&text);
}

static clade_status build(void *context)
{
    (void)context;
    clade_text text = {0};
    for (int i = 0; i < 100; i++)
        clade_text_append(&text, "line %d\n", i);
    clade_status status = clade_text_status(&text);
    clade_text_free(&text);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    check_every_allocation(build, NULL);
}

static const char *number_text(double number)
{
    static clade_text text;
    static char copy[64];
    clade_text_append_number(&text, number);
    snprintf(copy, sizeof copy, "%s", clade_text_get(&text));
    clade_text_free(&text);
    return copy;
}

static void test_numbers(void **state)
{
    (void)state;
    assert_string_equal(number_text(0.1), "0.1");
    assert_string_equal(number_text(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(number_text(100000), "100000");
    assert_string_equal(number_text(-0.0), "-0");
    assert_string_equal(number_text(1e300), "1e+300");
    assert_string_equal(number_text(5e-324), "5e-324");
    assert_string_equal(number_text(2.2250738585072014e-308), "2.2250738585072014e-308");
    assert_string_equal(number_text(9007199254740993.0), "9007199254740992");
    assert_string_equal(number_text(NAN), "null");
    assert_string_equal(number_text(-INFINITY), "null");
    uint64_t key = 3;
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = clade_rng_next(&rng);
        double number;
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number))
            assert_true(strtod(number_text(number), NULL) == number);
    }
}

static void test_problems(void **state)
{
    (void)state;
    clade_problems problems = {0};
    assert_ok(clade_problems_end(&problems, CLADE_ECONFIG));
    clade_problem(&problems, "one %d", 1);
    clade_problem(&problems, "two");
    assert_int_equal(problems.count, 2);
    assert_int_equal(clade_problems_end(&problems, CLADE_ECONFIG), CLADE_ECONFIG);
    assert_string_equal(clade_error_message(), "one 1\ntwo");
    assert_int_equal(problems.count, 0);
    assert_null(problems.text.data);
}

static void test_nearest(void **state)
{
    (void)state;
    const char *const words[] = {"task_arithmetic", "ties", "dare_ties", "slerp", "linear"};
    const size_t count = sizeof words / sizeof words[0];
    assert_string_equal(clade_nearest_word("tise", words, count), "ties");
    assert_string_equal(clade_nearest_word("tie", words, count), "ties");
    assert_string_equal(clade_nearest_word("task_aritmetic", words, count), "task_arithmetic");
    assert_string_equal(clade_nearest_word("dareties", words, count), "dare_ties");
    assert_null(clade_nearest_word("zzzzzz", words, count));
    assert_null(clade_nearest_word("lixaaa", words, count)); /* three away, two allowed */
    assert_string_equal(clade_nearest_word("linaar", words, count), "linear");
    assert_null(clade_nearest_word("", words, count));
    assert_null(clade_nearest_word("x", words, 0));
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(clade_nearest_word(longest, words, count));
    const char *const tied[] = {"ab", "ac"};
    assert_string_equal(clade_nearest_word("a", tied, 2), "ab");
}

static void test_suggestion(void **state)
{
    (void)state;
    const char *const words[] = {"seed", "base"};
    clade_text text = {0};
    clade_append_suggestion(&text, "sead", words, 2);
    assert_string_equal(clade_text_get(&text), "; did you mean \"seed\"?");
    clade_text_clear(&text);
    clade_append_suggestion(&text, "zzzz", words, 2);
    assert_string_equal(clade_text_get(&text), "; known: seed, base");
    clade_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),   cmocka_unit_test(test_no_memory), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_problems), cmocka_unit_test(test_nearest),   cmocka_unit_test(test_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
