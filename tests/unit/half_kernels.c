/* Weighted sums of 16-bit rows: the same bits as widening, summing and narrowing, in every table. */
#include <string.h>

#include "clade/kernels.h"
#include "clade/rng.h"
#include "test.h"

enum { MOST = 1100, ROWS = 9 };

typedef struct rows {
    uint16_t halves[ROWS][MOST];
    float floats[ROWS][MOST];
    const uint16_t *of_halves[ROWS];
    const float *of_floats[ROWS];
    double c[ROWS];
} rows;

/* Random bits, so subnormals, infinities and NaN too; with FINITE small numbers and zeros of both signs. */
static void fill(const clade_kernels *table, rows *at, bool f16, bool finite)
{
    clade_rng rng = clade_rng_seeded(7, f16);
    for (size_t r = 0; r < ROWS; r++) {
        for (size_t i = 0; i < MOST; i++) {
            uint32_t bits = (uint32_t)(clade_rng_uniform(&rng) * 65536);
            at->halves[r][i] = (uint16_t)(finite ? bits & (bits % 5 == 0 ? 0x8000 : 0xbfff) : bits);
        }
        (f16 ? table->widen_f16 : table->widen_bf16)(MOST, at->halves[r], at->floats[r]);
        at->of_halves[r] = at->halves[r];
        at->of_floats[r] = at->floats[r];
        at->c[r] = clade_rng_uniform(&rng) * 2 - 0.5;
    }
}

static void check(const clade_kernels *table, const rows *at, bool f16, size_t n, size_t n_rows, bool deltas)
{
    static float sum[MOST];
    static uint16_t expected[MOST], found[MOST + 1];
    const uint16_t *base = deltas ? at->halves[ROWS - 1] : NULL;
    if (deltas)
        table->weighted_deltas(n, n_rows, at->of_floats, at->floats[ROWS - 1], at->c, sum);
    else
        table->weighted_sum(n, n_rows, at->of_floats, at->c, sum);
    (f16 ? table->narrow_f16 : table->narrow_bf16)(n, sum, expected);
    found[n] = 0x1234;
    (f16 ? table->weighted_f16 : table->weighted_bf16)(n, n_rows, at->of_halves, base, at->c, found);
    assert_int_equal(found[n], 0x1234);
    for (size_t i = 0; i < n; i++)
        if (found[i] != expected[i]) { /* a NaN's bits other than that it is one are nobody's promise */
            uint16_t exponent = f16 ? 0x7c00 : 0x7f80;
            assert_true((found[i] & 0x7fff) > exponent && (expected[i] & 0x7fff) > exponent);
        }
}

static void weighted(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 8, 31, 255, 256, 257, 1000, MOST};
    static rows at;
    size_t count;
    const clade_kernels *const *tables = clade_kernels_available(&count);
    (void)state;
    for (size_t t = 0; t < count; t++)
        for (int which = 0; which < 4; which++) {
            fill(tables[t], &at, which & 1, which & 2);
            for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
                for (size_t n_rows = 1; n_rows < ROWS; n_rows++)
                    for (int deltas = 0; deltas < 2; deltas++)
                        check(tables[t], &at, which & 1, sizes[s], n_rows, deltas);
        }
}

/* Rows that equal the base leave its bits, -0 included. */
static void zero_deltas(void **state)
{
    static rows at;
    static uint16_t found[MOST];
    size_t count;
    const clade_kernels *const *tables = clade_kernels_available(&count);
    (void)state;
    for (size_t t = 0; t < count; t++) {
        fill(tables[t], &at, false, true);
        const uint16_t *same[] = {at.halves[0], at.halves[0], at.halves[0], at.halves[0], at.halves[0]};
        tables[t]->weighted_bf16(MOST, 5, same, at.halves[0], at.c, found);
        assert_memory_equal(found, at.halves[0], sizeof found);
    }
}

static void finite(void **state)
{
    static const uint16_t exponents[] = {0x7c00, 0x7f80};
    uint16_t x[300];
    size_t count;
    const clade_kernels *const *tables = clade_kernels_available(&count);
    (void)state;
    for (size_t t = 0; t < count; t++)
        for (size_t e = 0; e < 2; e++) {
            for (size_t i = 0; i < 300; i++) /* the largest finite numbers */
                x[i] = (uint16_t)(exponents[e] - 1 + (i % 2) * 0x8000);
            assert_true(tables[t]->finite_halves(300, x, exponents[e]));
            for (size_t i = 0; i < 300; i += 13) {
                uint16_t kept = x[i];
                x[i] = (uint16_t)(exponents[e] + (i % 3) + (i % 2) * 0x8000);
                assert_false(tables[t]->finite_halves(300, x, exponents[e]));
                assert_true(tables[t]->finite_halves(i, x, exponents[e]));
                x[i] = kept;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weighted), cmocka_unit_test(zero_deltas),
                                       cmocka_unit_test(finite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
