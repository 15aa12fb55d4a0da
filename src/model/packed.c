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

/* Where the tensor of a role goes. One with q, k and v in it goes to three places, a third of its rows to each. */
typedef enum part { PART_GAMMA, PART_BETA, PART_WEIGHT, PART_TRANSPOSED, PART_BIAS } part;

typedef struct place {
    clade_role role;
    part part;
    bool in_block; /* OFFSET is in clade_packed_block, else in clade_packed */
    size_t offset;
    size_t third; /* 0, 1 or 2; 0 for a whole tensor */
} place;

#define IN_MODEL(member) false, offsetof(clade_packed, member)
#define IN_BLOCK(member) true, offsetof(clade_packed_block, member)

static const place places[] = {
    {CLADE_PATCH_WEIGHT, PART_WEIGHT, IN_MODEL(patch), 0},
    {CLADE_PRE_GAMMA, PART_GAMMA, IN_MODEL(pre), 0},
    {CLADE_PRE_BETA, PART_BETA, IN_MODEL(pre), 0},
    {CLADE_NORM1_GAMMA, PART_GAMMA, IN_BLOCK(norm1), 0},
    {CLADE_NORM1_BETA, PART_BETA, IN_BLOCK(norm1), 0},
    {CLADE_Q_WEIGHT, PART_WEIGHT, IN_BLOCK(q), 0},
    {CLADE_Q_BIAS, PART_BIAS, IN_BLOCK(q), 0},
    {CLADE_K_WEIGHT, PART_WEIGHT, IN_BLOCK(k), 0},
    {CLADE_K_BIAS, PART_BIAS, IN_BLOCK(k), 0},
    {CLADE_V_WEIGHT, PART_WEIGHT, IN_BLOCK(v), 0},
    {CLADE_V_BIAS, PART_BIAS, IN_BLOCK(v), 0},
    {CLADE_QKV_WEIGHT, PART_WEIGHT, IN_BLOCK(q), 0},
    {CLADE_QKV_WEIGHT, PART_WEIGHT, IN_BLOCK(k), 1},
    {CLADE_QKV_WEIGHT, PART_WEIGHT, IN_BLOCK(v), 2},
    {CLADE_QKV_BIAS, PART_BIAS, IN_BLOCK(q), 0},
    {CLADE_QKV_BIAS, PART_BIAS, IN_BLOCK(k), 1},
    {CLADE_QKV_BIAS, PART_BIAS, IN_BLOCK(v), 2},
    {CLADE_OUT_WEIGHT, PART_WEIGHT, IN_BLOCK(out), 0},
    {CLADE_OUT_BIAS, PART_BIAS, IN_BLOCK(out), 0},
    {CLADE_NORM2_GAMMA, PART_GAMMA, IN_BLOCK(norm2), 0},
    {CLADE_NORM2_BETA, PART_BETA, IN_BLOCK(norm2), 0},
    {CLADE_FC1_WEIGHT, PART_WEIGHT, IN_BLOCK(fc1), 0},
    {CLADE_FC1_BIAS, PART_BIAS, IN_BLOCK(fc1), 0},
    {CLADE_FC2_WEIGHT, PART_WEIGHT, IN_BLOCK(fc2), 0},
    {CLADE_FC2_BIAS, PART_BIAS, IN_BLOCK(fc2), 0},
    {CLADE_POST_GAMMA, PART_GAMMA, IN_MODEL(post), 0},
    {CLADE_POST_BETA, PART_BETA, IN_MODEL(post), 0},
    {CLADE_PROJECTION, PART_WEIGHT, IN_MODEL(projection), 0},
    {CLADE_PROJECTION_TRANSPOSED, PART_TRANSPOSED, IN_MODEL(projection), 0},
};

static void put_at(clade_packed *packed, const place *to, size_t block, const float *from)
{
    const char *base = to->in_block ? (const char *)&packed->blocks[block] : (const char *)packed;
    const clade_norm *norm = (const clade_norm *)(const void *)(base + to->offset);
    const clade_linear *linear = (const clade_linear *)(const void *)(base + to->offset);
    switch (to->part) {
    case PART_GAMMA:
        put_vector(packed, norm->gamma, from, norm->width);
        break;
    case PART_BETA:
        put_vector(packed, norm->beta, from, norm->width);
        break;
    case PART_WEIGHT:
        put_weights(packed, linear, from + to->third * linear->n * linear->k, linear->k, 1);
        break;
    case PART_TRANSPOSED:
        put_weights(packed, linear, from, 1, linear->n);
        break;
    case PART_BIAS:
        put_vector(packed, linear->bias, from + to->third * linear->n, linear->n);
        break;
    }
}

/* The class token is added to the first row of the positions, whichever of the two comes first. */
static void add_to_positions(clade_packed *packed, const float *from, size_t count)
{
    float *positions = writable(packed, packed->positions);
    for (size_t i = 0; i < count; i++)
        positions[i] += from[i];
}

static void put_tensor(clade_packed *packed, const clade_model_tensor *tensor, const float *from)
{
    if (tensor->role == CLADE_POSITIONS || tensor->role == CLADE_CLASS_TOKEN)
        add_to_positions(packed, from, tensor->count);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (places[i].role == tensor->role)
            put_at(packed, &places[i], tensor->block, from);
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
            return clade_fail(CLADE_EEVAL, "tensor \"%s\": found %zu elements, expected %zu of F32", want->name,
                              found.count, want->count);
    }
    packed->source = provider->context;
    packed->version = provider->version;
    return CLADE_OK;
}
