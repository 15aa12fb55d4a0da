/* Small models made up for tests: random weights by tensor name, written as checkpoints in several ways. */
#ifndef CLADE_MODEL_FIXTURE_H
#define CLADE_MODEL_FIXTURE_H

#include "test.h"

#include "clade/hash.h"
#include "clade/model.h"
#include "clade/rng.h"
#include "clade/safetensors.h"
#include "clade/text.h"

enum { FIXTURE_TENSORS = 512 };

/* 20 wide, 5 heads of 4, three channels, pixels that no patch covers; nothing is a multiple of a panel or a vector. */
static const clade_model_shape fixture_shape = {.channels = 3,
                                                .image_size = 14,
                                                .patch = 4,
                                                .tokens = 10,
                                                .width = 20,
                                                .mlp = 31,
                                                .heads = 5,
                                                .blocks = 2,
                                                .projection = 7};

/* The tensors of a model, owned until fixture_free. */
typedef struct fixture {
    clade_model_shape shape;
    clade_model *model;
    clade_tensor tensors[FIXTURE_TENSORS];
    float *values[FIXTURE_TENSORS];
    size_t count;
    uint64_t version;
    size_t acquired; /* how often a weight was asked for */
} fixture;

/* Uniform values whose size keeps activations near one, the same for the same NAME. */
static inline void fill_values(const char *name, size_t count, size_t fan_in, float *values)
{
    const uint64_t keys[] = {clade_name_key(name)};
    clade_rng rng = clade_rng_keyed(keys, 1);
    const float size = fan_in > 1 ? 2.0f / (float)fan_in * 2.5f : 0.3f;
    for (size_t i = 0; i < count; i++)
        values[i] = size * (float)(2.0 * clade_rng_uniform(&rng) - 1.0) +
                    (strstr(name, "norm") != NULL && strstr(name, "weight") != NULL ? 1.0f : 0.0f);
}

static inline void fixture_init(fixture *f, clade_model_shape shape)
{
    const char *name;
    size_t rank;
    const uint64_t *extents;
    *f = (fixture){.shape = shape, .version = 1};
    assert_ok(clade_model_from_shape(&shape, &f->model));
    while (clade_model_weight(f->model, f->count, &name, &rank, &extents)) {
        assert_true(f->count < FIXTURE_TENSORS);
        size_t elements = 1, fan_in = 1;
        for (size_t i = 0; i < rank; i++) {
            elements *= (size_t)extents[i];
            fan_in *= i > 0 ? (size_t)extents[i] : 1;
        }
        float *values = malloc(elements * sizeof *values);
        assert_non_null(values);
        fill_values(name, elements, fan_in, values);
        f->values[f->count] = values;
        f->tensors[f->count++] = (clade_tensor){.name = name,
                                                .dtype = CLADE_F32,
                                                .rank = rank,
                                                .shape = extents,
                                                .count = elements,
                                                .bytes = elements * sizeof *values,
                                                .data = values};
    }
}

static inline void fixture_free(fixture *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->values[i]);
    clade_model_close(f->model);
}

static inline clade_tensor *fixture_find(fixture *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->tensors[i].name, name) == 0)
            return &f->tensors[i];
    return NULL;
}

static inline float *fixture_values(fixture *f, const char *name)
{
    clade_tensor *tensor = fixture_find(f, name);
    assert_non_null(tensor);
    return f->values[tensor - f->tensors];
}

/* ---- as a provider ---- */

static inline clade_status fixture_acquire(void *context, const char *name, clade_tensor *out)
{
    fixture *f = context;
    const clade_tensor *tensor = fixture_find(f, name);
    f->acquired++;
    if (tensor == NULL)
        return clade_fail(CLADE_EEVAL, "tensor \"%s\" is missing", name);
    *out = *tensor;
    return CLADE_OK;
}

static inline void fixture_release(void *context, const clade_tensor *tensor)
{
    (void)context;
    (void)tensor;
}

static inline clade_provider fixture_provider(fixture *f)
{
    return (clade_provider){
        .context = f, .acquire = fixture_acquire, .release = fixture_release, .version = f->version};
}

/* ---- as files ---- */

/* TEXT as the file NAME in FOLDER. */
static inline void write_in(const char *folder, const char *name, const char *text)
{
    write_test_file(path_in(folder, name), text, strlen(text));
}

static inline void write_tensors(const char *folder, const clade_tensor *tensors, size_t count)
{
    assert_ok(clade_safetensors_write(path_in(folder, "model.safetensors"), tensors, count, NULL, NULL));
}

/* The dimensions as members of a JSON object, all but projection_dim. */
static inline const char *shape_members(const clade_model_shape *s)
{
    static char text[512];
    snprintf(text, sizeof text,
             "\"num_channels\": %zu, \"image_size\": %zu, \"patch_size\": %zu, \"hidden_size\": %zu, "
             "\"intermediate_size\": %zu, \"num_attention_heads\": %zu, \"num_hidden_layers\": %zu",
             s->channels, s->image_size, s->patch, s->width, s->mlp, s->heads, s->blocks);
    return text;
}

/* config.json of a CLIPVisionModelWithProjection; MORE is "" or ", \"key\": value ...". */
static inline void write_vision_config(const char *folder, const clade_model_shape *s, const char *more)
{
    char text[2048];
    snprintf(text, sizeof text,
             "{\"architectures\": [\"CLIPVisionModelWithProjection\"], %s, \"projection_dim\": %zu%s}",
             shape_members(s), s->projection, more);
    write_in(folder, "config.json", text);
}

/* The embeddings of N images by the checkpoint in FOLDER; OUT is for free(). */
static inline float *embed_folder(const char *folder, const float *pixels, size_t n)
{
    clade_checkpoint *checkpoint;
    clade_model *model;
    clade_provider provider;
    clade_forward *forward;
    assert_ok(clade_checkpoint_open(folder, &checkpoint));
    assert_ok(clade_model_open(checkpoint, &model));
    assert_ok(clade_checkpoint_provider_open(checkpoint, &provider));
    assert_ok(clade_forward_new(model, 0, &forward));
    float *embeds = malloc(n * clade_model_shape_of(model).projection * sizeof *embeds);
    assert_non_null(embeds);
    assert_ok(clade_forward_run(forward, &provider, pixels, n, embeds, NULL));
    clade_forward_free(forward);
    clade_checkpoint_provider_close(&provider);
    clade_model_close(model);
    clade_checkpoint_close(checkpoint);
    return embeds;
}

/* N random images in [-1, 1]; for free(). */
static inline float *random_pixels(const clade_model_shape *s, size_t n)
{
    const size_t count = n * s->channels * s->image_size * s->image_size;
    float *pixels = malloc(count * sizeof *pixels);
    assert_non_null(pixels);
    clade_rng rng = clade_rng_seeded(7, 11);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (float)(2.0 * clade_rng_uniform(&rng) - 1.0);
    return pixels;
}

#endif
