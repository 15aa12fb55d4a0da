/* Vector kernels, chosen once for the CPU.
 *
 * src/tensor/kernels.c is compiled several times (portable, AVX2, AVX-512), each giving one const table; the table is
 * picked at the first use. The loops are plain C without contraction, and every reduction uses 16 fixed lanes added in
 * a fixed order, so all tables give the same bits: promise 1 of DESIGN.md 3. A reference version lives in the tests.
 * exp is a polynomial of our own; its stated error is a law. */
#ifndef CLADE_KERNELS_H
#define CLADE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef struct clade_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* y += a * x ; y = a * x + b * y; y *= a.  (n) each; x and y do not overlap. */
    void (*axpy)(size_t n, float a, const float *x, float *y);
    void (*scale)(size_t n, float a, float *y);
    void (*subtract)(size_t n, const float *x, const float *y, float *out); /* out = x - y; out may be x or y */
    void (*add)(size_t n, const float *x, float *y);                        /* y += x */

    /* Reductions in double over 16 lanes. */
    double (*dot)(size_t n, const float *x, const float *y);
    double (*sum_abs)(size_t n, const float *x);
    double (*sum)(size_t n, const float *x);
    /* The index of the first non-finite element, or n. */
    size_t (*first_nonfinite)(size_t n, const float *x);

    /* Rows of a forward pass; x is (rows, width) f32, row-major.
     * layer_norm: (x - mean) / sqrt(variance + eps) * gamma + beta, biased variance; out may be x. With z the
     * normalised value and d = sqrt(variance + eps):
     * |error| <= 3e-7 * (|z gamma| + |beta|) + 1.2e-7 * |gamma| * max(|x|, |mean|) / d. */
    void (*layer_norm)(size_t rows, size_t width, const float *x, const float *gamma, const float *beta, float eps,
                       float *out);
    /* x = softmax(scale * x) over each row, with the maximum subtracted. The arguments a = scale * x and a - max(a) are
     * rounded to f32, as in torch; relative error of each p <= 4e-7 + 6e-8 * (max(a) - a), and p < 1.2e-38 may be 0. */
    void (*softmax)(size_t rows, size_t width, float scale, float *x);
    /* Activations in place with the bias of each column added first (bias may be NULL).
     * gelu: x*Phi(x) by erf, absolute error <= 5e-7 * max(1, |x|).
     * quick_gelu: x*sigmoid(1.702 x), relative error <= 5e-7 + 1.2e-7 * |1.702 x|, or absolute error <= 1e-36. */
    void (*bias_gelu)(size_t rows, size_t width, const float *bias, float *x);
    void (*bias_quick_gelu)(size_t rows, size_t width, const float *bias, float *x);
    /* x += bias (+ residual when not NULL, same shape as x). x, bias and residual do not overlap. */
    void (*bias_add)(size_t rows, size_t width, const float *bias, const float *residual, float *x);

    /* u8 image values to floats: out = u / 255 * scale + shift. (n) */
    void (*normalise_u8)(size_t n, const uint8_t *in, float scale, float shift, float *out);
    /* 16-bit conversions, as clade_widen / clade_narrow. */
    void (*widen_f16)(size_t n, const uint16_t *in, float *out);
    void (*widen_bf16)(size_t n, const uint16_t *in, float *out);
    void (*narrow_f16)(size_t n, const float *in, uint16_t *out);
    void (*narrow_bf16)(size_t n, const float *in, uint16_t *out);
} clade_kernels;

/* The best table for this CPU; CLADE_KERNELS=portable|avx2|avx512 in the environment asks for a lesser one. */
const clade_kernels *clade_kernels_best(void);
/* All tables this CPU can run, for tests and benches; *COUNT of them. */
const clade_kernels *const *clade_kernels_available(size_t *count);

#endif
