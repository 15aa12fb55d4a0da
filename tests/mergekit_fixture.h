/* Three models a, b and c of the blocks model.layers.0 to .3 beside a mergekit YAML, and what tests of it ask. */
#ifndef CLADE_MERGEKIT_FIXTURE_H
#define CLADE_MERGEKIT_FIXTURE_H

#include "merge_zoo.h"

static char folder[TEST_PATH], config[TEST_PATH];

static inline clade_status read_text(const char *text, clade_recipe **recipe)
{
    return clade_recipe_from_mergekit_text(text, strlen(text), config, recipe);
}

static inline double value_of(const clade_recipe *recipe, const char *tensor, const char *parent, const char *name)
{
    const clade_rule *rule = clade_recipe_rule(recipe, tensor);
    size_t n = recipe->method->n_parameters, k = clade_method_parameter(recipe->method, name), p = 0;
    assert_non_null(rule);
    assert_in_range(k, 0, n - 1);
    while (parent && p < recipe->n_parents && strcmp(recipe->parents[p].name, parent) != 0)
        p++;
    assert_true(p < recipe->n_parents);
    return parent ? rule->parent[p * n + k] : rule->site[k];
}

/* The printed recipe of YAML written from RECIPE is that of RECIPE. */
static inline void assert_comes_back(const clade_recipe *recipe)
{
    clade_text yaml = {0}, once = {0}, twice = {0};
    clade_recipe *back;
    assert_ok(clade_recipe_to_mergekit(recipe, &yaml));
    assert_ok(read_text(clade_text_get(&yaml), &back));
    clade_recipe_print(recipe, true, &once);
    clade_recipe_print(back, true, &twice);
    assert_string_equal(clade_text_get(&once), clade_text_get(&twice));
    clade_recipe_free(back);
    clade_text_free(&yaml);
    clade_text_free(&once);
    clade_text_free(&twice);
}

/* ---- models of four layers ---- */

enum { MOST_NAMES = 16 };

static inline void write_names(const char *path, const char *const *names, size_t count)
{
    static const float values[1] = {0};
    static const uint64_t shape[1] = {1};
    clade_tensor tensors[MOST_NAMES];
    for (size_t i = 0; i < count; i++)
        tensors[i] = (clade_tensor){.name = names[i],
                                    .dtype = CLADE_F32,
                                    .rank = 1,
                                    .shape = shape,
                                    .count = 1,
                                    .bytes = sizeof values,
                                    .data = values};
    assert_ok(clade_safetensors_write(path, tensors, count, NULL, NULL));
}

static inline int layered_set_up(void **state)
{
    static const char *const names[] = {"model.embed.weight",    "model.layers.0.w", "model.layers.1.w",
                                        "model.layers.2.w",      "model.layers.3.w", "model.norm.weight",
                                        "model.layers.1.norm.w", "head.weight"};
    static const char *const flat[] = {"a", "b"}, *const towers[] = {"text.layers.0.w", "visual.layers.0.w"};
    static const char *const models[] = {"a", "b", "c"};
    (void)state;
    make_temporary_folder(folder);
    snprintf(config, sizeof config, "%s/config.yml", folder);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char path[TEST_PATH];
        assert_int_equal(mkdir(path_in(folder, models[i]), 0700), 0);
        snprintf(path, sizeof path, "%s/%s/model.safetensors", folder, models[i]);
        write_names(path, names, sizeof names / sizeof names[0]);
    }
    write_names(path_in(folder, "flat.safetensors"), flat, 2);
    write_names(path_in(folder, "towers.safetensors"), towers, 2);
    return 0;
}

static inline int layered_tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

#endif
