/* W + scale B A element by element: against the definition, bit for bit, whatever the range. */
#include "adapter_fixture.h"

#include "merge/low_rank.h"

enum { ROWS = 5, COLUMNS = 300, RANKS = 9, ELEMENTS = ROWS * COLUMNS };

typedef struct example {
    uint64_t a_shape[2], b_shape[2], shape[2];
    float a[RANKS * COLUMNS], b[COLUMNS * RANKS], w[ELEMENTS];
    unsigned char raw_a[RANKS * COLUMNS * 8], raw_b[COLUMNS * RANKS * 8];
    clade_tensor ta, tb, like;
    clade_low_rank delta;
} example;

static clade_tensor narrowed(clade_dtype dtype, const uint64_t *shape, float *values, unsigned char *raw)
{
    size_t count = (size_t)(shape[0] * shape[1]);
    clade_narrow(dtype, values, count, raw);
    clade_widen(dtype, raw, count, values);
    return (clade_tensor){"f", dtype, 2, shape, count, count * (clade_dtype_of(dtype)->bits / 8), raw};
}

static void make_example(example *e, size_t rank, clade_dtype dtype, bool transposed)
{
    clade_rng rng = clade_rng_seeded(rank, (uint64_t)dtype);
    size_t rows = transposed ? COLUMNS : ROWS, columns = transposed ? ROWS : COLUMNS;
    for (size_t i = 0; i < rank * columns; i++)
        e->a[i] = (float)(2 * clade_rng_uniform(&rng) - 1);
    for (size_t i = 0; i < rank * rows; i++)
        e->b[i] = i / rank == 1 ? 0 : (float)(2 * clade_rng_uniform(&rng) - 1); /* one row or column stays as it is */
    for (size_t i = 0; i < ELEMENTS; i++)
        e->w[i] = i % 7 == 0 ? -0.0f : (float)(2 * clade_rng_uniform(&rng) - 1);
    /* where terms 3 and 4 cancel, another order of the sum shows */
    for (size_t k = 0; k < rank && rank == RANKS && dtype == CLADE_F32 && !transposed; k++) {
        for (size_t j = 0; j < COLUMNS; j += 11)
            e->a[k * COLUMNS + j] = k == 3 ? 0x1p60f : k == 4 ? -0x1p60f : 1.5f;
        e->b[k] = 1;
    }
    memcpy(e->a_shape, (uint64_t[]){rank, columns}, sizeof e->a_shape);
    memcpy(e->b_shape, (uint64_t[]){rows, rank}, sizeof e->b_shape);
    memcpy(e->shape, (uint64_t[]){ROWS, COLUMNS}, sizeof e->shape);
    e->ta = narrowed(dtype, e->a_shape, e->a, e->raw_a);
    e->tb = narrowed(dtype, e->b_shape, e->b, e->raw_b);
    e->like = (clade_tensor){"w", CLADE_BF16, 2, e->shape, ELEMENTS, 2 * ELEMENTS, NULL};
    e->delta = (clade_low_rank){&e->ta, &e->tb, 0.37, transposed};
}

/* The definition, in the order that low_rank.h states. */
static float expected(const example *e, size_t i)
{
    size_t row = i / COLUMNS, column = i % COLUMNS, rank = e->a_shape[0], columns = e->a_shape[1];
    size_t m = e->delta.transposed ? column : row, n = e->delta.transposed ? row : column;
    double sum = 0;
    for (size_t k = 0; k < rank; k++)
        sum += (double)e->b[m * rank + k] * (double)e->a[k * columns + n];
    return sum == 0 ? e->w[i] : (float)((double)e->w[i] + e->delta.scale * sum);
}

static void adds_the_product(void **state)
{
    static const clade_dtype dtypes[] = {CLADE_F32, CLADE_BF16, CLADE_F16, CLADE_F64};
    static const size_t cuts[] = {ELEMENTS, 1, 127, 128, 301, 977};
    static example e;
    (void)state;
    for (size_t rank = 1; rank <= RANKS; rank += rank == 1 ? 3 : 5)
        for (size_t kind = 0; kind < 8; kind++) {
            make_example(&e, rank, dtypes[kind / 2], kind % 2);
            void *scratch = clade_malloc(clade_low_rank_scratch(&e.delta));
            for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
                float found[ELEMENTS];
                memcpy(found, e.w, sizeof found);
                for (size_t first = 0; first < ELEMENTS; first += cuts[c])
                    clade_low_rank_add(&e.delta, &e.like, first,
                                       ELEMENTS - first < cuts[c] ? ELEMENTS - first : cuts[c], found + first, scratch);
                for (size_t i = 0; i < ELEMENTS; i++) {
                    float wanted = expected(&e, i);
                    assert_memory_equal(&found[i], &wanted, sizeof wanted);
                }
            }
            clade_free(scratch);
        }
}

/* A convolution's kernels are the columns of a longer row. */
static void flattens_kernels(void **state)
{
    static const uint64_t shape[] = {ROWS, 25, 3, 4};
    static example e;
    float found[ELEMENTS];
    (void)state;
    make_example(&e, 4, CLADE_F32, false);
    e.like = (clade_tensor){"w", CLADE_F32, 4, shape, ELEMENTS, 4 * ELEMENTS, NULL};
    memcpy(found, e.w, sizeof found);
    void *scratch = clade_malloc(clade_low_rank_scratch(&e.delta));
    clade_low_rank_add(&e.delta, &e.like, 0, ELEMENTS, found, scratch);
    clade_free(scratch);
    for (size_t i = 0; i < ELEMENTS; i++)
        assert_true(found[i] == expected(&e, i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(adds_the_product), cmocka_unit_test(flattens_kernels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
