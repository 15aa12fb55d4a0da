/* The kernels of a forward pass with one image per lane; see lanes.h. Compiled once per instruction set, with
 * CLADE_LANES_TABLE and CLADE_KERNELS_NAME naming the table. */
#include "model/lanes.h"

#include "model/lane_math.h"

#define INLINE static inline __attribute__((always_inline))

enum { CHUNK_BYTES = 256 << 10 }; /* of weights; a quarter to an eighth of a second-level cache of today */

/* ---- y = W x + b ---- */

/* One panel of W times TOKENS (1 or 2, a constant where it is inlined) tokens: PANEL * TOKENS sums in registers, each
 * over k = 0, 1, ... in turn, starting from the bias. */
INLINE void panel_times_tokens(size_t tokens, const clade_linear *w, size_t panel, const float *x, size_t x_stride,
                               float *y, size_t y_stride, int add)
{
    const float *w_k = w->weights + panel * w->panel_stride;
    const vec none = spread(0.0f);
    vec sums[PANEL][2];
    for (size_t r = 0; r < PANEL; r++)
        for (size_t t = 0; t < tokens; t++)
            sums[r][t] = w->bias == NULL ? none : spread(w->bias[panel * PANEL + r]);
    for (size_t k = 0; k < w->k; k++, w_k += PANEL) {
        vec x_k[2];
        for (size_t t = 0; t < tokens; t++)
            x_k[t] = load(x + t * x_stride + k * LANES);
        for (size_t r = 0; r < PANEL; r++) {
            const vec w_rk = spread(w_k[r]);
            for (size_t t = 0; t < tokens; t++)
                sums[r][t] = fma_of(w_rk, x_k[t], sums[r][t]);
        }
    }
    y += panel * PANEL * LANES;
    for (size_t t = 0; t < tokens && add; t++)
        for (size_t r = 0; r < PANEL; r++)
            sums[r][t] += load(y + t * y_stride + r * LANES);
    for (size_t t = 0; t < tokens; t++)
        for (size_t r = 0; r < PANEL; r++)
            store(y + t * y_stride + r * LANES, sums[r][t]);
}

/* The activation in place, on COUNT vectors that were stored just now: reading them back costs less than spilling. */
static void activate(size_t count, float *y, clade_epilogue epilogue)
{
    if (epilogue == CLADE_QUICK_GELU)
        for (size_t i = 0; i < count; i++)
            store(y + i * LANES, quick_gelu_of(load(y + i * LANES)));
    else if (epilogue == CLADE_GELU)
        for (size_t i = 0; i < count; i++)
            store(y + i * LANES, gelu_of(load(y + i * LANES)));
}

/* Goto and van de Geijn 2008, the part that matters when the weights are packed beforehand: a chunk of panels stays in
 * the second-level cache while all tokens pass by in pairs, each pair staying near for the whole chunk. */
static void linear(const clade_linear *w, size_t tokens, const float *x, size_t x_stride, float *y, size_t y_stride,
                   clade_epilogue epilogue)
{
    const int add = epilogue == CLADE_ADD;
    const size_t fitting = CHUNK_BYTES / (w->k * PANEL * sizeof(float)), chunk = fitting > 0 ? fitting : 1;
    for (size_t first = 0; first < w->panels; first += chunk) {
        const size_t last = first + chunk < w->panels ? first + chunk : w->panels;
        for (size_t t = 0; t < tokens; t += 2) {
            const float *x_t = x + t * x_stride;
            float *y_t = y + t * y_stride;
            const size_t pair = t + 2 <= tokens ? 2 : 1;
            for (size_t panel = first; panel < last; panel++)
                if (pair == 2)
                    panel_times_tokens(2, w, panel, x_t, x_stride, y_t, y_stride, add);
                else
                    panel_times_tokens(1, w, panel, x_t, x_stride, y_t, y_stride, add);
            for (size_t i = 0; i < pair; i++)
                activate((last - first) * PANEL, y_t + i * y_stride + first * PANEL * LANES, epilogue);
        }
    }
}

/* ---- layer norm ---- */

/* The sum over the features of x - shift or of its square, in four interleaved parts, so that an addition need not wait
 * for the one before. */
INLINE vec sum_of(size_t width, const float *x, vec shift, int squared)
{
    vec part[4] = {{0}, {0}, {0}, {0}};
    size_t d = 0;
    for (; d + 4 <= width; d += 4)
        for (size_t p = 0; p < 4; p++) {
            const vec a = load(x + (d + p) * LANES) - shift;
            part[p] = squared ? fma_of(a, a, part[p]) : part[p] + a;
        }
    for (; d < width; d++) {
        const vec a = load(x + d * LANES) - shift;
        part[0] = squared ? fma_of(a, a, part[0]) : part[0] + a;
    }
    return (part[0] + part[1]) + (part[2] + part[3]);
}

static void layer_norm(const clade_norm *norm, size_t tokens, const float *x, size_t x_stride, float *out,
                       size_t out_stride)
{
    const vec width = spread((float)norm->width);
    for (size_t t = 0; t < tokens; t++, x += x_stride, out += out_stride) {
        const vec mean = sum_of(norm->width, x, spread(0.0f), 0) / width;
        const vec variance = sum_of(norm->width, x, mean, 1) / width;
        const vec inverse = spread(1.0f) / sqrt_of(variance + spread(norm->eps));
        for (size_t d = 0; d < norm->width; d++)
            store(out + d * LANES,
                  fma_of((load(x + d * LANES) - mean) * inverse, spread(norm->gamma[d]), spread(norm->beta[d])));
    }
}

/* ---- attention ---- */

/* A matrix of vectors: element (i, j) at data + i * row + j * column. */
typedef struct strided {
    const float *data;
    size_t row, column;
} strided;

/* C(i, j) = sum over k of A(i, k) B(j, k), for I x J (constants where inlined) elements; C has rows C_ROW apart. */
INLINE void block_product(size_t I, size_t J, size_t K, strided a, strided b, float *c, size_t c_row)
{
    vec sums[ROWS][COLUMNS];
    for (size_t i = 0; i < I; i++)
        for (size_t j = 0; j < J; j++)
            sums[i][j] = spread(0.0f);
    for (size_t k = 0; k < K; k++) {
        vec b_k[COLUMNS];
        for (size_t j = 0; j < J; j++)
            b_k[j] = load(b.data + j * b.row + k * b.column);
        for (size_t i = 0; i < I; i++) {
            const vec a_k = load(a.data + i * a.row + k * a.column);
            for (size_t j = 0; j < J; j++)
                sums[i][j] = fma_of(a_k, b_k[j], sums[i][j]);
        }
    }
    for (size_t i = 0; i < I; i++)
        for (size_t j = 0; j < J; j++)
            store(c + i * c_row + j * LANES, sums[i][j]);
}

/* The first I rows of A against all N rows of B. */
INLINE void row_product(size_t I, size_t N, size_t K, strided a, strided b, float *c, size_t c_row)
{
    size_t j = 0;
    for (; j + COLUMNS <= N; j += COLUMNS)
        block_product(I, COLUMNS, K, a, (strided){b.data + j * b.row, b.row, b.column}, c + j * LANES, c_row);
    for (; j < N; j++)
        block_product(I, 1, K, a, (strided){b.data + j * b.row, b.row, b.column}, c + j * LANES, c_row);
}

static void product(size_t M, size_t N, size_t K, strided a, strided b, float *c, size_t c_row)
{
    size_t i = 0;
    for (; i + ROWS <= M; i += ROWS)
        row_product(ROWS, N, K, (strided){a.data + i * a.row, a.row, a.column}, b, c + i * c_row, c_row);
    for (; i < M; i++)
        row_product(1, N, K, (strided){a.data + i * a.row, a.row, a.column}, b, c + i * c_row, c_row);
}

/* s = softmax(scale * s) over its WIDTH vectors. */
static void softmax(size_t width, float scale, float *s)
{
    vec top = load(s), sum = spread(0.0f);
    for (size_t j = 1; j < width; j++)
        top = max_of(top, load(s + j * LANES));
    for (size_t j = 0; j < width; j++) {
        const vec e = exp_of((load(s + j * LANES) - top) * spread(scale));
        sum += e;
        store(s + j * LANES, e);
    }
    const vec inverse = spread(1.0f) / sum;
    for (size_t j = 0; j < width; j++)
        store(s + j * LANES, load(s + j * LANES) * inverse);
}

/* Vaswani et al. 2017, eq. 1, in blocks of queries so that the scores stay in the first cache. */
static void attention(const clade_attention *a)
{
    const size_t T = a->tokens, stride = a->stride, score_row = T * LANES;
    for (size_t h = 0; h < a->heads; h++) {
        const size_t at = h * a->head_width * LANES;
        for (size_t first = 0; first < a->queries; first += CLADE_QUERY_BLOCK) {
            const size_t rest = a->queries - first, M = rest < CLADE_QUERY_BLOCK ? rest : CLADE_QUERY_BLOCK;
            float *q = a->q + first * stride + at;
            product(M, T, a->head_width, (strided){q, stride, LANES}, (strided){a->k + at, stride, LANES}, a->scores,
                    score_row);
            for (size_t i = 0; i < M; i++)
                softmax(T, a->scale, a->scores + i * score_row);
            product(M, a->head_width, T, (strided){a->scores, score_row, LANES}, (strided){a->v + at, LANES, stride}, q,
                    stride);
        }
    }
}

extern const clade_lanes CLADE_LANES_TABLE;
const clade_lanes CLADE_LANES_TABLE = {
    .name = CLADE_KERNELS_NAME,
    .lanes = LANES,
    .panel = PANEL,
    .linear = linear,
    .layer_norm = layer_norm,
    .attention = attention,
};
