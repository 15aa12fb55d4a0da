/* Models: a family is data, an op is a file, one pass runs them.
 *
 * A model is the architecture read from config.json (or from OpenCLIP's tensor names): dimensions, and for every role
 * ("layer 3, query weight") the tensor's name and expected shape. Weights come through a provider, so the same pass
 * runs on a resident child, on a plain checkpoint, or later on a child that is made block by block and dropped.
 *
 * Letters: N images, C channels, H W pixels, T tokens (1 + patches), D width, F mlp width, h heads, P projection, L
 * blocks. */
#ifndef CLADE_MODEL_H
#define CLADE_MODEL_H

#include "clade/checkpoint.h"
#include "clade/tensor.h"

/* ---- where weights come from ---- */

typedef struct clade_provider {
    void *context;
    /* The tensor NAME as F32, count elements in OUT->data; valid until release. CLADE_EEVAL when there is none. */
    clade_status (*acquire)(void *context, const char *name, clade_tensor *out);
    void (*release)(void *context, const clade_tensor *tensor);
    /* A number that changes whenever the weights change; the pass keeps what it packed while it is the same. Never 0.
     */
    uint64_t version;
} clade_provider;

/* A provider over an open checkpoint (borrowed). F32 data are lent as they are, other mergeable dtypes are widened from
 * acquire to release. The version is a hash of the weights, which reads them all once. */
clade_status clade_checkpoint_provider_open(clade_checkpoint *checkpoint, clade_provider *provider) CLADE_CHECK_RESULT;
void clade_checkpoint_provider_close(clade_provider *provider);

/* ---- the model ---- */

typedef struct clade_model clade_model;

typedef struct clade_family_traits {
    const char *name; /* "clip_vision" */
    const char *title;
    const char *architectures; /* comma-separated, as in config.json */
    const char *source;
} clade_family_traits;
/* Every family Clade can run, for `clade list families`. */
const clade_family_traits *clade_model_families(size_t *count);

/* Read the architecture of a checkpoint: config.json says the family (CLIPVisionModelWithProjection, CLIPModel;
 * OpenCLIP by its tensor names with the same config.json, or open_clip_config.json when that is all there is). Checks
 * that every tensor the pass needs is there with the right shape: CLADE_EINPUT names tensor, found and expected;
 * CLADE_EINCOMPATIBLE when the architecture is not one Clade can run (lists those it can). *MODEL is owned; it keeps no
 * pointer to CHECKPOINT. */
clade_status clade_model_open(const clade_checkpoint *checkpoint, clade_model **model) CLADE_CHECK_RESULT;
void clade_model_close(clade_model *model);

typedef struct clade_model_shape {
    size_t channels, image_size;                                 /* C, H = W */
    size_t patch, tokens, width, mlp, heads, blocks, projection; /* p, T, D, F, h, L, P */
} clade_model_shape;
clade_model_shape clade_model_shape_of(const clade_model *model);
const char *clade_model_family(const clade_model *model);
/* True when the architecture's own image_embeds are of unit length (CLIPModel); the pass gives them unnormalised either
 * way. */
bool clade_model_normalises(const clade_model *model);
/* Floating-point operations of one image in matrix products (multiply and add counted apart). */
double clade_model_flops(const clade_model *model);

/* A model from dimensions alone, in Hugging Face names, for benches: quick_gelu, eps 1e-5. */
clade_status clade_model_from_shape(const clade_model_shape *shape, clade_model **model) CLADE_CHECK_RESULT;
/* The tensors the pass reads: name and shape of number INDEX; false beyond the last. NAME and SHAPE (4) borrowed. */
bool clade_model_weight(const clade_model *model, size_t index, const char **name, size_t *rank,
                        const uint64_t **shape);

/* How pixels become the model's input: out = (u8 / 255 * rescale...) as (x - mean[c]) / std[c], x in [0, 1]. */
typedef struct clade_preprocess {
    float mean[4], std[4]; /* per channel */
    size_t channels;
} clade_preprocess;
/* From preprocessor_config.json (or processor_config.json) of a folder: rescale_factor must be 1/255, image_mean and
 * image_std have C entries; without the file mean 0.5, std 0.5 for one channel and CLIP's own for three. */
clade_status clade_preprocess_read(const char *folder, size_t channels, clade_preprocess *out) CLADE_CHECK_RESULT;

/* ---- the pass ---- */

typedef struct clade_forward clade_forward;

/* Workspace for passes of BATCH images side by side: rounded up to what the CPU's vectors hold (4, 8 or 16), at most
 * their widest; 0: the widest, which is best unless there are only a few images. Everything is allocated here, room for
 * the packed weights too; a pass allocates nothing. The batch size is part of the platform: floats may differ in the
 * last bits for another one. MODEL is borrowed while FORWARD lives. */
clade_status clade_forward_new(const clade_model *model, size_t batch, clade_forward **forward) CLADE_CHECK_RESULT;
void clade_forward_free(clade_forward *forward);
size_t clade_forward_batch(const clade_forward *forward);

/* Run N images (any number, in batches inside). PIXELS (N, C, H, W) f32, preprocessed, borrowed.
 * IMAGE_EMBEDS (N, P), not normalised. LAST_HIDDEN (N, T, D) before post_layernorm, or NULL.
 * The same image gives the same bits whatever N is, wherever it stands and whatever its neighbours are, and whether
 * LAST_HIDDEN is asked for or not (without it, the last block is computed for the class token alone).
 * The PROVIDER's tensors are packed when its version is not that of the last pass.
 * CLADE_EEVAL when the provider lacks a tensor or the result is not finite. */
clade_status clade_forward_run(clade_forward *forward, const clade_provider *provider, const float *pixels, size_t n,
                               float *image_embeds, float *last_hidden) CLADE_CHECK_RESULT;

#endif
