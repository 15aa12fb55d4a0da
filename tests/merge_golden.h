/* The cases of ../shared/golden/merge: opening one, and comparing a child with what it expects. */
#ifndef CLADE_MERGE_GOLDEN_H
#define CLADE_MERGE_GOLDEN_H

#include "near.h"

#include "clade/json.h"
#include "clade/merge.h"

/* A file of the golden folder; valid until the call after the next. */
static inline const char *golden(const char *name)
{
    static char paths[2][TEST_PATH];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, TEST_PATH, "%s/golden/merge/%s", CLADE_SHARED_DIR, name);
    return path;
}

typedef struct test_case {
    clade_json *document;
    clade_json_at root;
    const char *name, *kind, *tool, *method;
} test_case;

static inline const char *text_of(const test_case *one, const char *key)
{
    clade_problems problems = {0};
    const char *text = NULL;
    clade_json_at at = clade_json_member(&one->root, key);
    if (clade_json_kind_of(&at) == CLADE_JSON_STRING)
        assert_true(clade_json_string(&at, &problems, &text));
    return text;
}

static inline double tolerance_of(const test_case *one, const char *key, double otherwise)
{
    clade_problems problems = {0};
    clade_json_at tolerance = clade_json_member(&one->root, "tolerance"), at = clade_json_member(&tolerance, key);
    double value = otherwise;
    if (clade_json_kind_of(&at) == CLADE_JSON_NUMBER)
        assert_true(clade_json_number(&at, &problems, 0, 1e9, &value));
    return value;
}

static inline test_case open_case(const char *file)
{
    test_case one = {0};
    char path[TEST_PATH];
    snprintf(path, sizeof path, "%s/%s", golden("cases"), file);
    assert_ok(clade_json_read(path, CLADE_EINPUT, &one.document));
    one.root = clade_json_root(one.document);
    one.name = text_of(&one, "name");
    one.kind = text_of(&one, "kind");
    one.tool = text_of(&one, "tool");
    one.method = text_of(&one, "method");
    return one;
}

static inline clade_status family_of(const clade_recipe *recipe, clade_family **family)
{
    return clade_family_open_recipe(recipe, family);
}

static inline double element(const clade_tensor *tensor, size_t i)
{
    double wide;
    float value;
    if (tensor->dtype == CLADE_F64) {
        memcpy(&wide, (const char *)tensor->data + 8 * i, sizeof wide);
        return wide;
    }
    clade_widen(tensor->dtype, (const char *)tensor->data + i * (clade_dtype_of(tensor->dtype)->bits / 8), 1, &value);
    return (double)value;
}

static inline bool differs(double found, double expected, double rtol, double atol)
{
    if (isnan(expected) || isinf(expected))
        return !(isnan(expected) ? isnan(found) : found == expected);
    return !(fabs(found - expected) <= atol + rtol * fabs(expected));
}

/* The child against the expected file. PAPER: the file holds float64, so dtypes are not compared. */
static inline void compare(const test_case *one, const clade_child *child, bool paper)
{
    clade_checkpoint *expected;
    double rtol = tolerance_of(one, "rtol", 0), atol = tolerance_of(one, "atol", 0), worst = 0;
    size_t allowed = (size_t)tolerance_of(one, "max_outside", 0), outside = 0;
    assert_ok(clade_checkpoint_open(golden(text_of(one, "expected")), &expected));
    assert_int_equal(clade_child_count(child), clade_checkpoint_count(expected));
    for (size_t t = 0; t < clade_child_count(child); t++) {
        const clade_tensor *found = clade_child_at(child, t), *wanted = clade_checkpoint_at(expected, t);
        assert_string_equal(found->name, wanted->name);
        assert_true(clade_tensor_same_shape(found, wanted));
        assert_true(paper || found->dtype == wanted->dtype);
        for (size_t i = 0; i < found->count; i++) {
            double a = element(found, i), b = element(wanted, i);
            if (!differs(a, b, rtol, atol))
                continue;
            if (outside++ == allowed)
                print_error("%s: %s[%zu]: found %.9g, expected %.9g\n", one->name, found->name, i, a, b);
            worst = fmax(worst, fabs(a - b));
        }
    }
    if (outside > allowed)
        fail_msg("%s: %zu values are outside the tolerance (by up to %g), allowed are %zu", one->name, outside, worst,
                 allowed);
    clade_checkpoint_close(expected);
}

#endif
