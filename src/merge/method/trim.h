/* The cut of an exact-k trim by magnitude. */
#ifndef CLADE_MERGE_TRIM_H
#define CLADE_MERGE_TRIM_H

#include <stddef.h>

/* Element i is kept when |x[i]| > threshold, or |x[i]| == threshold and i <= last. */
typedef struct clade_trim {
    float threshold;
    size_t last;
} clade_trim;

/* The cut that keeps exactly K of the N elements of x: the largest magnitudes, and of equal ones the lower indices
 * first.
 *
 *   x      (n) finite, borrowed      n >= 1, 1 <= k <= n
 *   spare  (n) f32, contents undefined after; must not overlap x
 *
 * Complexity: O(n), by radix selection on the bits. */
clade_trim clade_trim_cut(size_t n, const float *x, size_t k, float *spare);

#endif
