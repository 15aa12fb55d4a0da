/* The lane kernels against plain loops in double, on sizes that fill neither panels nor blocks; every table of this
 * CPU. */
#include "test.h"

#include <math.h>

#include "clade/rng.h"
#include "model/lanes.h"

static float *floats(size_t count)
{
    float *values = clade_malloc(count * sizeof *values);
    assert_non_null(values);
    clade_rng rng = clade_rng_seeded(count, 3);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(4.0 * clade_rng_uniform(&rng) - 2.0);
    return values;
}

static double activation(double x, clade_epilogue epilogue)
{
    if (epilogue == CLADE_GELU)
        return 0.5 * x * erfc(-x / sqrt(2.0));
    return epilogue == CLADE_QUICK_GELU ? x / (1.0 + exp(-1.702 * x)) : x;
}

/* W in panels as lanes.h says, from w(r, k). */
static float *packed(const float *w, size_t n, size_t k, size_t panel)
{
    const size_t panels = (n + panel - 1) / panel;
    float *out = clade_calloc(panels * panel * k, sizeof *out);
    assert_non_null(out);
    for (size_t r = 0; r < n; r++)
        for (size_t j = 0; j < k; j++)
            out[(r / panel * k + j) * panel + r % panel] = w[r * k + j];
    return out;
}

static void check_linear(const clade_lanes *ops, size_t n, size_t k, size_t tokens, clade_epilogue epilogue)
{
    const size_t L = ops->lanes, panels = (n + ops->panel - 1) / ops->panel, rows = panels * ops->panel;
    float *w = floats(n * k), *x = floats(tokens * k * L), *bias = clade_calloc(rows, sizeof *bias);
    float *weights = packed(w, n, k, ops->panel), *y = floats(tokens * rows * L), *before = floats(tokens * rows * L);
    assert_non_null(bias);
    for (size_t r = 0; r < n; r++)
        bias[r] = 0.01f * (float)r;
    const clade_linear linear = {
        .n = n, .k = k, .panels = panels, .panel_stride = k * ops->panel, .weights = weights, .bias = bias};
    ops->linear(&linear, tokens, x, k * L, y, rows * L, epilogue);
    for (size_t t = 0; t < tokens; t++)
        for (size_t r = 0; r < n; r++)
            for (size_t lane = 0; lane < L; lane++) {
                double sum = (double)bias[r], size = 1.0;
                for (size_t j = 0; j < k; j++) {
                    const double product = (double)w[r * k + j] * (double)x[(t * k + j) * L + lane];
                    sum += product;
                    size += fabs(product);
                }
                const size_t at = (t * rows + r) * L + lane;
                const double want = activation(sum, epilogue) + (epilogue == CLADE_ADD ? (double)before[at] : 0.0);
                assert_true(fabs((double)y[at] - want) <= 4e-7 * size);
            }
    clade_free(w), clade_free(x), clade_free(bias), clade_free(weights), clade_free(y), clade_free(before);
}

static void test_linear(void **state)
{
    (void)state;
    static const size_t sizes[][3] = {{1, 1, 1}, {7, 5, 2}, {12, 33, 3}, {13, 96, 5}, {50, 700, 4}, {30, 6000, 3}};
    for (size_t i = 0; clade_lanes_at(i) != NULL; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            for (int epilogue = CLADE_STORE; epilogue <= CLADE_QUICK_GELU; epilogue++)
                check_linear(clade_lanes_at(i), sizes[s][0], sizes[s][1], sizes[s][2], (clade_epilogue)epilogue);
}

/* Activations alone, over their whole range: W is 1 x 1 and holds 1. */
static void test_activations(void **state)
{
    (void)state;
    for (size_t i = 0; clade_lanes_at(i) != NULL; i++) {
        const clade_lanes *ops = clade_lanes_at(i);
        float *one = clade_calloc(ops->panel, sizeof *one), *x = clade_calloc(ops->lanes, sizeof *x);
        float *y = clade_calloc(ops->panel * ops->lanes, sizeof *y);
        assert_true(one != NULL && x != NULL && y != NULL);
        one[0] = 1.0f;
        const clade_linear identity = {.n = 1, .k = 1, .panels = 1, .panel_stride = ops->panel, .weights = one};
        for (double value = -60.0; value < 60.0; value += 0.0013) {
            x[0] = (float)value;
            ops->linear(&identity, 1, x, ops->lanes, y, 0, CLADE_GELU);
            assert_true(fabs((double)y[0] - activation((double)x[0], CLADE_GELU)) <= 5e-7 * fmax(1.0, fabs(value)));
            ops->linear(&identity, 1, x, ops->lanes, y, 0, CLADE_QUICK_GELU);
            const double quick = activation((double)x[0], CLADE_QUICK_GELU);
            const double rounded_exponent =
                1.2e-7 * fabs(1.702 * value); /* of e^-1.702x; matters where little is left */
            assert_true(fabs((double)y[0] - quick) <= (5e-7 + rounded_exponent) * fabs(quick) + 1e-36);
        }
        x[0] = NAN;
        for (int epilogue = CLADE_GELU; epilogue <= CLADE_QUICK_GELU; epilogue++) {
            ops->linear(&identity, 1, x, ops->lanes, y, 0, (clade_epilogue)epilogue);
            assert_true(isnan(y[0]));
        }
        clade_free(one), clade_free(x), clade_free(y);
    }
}

static void check_layer_norm(const clade_lanes *ops, size_t width, size_t tokens)
{
    const size_t L = ops->lanes;
    float *x = floats(tokens * width * L), *out = floats(tokens * width * L), *gamma = floats(width),
          *beta = floats(width);
    const clade_norm norm = {.width = width, .gamma = gamma, .beta = beta, .eps = 1e-3f};
    ops->layer_norm(&norm, tokens, x, width * L, out, width * L);
    for (size_t t = 0; t < tokens; t++)
        for (size_t lane = 0; lane < L; lane++) {
            double mean = 0.0, variance = 0.0;
            for (size_t d = 0; d < width; d++)
                mean += (double)x[(t * width + d) * L + lane] / (double)width;
            for (size_t d = 0; d < width; d++)
                variance += pow((double)x[(t * width + d) * L + lane] - mean, 2.0) / (double)width;
            for (size_t d = 0; d < width; d++) {
                const size_t at = (t * width + d) * L + lane;
                const double want = ((double)x[at] - mean) / sqrt(variance + 1e-3) * (double)gamma[d] + (double)beta[d];
                assert_true(fabs((double)out[at] - want) <= 1e-5);
            }
        }
    float *in_place = x;
    ops->layer_norm(&norm, tokens, in_place, width * L, in_place, width * L);
    assert_memory_equal(in_place, out, tokens * width * L * sizeof *out);
    clade_free(x), clade_free(out), clade_free(gamma), clade_free(beta);
}

static void test_layer_norm(void **state)
{
    (void)state;
    for (size_t i = 0; clade_lanes_at(i) != NULL; i++)
        for (size_t width = 1; width < 30; width += 3)
            check_layer_norm(clade_lanes_at(i), width, 1 + width % 3);
}

/* Feature d of head h of token t, one lane, in a buffer of stride STRIDE. */
static double element(const clade_lanes *ops, const float *x, size_t stride, size_t t, size_t feature, size_t lane)
{
    return (double)x[t * stride + feature * ops->lanes + lane];
}

static void check_attention(const clade_lanes *ops, size_t T, size_t queries, size_t heads, size_t width)
{
    const size_t L = ops->lanes, stride = 3 * heads * width * L;
    float *qkv = floats(T * stride), *copy = floats(T * stride), *scores = floats(CLADE_QUERY_BLOCK * T * L);
    const float *k = copy + heads * width * L, *v = k + heads * width * L;
    const clade_attention attention = {.tokens = T,
                                       .queries = queries,
                                       .heads = heads,
                                       .head_width = width,
                                       .scale = 0.7f,
                                       .q = qkv,
                                       .k = qkv + heads * width * L,
                                       .v = qkv + 2 * heads * width * L,
                                       .stride = stride,
                                       .scores = scores};
    ops->attention(&attention);
    for (size_t at = 0; at < queries * heads * L; at++) {
        const size_t lane = at % L, h = at / L % heads, i = at / L / heads;
        double p[64], sum = 0.0;
        for (size_t j = 0; j < T; j++) {
            double score = 0.0;
            for (size_t d = h * width; d < (h + 1) * width; d++)
                score += element(ops, copy, stride, i, d, lane) * element(ops, k, stride, j, d, lane);
            p[j] = exp(0.7 * score);
            sum += p[j];
        }
        for (size_t d = h * width; d < (h + 1) * width; d++) {
            double want = 0.0;
            for (size_t j = 0; j < T; j++)
                want += p[j] / sum * element(ops, v, stride, j, d, lane);
            assert_true(fabs(element(ops, qkv, stride, i, d, lane) - want) <= 2e-5);
        }
    }
    clade_free(qkv), clade_free(copy), clade_free(scores);
}

static void test_attention(void **state)
{
    (void)state;
    static const size_t sizes[][4] = {{1, 1, 1, 1},   {5, 5, 2, 3},  {17, 17, 4, 24},
                                      {17, 1, 4, 24}, {18, 9, 1, 7}, {50, 50, 2, 10}};
    for (size_t i = 0; clade_lanes_at(i) != NULL; i++)
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
            check_attention(clade_lanes_at(i), sizes[s][0], sizes[s][1], sizes[s][2], sizes[s][3]);
}

static void test_choice(void **state)
{
    (void)state;
    size_t widest = 0;
    for (size_t i = 0; clade_lanes_at(i) != NULL; i++) {
        assert_true(clade_lanes_at(i)->lanes > widest);
        widest = clade_lanes_at(i)->lanes;
        assert_ptr_equal(clade_lanes_for(widest), clade_lanes_at(i));
    }
    assert_true(widest > 0);
    assert_int_equal(clade_lanes_for(0)->lanes, widest);
    assert_int_equal(clade_lanes_for(1000)->lanes, widest);
    assert_ptr_equal(clade_lanes_for(1), clade_lanes_at(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),    cmocka_unit_test(test_activations), cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_attention), cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
