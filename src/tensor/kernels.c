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

static double dot_deltas(size_t n, const float *x, const float *y, const float *base)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            double b = (double)base[i + j];
            lane[j] += ((double)x[i + j] - b) * ((double)y[i + j] - b);
        }
    double rest = 0;
    for (; i < n; i++)
        rest += ((double)x[i] - (double)base[i]) * ((double)y[i] - (double)base[i]);
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

/* --- weighted sums ------------------------------------------------------------------------------------------------ */

enum { SUMS = 128 }; /* partial sums in double that stay in the first cache */

static void weighted_sum(size_t n, size_t n_rows, const float *const *rows, const double *c, float *restrict out)
{
    double sum[SUMS];
    for (size_t first = 0; first < n; first += SUMS) {
        size_t m = n - first < SUMS ? n - first : SUMS;
        const float *x = rows[0] + first;
        for (size_t i = 0; i < m; i++)
            sum[i] = c[0] * (double)x[i];
        for (size_t r = 1; r < n_rows; r++) {
            x = rows[r] + first;
            double factor = c[r];
            for (size_t i = 0; i < m; i++)
                sum[i] += factor * (double)x[i];
        }
        for (size_t i = 0; i < m; i++)
            out[first + i] = (float)sum[i];
    }
}

static void weighted_deltas(size_t n, size_t n_rows, const float *const *rows, const float *base, const double *c,
                            float *restrict out)
{
    double sum[SUMS];
    for (size_t first = 0; first < n; first += SUMS) {
        size_t m = n - first < SUMS ? n - first : SUMS;
        const float *b = base + first, *x = rows[0] + first;
        for (size_t i = 0; i < m; i++)
            sum[i] = c[0] * ((double)x[i] - (double)b[i]);
        for (size_t r = 1; r < n_rows; r++) {
            x = rows[r] + first;
            double factor = c[r];
            for (size_t i = 0; i < m; i++)
                sum[i] += factor * ((double)x[i] - (double)b[i]);
        }
        for (size_t i = 0; i < m; i++) /* b + -0 has the bits of b, also where b is -0 or 0 */
            sum[i] = sum[i] == 0 ? -0.0 : sum[i];
        for (size_t i = 0; i < m; i++)
            out[first + i] = (float)((double)b[i] + sum[i]);
    }
}

/* --- task vectors ------------------------------------------------------------------------------------------------- */

static void delta(size_t n, const float *restrict x, const float *restrict base, double weight, double *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = weight * ((double)x[i] - (double)base[i]);
}

/* Masks are factors of 0 and 1, or all ones that are and-ed: a conditional sum would stay a branch, mispredicted half of
 * the time. */
static void delta_between(size_t n, const float *restrict x, const float *restrict base, int32_t low, int32_t high,
                          double weight, double *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        int32_t magnitude = (int32_t)(bits_of(x[i] - base[i]) & 0x7fffffff);
        double mask = (magnitude >= low) & (magnitude <= high);
        y[i] = mask * (weight * ((double)x[i] - (double)base[i]));
    }
}

static void delta_keys(size_t n, const float *restrict x, const float *restrict base, uint32_t flip,
                       uint32_t *restrict keys)
{
    for (size_t i = 0; i < n; i++)
        keys[i] = (bits_of(x[i] - base[i]) & 0x7fffffff) ^ flip;
}

static void keep_below(size_t n, const uint64_t *restrict draws, uint64_t threshold, double *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits, below = ((draws[i] >> 11) - threshold) >> 63; /* the difference is negative */
        memcpy(&bits, &y[i], sizeof bits);
        bits &= 0 - below;
        memcpy(&y[i], &bits, sizeof bits);
    }
}

/* An integer below 2^32, put behind the exponent of 2^52. */
static inline double double_of(uint64_t integer)
{
    const uint64_t exponent = 0x4330000000000000;
    uint64_t bits = exponent | integer;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x - 0x1p52;
}

static void keep_ranked(size_t n, const uint64_t *restrict draws, const uint32_t *restrict ranks, double low,
                        double slope, bool divide, double *restrict y)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t draw = draws[i] >> 11;
        double u = double_of(draw >> 21) * 0x1p-32 + double_of(draw & 0x1fffff) * 0x1p-53; /* exact */
        double p = low + slope * (double)(int32_t)ranks[i], mask = u < p ? 1 : 0;
        y[i] = mask * y[i] / (divide ? p : 1);
    }
}

enum { WORD = 64 };

static void pack_nonzero(size_t n, const double *restrict y, uint64_t *restrict bits)
{
    for (size_t first = 0; first < n; first += WORD) {
        uint64_t word = 0;
        size_t m = n - first < WORD ? n - first : WORD;
        for (size_t i = 0; i < m; i++)
            word |= (uint64_t)(y[first + i] != 0) << i;
        bits[first / WORD] = word;
    }
}

static void keep_bits(size_t n, const uint64_t *restrict bits, double *restrict y)
{
    for (size_t first = 0; first < n; first += WORD) {
        uint64_t word = bits[first / WORD];
        size_t m = n - first < WORD ? n - first : WORD;
        for (size_t i = 0; i < m; i++) {
            uint64_t value;
            memcpy(&value, &y[first + i], sizeof value);
            value &= 0 - (word >> i & 1);
            memcpy(&y[first + i], &value, sizeof value);
        }
    }
}

static void add(size_t n, const double *restrict y, double *restrict sum)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += y[i];
}

static void add_agreeing(size_t n, const double *restrict y, const double *restrict votes, double weight,
                         double *restrict sum, double *restrict weights)
{
    for (size_t i = 0; i < n; i++) {
        double sign = votes[i] >= 0 ? 1 : -1;
        double mask = y[i] * sign > 0 ? 1 : 0;
        sum[i] += mask * y[i];
        weights[i] += mask * weight;
    }
}

static void divide(size_t n, const double *restrict weights, double *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] /= weights[i] == 0 ? 1 : weights[i];
}

static void add_to_base(size_t n, const float *restrict base, const double *restrict y, double lambda,
                        float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        double scaled = lambda * y[i];
        scaled = scaled == 0 ? -0.0 : scaled; /* b + -0 has the bits of b, also where b is -0 or 0 */
        out[i] = (float)((double)base[i] + scaled);
    }
}

const clade_kernels CLADE_KERNELS_TABLE = {
    .name = CLADE_KERNELS_NAME,
    .dot = dot,
    .dot_deltas = dot_deltas,
    .sum_abs = sum_abs,
    .first_nonfinite = first_nonfinite,
    .delta = delta,
    .delta_between = delta_between,
    .delta_keys = delta_keys,
    .keep_below = keep_below,
    .keep_ranked = keep_ranked,
    .pack_nonzero = pack_nonzero,
    .keep_bits = keep_bits,
    .add = add,
    .add_agreeing = add_agreeing,
    .divide = divide,
    .add_to_base = add_to_base,
    .weighted_sum = weighted_sum,
    .weighted_deltas = weighted_deltas,
    .normalise_u8 = normalise_u8,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .narrow_f16 = narrow_f16,
    .narrow_bf16 = narrow_bf16,
};
