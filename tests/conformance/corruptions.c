/* Corruptions against ../shared/golden/corruptions: the deterministic ones value by value, noise by its statistics. */
#include "test.h"

#include <math.h>

#include "clade/corruption.h"
#include "clade/json.h"
#include "clade/safetensors.h"

enum { MAX_VALUES = 3 * 32 * 32 };
static const double tolerance = 1e-6;

static const char *const sets[] = {"imagenet_constants", "cifar_constants"};
static const char *const image_sets[] = {"gray28", "rgb32"};

typedef struct golden {
    clade_safetensors *images, *results[2];
    clade_json *info, *statistics;
} golden;

static int open_golden(void **state)
{
    static golden g;
    assert_ok(clade_safetensors_open(shared_path("golden/corruptions/images.safetensors"), &g.images));
    assert_ok(clade_safetensors_open(shared_path("golden/corruptions/imagenet_constants.safetensors"), &g.results[0]));
    assert_ok(clade_safetensors_open(shared_path("golden/corruptions/cifar_constants.safetensors"), &g.results[1]));
    assert_ok(clade_json_read(shared_path("golden/corruptions/info.json"), CLADE_EINPUT, &g.info));
    assert_ok(clade_json_read(shared_path("golden/corruptions/noise_statistics.json"), CLADE_EINPUT, &g.statistics));
    *state = &g;
    return 0;
}

static int close_golden(void **state)
{
    golden *g = *state;
    clade_safetensors_close(g->images);
    clade_safetensors_close(g->results[0]);
    clade_safetensors_close(g->results[1]);
    clade_json_free(g->info);
    clade_json_free(g->statistics);
    return 0;
}

/* Image INDEX of a set as floats in PIXELS. */
static clade_image image_of(const golden *g, const char *set, size_t index, float pixels[MAX_VALUES])
{
    const clade_tensor *images = clade_safetensors_find(g->images, set);
    assert_non_null(images);
    const clade_image image = {(size_t)images->shape[1], (size_t)images->shape[2], (size_t)images->shape[3], pixels};
    const size_t n = image.channels * image.height * image.width;
    clade_widen(images->dtype, (const unsigned char *)images->data + index * n * sizeof(double), n, pixels);
    return image;
}

/* The largest difference between PIXELS and image INDEX of RESULT (F64). */
static double difference(const clade_image *image, const clade_tensor *result, size_t index)
{
    const size_t n = image->channels * image->height * image->width;
    double worst = 0.0;
    for (size_t i = 0; i < n; i++) {
        double expected;
        memcpy(&expected, (const unsigned char *)result->data + (index * n + i) * sizeof expected, sizeof expected);
        worst = fmax(worst, fabs((double)image->pixels[i] - expected));
    }
    return worst;
}

/* A constant of info.json: constants / set / operation / [severity] (/ [field]). */
static double constant(const golden *g, const char *set, const char *operation, size_t severity, int field)
{
    const clade_json_at root = clade_json_root(g->info), all = clade_json_member(&root, "constants");
    const clade_json_at of_set = clade_json_member(&all, set), list = clade_json_member(&of_set, operation);
    clade_json_at at = clade_json_item(&list, severity - 1);
    if (field >= 0)
        at = clade_json_item(&at, (size_t)field);
    clade_problems problems = {0};
    double value = NAN;
    assert_true(clade_json_number(&at, &problems, -INFINITY, INFINITY, &value));
    return value;
}

static clade_status apply_explicit(const golden *g, const char *set, const char *operation, size_t severity,
                                   clade_image *image)
{
    const bool motion = strncmp(operation, "motion_blur", 11) == 0;
    const char *key = motion ? "motion_blur" : operation;
    const double c = constant(g, set, key, severity, motion ? 0 : -1);
    if (motion)
        return clade_motion_blur(image, (int)c, constant(g, set, key, severity, 1),
                                 strcmp(operation, "motion_blur_angle25") == 0 ? 25.0 : 0.0);
    if (strcmp(operation, "pixelate") == 0)
        return clade_pixelate(image, c);
    if (strcmp(operation, "gaussian_blur") == 0)
        return clade_gaussian_blur(image, c);
    if (strcmp(operation, "contrast") == 0)
        clade_contrast(image, c);
    else if (strcmp(operation, "brightness") == 0)
        clade_brightness(image, c);
    else
        fail_msg("unknown operation %s", operation);
    return CLADE_OK;
}

/* Every tensor of both files, by its own name. */
static void explicit_constants(void **state)
{
    const golden *g = *state;
    static float pixels[MAX_VALUES];
    size_t compared = 0;
    double worst = 0.0;
    for (size_t s = 0; s < 2; s++)
        for (size_t t = 0; t < clade_safetensors_count(g->results[s]); t++) {
            const clade_tensor *result = clade_safetensors_at(g->results[s], t);
            char images[32], operation[32];
            size_t severity;
            assert_int_equal(sscanf(result->name, "%31[^/]/%31[^/]/%zu", images, operation, &severity), 3);
            for (size_t i = 0; i < result->shape[0]; i++) {
                clade_image image = image_of(g, images, i, pixels);
                assert_ok(apply_explicit(g, sets[s], operation, severity, &image));
                const double d = difference(&image, result, i);
                if (d > tolerance)
                    fail_msg("%s, %s, image %zu: off by %g", sets[s], result->name, i, d);
                worst = fmax(worst, d);
                compared++;
            }
        }
    print_message("%zu images, largest difference %.2g\n", compared, worst);
    assert_true(compared > 100);
}

/* Both sets of images have at most 64 pixels a side, so the registry must take the CIFAR constants. */
static void registry(void **state)
{
    const golden *g = *state;
    static const char *const operations[] = {"contrast", "brightness", "pixelate", "gaussian_blur"};
    static float pixels[MAX_VALUES];
    for (size_t s = 0; s < 2; s++)
        for (size_t o = 0; o < 4; o++)
            for (int severity = 1; severity <= 5; severity++) {
                char name[64];
                snprintf(name, sizeof name, "%s/%s/%d", image_sets[s], operations[o], severity);
                const clade_tensor *result = clade_safetensors_find(g->results[1], name);
                const clade_corruption *corruption = clade_corruption_find(operations[o]);
                assert_non_null(result);
                assert_non_null(corruption);
                clade_image image = image_of(g, image_sets[s], 0, pixels);
                assert_ok(corruption->apply(&image, severity, clade_corruption_rng(1, 2, 3, operations[o], severity)));
                assert_true(difference(&image, result, 0) <= tolerance);
            }
}

/* ---- noise ---- */

typedef struct statistics {
    double mean, squared_change, at_0, at_1, changed, n;
} statistics;

static statistics measure(const float *before, const float *after, size_t n)
{
    statistics s = {.n = (double)n};
    for (size_t i = 0; i < n; i++) {
        const double y = (double)after[i], change = y - (double)before[i];
        s.mean += y / s.n;
        s.squared_change += change * change / s.n;
        s.at_0 += (after[i] == 0.0f) / s.n;
        s.at_1 += (after[i] == 1.0f) / s.n;
        s.changed += (after[i] != before[i]) / s.n;
    }
    return s;
}

static double expected_of(const clade_json_at *record, const char *key)
{
    const clade_json_at at = clade_json_member(record, key);
    clade_problems problems = {0};
    double value = NAN;
    assert_true(clade_json_number(&at, &problems, -INFINITY, INFINITY, &value));
    return value;
}

/* SHARE of N independent values; 5 standard errors, and one value more for the discreteness of small counts. */
static void check_share(double found, double share, double n)
{
    assert_true(fabs(found - share) <= 5.0 * sqrt(share * (1.0 - share) / n) + 1.0 / n);
}

static void check_record(const clade_json_at *record, const statistics *s, bool impulse, double change_error)
{
    assert_true(fabs(s->mean - expected_of(record, "mean")) <= 5.0 * expected_of(record, "mean_standard_error"));
    assert_true(fabs(s->squared_change - expected_of(record, "mean_squared_change")) <= 5.0 * change_error);
    check_share(s->at_0, expected_of(record, "fraction_equal_0"), s->n);
    check_share(s->at_1, expected_of(record, "fraction_equal_1"), s->n);
    if (impulse)
        check_share(s->changed, expected_of(record, "fraction_changed"), s->n);
}

/* The standard error of the mean squared change, from the sample itself. */
static double change_error(const float *before, const float *after, size_t n, double mean)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double change = (double)after[i] - (double)before[i], d = change * change - mean;
        sum += d * d;
    }
    return sqrt(sum) / (double)n;
}

static void noise(void **state)
{
    const golden *g = *state;
    static const char *const operations[] = {"gaussian_noise", "impulse_noise"};
    static float before[MAX_VALUES], after[MAX_VALUES];
    const clade_json_at root = clade_json_root(g->statistics);
    size_t records = 0;
    for (size_t k = 0; k < 2 * 2 * 2 * 5; k++) {
        const size_t set = k % 2, images = k / 2 % 2, operation = k / 4 % 2;
        const int severity = 1 + (int)(k / 8);
        const char digit[2] = {(char)('0' + severity), '\0'};
        const clade_json_at of_set = clade_json_member(&root, sets[set]);
        const clade_json_at of_images = clade_json_member(&of_set, image_sets[images]);
        const clade_json_at of_operation = clade_json_member(&of_images, operations[operation]);
        const clade_json_at list = clade_json_member(&of_operation, digit);
        const double c = constant(g, sets[set], operations[operation], (size_t)severity, -1);
        assert_true(clade_json_size(&list) > 0);
        for (size_t i = 0; i < clade_json_size(&list); i++, records++) {
            const clade_json_at record = clade_json_item(&list, i);
            clade_image image = image_of(g, image_sets[images], i, before);
            const size_t n = image.channels * image.height * image.width;
            memcpy(after, before, n * sizeof *after);
            image.pixels = after;
            clade_rng rng = clade_corruption_rng(7, set, i, operations[operation], severity);
            if (operation == 0)
                clade_gaussian_noise(&image, c, &rng);
            else
                clade_impulse_noise(&image, c, &rng);
            const statistics s = measure(before, after, n);
            check_record(&record, &s, operation == 1, change_error(before, after, n, s.squared_change));
        }
    }
    print_message("%zu noisy images\n", records);
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {cmocka_unit_test(explicit_constants), cmocka_unit_test(registry),
                                       cmocka_unit_test(noise)};
    return cmocka_run_group_tests(tests, open_golden, close_golden);
}
