/* Whatever the bytes: no crash, no leak, and the elements of an accepted adapter can be computed. The bytes are
 * adapter_config.json, and after a NUL adapter_model.safetensors; without one, two small modules. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "io/adapter_parts.h"
#include "merge/low_rank.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Modules "m.l.0.q" (4, 3) of rank 2 and "emb" (5, 2) of rank 1; 21 floats. */
static const char header[] =
    "{\"base_model.model.m.l.0.q.lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"base_model.model.m.l.0.q.lora_B.weight\":{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[24,56]},"
    "\"base_model.model.emb.lora_embedding_A\":{\"dtype\":\"F32\",\"shape\":[1,5],\"data_offsets\":[56,76]},"
    "\"base_model.model.emb.lora_embedding_B\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[76,84]}}";
enum { HEADER = sizeof header - 1, WEIGHTS = 84 };

/* The first and the last elements of the tensor that the module changes. */
static void compute(const clade_adapter_module *module)
{
    enum { ELEMENTS = 64 };
    float values[ELEMENTS] = {0};
    uint64_t rows = module->delta.b->shape[0], columns = module->delta.a->shape[1];
    uint64_t shape[] = {module->delta.transposed ? columns : rows, module->delta.transposed ? rows : columns};
    if (columns > SIZE_MAX / rows || module->delta.a->shape[0] > 4096)
        return;
    clade_tensor like = {module->tensor, CLADE_F32, 2, shape, (size_t)(rows * columns), 0, NULL};
    size_t n = like.count < ELEMENTS ? like.count : ELEMENTS;
    void *scratch = clade_malloc(clade_low_rank_scratch(&module->delta));
    clade_low_rank_add(&module->delta, &like, 0, n, values, scratch);
    clade_low_rank_add(&module->delta, &like, like.count - n, n, values, scratch);
    clade_free(scratch);
}

static void look_at(const clade_adapter *adapter)
{
    char hex[CLADE_SHA256_HEX];
    clade_adapter_hash(adapter, hex);
    for (size_t i = 0; i < clade_adapter_count(adapter); i++) {
        const clade_adapter_module *module = clade_adapter_at(adapter, i);
        if (clade_adapter_find(adapter, module->tensor) != &module->delta)
            abort();
        compute(module);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char built_in[8 + HEADER + WEIGHTS] = {HEADER & 0xff, HEADER >> 8};
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = nul ? (size_t)(nul - data) : size;
    clade_json *config;
    clade_safetensors *file;
    clade_adapter *adapter = NULL;
    memcpy(built_in + 8, header, HEADER);
    if (clade_json_parse((const char *)data, length, "fuzz", CLADE_EINPUT, &config) != CLADE_OK)
        return 0;
    clade_status status = nul ? clade_safetensors_scan(nul + 1, size - length - 1, "fuzz", &file)
                              : clade_safetensors_scan(built_in, sizeof built_in, "fuzz", &file);
    if (status == CLADE_OK)
        status = clade_io_adapter_read(config, file, "fuzz", &adapter);
    if (status == CLADE_OK)
        look_at(adapter);
    clade_adapter_close(adapter);
    clade_json_free(config);
    if (clade_alloc_live() != 0)
        abort();
    return 0;
}
