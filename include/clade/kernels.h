/* Vector kernels over plain arrays, chosen once for the CPU. The layers of a forward pass have their own, in
 * src/model/lane_kernels.c.
 *
 * src/tensor/kernels.c is compiled several times (portable, AVX2, AVX-512), each giving one const table; the table is
 * picked at the first use. The loops are plain C without contraction, and every reduction uses 16 fixed lanes added in
 * a fixed order, so all tables give the same bits: promise 1 of DESIGN.md 3. A reference version lives in the tests. */
#ifndef CLADE_KERNELS_H
#define CLADE_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/sparse_kernels.h"

typedef struct clade_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* Reductions in double over 16 lanes. */
    double (*dot)(size_t n, const float *x, const float *y);
    /* The dot product of x - base and y - base, the differences in double. */
    double (*dot_deltas)(size_t n, const float *x, const float *y, const float *base);
    double (*sum_abs)(size_t n, const float *x);
    /* The index of the first non-finite element, or n. */
    size_t (*first_nonfinite)(size_t n, const float *x);
    /* Whether no element of 16 bits has all the bits of EXPONENT (0x7c00 for F16, 0x7f80 for BF16). */
    bool (*finite_halves)(size_t n, const uint16_t *x, uint16_t exponent);

    /* out[i] = sum over r of c[r] * rows[r][i], in double in the order of the rows, rounded once; N_ROWS >= 1. The first
     * product is not added to 0, so that -0 stays -0. */
    void (*weighted_sum)(size_t n, size_t n_rows, const float *const *rows, const double *c, float *out);
    /* out[i] = base[i] + sum over r of c[r] * (rows[r][i] - base[i]), in double, rounded once; where that sum is 0, the
     * bits of base[i]. */
    void (*weighted_deltas)(size_t n, size_t n_rows, const float *const *rows, const float *base, const double *c,
                            float *out);
    /* Both from and to 16 bits, the results rounded to f32 first: with a base the second, without (NULL) the first. */
    void (*weighted_bf16)(size_t n, size_t n_rows, const uint16_t *const *rows, const uint16_t *base, const double *c,
                          uint16_t *out);
    void (*weighted_f16)(size_t n, size_t n_rows, const uint16_t *const *rows, const uint16_t *base, const double *c,
                         uint16_t *out);

    const clade_sparse_kernels *sparse; /* of task vectors */

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
