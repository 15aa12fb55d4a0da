/* The OpenCV steps of spatter, written from their published algorithms, in integers as there.
 *
 * Differences: distances are cut at the limit in fixed point, where OpenCV converts to float first and cuts then. */
#include "score/spatter.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "clade/alloc.h"
#include "score/plane.h"

/* ---- Canny ---- */

enum { NOT_AN_EDGE, WEAK, STRONG };

/* The Sobel gradient (gx, gy) of IN at (y, x), border repeated. */
static void sobel(clade_plane in, size_t y, size_t x, int *gx, int *gy)
{
    int at[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            at[i][j] = in.at[clade_clamp_index((ptrdiff_t)y + i - 1, in.height) * in.width +
                             clade_clamp_index((ptrdiff_t)x + j - 1, in.width)];
    *gx = at[0][2] - at[0][0] + 2 * (at[1][2] - at[1][0]) + at[2][2] - at[2][0];
    *gy = at[2][0] - at[0][0] + 2 * (at[2][1] - at[0][1]) + at[2][2] - at[0][2];
}

/* Is the magnitude at I the largest across the edge? MAG points into a plane of row length STRIDE with a border of
 * zeros. The sectors are bounded by tan 22.5 degrees in 15-bit fixed point; ties go to the left and to the upper pixel.
 */
static bool is_ridge(const int *mag, size_t i, size_t stride, int gx, int gy)
{
    const int64_t tan22 = 13573, x = abs(gx), y = (int64_t)abs(gy) << 15;
    const int m = mag[i];
    if (y < x * tan22)
        return m > mag[i - 1] && m >= mag[i + 1];
    if (y > x * tan22 + (x << 16))
        return m > mag[i - stride] && m >= mag[i + stride];
    return (gx ^ gy) < 0 ? m > mag[i - stride + 1] && m > mag[i + stride - 1]
                         : m > mag[i - stride - 1] && m > mag[i + stride + 1];
}

/* Weak pixels 8-connected to strong ones become strong; STACK holds at most every pixel once. */
static void follow(uint8_t *kind, size_t height, size_t stride, size_t *stack)
{
    size_t depth = 0;
    for (size_t i = stride; i < (height + 1) * stride; i++)
        if (kind[i] == STRONG)
            stack[depth++] = i;
    while (depth > 0) {
        const size_t i = stack[--depth];
        const size_t near[8] = {i - stride - 1, i - stride,     i - stride + 1, i - 1,
                                i + 1,          i + stride - 1, i + stride,     i + stride + 1};
        for (size_t k = 0; k < 8; k++)
            if (kind[near[k]] == WEAK) {
                kind[near[k]] = STRONG;
                stack[depth++] = near[k];
            }
    }
}

clade_status clade_canny(clade_plane in, int low, int high, int *edge)
{
    /* mag and kind have a border of one pixel on every side: magnitude 0, no edge. */
    const size_t stride = in.width + 2, padded = (in.height + 2) * stride;
    int *mag = clade_calloc(padded, sizeof *mag);
    uint8_t *kind = clade_calloc(padded, 1);
    size_t *stack = clade_malloc(padded * sizeof *stack);
    clade_status status = CLADE_OK;
    if (!mag || !kind || !stack) {
        status = clade_fail_memory(padded * (sizeof *mag + 1 + sizeof *stack), "the edges of spatter");
        goto done;
    }
    int gx, gy;
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            sobel(in, y, x, &gx, &gy);
            mag[(y + 1) * stride + x + 1] = abs(gx) + abs(gy);
        }
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            const size_t i = (y + 1) * stride + x + 1;
            sobel(in, y, x, &gx, &gy);
            if (mag[i] > low && is_ridge(mag, i, stride, gx, gy))
                kind[i] = mag[i] > high ? STRONG : WEAK;
        }
    follow(kind, in.height, stride, stack);
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++)
            edge[y * in.width + x] = kind[(y + 1) * stride + x + 1] == STRONG ? 255 : 0;
done:
    clade_free(stack);
    clade_free(kind);
    clade_free(mag);
    return status;
}

/* ---- distance ---- */

/* One neighbour of the mask and the length of the step to it, in fixed point. */
typedef struct step {
    ptrdiff_t dy, dx;
    int length;
} step;

/* Those above and to the left; the second sweep takes their mirror images. 91750 is 1.4, 143976 is 2.1969. */
static const step mask[] = {{-2, -1, 143976},           {-2, 1, 143976}, {-1, -2, 143976}, {-1, -1, 91750},
                            {-1, 0, CLADE_CHAMFER_ONE}, {-1, 1, 91750},  {-1, 2, 143976},  {0, -1, CLADE_CHAMFER_ONE}};

/* The least of LIMIT and, over the mask, the distance of a neighbour plus the step to it. SIGN -1 mirrors the mask. */
static int shortest(clade_plane d, size_t i, ptrdiff_t sign, int limit)
{
    const ptrdiff_t y = (ptrdiff_t)(i / d.width), x = (ptrdiff_t)(i % d.width);
    int best = limit;
    for (size_t k = 0; k < sizeof mask / sizeof *mask; k++) {
        const ptrdiff_t ny = y + sign * mask[k].dy, nx = x + sign * mask[k].dx;
        if (ny < 0 || nx < 0 || ny >= (ptrdiff_t)d.height || nx >= (ptrdiff_t)d.width)
            continue;
        const int length = d.at[ny * (ptrdiff_t)d.width + nx] + mask[k].length;
        best = length < best ? length : best;
    }
    return best;
}

/* Cutting at LIMIT inside the sweeps gives what cutting afterwards gives, since steps only add; and nothing overflows.
 */
void clade_chamfer(clade_plane plane, int limit)
{
    const size_t n = plane.height * plane.width;
    for (size_t i = 0; i < n; i++)
        plane.at[i] = plane.at[i] == 0 ? 0 : shortest(plane, i, 1, limit);
    for (size_t i = n; i-- > 0;)
        plane.at[i] = shortest(plane, i, -1, plane.at[i]);
}

/* ---- histogram and filter ---- */

void clade_equalise(clade_plane plane)
{
    const size_t n = plane.height * plane.width;
    size_t histogram[256] = {0};
    for (size_t i = 0; i < n; i++)
        histogram[plane.at[i]]++;
    size_t lowest = 0;
    while (lowest < 255 && histogram[lowest] == 0)
        lowest++;
    if (histogram[lowest] == n)
        return;
    /* The lowest value present becomes 0, the highest 255, each between in proportion to the pixels up to it. */
    int table[256] = {0};
    const float scale = 255.0f / (float)(n - histogram[lowest]);
    size_t sum = 0;
    for (size_t value = lowest + 1; value < 256; value++) {
        sum += histogram[value];
        table[value] = (int)fminf(rintf((float)sum * scale), 255.0f);
    }
    for (size_t i = 0; i < n; i++)
        plane.at[i] = table[plane.at[i]];
}

/* 0 1 2 | 1 0 ...: INDEX -1 is 1, COUNT is COUNT-2; a single pixel is its own neighbour. */
static size_t mirror(ptrdiff_t index, size_t count)
{
    if (count == 1)
        return 0;
    return index < 0 ? (size_t)-index : (size_t)index >= count ? 2 * count - 2 - (size_t)index : (size_t)index;
}

void clade_correlate3(clade_plane in, const int kernel[9], int *out)
{
    for (size_t y = 0; y < in.height; y++)
        for (size_t x = 0; x < in.width; x++) {
            int sum = 0;
            for (int k = 0; k < 9; k++)
                sum += kernel[k] * in.at[mirror((ptrdiff_t)y + k / 3 - 1, in.height) * in.width +
                                         mirror((ptrdiff_t)x + k % 3 - 1, in.width)];
            out[y * in.width + x] = sum;
        }
}
