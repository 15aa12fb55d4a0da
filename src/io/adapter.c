/* Adapters: opening a PEFT folder, looking modules up, and making new ones in memory. */
#include "clade/adapter.h"

#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/adapter_parts.h"
#include "io/bytes.h"

static const char config_name[] = "adapter_config.json", weights_name[] = "adapter_model.safetensors";

/* ---- opening ---- */

/* *OUT = a copy of TEXT, which may be NULL. */
static clade_status keep_text(const char *text, char **out)
{
    if (!text)
        return CLADE_OK;
    *out = clade_strdup(text);
    return *out ? CLADE_OK : clade_fail_memory(strlen(text) + 1, "a text of an adapter");
}

static clade_status read_all(clade_adapter *adapter, const clade_json *document, const char *path)
{
    clade_io_adapter_config config;
    clade_problems problems = {0};
    clade_json_at root = clade_json_root(document);
    clade_text name = {0};
    clade_text_append(&name, "%s/%s", path, weights_name);
    clade_status status = clade_io_adapter_config_read(&root, &problems, &config);
    if (status == CLADE_OK)
        status = clade_text_status(&name);
    if (status == CLADE_OK)
        status = clade_io_adapter_modules(adapter, &config, clade_text_get(&name), &problems);
    if (status == CLADE_OK)
        status = keep_text(path, &adapter->path);
    if (status == CLADE_OK)
        status = keep_text(config.base_name, &adapter->base_name);
    if (status == CLADE_OK)
        status = keep_text(config.task_type, &adapter->task_type);
    if (status == CLADE_OK)
        status = clade_problems_end(&problems, CLADE_EINPUT);
    else
        clade_text_free(&problems.text);
    clade_io_adapter_config_free(&config);
    clade_text_free(&name);
    return status;
}

clade_status clade_io_adapter_read(const clade_json *config, clade_safetensors *file, const char *path,
                                   clade_adapter **adapter)
{
    *adapter = NULL;
    clade_adapter *made = clade_calloc(1, sizeof *made);
    if (!made) {
        clade_safetensors_close(file);
        return clade_fail_memory(sizeof *made, "an adapter");
    }
    made->file = file;
    clade_status status = read_all(made, config, path);
    if (status != CLADE_OK) {
        clade_adapter_close(made);
        return status;
    }
    *adapter = made;
    return CLADE_OK;
}

static clade_status fail_without_weights(const char *path)
{
    char *pickle = clade_path_join(path, "adapter_model.bin");
    if (!pickle)
        return clade_fail_memory(strlen(path), "a path");
    bool there = clade_path_exists(pickle);
    clade_free(pickle);
    if (there)
        return clade_fail(CLADE_EINPUT,
                          "%s: found adapter_model.bin, expected %s (pickles can run code and are not read; convert it "
                          "in Python: PeftModel.from_pretrained(BASE, FOLDER).save_pretrained(OUT, "
                          "safe_serialization=True))",
                          path, weights_name);
    return clade_fail(CLADE_EINPUT, "%s: has no %s", path, weights_name);
}

static clade_status open_files(const char *path, const char *config, const char *weights, clade_adapter **adapter)
{
    clade_json *document;
    clade_safetensors *file;
    if (!config || !weights)
        return clade_fail_memory(strlen(path), "a path");
    if (!clade_path_exists(config))
        return clade_fail(CLADE_EINPUT, "%s: has no %s, expected the folder of a PEFT adapter", path, config_name);
    if (!clade_path_exists(weights))
        return fail_without_weights(path);
    CLADE_TRY(clade_json_read(config, CLADE_EINPUT, &document));
    clade_status status = clade_safetensors_open(weights, &file);
    if (status == CLADE_OK)
        status = clade_io_adapter_read(document, file, path, adapter);
    clade_json_free(document);
    return status;
}

clade_status clade_adapter_open(const char *path, clade_adapter **adapter)
{
    *adapter = NULL;
    char *config = clade_path_join(path, config_name), *weights = clade_path_join(path, weights_name);
    clade_status status = open_files(path, config, weights, adapter);
    clade_free(config);
    clade_free(weights);
    return status;
}

clade_status clade_adapter_is(const char *path, bool *is_adapter)
{
    bool is_free = true;
    *is_adapter = false;
    char *config = clade_path_join(path, config_name);
    if (!config)
        return clade_fail_memory(strlen(path), "a path");
    const clade_status status = clade_path_is_free(config, &is_free); /* also where PATH is a file */
    *is_adapter = status == CLADE_OK && !is_free;
    clade_free(config);
    return status;
}

void clade_adapter_close(clade_adapter *adapter)
{
    if (!adapter)
        return;
    for (size_t i = 0; i < adapter->count; i++) {
        clade_free(adapter->modules[i].tensor);
        clade_free(adapter->modules[i].factors);
    }
    for (size_t i = 0; i < adapter->n_copies; i++)
        clade_free(adapter->copies[i].tensor);
    clade_free(adapter->copies);
    clade_free(adapter->modules);
    clade_safetensors_close(adapter->file);
    clade_free(adapter->path);
    clade_free(adapter->base_name);
    clade_free(adapter->task_type);
    clade_free(adapter);
}

/* ---- looking at it ---- */

const char *clade_adapter_path(const clade_adapter *adapter)
{
    return adapter->path;
}

const char *clade_adapter_base_name(const clade_adapter *adapter)
{
    return adapter->base_name;
}

size_t clade_adapter_count(const clade_adapter *adapter)
{
    return adapter->count;
}

const clade_adapter_module *clade_adapter_at(const clade_adapter *adapter, size_t index)
{
    return &adapter->modules[index].shown;
}

static int by_tensor(const void *name, const void *module)
{
    return strcmp(name, ((const clade_io_module *)module)->tensor);
}

const clade_low_rank *clade_adapter_find(const clade_adapter *adapter, const char *tensor)
{
    const clade_io_module *found =
        bsearch(tensor, adapter->modules, adapter->count, sizeof *adapter->modules, by_tensor);
    return found ? &found->shown.delta : NULL;
}

static void hash_u64(clade_sha256 *hash, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    clade_sha256_update(hash, bytes, sizeof bytes);
}

static void hash_factor(clade_sha256 *hash, const clade_tensor *factor)
{
    const char *dtype = clade_dtype_of(factor->dtype)->name;
    clade_sha256_update(hash, dtype, strlen(dtype) + 1);
    hash_u64(hash, factor->shape[0]);
    hash_u64(hash, factor->shape[1]);
    clade_sha256_update(hash, factor->data, factor->bytes);
}

/* Of every module: tensor NUL, the scale's bits, transposed, A's stored shape, both factors. Where each part ends
 * follows from those before it. */
void clade_adapter_hash(const clade_adapter *adapter, char hex[CLADE_SHA256_HEX])
{
    clade_sha256 hash;
    clade_sha256_init(&hash);
    for (size_t i = 0; i < adapter->count; i++) {
        const clade_adapter_module *module = &adapter->modules[i].shown;
        uint64_t scale;
        memcpy(&scale, &module->delta.scale, sizeof scale);
        clade_sha256_update(&hash, module->tensor, strlen(module->tensor) + 1);
        hash_u64(&hash, scale);
        hash_u64(&hash, module->delta.transposed);
        hash_u64(&hash, module->stored_rank);
        for (size_t d = 0; d < module->stored_rank; d++)
            hash_u64(&hash, module->stored_shape[d]);
        hash_factor(&hash, module->delta.a);
        hash_factor(&hash, module->delta.b);
    }
    clade_sha256_hex(&hash, hex);
}

/* ---- making one ---- */

clade_status clade_adapter_new(size_t capacity, clade_adapter **adapter)
{
    clade_adapter *made = clade_calloc(1, sizeof *made);
    *adapter = NULL;
    if (!made)
        return clade_fail_memory(sizeof *made, "an adapter");
    made->capacity = capacity;
    made->modules = clade_calloc(capacity, sizeof *made->modules);
    made->path = clade_strdup("the merged adapter");
    if (!made->modules || !made->path) {
        clade_adapter_close(made);
        return clade_fail_memory(capacity * sizeof *made->modules, "the modules of an adapter");
    }
    *adapter = made;
    return CLADE_OK;
}

clade_status clade_adapter_add(clade_adapter *adapter, const clade_adapter_module *like, size_t rank, float **a,
                               float **b)
{
    uint64_t columns = like->delta.a->shape[1], rows = like->delta.b->shape[0], elements;
    if (adapter->count == adapter->capacity || rank == 0 ||
        (adapter->count > 0 && strcmp(adapter->modules[adapter->count - 1].tensor, like->tensor) >= 0))
        return clade_fail(CLADE_EINTERNAL, "%s: module %s of rank %zu: is not the next one", adapter->path,
                          like->tensor, rank);
    if (columns > UINT64_MAX - rows || !clade_io_multiply(columns + rows, rank, &elements) || elements > SIZE_MAX)
        return clade_fail_memory(UINT64_MAX, like->tensor);
    clade_io_module *module = &adapter->modules[adapter->count];
    char *tensor = clade_strdup(like->tensor);
    float *factors = clade_calloc((size_t)elements, sizeof *factors);
    if (!tensor || !factors) {
        clade_free(tensor);
        clade_free(factors);
        return clade_fail_memory(elements * sizeof *factors, "the factors of a module");
    }
    *module = (clade_io_module){.shown = *like, .tensor = tensor, .factors = factors};
    module->a_shape[0] = module->b_shape[1] = module->shown.stored_shape[0] = rank;
    module->a_shape[1] = columns;
    module->b_shape[0] = rows;
    module->shown.delta.scale = 1;
    *a = factors;
    *b = factors + rank * columns;
    clade_io_module_view(module, CLADE_F32, *a, CLADE_F32, *b);
    adapter->count++;
    return CLADE_OK;
}

clade_status clade_adapter_name_like(clade_adapter *adapter, const clade_adapter *from)
{
    if (!adapter->base_name)
        CLADE_TRY(keep_text(from->base_name, &adapter->base_name));
    return adapter->task_type ? CLADE_OK : keep_text(from->task_type, &adapter->task_type);
}
