/* Gaussian and impulse noise, as the golden file ../shared/golden/corruptions states them: every value of the image,
 * each channel apart, in the order (C, H, W). */
#include "clade/corruption.h"
#include "score/plane.h"

void clade_gaussian_noise(clade_image *image, double sigma, clade_rng *rng)
{
    const size_t n = image->channels * image->height * image->width;
    for (size_t i = 0; i < n; i++)
        image->pixels[i] = clade_clip01((double)image->pixels[i] + sigma * clade_rng_normal(rng));
}

/* One draw decides both: the lower half of the share that is hit turns black, the upper half white. */
void clade_impulse_noise(clade_image *image, double amount, clade_rng *rng)
{
    const size_t n = image->channels * image->height * image->width;
    for (size_t i = 0; i < n; i++) {
        const double u = clade_rng_uniform(rng);
        if (u < amount)
            image->pixels[i] = u < 0.5 * amount ? 0.0f : 1.0f;
    }
}
