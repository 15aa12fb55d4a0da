/* Dtypes and tensor views. */
#ifndef CLADE_TENSOR_H
#define CLADE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

/* The dtypes of safetensors 0.8, in its declaration order. */
typedef enum clade_dtype {
    CLADE_BOOL,
    CLADE_F4,
    CLADE_F6_E2M3,
    CLADE_F6_E3M2,
    CLADE_U8,
    CLADE_I8,
    CLADE_F8_E5M2,
    CLADE_F8_E4M3,
    CLADE_F8_E8M0,
    CLADE_F8_E4M3FNUZ,
    CLADE_F8_E5M2FNUZ,
    CLADE_I16,
    CLADE_U16,
    CLADE_F16,
    CLADE_BF16,
    CLADE_I32,
    CLADE_U32,
    CLADE_F32,
    CLADE_C64,
    CLADE_F64,
    CLADE_I64,
    CLADE_U64,
    CLADE_DTYPE_COUNT
} clade_dtype;

typedef struct clade_dtype_traits {
    const char *name;       /* in files: "F32" */
    const char *torch_name; /* in config.json and mergekit: "float32"; NULL when torch has none */
    unsigned bits;          /* per element */
    bool mergeable;         /* F32, F16, BF16, F64: Clade computes with it */
    bool integer;           /* integers and BOOL: copied, and must be equal in all parents */
} clade_dtype_traits;

const clade_dtype_traits *clade_dtype_of(clade_dtype dtype);
/* By file name ("BF16") or torch name ("bfloat16", "float16", "float32", "float64"); false when unknown. */
bool clade_dtype_parse(const char *name, clade_dtype *dtype);

/* A view: never owns. Row-major, no strides. */
typedef struct clade_tensor {
    const char *name; /* borrowed, NUL-terminated (names with an inner NUL are refused by the checkpoint reader) */
    clade_dtype dtype;
    size_t rank;           /* 0: a scalar of one element */
    const uint64_t *shape; /* (rank), borrowed */
    size_t count;          /* elements: product of shape */
    size_t bytes;          /* count * bits / 8 */
    const void *data;      /* borrowed; may be unaligned when it lies in a foreign file; NULL only when bytes is 0 */
} clade_tensor;

/* True when rank and every extent agree. */
bool clade_tensor_same_shape(const clade_tensor *a, const clade_tensor *b);
/* "[768, 3, 7]" into TEXT of SIZE bytes (cut with "..." when too long); returns TEXT. */
const char *clade_tensor_shape_text(const clade_tensor *tensor, char *text, size_t size);

/* Convert COUNT elements of SOURCE (any mergeable dtype, any alignment) to f32 / from f32 to DTYPE, rounding to nearest
 * even; overflow gives infinity, NaN stays NaN (payload not kept). Subnormals are exact both ways.
 * Laws: widening then narrowing an f16, bf16 or f32 gives the same bits (all 65,536 patterns, NaN apart).
 * Deterministic: yes, on every CPU. */
void clade_widen(clade_dtype dtype, const void *source, size_t count, float *out);
void clade_narrow(clade_dtype dtype, const float *source, size_t count, void *out);

#endif
