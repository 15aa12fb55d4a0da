/* Image corruptions at severities 1 to 5, after Hendrycks & Dietterich 2019 (arXiv 1903.12261).
 *
 * Constants: those of CIFAR-10-C for images up to 64 pixels a side, those of ImageNet-C for larger ones. Every draw is
 * keyed by (probe seed, task key, image index, corruption, severity): the same image is corrupted the same way for
 * every child and on every rank. After a corruption values are clipped to [0, 1]; the scorer then rounds to 8 bits. */
#ifndef CLADE_CORRUPTION_H
#define CLADE_CORRUPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/rng.h"
#include "clade/status.h"

typedef struct clade_image {
    size_t channels, height, width;
    float *pixels; /* (C, H, W) in [0, 1], borrowed */
} clade_image;

typedef struct clade_corruption {
    const char *name; /* "motion_blur" */
    const char *title, *source;
    /* In place. SEVERITY 1..5. CLADE_EIO without memory. */
    clade_status (*apply)(clade_image *image, int severity, clade_rng rng);
} clade_corruption;

/* The seven of the merging literature: motion_blur, impulse_noise, gaussian_noise, pixelate, spatter, contrast, jpeg;
 * then others as they come (brightness, gaussian_blur). */
const clade_corruption *const *clade_corruptions(size_t *count);
const clade_corruption *clade_corruption_find(const char *name);
/* The number of corruptions used when a user names none: the first seven. */
enum { CLADE_DEFAULT_CORRUPTIONS = 7 };

/* The generator of one corrupted image. */
clade_rng clade_corruption_rng(uint64_t seed, uint64_t task_key, uint64_t image_index, const char *name, int severity);

/* Constants of spatter: a liquid N(loc, scale) per pixel, blurred by sigma, that stays where it is above threshold.
 * strength: how bright the film of water is; for mud, the sigma that blurs its mask. */
typedef struct clade_spatter_constants {
    double loc, scale, sigma, threshold, strength;
    bool mud;
} clade_spatter_constants;

/* The operations with explicit constants, as the golden file states them, for tests and for adding constants. All in
 * place, clipped to [0, 1]; angle in degrees. */
void clade_contrast(clade_image *image, double factor);
void clade_brightness(clade_image *image, double shift);
clade_status clade_pixelate(clade_image *image, double factor) CLADE_CHECK_RESULT;
clade_status clade_gaussian_blur(clade_image *image, double sigma) CLADE_CHECK_RESULT;
clade_status clade_motion_blur(clade_image *image, int radius, double sigma, double angle) CLADE_CHECK_RESULT;
void clade_gaussian_noise(clade_image *image, double sigma, clade_rng *rng);
void clade_impulse_noise(clade_image *image, double amount, clade_rng *rng);
clade_status clade_spatter(clade_image *image, const clade_spatter_constants *constants,
                           clade_rng *rng) CLADE_CHECK_RESULT;
clade_status clade_jpeg(clade_image *image, int quality) CLADE_CHECK_RESULT; /* QUALITY 1..100, libjpeg's scale */

/* The version of libjpeg-turbo that Clade was built with: its decoder is part of what a score depends on. Borrowed. */
const char *clade_jpeg_version(void);

#endif
