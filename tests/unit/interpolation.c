/* Interpolations: known answers, degenerate tensors, and their kinds of vectors against each other. The numbers with
 * many digits are from the shared notes on the methods, where they were derived by hand and in float64. */
#include "method_run.h"

#include "clade/rng.h"

enum { MOST = 4096 };

static float storage[RUN_PARENTS + 2][MOST];

/* Values from -1 to 1; the same for the same KEY. */
static const float *random_row(size_t row, size_t n, uint64_t key)
{
    clade_rng rng = clade_rng_seeded(17, key);
    for (size_t i = 0; i < n; i++)
        storage[row][i] = (float)(2 * clade_rng_uniform(&rng) - 1);
    return storage[row];
}

static float *out_row(void)
{
    return storage[RUN_PARENTS + 1];
}

/* NAME over vectors of N elements with the weights W (NULL: the method has none) gives EXPECTED. */
static void check_vectors(const char *name, size_t n_parents, size_t n, const float *const *x, const float *base,
                          const double *w, const double *expected)
{
    run_tensor tensor = {.rank = 1, .shape = {n}, .base = base, .out = out_row()};
    for (size_t p = 0; p < n_parents; p++)
        tensor.parents[p] = x[p];
    method_run run = run_new(name, n_parents, &tensor, 1);
    for (size_t p = 0; p < n_parents && w; p++)
        run_set(&run, "weight", p, w[p]);
    assert_ok(run_make(&run));
    for (size_t i = 0; i < n; i++)
        assert_near((double)tensor.out[i], expected[i], 1e-6);
}

static void two_vectors(void **state)
{
    static const float v_0[] = {1, 0}, v_1[] = {0, 2};
    static const float *const x[] = {v_0, v_1};
    static const double half[] = {0.5, 0.5}, most[] = {0.75, 0.25};
    (void)state;
    check_vectors("slerp", 2, 2, x, NULL, half, (const double[]){0.707107, 1.414214});
    check_vectors("slerp", 2, 2, x, NULL, most, (const double[]){0.923880, 0.765367});
    check_vectors("nuslerp", 2, 2, x, NULL, most, (const double[]){0.923880, 0.765367});
    check_vectors("nuslerp", 2, 2, x, NULL, (const double[]){-1, 1},
                  (const double[]){0.707107, 1.414214}); /* t = 1/2 */
    check_vectors("karcher", 2, 2, x, NULL, most, (const double[]){1.154849, 0.478354});
    check_vectors("karcher", 2, 2, x, NULL, half, (const double[]){1.060660, 1.060660});
    check_vectors("multislerp", 2, 2, x, NULL, most, (const double[]){1.185854, 0.395285});
    check_vectors("multislerp", 2, 2, x, NULL, half, (const double[]){1.060660, 1.060660});
}

static void three_vectors(void **state)
{
    static const float a[] = {1, 2, 3}, b[] = {0, 1, -1}, c[] = {2, 0, 1};
    static const float *const x[] = {a, b, c};
    static const double w[] = {0.2, 0.3, 0.5};
    (void)state;
    check_vectors("karcher", 3, 3, x, NULL, w, (const double[]){1.798489, 1.345128, 0.450611});
    run_tensor tensor = {.rank = 1, .shape = {3}, .parents = {a, b, c}, .out = out_row()};
    method_run run = run_new("karcher", 3, &tensor, 1);
    for (size_t p = 0; p < 3; p++)
        run_set(&run, "weight", p, w[p]);
    run_set(&run, "tol", 0, 1e-9); /* 1e-5 ends at 1.798489 */
    run_set(&run, "max_iter", 0, 100);
    assert_ok(run_make(&run));
    assert_near((double)tensor.out[0], 1.7984804, 2e-7);
    assert_near((double)tensor.out[1], 1.3451367, 2e-7);
    assert_near((double)tensor.out[2], 0.4506209, 2e-7);
    check_vectors("multislerp", 3, 3, x, NULL, w, (const double[]){1.855600, 1.182434, 0.636853});
    /* SLERP's generalisation: a parent of weight 0 changes nothing. */
    check_vectors("slerp", 3, 3, x, NULL, (const double[]){0.5, 0, 0.5},
                  (const double[]){1.678303, 1.118868, 2.237737});
}

/* On a base the same happens to the differences. */
static void with_a_base(void **state)
{
    static const float base[] = {10, 20}, v_0[] = {11, 20}, v_1[] = {10, 22};
    static const float *const x[] = {v_0, v_1};
    static const double most[] = {0.75, 0.25};
    (void)state;
    check_vectors("nuslerp", 2, 2, x, base, most, (const double[]){10.923880, 20.765367});
    check_vectors("multislerp", 2, 2, x, base, most, (const double[]){11.185854, 20.395285});
    check_vectors("linear", 2, 2, x, base, most, (const double[]){10.75, 20.5}); /* which ignores it */
}

static void model_stock(void **state)
{
    static const float base[] = {0, 0}, a[] = {1, 0}, b[] = {1, 1}, opposite[] = {-1, 0}, tiny[] = {1e-4f, 0};
    (void)state;
    check_vectors("model_stock", 2, 2, (const float *const[]){a, b}, base, NULL, (const double[]){0.828427, 0.414214});
    check_vectors("model_stock", 2, 2, (const float *const[]){a, opposite}, base, NULL, (const double[]){0, 0});
    check_vectors("model_stock", 2, 2, (const float *const[]){a, a}, base, NULL, (const double[]){1, 0});
    /* The product of the norms, 1e-8, counts as 1e-6: cos = 0.01, t = 0.02 / 1.01. */
    check_vectors("model_stock", 2, 2, (const float *const[]){tiny, tiny}, base, NULL,
                  (const double[]){1.980198e-6, 0});
}

/* Opposite vectors have no direction between them: the linear branch. */
static void opposite_vectors(void **state)
{
    static const float v[] = {0.1f, -0.7f, 0.3f}, minus[] = {-0.3f, 2.1f, -0.9f};
    static const float *const x[] = {v, minus, v};
    static const double w[] = {0.25, 0.75};
    static const double between[] = {-0.2, 1.4, -0.6};
    (void)state;
    check_vectors("slerp", 2, 3, x, NULL, w, between);
    check_vectors("nuslerp", 2, 3, x, NULL, w, between);
    check_vectors("karcher", 2, 3, x, NULL, (const double[]){0.5, 0.5}, (const double[]){0.2, -1.4, 0.6});
    /* |u_0| = |u_1|, so equal weights cancel. */
    check_vectors("multislerp", 2, 3, x, NULL, (const double[]){0.5, 0.5}, (const double[]){-0.1, 0.7, -0.3});
}

static void refused_weights(void **state)
{
    static const float v[] = {0.1f, -0.7f}, minus[] = {-0.1f, 0.7f}, zero[] = {0, 0};
    run_tensor tensor = {.rank = 1, .shape = {2}, .parents = {v, minus, v}, .out = out_row()};
    (void)state;
    method_run run = run_new("multislerp", 3, &tensor, 1);
    run_set(&run, "weight", 2, 0);
    assert_fails(run_make(&run), CLADE_EEVAL, "the weighted directions of the 3 parents cancel");
    for (size_t p = 0; p < 3; p++)
        tensor.parents[p] = zero;
    assert_ok(run_make(&run)); /* nothing to have a direction */
    assert_true(tensor.out[0] == 0 && tensor.out[1] == 0);
    const char *const names[] = {"slerp", "linear", "multislerp"};
    for (size_t i = 0; i < 3; i++) {
        run = run_new(names[i], 2, &tensor, 1);
        run_set(&run, "weight", 1, -1);
        assert_fails(run_make(&run), CLADE_EEVAL, "the weights of the 2 parents sum to 0");
    }
}

/* ---- tensors without angles ---- */

static void make_all(const char *name, size_t n_parents, run_tensor *tensor)
{
    method_run run = run_new(name, n_parents, tensor, 1);
    if (strcmp(name, "nearswap") == 0)
        run_set(&run, "t", 0, 0.125);
    assert_ok(run_make(&run));
}

/* Zero tensors, single elements, and tensors that are all the same, also as the base: nothing moves. */
static void nothing_to_do(void **state)
{
    static const char *const names[] = {"linear",      "slerp",    "nuslerp",      "multislerp",  "karcher",
                                        "model_stock", "nearswap", "arcee_fusion", "passthrough", "metagpt"};
    static const float zeros[12], minus_zeros[3] = {-0.0f, 0, -0.0f}, one[] = {-0.3f};
    const float *some = random_row(0, 12, 1);
    const struct {
        const float *x;
        size_t n;
    } rows[] = {{zeros, 12}, {minus_zeros, 3}, {one, 1}, {some, 12}};
    (void)state;
    for (size_t m = 0; m < sizeof names / sizeof names[0]; m++)
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
            for (int rank = 0; rank < 3; rank++) {
                const clade_method *method = clade_method_find(names[m]);
                if (rank == 0 && rows[r].n != 1)
                    continue;
                size_t n_parents = method->max_parents < 3 ? method->max_parents : 3;
                run_tensor tensor = {.rank = (size_t)rank, .shape = {rows[r].n}, .out = out_row()};
                if (rank == 2)
                    memcpy(tensor.shape, (const uint64_t[]){3, rows[r].n / 3}, 2 * sizeof(uint64_t));
                if (rank == 2 && rows[r].n == 1)
                    tensor.shape[0] = tensor.shape[1] = 1;
                for (size_t p = 0; p < n_parents; p++)
                    tensor.parents[p] = rows[r].x;
                tensor.base = method->base == CLADE_BASE_REQUIRED ? rows[r].x : NULL;
                make_all(names[m], n_parents, &tensor);
                if (memcmp(tensor.out, rows[r].x, rows[r].n * sizeof(float)) != 0 && rows[r].x != minus_zeros)
                    fail_msg("%s moves row %zu", names[m], r);
                if (method->base == CLADE_BASE_IGNORED)
                    continue;
                tensor.base = rows[r].x; /* then bit for bit, with -0 */
                make_all(names[m], n_parents, &tensor);
                assert_memory_equal(tensor.out, rows[r].x, rows[r].n * sizeof(float));
            }
}

/* ---- NuSLERP's and Model Stock's kinds of vectors ---- */

typedef struct shape_case {
    bool base;
    size_t rows, columns, tile, piece;
} shape_case;

/* Parent P of a tensor (rows, columns), or of its transpose. */
static const float *matrix(size_t row, const shape_case *of, uint64_t key, bool transposed)
{
    static float spare[MOST];
    memcpy(spare, random_row(row, of->rows * of->columns, key), sizeof spare);
    for (size_t i = 0; i < of->rows && transposed; i++)
        for (size_t j = 0; j < of->columns; j++)
            storage[row][j * of->rows + i] = spare[i * of->columns + j];
    return storage[row];
}

/* Row mode gives for each row what the whole-tensor mode gives for the row alone; column mode of the transpose gives the
 * transpose of it. */
static void check_rows(const char *name, const char *switch_name, double switched, const shape_case *of)
{
    size_t count = of->rows * of->columns;
    float wanted[MOST];
    for (int columns = 0; columns < 2; columns++) {
        run_tensor tensor = {.rank = 2, .shape = {of->rows, of->columns}, .out = out_row()};
        bool transposed = columns == 1;
        if (transposed && strcmp(name, "nuslerp") != 0)
            continue;
        tensor.parents[0] = matrix(0, of, 5, transposed);
        tensor.parents[1] = matrix(1, of, 6, transposed);
        tensor.base = of->base ? matrix(2, of, 7, transposed) : NULL;
        if (transposed)
            memcpy(tensor.shape, (const uint64_t[]){of->columns, of->rows}, 2 * sizeof(uint64_t));
        method_run run = run_new(name, 2, &tensor, 1);
        run_set(&run, switch_name, 0, switched);
        if (transposed)
            run_set(&run, "nuslerp_row_wise", 0, 1);
        run.tile = of->tile;
        run.piece = of->piece;
        assert_ok(run_make(&run));
        for (size_t i = 0; i < of->rows && transposed; i++)
            for (size_t j = 0; j < of->columns; j++)
                assert_near((double)tensor.out[j * of->rows + i], (double)wanted[i * of->columns + j], 2e-7);
        if (transposed)
            continue;
        memcpy(wanted, tensor.out, count * sizeof(float));
        for (size_t i = 0; i < of->rows; i++) {
            run_tensor row = {.rank = 1, .shape = {of->columns}, .out = out_row()};
            for (size_t p = 0; p < 2; p++)
                row.parents[p] = tensor.parents[p] + i * of->columns;
            row.base = of->base ? tensor.base + i * of->columns : NULL;
            make_all(name, 2, &row);
            assert_memory_equal(row.out, wanted + i * of->columns, of->columns * sizeof(float));
        }
    }
}

static void vectors(void **state)
{
    static const shape_case cases[] = {{false, 5, 7, 16384, 1 << 20}, {true, 5, 7, 1, 1},
                                       {true, 40, 90, 1000, 2000},    {false, 90, 40, 64, 64},
                                       {true, 1, 9, 16384, 16},       {false, 9, 1, 2, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_rows("nuslerp", "nuslerp_flatten", 0, &cases[i]);
        if (cases[i].base)
            check_rows("model_stock", "filter_wise", 1, &cases[i]);
    }
}

/* What a tensor of more dimensions is: rows along the last, columns along the first. */
static void three_dimensions(void **state)
{
    float flat[24];
    (void)state;
    for (int row_wise = 0; row_wise < 2; row_wise++) {
        run_tensor cube = {.rank = 3, .shape = {2, 3, 4}, .out = out_row()};
        cube.parents[0] = random_row(0, 24, 1);
        cube.parents[1] = random_row(1, 24, 2);
        method_run run = run_new("nuslerp", 2, &cube, 1);
        run_set(&run, "nuslerp_flatten", 0, 0);
        run_set(&run, "nuslerp_row_wise", 0, row_wise);
        assert_ok(run_make(&run));
        memcpy(flat, cube.out, sizeof flat);
        cube.rank = 2;
        cube.shape[0] = row_wise ? 2 : 6;
        cube.shape[1] = row_wise ? 12 : 4;
        assert_ok(run_make(&run));
        assert_memory_equal(cube.out, flat, sizeof flat);
    }
}

/* Sums over pieces and tiles are the sums over the tensor, but for rounding. */
static void pieces(void **state)
{
    static const char *const names[] = {"slerp", "nuslerp", "multislerp", "karcher", "model_stock", "metagpt"};
    static const size_t sizes[][2] = {{1, 1}, {64, 1000}, {700, 700}, {16384, 3999}};
    static float wanted[MOST];
    run_tensor tensor = {.rank = 2, .shape = {40, 100}, .base = random_row(3, 4000, 4), .out = out_row()};
    (void)state;
    for (size_t p = 0; p < 3; p++)
        tensor.parents[p] = random_row(p, 4000, p + 1);
    for (size_t m = 0; m < sizeof names / sizeof names[0]; m++) {
        method_run run = run_new(names[m], strcmp(names[m], "nuslerp") == 0 ? 2 : 3, &tensor, 1);
        assert_ok(run_make(&run));
        memcpy(wanted, tensor.out, 4000 * sizeof(float));
        for (size_t k = 0; k < 4; k++) {
            run.tile = sizes[k][0];
            run.piece = sizes[k][1];
            assert_ok(run_make(&run));
            for (size_t i = 0; i < 4000; i++)
                assert_near((double)tensor.out[i], (double)wanted[i], 1e-7);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_vectors),   cmocka_unit_test(three_vectors),    cmocka_unit_test(with_a_base),
        cmocka_unit_test(model_stock),   cmocka_unit_test(opposite_vectors), cmocka_unit_test(refused_weights),
        cmocka_unit_test(nothing_to_do), cmocka_unit_test(vectors),          cmocka_unit_test(three_dimensions),
        cmocka_unit_test(pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
