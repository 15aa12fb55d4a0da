/* The one pass: a pre-norm vision transformer (Dosovitskiy et al. 2021; Radford et al. 2021), some images side by side.
 *
 *   x_0 = pre_norm([class; patches W_patch^T] + positions)
 *   x  += out(attention(q, k, v)),  q, k, v = W norm1(x)        per block
 *   x  += fc2(activation(fc1(norm2(x))))
 *   image_embeds = W_projection post_norm(x[class])
 *
 * Activations are (token, feature, lane), see lanes.h. The MLP's hidden state is made and used up some features at a
 * time, so that it stays in the cache and each weight is fetched once per batch of images. In the last block only the
 * class token goes on after attention, unless the caller wants the last hidden state: that is all that image_embeds
 * depends on. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/kernels.h"
#include "model/architecture.h"
#include "model/lanes.h"
#include "model/packed.h"

struct clade_forward {
    const clade_model *model; /* borrowed */
    const clade_lanes *lanes;
    clade_packed packed;
    float *storage; /* owned; the buffers below lie in it. Shapes (tokens, features, lanes): */
    float *x;       /* (T, Dp); Dp and Pp are D and P rounded up to whole panels */
    float *qkv;     /* (T, 3 Dp) */
    float *normed;  /* (T, Dp) */
    float *wide;    /* (T, slice): some features of the MLP's hidden state; or the pixels of some patches */
    float *scores;  /* as clade_attention wants it */
    float *embeds;  /* (1, Pp) */
    size_t x_stride, qkv_stride; /* floats from token to token */
    size_t slice;                /* features of the hidden state at a time, whole panels of them */
    size_t wide_floats;          /* room in wide */
};

/* ---- room ---- */

/* What the hidden state of the MLP may take of the second-level cache, and the least number of features that are worth
 * another pass over x. */
enum { WIDE_BYTES = 512 << 10, LEAST_SLICE = 192 };

static size_t rounded(size_t features, size_t panel)
{
    return (features + panel - 1) / panel * panel;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t slice_of(size_t token_count, size_t mlp, size_t lanes, size_t panel)
{
    const size_t fitting = WIDE_BYTES / (token_count * lanes * sizeof(float));
    const size_t slice = rounded(larger(fitting, LEAST_SLICE), panel), whole = rounded(mlp, panel);
    return slice < whole ? slice : whole;
}

static clade_status take_room(clade_forward *forward)
{
    const clade_model_shape *s = &forward->model->shape;
    const size_t lanes = forward->lanes->lanes, panel = forward->lanes->panel;
    const size_t pixels = s->channels * s->patch * s->patch;
    forward->x_stride = rounded(s->width, panel) * lanes;
    forward->qkv_stride = 3 * forward->x_stride;
    forward->slice = slice_of(s->tokens, s->mlp, lanes, panel);
    forward->wide_floats = larger(s->tokens * forward->slice, pixels) * lanes;
    const size_t sizes[] = {s->tokens * forward->x_stride,         s->tokens * forward->qkv_stride,
                            s->tokens * forward->x_stride,         forward->wide_floats,
                            CLADE_QUERY_BLOCK * s->tokens * lanes, rounded(s->projection, panel) * lanes};
    float **const buffers[] = {&forward->x,    &forward->qkv,    &forward->normed,
                               &forward->wide, &forward->scores, &forward->embeds};
    size_t total = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        total += rounded(sizes[i], 64 / sizeof(float));
    forward->storage = clade_malloc(total * sizeof(float));
    if (forward->storage == NULL)
        return clade_fail_memory(total * sizeof(float), "the activations of a forward pass");
    float *next = forward->storage;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        *buffers[i] = next;
        next += rounded(sizes[i], 64 / sizeof(float));
    }
    return CLADE_OK;
}

clade_status clade_forward_new(const clade_model *model, size_t batch, clade_forward **forward)
{
    *forward = NULL;
    clade_forward *made = clade_calloc(1, sizeof *made);
    if (made == NULL)
        return clade_fail_memory(sizeof *made, "a forward pass");
    made->model = model;
    made->lanes = clade_lanes_for(batch);
    clade_status status = clade_packed_init(model, made->lanes->panel, &made->packed);
    if (status == CLADE_OK)
        status = take_room(made);
    if (status != CLADE_OK) {
        clade_forward_free(made);
        return status;
    }
    *forward = made;
    return CLADE_OK;
}

void clade_forward_free(clade_forward *forward)
{
    if (forward == NULL)
        return;
    clade_packed_fini(&forward->packed);
    clade_free(forward->storage);
    clade_free(forward);
}

size_t clade_forward_batch(const clade_forward *forward)
{
    return forward->lanes->lanes;
}

/* ---- between images and lanes ---- */

/* The pixels of patch number PATCH of N images to OUT (C p p, lanes); the lanes without an image get zeros. */
static void gather_patch(const clade_forward *forward, const float *pixels, size_t n, size_t patch, float *out)
{
    const clade_model_shape *s = &forward->model->shape;
    const size_t lanes = forward->lanes->lanes, p = s->patch, W = s->image_size, side = W / p;
    const size_t top = patch / side * p, left = patch % side * p;
    for (size_t lane = 0; lane < lanes; lane++) {
        float *to = out + lane;
        for (size_t row = 0; row < s->channels * p; row++) {
            const size_t c = row / p, y = top + row % p;
            const float *from = lane < n ? pixels + ((lane * s->channels + c) * W + y) * W + left : NULL;
            for (size_t i = 0; i < p; i++, to += lanes)
                *to = from == NULL ? 0.0f : from[i];
        }
    }
}

/* N images' COUNT features from (COUNT, lanes) to OUT, whose images are IMAGE_STRIDE floats apart. */
static void scatter_features(const clade_forward *forward, const float *from, size_t count, size_t n, float *out,
                             size_t image_stride)
{
    const size_t lanes = forward->lanes->lanes;
    for (size_t image = 0; image < n; image++)
        for (size_t d = 0; d < count; d++)
            out[image * image_stride + d] = from[d * lanes + image];
}

/* ---- the ops, in the order of the pass ---- */

static void embed(const clade_forward *f, const float *pixels, size_t n)
{
    const clade_packed *w = &f->packed;
    const clade_model_shape *s = &f->model->shape;
    const size_t lanes = f->lanes->lanes;
    memset(f->x, 0, s->tokens * f->x_stride * sizeof(float)); /* also the features that fill up a panel */
    for (size_t t = 0; t < s->tokens; t++)
        for (size_t i = 0; i < s->width * lanes; i++)
            f->x[t * f->x_stride + i] = w->positions[t * s->width + i / lanes];
    const size_t pixel_stride = w->patch.k * lanes, patches = f->wide_floats / pixel_stride;
    for (size_t t = 1; t < s->tokens; t += patches) {
        const size_t rest = s->tokens - t, tokens = rest < patches ? rest : patches;
        for (size_t i = 0; i < tokens; i++)
            gather_patch(f, pixels, n, t - 1 + i, f->wide + i * pixel_stride);
        f->lanes->linear(&w->patch, tokens, f->wide, pixel_stride, f->x + t * f->x_stride, f->x_stride, CLADE_ADD);
    }
    f->lanes->layer_norm(&w->pre, s->tokens, f->x, f->x_stride, f->x, f->x_stride);
}

/* q (of the first QUERIES tokens), k and v. */
static void project_qkv(const clade_forward *f, const clade_packed_block *w, size_t queries)
{
    const clade_lanes *ops = f->lanes;
    const size_t T = f->model->shape.tokens, stride = f->qkv_stride;
    float *q = f->qkv, *k = q + f->x_stride, *v = k + f->x_stride;
    ops->layer_norm(&w->norm1, T, f->x, f->x_stride, f->normed, f->x_stride);
    ops->linear(&w->q, queries, f->normed, f->x_stride, q, stride, CLADE_STORE);
    ops->linear(&w->k, T, f->normed, f->x_stride, k, stride, CLADE_STORE);
    ops->linear(&w->v, T, f->normed, f->x_stride, v, stride, CLADE_STORE);
}

static void attend(const clade_forward *f, size_t queries)
{
    const clade_model_shape *s = &f->model->shape;
    const size_t head_width = s->width / s->heads;
    const clade_attention attention = {.tokens = s->tokens,
                                       .queries = queries,
                                       .heads = s->heads,
                                       .head_width = head_width,
                                       .scale = (float)(1.0 / sqrt((double)head_width)),
                                       .q = f->qkv,
                                       .k = f->qkv + f->x_stride,
                                       .v = f->qkv + 2 * f->x_stride,
                                       .stride = f->qkv_stride,
                                       .scores = f->scores};
    f->lanes->attention(&attention);
}

/* Rows FIRST .. FIRST+COUNT-1 of W; FIRST starts a panel. */
static clade_linear rows_of(const clade_linear *w, size_t panel, size_t first, size_t count)
{
    clade_linear some = *w;
    some.n = count;
    some.panels = (count + panel - 1) / panel;
    some.weights += first / panel * w->panel_stride;
    some.bias += first;
    return some;
}

/* Columns FIRST .. FIRST+COUNT-1 of W; the bias goes with the first of them. */
static clade_linear columns_of(const clade_linear *w, size_t panel, size_t first, size_t count)
{
    clade_linear some = *w;
    some.k = count;
    some.weights += first * panel;
    some.bias = first == 0 ? w->bias : NULL;
    return some;
}

/* The output projection and the MLP of the first QUERIES tokens, both added to x. */
static void mix_features(const clade_forward *f, const clade_packed_block *w, size_t queries)
{
    const clade_lanes *ops = f->lanes;
    const size_t panel = ops->panel, F = f->model->shape.mlp, stride = f->slice * ops->lanes;
    ops->linear(&w->out, queries, f->qkv, f->qkv_stride, f->x, f->x_stride, CLADE_ADD);
    ops->layer_norm(&w->norm2, queries, f->x, f->x_stride, f->normed, f->x_stride);
    for (size_t first = 0; first < F; first += f->slice) {
        const size_t rest = F - first, count = rest < f->slice ? rest : f->slice;
        const clade_linear fc1 = rows_of(&w->fc1, panel, first, count), fc2 = columns_of(&w->fc2, panel, first, count);
        ops->linear(&fc1, queries, f->normed, f->x_stride, f->wide, stride, f->model->activation);
        ops->linear(&fc2, queries, f->wide, stride, f->x, f->x_stride, CLADE_ADD);
    }
}

/* One batch of N <= lanes images. */
static void run_batch(const clade_forward *f, const float *pixels, size_t n, float *image_embeds, float *last_hidden)
{
    const clade_model_shape *s = &f->model->shape;
    const size_t T = s->tokens, D = s->width;
    embed(f, pixels, n);
    for (size_t b = 0; b < s->blocks; b++) {
        const size_t queries = b + 1 == s->blocks && last_hidden == NULL ? 1 : T;
        project_qkv(f, &f->packed.blocks[b], queries);
        attend(f, queries);
        mix_features(f, &f->packed.blocks[b], queries);
    }
    for (size_t t = 0; t < T && last_hidden != NULL; t++)
        scatter_features(f, f->x + t * f->x_stride, D, n, last_hidden + t * D, T * D);
    f->lanes->layer_norm(&f->packed.post, 1, f->x, f->x_stride, f->normed, f->x_stride);
    f->lanes->linear(&f->packed.projection, 1, f->normed, f->x_stride, f->embeds, 0, CLADE_STORE);
    scatter_features(f, f->embeds, s->projection, n, image_embeds, s->projection);
}

clade_status clade_forward_run(clade_forward *forward, const clade_provider *provider, const float *pixels, size_t n,
                               float *image_embeds, float *last_hidden)
{
    const clade_model_shape *s = &forward->model->shape;
    const size_t lanes = forward->lanes->lanes;
    const size_t image = s->channels * s->image_size * s->image_size, P = s->projection, hidden = s->tokens * s->width;
    CLADE_TRY(clade_packed_update(&forward->packed, provider));
    for (size_t i = 0; i < n; i += lanes)
        run_batch(forward, pixels + i * image, n - i < lanes ? n - i : lanes, image_embeds + i * P,
                  last_hidden == NULL ? NULL : last_hidden + i * hidden);
    const clade_kernels *kernels = clade_kernels_best();
    const size_t bad = kernels->first_nonfinite(n * P, image_embeds);
    if (bad < n * P)
        return clade_fail(CLADE_EEVAL, "image %zu: found %g as number %zu of its embedding, expected finite numbers",
                          bad / P, (double)image_embeds[bad], bad % P);
    const size_t bad_hidden = last_hidden == NULL ? 0 : kernels->first_nonfinite(n * hidden, last_hidden);
    if (last_hidden != NULL && bad_hidden < n * hidden)
        return clade_fail(CLADE_EEVAL, "image %zu: found %g in its last hidden state, expected finite numbers",
                          bad_hidden / hidden, (double)last_hidden[bad_hidden]);
    return CLADE_OK;
}
