/* Dtypes as data, and conversions between the four Clade computes with. */
#include "clade/tensor.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "clade/kernels.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors are mapped as they are: little-endian only");

static const clade_dtype_traits traits[] = {
    [CLADE_BOOL] = {.name = "BOOL", .torch_name = "bool", .bits = 8, .integer = true},
    [CLADE_F4] = {.name = "F4", .bits = 4},
    [CLADE_F6_E2M3] = {.name = "F6_E2M3", .bits = 6},
    [CLADE_F6_E3M2] = {.name = "F6_E3M2", .bits = 6},
    [CLADE_U8] = {.name = "U8", .torch_name = "uint8", .bits = 8, .integer = true},
    [CLADE_I8] = {.name = "I8", .torch_name = "int8", .bits = 8, .integer = true},
    [CLADE_F8_E5M2] = {.name = "F8_E5M2", .torch_name = "float8_e5m2", .bits = 8},
    [CLADE_F8_E4M3] = {.name = "F8_E4M3", .torch_name = "float8_e4m3fn", .bits = 8},
    [CLADE_F8_E8M0] = {.name = "F8_E8M0", .torch_name = "float8_e8m0fnu", .bits = 8},
    [CLADE_F8_E4M3FNUZ] = {.name = "F8_E4M3FNUZ", .torch_name = "float8_e4m3fnuz", .bits = 8},
    [CLADE_F8_E5M2FNUZ] = {.name = "F8_E5M2FNUZ", .torch_name = "float8_e5m2fnuz", .bits = 8},
    [CLADE_I16] = {.name = "I16", .torch_name = "int16", .bits = 16, .integer = true},
    [CLADE_U16] = {.name = "U16", .torch_name = "uint16", .bits = 16, .integer = true},
    [CLADE_F16] = {.name = "F16", .torch_name = "float16", .bits = 16, .mergeable = true},
    [CLADE_BF16] = {.name = "BF16", .torch_name = "bfloat16", .bits = 16, .mergeable = true},
    [CLADE_I32] = {.name = "I32", .torch_name = "int32", .bits = 32, .integer = true},
    [CLADE_U32] = {.name = "U32", .torch_name = "uint32", .bits = 32, .integer = true},
    [CLADE_F32] = {.name = "F32", .torch_name = "float32", .bits = 32, .mergeable = true},
    [CLADE_C64] = {.name = "C64", .torch_name = "complex64", .bits = 64},
    [CLADE_F64] = {.name = "F64", .torch_name = "float64", .bits = 64, .mergeable = true},
    [CLADE_I64] = {.name = "I64", .torch_name = "int64", .bits = 64, .integer = true},
    [CLADE_U64] = {.name = "U64", .torch_name = "uint64", .bits = 64, .integer = true},
};
_Static_assert(sizeof traits / sizeof traits[0] == CLADE_DTYPE_COUNT, "one row per dtype");

const clade_dtype_traits *clade_dtype_of(clade_dtype dtype)
{
    assert((unsigned)dtype < CLADE_DTYPE_COUNT);
    return &traits[dtype];
}

bool clade_dtype_parse(const char *name, clade_dtype *dtype)
{
    for (size_t i = 0; i < CLADE_DTYPE_COUNT; i++)
        if (strcmp(name, traits[i].name) == 0 || (traits[i].torch_name && strcmp(name, traits[i].torch_name) == 0)) {
            *dtype = (clade_dtype)i;
            return true;
        }
    return false;
}

bool clade_tensor_same_shape(const clade_tensor *a, const clade_tensor *b)
{
    bool same = a->rank == b->rank;
    for (size_t i = 0; i < a->rank && same; i++)
        same = a->shape[i] == b->shape[i];
    return same;
}

const char *clade_tensor_shape_text(const clade_tensor *tensor, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < tensor->rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%llu", i > 0 ? ", " : "",
                                 (unsigned long long)tensor->shape[i]);
    if (used < size)
        used += (size_t)snprintf(text + used, size - used, "]");
    if (used >= size && size >= 4)
        memcpy(text + size - 4, "...", 4);
    return text;
}

enum { CHUNK = 1024 }; /* elements copied at a time when a tensor lies at an odd address */

typedef void (*widen_kernel)(size_t n, const uint16_t *in, float *out);
typedef void (*narrow_kernel)(size_t n, const float *in, uint16_t *out);

static bool is_aligned(const void *address, size_t alignment)
{
    return (uintptr_t)address % alignment == 0;
}

static void widen_16(widen_kernel widen, const unsigned char *source, size_t count, float *out)
{
    if (is_aligned(source, sizeof(uint16_t))) {
        widen(count, (const void *)source, out);
        return;
    }
    uint16_t aligned[CHUNK];
    for (size_t done = 0; done < count; done += CHUNK) {
        size_t n = count - done < CHUNK ? count - done : CHUNK;
        memcpy(aligned, source + done * sizeof aligned[0], n * sizeof aligned[0]);
        widen(n, aligned, out + done);
    }
}

static void narrow_16(narrow_kernel narrow, const float *source, size_t count, unsigned char *out)
{
    if (is_aligned(out, sizeof(uint16_t))) {
        narrow(count, source, (void *)out);
        return;
    }
    uint16_t aligned[CHUNK];
    for (size_t done = 0; done < count; done += CHUNK) {
        size_t n = count - done < CHUNK ? count - done : CHUNK;
        narrow(n, source + done, aligned);
        memcpy(out + done * sizeof aligned[0], aligned, n * sizeof aligned[0]);
    }
}

static void widen_f64(const unsigned char *source, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        double value;
        memcpy(&value, source + i * sizeof value, sizeof value);
        out[i] = (float)value;
    }
}

static void narrow_f64(const float *source, size_t count, unsigned char *out)
{
    for (size_t i = 0; i < count; i++) {
        double value = source[i];
        memcpy(out + i * sizeof value, &value, sizeof value);
    }
}

void clade_widen(clade_dtype dtype, const void *source, size_t count, float *out)
{
    const clade_kernels *kernels = clade_kernels_best();
    assert(clade_dtype_of(dtype)->mergeable);
    if (count == 0)
        return;
    if (dtype == CLADE_F32)
        memcpy(out, source, count * sizeof *out);
    else if (dtype == CLADE_F64)
        widen_f64(source, count, out);
    else
        widen_16(dtype == CLADE_F16 ? kernels->widen_f16 : kernels->widen_bf16, source, count, out);
}

void clade_narrow(clade_dtype dtype, const float *source, size_t count, void *out)
{
    const clade_kernels *kernels = clade_kernels_best();
    assert(clade_dtype_of(dtype)->mergeable);
    if (count == 0)
        return;
    if (dtype == CLADE_F32)
        memcpy(out, source, count * sizeof *source);
    else if (dtype == CLADE_F64)
        narrow_f64(source, count, out);
    else
        narrow_16(dtype == CLADE_F16 ? kernels->narrow_f16 : kernels->narrow_bf16, source, count, out);
}
