/* Gaussian and motion blur, as the golden file ../shared/golden/corruptions states them.
 *
 * Sums are in double and rounded once to the float pixels. ImageMagick, which the published generator calls for motion
 * blur, works on 8-bit data and was not reproduced; its kernel and its rounding of the path to whole pixels were. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/corruption.h"
#include "score/plane.h"

/* Fill k (2 radius + 1) with the normalised Gaussian. */
static void gaussian_kernel(size_t radius, double sigma, double *k)
{
    const size_t taps = 2 * radius + 1;
    double sum = 0.0;
    for (size_t i = 0; i < taps; i++) {
        const double t = ((double)i - (double)radius) / sigma;
        k[i] = exp(-0.5 * t * t);
        sum += k[i];
    }
    for (size_t i = 0; i < taps; i++)
        k[i] /= sum;
}

/* out[line, x] = sum_i k_i in[line, clamp(x + i - radius)] over lines of LENGTH elements STEP apart; lines are NEXT
 * apart. */
typedef struct axis {
    size_t lines, next, length, step;
} axis;

static void convolve(const double *in, axis a, const double *k, size_t radius, double *out)
{
    for (size_t line = 0; line < a.lines; line++)
        for (size_t x = 0; x < a.length; x++) {
            double sum = 0.0;
            for (size_t i = 0; i <= 2 * radius; i++) {
                const size_t from = clade_clamp_index((ptrdiff_t)(x + i) - (ptrdiff_t)radius, a.length);
                sum += k[i] * in[line * a.next + from * a.step];
            }
            out[line * a.next + x * a.step] = sum;
        }
}

clade_status clade_blur_plane(double *plane, size_t height, size_t width, double sigma)
{
    const size_t radius = (size_t)(4.0 * sigma + 0.5), taps = 2 * radius + 1;
    const size_t bytes = (taps + height * width) * sizeof(double);
    double *k = clade_malloc(bytes);
    if (!k)
        return clade_fail_memory(bytes, "a blurred image");
    double *between = k + taps;
    gaussian_kernel(radius, sigma, k);
    convolve(plane, (axis){.lines = width, .next = 1, .length = height, .step = width}, k, radius, between);
    convolve(between, (axis){.lines = height, .next = width, .length = width, .step = 1}, k, radius, plane);
    clade_free(k);
    return CLADE_OK;
}

clade_status clade_gaussian_blur(clade_image *image, double sigma)
{
    const size_t pixels = image->height * image->width;
    double *plane = clade_malloc(pixels * sizeof *plane);
    if (!plane)
        return clade_fail_memory(pixels * sizeof *plane, "a blurred image");
    clade_status status = CLADE_OK;
    for (size_t c = 0; c < image->channels && status == CLADE_OK; c++) {
        float *x = image->pixels + c * pixels;
        for (size_t i = 0; i < pixels; i++)
            plane[i] = (double)x[i];
        status = clade_blur_plane(plane, image->height, image->width, sigma);
        for (size_t i = 0; i < pixels && status == CLADE_OK; i++)
            x[i] = clade_clip01(plane[i]);
    }
    clade_free(plane);
    return status;
}

/* One step of the motion: weight k, displacement (dy, dx) in whole pixels. */
typedef struct tap {
    double k;
    ptrdiff_t dy, dx;
} tap;

/* k_i = exp(-i^2 / (2 sigma^2)) normalised, i = 0 .. 2 radius, along ANGLE: the blur trails to one side only. */
static void motion_taps(size_t taps, double sigma, double angle, tap *path)
{
    const double radians = angle * (3.14159265358979323846 / 180.0);
    double sum = 0.0;
    for (size_t i = 0; i < taps; i++) {
        const double t = (double)i;
        path[i].k = exp(-(t * t) / (2.0 * sigma * sigma));
        path[i].dx = (ptrdiff_t)ceil(t * cos(radians) - 0.5);
        path[i].dy = (ptrdiff_t)ceil(t * sin(radians) - 0.5);
        sum += path[i].k;
    }
    for (size_t i = 0; i < taps; i++)
        path[i].k /= sum;
}

/* sum += k x[clamp(y + dy), clamp(x + dx)] for every pixel of one plane. */
static void add_shifted(const float *x, size_t height, size_t width, tap step, double *sum)
{
    for (size_t row = 0; row < height; row++) {
        const float *from = x + clade_clamp_index((ptrdiff_t)row + step.dy, height) * width;
        for (size_t column = 0; column < width; column++)
            sum[row * width + column] += step.k * (double)from[clade_clamp_index((ptrdiff_t)column + step.dx, width)];
    }
}

clade_status clade_motion_blur(clade_image *image, int radius, double sigma, double angle)
{
    const size_t taps = 2 * (size_t)radius + 1, pixels = image->height * image->width;
    const size_t path_bytes = taps * sizeof(tap), bytes = path_bytes + pixels * sizeof(double);
    tap *path = clade_malloc(bytes);
    if (!path)
        return clade_fail_memory(bytes, "a blurred image");
    double *sum = (double *)(void *)((char *)path + path_bytes);
    motion_taps(taps, sigma, angle, path);
    for (size_t c = 0; c < image->channels; c++) {
        float *x = image->pixels + c * pixels;
        memset(sum, 0, pixels * sizeof *sum);
        for (size_t i = 0; i < taps; i++)
            add_shifted(x, image->height, image->width, path[i], sum);
        for (size_t i = 0; i < pixels; i++)
            x[i] = clade_clip01(sum[i]);
    }
    clade_free(path);
    return CLADE_OK;
}
