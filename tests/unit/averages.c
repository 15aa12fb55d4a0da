/* Averages and elementwise choices: known answers, a slow second computation where there is none, what they refuse, and
 * the sums and logarithms they are made of. */
#include "method_run.h"

#include "clade/kernels.h"
#include "clade/rng.h"
#include "merge/method/logarithm.h"

enum { MOST = 5000 };

static float x[MOST], y[MOST], b[MOST], found[MOST], again[MOST];

/* Values from -RANGE to RANGE; the same for the same KEY. */
static void fill(float *row, size_t n, double range, uint64_t key)
{
    clade_rng rng = clade_rng_seeded(23, key);
    for (size_t i = 0; i < n; i++)
        row[i] = (float)((2 * clade_rng_uniform(&rng) - 1) * range);
}

static void assert_row(const float *row, size_t n, const double *expected)
{
    for (size_t i = 0; i < n; i++)
        assert_near((double)row[i], expected[i], 1e-6);
}

/* ---- linear, passthrough, nearswap ---- */

static void linear(void **state)
{
    static const float v_0[] = {1, -0.0f}, v_1[] = {4, -0.0f};
    run_tensor tensor = {.rank = 1, .shape = {2}, .parents = {v_0, v_1}, .out = found};
    (void)state;
    method_run run = run_new("linear", 2, &tensor, 1);
    run_set(&run, "weight", 1, 3);
    assert_ok(run_make(&run));
    assert_row(found, 2, (const double[]){3.25, 0});
    assert_true(signbit(found[1]));
    run_set(&run, "normalize", 0, 0);
    assert_ok(run_make(&run));
    assert_row(found, 2, (const double[]){13, 0});
}

static void passthrough(void **state)
{
    static const float v[] = {1, -0.0f, 3};
    run_tensor tensor = {.rank = 1, .shape = {3}, .parents = {v}, .base = b, .out = found};
    (void)state;
    method_run run = run_new("passthrough", 1, &tensor, 1);
    assert_ok(run_make(&run));
    assert_memory_equal(found, v, sizeof v);
    run_set(&run, "scale", 0, -0.5);
    assert_ok(run_make(&run));
    assert_row(found, 3, (const double[]){-0.5, 0, -1.5});
}

static void nearswap(void **state)
{
    /* The differences: 0, 0.5, 2 and twice less than 1e-6. */
    static const float base[] = {1, 0, -1, -0.0f, 0}, model[] = {1, 0.5f, 1, 5e-7f, -5e-7f};
    run_tensor tensor = {.rank = 1, .shape = {5}, .parents = {model}, .base = base, .out = found};
    (void)state;
    method_run run = run_new("nearswap", 1, &tensor, 1);
    run_set(&run, "t", 0, 0.25);
    assert_ok(run_make(&run));
    assert_row(found, 5, (const double[]){1, 0.25, -0.75, 5e-7, -5e-7});
    run_set(&run, "t", 0, 5e-7); /* half of 1e-6 */
    assert_ok(run_make(&run));
    assert_near((double)found[3], 2.5e-7, 1e-13);
    run_set(&run, "t", 0, 0);
    assert_ok(run_make(&run));
    assert_memory_equal(found, base, sizeof base);
    run_set(&run, "t", 0, 2);
    assert_ok(run_make(&run));
    assert_memory_equal(found, model, sizeof model);
}

/* ---- MetaGPT ---- */

/* |tau_0|^2 = 4 + 5, |tau_1|^2 = 1 over both tensors; parent 2 has only the second, |tau_2|^2 = 2. */
static void metagpt(void **state)
{
    static const float base[] = {0, 10}, a[] = {2, 10}, c[] = {0, 11};
    static const float zero[] = {0, -0.0f}, d[] = {1, 2}, f[] = {1, 1};
    float first[2], second[2];
    run_tensor tensors[] = {{.rank = 1, .shape = {2}, .base = base, .parents = {a, c}, .out = first},
                            {.rank = 1, .shape = {2}, .base = zero, .parents = {d, zero}, .out = second}};
    (void)state;
    method_run run = run_new("metagpt", 2, tensors, 2);
    assert_ok(run_make(&run));
    assert_row(first, 2, (const double[]){1.8, 10.1});
    assert_row(second, 2, (const double[]){0.9, 1.8});
    run_set(&run, "lambda", 0, 0.5);
    assert_ok(run_make(&run));
    assert_row(first, 2, (const double[]){0.9, 10.05});
    /* No differences at all: the base bit for bit. */
    run_tensor still = {.rank = 1, .shape = {2}, .base = zero, .parents = {zero, zero}, .out = first};
    run = run_new("metagpt", 2, &still, 1);
    assert_ok(run_make(&run));
    assert_memory_equal(first, zero, sizeof zero);
    /* A parent that lacks the first tensor: sums are kept by parent. */
    const clade_method *method = clade_method_find("metagpt");
    void *sums = clade_calloc(1, method->state_bytes(NULL)), *more = clade_calloc(1, method->state_bytes(NULL));
    const float *rows_1[] = {a, c}, *rows_2[] = {f, d};
    clade_merge_tile tile = {.n_parents = 2, .n = 2, .base = base, .parents = rows_1, .n_parameters = 1};
    tile.parent_keys = (const uint64_t[]){70, 80};
    tile.site = (const double[]){1};
    assert_ok(method->survey(&tile, 0, more));
    tile.base = zero;
    tile.parents = rows_2;
    tile.parent_keys = (const uint64_t[]){90, 70};
    assert_ok(method->survey(&tile, 0, more));
    assert_ok(method->survey_merge(&tile, 0, sums, more));
    tile.state = sums;
    assert_ok(method->combine(&tile, found));
    assert_row(found, 2, (const double[]){(2 + 9) / 12.0, (2 + 2 * 9) / 12.0});
    clade_free(sums);
    clade_free(more);
}

/* ---- Fisher ---- */

static clade_tensor statistic(clade_dtype dtype, const uint64_t *count, const void *data)
{
    return (clade_tensor){.name = "w",
                          .dtype = dtype,
                          .rank = 1,
                          .shape = count,
                          .count = (size_t)*count,
                          .bytes = (size_t)*count * clade_dtype_of(dtype)->bits / 8,
                          .data = data};
}

static void fisher(void **state)
{
    static const uint64_t two = 2;
    static const float v_0[] = {1, 1}, v_1[] = {2, 3}, f_0[] = {4, 0}, f_1[] = {1, 0};
    static const double wide_0[] = {4, 0};
    static const uint16_t half_1[] = {0x3c00, 0};
    clade_tensor F_0 = statistic(CLADE_F32, &two, f_0), F_1 = statistic(CLADE_F32, &two, f_1);
    clade_tensor W_0 = statistic(CLADE_F64, &two, wide_0), H_1 = statistic(CLADE_F16, &two, half_1);
    run_tensor tensor = {.rank = 1, .shape = {2}, .parents = {v_0, v_1}, .statistics = {&F_0, &F_1}, .out = found};
    (void)state;
    method_run run = run_new("fisher", 2, &tensor, 1);
    static const double expected[][2] = {{1.2, 1}, {1.2, 2}, {1.2, 2}};
    for (int rule = 0; rule < 3; rule++) {
        run_set(&run, "normalize", 0, 0);
        run_set(&run, "floor_rule", 0, rule);
        assert_ok(run_make(&run));
        assert_row(found, 2, expected[rule]);
        run_set(&run, "normalize", 0, 1); /* norms 4 and 1: the first element's ratio is 1 : 1 */
        assert_ok(run_make(&run));
        assert_near((double)found[0], 1.5, 1e-5);
    }
    run_set(&run, "floor_rule", 0, 0);
    run_set(&run, "normalize", 0, 0);
    tensor.statistics[0] = &W_0;
    tensor.statistics[1] = &H_1;
    assert_ok(run_make(&run));
    assert_row(found, 2, expected[0]);
    run_set(&run, "weight", 0, 0); /* and no information of the other: the weighted mean */
    assert_ok(run_make(&run));
    assert_row(found, 2, (const double[]){2, 3});
}

/* The norms are those of all tensors of the rule: here 5 and 1. */
static void fisher_norms(void **state)
{
    static const uint64_t one = 1;
    static const float v_0[] = {0}, v_1[] = {1}, three[] = {3}, four[] = {4}, unit[] = {1}, none[] = {0};
    clade_tensor F_3 = statistic(CLADE_F32, &one, three), F_4 = statistic(CLADE_F32, &one, four);
    clade_tensor F_1 = statistic(CLADE_F32, &one, unit), F_0 = statistic(CLADE_F32, &one, none);
    float first[1], second[1];
    run_tensor tensors[] = {
        {.rank = 1, .shape = {1}, .parents = {v_0, v_1}, .statistics = {&F_3, &F_1}, .out = first},
        {.rank = 1, .shape = {1}, .parents = {v_0, v_1}, .statistics = {&F_4, &F_0}, .out = second}};
    (void)state;
    method_run run = run_new("fisher", 2, tensors, 2);
    assert_ok(run_make(&run));
    assert_near((double)first[0], 1 / 1.6, 1e-6);
    assert_near((double)second[0], 0, 1e-6);
    tensors[0].statistics[1] = &F_0;
    assert_fails(run_make(&run), CLADE_EINPUT, "the Fisher values of parent 2 are 0 in all tensors");
}

static void fisher_refuses(void **state)
{
    static const uint64_t two = 2, three = 3;
    static const float v[] = {1, 1}, good[] = {1, 1}, negative[] = {1, -1}, infinite[] = {1, INFINITY};
    static const int64_t integers[] = {1, 1};
    clade_tensor F = statistic(CLADE_F32, &two, good), longer = statistic(CLADE_F32, &three, x);
    clade_tensor below = statistic(CLADE_F32, &two, negative), above = statistic(CLADE_F32, &two, infinite);
    clade_tensor whole = statistic(CLADE_I64, &two, integers);
    const struct {
        const clade_tensor *statistic;
        clade_status status;
        const char *message;
    } rows[] = {
        {NULL, CLADE_EINCOMPATIBLE,
         "the statistics of parent 2 have no tensor of this name, expected its Fisher values [2]"},
        {&longer, CLADE_EINCOMPATIBLE, "the Fisher values of parent 2 have shape [3], expected [2]"},
        {&whole, CLADE_EINCOMPATIBLE, "the Fisher values of parent 2 are I64"},
        {&below, CLADE_EINPUT, "element 1 of the Fisher values of parent 2 is -1"},
        {&above, CLADE_EINPUT, "element 1 of the Fisher values of parent 2 is inf"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int normalize = 0; normalize < 2; normalize++) {
            run_tensor tensor = {
                .rank = 1, .shape = {2}, .parents = {v, v}, .statistics = {&F, rows[i].statistic}, .out = found};
            method_run run = run_new("fisher", 2, &tensor, 1);
            run_set(&run, "normalize", 0, normalize);
            assert_fails(run_make(&run), rows[i].status, rows[i].message);
        }
}

/* ---- Arcee Fusion ---- */

static int by_value(const void *one, const void *other)
{
    float a = *(const float *)one, c = *(const float *)other;
    return a < c ? -1 : a > c;
}

static long double divergence(size_t n, const float *p, const float *q)
{
    long double sum_p = 0, sum_q = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum_p += expl((long double)p[i]);
        sum_q += expl((long double)q[i]);
    }
    for (size_t i = 0; i < n; i++) {
        long double a = expl((long double)p[i]) / sum_p + 1e-8L, c = expl((long double)q[i]) / sum_q + 1e-8L;
        sum += a * logl(a / c);
    }
    return sum;
}

/* By the definition, with a sort; also over several pieces and tiles. */
static void arcee_fusion(void **state)
{
    static const struct {
        uint64_t rows, columns;
        size_t tile, piece;
    } cases[] = {{40, 125, 16384, 1 << 20}, {40, 125, 1, 1}, {5, 1000, 2000, 2000}, {1, 37, 5, 5}, {5000, 1, 64, 640}};
    static float sorted[MOST], I[MOST];
    (void)state;
    fill(x, MOST, 1, 1);
    fill(b, MOST, 1, 2);
    for (size_t i = 0; i < MOST; i++)
        x[i] = b[i] + (i % 13 == 0 ? 1.0f : 0.01f) * x[i];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        size_t rows = (size_t)cases[c].rows, columns = (size_t)cases[c].columns, n = rows * columns, moved = 0;
        run_tensor tensor = {.rank = 2, .shape = {rows, columns}, .parents = {x}, .base = b, .out = found};
        method_run run = run_new("arcee_fusion", 1, &tensor, 1);
        run.tile = cases[c].tile;
        run.piece = cases[c].piece;
        assert_ok(run_make(&run));
        for (size_t row = 0; row < n; row += columns) {
            double K = (double)divergence(columns, x + row, b + row);
            for (size_t i = row; i < row + columns; i++)
                I[i] = (float)((double)fabsf(x[i] - b[i]) * K);
        }
        memcpy(sorted, I, n * sizeof(float));
        qsort(sorted, n, sizeof(float), by_value);
        double low = (double)sorted[(n - 1) / 4], middle = (double)sorted[(n - 1) / 2],
               high = (double)sorted[3 * (n - 1) / 4];
        double threshold = middle + 1.5 * (high - low);
        for (size_t i = 0; i < n; i++) {
            bool near_it = fabs((double)I[i] - threshold) <= 1e-6 * threshold; /* the sums are other ones */
            moved += found[i] == x[i];
            if (!near_it && found[i] != ((double)I[i] >= threshold ? x[i] : b[i]))
                fail_msg("case %zu, element %zu: importance %g, threshold %g", c, i, (double)I[i], threshold);
        }
        assert_true(columns == 1 ? moved == n : moved > 0 && moved < n / 2); /* one column: all importances are 0 */
    }
}

/* ---- what they are made of ---- */

static void weighted_sums(void **state)
{
    static const size_t sizes[] = {0, 1, 3, 16, 127, 128, 129, 1000, 4099};
    const double c[] = {0.3, -1.25, 1e-3};
    const float *const rows[] = {x, y, x};
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    (void)state;
    fill(x, MOST, 2, 1);
    fill(y, MOST, 2, 2);
    fill(b, MOST, 2, 3);
    for (size_t i = 0; i < MOST; i += 5)
        x[i] = y[i] = b[i] = i % 2 ? 0.0f : -0.0f;
    for (size_t k = 0; k < tables * 9; k++) {
        size_t n = sizes[k % 9];
        const clade_kernels *one = table[k / 9];
        double dot = 0;
        found[n] = 12345.0f;
        one->weighted_sum(n, 3, rows, c, found);
        for (size_t i = 0; i < n; i++)
            again[i] = (float)(c[0] * (double)x[i] + c[1] * (double)y[i] + c[2] * (double)x[i]);
        assert_memory_equal(found, again, n * sizeof(float));
        one->weighted_deltas(n, 3, rows, b, c, found);
        for (size_t i = 0; i < n; i++) {
            double u = (double)x[i] - (double)b[i], v = (double)y[i] - (double)b[i],
                   sum = c[0] * u + c[1] * v + c[2] * u;
            again[i] = sum == 0 ? b[i] : (float)((double)b[i] + sum);
            dot += u * v;
        }
        assert_memory_equal(found, again, n * sizeof(float));
        assert_true(found[n] == 12345.0f);
        assert_near(one->dot_deltas(n, x, y, b), dot, 1e-15 * 16 * (double)(n + 1));
        assert_true(one->dot_deltas(n, x, y, b) == table[0]->dot_deltas(n, x, y, b));
        one->weighted_sum(n, 1, rows, (const double[]){1}, found);
        assert_memory_equal(found, x, n * sizeof(float));
    }
}

/* The error is what logarithm.h states, against libm in long double. */
static void logarithm(void **state)
{
    (void)state;
    for (int exponent = -1022; exponent < 1023; exponent += 3)
        for (int i = 0; i < 300; i++) {
            double value = ldexp(1 + i / 300.0, exponent), ln = value;
            long double exact = logl((long double)value);
            clade_log_each(1, &ln);
            assert_near(ln, (double)exact, 0x1p-51 * fabs((double)exact));
        }
    for (int i = -3000; i < 3000; i++) {
        double value = 1 + i * 1e-4 + i * 1e-13, ln = value;
        clade_log_each(1, &ln);
        assert_near(ln, log(value), 0x1p-51 * fabs(log(value)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear),         cmocka_unit_test(passthrough),  cmocka_unit_test(nearswap),
        cmocka_unit_test(metagpt),        cmocka_unit_test(fisher),       cmocka_unit_test(fisher_norms),
        cmocka_unit_test(fisher_refuses), cmocka_unit_test(arcee_fusion), cmocka_unit_test(weighted_sums),
        cmocka_unit_test(logarithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
