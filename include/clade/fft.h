/* Discrete Fourier transforms of real matrices, through KissFFT in single precision: src/tensor/fft.c is the only file
 * that includes its header.
 *
 *   F[j][k] = sum over a, b of x[a][b] exp(-2 pi i (j a / m + k b / n))
 *
 * The spectrum of a real matrix mirrors itself, F[j][k] = conj F[m - j][n - k] (indices modulo m and n), so that
 * columns 0 .. n / 2 say all. Lengths of prime factors 2, 3 and 5 are transformed directly, others by Bluestein's
 * convolution (1970), so that every length costs O(n log n) and KissFFT never allocates.
 *
 * Errors: the root mean square error of a transform is below 1e-6 of the root mean square of the result, for sides of
 * up to 2^17 (tests/unit/fft.c compares with sums in double). The same bits for the same build and C library. */
#ifndef CLADE_FFT_H
#define CLADE_FFT_H

#include <stddef.h>

#include "clade/status.h"

typedef struct clade_complex {
    float re, im;
} clade_complex;

/* The columns of half a spectrum: n / 2 + 1. */
size_t clade_fft_columns(size_t n);
/* Bytes of workspace of the functions below, for m, n >= 1; it is 16-byte aligned. */
size_t clade_fft_bytes(size_t m, size_t n);
/* F (m, n / 2 + 1) of x (m, n), both row-major. CLADE_EEVAL when a side is longer than 2^29. */
clade_status clade_fft_real(size_t m, size_t n, const float *x, clade_complex *F, void *work) CLADE_CHECK_RESULT;
/* The inverse, with the factor 1 / (m n). F is used up. The columns that are their own mirror images (k = 0, and k = n
 * / 2 of an even n) must satisfy F[j][k] = conj F[m - j][k] themselves; the result is then the real inverse. */
clade_status clade_fft_real_inverse(size_t m, size_t n, clade_complex *F, float *x, void *work) CLADE_CHECK_RESULT;

#endif
