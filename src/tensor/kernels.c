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
static inline float float_of_f16(uint32_t half)
{
    const float smallest_normal = 0x1p-14f;
    uint32_t rest = (half & 0x7fff) << 13, exponent = rest & 0x0f800000;
    float subnormal = float_of(rest + 0x38800000) - smallest_normal;
    uint32_t normal = rest + (exponent == 0x0f800000 ? 0x70000000 : 0x38000000); /* infinity and NaN: all ones */
    return float_of((exponent == 0 ? bits_of(subnormal) : normal) | (half & 0x8000) << 16);
}

static void widen_f16(size_t n, const uint16_t *restrict in, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = float_of_f16(in[i]);
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

static bool finite_halves(size_t n, const uint16_t *x, uint16_t exponent)
{
    uint16_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (x[i] & exponent) == exponent;
    return bad == 0;
}

/* --- weighted sums ------------------------------------------------------------------------------------------------
 * In blocks, of which the sums in double stay in the first cache; up to four rows at once, so that these are on their way
 * from memory together. */

enum { BLOCK = 256, AT_ONCE = 4 };

typedef enum element { ELEMENT_F32, ELEMENT_BF16, ELEMENT_F16 } element;

static inline double element_of(element kind, const void *row, size_t i)
{
    const float *x = row;
    const uint16_t *half = row;
    return (double)(kind == ELEMENT_F32    ? x[i]
                    : kind == ELEMENT_BF16 ? float_of((uint32_t)half[i] << 16)
                                           : float_of_f16(half[i]));
}

/* Add K rows, from element FIRST, to the (N) sums, or with BEGIN make the sums of them. */
static inline void add_rows(element kind, bool deltas, size_t k, bool begin, size_t first, size_t n,
                            const void *const *rows, const void *base, const double *c, double *sum)
{
    for (size_t i = 0; i < n; i++) {
        double b = deltas ? element_of(kind, base, first + i) : 0, total = begin ? 0 : sum[i];
        for (size_t r = 0; r < k; r++) {
            double x = element_of(kind, rows[r], first + i), y = c[r] * (deltas ? x - b : x);
            total = begin && r == 0 ? y : total + y;
        }
        sum[i] = total;
    }
}

static inline void add_up_to_four(element kind, bool deltas, size_t k, bool begin, size_t first, size_t n,
                                  const void *const *rows, const void *base, const double *c, double *sum)
{
    if (k == 1)
        add_rows(kind, deltas, 1, begin, first, n, rows, base, c, sum);
    else if (k == 2)
        add_rows(kind, deltas, 2, begin, first, n, rows, base, c, sum);
    else if (k == 3)
        add_rows(kind, deltas, 3, begin, first, n, rows, base, c, sum);
    else
        add_rows(kind, deltas, AT_ONCE, begin, first, n, rows, base, c, sum);
}

/* N at most BLOCK. */
static inline void weigh(element kind, bool deltas, size_t first, size_t n, size_t n_rows, const void *const *rows,
                         const void *base, const double *c, float *out)
{
    double sum[BLOCK];
    add_up_to_four(kind, deltas, n_rows < AT_ONCE ? n_rows : AT_ONCE, true, first, n, rows, base, c, sum);
    for (size_t r = AT_ONCE; r < n_rows; r += AT_ONCE) {
        size_t k = n_rows - r < AT_ONCE ? n_rows - r : AT_ONCE;
        add_up_to_four(kind, deltas, k, false, first, n, rows + r, base, c + r, sum);
    }
    for (size_t i = 0; i < n && deltas; i++) /* b + -0 has the bits of b, also where b is -0 or 0 */
        sum[i] = element_of(kind, base, first + i) + (sum[i] == 0 ? -0.0 : sum[i]);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)sum[i];
}

static inline void weigh_all(element kind, bool deltas, size_t n, size_t n_rows, const void *const *rows,
                             const void *base, const double *c, void *out)
{
    float results[BLOCK];
    for (size_t first = 0; first < n; first += BLOCK) {
        size_t m = n - first < BLOCK ? n - first : BLOCK;
        weigh(kind, deltas, first, m, n_rows, rows, base, c, kind == ELEMENT_F32 ? (float *)out + first : results);
        if (kind == ELEMENT_BF16)
            narrow_bf16(m, results, (uint16_t *)out + first);
        if (kind == ELEMENT_F16)
            narrow_f16(m, results, (uint16_t *)out + first);
    }
}

static void weighted_sum(size_t n, size_t n_rows, const float *const *rows, const double *c, float *restrict out)
{
    weigh_all(ELEMENT_F32, false, n, n_rows, (const void *const *)rows, NULL, c, out);
}

static void weighted_deltas(size_t n, size_t n_rows, const float *const *rows, const float *base, const double *c,
                            float *restrict out)
{
    weigh_all(ELEMENT_F32, true, n, n_rows, (const void *const *)rows, base, c, out);
}

static void weighted_bf16(size_t n, size_t n_rows, const uint16_t *const *rows, const uint16_t *base, const double *c,
                          uint16_t *restrict out)
{
    if (base)
        weigh_all(ELEMENT_BF16, true, n, n_rows, (const void *const *)rows, base, c, out);
    else
        weigh_all(ELEMENT_BF16, false, n, n_rows, (const void *const *)rows, NULL, c, out);
}

static void weighted_f16(size_t n, size_t n_rows, const uint16_t *const *rows, const uint16_t *base, const double *c,
                         uint16_t *restrict out)
{
    if (base)
        weigh_all(ELEMENT_F16, true, n, n_rows, (const void *const *)rows, base, c, out);
    else
        weigh_all(ELEMENT_F16, false, n, n_rows, (const void *const *)rows, NULL, c, out);
}

const clade_kernels CLADE_KERNELS_TABLE = {
    .name = CLADE_KERNELS_NAME,
    .dot = dot,
    .dot_deltas = dot_deltas,
    .sum_abs = sum_abs,
    .first_nonfinite = first_nonfinite,
    .finite_halves = finite_halves,
    .sparse = &CLADE_SPARSE_TABLE,
    .weighted_sum = weighted_sum,
    .weighted_deltas = weighted_deltas,
    .weighted_bf16 = weighted_bf16,
    .weighted_f16 = weighted_f16,
    .normalise_u8 = normalise_u8,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .narrow_f16 = narrow_f16,
    .narrow_bf16 = narrow_bf16,
};
