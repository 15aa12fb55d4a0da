/* Small PEFT folders and recipes over them, for tests of adapters. */
#ifndef CLADE_ADAPTER_FIXTURE_H
#define CLADE_ADAPTER_FIXTURE_H

#include "near.h"

#include "clade/adapter.h"
#include "clade/recipe.h"
#include "clade/rng.h"

enum { FIXTURE_TENSORS = 12 };

/* The tensors of an adapter, filled one after the other. */
typedef struct fixture_tensors {
    clade_tensor list[FIXTURE_TENSORS];
    uint64_t shapes[FIXTURE_TENSORS][5];
    char names[FIXTURE_TENSORS][160];
    float values[FIXTURE_TENSORS][512];
    size_t count;
} fixture_tensors;

/* A tensor "base_model.model.NAME" of normal-looking values from SEED, unless VALUES are given. */
static inline void fixture_add(fixture_tensors *t, const char *name, size_t rank, const uint64_t *shape, uint64_t seed,
                               const float *values)
{
    size_t i = t->count++, count = 1;
    clade_rng rng = clade_rng_seeded(seed, i);
    assert_in_range(i, 0, FIXTURE_TENSORS - 1);
    snprintf(t->names[i], sizeof t->names[i], "base_model.model.%s", name);
    for (size_t d = 0; d < rank; d++)
        count *= (size_t)(t->shapes[i][d] = shape[d]);
    assert_in_range(count, 0, 512);
    for (size_t e = 0; e < count; e++)
        t->values[i][e] = values ? values[e] : (float)(2 * clade_rng_uniform(&rng) - 1);
    t->list[i] = (clade_tensor){t->names[i], CLADE_F32, rank, t->shapes[i], count, 4 * count, t->values[i]};
}

/* Both factors of linear module MODULE. */
static inline void fixture_pair(fixture_tensors *t, const char *module, uint64_t rows, uint64_t columns, uint64_t rank,
                                uint64_t seed)
{
    char name[128];
    snprintf(name, sizeof name, "%s.lora_A.weight", module);
    fixture_add(t, name, 2, (uint64_t[]){rank, columns}, seed, NULL);
    snprintf(name, sizeof name, "%s.lora_B.weight", module);
    fixture_add(t, name, 2, (uint64_t[]){rows, rank}, seed, NULL);
}

/* CONFIG: adapter_config.json; NULL: no such file. */
static inline void fixture_write(const char *folder, const char *config, const fixture_tensors *t)
{
    char path[TEST_PATH + 32];
    mkdir(folder, 0777);
    snprintf(path, sizeof path, "%s/adapter_config.json", folder);
    remove(path);
    if (config)
        write_test_file(path, config, strlen(config));
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", folder);
    assert_ok(clade_safetensors_write(path, t->list, t->count, NULL, NULL));
}

/* A recipe of METHOD over the adapters at PATHS, with one rule for all tensors. */
static inline clade_recipe *fixture_recipe(const clade_method *method, const char *const *paths, size_t count)
{
    clade_recipe *recipe;
    char name[16];
    assert_ok(clade_recipe_new(method, count, 1, &recipe));
    for (size_t p = 0; p < count; p++) {
        snprintf(name, sizeof name, "p%zu", p);
        assert_non_null(recipe->parents[p].name = clade_strdup(name));
        assert_non_null(recipe->parents[p].adapter.path = clade_strdup(paths[p]));
    }
    assert_non_null(recipe->rules[0].patterns = clade_calloc(1, sizeof(char *)));
    assert_non_null(recipe->rules[0].patterns[0] = clade_strdup("*"));
    recipe->rules[0].n_patterns = 1;
    return recipe;
}

static inline void fixture_weight(clade_recipe *recipe, size_t parent, double weight)
{
    recipe->rules[0].parent[parent * recipe->method->n_parameters + clade_method_parameter(recipe->method, "weight")] =
        weight;
}

static inline void fixture_site(clade_recipe *recipe, const char *name, double value)
{
    recipe->rules[0].site[clade_method_parameter(recipe->method, name)] = value;
}

static inline double fixture_value(const clade_tensor *tensor, size_t i)
{
    float value;
    clade_widen(tensor->dtype, (const char *)tensor->data + i * (clade_dtype_of(tensor->dtype)->bits / 8), 1, &value);
    return (double)value;
}

/* Element (ROW, COLUMN) of scale B A; not of the stored tensor, which may be the transpose. */
static inline double fixture_delta(const clade_low_rank *delta, size_t row, size_t column)
{
    size_t rank = delta->a->shape[0], columns = delta->a->shape[1];
    double sum = 0;
    for (size_t k = 0; k < rank; k++)
        sum += fixture_value(delta->b, row * rank + k) * fixture_value(delta->a, k * columns + column);
    return delta->scale * sum;
}

#endif
