/* The vector kernels. Compiled once per instruction set; CLADE_KERNELS_TABLE and CLADE_KERNELS_NAME name the table.
 *
 * Every table must give the same bits, so nothing here may depend on the vector width: elementwise loops are left to
 * the compiler (IEEE operations in written order, contraction off), and reductions run over LANES partial sums, element
 * I going to lane I mod LANES, added in one fixed order, with what is left of the last block added one by one at the
 * end. Intrinsics were not needed: gcc 12 turns all of these loops into full-width code (checked with objdump and
 * -fopt-info-vec). */
#include <stdbool.h>
#include <string.h>

#include "tensor/kernels_tables.h"

enum { LANES = 16 };

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* --- images ------------------------------------------------------------------------------------------------------- */

static void normalise_u8(size_t n, const uint8_t *restrict in, float factor, float shift, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)in[i] / 255.0f * factor + shift;
}

/* --- 16-bit conversions ------------------------------------------------------------------------------------------- */

/* Rebias the exponent; a subnormal becomes exact by a subtraction of floats (F. Giesen, "float->half variants"). */
static void widen_f16(size_t n, const uint16_t *restrict in, float *restrict out)
{
    const float smallest_normal = 0x1p-14f;
    for (size_t i = 0; i < n; i++) {
        uint32_t half = in[i], rest = (half & 0x7fff) << 13, exponent = rest & 0x0f800000;
        float subnormal = float_of(rest + 0x38800000) - smallest_normal;
        uint32_t normal = rest + (exponent == 0x0f800000 ? 0x70000000 : 0x38000000); /* infinity and NaN: all ones */
        out[i] = float_of((exponent == 0 ? bits_of(subnormal) : normal) | (half & 0x8000) << 16);
    }
}

static void widen_bf16(size_t n, const uint16_t *restrict in, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = float_of((uint32_t)in[i] << 16);
}

/* Round to nearest even: a normal by adding half a unit, a subnormal by adding a float whose unit is f16's smallest. */
static void narrow_f16(size_t n, const float *restrict in, uint16_t *restrict out)
{
    const float align = 0.5f; /* its last bit is 2^-24 */
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(in[i]), rest = bits & 0x7fffffff;
        uint32_t normal = (rest + 0xc8000fff + ((rest >> 13) & 1)) >> 13;
        uint32_t subnormal = bits_of(float_of(rest) + align) - 0x3f000000;
        uint32_t special = rest > 0x7f800000 ? 0x7e00 : 0x7c00;
        uint32_t half = rest < 0x38800000 ? subnormal : rest >= 0x47800000 ? special : normal;
        out[i] = (uint16_t)(half | (bits & 0x80000000) >> 16);
    }
}

static void narrow_bf16(size_t n, const float *restrict in, uint16_t *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(in[i]);
        uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        uint32_t quiet = bits >> 16 | 0x40;
        out[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
    }
}

/* --- reductions --------------------------------------------------------------------------------------------------- */

static double add_lanes(const double lane[LANES])
{
    double half[LANES / 2], quarter[LANES / 4];
    for (size_t j = 0; j < LANES / 2; j++)
        half[j] = lane[j] + lane[j + LANES / 2];
    for (size_t j = 0; j < LANES / 4; j++)
        quarter[j] = half[j] + half[j + LANES / 4];
    return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

static double dot(size_t n, const float *x, const float *y)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)x[i + j] * (double)y[i + j];
    double rest = 0;
    for (; i < n; i++)
        rest += (double)x[i] * (double)y[i];
    return add_lanes(lane) + rest;
}

static double sum_abs(size_t n, const float *x)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)__builtin_fabsf(x[i + j]);
    double rest = 0;
    for (; i < n; i++)
        rest += (double)__builtin_fabsf(x[i]);
    return add_lanes(lane) + rest;
}

static bool is_nonfinite(float x)
{
    return (bits_of(x) & 0x7f800000) == 0x7f800000;
}

static size_t first_nonfinite(size_t n, const float *x)
{
    enum { STRIDE = 256 };
    size_t i = 0;
    for (uint32_t found = 0; i + STRIDE <= n; i += STRIDE) {
        for (size_t j = 0; j < STRIDE; j++)
            found += is_nonfinite(x[i + j]);
        if (found)
            break;
    }
    while (i < n && !is_nonfinite(x[i]))
        i++;
    return i;
}

const clade_kernels CLADE_KERNELS_TABLE = {
    .name = CLADE_KERNELS_NAME,
    .dot = dot,
    .sum_abs = sum_abs,
    .first_nonfinite = first_nonfinite,
    .normalise_u8 = normalise_u8,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .narrow_f16 = narrow_f16,
    .narrow_bf16 = narrow_bf16,
};
