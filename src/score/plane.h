/* What the corruptions share: clipping and blurring one plane. Private to src/score. */
#ifndef CLADE_SCORE_PLANE_H
#define CLADE_SCORE_PLANE_H

#include <stddef.h>

#include "clade/status.h"

static inline float clade_clip01(double x)
{
    return x < 0.0 ? 0.0f : x > 1.0 ? 1.0f : (float)x;
}

/* INDEX moved into 0..count-1 by repeating the border. */
static inline size_t clade_clamp_index(ptrdiff_t index, size_t count)
{
    return index < 0 ? 0 : (size_t)index >= count ? count - 1 : (size_t)index;
}

/* PLANE (height, width), in place, convolved with the Gaussian of SIGMA > 0: weights exp(-t^2 / (2 sigma^2)) for
 * |t| <= floor(4 sigma + 0.5), normalised; down the columns, then along the rows; the border pixel is repeated. */
clade_status clade_blur_plane(double *plane, size_t height, size_t width, double sigma) CLADE_CHECK_RESULT;

#endif
