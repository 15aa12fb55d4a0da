/* A vector of floats and the few functions the lane kernels need, for the instruction set this file is compiled for.
 *
 * GCC's vector extension does the arithmetic; fused multiply-add and maximum, which it cannot say, come from the
 * instruction set. exp and erf are polynomials of our own: libm's are scalar and differ between versions. */
#ifndef CLADE_MODEL_LANE_MATH_H
#define CLADE_MODEL_LANE_MATH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* PANEL x TOKENS vectors of sums fill the registers of a matrix product, ROWS x COLUMNS those of an attention product.
 */
#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16, PANEL = 12, ROWS = 4, COLUMNS = 4 };
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { LANES = 8, PANEL = 6, ROWS = 2, COLUMNS = 4 };
#else
enum { LANES = 4, PANEL = 6, ROWS = 2, COLUMNS = 4 };
#endif

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));
typedef vec vec_in_memory __attribute__((may_alias)); /* a buffer is an array of float */
typedef int32_t ivec __attribute__((vector_size(LANES * sizeof(int32_t))));

static inline vec load(const float *x)
{
    return *(const vec_in_memory *)(const void *)x;
}

static inline void store(float *x, vec a)
{
    *(vec_in_memory *)(void *)x = a;
}

static inline vec spread(float a)
{
    return a - (vec){0}; /* -, not +: keeps -0 */
}

#if defined(__AVX512F__)
static inline vec fma_of(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}
/* b where either is NaN. */
static inline vec max_of(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}
static inline vec sqrt_of(vec a)
{
    return _mm512_sqrt_ps(a);
}
#elif defined(__AVX2__) && defined(__FMA__)
static inline vec fma_of(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}
static inline vec max_of(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}
static inline vec sqrt_of(vec a)
{
    return _mm256_sqrt_ps(a);
}
#else
#if defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA)
static inline vec fma_of(vec a, vec b, vec c)
{
    vec r;
    for (int lane = 0; lane < LANES; lane++)
        r[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
    return r;
}
#else
static inline vec fma_of(vec a, vec b, vec c)
{
    return a * b + c;
}
#endif
static inline vec max_of(vec a, vec b)
{
    const ivec greater = a > b;
    return (vec)(((ivec)a & greater) | ((ivec)b & ~greater));
}
static inline vec sqrt_of(vec a)
{
    vec r;
    for (int lane = 0; lane < LANES; lane++)
        r[lane] = __builtin_sqrtf(a[lane]);
    return r;
}
#endif

/* e^x, relative error below 2e-7 for x in [-87, 88]; smaller x give e^-87, greater ones e^88, NaN stays NaN.
 * x = n ln2 + r with |r| <= ln2/2, ln2 in two parts (Cody and Waite 1980); e^r by a polynomial of degree 6. */
static inline vec exp_of(vec x)
{
    const vec magic = spread(0x1.8p23f); /* adding it rounds to an integer, kept in the low bits */
    x = max_of(spread(-87.0f), x);
    x = -max_of(spread(-88.0f), -x);
    const vec shifted = fma_of(x, spread(0x1.715476p0f), magic);
    const vec n = shifted - magic;
    vec r = fma_of(n, spread(-0x1.62e4p-1f), x);
    r = fma_of(n, spread(-0x1.7f7d1cp-20f), r);
    vec p = spread(1.0f / 720.0f);
    p = fma_of(p, r, spread(1.0f / 120.0f));
    p = fma_of(p, r, spread(1.0f / 24.0f));
    p = fma_of(p, r, spread(1.0f / 6.0f));
    p = fma_of(p, r, spread(0.5f));
    p = fma_of(p, r, spread(1.0f));
    p = fma_of(p, r, spread(1.0f));
    return p * (vec)(((ivec)shifted + 127) << 23);
}

/* x / (1 + e^-1.702x): Hendrycks and Gimpel 2016, the form of OpenAI's CLIP. */
static inline vec quick_gelu_of(vec x)
{
    return x / (spread(1.0f) + exp_of(x * spread(-1.702f)));
}

/* x Phi(x) = x/2 (1 + erf(x/sqrt2)); erf by Abramowitz and Stegun 7.1.26, |error| <= 1.5e-7. With
 * E = 1 - erf(|x|/sqrt2), the result is max(x, 0) - |x| E / 2, which loses nothing for large |x|. */
static inline vec gelu_of(vec x)
{
    const vec size = max_of(-x, x), z = size * spread(0x1.6a09e6p-1f);
    const vec t = spread(1.0f) / fma_of(z, spread(0.3275911f), spread(1.0f));
    vec p = spread(1.061405429f);
    p = fma_of(p, t, spread(-1.453152027f));
    p = fma_of(p, t, spread(1.421413741f));
    p = fma_of(p, t, spread(-0.284496736f));
    p = fma_of(p, t, spread(0.254829592f));
    const vec tail = p * t * exp_of(-z * z);
    return max_of(spread(0.0f), x) - spread(0.5f) * size * tail;
}

#endif
