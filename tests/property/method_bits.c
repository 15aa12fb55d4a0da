/* The bits of a child do not depend on tiles, threads, or what a maker keeps, for every method in the registry. */
#include "method_laws.h"

#include "merge/execute.h"

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

static const law laws[] = {
    {"tiles", check_tiles}, {"threads", check_threads}, {"kept", check_kept},
    {"seed", check_seed},   {"dtypes", check_dtypes},
};

int main(void)
{
    return run_laws(laws, sizeof laws / sizeof laws[0]);
}
