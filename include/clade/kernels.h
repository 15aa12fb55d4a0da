/* Vector kernels over plain arrays, chosen once for the CPU. The layers of a forward pass have their own, in
 * src/model/lane_kernels.c.
 *
 * src/tensor/kernels.c is compiled several times (portable, AVX2, AVX-512), each giving one const table; the table is
 * picked at the first use. The loops are plain C without contraction, and every reduction uses 16 fixed lanes added in
 * a fixed order, so all tables give the same bits: promise 1 of DESIGN.md 3. A reference version lives in the tests. */
#ifndef CLADE_KERNELS_H
#define CLADE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef struct clade_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* Reductions in double over 16 lanes. */
    double (*dot)(size_t n, const float *x, const float *y);
    double (*sum_abs)(size_t n, const float *x);
    /* The index of the first non-finite element, or n. */
    size_t (*first_nonfinite)(size_t n, const float *x);

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
