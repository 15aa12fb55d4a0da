/* Spatter: drops of water or mud on the lens (Hendrycks & Dietterich 2019, repository hendrycks/robustness).
 *
 *   liquid = blur(N(loc, scale) per pixel, sigma); 0 where below threshold
 *   water    L = trunc(255 liquid)
 *            d = distance to the edges of L (Canny 50, 150), at most 20
 *            d = 3x3 mean, truncated; d = equalised histogram
 *            d = correlation with K (a slanted light), saturated to 0..255; d = 3x3 mean, rounded
 *            m = L d / max(L d); x + strength m colour, colour (175, 238, 238) / 255
 *   mud      m = blur(liquid > threshold, strength), 0 where below .8
 *            x (1 - m) + colour m, colour (63, 42, 20) / 255
 *
 * The published generator calls OpenCV for the edges, the distance, the histogram and the filters. Here they are
 * written from their algorithms (spatter_planes.c), with OpenCV's constants, borders and roundings. Differences:
 * - 255 liquid saturates where NumPy's cast wraps above 255;
 * - an image on which no drop fell (max(L d) = 0) stays as it is where the published one becomes NaN;
 * - sums are in double; the field is drawn from a keyed generator, row by row;
 * - an image without three channels gets the luminance of the colour (.299 R + .587 G + .114 B) in every channel. */
#include "score/spatter.h"
#include "clade/alloc.h"
#include "clade/corruption.h"
#include "score/plane.h"

enum { CANNY_LOW = 50, CANNY_HIGH = 150, FARTHEST = 20 };
static const double water_colour[3] = {175.0 / 255.0, 238.0 / 255.0, 238.0 / 255.0};
static const double mud_colour[3] = {63.0 / 255.0, 42.0 / 255.0, 20.0 / 255.0};
static const double mud_solid = 0.8;
static const int light[9] = {-2, -1, 0, -1, 1, 1, 0, 1, 2};
static const int ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

static double colour_of(const double rgb[3], size_t channels, size_t c)
{
    return channels == 3 ? rgb[c] : 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static int saturate(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

static clade_status draw_liquid(const clade_spatter_constants *k, size_t height, size_t width, clade_rng *rng,
                                double *liquid)
{
    const size_t n = height * width;
    for (size_t i = 0; i < n; i++)
        liquid[i] = k->loc + k->scale * clade_rng_normal(rng);
    CLADE_TRY(clade_blur_plane(liquid, height, width, k->sigma));
    for (size_t i = 0; i < n; i++)
        if (liquid[i] < k->threshold)
            liquid[i] = 0.0;
    return CLADE_OK;
}

/* How the light falls through the film: D (height, width), 0..255; L (same) is the film; SCRATCH (same). */
static clade_status refract(clade_plane L, int *d, int *scratch)
{
    const size_t n = L.height * L.width;
    const clade_plane D = {L.height, L.width, d}, S = {L.height, L.width, scratch};
    CLADE_TRY(clade_canny(L, CANNY_LOW, CANNY_HIGH, d));
    for (size_t i = 0; i < n; i++)
        d[i] = 255 - d[i];
    clade_chamfer(D, FARTHEST * CLADE_CHAMFER_ONE);
    clade_correlate3(D, ones, scratch);
    for (size_t i = 0; i < n; i++)
        scratch[i] /= 9 * CLADE_CHAMFER_ONE;
    clade_equalise(S);
    clade_correlate3(S, light, d);
    for (size_t i = 0; i < n; i++)
        d[i] = saturate(d[i]);
    clade_correlate3(D, ones, scratch);
    for (size_t i = 0; i < n; i++)
        d[i] = (scratch[i] + 4) / 9; /* to the nearest; ninths never tie */
    return CLADE_OK;
}

static clade_status splash_water(clade_image *image, const double *liquid, double strength)
{
    const size_t n = image->height * image->width, bytes = 3 * n * sizeof(int);
    int *L = clade_malloc(bytes);
    if (!L)
        return clade_fail_memory(bytes, "the film of spatter");
    int *d = L + n;
    for (size_t i = 0; i < n; i++)
        L[i] = saturate((int)(255.0 * liquid[i]));
    clade_status status = refract((clade_plane){image->height, image->width, L}, d, L + 2 * n);
    int max = 0;
    for (size_t i = 0; i < n && status == CLADE_OK; i++)
        max = L[i] * d[i] > max ? L[i] * d[i] : max;
    for (size_t c = 0; c < image->channels && max > 0; c++) {
        const double colour = colour_of(water_colour, image->channels, c);
        float *x = image->pixels + c * n;
        for (size_t i = 0; i < n; i++)
            x[i] = clade_clip01((double)x[i] + strength * (L[i] * d[i]) / max * colour);
    }
    clade_free(L);
    return status;
}

/* LIQUID is overwritten with the mask. */
static clade_status splash_mud(clade_image *image, double *liquid, const clade_spatter_constants *k)
{
    const size_t n = image->height * image->width;
    for (size_t i = 0; i < n; i++)
        liquid[i] = liquid[i] > k->threshold ? 1.0 : 0.0;
    CLADE_TRY(clade_blur_plane(liquid, image->height, image->width, k->strength));
    for (size_t c = 0; c < image->channels; c++) {
        const double colour = colour_of(mud_colour, image->channels, c);
        float *x = image->pixels + c * n;
        for (size_t i = 0; i < n; i++)
            if (liquid[i] >= mud_solid)
                x[i] = clade_clip01((double)x[i] * (1.0 - liquid[i]) + colour * liquid[i]);
    }
    return CLADE_OK;
}

clade_status clade_spatter(clade_image *image, const clade_spatter_constants *constants, clade_rng *rng)
{
    const size_t bytes = image->height * image->width * sizeof(double);
    double *liquid = clade_malloc(bytes);
    if (!liquid)
        return clade_fail_memory(bytes, "the liquid of spatter");
    clade_status status = draw_liquid(constants, image->height, image->width, rng, liquid);
    if (status == CLADE_OK)
        status =
            constants->mud ? splash_mud(image, liquid, constants) : splash_water(image, liquid, constants->strength);
    clade_free(liquid);
    return status;
}
