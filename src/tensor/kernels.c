/* The vector kernels. Compiled once per instruction set; CLADE_KERNELS_TABLE and CLADE_KERNELS_NAME name the table.
 *
 * Every table must give the same bits, so nothing here may depend on the vector width: elementwise loops are left to
 * the compiler (IEEE operations in written order, contraction off), and reductions run over LANES partial sums, element
 * I going to lane I mod LANES, added in one fixed order, with what is left of the last block added one by one at the
 * end. Intrinsics were not needed: gcc 12 turns all of these loops into full-width code (checked with objdump and
 * -fopt-info-vec). Row kernels work on a tile of rows that stays in the first cache, so that the costly elementwise
 * part runs over one long array even when rows are short. */
#include <stdbool.h>
#include <string.h>

#include "tensor/kernels_tables.h"

enum { LANES = 16, TILE = 4096 };

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

/* --- elementwise -------------------------------------------------------------------------------------------------- */

static void axpy(size_t n, float a, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

static void scale(size_t n, float a, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= a;
}

static void add(size_t n, const float *restrict x, float *restrict y)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

/* Plain pointers: gcc's overlap test lets OUT be X or Y and still takes the vector loop. */
static void subtract(size_t n, const float *x, const float *y, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] - y[i];
}

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

static double sum(size_t n, const float *x)
{
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lane[j] += (double)x[i + j];
    double rest = 0;
    for (; i < n; i++)
        rest += (double)x[i];
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

/* The greatest element, through integers in the same order (their maximum is associative, so it takes the whole vector
 * width in any order). A NaN comes out only if it is positive: the row then is NaN all over, as it will be anyway. */
static float greatest(size_t n, const float *x)
{
    int32_t top = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        int32_t bits = (int32_t)bits_of(x[i]), key = bits ^ (bits >> 31 & INT32_MAX);
        top = key > top ? key : top;
    }
    return float_of((uint32_t)(top ^ (top >> 31 & INT32_MAX)));
}

/* --- functions of one number -------------------------------------------------------------------------------------- */

/* exp(x) = 2^k * exp(r), |r| <= ln 2 / 2, exp(r) by a polynomial fitted by us (relative error 3e-9 before rounding).
 * k comes out of the last bits of x / ln 2 + 1.5 * 2^23. 0 below -87.33 (where the result is subnormal), infinity above
 * 88.37, NaN for NaN. Relative error at most 1.5e-7. */
static inline float exponential(float x)
{
    const float magic = 12582912.0f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    float shifted = x * 1.44269504f + magic;
    float k = shifted - magic;
    float r = (x - k * ln2_high) - k * ln2_low;
    float tail = 0.00836885129f + r * 0.00138143193f;
    tail = 0.166665195f + r * (0.0416684011f + r * tail);
    float result = 1.0f + (r + r * r * (0.499999934f + r * tail));
    result *= float_of((bits_of(shifted) + 127) << 23);
    result = x < -87.33f ? 0.0f : result;
    return x > 88.37f ? __builtin_inff() : result;
}

/* x * Phi(x), Phi(x) = 1/2 + erf(x / sqrt 2) / 2 = 1/2 + x R(x^2); R is a rational function fitted by us for |x| <= 5.5
 * (error of x R: 8e-9 before rounding), beyond which Phi is 0 or 1 in floats. */
static inline float gelu(float x)
{
    float s = x * x;
    s = s > 30.25f ? 30.25f : s;
    float p = 6.35195930e-6f + s * 2.27496317e-8f;
    p = 0.39894223479f + s * (0.0338517176943f + s * (0.00467719856365f + s * (0.000168815269f + s * p)));
    float q = 7.36436728e-5f + s * 1.19749969e-6f;
    q = 1.0f + s * (0.251519592953f + s * (0.0286453257081f + s * (0.0018843875517f + s * q)));
    float half = x * p / q;
    half = half > 0.5f ? 0.5f : half;
    half = half < -0.5f ? -0.5f : half;
    return x * (0.5f + half);
}

static inline float quick_gelu(float x)
{
    return x / (1.0f + exponential(-1.702f * x));
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static size_t rows_of_tile(size_t rows, size_t width)
{
    size_t fit = width < TILE ? TILE / width : 1;
    return fit < rows ? fit : rows;
}

static void normalise_row(size_t width, const float *restrict gamma, const float *restrict beta, float mean,
                          float factor, float *restrict row)
{
    for (size_t j = 0; j < width; j++)
        row[j] = (row[j] - mean) * factor * gamma[j] + beta[j];
}

/* Mean and variance in one pass: in double, so that the subtraction does no harm before floats run out of digits. */
static void moments(size_t n, const float *x, double *mean, double *variance)
{
    double lane[LANES] = {0}, square[LANES] = {0}, rest = 0, rest_square = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            double value = (double)x[i + j];
            lane[j] += value;
            square[j] += value * value;
        }
    for (; i < n; i++) {
        rest += (double)x[i];
        rest_square += (double)x[i] * (double)x[i];
    }
    *mean = (add_lanes(lane) + rest) / (double)n;
    double spread = (add_lanes(square) + rest_square) / (double)n - *mean * *mean;
    *variance = spread < 0 ? 0 : spread;
}

static void layer_norm(size_t rows, size_t width, const float *x, const float *gamma, const float *beta, float eps,
                       float *out)
{
    for (size_t i = 0; i < rows; i++, x += width, out += width) {
        double mean, variance;
        moments(width, x, &mean, &variance);
        double factor = 1.0 / __builtin_sqrt(variance + (double)eps);
        if (out != x)
            memcpy(out, x, width * sizeof *out);
        normalise_row(width, gamma, beta, (float)mean, (float)factor, out);
    }
}

static void softmax(size_t rows, size_t width, float factor, float *x)
{
    if (width == 0)
        return;
    size_t step = rows_of_tile(rows, width);
    for (size_t done = 0; done < rows; done += step, x += step * width) {
        size_t count = rows - done < step ? rows - done : step;
        scale(count * width, factor, x);
        for (size_t i = 0; i < count; i++) {
            float *row = x + i * width, top = greatest(width, row);
            for (size_t j = 0; j < width; j++)
                row[j] -= top;
        }
        for (size_t j = 0; j < count * width; j++)
            x[j] = exponential(x[j]);
        for (size_t i = 0; i < count; i++)
            scale(width, (float)(1.0 / sum(width, x + i * width)), x + i * width);
    }
}

static void bias_add(size_t rows, size_t width, const float *bias, const float *residual, float *x)
{
    for (size_t i = 0; i < rows; i++, x += width) {
        add(width, bias, x);
        if (residual)
            add(width, residual + i * width, x);
    }
}

static void gelu_array(size_t n, float *x)
{
    for (size_t j = 0; j < n; j++)
        x[j] = gelu(x[j]);
}

static void quick_gelu_array(size_t n, float *x)
{
    for (size_t j = 0; j < n; j++)
        x[j] = quick_gelu(x[j]);
}

static void bias_then(void (*apply)(size_t n, float *x), size_t rows, size_t width, const float *bias, float *x)
{
    if (width == 0)
        return;
    size_t step = rows_of_tile(rows, width);
    for (size_t done = 0; done < rows; done += step, x += step * width) {
        size_t count = rows - done < step ? rows - done : step;
        if (bias)
            bias_add(count, width, bias, NULL, x);
        apply(count * width, x);
    }
}

static void bias_gelu(size_t rows, size_t width, const float *bias, float *x)
{
    bias_then(gelu_array, rows, width, bias, x);
}

static void bias_quick_gelu(size_t rows, size_t width, const float *bias, float *x)
{
    bias_then(quick_gelu_array, rows, width, bias, x);
}

const clade_kernels CLADE_KERNELS_TABLE = {
    .name = CLADE_KERNELS_NAME,
    .axpy = axpy,
    .scale = scale,
    .subtract = subtract,
    .add = add,
    .dot = dot,
    .sum_abs = sum_abs,
    .sum = sum,
    .first_nonfinite = first_nonfinite,
    .layer_norm = layer_norm,
    .softmax = softmax,
    .bias_gelu = bias_gelu,
    .bias_quick_gelu = bias_quick_gelu,
    .bias_add = bias_add,
    .normalise_u8 = normalise_u8,
    .widen_f16 = widen_f16,
    .widen_bf16 = widen_bf16,
    .narrow_f16 = narrow_f16,
    .narrow_bf16 = narrow_bf16,
};
