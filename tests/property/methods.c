/* The laws of merge methods, over the registry: a new method is tested by being in it. */
#include "merge_zoo.h"

#include "clade/linalg.h"
#include "merge/execute.h"

static char folder[TEST_PATH];

static clade_recipe *recipe_of(const clade_method *method, size_t n_parents)
{
    return zoo_recipe(folder, method, n_parents, NULL);
}

/* As many parents as the method takes, of the three that there are. */
static size_t most_parents(const clade_method *method)
{
    return method->max_parents < 3 ? method->max_parents : 3;
}

static bool promises(const clade_method *method, clade_law law)
{
    return (method->laws & (unsigned)law) != 0;
}

static bool has(const clade_method *method, const char *parameter)
{
    return clade_method_parameter(method, parameter) < method->n_parameters;
}

/* The child must equal the checkpoint in file NAME, bit for bit (or as numbers, where -0 may become 0). */
static void assert_child_is(const clade_recipe *recipe, const char *name, bool bits)
{
    clade_checkpoint *expected;
    assert_ok(clade_checkpoint_open(path_in(folder, name), &expected));
    zoo_made made = zoo_make(recipe, 0, false);
    for (size_t t = 0; t < clade_child_count(made.child); t++) {
        const clade_tensor *a = clade_child_at(made.child, t), *b = clade_checkpoint_at(expected, t);
        assert_int_equal(a->dtype, b->dtype);
        for (size_t i = 0; i < a->count && !bits && clade_dtype_of(a->dtype)->mergeable; i++)
            if (zoo_float(a, i) != zoo_float(b, i))
                fail_msg("%s: %s[%zu]: found %.9g, expected %.9g", recipe->method->name, a->name, i,
                         (double)zoo_float(a, i), (double)zoo_float(b, i));
        if (bits && a->bytes > 0)
            assert_memory_equal(a->data, b->data, a->bytes);
    }
    zoo_drop(&made);
    clade_checkpoint_close(expected);
}

/* ---- identities ---- */

static void check_one_parent(const clade_method *method)
{
    if (!promises(method, CLADE_LAW_ONE_PARENT))
        return;
    assert_int_equal(method->min_parents, 1);
    clade_recipe *recipe = recipe_of(method, 1);
    zoo_set(recipe, "weight", 0, 1);
    assert_child_is(recipe, "p0.safetensors", true);
    clade_recipe_free(recipe);
}

/* Parents that are all p1, under different names. */
static void check_equal_parents(const clade_method *method)
{
    for (size_t n = method->min_parents > 2 ? method->min_parents : 2;
         promises(method, CLADE_LAW_EQUAL) && n <= most_parents(method); n++) {
        static const double shares[][3] = {{0.25, 0.75, 0}, {0.25, 0.25, 0.5}};
        clade_recipe *recipe = recipe_of(method, n);
        for (size_t p = 0; p < n; p++) {
            clade_free(recipe->parents[p].path);
            assert_non_null(recipe->parents[p].path = clade_strdup(path_in(folder, "p1.safetensors")));
            zoo_set(recipe, "weight", p, shares[n - 2][p]);
        }
        zoo_set(recipe, "normalize", 0, 1);
        assert_child_is(recipe, "p1.safetensors", false);
        clade_recipe_free(recipe);
    }
}

static void check_zero_deltas(const clade_method *method)
{
    if (!promises(method, CLADE_LAW_ZERO_DELTAS))
        return;
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    for (size_t p = 0; p < recipe->n_parents; p++) {
        clade_free(recipe->parents[p].path);
        assert_non_null(recipe->parents[p].path = clade_strdup(path_in(folder, "base.safetensors")));
    }
    zoo_set_mixed(recipe);
    assert_child_is(recipe, "base.safetensors", true);
    clade_recipe_free(recipe);
}

static void check_density_zero(const clade_method *method)
{
    if (!has(method, "density") || !promises(method, CLADE_LAW_EXACT_BITS))
        return;
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    for (size_t p = 0; p < recipe->n_parents; p++)
        zoo_set(recipe, "density", p, 0);
    assert_child_is(recipe, "base.safetensors", true);
    clade_recipe_free(recipe);
}

/* ---- symmetries ---- */

/* Two recipes give the same child: bit for bit, or nearly for methods that leave the last bits to a library. */
static void assert_same_child(const clade_recipe *one, const clade_recipe *other)
{
    zoo_made a = zoo_make(one, 0, false), b = zoo_make(other, 0, false);
    double most = promises(one->method, CLADE_LAW_EXACT_BITS) ? 0 : 2e-6;
    for (size_t t = 0; t < clade_child_count(a.child); t++)
        for (size_t i = 0; i < clade_child_at(a.child, t)->count && clade_child_at(a.child, t)->dtype == CLADE_F32; i++)
            assert_near((double)zoo_float(clade_child_at(a.child, t), i),
                        (double)zoo_float(clade_child_at(b.child, t), i), most);
    zoo_drop(&a);
    zoo_drop(&b);
}

static void check_order(const clade_method *method)
{
    static const size_t order[3] = {2, 0, 1};
    size_t n = most_parents(method);
    if (!promises(method, CLADE_LAW_SYMMETRIC) || n < 3)
        return;
    clade_recipe *one = recipe_of(method, n), *other = zoo_recipe(folder, method, n, order);
    zoo_set_mixed(one);
    zoo_set_mixed(other);
    for (size_t p = 0; p < n; p++)
        memcpy(other->rules[0].parent + p * method->n_parameters,
               one->rules[0].parent + order[p] * method->n_parameters, method->n_parameters * sizeof(double));
    zoo_made a = zoo_make(one, 0, false), b = zoo_make(other, 0, false);
    for (size_t t = 0; t < clade_child_count(a.child); t++)
        for (size_t i = 0; i < clade_child_at(a.child, t)->count && clade_child_at(a.child, t)->dtype == CLADE_F32; i++)
            assert_near((double)zoo_float(clade_child_at(a.child, t), i),
                        (double)zoo_float(clade_child_at(b.child, t), i),
                        promises(method, CLADE_LAW_EXACT_BITS) ? 2e-7 : 2e-6);
    zoo_drop(&a);
    zoo_drop(&b);
    clade_recipe_free(one);
    clade_recipe_free(other);
}

/* Weights times 4 change nothing where they are normalised; else they are the same as lambda times 4. */
static void check_scale(const clade_method *method)
{
    size_t n = most_parents(method), weight = clade_method_parameter(method, "weight");
    for (int normalize = 0; normalize < 2 && promises(method, CLADE_LAW_WEIGHT_SCALE); normalize++) {
        clade_recipe *recipe = recipe_of(method, n), *scaled = recipe_of(method, n);
        bool normalises = normalize || !has(method, "normalize");
        zoo_set_mixed(recipe);
        zoo_set_mixed(scaled);
        zoo_set(recipe, "normalize", 0, normalize);
        zoo_set(scaled, "normalize", 0, normalize);
        zoo_set(recipe, "lambda", 0, normalises ? 0.5 : 2);
        zoo_set(scaled, "lambda", 0, 0.5);
        for (size_t p = 0; p < n; p++)
            scaled->rules[0].parent[p * method->n_parameters + weight] *= 4;
        if (normalises || has(method, "lambda"))
            assert_same_child(recipe, scaled);
        clade_recipe_free(recipe);
        clade_recipe_free(scaled);
    }
}

/* Half of lambda goes half of the way from the base. */
static void check_lambda(const clade_method *method)
{
    if (!promises(method, CLADE_LAW_LAMBDA))
        return;
    clade_recipe *whole = recipe_of(method, most_parents(method)), *half = recipe_of(method, most_parents(method));
    zoo_set_mixed(whole);
    zoo_set_mixed(half);
    zoo_set(whole, "lambda", 0, 1);
    zoo_set(half, "lambda", 0, 0.5);
    zoo_made a = zoo_make(whole, 0, true), b = zoo_make(half, 0, true);
    for (size_t t = 0; t < clade_child_count(a.child); t++) {
        const clade_tensor *x = clade_child_at(a.child, t), *y = clade_child_at(b.child, t),
                           *base = clade_checkpoint_find(clade_family_base(a.family), x->name);
        for (size_t i = 0; i < x->count && x->dtype == CLADE_F32; i++)
            assert_near((double)(zoo_float(x, i) - zoo_float(base, i)),
                        2 * (double)(zoo_float(y, i) - zoo_float(base, i)),
                        promises(method, CLADE_LAW_EXACT_BITS) ? 5e-7 : 5e-6);
    }
    zoo_drop(&a);
    zoo_drop(&b);
    clade_recipe_free(whole);
    clade_recipe_free(half);
}

/* ---- one bit pattern ---- */

static void check_tiles(const clade_method *method)
{
    static const size_t tiles[] = {1, 7, 64, 16384, 1 << 20};
    static const clade_dtype dtypes[] = {CLADE_F32, CLADE_F16, CLADE_BF16};
    char first[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    zoo_set_mixed(recipe);
    for (size_t rescale = 0; rescale < 2; rescale++) {
        zoo_set(recipe, "rescale", 0, (double)rescale);
        for (size_t d = 0; d < 3; d++) {
            recipe->has_dtype = d > 0;
            recipe->dtype = dtypes[d];
            zoo_hash(recipe, 0, false, first);
            for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
                zoo_hash(recipe, tiles[i], false, other);
                assert_string_equal(first, other);
            }
        }
    }
    clade_recipe_free(recipe);
}

/* The bytes that an executor with THREADS gives, as a hash. */
typedef struct bytes_of_child {
    unsigned char *bytes[ZOO_TENSORS + 1];
} bytes_of_child;

static clade_status keep_bytes(void *context, size_t target, uint64_t first_byte, const void *data, size_t bytes)
{
    const bytes_of_child *self = context;
    memcpy(self->bytes[target] + first_byte, data, bytes);
    return CLADE_OK;
}

static void hash_with_threads(const clade_recipe *recipe, size_t threads, char hex[CLADE_SHA256_HEX])
{
    clade_family *family;
    clade_plan *plan;
    clade_executor *executor;
    clade_execution options = {.tile = 0};
    bytes_of_child kept = {{NULL}};
    size_t targets[ZOO_TENSORS + 1];
    clade_sha256 hash;
    const clade_sink sink = {.put = keep_bytes, .context = &kept};
    assert_ok(zoo_family(recipe, &family));
    assert_ok(clade_plan_new(family, recipe, &plan));
    assert_ok(clade_team_new(threads, &options.team));
    assert_ok(clade_executor_new(&options, &executor));
    assert_int_equal(plan->count, ZOO_TENSORS + 1);
    for (size_t t = 0; t < plan->count; t++) {
        targets[t] = t;
        kept.bytes[t] = test_calloc(plan->targets[t].tensor.bytes + 1, 1);
    }
    assert_ok(clade_execute(executor, plan, targets, plan->count, &sink));
    clade_sha256_init(&hash);
    for (size_t t = 0; t < plan->count; t++) {
        clade_sha256_update(&hash, kept.bytes[t], plan->targets[t].tensor.bytes);
        test_free(kept.bytes[t]);
    }
    clade_sha256_hex(&hash, hex);
    clade_executor_free(executor);
    clade_team_free(options.team);
    clade_plan_free(plan);
    clade_family_close(family);
}

static void check_threads(const clade_method *method)
{
    char one[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    zoo_set_mixed(recipe);
    hash_with_threads(recipe, 1, one);
    for (size_t threads = 2; threads < 6; threads += 2) {
        hash_with_threads(recipe, threads, other);
        assert_string_equal(one, other);
    }
    clade_recipe_free(recipe);
}

/* A maker that keeps surveys and the tensors of the last child makes what a new one makes. */
static void check_kept(const clade_method *method)
{
    static const double weights[] = {1, 0.5, 0.5, 1}, lambdas[] = {1, 1, 0.5, 1}, densities[] = {0.5, 0.5, 0.25, 0.75};
    char kept[CLADE_SHA256_HEX], fresh[CLADE_SHA256_HEX];
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    clade_family *family;
    clade_child *child;
    assert_ok(zoo_family(recipe, &family));
    assert_ok(clade_child_new(family, &(clade_child_options){.cache_bytes = 1 << 24}, &child));
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        zoo_set(recipe, "lambda", 0, lambdas[i]);
        zoo_set(recipe, "t", 0, lambdas[i]);
        for (size_t p = 0; p < recipe->n_parents; p++) {
            zoo_set(recipe, "weight", p, weights[i] * (double)(p + 1) / 6);
            zoo_set(recipe, "density", p, densities[i]);
        }
        assert_ok(clade_child_make(child, recipe));
        clade_child_hash(child, kept);
        zoo_hash(recipe, 0, false, fresh);
        assert_string_equal(kept, fresh);
    }
    clade_child_free(child);
    clade_family_close(family);
    clade_recipe_free(recipe);
}

/* Another seed gives another child just where masks are drawn. */
static void check_seed(const clade_method *method)
{
    char one[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    zoo_set_mixed(recipe);
    zoo_hash(recipe, 0, false, one);
    recipe->seed = 6;
    zoo_hash(recipe, 0, false, other);
    assert_int_equal(strcmp(one, other) != 0, method->uses_masks);
    clade_recipe_free(recipe);
}

/* A widened child holds exactly the values of the stored one, for every dtype of parents and child. */
static void check_dtypes(const clade_method *method)
{
    static const char *const names[] = {"f32", "f16", "bf16", "f64"};
    static const clade_dtype dtypes[] = {CLADE_F32, CLADE_F16, CLADE_BF16, CLADE_F64};
    for (size_t in = 0; in < 4; in++) {
        for (size_t out = 0; out < 5; out++) {
            char file[64];
            clade_recipe *recipe = recipe_of(method, most_parents(method));
            clade_recipe_parent *last = &recipe->parents[recipe->n_parents - 1];
            bool alone = recipe->n_parents == 1 && method->base == CLADE_BASE_IGNORED;
            zoo_set_mixed(recipe);
            clade_free(last->path);
            snprintf(file, sizeof file, "%s.safetensors", names[in]);
            assert_non_null(last->path = clade_strdup(path_in(folder, file)));
            recipe->has_out_dtype = out < 4;
            recipe->out_dtype = dtypes[out % 4];
            zoo_made stored = zoo_make(recipe, 0, false), widened = zoo_make(recipe, 0, true);
            for (size_t t = 0; t < clade_child_count(stored.child); t++) {
                const clade_tensor *a = clade_child_at(stored.child, t), *b = clade_child_at(widened.child, t);
                if (a->dtype == CLADE_I64)
                    continue;
                assert_int_equal(a->dtype, out < 4 ? dtypes[out] : alone || in == 3 ? dtypes[in] : CLADE_F32);
                assert_int_equal(b->dtype, CLADE_F32);
                for (size_t i = 0; i < a->count; i++)
                    assert_true(zoo_float(a, i) == zoo_float(b, i));
            }
            zoo_drop(&stored);
            zoo_drop(&widened);
            clade_recipe_free(recipe);
        }
    }
}

/* ---- values that are no numbers ---- */

static void check_refused(const clade_method *method)
{
    static const char *const words[] = {"nan", "infinite"};
    for (size_t w = 0; w < 2; w++) {
        clade_recipe *recipe = recipe_of(method, most_parents(method));
        clade_recipe_parent *last = &recipe->parents[recipe->n_parents - 1];
        clade_family *family;
        clade_child *child;
        char file[64], expected[128];
        clade_free(last->path);
        snprintf(file, sizeof file, "%s.safetensors", words[w]);
        assert_non_null(last->path = clade_strdup(path_in(folder, file)));
        zoo_set(recipe, "density", recipe->n_parents - 1, 0.2);
        assert_ok(zoo_family(recipe, &family));
        assert_ok(clade_child_new(family, NULL, &child));
        snprintf(expected, sizeof expected, "tensor head.weight: element 123 of %s is %s", last->name,
                 w == 0 ? "NaN" : "infinite");
        assert_fails(clade_child_make(child, recipe), CLADE_EEVAL, expected);
        assert_int_equal(clade_child_count(child), 0);
        assert_fails(clade_family_check_finite(family), CLADE_EINPUT, "head.weight: element 123");
        clade_child_free(child);
        clade_family_close(family);
        clade_recipe_free(recipe);
    }
}

/* ---- recipes as text ---- */

static clade_recipe *parsed(const char *text, const char *name)
{
    clade_json *document;
    clade_problems problems = {0};
    clade_recipe *recipe;
    assert_ok(clade_json_parse(text, strlen(text), name, CLADE_ECONFIG, &document));
    clade_json_at root = clade_json_root(document);
    assert_ok(clade_recipe_parse(&root, &problems, &recipe));
    assert_ok(clade_problems_end(&problems, CLADE_ECONFIG));
    clade_json_free(document);
    return recipe;
}

static void check_round_trip(const clade_method *method)
{
    char one[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    for (int pretty = 0; pretty < 2; pretty++) {
        clade_text text = {0}, again = {0};
        clade_recipe *recipe = recipe_of(method, most_parents(method));
        zoo_set_mixed(recipe);
        recipe->has_out_dtype = true;
        recipe->out_dtype = CLADE_BF16;
        recipe->seed = method->uses_masks ? UINT64_MAX : 0;
        clade_recipe_print(recipe, pretty, &text);
        clade_recipe *back = parsed(clade_text_get(&text), "recipe.json");
        clade_recipe_print(back, pretty, &again);
        assert_string_equal(clade_text_get(&text), clade_text_get(&again));
        assert_fails(clade_recipe_hash(recipe, one), CLADE_EINTERNAL, "not set");
        clade_family *family;
        assert_ok(zoo_family(recipe, &family));
        assert_ok(clade_family_stamp(family, recipe));
        assert_ok(clade_family_stamp(family, back));
        clade_free(back->parents[0].path); /* the identity does not know where files lie */
        assert_non_null(back->parents[0].path = clade_strdup("elsewhere"));
        assert_ok(clade_recipe_hash(recipe, one));
        assert_ok(clade_recipe_hash(back, other));
        assert_string_equal(one, other);
        zoo_set(back, "weight", 0, 0.30000000000000004);
        assert_ok(clade_recipe_hash(back, other));
        assert_int_equal(strcmp(one, other) != 0, has(method, "weight"));
        clade_family_close(family);
        clade_recipe_free(back);
        clade_recipe_free(recipe);
        clade_text_free(&text);
        clade_text_free(&again);
    }
}

/* ---- running them ---- */

/* Laws of every method; the name of a failing method is printed. */
typedef struct law {
    const char *name;
    void (*check)(const clade_method *method);
} law;

static const law laws[] = {
    {"one_parent", check_one_parent},
    {"equal_parents", check_equal_parents},
    {"zero_deltas", check_zero_deltas},
    {"density_zero", check_density_zero},
    {"order", check_order},
    {"scale", check_scale},
    {"lambda", check_lambda},
    {"tiles", check_tiles},
    {"threads", check_threads},
    {"kept", check_kept},
    {"seed", check_seed},
    {"dtypes", check_dtypes},
    {"refused", check_refused},
    {"round_trip", check_round_trip},
};
enum { N_LAWS = sizeof laws / sizeof laws[0] };

static void run_law(void **state)
{
    const law *one = *state;
    size_t count;
    const clade_method *const *methods = clade_methods(&count);
    assert_true(count >= 6);
    for (size_t i = 0; i < count; i++) {
        if (methods[i]->adapters) /* their parents are not checkpoints */
            continue;
        print_message("%s: %s\n", one->name, methods[i]->name);
        one->check(methods[i]);
    }
}

/* Overwrite element 123 of head.weight in a copy of p1. */
static void write_poisoned(const char *name, float value)
{
    char path[TEST_PATH];
    clade_safetensors *file;
    zoo_write(folder, name, CLADE_F32, ZOO_TUNED, 11);
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_open(path, &file));
    size_t index = 0;
    while (strcmp(clade_safetensors_at(file, index)->name, "head.weight") != 0)
        index++;
    long offset = (long)(8 + clade_safetensors_header_bytes(file) + clade_safetensors_begin(file, index)) + 4 * 123;
    clade_safetensors_close(file);
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(&value, sizeof value, 1, stream), 1);
    assert_int_equal(fclose(stream), 0);
}

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_F32, ZOO_TUNED, 10);
    zoo_write(folder, "p1", CLADE_F32, ZOO_TUNED, 11);
    zoo_write(folder, "p2", CLADE_F32, ZOO_TUNED, 12);
    zoo_write(folder, "f32", CLADE_F32, ZOO_TUNED, 14);
    zoo_write(folder, "f16", CLADE_F16, ZOO_TUNED, 14);
    zoo_write(folder, "bf16", CLADE_BF16, ZOO_TUNED, 14);
    zoo_write(folder, "f64", CLADE_F64, ZOO_TUNED, 14);
    zoo_write_statistics(folder, "fisher");
    zoo_write_statistics(folder, "gram");
    write_poisoned("nan", NAN);
    write_poisoned("infinite", INFINITY);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    assert_int_equal(clade_alloc_live(), 0);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[N_LAWS];
    clade_blas_single_thread();
    for (size_t i = 0; i < N_LAWS; i++)
        tests[i] = (struct CMUnitTest){
            .name = laws[i].name, .test_func = run_law, .initial_state = (void *)(uintptr_t)&laws[i]};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
