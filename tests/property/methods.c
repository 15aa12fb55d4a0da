/* The laws of merge methods, over the registry: a new method is tested by being in it. */
#include "merge_zoo.h"

static char folder[TEST_PATH];

static clade_recipe *recipe_of(const clade_method *method, size_t n_parents)
{
    return zoo_recipe(folder, method, n_parents, NULL);
}

static size_t most_parents(const clade_method *method)
{
    return method->max_parents < 3 ? method->max_parents : 3;
}

/* Values in which every parameter matters. */
static void set_mixed(clade_recipe *recipe)
{
    for (size_t p = 0; p < recipe->n_parents; p++) {
        zoo_set(recipe, "weight", p, 0.3 + 0.25 * (double)p);
        zoo_set(recipe, "density", p, 0.7 - 0.2 * (double)p);
    }
    zoo_set(recipe, "lambda", 0, 0.875);
    recipe->seed = 5;
}

static void made_hash(const clade_recipe *recipe, size_t tile, bool widen, char hex[CLADE_SHA256_HEX])
{
    zoo_made made = zoo_make(recipe, tile, widen);
    clade_child_hash(made.child, hex);
    zoo_drop(&made);
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
    if (method->min_parents > 1)
        return;
    clade_recipe *recipe = recipe_of(method, 1);
    zoo_set(recipe, "weight", 0, 1);
    assert_child_is(recipe, "p0.safetensors", true);
    clade_recipe_free(recipe);
}

static void check_only_weight(const clade_method *method)
{
    clade_recipe *recipe = recipe_of(method, 2);
    for (size_t which = 0; which < 2; which++) {
        zoo_set(recipe, "weight", which, 1);
        zoo_set(recipe, "weight", 1 - which, 0);
        zoo_set(recipe, "normalize", 0, 1);
        assert_child_is(recipe, which == 0 ? "p0.safetensors" : "p1.safetensors", false);
    }
    clade_recipe_free(recipe);
}

/* Parents that are all p1, under different names. */
static void check_equal_parents(const clade_method *method)
{
    for (size_t n = 2; n <= most_parents(method); n++) {
        clade_recipe *recipe = recipe_of(method, n);
        for (size_t p = 0; p < n; p++) {
            clade_free(recipe->parents[p].path);
            assert_non_null(recipe->parents[p].path = clade_strdup(path_in(folder, "p1.safetensors")));
            zoo_set(recipe, "weight", p, 0.3 + 0.4 * (double)p);
        }
        zoo_set(recipe, "normalize", 0, 1);
        assert_child_is(recipe, "p1.safetensors", false);
        clade_recipe_free(recipe);
    }
}

static void check_zero_deltas(const clade_method *method)
{
    if (!method->needs_base)
        return;
    clade_recipe *recipe = recipe_of(method, 3);
    for (size_t p = 0; p < 3; p++) {
        clade_free(recipe->parents[p].path);
        assert_non_null(recipe->parents[p].path = clade_strdup(path_in(folder, "base.safetensors")));
    }
    set_mixed(recipe);
    assert_child_is(recipe, "base.safetensors", true);
    clade_recipe_free(recipe);
}

static void check_density_zero(const clade_method *method)
{
    if (clade_method_parameter(method, "density") == method->n_parameters)
        return;
    clade_recipe *recipe = recipe_of(method, 2);
    zoo_set(recipe, "density", 0, 0);
    zoo_set(recipe, "density", 1, 0);
    assert_child_is(recipe, "base.safetensors", true);
    clade_recipe_free(recipe);
}

/* ---- symmetries ---- */

static void check_order(const clade_method *method)
{
    static const size_t order[3] = {2, 0, 1};
    size_t n = most_parents(method);
    if (!method->symmetric || n < 3)
        return;
    clade_recipe *one = recipe_of(method, n), *other = zoo_recipe(folder, method, n, order);
    set_mixed(one);
    set_mixed(other);
    for (size_t p = 0; p < n; p++)
        memcpy(other->rules[0].parent + p * method->n_parameters,
               one->rules[0].parent + order[p] * method->n_parameters, method->n_parameters * sizeof(double));
    zoo_made a = zoo_make(one, 0, false), b = zoo_make(other, 0, false);
    for (size_t t = 0; t < clade_child_count(a.child); t++)
        for (size_t i = 0; i < clade_child_at(a.child, t)->count && clade_child_at(a.child, t)->dtype == CLADE_F32; i++)
            assert_near((double)zoo_float(clade_child_at(a.child, t), i),
                        (double)zoo_float(clade_child_at(b.child, t), i), 2e-7);
    zoo_drop(&a);
    zoo_drop(&b);
    clade_recipe_free(one);
    clade_recipe_free(other);
}

/* Weights times 4 change nothing where they are normalised; else they are the same as lambda times 4. */
static void check_scale(const clade_method *method)
{
    char before[CLADE_SHA256_HEX], after[CLADE_SHA256_HEX];
    size_t n = most_parents(method), weight = clade_method_parameter(method, "weight");
    for (int normalize = 0; normalize < 2; normalize++) {
        clade_recipe *recipe = recipe_of(method, n);
        set_mixed(recipe);
        zoo_set(recipe, "normalize", 0, normalize);
        bool normalises = normalize || clade_method_parameter(method, "normalize") == method->n_parameters;
        if (normalises || clade_method_parameter(method, "lambda") < method->n_parameters) {
            zoo_set(recipe, "lambda", 0, normalises ? 0.5 : 2);
            made_hash(recipe, 0, false, before);
            for (size_t p = 0; p < n; p++)
                recipe->rules[0].parent[p * method->n_parameters + weight] *= 4;
            zoo_set(recipe, "lambda", 0, 0.5);
            made_hash(recipe, 0, false, after);
            assert_string_equal(before, after);
        }
        clade_recipe_free(recipe);
    }
}

/* ---- one bit pattern ---- */

static void check_tiles(const clade_method *method)
{
    static const size_t tiles[] = {1, 7, 64, 16384, 1 << 20};
    static const clade_dtype dtypes[] = {CLADE_F32, CLADE_F16, CLADE_BF16};
    char first[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    set_mixed(recipe);
    for (size_t rescale = 0; rescale < 2; rescale++) {
        zoo_set(recipe, "rescale", 0, (double)rescale);
        for (size_t d = 0; d < 3; d++) {
            recipe->has_dtype = d > 0;
            recipe->dtype = dtypes[d];
            made_hash(recipe, 0, false, first);
            for (size_t i = 0; i < sizeof tiles / sizeof tiles[0]; i++) {
                made_hash(recipe, tiles[i], false, other);
                assert_string_equal(first, other);
            }
        }
    }
    clade_recipe_free(recipe);
}

/* Another seed gives another child just where masks are drawn. */
static void check_seed(const clade_method *method)
{
    char one[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    clade_recipe *recipe = recipe_of(method, most_parents(method));
    set_mixed(recipe);
    made_hash(recipe, 0, false, one);
    recipe->seed = 6;
    made_hash(recipe, 0, false, other);
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
            clade_recipe *recipe = recipe_of(method, 2);
            set_mixed(recipe);
            clade_free(recipe->parents[1].path);
            snprintf(file, sizeof file, "%s.safetensors", names[in]);
            assert_non_null(recipe->parents[1].path = clade_strdup(path_in(folder, file)));
            recipe->has_out_dtype = out < 4;
            recipe->out_dtype = dtypes[out % 4];
            zoo_made stored = zoo_make(recipe, 0, false), widened = zoo_make(recipe, 0, true);
            for (size_t t = 0; t < clade_child_count(stored.child); t++) {
                const clade_tensor *a = clade_child_at(stored.child, t), *b = clade_child_at(widened.child, t);
                if (a->dtype == CLADE_I64)
                    continue;
                assert_int_equal(a->dtype, out < 4 ? dtypes[out] : in == 3 ? CLADE_F64 : CLADE_F32);
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
        clade_recipe *recipe = recipe_of(method, 2);
        clade_family *family;
        clade_child *child;
        char file[64], expected[128];
        clade_free(recipe->parents[1].path);
        snprintf(file, sizeof file, "%s.safetensors", words[w]);
        assert_non_null(recipe->parents[1].path = clade_strdup(path_in(folder, file)));
        zoo_set(recipe, "density", 1, 0.01);
        assert_ok(zoo_family(recipe, &family));
        assert_ok(clade_child_new(family, NULL, &child));
        snprintf(expected, sizeof expected, "tensor head.weight: element 123 of p1 is %s", w == 0 ? "NaN" : "infinite");
        assert_fails(clade_child_make(child, recipe), CLADE_EEVAL, expected);
        assert_null(clade_child_at(child, 0)->data);
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
        clade_recipe *recipe = recipe_of(method, 2);
        set_mixed(recipe);
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
        assert_string_not_equal(one, other);
        clade_family_close(family);
        clade_recipe_free(back);
        clade_recipe_free(recipe);
        clade_text_free(&text);
        clade_text_free(&again);
    }
}

/* ---- what only some have ---- */

/* With density 1 DARE is task arithmetic, and with the election TIES. */
static void density_one(void **state)
{
    static const char *const pairs[][2] = {{"dare_linear", "task_arithmetic"}, {"dare_ties", "ties"}};
    char one[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int normalize = 0; normalize < 2; normalize++) {
            for (size_t k = 0; k < 2; k++) {
                clade_recipe *recipe = recipe_of(clade_method_find(pairs[i][k]), 3);
                set_mixed(recipe);
                zoo_set(recipe, "normalize", 0, normalize);
                for (size_t p = 0; p < 3; p++)
                    zoo_set(recipe, "density", p, 1);
                made_hash(recipe, 0, false, k == 0 ? one : other);
                clade_recipe_free(recipe);
            }
            assert_string_equal(one, other);
        }
}

/* TIES keeps exactly k elements: the largest, and of equal ones the lower indices. */
static void exact_k(void **state)
{
    static const double densities[] = {0.001, 0.1, 0.25, 0.5, 0.75, 0.999};
    (void)state;
    for (size_t d = 0; d < sizeof densities / sizeof densities[0]; d++) {
        clade_recipe *recipe = recipe_of(clade_method_find("ties"), 1);
        clade_free(recipe->parents[0].path);
        assert_non_null(recipe->parents[0].path = clade_strdup(path_in(folder, "stepped.safetensors")));
        zoo_set(recipe, "density", 0, densities[d]);
        zoo_made made = zoo_make(recipe, 0, false);
        const clade_tensor *child = clade_child_find(made.child, "model.layers.1.w");
        const float *b = clade_checkpoint_find(clade_family_base(made.family), child->name)->data,
                    *x = clade_checkpoint_find(clade_family_parent(made.family, 0), child->name)->data,
                    *y = child->data;
        float most_lost = 0, least_kept = INFINITY;
        size_t first_lost = child->count, last_kept = 0, kept = 0, moved = 0;
        for (size_t i = 0; i < child->count; i++) {
            float size = fabsf(x[i] - b[i]);
            moved += size > 0;
            if (y[i] == x[i] && size > 0) {
                kept++;
                last_kept = size < least_kept ? i : size == least_kept ? i : last_kept;
                least_kept = fminf(least_kept, size);
            } else if (size > 0) {
                assert_true(y[i] == b[i]);
                first_lost = size > most_lost ? i : first_lost;
                most_lost = fmaxf(most_lost, size);
            }
        }
        size_t k = (size_t)(densities[d] * (double)child->count);
        assert_int_equal(kept, k < moved ? k : moved);
        assert_true(most_lost <= least_kept);
        if (most_lost == least_kept)
            assert_true(last_kept < first_lost);
        zoo_drop(&made);
        clade_recipe_free(recipe);
    }
}

/* DARE of one parent: as many survivors as the density says, each times 1 / density (the paper) or such that the L1
 * norm stays. */
static void drop_and_rescale(void **state)
{
    const double density = 0.3;
    (void)state;
    for (int by_density = 0; by_density < 2; by_density++) {
        clade_recipe *recipe = recipe_of(clade_method_find("dare_linear"), 1);
        zoo_set(recipe, "density", 0, density);
        zoo_set(recipe, "rescale_by_density", 0, by_density);
        zoo_made made = zoo_make(recipe, 0, false);
        const clade_tensor *child = clade_child_find(made.child, "model.layers.1.w");
        const float *b = clade_checkpoint_find(clade_family_base(made.family), child->name)->data,
                    *x = clade_checkpoint_find(clade_family_parent(made.family, 0), child->name)->data,
                    *y = child->data;
        double n = (double)child->count, kept = 0, before = 0, after = 0;
        for (size_t i = 0; i < child->count; i++) {
            double tau = (double)x[i] - (double)b[i], found = (double)y[i] - (double)b[i];
            kept += found != 0;
            before += fabs(tau);
            after += fabs(found);
            if (found != 0 && by_density)
                assert_near(found, tau / density, 3e-7);
        }
        assert_near(kept, density * n, 5 * sqrt(n * density * (1 - density)));
        if (!by_density)
            assert_near(after / before, 1, 1e-5);
        zoo_drop(&made);
        clade_recipe_free(recipe);
    }
}

/* A third parent of weight 0 changes nothing: the general mean agrees with the formula for two. */
static void slerp_of_three(void **state)
{
    const clade_method *slerp = clade_method_find("slerp");
    clade_recipe *two = recipe_of(slerp, 2), *three = recipe_of(slerp, 3);
    (void)state;
    for (size_t p = 0; p < 3; p++) { /* models far apart: not the linear branch */
        char file[64];
        snprintf(file, sizeof file, "far%zu.safetensors", p);
        for (int which = p < 2 ? 0 : 1; which < 2; which++) {
            clade_recipe *recipe = which == 0 ? two : three;
            clade_free(recipe->parents[p].path);
            assert_non_null(recipe->parents[p].path = clade_strdup(path_in(folder, file)));
            zoo_set(recipe, "weight", p, p == 0 ? 0.7 : p == 1 ? 0.3 : 0);
        }
    }
    zoo_made a = zoo_make(two, 0, false), b = zoo_make(three, 0, false);
    const clade_tensor *x = clade_child_find(a.child, "model.layers.1.w"), *y = clade_child_find(b.child, x->name);
    double parents[2] = {0, 0}, norm = 0;
    for (size_t i = 0; i < x->count; i++) {
        assert_near((double)zoo_float(x, i), (double)zoo_float(y, i), 1e-6);
        norm += (double)zoo_float(x, i) * (double)zoo_float(x, i);
        for (size_t p = 0; p < 2; p++) {
            double v = (double)zoo_float(clade_checkpoint_find(clade_family_parent(a.family, p), x->name), i);
            parents[p] += v * v;
        }
    }
    /* Nearly orthogonal parents of nearly one norm: the norm is kept where a linear mean would lose it (0.76). */
    assert_near(sqrt(norm / parents[0]), 1, 0.03);
    zoo_drop(&a);
    zoo_drop(&b);
    clade_recipe_free(two);
    clade_recipe_free(three);
}

static void cancelling_weights(void **state)
{
    static const char *const names[] = {"linear", "slerp"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        clade_recipe *recipe = recipe_of(clade_method_find(names[i]), 2);
        clade_family *family;
        clade_child *child;
        zoo_set(recipe, "weight", 0, 0.5);
        zoo_set(recipe, "weight", 1, -0.5);
        assert_ok(zoo_family(recipe, &family));
        assert_ok(clade_child_new(family, NULL, &child));
        assert_fails(clade_child_make(child, recipe), CLADE_EEVAL,
                     "tensor embed.weight: the weights of the 2 parents sum to 0");
        clade_child_free(child);
        clade_family_close(family);
        clade_recipe_free(recipe);
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
    {"only_weight", check_only_weight},
    {"equal_parents", check_equal_parents},
    {"zero_deltas", check_zero_deltas},
    {"density_zero", check_density_zero},
    {"order", check_order},
    {"scale", check_scale},
    {"tiles", check_tiles},
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

/* A model of its own: nothing in common with the base. */
static void write_far(const char *name, uint64_t seed)
{
    static float values[ZOO_LARGEST];
    static const uint64_t shape[2] = {100, 200};
    clade_rng rng = clade_rng_seeded(seed, 7);
    char path[TEST_PATH];
    for (size_t i = 0; i < ZOO_LARGEST; i++)
        values[i] = (float)(2 * clade_rng_uniform(&rng) - 1);
    clade_tensor tensor = {.name = "model.layers.1.w",
                           .dtype = CLADE_F32,
                           .rank = 2,
                           .shape = shape,
                           .count = ZOO_LARGEST,
                           .bytes = sizeof values,
                           .data = values};
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_write(path, &tensor, 1, NULL, NULL));
}

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    zoo_write(folder, "base", CLADE_F32, ZOO_BASE, 0);
    zoo_write(folder, "p0", CLADE_F32, ZOO_TUNED, 10);
    zoo_write(folder, "p1", CLADE_F32, ZOO_TUNED, 11);
    zoo_write(folder, "p2", CLADE_F32, ZOO_TUNED, 12);
    zoo_write(folder, "stepped", CLADE_F32, ZOO_STEPPED, 13);
    zoo_write(folder, "f32", CLADE_F32, ZOO_TUNED, 14);
    zoo_write(folder, "f16", CLADE_F16, ZOO_TUNED, 14);
    zoo_write(folder, "bf16", CLADE_BF16, ZOO_TUNED, 14);
    zoo_write(folder, "f64", CLADE_F64, ZOO_TUNED, 14);
    write_poisoned("nan", NAN);
    write_poisoned("infinite", INFINITY);
    write_far("far0", 1);
    write_far("far1", 2);
    write_far("far2", 3);
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
    struct CMUnitTest tests[N_LAWS + 5] = {
        cmocka_unit_test(density_one),        cmocka_unit_test(exact_k),
        cmocka_unit_test(drop_and_rescale),   cmocka_unit_test(slerp_of_three),
        cmocka_unit_test(cancelling_weights),
    };
    for (size_t i = 0; i < N_LAWS; i++)
        tests[5 + i] = (struct CMUnitTest){
            .name = laws[i].name, .test_func = run_law, .initial_state = (void *)(uintptr_t)&laws[i]};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
