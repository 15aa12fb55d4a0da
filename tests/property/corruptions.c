/* Laws of every corruption in the registry, at every severity, on images of many shapes. */
#include "near.h"

#include "clade/corruption.h"

static const size_t shapes[][3] = {{1, 28, 28}, {3, 32, 32}, {1, 1, 1},  {3, 1, 5},   {2, 7, 4},
                                   {1, 2, 2},   {4, 3, 17},  {3, 65, 9}, {1, 40, 70}, {3, 96, 96}};
enum { SHAPES = sizeof shapes / sizeof *shapes, MAX_VALUES = 3 * 96 * 96 };

/* A smooth random image with noise, white and black patches; the same for the same SEED. */
static clade_image make_image(size_t shape, uint64_t seed, float *pixels)
{
    const clade_image image = {shapes[shape][0], shapes[shape][1], shapes[shape][2], pixels};
    clade_rng rng = clade_rng_seeded(seed, 77);
    const size_t n = image.channels * image.height * image.width;
    for (size_t i = 0; i < n; i++) {
        const double x = 0.5 + 0.4 * sin((double)(i % image.width) * 0.3 + (double)(i / image.width) * 0.2) +
                         0.1 * clade_rng_normal(&rng);
        pixels[i] = (float)(x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x);
    }
    return image;
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum / (double)n);
}

/* Values stay in [0, 1]; the same generator gives the same bits; nothing is written beyond the image. */
static void range_and_repeat(void **state)
{
    (void)state;
    static float once[MAX_VALUES + 1], twice[MAX_VALUES + 1];
    size_t count;
    const clade_corruption *const *all = clade_corruptions(&count);
    for (size_t k = 0; k < count; k++)
        for (size_t s = 0; s < SHAPES; s++)
            for (int severity = 1; severity <= 5; severity++) {
                clade_image a = make_image(s, 1, once), b = make_image(s, 1, twice);
                const size_t n = a.channels * a.height * a.width;
                const clade_rng rng = clade_corruption_rng(1, 2, s, all[k]->name, severity);
                once[n] = 42.0f;
                assert_ok(all[k]->apply(&a, severity, rng));
                assert_ok(all[k]->apply(&b, severity, rng));
                assert_true(once[n] == 42.0f);
                assert_memory_equal(once, twice, n * sizeof *once);
                for (size_t i = 0; i < n; i++)
                    assert_true(once[i] >= 0.0f && once[i] <= 1.0f);
            }
}

/* Severity 5 changes an image, and more than severity 1 does. Spatter changes its kind in between, so only the first
 * half of the law holds for it. */
static void severity_grows(void **state)
{
    (void)state;
    static float before[MAX_VALUES], mild[MAX_VALUES], hard[MAX_VALUES];
    size_t count;
    const clade_corruption *const *all = clade_corruptions(&count);
    for (size_t k = 0; k < count; k++) {
        double mild_sum = 0.0, hard_sum = 0.0;
        for (uint64_t i = 0; i < 20; i++) {
            const size_t shape = i % 2;
            clade_image image = make_image(shape, i, before);
            const size_t n = image.channels * image.height * image.width;
            image = make_image(shape, i, mild);
            assert_ok(all[k]->apply(&image, 1, clade_corruption_rng(1, 2, i, all[k]->name, 1)));
            image = make_image(shape, i, hard);
            assert_ok(all[k]->apply(&image, 5, clade_corruption_rng(1, 2, i, all[k]->name, 5)));
            mild_sum += distance(before, mild, n);
            hard_sum += distance(before, hard, n);
        }
        assert_true(hard_sum > 0.0);
        if (strcmp(all[k]->name, "spatter") != 0)
            assert_true(hard_sum > mild_sum);
    }
}

/* Every part of the key matters: two generators agree on a draw only when all of it agrees. */
static void keys(void **state)
{
    (void)state;
    clade_rng rngs[] = {clade_corruption_rng(1, 2, 3, "spatter", 4), clade_corruption_rng(2, 2, 3, "spatter", 4),
                        clade_corruption_rng(1, 3, 3, "spatter", 4), clade_corruption_rng(1, 2, 4, "spatter", 4),
                        clade_corruption_rng(1, 2, 3, "jpeg", 4),    clade_corruption_rng(1, 2, 3, "spatter", 5)};
    uint64_t draws[6];
    for (size_t i = 0; i < 6; i++) {
        draws[i] = clade_rng_next(&rngs[i]);
        for (size_t j = 0; j < i; j++)
            assert_true(draws[i] != draws[j]);
    }
    clade_rng again = clade_corruption_rng(1, 2, 3, "spatter", 4);
    assert_true(clade_rng_next(&again) == draws[0]);
}

/* A gray image is left as it is by what moves or averages pixels, and stays gray under JPEG. */
static void flat_images(void **state)
{
    (void)state;
    static const char *const names[] = {"motion_blur", "gaussian_blur", "pixelate", "contrast", "jpeg"};
    static float pixels[MAX_VALUES];
    for (size_t k = 0; k < 5; k++)
        for (size_t s = 0; s < SHAPES; s++) {
            clade_image image = make_image(s, 1, pixels);
            const size_t n = image.channels * image.height * image.width;
            const float gray = 100.0f / 255.0f;
            for (size_t i = 0; i < n; i++)
                pixels[i] = gray;
            assert_ok(clade_corruption_find(names[k])->apply(&image, 5, clade_corruption_rng(1, 2, 3, names[k], 5)));
            const double tolerance = strcmp(names[k], "jpeg") == 0 ? 4.0 / 255.0 : 1e-6;
            for (size_t i = 0; i < n; i++)
                assert_near(pixels[i], gray, tolerance);
        }
}

static void registry(void **state)
{
    (void)state;
    static const char *const first[CLADE_DEFAULT_CORRUPTIONS] = {
        "motion_blur", "impulse_noise", "gaussian_noise", "pixelate", "spatter", "contrast", "jpeg"};
    size_t count;
    const clade_corruption *const *all = clade_corruptions(&count);
    assert_true(count >= CLADE_DEFAULT_CORRUPTIONS);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(clade_corruption_find(all[i]->name), all[i]);
        assert_true(all[i]->title[0] && all[i]->source[0]);
    }
    for (size_t i = 0; i < CLADE_DEFAULT_CORRUPTIONS; i++)
        assert_string_equal(all[i]->name, first[i]);
    assert_null(clade_corruption_find("fog"));
}

/* Images of more than 64 pixels a side take the constants of ImageNet-C. */
static void large_images(void **state)
{
    (void)state;
    static float small[64 * 64], large[65 * 65];
    clade_image a = {1, 64, 64, small}, b = {1, 65, 65, large};
    small[0] = large[0] = 1.0f;
    assert_ok(clade_corruption_find("contrast")->apply(&a, 5, clade_rng_seeded(1, 1)));
    assert_ok(clade_corruption_find("contrast")->apply(&b, 5, clade_rng_seeded(1, 1)));
    assert_near(small[0], 0.15, 1e-3);
    assert_near(large[0], 0.05, 1e-3);
}

/* JPEG: high quality is nearly the image, low quality is not, and both are on the grid of 8 bits. */
static void jpeg(void **state)
{
    (void)state;
    static float before[MAX_VALUES], fine[MAX_VALUES], coarse[MAX_VALUES];
    for (size_t s = 0; s < SHAPES; s++) {
        clade_image a = make_image(s, 3, before);
        const size_t n = a.channels * a.height * a.width;
        for (size_t i = 0; i < n; i++)
            before[i] = fine[i] = coarse[i] = (float)(i / a.width % a.height + i % a.width) / 200.0f;
        a.pixels = fine;
        assert_ok(clade_jpeg(&a, 100));
        a.pixels = coarse;
        assert_ok(clade_jpeg(&a, 1));
        assert_true(distance(before, fine, n) < 0.05);
        assert_true(distance(before, fine, n) <= distance(before, coarse, n));
        for (size_t i = 0; i < n; i++)
            assert_near((double)fine[i] * 255.0, rint((double)fine[i] * 255.0), 1e-4);
    }
    clade_image huge = {1, 1, 70000, before};
    assert_fails(clade_jpeg(&huge, 50), CLADE_EINPUT, "70000");
}

static clade_status apply_all(void *context)
{
    static float pixels[MAX_VALUES];
    size_t count;
    const clade_corruption *const *all = clade_corruptions(&count);
    const int severity = *(const int *)context;
    for (size_t k = 0; k < count; k++) {
        clade_image image = make_image(1, 1, pixels);
        const clade_status status =
            all[k]->apply(&image, severity, clade_corruption_rng(1, 2, 3, all[k]->name, severity));
        if (status != CLADE_OK)
            return status;
    }
    return CLADE_OK;
}

static void without_memory(void **state)
{
    (void)state;
    for (int severity = 1; severity <= 5; severity += 4)
        check_every_allocation(apply_all, &severity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(range_and_repeat),
                                       cmocka_unit_test(severity_grows),
                                       cmocka_unit_test(keys),
                                       cmocka_unit_test(flat_images),
                                       cmocka_unit_test(registry),
                                       cmocka_unit_test(large_images),
                                       cmocka_unit_test(jpeg),
                                       cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
