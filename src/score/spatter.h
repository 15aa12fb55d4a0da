/* Spatter's planes, one step of OpenCV each, apart so that each can be tested. Private to src/score. */
#ifndef CLADE_SCORE_SPATTER_H
#define CLADE_SCORE_SPATTER_H

#include <stddef.h>

#include "clade/status.h"

/* A plane of integers (height, width), borrowed. */
typedef struct clade_plane {
    size_t height, width;
    int *at;
} clade_plane;

enum { CLADE_CHAMFER_ONE = 65536 }; /* distance 1 in fixed point */

/* EDGE (height, width): 255 on the edges of IN (values 0..255), else 0. Canny 1986 as OpenCV does it: Sobel 3x3 with a
 * repeated border, L1 magnitude, thinning along the gradient in eight sectors, edges above HIGH and whatever above LOW
 * is 8-connected to them. CLADE_EIO without memory. */
clade_status clade_canny(clade_plane in, int low, int high, int *edge) CLADE_CHECK_RESULT;

/* In place: every value becomes its distance to the nearest 0 of the plane, at most LIMIT, in units of
 * 1 / CLADE_CHAMFER_ONE. Borgefors' 5x5 chamfer mask with OpenCV's steps 1, 1.4 and 2.1969. */
void clade_chamfer(clade_plane plane, int limit);

/* Spread the histogram of PLANE (values 0..255) over 0..255, in place. A plane of one value stays as it is. */
void clade_equalise(clade_plane plane);

/* OUT (height, width) = the 3x3 correlation of IN with KERNEL (row-major), border mirrored without repeating it. */
void clade_correlate3(clade_plane in, const int kernel[9], int *out);

#endif
