/* The forward pass, sixteen images at a time: one image per vector lane.
 *
 * Every activation is stored as (token, feature, lane): one vector holds the same number of `lanes` different images.
 * So no loop ever adds across a vector: layer norm, softmax and attention run at full width whatever the model's sizes
 * (17 tokens, 24-wide heads), nothing is transposed between ops, every stream is sequential, and the matrix product
 * reads its activations unpacked. Lanes never meet, hence an image's result cannot depend on its neighbours, its place
 * or N. The alternative, (image, token, feature) with BLAS for the products, was measured: BLAS itself is as fast as
 * the product here, but everything between its calls is slower. The price: a group of images is never smaller than the
 * lanes.
 *
 * lane_kernels.c is compiled once per instruction set, each giving one const table. Sums run in one fixed order with
 * fused multiply-add, so the AVX2 and AVX-512 tables give the same bits; a CPU without FMA rounds twice and differs.
 *
 * Letters: T tokens, K features in, N features out. Strides are in floats, from one token to the next. All pointers are
 * 64-byte aligned and borrowed; strides are multiples of `lanes`. */
#ifndef CLADE_MODEL_LANES_H
#define CLADE_MODEL_LANES_H

#include <stdbool.h>
#include <stddef.h>

/* Packed weights of y = W x + b, in panels of `panel` rows; the last panel is filled up with zero rows. */
typedef struct clade_linear {
    size_t n, k;          /* W is (n, k) */
    size_t panels;        /* ceil(n / panel) */
    size_t panel_stride;  /* floats from panel to panel: k * panel, more when this is some columns of a wider W */
    const float *weights; /* (panels, k, panel) */
    const float *bias;    /* (panels, panel), or NULL */
} clade_linear;

/* What becomes of W x + b. */
typedef enum clade_epilogue {
    CLADE_STORE,     /* y = W x + b */
    CLADE_ADD,       /* y += W x + b */
    CLADE_GELU,      /* y = gelu(W x + b), by erf */
    CLADE_QUICK_GELU /* y = quick_gelu(W x + b) */
} clade_epilogue;

typedef struct clade_norm {
    size_t width;
    const float *gamma, *beta; /* (width) */
    float eps;
} clade_norm;

/* softmax(scale * q k^T) v per head. Head h is features h * head_width .. of q, k and v. */
typedef struct clade_attention {
    size_t tokens;  /* keys and values */
    size_t queries; /* the first `queries` tokens ask; <= tokens */
    size_t heads, head_width;
    float scale;
    float *q;           /* (queries, heads * head_width, lanes), overwritten by the result */
    const float *k, *v; /* (tokens, heads * head_width, lanes) */
    size_t stride;      /* of q, k and v */
    float *scores;      /* scratch: CLADE_QUERY_BLOCK * tokens * lanes floats */
} clade_attention;

enum { CLADE_QUERY_BLOCK = 8 };

typedef struct clade_lanes {
    const char *name; /* as the table of clade/kernels.h it belongs to */
    size_t lanes;     /* images side by side */
    size_t panel;     /* rows of W per panel; y holds n rounded up to it */

    /* TOKENS tokens of x (K, lanes) to y (panels * panel, lanes). x and y do not overlap. */
    void (*linear)(const clade_linear *w, size_t tokens, const float *x, size_t x_stride, float *y, size_t y_stride,
                   clade_epilogue epilogue);
    /* (x - mean) / sqrt(variance + eps) * gamma + beta over the features, biased variance. OUT may be X. */
    void (*layer_norm)(const clade_norm *norm, size_t tokens, const float *x, size_t x_stride, float *out,
                       size_t out_stride);
    void (*attention)(const clade_attention *attention);
} clade_lanes;

/* The narrowest table that holds IMAGES images side by side, the widest when none does; 0: the widest. */
const clade_lanes *clade_lanes_for(size_t images);
/* The tables this process may use, from narrow to wide: number INDEX, or NULL beyond the last. */
const clade_lanes *clade_lanes_at(size_t index);

#endif
