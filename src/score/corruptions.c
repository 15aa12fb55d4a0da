/* The registry of corruptions, and the constants of every severity.
 *
 * The constants are those of the scripts make_cifar_c.py and make_imagenet_c.py of Hendrycks & Dietterich 2019 (arXiv
 * 1903.12261). Each corruption is one function of its constants, in a file of its family; here a severity and an image
 * size choose them. */
#include <string.h>

#include "clade/corruption.h"
#include "clade/hash.h"

enum { SEVERITIES = 5, SMALL_SIDE = 64 };
enum { CIFAR, IMAGENET, SETS };

static const double gaussian_noise_sigma[SETS][SEVERITIES] = {
    [CIFAR] = {0.04, 0.06, 0.08, 0.09, 0.10}, [IMAGENET] = {0.08, 0.12, 0.18, 0.26, 0.38}};
static const double impulse_noise_amount[SETS][SEVERITIES] = {
    [CIFAR] = {0.01, 0.02, 0.03, 0.05, 0.07}, [IMAGENET] = {0.03, 0.06, 0.09, 0.17, 0.27}};
static const double gaussian_blur_sigma[SETS][SEVERITIES] = {
    [CIFAR] = {0.4, 0.6, 0.7, 0.8, 1.0}, [IMAGENET] = {1.0, 2.0, 3.0, 4.0, 6.0}};
static const double pixelate_factor[SETS][SEVERITIES] = {
    [CIFAR] = {0.95, 0.9, 0.85, 0.75, 0.65}, [IMAGENET] = {0.6, 0.5, 0.4, 0.3, 0.25}};
static const double contrast_factor[SETS][SEVERITIES] = {
    [CIFAR] = {0.75, 0.5, 0.4, 0.3, 0.15}, [IMAGENET] = {0.4, 0.3, 0.2, 0.1, 0.05}};
static const double brightness_shift[SETS][SEVERITIES] = {
    [CIFAR] = {0.05, 0.1, 0.15, 0.2, 0.3}, [IMAGENET] = {0.1, 0.2, 0.3, 0.4, 0.5}};
static const int jpeg_quality[SETS][SEVERITIES] = {[CIFAR] = {80, 65, 58, 50, 40}, [IMAGENET] = {25, 18, 15, 10, 7}};

static const struct {
    int radius;
    double sigma;
} motion[SETS][SEVERITIES] = {[CIFAR] = {{6, 1.0}, {6, 1.5}, {6, 2.0}, {8, 2.0}, {9, 2.5}},
                              [IMAGENET] = {{10, 3.0}, {15, 5.0}, {15, 8.0}, {15, 12.0}, {20, 15.0}}};

/* loc, scale, sigma, threshold, strength, mud */
static const clade_spatter_constants spatter[SETS][SEVERITIES] = {[CIFAR] = {{0.62, 0.1, 0.7, 0.70, 0.5, false},
                                                                             {0.65, 0.1, 0.8, 0.70, 0.5, false},
                                                                             {0.65, 0.3, 1.0, 0.69, 0.5, false},
                                                                             {0.65, 0.1, 0.7, 0.69, 0.6, true},
                                                                             {0.65, 0.1, 0.5, 0.68, 0.6, true}},
                                                                  [IMAGENET] = {{0.65, 0.3, 4.0, 0.69, 0.6, false},
                                                                                {0.65, 0.3, 3.0, 0.68, 0.6, false},
                                                                                {0.65, 0.3, 2.0, 0.68, 0.5, false},
                                                                                {0.65, 0.3, 1.0, 0.65, 1.5, true},
                                                                                {0.67, 0.4, 1.0, 0.65, 1.5, true}}};

static int set_of(const clade_image *image)
{
    return image->height > SMALL_SIDE || image->width > SMALL_SIDE ? IMAGENET : CIFAR;
}

static clade_status apply_motion_blur(clade_image *image, int severity, clade_rng rng)
{
    const int set = set_of(image);
    const double angle = -45.0 + 90.0 * clade_rng_uniform(&rng);
    return clade_motion_blur(image, motion[set][severity - 1].radius, motion[set][severity - 1].sigma, angle);
}

static clade_status apply_impulse_noise(clade_image *image, int severity, clade_rng rng)
{
    clade_impulse_noise(image, impulse_noise_amount[set_of(image)][severity - 1], &rng);
    return CLADE_OK;
}

static clade_status apply_gaussian_noise(clade_image *image, int severity, clade_rng rng)
{
    clade_gaussian_noise(image, gaussian_noise_sigma[set_of(image)][severity - 1], &rng);
    return CLADE_OK;
}

static clade_status apply_pixelate(clade_image *image, int severity, clade_rng rng)
{
    (void)rng;
    return clade_pixelate(image, pixelate_factor[set_of(image)][severity - 1]);
}

static clade_status apply_spatter(clade_image *image, int severity, clade_rng rng)
{
    return clade_spatter(image, &spatter[set_of(image)][severity - 1], &rng);
}

static clade_status apply_contrast(clade_image *image, int severity, clade_rng rng)
{
    (void)rng;
    clade_contrast(image, contrast_factor[set_of(image)][severity - 1]);
    return CLADE_OK;
}

static clade_status apply_jpeg(clade_image *image, int severity, clade_rng rng)
{
    (void)rng;
    return clade_jpeg(image, jpeg_quality[set_of(image)][severity - 1]);
}

static clade_status apply_brightness(clade_image *image, int severity, clade_rng rng)
{
    (void)rng;
    clade_brightness(image, brightness_shift[set_of(image)][severity - 1]);
    return CLADE_OK;
}

static clade_status apply_gaussian_blur(clade_image *image, int severity, clade_rng rng)
{
    (void)rng;
    return clade_gaussian_blur(image, gaussian_blur_sigma[set_of(image)][severity - 1]);
}

#define HENDRYCKS "Hendrycks & Dietterich 2019, arXiv 1903.12261"

static const clade_corruption corruption_motion_blur = {
    "motion_blur", "one-sided Gaussian trail at a random angle in (-45, 45) degrees", HENDRYCKS, apply_motion_blur};
static const clade_corruption corruption_impulse_noise = {
    "impulse_noise", "a share of the values becomes black or white", HENDRYCKS, apply_impulse_noise};
static const clade_corruption corruption_gaussian_noise = {"gaussian_noise", "independent normal noise on every value",
                                                           HENDRYCKS, apply_gaussian_noise};
static const clade_corruption corruption_pixelate = {"pixelate", "box-resized to a share of its sides and back",
                                                     HENDRYCKS, apply_pixelate};
static const clade_corruption corruption_spatter = {
    "spatter", "drops of water (severity 1 to 3) or mud (4 and 5) on the lens", HENDRYCKS, apply_spatter};
static const clade_corruption corruption_contrast = {"contrast", "drawn towards the mean of its channel", HENDRYCKS,
                                                     apply_contrast};
static const clade_corruption corruption_jpeg = {"jpeg", "compressed as a JPEG and decoded", HENDRYCKS, apply_jpeg};
static const clade_corruption corruption_brightness = {"brightness", "brighter by a shift of the value of HSV",
                                                       HENDRYCKS, apply_brightness};
static const clade_corruption corruption_gaussian_blur = {"gaussian_blur", "Gaussian blur", HENDRYCKS,
                                                          apply_gaussian_blur};

/* The first CLADE_DEFAULT_CORRUPTIONS are those of the merging literature, in its order. */
static const clade_corruption *const registry[] = {
    &corruption_motion_blur, &corruption_impulse_noise, &corruption_gaussian_noise,
    &corruption_pixelate,    &corruption_spatter,       &corruption_contrast,
    &corruption_jpeg,        &corruption_brightness,    &corruption_gaussian_blur};

const clade_corruption *const *clade_corruptions(size_t *count)
{
    *count = sizeof registry / sizeof *registry;
    return registry;
}

const clade_corruption *clade_corruption_find(const char *name)
{
    for (size_t i = 0; i < sizeof registry / sizeof *registry; i++)
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    return NULL;
}

clade_rng clade_corruption_rng(uint64_t seed, uint64_t task_key, uint64_t image_index, const char *name, int severity)
{
    const uint64_t keys[] = {
        clade_name_key("corruption"), seed, task_key, image_index, clade_name_key(name), (uint64_t)severity};
    return clade_rng_keyed(keys, sizeof keys / sizeof *keys);
}
