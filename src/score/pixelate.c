/* Pixelate: box-resize to a share of the sides and back, as the golden file ../shared/golden/corruptions states it.
 *
 * The published generator for merging resizes every image to 32x32 whatever its size; here the share is of the image's
 * own sides. The filter is Pillow's BOX: an average over the pixel centres in a window, not over areas. */
#include "clade/alloc.h"
#include "clade/corruption.h"
#include "score/plane.h"

/* out (outer, n_out, inner) from in (outer, n_in, inner), resized along the middle axis:
 * scale = n_in / n_out, window fs = max(scale, 1) about centre = (i + 0.5) scale, pixels j with
 * -0.5 < (j - centre + 0.5) / fs <= 0.5, equal weights. */
static void box_resize(const double *in, size_t outer, size_t n_in, size_t inner, size_t n_out, double *out)
{
    const double scale = (double)n_in / (double)n_out, fs = scale > 1.0 ? scale : 1.0;
    for (size_t i = 0; i < n_out; i++) {
        const double centre = ((double)i + 0.5) * scale;
        const double low = centre - 0.5 * fs + 0.5, high = centre + 0.5 * fs + 0.5;
        size_t first = low > 0.0 ? (size_t)low : 0, last = (size_t)high < n_in ? (size_t)high : n_in;
        while (first + 1 < last && ((double)first - centre + 0.5) / fs <= -0.5)
            first++;
        while (last > first + 1 && ((double)(last - 1) - centre + 0.5) / fs > 0.5)
            last--;
        for (size_t o = 0; o < outer; o++)
            for (size_t k = 0; k < inner; k++) {
                double sum = 0.0;
                for (size_t j = first; j < last; j++)
                    sum += in[(o * n_in + j) * inner + k];
                out[(o * n_out + i) * inner + k] = sum / (double)(last - first);
            }
    }
}

static size_t share_of(size_t side, double factor)
{
    const size_t small = (size_t)((double)side * factor);
    return small > 0 ? small : 1;
}

/* FACTOR in (0, 1], so no step is larger than the image. */
clade_status clade_pixelate(clade_image *image, double factor)
{
    const size_t C = image->channels, H = image->height, W = image->width, n = C * H * W;
    const size_t h = share_of(H, factor), w = share_of(W, factor);
    double *a = clade_malloc(2 * n * sizeof *a);
    if (!a)
        return clade_fail_memory(2 * n * sizeof *a, "a pixelated image");
    double *b = a + n;
    for (size_t i = 0; i < n; i++)
        a[i] = (double)image->pixels[i];
    box_resize(a, C * H, W, 1, w, b); /* (C, H, W) to (C, H, w) */
    box_resize(b, C, H, w, h, a);     /* to (C, h, w) */
    box_resize(a, C * h, w, 1, W, b); /* to (C, h, W) */
    box_resize(b, C, h, W, H, a);     /* to (C, H, W) */
    for (size_t i = 0; i < n; i++)
        image->pixels[i] = clade_clip01(a[i]);
    clade_free(a);
    return CLADE_OK;
}
