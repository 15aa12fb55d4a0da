/* mergekit's YAML beyond whole models: slices, modules, adapters, and what base_model means to each method. */
#include "mergekit_fixture.h"

/* ---- slices ---- */

static void slices(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: linear\n"
                        "slices:\n"
                        "- sources:\n"
                        "  - {model: a, layer_range: [0, 3], parameters: {weight: [1, 2, 4]}}\n"
                        "  - {model: b, layer_range: [1, 4], parameters: {weight: [{filter: layers.2, value: 9}]}}\n"
                        "  parameters: {weight: 5}\n"
                        "- sources:\n"
                        "  - model: c\n"
                        "    layer_range: [3, 4]\n"
                        "    parameters: {weight: [7, 8]}\n"
                        "parameters:\n"
                        "  weight: 6\n",
                        &recipe));
    assert_int_equal(recipe->n_parents, 3);
    assert_int_equal(recipe->n_stacks, 1);
    assert_string_equal(recipe->stacks[0].blocks, "model.layers.");
    assert_int_equal(recipe->stacks[0].n_slices, 2);
    const clade_recipe_slice *first = &recipe->stacks[0].slices[0], *last = &recipe->stacks[0].slices[1];
    assert_true(first->n_blocks == 3 && first->first[0] == 0 && first->first[1] == 1 && first->first[2] == -1);
    assert_true(last->n_blocks == 1 && last->first[0] == -1 && last->first[1] == -1 && last->first[2] == 3);
    /* a gradient runs over its slice, and b's filter sees b's own layers */
    assert_true(value_of(recipe, "model.layers.0.w", "a", "weight") == 1);
    assert_true(value_of(recipe, "model.layers.1.w", "a", "weight") == 2);
    assert_true(value_of(recipe, "model.layers.2.w", "a", "weight") == 4);
    assert_true(value_of(recipe, "model.layers.0.w", "b", "weight") == 5);
    assert_true(value_of(recipe, "model.layers.1.w", "b", "weight") == 9);
    /* the only layer of a slice is its last; around the layers t is 0, by the first and the last slice */
    assert_true(value_of(recipe, "model.layers.3.w", "c", "weight") == 8);
    assert_true(value_of(recipe, "model.embed.weight", "a", "weight") == 1);
    assert_true(value_of(recipe, "model.norm.weight", "c", "weight") == 7);
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
}

static void frankenmerge(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: passthrough\n"
                        "base_model: c\n"
                        "slices:\n"
                        "- sources: [{model: b, layer_range: [0, 3]}]\n"
                        "- sources: [{model: a, layer_range: [1, 4]}]\n"
                        "- sources: [{model: b, layer_range: [3, 4]}]\n",
                        &recipe));
    assert_int_equal(recipe->n_parents, 2);
    assert_string_equal(recipe->parents[0].name, "b");
    assert_int_equal(recipe->n_rules, 1);
    assert_string_equal(recipe->base->path, path_in(folder, "c")); /* for its files */
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
}

/* t runs away from the slice's own base. */
static void slerp_slices(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: slerp\n"
                        "base_model: a\n"
                        "slices:\n"
                        "- sources: [{model: b, layer_range: [0, 2]}, {model: a, layer_range: [0, 2]}]\n"
                        "  parameters: {t: [0.1, 0.7]}\n"
                        "- sources: [{model: c, layer_range: [2, 4]}, {model: b, layer_range: [2, 4]}]\n"
                        "  base_model: c\n"
                        "parameters: {t: [{filter: layers.2, value: 0.3}, {value: 0.9}]}\n",
                        &recipe));
    assert_string_equal(recipe->parents[0].name, "a");
    assert_true(value_of(recipe, "model.layers.1.w", "b", "weight") == 0.7);
    assert_true(value_of(recipe, "model.layers.2.w", "c", "weight") == 0.7); /* the child's layer 2 */
    assert_true(value_of(recipe, "model.layers.2.w", "b", "weight") == 0.3);
    assert_true(value_of(recipe, "model.layers.3.w", "b", "weight") == 0.9);
    assert_true(value_of(recipe, "model.embed.weight", "b", "weight") == 0.1);
    assert_true(value_of(recipe, "model.norm.weight", "b", "weight") == 0.9);
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
}

static void base_slices(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: ties\n"
                        "slices:\n"
                        "- base_model: c\n"
                        "  sources: [{model: a, layer_range: [0, 2]}, {model: c, layer_range: [2, 4]}]\n"
                        "  parameters: {lambda: [1, 2]}\n"
                        "parameters: {weight: 1, density: 0.5}\n",
                        &recipe));
    assert_string_equal(recipe->base->path, path_in(folder, "c"));
    assert_int_equal(recipe->n_parents, 1);
    assert_true(recipe->stacks[0].slices[0].first[0] == 0 && recipe->stacks[0].slices[0].first[1] == 2);
    assert_true(value_of(recipe, "model.layers.1.w", NULL, "lambda") == 2);
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
}

/* A filter of a whole block stands only where all tensors that contain it have one value. */
static void block_filters(void **state)
{
    clade_recipe *recipe;
    clade_text yaml = {0};
    (void)state;
    assert_ok(
        read_text("merge_method: linear\n"
                  "models:\n"
                  "- {model: a, parameters: {weight: [{filter: layers.1.norm, value: 9}, {value: [1, 2, 3, 4]}]}}\n",
                  &recipe));
    assert_ok(clade_recipe_to_mergekit(recipe, &yaml));
    assert_null(strstr(clade_text_get(&yaml), "\"model.layers.1.\""));
    assert_non_null(strstr(clade_text_get(&yaml), "{filter: \"model.layers.1.w\", value: 2}"));
    assert_non_null(strstr(clade_text_get(&yaml), "{filter: \"model.layers.1.norm.w\", value: 9}"));
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
    clade_text_clear(&yaml);
    assert_ok(read_text("merge_method: linear\nmodels: [{model: a}]\nparameters: {weight: [1, 2, 3, 4]}\n", &recipe));
    assert_ok(clade_recipe_to_mergekit(recipe, &yaml));
    assert_non_null(strstr(clade_text_get(&yaml), "{filter: \"model.layers.1.\", value: 2}"));
    assert_null(strstr(clade_text_get(&yaml), "layers.1.w"));
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
    clade_text_free(&yaml);
}

/* ---- base_model ---- */

static const struct {
    const char *text;
    const char *parents, *base; /* names of the parents; path of the base, or NULL */
    const char *files;          /* name of the parent whose files are taken, or NULL */
} bases[] = {
    {"merge_method: linear\nbase_model: c\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n", "a b c", NULL,
     "c"},
    {"merge_method: linear\nbase_model: b\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n", "a b", NULL,
     "b"},
    {"merge_method: linear\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n", "a b", NULL,
     NULL},
    {"merge_method: karcher\nbase_model: c\nmodels: [{model: a}, {model: b}]\n", "a b c", NULL, "c"},
    {"merge_method: slerp\nbase_model: b\nmodels: [{model: a}, {model: b}]\nparameters: {t: 1}\n", "b a", NULL, NULL},
    {"merge_method: slerp\nbase_model: b\nmodels: [{model: a}]\nparameters: {t: 1}\n", "b a", NULL, NULL},
    {"merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n", "a b", NULL, NULL},
    {"merge_method: nuslerp\nbase_model: c\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n", "a b", "c",
     NULL},
    {"merge_method: multislerp\nbase_model: c\nmodels: [{model: a}, {model: c}]\nparameters: {weight: 1}\n", "a", "c",
     NULL},
    {"merge_method: nearswap\nbase_model: a\nmodels: [{model: b}]\nparameters: {t: 1e-3}\n", "b", "a", NULL},
    {"merge_method: nearswap\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: 1}\n", "b", "a", NULL},
    {"merge_method: arcee_fusion\nbase_model: a\nmodels: [{model: b}]\n", "b", "a", NULL},
    {"merge_method: model_stock\nbase_model: a\nmodels: [{model: a}, {model: b}, {model: c}]\n", "b c", "a", NULL},
    {"merge_method: sce\nbase_model: a\nmodels: [{model: b}, {model: c}]\nparameters: {int8_mask: 1}\n", "b c", "a",
     NULL},
    {"merge_method: passthrough\nmodels: [{model: a}]\n", "a", NULL, NULL},
    {"merge_method: passthrough\nbase_model: a\nmodels: [{model: a, parameters: {scale: 2}}]\n", "a", NULL, NULL},
    /* adapters: on the base they need no model of their own */
    {"merge_method: ties\nbase_model: c\nmodels: [{model: c+l}, {model: a+l}]\nparameters: {weight: 1}\n", "l l-2", "c",
     NULL},
    {"merge_method: linear\nmodels: [{model: c+l}, {model: {model: {path: c}, lora: {path: m}}}]\n"
     "parameters: {weight: 1}\n",
     "l m", NULL, NULL},
    /* names that mean something in a recipe */
    {"merge_method: ties\nbase_model: c\nmodels: [{model: x/base}, {model: union}]\nparameters: {weight: 1}\n",
     "base-2 union-2", "c", NULL},
};

static void base_models(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        clade_recipe *recipe;
        clade_text names = {0};
        assert_ok(read_text(bases[i].text, &recipe));
        for (size_t p = 0; p < recipe->n_parents; p++)
            clade_text_append(&names, "%s%s", p > 0 ? " " : "", recipe->parents[p].name);
        assert_string_equal(clade_text_get(&names), bases[i].parents);
        assert_true((recipe->base != NULL) == (bases[i].base != NULL));
        if (bases[i].base)
            assert_string_equal(recipe->base->path, path_in(folder, bases[i].base));
        assert_true((recipe->files_from != SIZE_MAX) == (bases[i].files != NULL));
        if (bases[i].files)
            assert_string_equal(recipe->parents[recipe->files_from].name, bases[i].files);
        assert_comes_back(recipe);
        clade_recipe_free(recipe);
        clade_text_free(&names);
    }
}

static void adapters(void **state)
{
    clade_recipe *recipe;
    (void)state;
    assert_ok(read_text("merge_method: ties\nbase_model: c\nmodels: [{model: c+l}, {model: a+/m}]\n"
                        "parameters: {weight: 1}\n",
                        &recipe));
    assert_null(recipe->parents[0].path);
    assert_string_equal(recipe->parents[0].adapter.path, path_in(folder, "l"));
    assert_string_equal(recipe->parents[1].path, path_in(folder, "a"));
    assert_string_equal(recipe->parents[1].adapter.path, "/m");
    clade_recipe_free(recipe);
}

/* ---- modules ---- */

static void modules(void **state)
{
    clade_recipe *recipe;
    clade_text text = {0};
    (void)state;
    assert_ok(read_text("merge_method: linear\n"
                        "modules:\n"
                        "  layers: {models: [{model: a, parameters: {weight: 1}}, {model: b}]}\n"
                        "  default: {models: [{model: c}], parameters: {weight: 3}}\n"
                        "parameters: {weight: 2}\n",
                        &recipe));
    const clade_rule *inside = clade_recipe_rule(recipe, "model.layers.1.w"),
                     *outside = clade_recipe_rule(recipe, "model.norm.weight");
    assert_true(inside->only[0] && inside->only[1] && !inside->only[2]);
    assert_true(!outside->only[0] && !outside->only[1] && outside->only[2]);
    assert_true(value_of(recipe, "model.layers.1.w", "a", "weight") == 1);
    assert_true(value_of(recipe, "model.layers.1.w", "b", "weight") == 2);
    assert_true(value_of(recipe, "model.norm.weight", "c", "weight") == 3);
    assert_fails(clade_recipe_to_mergekit(recipe, &text), CLADE_ECONFIG, "leaves some out");
    clade_recipe_free(recipe);
    assert_ok(read_text("merge_method: passthrough\nmodules: {default: {slices: [{sources: [{model: a, layer_range: "
                        "[1, 3]}]}]}}\n",
                        &recipe));
    assert_int_equal(recipe->stacks[0].slices[0].n_blocks, 2);
    assert_comes_back(recipe);
    clade_recipe_free(recipe);
    clade_text_free(&text);
}

/* ---- refusals ---- */

static const struct {
    const char *text, *expected;
} refusals[] = {
    {"merge_method: linear\nslices: []\n", ":2: slices: expected a list"},
    {"merge_method: linear\nslices: [{sources: []}]\n", ":2: sources: expected a list of 1 to 64 models"},
    {"merge_method: linear\nslices: [{sources: [{model: a}]}]\n", "layer_range: expected [FIRST, BEHIND_THE_LAST]"},
    {"merge_method: linear\nslices: [{sources: [{model: a, layer_range: [2, 1]}]}]\n", "layer_range: expected"},
    {"merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1.5]}]}]\n", "layer_range: expected"},
    {"merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1e9]}]}]\n", "layer_range: expected"},
    {"merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 2]}, {model: b, layer_range: [0, 1]}]}]\n",
     "found 1 layers, expected 2"},
    {"merge_method: linear\nslices: [{source: []}]\n", "did you mean \"sources\"?"},
    {"merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 5]}]}]\nparameters: {weight: 1}\n",
     "found no block 4 (no tensor model.layers.4....)"},
    {"merge_method: linear\nslices: [{sources: [{model: flat.safetensors, layer_range: [0, 5]}]}]\n"
     "parameters: {weight: 1}\n",
     "slices expect a model of blocks"},
    {"merge_method: linear\nslices: [{sources: [{model: towers.safetensors, layer_range: [0, 1]}]}]\n"
     "parameters: {weight: 1}\n",
     "slices expect a model of one stack of blocks, found \"text.layers.\" and \"visual.layers.\""},
    {"merge_method: linear\nslices: [{sources: [{model: a, layer_range: [0, 1]}], residual_weight: 1}]\n",
     "residual_weight has no effect"},
    {"merge_method: linear\nmodels: [{model: a}]\nslices: []\n", "found 2 of \"models\", \"slices\" and \"modules\""},
    {"merge_method: ties\nbase_model: c\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]\n"
     "parameters: {weight: 1}\n",
     "the sources do not list base_model (c), ties expects it with its layer_range"},
    {"merge_method: ties\nslices: [{sources: [{model: a, layer_range: [0, 1]}]}]\nparameters: {weight: 1}\n",
     "found no base_model, ties expects one"},
    {"merge_method: slerp\nbase_model: c\nslices: [{sources: [{model: a, layer_range: [0, 1]}, {model: b, "
     "layer_range: [0, 1]}]}]\nparameters: {t: 1}\n",
     "slerp expects two models, of which base_model is one"},
    {"merge_method: passthrough\nslices: [{sources: [{model: a, layer_range: [0, 1]}, {model: b, layer_range: [0, "
     "1]}]}]\n",
     "stack 0: slice 0: found 2 parents, passthrough expects 1 to 1"},
    {"merge_method: passthrough\nbase_model: c\nmodels: [{model: a}]\n", /* as mergekit, which adds it */
     "found 2 parents, passthrough expects 1 to 1"},
    {"merge_method: linear\nmodules: {}\n", ":2: modules: expected"},
    {"merge_method: linear\nmodules: {layers: {models: [{model: a}]}}\nparameters: {weight: 1}\n",
     "tensor head.weight is in none of the modules"},
    {"merge_method: linear\nmodules: {x: {slices: [{sources: [{model: a, layer_range: [0, 1]}]}]}, y: {models: "
     "[{model: a}]}}\n",
     "slices in one of several modules are not supported"},
    {"merge_method: model_stock\nbase_model: a\nmodels: [{model: b}]\n", "found 1 parents, model_stock expects 2"},
    {"merge_method: nearswap\nbase_model: a\nmodels: [{model: b}]\n", "found no t in the top-level parameters"},
};

static void what_is_refused(void **state)
{
    clade_recipe *recipe;
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        assert_fails(read_text(refusals[i].text, &recipe), CLADE_ECONFIG, refusals[i].expected);
        assert_null(recipe);
    }
    assert_int_equal(clade_alloc_live(), 0);
}

/* A slice named by thousands of aliases. */
static void too_many_layers(void **state)
{
    clade_text text = {0};
    clade_recipe *recipe;
    (void)state;
    clade_text_append(&text, "merge_method: passthrough\nslices: [&s {sources: [{model: a, layer_range: [0, 4]}]}");
    for (int i = 0; i < 20000; i++)
        clade_text_append(&text, ", *s");
    clade_text_append(&text, "]\n");
    assert_fails(read_text(clade_text_get(&text), &recipe), CLADE_ECONFIG,
                 "found 80004 layers, expected at most 65536");
    clade_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices),          cmocka_unit_test(frankenmerge),  cmocka_unit_test(slerp_slices),
        cmocka_unit_test(base_slices),     cmocka_unit_test(block_filters), cmocka_unit_test(base_models),
        cmocka_unit_test(adapters),        cmocka_unit_test(modules),       cmocka_unit_test(what_is_refused),
        cmocka_unit_test(too_many_layers),
    };
    return cmocka_run_group_tests(tests, layered_set_up, layered_tear_down);
}
