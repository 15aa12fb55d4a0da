/* Numbers read are those of strtod, to the bit: drawn ones of every length and size, ties between two doubles and their
 * neighbours, the edges of the format; and a locale with a decimal comma changes nothing. */
#include "test.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>

#include "clade/json.h"
#include "clade/rng.h"

enum { DRAWS = 20000 };

/* The one number TEXT, by the reader; its bits. */
static void assert_same_bits(const char *text)
{
    clade_json *document;
    clade_problems problems = {0};
    double value = 0;
    assert_ok(clade_json_parse(text, strlen(text), "n", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document);
    assert_true(clade_json_number(&root, &problems, -INFINITY, INFINITY, &value));
    const double expected = strtod(text, NULL);
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s: found %a, expected %a", text, value, expected);
    clade_json_free(document);
}

static void test_edges(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.000",
        "0e99999999999999999999",
        "0.0e-5",
        "1",
        "-1",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740993.00000000000000000000000001",
        "9007199254740995",
        "18446744073709551615",
        "18446744073709551616",
        "9999999999999999999",
        "99999999999999999999",
        "0.9999999999999999999",
        "0.99999999999999994448884876874217",
        "1.00000000000000011102230246251565404",
        "1.00000000000000011102230246251565405",
        "1e22",
        "1e23",
        "1E+23",
        "8.5e22",
        "1e-27",
        "1e-28",
        "9999999999999999999e-27",
        "9999999999999999999e-28",
        "0.000000000000000000000000001",
        "0.0000000000000000000000000001",
        "5e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "17976931348623157000000000000000000000000000000000000000e253",
        "1e-400",
        "1e-99999999999999999999999999",
        "123456789012345678901234567890.123456789012345678901234567",
        "0.00000000000000000000000000000000000000000000000000000001",
        "1.0000000000000000000000000000000000000000000000000000e-5",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_same_bits(texts[i]);
}

static void test_too_large(void **state)
{
    (void)state;
    static const char *const texts[] = {"1.7976931348623159e308", "-1e309", "1e99999999999999999999999", "10e308"};
    clade_json *document;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_fails(clade_json_parse(texts[i], strlen(texts[i]), "n", CLADE_EINPUT, &document), CLADE_EINPUT,
                     "column 1: the number is out of range");
}

/* Any double, as it is printed, to any number of digits. */
static void test_doubles(void **state)
{
    (void)state;
    clade_rng rng = clade_rng_seeded(1, 1);
    char text[64];
    for (size_t i = 0; i < DRAWS; i++) {
        uint64_t bits = clade_rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            snprintf(text, sizeof text, "%.*e", (int)(i % 24), value);
            assert_same_bits(isfinite(strtod(text, NULL)) ? text : "1");
        }
        snprintf(text, sizeof text, "%.17g", clade_rng_uniform(&rng) * exp(-20 * clade_rng_uniform(&rng)));
        assert_same_bits(text);
    }
}

/* Any digits with a point anywhere, also far in front of them. */
static void test_digits(void **state)
{
    (void)state;
    clade_rng rng = clade_rng_seeded(2, 1);
    char text[64];
    for (size_t i = 0; i < DRAWS; i++) {
        const uint64_t whole = clade_rng_next(&rng) >> clade_rng_below(&rng, 60);
        snprintf(text, sizeof text, "%s%" PRIu64 "e-%" PRIu64, i % 2 ? "-" : "", whole, clade_rng_below(&rng, 32));
        assert_same_bits(text);
        snprintf(text, sizeof text, "%" PRIu64 ".%0*" PRIu64, whole >> 40, (int)(i % 30),
                 clade_rng_below(&rng, UINT64_C(1) << 40));
        assert_same_bits(text);
    }
}

/* An odd number of 54 bits divided by 2^k, k <= 3, lies in the middle of two doubles; so does one times 2, 4, 8. */
static void test_ties(void **state)
{
    (void)state;
    static const char *const fractions[] = {"", ".0", ".5", ".25", ".75", ".125", ".375", ".625", ".875"};
    static const char *const beside[] = {"", "0", "1", "01", "0000000000000000000000001"};
    clade_rng rng = clade_rng_seeded(3, 1);
    char text[64];
    for (size_t i = 0; i < DRAWS; i++) {
        const uint64_t bits = 50 + clade_rng_below(&rng, 14);
        const uint64_t whole = (UINT64_C(1) << bits) + (clade_rng_next(&rng) >> (64 - bits));
        const char *fraction = fractions[clade_rng_below(&rng, sizeof fractions / sizeof *fractions)];
        snprintf(text, sizeof text, "%" PRIu64 "%s%s", whole, fraction,
                 *fraction ? beside[clade_rng_below(&rng, sizeof beside / sizeof *beside)] : "");
        assert_same_bits(text);
    }
}

static void test_locale(void **state)
{
    (void)state;
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "pt_BR.UTF-8"};
    clade_json *document;
    clade_problems problems = {0};
    double few = 0, many = 0;
    for (size_t i = 0; i < sizeof commas / sizeof *commas; i++)
        if (setlocale(LC_NUMERIC, commas[i]))
            break;
    const char *text = "[0.5,1.50000000000000000000000000000]";
    const clade_status status = clade_json_parse(text, strlen(text), "n", CLADE_EINPUT, &document);
    const bool comma = localeconv()->decimal_point[0] == ',';
    (void)setlocale(LC_NUMERIC, "C");
    assert_ok(status);
    const clade_json_at root = clade_json_root(document), first = clade_json_item(&root, 0),
                        second = clade_json_item(&root, 1);
    assert_true(clade_json_number(&first, &problems, 0.5, 0.5, &few));
    assert_true(clade_json_number(&second, &problems, 1.5, 1.5, &many));
    clade_json_free(document);
    if (!comma)
        skip(); /* no such locale is installed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),  cmocka_unit_test(test_too_large), cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_digits), cmocka_unit_test(test_ties),      cmocka_unit_test(test_locale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
