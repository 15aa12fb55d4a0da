/* Small random checkpoints for tests of merging: a base and parents with every kind of tensor. */
#ifndef CLADE_MERGE_ZOO_H
#define CLADE_MERGE_ZOO_H

#include "near.h"

#include "clade/merge.h"
#include "clade/rng.h"

enum { ZOO_TENSORS = 7, ZOO_PARENTS = 4, ZOO_LARGEST = 20000 };

typedef struct zoo_shape {
    const char *name;
    size_t rank;
    uint64_t shape[2];
    size_t count;
} zoo_shape;

/* Sorted by name. "model.layers.1.w" is larger than a default tile. */
static const zoo_shape zoo_shapes[ZOO_TENSORS] = {
    {"embed.weight", 2, {7, 11}, 77},
    {"empty", 2, {0, 3}, 0},
    {"head.weight", 1, {300}, 300},
    {"model.layers.0.w", 2, {13, 37}, 481},
    {"model.layers.1.w", 2, {100, 200}, ZOO_LARGEST},
    {"one", 1, {1}, 1},
    {"scalar", 0, {0}, 1},
};

/* How the elements of a model are made. */
typedef enum zoo_kind {
    ZOO_BASE,   /* random, with -0 among them */
    ZOO_COPY,   /* the base again */
    ZOO_TUNED,  /* base plus random, different for every SEED */
    ZOO_STEPPED /* base plus one of -2..2 times 2^-6: many equal magnitudes */
} zoo_kind;

/* Writes FOLDER/NAME.safetensors. */
static inline void zoo_write(const char *folder, const char *name, clade_dtype dtype, zoo_kind kind, uint64_t seed)
{
    static float values[ZOO_LARGEST];
    static unsigned char bytes[ZOO_TENSORS][8 * ZOO_LARGEST];
    static const int64_t positions[4] = {0, 1, 2, 3};
    static const uint64_t position_shape[1] = {4};
    clade_tensor tensors[ZOO_TENSORS + 1];
    char path[TEST_PATH];
    for (size_t t = 0; t < ZOO_TENSORS; t++) {
        const zoo_shape *shape = &zoo_shapes[t];
        clade_rng base = clade_rng_seeded(1, t), tuned = clade_rng_seeded(seed, 100 + t);
        for (size_t i = 0; i < shape->count; i++) {
            double x = i % 17 == 3 ? -0.0 : floor(4096 * (2 * clade_rng_uniform(&base) - 1)) / 4096;
            double d = 2 * clade_rng_uniform(&tuned) - 1;
            values[i] = (float)(kind == ZOO_TUNED     ? x + 0.25 * d
                                : kind == ZOO_STEPPED ? x + floor(2.5 * d + 0.5) / 64
                                                      : x);
        }
        clade_narrow(dtype, values, shape->count, bytes[t]);
        tensors[t] = (clade_tensor){.name = shape->name,
                                    .dtype = dtype,
                                    .rank = shape->rank,
                                    .shape = shape->shape,
                                    .count = shape->count,
                                    .bytes = shape->count * clade_dtype_of(dtype)->bits / 8,
                                    .data = bytes[t]};
    }
    tensors[ZOO_TENSORS] = (clade_tensor){.name = "position_ids",
                                          .dtype = CLADE_I64,
                                          .rank = 1,
                                          .shape = position_shape,
                                          .count = 4,
                                          .bytes = sizeof positions,
                                          .data = positions};
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_write(path, tensors, ZOO_TENSORS + 1, NULL, NULL));
}

/* Writes FOLDER/NAME.safetensors: Fisher weights (squares, some of them 0) or Gram matrices of the tensors with two
 * dimensions. */
static inline void zoo_write_statistics(const char *folder, const char *name)
{
    static float values[ZOO_TENSORS][200 * 200];
    static uint64_t shapes[ZOO_TENSORS][2];
    clade_tensor tensors[ZOO_TENSORS];
    char path[TEST_PATH];
    bool gram = strcmp(name, "gram") == 0;
    size_t n = 0;
    for (size_t t = 0; t < ZOO_TENSORS; t++) {
        const zoo_shape *shape = &zoo_shapes[t];
        size_t columns = shape->rank == 2 ? (size_t)shape->shape[1] : 1,
               count = gram ? columns * columns : shape->count;
        if (gram && (shape->rank != 2 || shape->count == 0))
            continue;
        clade_rng rng = clade_rng_seeded(77, t);
        for (size_t i = 0; i < count; i++) {
            double x = 2 * clade_rng_uniform(&rng) - 1;
            values[n][i] = (float)(!gram ? (i % 13 == 5 ? 0 : x * x) : i / columns == i % columns ? 2 + x : 0);
        }
        shapes[n][0] = shapes[n][1] = columns;
        tensors[n] = (clade_tensor){.name = shape->name,
                                    .dtype = CLADE_F32,
                                    .rank = gram ? 2 : shape->rank,
                                    .shape = gram ? shapes[n] : shape->shape,
                                    .count = count,
                                    .bytes = count * sizeof(float),
                                    .data = values[n]};
        n++;
    }
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    assert_ok(clade_safetensors_write(path, tensors, n, NULL, NULL));
}

/* A recipe of one rule for parents p0, p1, ... of FOLDER in the order ORDER (NULL: 0, 1, ...), with the method's
 * defaults. */
static inline clade_recipe *zoo_recipe(const char *folder, const clade_method *method, size_t n_parents,
                                       const size_t *order)
{
    clade_recipe *recipe;
    char text[TEST_PATH];
    assert_ok(clade_recipe_new(method, n_parents, 1, &recipe));
    for (size_t p = 0; p < n_parents; p++) {
        size_t which = order ? order[p] : p;
        snprintf(text, sizeof text, "p%zu", which);
        assert_non_null(recipe->parents[p].name = clade_strdup(text));
        snprintf(text, sizeof text, "%s/p%zu.safetensors", folder, which);
        assert_non_null(recipe->parents[p].path = clade_strdup(text));
    }
    for (size_t p = 0; p < n_parents && method->statistics; p++) {
        snprintf(text, sizeof text, "%s/%s.safetensors", folder, method->statistics);
        assert_non_null(recipe->parents[p].statistics.path = clade_strdup(text));
    }
    if (method->base != CLADE_BASE_IGNORED) {
        assert_non_null(recipe->base = clade_calloc(1, sizeof *recipe->base));
        snprintf(text, sizeof text, "%s/base.safetensors", folder);
        assert_non_null(recipe->base->name = clade_strdup("base"));
        assert_non_null(recipe->base->path = clade_strdup(text));
    }
    assert_non_null(recipe->rules[0].patterns = clade_calloc(1, sizeof(char *)));
    assert_non_null(recipe->rules[0].patterns[0] = clade_strdup("*"));
    recipe->rules[0].n_patterns = 1;
    size_t t = clade_method_parameter(method, "t"); /* without a default */
    if (t < method->n_parameters)
        recipe->rules[0].site[t] = 0.0625;
    size_t steps = clade_method_parameter(method, "steps"); /* enough for a law, and quick */
    if (steps < method->n_parameters)
        recipe->rules[0].site[steps] = 20;
    return recipe;
}

/* Set a parameter of the only rule (of parent P where it has one per parent); nothing when the method lacks it. */
static inline void zoo_set(clade_recipe *recipe, const char *name, size_t p, double value)
{
    size_t n = recipe->method->n_parameters, k = clade_method_parameter(recipe->method, name);
    if (k == n)
        return;
    if (recipe->method->parameters[k].scope == CLADE_PER_PARENT)
        recipe->rules[0].parent[p * n + k] = value;
    else
        recipe->rules[0].site[k] = value;
}

static inline clade_status zoo_family(const clade_recipe *recipe, clade_family **family)
{
    const char *paths[CLADE_MAX_PARENTS];
    if (recipe->method->statistics)
        return clade_family_open_recipe(recipe, family);
    for (size_t p = 0; p < recipe->n_parents; p++)
        paths[p] = recipe->parents[p].path;
    return clade_family_open(recipe->base ? recipe->base->path : NULL, paths, recipe->n_parents, family);
}

/* A child with its family. */
typedef struct zoo_made {
    clade_family *family;
    clade_child *child;
} zoo_made;

static inline zoo_made zoo_make(const clade_recipe *recipe, size_t tile, bool widen)
{
    zoo_made made;
    assert_ok(zoo_family(recipe, &made.family));
    assert_ok(clade_child_new(made.family, &(clade_child_options){.widen = widen, .tile = tile}, &made.child));
    assert_ok(clade_child_make(made.child, recipe));
    return made;
}

static inline void zoo_drop(zoo_made *made)
{
    clade_child_free(made->child);
    clade_family_close(made->family);
}

/* Values in which every parameter matters. */
static inline void zoo_set_mixed(clade_recipe *recipe)
{
    for (size_t p = 0; p < recipe->n_parents; p++) {
        zoo_set(recipe, "weight", p, 0.3 + 0.25 * (double)p);
        zoo_set(recipe, "density", p, 0.7 - 0.2 * (double)p);
    }
    zoo_set(recipe, "lambda", 0, 0.875);
    recipe->seed = 5;
}

/* The hash of the child. */
static inline void zoo_hash(const clade_recipe *recipe, size_t tile, bool widen, char hex[CLADE_SHA256_HEX])
{
    zoo_made made = zoo_make(recipe, tile, widen);
    clade_child_hash(made.child, hex);
    zoo_drop(&made);
}

static inline float zoo_float(const clade_tensor *tensor, size_t i)
{
    float value;
    clade_widen(tensor->dtype, (const char *)tensor->data + i * (clade_dtype_of(tensor->dtype)->bits / 8), 1, &value);
    return value;
}

#endif
