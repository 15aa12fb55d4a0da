/* Contrast and brightness, as the golden file ../shared/golden/corruptions states them. */
#include "clade/corruption.h"
#include "score/plane.h"

/* x' = clip((x - m) factor + m), m the mean of one channel of this image. */
void clade_contrast(clade_image *image, double factor)
{
    const size_t pixels = image->height * image->width;
    for (size_t c = 0; c < image->channels; c++) {
        float *x = image->pixels + c * pixels;
        double m = 0.0;
        for (size_t i = 0; i < pixels; i++)
            m += (double)x[i];
        m /= (double)pixels;
        for (size_t i = 0; i < pixels; i++)
            x[i] = clade_clip01(((double)x[i] - m) * factor + m);
    }
}

/* The value of HSV, V = max(R, G, B), becomes V' = clip(V + shift) with hue and saturation kept: R, G and B are
 * multiplied by V'/V, and a black pixel, which has no hue, becomes the gray V'. */
static void brighten_rgb(float *pixels, size_t plane, double shift)
{
    for (size_t i = 0; i < plane; i++) {
        double v = 0.0;
        for (size_t c = 0; c < 3; c++)
            if ((double)pixels[c * plane + i] > v)
                v = (double)pixels[c * plane + i];
        const double brighter = (double)clade_clip01(v + shift);
        for (size_t c = 0; c < 3; c++) {
            float *x = &pixels[c * plane + i];
            *x = clade_clip01(v > 0.0 ? (double)*x / v * brighter : brighter);
        }
    }
}

/* Three channels are RGB; any other number has no hue, and every value is shifted. */
void clade_brightness(clade_image *image, double shift)
{
    const size_t plane = image->height * image->width;
    if (image->channels == 3) {
        brighten_rgb(image->pixels, plane, shift);
        return;
    }
    for (size_t i = 0; i < image->channels * plane; i++)
        image->pixels[i] = clade_clip01((double)image->pixels[i] + shift);
}
