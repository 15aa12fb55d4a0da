/* Packing: W (n, k) becomes panels (n / panel, k, panel), so that a matrix product reads its weights in one stream.
 *
 * The whole model is packed once per version of its weights, in room taken beforehand. Packing costs about as much as
 * copying the model; a pass over a single batch of images costs a hundred times that. */
#include "model/packed.h"

#include <string.h>

#include "clade/alloc.h"
#include "model/architecture.h"

enum { ALIGN = 64 / sizeof(float) };

/* ---- room ---- */

/* Hands out parts of the storage; with DATA NULL it only counts. */
typedef struct taker {
    float *data;
    size_t used;
} taker;

static const float *take(taker *from, size_t count)
{
    const size_t at = from->used;
    from->used += (count + ALIGN - 1) / ALIGN * ALIGN;
    return from->data == NULL ? NULL : from->data + at;
}

static clade_linear take_linear(taker *from, size_t panel, size_t n, size_t k)
{
    clade_linear linear = {.n = n, .k = k, .panels = (n + panel - 1) / panel, .panel_stride = k * panel};
    linear.weights = take(from, linear.panels * panel * k);
    linear.bias = take(from, linear.panels * panel);
    return linear;
}

static clade_norm take_norm(taker *from, const clade_model *model)
{
    const size_t D = model->shape.width;
    clade_norm norm = {.width = D, .eps = model->eps};
    norm.gamma = take(from, D);
    norm.beta = take(from, D);
    return norm;
}

static void lay_out(clade_packed *packed, taker *from)
{
    const clade_model *model = packed->model;
    const clade_model_shape *s = &model->shape;
    const size_t panel = packed->panel, D = s->width;
    packed->positions = take(from, s->tokens * D);
    packed->patch = take_linear(from, panel, D, s->channels * s->patch * s->patch);
    packed->pre = take_norm(from, model);
    for (size_t b = 0; b < s->blocks; b++)
        packed->blocks[b] = (clade_packed_block){
            .norm1 = take_norm(from, model),
            .q = take_linear(from, panel, D, D),
            .k = take_linear(from, panel, D, D),
            .v = take_linear(from, panel, D, D),
            .out = take_linear(from, panel, D, D),
            .norm2 = take_norm(from, model),
            .fc1 = take_linear(from, panel, s->mlp, D),
            .fc2 = take_linear(from, panel, D, s->mlp),
        };
    packed->post = take_norm(from, model);
    packed->projection = take_linear(from, panel, s->projection, D);
}

clade_status clade_packed_init(const clade_model *model, size_t panel, clade_packed *packed)
{
    *packed = (clade_packed){.model = model, .panel = panel};
    packed->blocks = clade_calloc(model->shape.blocks, sizeof *packed->blocks);
    if (packed->blocks == NULL)
        return clade_fail_memory(model->shape.blocks * sizeof *packed->blocks, "the blocks of a model");
    taker from = {0};
    lay_out(packed, &from);
    /* Zeroed: the rows that fill up a panel and the biases that a model lacks are never written. */
    packed->storage = clade_calloc(from.used, sizeof *packed->storage);
    if (packed->storage == NULL) {
        clade_packed_fini(packed);
        return clade_fail_memory(from.used * sizeof(float), "packed weights");
    }
    from = (taker){.data = packed->storage};
    lay_out(packed, &from);
    return CLADE_OK;
}

void clade_packed_fini(clade_packed *packed)
{
    clade_free(packed->blocks);
    clade_free(packed->storage);
    *packed = (clade_packed){0};
}

/* ---- filling ---- */

/* The place in the storage that a const view of it shows. */
static float *writable(clade_packed *packed, const float *place)
{
    return packed->storage + (place - packed->storage);
}

static void put_vector(clade_packed *packed, const float *place, const float *from, size_t count)
{
    memcpy(writable(packed, place), from, count * sizeof(float));
}

/* W's element (i, j) is at from[i * row + j * column]. */
static void put_weights(clade_packed *packed, const clade_linear *linear, const float *from, size_t row, size_t column)
{
    float *out = writable(packed, linear->weights);
    for (size_t first = 0; first < linear->n; first += packed->panel, out += packed->panel * linear->k) {
        const size_t rest = linear->n - first, rows = rest < packed->panel ? rest : packed->panel;
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < linear->k; j++)
                out[j * packed->panel + i] = from[(first + i) * row + j * column];
    }
}

static void put_rows(clade_packed *packed, const clade_linear *linear, const float *from)
{
    put_weights(packed, linear, from, linear->k, 1);
}

static void put_bias(clade_packed *packed, const clade_linear *linear, const float *from)
{
    put_vector(packed, linear->bias, from, linear->n);
}

static void put_block_tensor(clade_packed *packed, const clade_model_tensor *tensor, const float *from)
{
    const clade_packed_block *b = &packed->blocks[tensor->block];
    const clade_linear *const qkv[] = {&b->q, &b->k, &b->v};
    const size_t D = packed->model->shape.width;
    switch (tensor->role) {
    case CLADE_NORM1_GAMMA: put_vector(packed, b->norm1.gamma, from, D); break;
    case CLADE_NORM1_BETA: put_vector(packed, b->norm1.beta, from, D); break;
    case CLADE_Q_WEIGHT: put_rows(packed, &b->q, from); break;
    case CLADE_Q_BIAS: put_bias(packed, &b->q, from); break;
    case CLADE_K_WEIGHT: put_rows(packed, &b->k, from); break;
    case CLADE_K_BIAS: put_bias(packed, &b->k, from); break;
    case CLADE_V_WEIGHT: put_rows(packed, &b->v, from); break;
    case CLADE_V_BIAS: put_bias(packed, &b->v, from); break;
    case CLADE_QKV_WEIGHT:
        for (size_t i = 0; i < 3; i++)
            put_rows(packed, qkv[i], from + i * D * D);
        break;
    case CLADE_QKV_BIAS:
        for (size_t i = 0; i < 3; i++)
            put_bias(packed, qkv[i], from + i * D);
        break;
    case CLADE_OUT_WEIGHT: put_rows(packed, &b->out, from); break;
    case CLADE_OUT_BIAS: put_bias(packed, &b->out, from); break;
    case CLADE_NORM2_GAMMA: put_vector(packed, b->norm2.gamma, from, D); break;
    case CLADE_NORM2_BETA: put_vector(packed, b->norm2.beta, from, D); break;
    case CLADE_FC1_WEIGHT: put_rows(packed, &b->fc1, from); break;
    case CLADE_FC1_BIAS: put_bias(packed, &b->fc1, from); break;
    case CLADE_FC2_WEIGHT: put_rows(packed, &b->fc2, from); break;
    case CLADE_FC2_BIAS: put_bias(packed, &b->fc2, from); break;
    default: break; /* put_tensor has the others */
    }
}

static void put_tensor(clade_packed *packed, const clade_model_tensor *tensor, const float *from)
{
    const size_t D = packed->model->shape.width, P = packed->model->shape.projection;
    float *first = writable(packed, packed->positions);
    switch (tensor->role) {
    case CLADE_POSITIONS: /* listed after the class token in every layout, so it may not overwrite it */
        for (size_t i = 0; i < tensor->count; i++)
            first[i] += from[i];
        break;
    case CLADE_CLASS_TOKEN:
        for (size_t d = 0; d < D; d++)
            first[d] += from[d];
        break;
    case CLADE_PATCH_WEIGHT: put_rows(packed, &packed->patch, from); break;
    case CLADE_PRE_GAMMA: put_vector(packed, packed->pre.gamma, from, D); break;
    case CLADE_PRE_BETA: put_vector(packed, packed->pre.beta, from, D); break;
    case CLADE_POST_GAMMA: put_vector(packed, packed->post.gamma, from, D); break;
    case CLADE_POST_BETA: put_vector(packed, packed->post.beta, from, D); break;
    case CLADE_PROJECTION: put_rows(packed, &packed->projection, from); break;
    case CLADE_PROJECTION_TRANSPOSED: put_weights(packed, &packed->projection, from, 1, P); break;
    default: put_block_tensor(packed, tensor, from); break;
    }
}

clade_status clade_packed_update(clade_packed *packed, const clade_provider *provider)
{
    if (packed->version == provider->version && packed->source == provider->context)
        return CLADE_OK;
    const clade_model *model = packed->model;
    packed->version = 0; /* until all is packed */
    memset(writable(packed, packed->positions), 0, model->shape.tokens * model->shape.width * sizeof(float));
    for (size_t i = 0; i < model->n_tensors; i++) {
        const clade_model_tensor *want = &model->tensors[i];
        clade_tensor found = {0};
        CLADE_TRY(provider->acquire(provider->context, want->name, &found));
        const bool fits = found.count == want->count && found.dtype == CLADE_F32 && found.data != NULL;
        if (fits)
            put_tensor(packed, want, found.data);
        provider->release(provider->context, &found);
        if (!fits)
            return clade_fail(CLADE_EEVAL, "tensor \"%s\": found %zu elements, expected %zu of F32", want->name, found.count,
                              want->count);
    }
    packed->source = provider->context;
    packed->version = provider->version;
    return CLADE_OK;
}
