/* The laws of merge methods, over the registry: a new method is tested by being in it. */
#include "method_laws.h"

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

static const law laws[] = {
    {"one_parent", check_one_parent},
    {"equal_parents", check_equal_parents},
    {"zero_deltas", check_zero_deltas},
    {"density_zero", check_density_zero},
    {"order", check_order},
    {"scale", check_scale},
    {"lambda", check_lambda},
    {"refused", check_refused},
    {"round_trip", check_round_trip},
};

int main(void)
{
    return run_laws(laws, sizeof laws / sizeof laws[0]);
}
