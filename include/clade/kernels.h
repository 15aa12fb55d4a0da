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

typedef struct clade_kernels {
    const char *name; /* "portable", "avx2", "avx512" */

    /* Reductions in double over 16 lanes. */
    double (*dot)(size_t n, const float *x, const float *y);
    /* The dot product of x - base and y - base, the differences in double. */
    double (*dot_deltas)(size_t n, const float *x, const float *y, const float *base);
    double (*sum_abs)(size_t n, const float *x);
    /* The index of the first non-finite element, or n. */
    size_t (*first_nonfinite)(size_t n, const float *x);

    /* out[i] = sum over r of c[r] * rows[r][i], in double in the order of the rows, rounded once; N_ROWS >= 1. The first
     * product is not added to 0, so that -0 stays -0. */
    void (*weighted_sum)(size_t n, size_t n_rows, const float *const *rows, const double *c, float *out);
    /* out[i] = base[i] + sum over r of c[r] * (rows[r][i] - base[i]), in double, rounded once; where that sum is 0, the
     * bits of base[i]. */
    void (*weighted_deltas)(size_t n, size_t n_rows, const float *const *rows, const float *base, const double *c,
                            float *out);

    /* The task-vector pipeline (src/merge/method/task_vectors.h), in double over blocks that stay in the first cache.
     * y[i] = weight * (x[i] - base[i]). */
    void (*delta)(size_t n, const float *x, const float *base, double weight, double *y);
    /* The same where the magnitude of the float difference has bits from LOW to HIGH, else 0 (of either sign). */
    void (*delta_between)(size_t n, const float *x, const float *base, int32_t low, int32_t high, double weight,
                          double *y);
    /* The bits of the magnitude of the float difference, xor FLIP. */
    void (*delta_keys)(size_t n, const float *x, const float *base, uint32_t flip, uint32_t *keys);
    /* y[i] = 0 but where draws[i] >> 11 is below THRESHOLD. */
    void (*keep_below)(size_t n, const uint64_t *draws, uint64_t threshold, double *y);
    /* y[i] = 0 but where (draws[i] >> 11) 2^-53 is below p = low + slope * ranks[i]; with DIVIDE the others over p. */
    void (*keep_ranked)(size_t n, const uint64_t *draws, const uint32_t *ranks, double low, double slope, bool divide,
                        double *y);
    /* Bit i of BITS (n / 64 words, and one for the rest): y[i] is not 0. */
    void (*pack_nonzero)(size_t n, const double *y, uint64_t *bits);
    /* y[i] = 0 but where bit i is set. */
    void (*keep_bits)(size_t n, const uint64_t *bits, double *y);
    /* sum[i] += y[i] */
    void (*add)(size_t n, const double *y, double *sum);
    /* sum[i] += y[i] and weights[i] += weight where y[i] has the sign of votes[i], of which 0 counts as +. */
    void (*add_agreeing)(size_t n, const double *y, const double *votes, double weight, double *sum, double *weights);
    /* y[i] /= weights[i], where that is not 0. */
    void (*divide)(size_t n, const double *weights, double *y);
    /* out[i] = base[i] + lambda * y[i], rounded once; where the product is 0, the bits of base[i]. */
    void (*add_to_base)(size_t n, const float *base, const double *y, double lambda, float *out);

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
