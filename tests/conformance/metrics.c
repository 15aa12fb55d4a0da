/* Metrics against every golden case that has them: ../shared/golden/forward/CASE/entropy.json, from the stored logits.
 */
#include "near.h"

#include <dirent.h>
#include <math.h>

#include "clade/json.h"
#include "clade/metrics.h"
#include "clade/safetensors.h"

static double number_of(const clade_json_at *object, const char *key)
{
    const clade_json_at at = clade_json_member(object, key);
    clade_problems problems = {0};
    double value = NAN;
    assert_true(clade_json_number(&at, &problems, -INFINITY, INFINITY, &value));
    return value;
}

static double number_in(const clade_json_at *object, const char *key, size_t index)
{
    const clade_json_at list = clade_json_member(object, key), at = clade_json_item(&list, index);
    clade_problems problems = {0};
    double value = NAN;
    assert_true(clade_json_number(&at, &problems, -INFINITY, INFINITY, &value));
    return value;
}

static void check_rows(const clade_json_at *expected, const float *logits, const uint8_t *labels, size_t n,
                       size_t classes)
{
    for (size_t i = 0; i < n; i++) {
        clade_metrics row;
        uint8_t correct;
        assert_ok(clade_metrics_of(logits + i * classes, 1, classes, labels + i, &correct, &row));
        assert_near(row.entropy, number_in(expected, "entropy_nats", i), 1e-9);
        assert_int_equal(correct, number_in(expected, "predicted", i) == labels[i]);
    }
}

static void check_case(const char *name, const clade_json_at *expected)
{
    char path[512];
    clade_safetensors *outputs = NULL;
    snprintf(path, sizeof path, "golden/forward/%s/outputs.safetensors", name);
    assert_ok(clade_safetensors_open(shared_path(path), &outputs));
    const clade_json_at logits_at = clade_json_member(expected, "logits");
    const char *logits_name = NULL;
    clade_problems problems = {0};
    assert_true(clade_json_string(&logits_at, &problems, &logits_name));
    const clade_tensor *logits = clade_safetensors_find(outputs, logits_name);
    assert_non_null(logits);
    assert_int_equal(logits->rank, 2);
    const size_t n = (size_t)logits->shape[0], classes = (size_t)logits->shape[1];
    assert_int_equal(n, (size_t)number_of(expected, "n"));
    float *values = test_malloc(logits->count * sizeof *values);
    uint8_t *labels = test_malloc(n);
    clade_widen(logits->dtype, logits->data, logits->count, values);
    for (size_t i = 0; i < n; i++)
        labels[i] = (uint8_t)number_in(expected, "labels", i);
    clade_metrics m;
    assert_ok(clade_metrics_of(values, n, classes, labels, NULL, &m));
    assert_near(m.accuracy, number_of(expected, "accuracy"), 1e-12);
    assert_near(m.entropy, number_of(expected, "mean_entropy_nats"), 1e-9);
    assert_near(m.nll, number_of(expected, "nll"), 1e-9);
    assert_near(m.ece, number_of(expected, "ece_15_equal_width"), 1e-9);
    assert_near(m.brier, number_of(expected, "brier"), 1e-9);
    check_rows(expected, values, labels, n, classes);
    test_free(labels);
    test_free(values);
    clade_safetensors_close(outputs);
}

static void golden(void **state)
{
    (void)state;
    size_t cases = 0;
    DIR *folder = opendir(shared_path("golden/forward"));
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[512];
        struct stat info;
        snprintf(path, sizeof path, "golden/forward/%s/entropy.json", entry->d_name);
        if (stat(shared_path(path), &info) != 0)
            continue;
        clade_json *document = NULL;
        assert_ok(clade_json_read(shared_path(path), CLADE_EINPUT, &document));
        const clade_json_at root = clade_json_root(document);
        check_case(entry->d_name, &root);
        clade_json_free(document);
        cases++;
    }
    closedir(folder);
    print_message("%zu cases\n", cases);
    assert_true(cases > 0);
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
