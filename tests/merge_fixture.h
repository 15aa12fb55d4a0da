/* A tiny family of checkpoints with a stack of three blocks, or without a stack, in a temporary folder. */
#ifndef CLADE_MERGE_FIXTURE_H
#define CLADE_MERGE_FIXTURE_H

#include "test.h"

#include "clade/merge.h"
#include "clade/recipe.h"
#include "clade/rng.h"
#include "clade/safetensors.h"
#include "search/space.h"

enum { FAMILY_PARENTS = 3, FAMILY_TENSORS = 9, FAMILY_COUNT = 4 };

static const char *const stacked_names[FAMILY_TENSORS] = {
    "vision_model.embeddings.class_embedding",
    "vision_model.encoder.layers.0.mlp.fc1.bias",
    "vision_model.encoder.layers.0.mlp.fc1.weight",
    "vision_model.encoder.layers.1.mlp.fc1.bias",
    "vision_model.encoder.layers.1.mlp.fc1.weight",
    "vision_model.encoder.layers.2.mlp.fc1.bias",
    "vision_model.encoder.layers.2.mlp.fc1.weight",
    "vision_model.post_layernorm.weight",
    "visual_projection.weight",
};
static const char *const flat_names[FAMILY_TENSORS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

typedef struct family_fixture {
    char folder[TEST_PATH];
    char base_path[TEST_PATH + 32], parent_paths[FAMILY_PARENTS][TEST_PATH + 32];
    const char *names[FAMILY_PARENTS], *paths[FAMILY_PARENTS];
    clade_family *family;
} family_fixture;

static inline void write_checkpoint(const char *path, const char *const *names, uint64_t seed)
{
    static const uint64_t shape[] = {FAMILY_COUNT};
    float values[FAMILY_TENSORS][FAMILY_COUNT];
    clade_tensor tensors[FAMILY_TENSORS];
    for (uint64_t t = 0; t < FAMILY_TENSORS; t++) {
        const uint64_t keys[] = {seed, t};
        clade_rng rng = clade_rng_keyed(keys, 2);
        for (size_t i = 0; i < FAMILY_COUNT; i++)
            values[t][i] = (float)(clade_rng_uniform(&rng) - 0.5);
        tensors[t] = (clade_tensor){names[t], CLADE_F32, 1, shape, FAMILY_COUNT, sizeof values[t], values[t]};
    }
    assert_ok(clade_safetensors_write(path, tensors, FAMILY_TENSORS, NULL, NULL));
}

static inline void family_init(family_fixture *f, const char *const *tensor_names)
{
    static const char *const parent_names[FAMILY_PARENTS] = {"fashion", "digits", "signs"};
    make_temporary_folder(f->folder);
    snprintf(f->base_path, sizeof f->base_path, "%s/base.safetensors", f->folder);
    write_checkpoint(f->base_path, tensor_names, 0);
    for (size_t p = 0; p < FAMILY_PARENTS; p++) {
        f->names[p] = parent_names[p];
        f->paths[p] = f->parent_paths[p];
        snprintf(f->parent_paths[p], sizeof f->parent_paths[p], "%s/%s.safetensors", f->folder, parent_names[p]);
        write_checkpoint(f->paths[p], tensor_names, p + 1);
    }
    assert_ok(clade_family_open(f->base_path, f->paths, FAMILY_PARENTS, &f->family));
}

static inline void family_fini(family_fixture *f)
{
    clade_family_close(f->family);
    remove_temporary_folder(f->folder);
}

/* A plan over METHODS (n_methods) of this family. */
static inline clade_merge_space_plan family_plan(const family_fixture *f, const clade_method **methods,
                                                 size_t n_methods, const char *sites, const char *coordinates)
{
    return (clade_merge_space_plan){.methods = methods,
                                    .n_methods = n_methods,
                                    .sites = sites,
                                    .coordinates = coordinates,
                                    .base_path = f->base_path,
                                    .parent_names = f->names,
                                    .parent_paths = f->paths,
                                    .n_parents = FAMILY_PARENTS};
}

static inline size_t gene_index(const clade_space *genes, const char *name)
{
    for (size_t g = 0; g < genes->n_genes; g++)
        if (strcmp(genes->genes[g].name, name) == 0)
            return g;
    fail_msg("no gene \"%s\"", name);
    return 0;
}

static inline const clade_method *method(const char *name)
{
    const clade_method *found = clade_method_find(name);
    assert_non_null(found);
    return found;
}

static inline clade_merge_space *new_space(const family_fixture *f, const char *const *names, size_t n,
                                           const char *sites, const char *coordinates)
{
    const clade_method *methods[8];
    for (size_t i = 0; i < n; i++)
        methods[i] = method(names[i]);
    const clade_merge_space_plan plan = family_plan(f, methods, n, sites, coordinates);
    clade_merge_space *space;
    assert_ok(clade_merge_space_new(&plan, f->family, &space));
    return space;
}

static inline clade_recipe *decode(const clade_merge_space *space, const double *genome, char *hash)
{
    clade_recipe *recipe;
    clade_problems problems = {0};
    assert_ok(clade_merge_space_decode(space, genome, &recipe));
    clade_recipe_check(recipe, "decoded", &problems);
    assert_ok(clade_problems_end(&problems, CLADE_ECONFIG));
    assert_ok(clade_recipe_hash(recipe, hash));
    return recipe;
}

static inline double parent_value(const clade_recipe *recipe, const char *tensor, const char *parameter, size_t parent)
{
    const clade_rule *rule = clade_recipe_rule(recipe, tensor);
    assert_non_null(rule);
    const size_t n = recipe->method->n_parameters, k = clade_method_parameter(recipe->method, parameter);
    assert_true(k < n);
    return rule->parent[parent * n + k];
}

static inline double site_value(const clade_recipe *recipe, const char *tensor, const char *parameter)
{
    const clade_rule *rule = clade_recipe_rule(recipe, tensor);
    assert_non_null(rule);
    return rule->site[clade_method_parameter(recipe->method, parameter)];
}

#endif
