/* Ranks, crowding, hypervolume and the two operators against ../shared/golden/multiobjective (pymoo, moocore and exact
 * arithmetic; tolerances as its README states them). */
#include "test.h"

#include <math.h>

#include "clade/json.h"
#include "search/pareto.h"
#include "search/variation.h"

enum { MAX_POINTS = 256, MAX_M = 8 };

static clade_json *document;

/* A number, or a number written as a string: "0.5", "inf", and "np.float64(0.5)" where numpy's repr got into the file.
 */
static double number_of(const clade_json_at *at)
{
    static const char *const wrapper = "np.float64(";
    clade_problems problems = {0};
    double value = NAN;
    const char *text;
    if (clade_json_kind_of(at) == CLADE_JSON_STRING && clade_json_string(at, &problems, &text))
        value = strtod(strncmp(text, wrapper, strlen(wrapper)) == 0 ? text + strlen(wrapper) : text, NULL);
    else if (!clade_json_number(at, &problems, -INFINITY, INFINITY, &value))
        fail_msg("%s", clade_text_get(&problems.text));
    return value;
}

static double number_at(const clade_json_at *at, const char *key)
{
    const clade_json_at member = clade_json_member(at, key);
    return number_of(&member);
}

static size_t numbers_at(const clade_json_at *at, const char *key, double *out, size_t most)
{
    const clade_json_at list = clade_json_member(at, key);
    const size_t n = clade_json_size(&list);
    assert_true(n <= most);
    for (size_t i = 0; i < n; i++) {
        const clade_json_at item = clade_json_item(&list, i);
        out[i] = number_of(&item);
    }
    return n;
}

/* Member "points": (n, m). */
static size_t points_at(const clade_json_at *at, double *points, size_t m)
{
    const clade_json_at list = clade_json_member(at, "points");
    const size_t n = clade_json_size(&list);
    assert_true(n <= MAX_POINTS && m <= MAX_M);
    for (size_t i = 0; i < n; i++) {
        const clade_json_at row = clade_json_item(&list, i);
        assert_int_equal(clade_json_size(&row), m);
        for (size_t k = 0; k < m; k++) {
            const clade_json_at item = clade_json_item(&row, k);
            points[i * m + k] = number_of(&item);
        }
    }
    return n;
}

static void assert_near(double found, double expected, double tolerance, const char *what, size_t id)
{
    if (isinf(expected) ? found < expected : !(fabs(found - expected) <= tolerance))
        fail_msg("case %zu, %s: found %.17g, expected %.17g", id, what, found, expected);
}

/* The cases of a golden file, checked one by one; at least LEAST of them. */
static void each_case(const char *file, const char *key, size_t least, void (*check)(const clade_json_at *, size_t))
{
    char name[128];
    snprintf(name, sizeof name, "golden/multiobjective/%s", file);
    assert_ok(clade_json_read(shared_path(name), CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), cases = clade_json_member(&root, key);
    assert_true(clade_json_size(&cases) >= least);
    for (size_t i = 0; i < clade_json_size(&cases); i++) {
        const clade_json_at at = clade_json_item(&cases, i);
        check(&at, i);
    }
    printf("%s: %zu cases\n", file, clade_json_size(&cases));
    clade_json_free(document);
}

static void check_hypervolume(const clade_json_at *at, size_t id)
{
    static double points[MAX_POINTS * MAX_M], exclusive[MAX_POINTS], expected[MAX_POINTS];
    double reference[MAX_M], volume;
    const size_t m = numbers_at(at, "ref", reference, MAX_M), n = points_at(at, points, m);
    const clade_json_at kind_at = clade_json_member(at, "kind");
    const char *kind = "";
    clade_problems problems = {0};
    assert_true(clade_json_string(&kind_at, &problems, &kind));
    const double relative = strcmp(kind, "scaled_offset_negative") == 0 ? 1e-11 : 1e-12;
    const double whole = number_at(at, "hypervolume");
    assert_ok(clade_hypervolume(points, n, m, reference, &volume));
    assert_near(volume, whole, relative * whole, "hypervolume", id);
    assert_int_equal(numbers_at(at, "exclusive_nondominated_only", expected, MAX_POINTS), n);
    assert_ok(clade_exclusive_hypervolume(points, n, m, reference, exclusive));
    for (size_t i = 0; i < n; i++)
        assert_near(exclusive[i], expected[i], relative * whole, "exclusive hypervolume", id);
}

static void check_ranking(const clade_json_at *at, size_t id)
{
    static double points[MAX_POINTS * MAX_M], expected[MAX_POINTS], crowding[MAX_POINTS];
    static size_t rank[MAX_POINTS];
    const size_t m = (size_t)number_at(at, "m"), n = points_at(at, points, m);
    assert_ok(clade_pareto_ranks(points, n, m, rank));
    assert_int_equal(numbers_at(at, "rank", expected, MAX_POINTS), n);
    for (size_t i = 0; i < n; i++)
        assert_near((double)rank[i], expected[i], 0, "rank", id);
    assert_ok(clade_crowding(points, n, m, rank, crowding));
    assert_int_equal(numbers_at(at, "crowding_deb", expected, MAX_POINTS), n);
    for (size_t i = 0; i < n; i++) {
        assert_near(crowding[i], expected[i], 1e-12 * fabs(expected[i]), "crowding", id);
        assert_int_equal(isinf(crowding[i]) != 0, isinf(expected[i]) != 0);
    }
}

/* The exact values of u; the README allows 1e-12 of the range, 1e-10 next to u = 1. */
static size_t load_u(double *u)
{
    const clade_json_at root = clade_json_root(document);
    return numbers_at(&root, "u_hex", u, 64);
}

static double tolerance_at(double u, double range)
{
    return range * (u > 1 - 1e-15 ? 1e-10 : 1e-12);
}

static void check_sbx(const clade_json_at *at, size_t id)
{
    double u[64], children[2], expected[2];
    const double low = number_at(at, "lo"), high = number_at(at, "hi");
    const clade_json_at list = clade_json_member(at, "children");
    const size_t n = load_u(u);
    assert_int_equal(clade_json_size(&list), n);
    for (size_t i = 0; i < n; i++) {
        const clade_json_at pair = clade_json_item(&list, i), first = clade_json_item(&pair, 0),
                            second = clade_json_item(&pair, 1);
        expected[0] = number_of(&first);
        expected[1] = number_of(&second);
        clade_sbx(number_at(at, "p1"), number_at(at, "p2"), low, high, number_at(at, "eta"), u[i], children);
        for (size_t c = 0; c < 2; c++)
            assert_near(children[c], expected[c], tolerance_at(u[i], high - low), "SBX", id);
    }
}

static void check_mutation(const clade_json_at *at, size_t id)
{
    double u[64], expected[64];
    const double low = number_at(at, "lo"), high = number_at(at, "hi");
    const size_t n = load_u(u);
    assert_int_equal(numbers_at(at, "child", expected, 64), n);
    for (size_t i = 0; i < n; i++)
        assert_near(clade_polynomial_mutation(number_at(at, "x"), low, high, number_at(at, "eta"), u[i]), expected[i],
                    tolerance_at(u[i], high - low), "polynomial mutation", id);
}

static void hypervolume(void **state)
{
    (void)state;
    each_case("hypervolume.json", "cases", 100, check_hypervolume);
}

static void ranking(void **state)
{
    (void)state;
    each_case("ranking.json", "cases", 100, check_ranking);
}

static void operators(void **state)
{
    (void)state;
    each_case("operators.json", "sbx", 100, check_sbx);
    each_case("operators.json", "polynomial_mutation", 100, check_mutation);
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hypervolume),
        cmocka_unit_test(ranking),
        cmocka_unit_test(operators),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
