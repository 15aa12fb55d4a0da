/* Small models and recipes in a folder, for tests of plans and of running them. */
#ifndef CLADE_PLAN_FIXTURE_H
#define CLADE_PLAN_FIXTURE_H

#include <math.h>

#include "test.h"

#include "clade/rng.h"
#include "merge/execute.h"
#include "merge/family.h"

enum { MODEL_TENSORS = 4096, MODEL_ELEMENTS = 1 << 20 };

typedef struct model_tensor {
    const char *name;
    clade_dtype dtype;
    size_t rank;
    uint64_t shape[2];
} model_tensor;

/* FOLDER/NAME with N tensors and, unless it is NULL, CONFIG. The floats are multiples of 1/64 in [-1, 1) that depend on
 * SEED, those of dtypes that are not merged are 0; integers are 0, 1, ... */
static inline void write_model(const char *folder, const char *name, const model_tensor *tensors, size_t n,
                               uint64_t seed, const char *config)
{
    static clade_tensor list[MODEL_TENSORS];
    static float values[MODEL_ELEMENTS];
    char path[TEST_PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    mkdir(path, 0777);
    assert_in_range(n, 1, MODEL_TENSORS);
    for (size_t i = 0; i < n; i++) {
        clade_rng rng = clade_rng_seeded(seed, i);
        clade_tensor *tensor = &list[i];
        *tensor = (clade_tensor){
            .name = tensors[i].name, .dtype = tensors[i].dtype, .rank = tensors[i].rank, .shape = tensors[i].shape};
        tensor->count = 1;
        for (size_t d = 0; d < tensor->rank; d++)
            tensor->count *= (size_t)tensors[i].shape[d];
        assert_in_range(tensor->count, 0, MODEL_ELEMENTS);
        tensor->bytes = tensor->count * clade_dtype_of(tensor->dtype)->bits / 8;
        void *bytes = test_calloc(tensor->bytes + 1, 1);
        for (size_t k = 0; k < tensor->count; k++)
            values[k] = (float)(floor(128 * clade_rng_uniform(&rng)) - 64) / 64;
        for (size_t k = 0; k < tensor->count && clade_dtype_of(tensor->dtype)->integer; k++)
            ((int64_t *)bytes)[k] = (int64_t)k;
        if (clade_dtype_of(tensor->dtype)->mergeable)
            clade_narrow(tensor->dtype, values, tensor->count, bytes);
        tensor->data = bytes;
    }
    snprintf(path, sizeof path, "%s/%s/model.safetensors", folder, name);
    assert_ok(clade_safetensors_write(path, list, n, NULL, NULL));
    for (size_t i = 0; i < n; i++)
        test_free((void *)(uintptr_t)list[i].data);
    snprintf(path, sizeof path, "%s/%s/config.json", folder, name);
    if (config)
        write_test_file(path, config, strlen(config));
}

/* A recipe with its models open. */
typedef struct planned {
    clade_recipe *recipe;
    clade_family *family;
    clade_plan *plan;
} planned;

static inline clade_status plan_try(const char *folder, const char *json, planned *made)
{
    char path[TEST_PATH];
    *made = (planned){0};
    snprintf(path, sizeof path, "%s/recipe.json", folder);
    write_test_file(path, json, strlen(json));
    CLADE_TRY(clade_recipe_read(path, &made->recipe));
    CLADE_TRY(clade_family_open_recipe(made->recipe, &made->family));
    return clade_plan_new(made->family, made->recipe, &made->plan);
}

static inline void plan_drop(planned *made)
{
    clade_plan_free(made->plan);
    clade_family_close(made->family);
    clade_recipe_free(made->recipe);
    *made = (planned){0};
}

#endif
