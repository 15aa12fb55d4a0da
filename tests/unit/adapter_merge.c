/* Merging adapters by their factors: known answers, exact sums, best approximations, and what is refused. */
#include "adapter_fixture.h"
#include "folder_fixture.h"

#include "clade/linalg.h"
#include "merge/method/methods.h"

static char paths[4][TEST_PATH];
static const char *const parents[] = {paths[0], paths[1], paths[2], paths[3]};

static const clade_method *const methods[] = {&clade_method_lora_cat, &clade_method_lora_linear, &clade_method_lora_hub,
                                              &clade_method_lora_svd};

/* The merged adapter of METHOD over the first COUNT parents; kept as an adapter, so that no base is needed. */
static clade_adapter *merge(const clade_method *method, size_t count, const double *weights, double rank)
{
    clade_adapter *merged;
    clade_recipe *recipe = fixture_recipe(method, parents, count);
    fixture_site(recipe, "output", 1);
    if (method == &clade_method_lora_svd)
        fixture_site(recipe, "rank", rank);
    for (size_t p = 0; p < count; p++)
        fixture_weight(recipe, p, weights[p]);
    assert_ok(clade_adapters_merge(recipe, NULL, &merged));
    clade_recipe_free(recipe);
    return merged;
}

static void write_parent(size_t p, const char *config, const fixture_tensors *t)
{
    snprintf(paths[p], sizeof paths[p], "%s/p%zu", folder, p);
    fixture_write(paths[p], config, t);
}

static const char *config_of(char config[256], unsigned rank, double alpha)
{
    snprintf(config, 256,
             "{\"peft_type\": \"LORA\", \"r\": %u, \"lora_alpha\": %g, \"base_model_name_or_path\": \"org/base\"}",
             rank, alpha);
    return config;
}

/* Two equal adapters of rank 1 with A = B = 1 and scale 1, where the methods differ most. */
static void known_answers(void **state)
{
    static const float one[] = {1};
    static const struct {
        double weights[2], answers[4]; /* in the order of methods */
    } rows[] = {
        {{0.5, 0.5}, {1, 2, 1, 1}},
        {{1, 1}, {2, 4, 4, 2}},
        {{1, -1}, {0, 0, 0, 0}},
        {{-1, 0}, {-1, -1, 1, -1}},
    };
    char config[256];
    fixture_tensors t = {.count = 0};
    (void)state;
    fixture_add(&t, "m.lora_A.weight", 2, (uint64_t[]){1, 1}, 1, one);
    fixture_add(&t, "m.lora_B.weight", 2, (uint64_t[]){1, 1}, 1, one);
    for (size_t p = 0; p < 2; p++)
        write_parent(p, config_of(config, 1, 1), &t);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
        for (size_t k = 0; k < 4; k++) {
            clade_adapter *merged = merge(methods[k], 2, rows[row].weights, 0);
            assert_near(fixture_delta(clade_adapter_find(merged, "m.weight"), 0, 0), rows[row].answers[k], 1e-6);
            assert_string_equal(clade_adapter_base_name(merged), "org/base");
            clade_adapter_close(merged);
        }
}

enum { M = 6, N = 9 };
static const double mixed[] = {0.75, -0.5, 1.25};

/* Three adapters: of ranks 2, 3, 2 and scales 3, 1/6, -2; module "m" is in all, "only" in the second. */
static void write_three(void)
{
    char config[256];
    fixture_tensors t;
    for (size_t p = 0; p < 3; p++) {
        t.count = 0;
        fixture_pair(&t, "m", M, N, p == 1 ? 3 : 2, 10 + p);
        if (p == 1)
            fixture_pair(&t, "only", 4, 2, 3, 20);
        write_parent(p, config_of(config, p == 1 ? 3 : 2, p == 0 ? 6 : p == 1 ? 0.5 : -4), &t);
    }
}

/* sum_i w_i s_i B_i A_i of the parents in USED. */
static void weighted_deltas(const char *tensor, size_t first, size_t last, size_t rows, size_t columns, double *out)
{
    memset(out, 0, rows * columns * sizeof *out);
    for (size_t p = first; p < last; p++) {
        clade_adapter *adapter;
        assert_ok(clade_adapter_open(paths[p], &adapter));
        const clade_low_rank *delta = clade_adapter_find(adapter, tensor);
        for (size_t i = 0; i < rows * columns && delta; i++)
            out[i] += mixed[p] * fixture_delta(delta, i / columns, i % columns);
        clade_adapter_close(adapter);
    }
}

static void assert_delta(const clade_low_rank *found, const double *expected, size_t columns, size_t count)
{
    assert_non_null(found);
    for (size_t i = 0; i < count; i++)
        assert_near(fixture_delta(found, i / columns, i % columns), expected[i], 2e-6);
}

static void cat_and_full_svd_are_exact(void **state)
{
    double sum[M * N], only[8];
    (void)state;
    write_three();
    weighted_deltas("m.weight", 0, 3, M, N, sum);
    weighted_deltas("only.weight", 0, 3, 4, 2, only);
    clade_adapter *cat = merge(&clade_method_lora_cat, 3, mixed, 0), *svd = merge(&clade_method_lora_svd, 3, mixed, 64);
    assert_int_equal(clade_adapter_count(cat), 2);
    assert_int_equal(clade_adapter_find(cat, "m.weight")->a->shape[0], 7);
    assert_int_equal(clade_adapter_find(svd, "m.weight")->a->shape[0], M);
    assert_int_equal(clade_adapter_find(svd, "only.weight")->a->shape[0], 2);
    assert_delta(clade_adapter_find(cat, "m.weight"), sum, N, M * N);
    assert_delta(clade_adapter_find(svd, "m.weight"), sum, N, M * N);
    assert_delta(clade_adapter_find(cat, "only.weight"), only, 2, 8);
    assert_delta(clade_adapter_find(svd, "only.weight"), only, 2, 8);
    clade_adapter_close(cat);
    clade_adapter_close(svd);
}

/* Its squared error is the sum of the squares of the singular values that were cut off (Eckart and Young). */
static void svd_is_the_best_of_its_rank(void **state)
{
    double sum[M * N], a[M * N], u[M * M], s[M], vt[M * N];
    (void)state;
    write_three();
    weighted_deltas("m.weight", 0, 3, M, N, sum);
    memcpy(a, sum, sizeof a);
    void *work = clade_malloc(clade_svd_bytes(M, N));
    assert_ok(clade_svd(M, N, a, u, s, vt, work));
    clade_free(work);
    for (size_t rank = 0; rank <= M; rank++) {
        clade_adapter *svd = merge(&clade_method_lora_svd, 3, mixed, (double)rank);
        const clade_low_rank *delta = clade_adapter_find(svd, "m.weight");
        size_t kept = rank ? rank : 3; /* 0: the largest of the parents' */
        double error = 0, tail = 0;
        assert_int_equal(delta->a->shape[0], kept);
        for (size_t i = 0; i < M * N; i++)
            error += pow(fixture_delta(delta, i / N, i % N) - sum[i], 2);
        for (size_t k = kept; k < M; k++)
            tail += s[k] * s[k];
        assert_near(error, tail, 1e-5);
        clade_adapter_close(svd);
    }
}

/* linear and hub: the formulas of adapter.h, for the two parents of rank 2. */
static void sums_of_factors(void **state)
{
    clade_adapter *one, *two;
    static const double weights[] = {0.75, 1.25};
    (void)state;
    write_three();
    memcpy(paths[1], paths[2], sizeof paths[1]);
    assert_ok(clade_adapter_open(paths[0], &one));
    assert_ok(clade_adapter_open(paths[1], &two));
    const clade_low_rank *d[] = {clade_adapter_find(one, "m.weight"), clade_adapter_find(two, "m.weight")};
    for (size_t hub = 0; hub < 2; hub++) {
        double ca[2], cb[2];
        clade_adapter *merged = merge(hub ? &clade_method_lora_hub : &clade_method_lora_linear, 2, weights, 0);
        const clade_low_rank *delta = clade_adapter_find(merged, "m.weight");
        for (size_t p = 0; p < 2; p++) {
            double sign = d[p]->scale < 0 ? -1 : 1, size = fabs(d[p]->scale);
            cb[p] = hub ? weights[p] * sqrt(size) : sqrt(weights[p] * size);
            ca[p] = sign * cb[p];
        }
        assert_true(delta->scale == 1 && delta->a->shape[0] == 2);
        for (size_t i = 0; i < delta->a->count; i++)
            assert_near(fixture_value(delta->a, i),
                        ca[0] * fixture_value(d[0]->a, i) + ca[1] * fixture_value(d[1]->a, i), 1e-6);
        for (size_t i = 0; i < delta->b->count; i++)
            assert_near(fixture_value(delta->b, i),
                        cb[0] * fixture_value(d[0]->b, i) + cb[1] * fixture_value(d[1]->b, i), 1e-6);
        clade_adapter_close(merged);
    }
    clade_adapter_close(one);
    clade_adapter_close(two);
}

/* CLADE_LAW_SYMMETRIC: the order of the parents changes nothing but rounding. */
static void order_does_not_matter(void **state)
{
    static const double forward[] = {0.75, 1.25}, backward[] = {1.25, 0.75};
    char first[TEST_PATH];
    double expected[M * N];
    (void)state;
    write_three();
    memcpy(paths[1], paths[2], sizeof paths[1]);
    for (size_t k = 0; k < 4; k++) {
        clade_adapter *one = merge(methods[k], 2, forward, 3);
        memcpy(first, paths[0], sizeof first);
        memcpy(paths[0], paths[1], sizeof first);
        memcpy(paths[1], first, sizeof first);
        clade_adapter *other = merge(methods[k], 2, backward, 3);
        memcpy(paths[1], paths[0], sizeof first);
        memcpy(paths[0], first, sizeof first);
        for (size_t i = 0; i < M * N; i++)
            expected[i] = fixture_delta(clade_adapter_find(one, "m.weight"), i / N, i % N);
        assert_delta(clade_adapter_find(other, "m.weight"), expected, N, M * N);
        clade_adapter_close(one);
        clade_adapter_close(other);
    }
}

static void rules_leave_parents_out(void **state)
{
    static const bool only[] = {true, false, true};
    double sum[M * N];
    clade_adapter *merged;
    (void)state;
    write_three();
    clade_recipe *recipe = fixture_recipe(&clade_method_lora_cat, parents, 3);
    fixture_site(recipe, "output", 1);
    fixture_weight(recipe, 0, mixed[0]);
    fixture_weight(recipe, 2, 0);
    assert_non_null(recipe->rules[0].only = clade_calloc(3, sizeof(bool)));
    memcpy(recipe->rules[0].only, only, sizeof only);
    assert_ok(clade_adapters_merge(recipe, NULL, &merged));
    assert_int_equal(clade_adapter_count(merged), 1);
    weighted_deltas("m.weight", 0, 1, M, N, sum);
    assert_delta(clade_adapter_find(merged, "m.weight"), sum, N, M * N);
    clade_adapter_close(merged);
    clade_recipe_free(recipe);
}

/* A merged adapter is written and read without a change, though its modules differ in rank. */
static void survives_the_disk(void **state)
{
    char hash[CLADE_SHA256_HEX], again[CLADE_SHA256_HEX];
    clade_adapter *read;
    (void)state;
    write_three();
    clade_adapter *merged = merge(&clade_method_lora_cat, 3, mixed, 0);
    assert_ok(clade_adapter_write(merged, path_in(folder, "merged"), NULL));
    assert_ok(clade_adapter_open(path_in(folder, "merged"), &read));
    clade_adapter_hash(merged, hash);
    clade_adapter_hash(read, again);
    assert_string_equal(hash, again);
    clade_adapter_close(read);
    clade_adapter_close(merged);
}

static void refuses(const clade_recipe *recipe, clade_status status, const char *message)
{
    clade_adapter *merged;
    assert_fails(clade_adapters_merge(recipe, NULL, &merged), status, message);
    assert_null(merged);
}

static void what_is_refused(void **state)
{
    char config[256];
    fixture_tensors t = {.count = 0};
    (void)state;
    write_three();
    clade_recipe *recipe = fixture_recipe(&clade_method_lora_linear, parents, 3);
    refuses(recipe, CLADE_ECONFIG, "found no base");
    fixture_site(recipe, "output", 1);
    refuses(recipe, CLADE_EINCOMPATIBLE, "p1 has rank 3, expected 2");
    fixture_pair(&t, "m", M, N + 1, 2, 1);
    write_parent(1, config_of(config, 2, 2), &t);
    refuses(recipe, CLADE_EINCOMPATIBLE, "the factors of p1 have other shapes than those of p0");
    recipe->rules[0].patterns[0][0] = 'x';
    refuses(recipe, CLADE_ECONFIG, "no rule of the recipe matches");
    assert_non_null(recipe->parents[0].path = clade_strdup("model"));
    write_parent(1, "{}", &t);
    refuses(recipe, CLADE_EINPUT, "p0: found a model with an adapter");
    assert_non_null(strstr(clade_error_message(), "peft_type"));
    clade_recipe_free(recipe);
}

static clade_status attempt(void *context)
{
    clade_adapter *merged;
    CLADE_TRY(clade_adapters_merge(context, NULL, &merged));
    clade_adapter_close(merged);
    return CLADE_OK;
}

static void survives_without_memory(void **state)
{
    (void)state;
    write_three();
    for (size_t k = 0; k < 4; k++) {
        clade_recipe *recipe = fixture_recipe(methods[k], parents, k == 1 || k == 2 ? 1 : 3);
        fixture_site(recipe, "output", 1);
        check_every_allocation(attempt, recipe);
        clade_recipe_free(recipe);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(cat_and_full_svd_are_exact),
        cmocka_unit_test(svd_is_the_best_of_its_rank),
        cmocka_unit_test(sums_of_factors),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(rules_leave_parents_out),
        cmocka_unit_test(survives_the_disk),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(survives_without_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
