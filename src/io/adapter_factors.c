/* From the tensors of adapter_model.safetensors to pairs of factors. The tensors decide what the adapter is; the
 * configuration only gives scales, and must agree about the ranks. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "io/adapter_parts.h"
#include "io/bytes.h"

static const char base_layer[] = ".base_layer.weight";

/* One tensor of the file. */
typedef struct factor {
    const char *module; /* borrowed from the tensor's name, LENGTH bytes */
    size_t length;
    bool embedding;
    char which; /* 'A' or 'B' */
    const clade_tensor *tensor;
} factor;

typedef struct reading {
    const clade_io_adapter_config *config;
    const char *name; /* of the file */
    clade_problems *problems;
} reading;

CLADE_PRINTF(3, 4)
static void wrong(const reading *r, const clade_tensor *tensor, const char *format, ...)
{
    char message[512], quoted[CLADE_IO_QUOTE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    clade_problem(r->problems, "%s: tensor %s: %s", r->name, clade_io_quote(tensor->name, strlen(tensor->name), quoted),
                  message);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t bytes = strlen(end);
    return length > bytes && memcmp(text + length - bytes, end, bytes) == 0;
}

/* Also the names that PEFT has in memory, with the adapter's name "default" in them: some tools write those. */
static bool parse_name(const clade_tensor *tensor, factor *out)
{
    static const struct {
        const char *end;
        char which;
        bool embedding;
    } ends[] = {
        {".lora_A.weight", 'A', false},           {".lora_B.weight", 'B', false},
        {".lora_A.default.weight", 'A', false},   {".lora_B.default.weight", 'B', false},
        {".lora_embedding_A", 'A', true},         {".lora_embedding_B", 'B', true},
        {".lora_embedding_A.default", 'A', true}, {".lora_embedding_B.default", 'B', true},
    };
    size_t prefix = strlen(CLADE_IO_ADAPTER_PREFIX), length = strlen(tensor->name);
    if (strncmp(tensor->name, CLADE_IO_ADAPTER_PREFIX, prefix) != 0)
        return false;
    const char *rest = tensor->name + prefix;
    length -= prefix;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(rest, length, ends[i].end)) {
            *out = (factor){rest, length - strlen(ends[i].end), ends[i].embedding, ends[i].which, tensor};
            return true;
        }
    return false;
}

/* MODULE.base_layer.weight is a copy of the base's MODULE.weight: the bytes of MODULE, or 0 when the name is another. */
static size_t copied_module(const char *name)
{
    size_t prefix = strlen(CLADE_IO_ADAPTER_PREFIX), length = strlen(name);
    if (strncmp(name, CLADE_IO_ADAPTER_PREFIX, prefix) != 0 || !ends_with(name + prefix, length - prefix, base_layer))
        return 0;
    return length - prefix - strlen(base_layer);
}

/* TENSOR is a copy of the base layer of a module whose name has LENGTH bytes. */
static clade_status keep_copy(clade_adapter *adapter, const clade_tensor *tensor, size_t length)
{
    static const char end[] = ".weight";
    const char *module = tensor->name + strlen(CLADE_IO_ADAPTER_PREFIX);
    char *name = clade_malloc(length + sizeof end);
    if (!name)
        return clade_fail_memory(length + sizeof end, "the name of a tensor");
    memcpy(name, module, length);
    memcpy(name + length, end, sizeof end);
    adapter->copies[adapter->n_copies++] = (clade_io_base_copy){name, tensor};
    return CLADE_OK;
}

/* What a tensor is that is not a factor, as far as its name tells. */
static const char *foreign_kind(const char *name)
{
    if (strstr(name, "lora_magnitude_vector"))
        return "is a magnitude of DoRA, which is not read";
    if (strstr(name, "lora_A.bias") || strstr(name, "lora_B.bias"))
        return "is a bias of a factor (lora_bias), which is not read";
    if (strncmp(name, CLADE_IO_ADAPTER_PREFIX, strlen(CLADE_IO_ADAPTER_PREFIX)) != 0)
        return "expected a name as PEFT writes it, " CLADE_IO_ADAPTER_PREFIX "MODULE.lora_A.weight";
    return "is not a factor (MODULE.lora_A.weight, .lora_B.weight, .lora_embedding_A, .lora_embedding_B): modules that "
           "were trained as a whole, biases and trained tokens are not read";
}

static int by_module(const void *x, const void *y)
{
    const factor *a = x, *b = y;
    int order = clade_io_compare(a->module, a->length, b->module, b->length);
    return order ? order : a->which != b->which ? a->which - b->which : (int)a->embedding - (int)b->embedding;
}

static int by_tensor(const void *x, const void *y)
{
    return strcmp(((const clade_io_module *)x)->tensor, ((const clade_io_module *)y)->tensor);
}

/* ---- one module ---- */

static bool check_dtype(const reading *r, const clade_tensor *tensor)
{
    if (clade_dtype_of(tensor->dtype)->mergeable)
        return true;
    wrong(r, tensor, "found %s, expected F32, F16, BF16 or F64", clade_dtype_of(tensor->dtype)->name);
    return false;
}

static bool check_finite(const reading *r, const clade_tensor *tensor)
{
    enum { BLOCK = 256 };
    float values[BLOCK];
    size_t bytes = clade_dtype_of(tensor->dtype)->bits / 8;
    for (size_t first = 0; first < tensor->count; first += BLOCK) {
        size_t n = tensor->count - first < BLOCK ? tensor->count - first : BLOCK;
        clade_widen(tensor->dtype, (const char *)tensor->data + first * bytes, n, values);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(values[i])) {
                wrong(r, tensor, "element %zu is not finite", first + i);
                return false;
            }
    }
    return true;
}

/* A (rank, columns ...), B (rows, rank, 1 ...): two extents each, or those of a convolution's kernels. */
static bool check_shapes(const reading *r, const clade_tensor *a, const clade_tensor *b, bool embedding)
{
    char text[128];
    bool fits = b->rank == a->rank && a->rank >= 2 && a->rank <= (embedding ? 2 : CLADE_MODULE_MAX_RANK);
    if (a->rank < 2 || a->rank > (embedding ? 2 : CLADE_MODULE_MAX_RANK) || a->count == 0) {
        wrong(r, a, "found shape %s, expected (rank, inputs)", clade_tensor_shape_text(a, text, sizeof text));
        return false;
    }
    fits = fits && b->shape[0] > 0 && b->shape[1] == a->shape[0];
    for (size_t d = 2; fits && d < b->rank; d++)
        fits = b->shape[d] == 1;
    if (!fits)
        wrong(r, b, "found shape %s, expected (outputs, %llu%s) as its A has rank %llu",
              clade_tensor_shape_text(b, text, sizeof text), (unsigned long long)a->shape[0],
              a->rank > 2 ? ", 1 ..." : "", (unsigned long long)a->shape[0]);
    return fits;
}

void clade_io_module_view(clade_io_module *module, clade_dtype dtype_a, const void *a, clade_dtype dtype_b,
                          const void *b)
{
    size_t count_a = (size_t)(module->a_shape[0] * module->a_shape[1]);
    size_t count_b = (size_t)(module->b_shape[0] * module->b_shape[1]);
    module->a = (clade_tensor){module->tensor, dtype_a, 2, module->a_shape, count_a, 0, a};
    module->b = (clade_tensor){module->tensor, dtype_b, 2, module->b_shape, count_b, 0, b};
    module->a.bytes = count_a * (clade_dtype_of(dtype_a)->bits / 8);
    module->b.bytes = count_b * (clade_dtype_of(dtype_b)->bits / 8);
    module->shown.tensor = module->tensor;
    module->shown.delta.a = &module->a;
    module->shown.delta.b = &module->b;
}

/* The pair as a module; false with problems. MODULE->tensor is there. */
static bool read_pair(const reading *r, const factor *a, const factor *b, clade_io_module *module)
{
    const clade_tensor *A = a->tensor, *B = b->tensor;
    double rank, alpha;
    bool typed = check_dtype(r, A), good = check_dtype(r, B) && typed && check_shapes(r, A, B, a->embedding);
    if (!good || !check_finite(r, A) || !check_finite(r, B))
        return false;
    module->tensor[a->length] = '\0'; /* for a moment without ".weight" */
    clade_io_adapter_config_of(r->config, module->tensor, &rank, &alpha);
    module->tensor[a->length] = '.';
    if (rank > 0 && rank != (double)A->shape[0]) { /* 0: the configuration's own problem */
        wrong(r, A, "has rank %llu, but adapter_config.json says %.0f (r, rank_pattern)",
              (unsigned long long)A->shape[0], rank);
        return false;
    }
    module->a_shape[0] = A->shape[0];
    module->a_shape[1] = A->count / A->shape[0];
    module->b_shape[0] = B->shape[0];
    module->b_shape[1] = B->shape[1];
    clade_io_module_view(module, A->dtype, A->data, B->dtype, B->data);
    module->shown.kind = a->embedding  ? CLADE_MODULE_EMBEDDING
                         : A->rank > 2 ? CLADE_MODULE_CONVOLUTION
                                       : CLADE_MODULE_LINEAR;
    module->shown.delta.transposed = module->shown.kind == CLADE_MODULE_EMBEDDING ||
                                     (module->shown.kind == CLADE_MODULE_LINEAR && r->config->fan_in_fan_out);
    module->shown.delta.scale = alpha / (r->config->rslora ? sqrt((double)A->shape[0]) : (double)A->shape[0]);
    module->shown.stored_rank = A->rank;
    memcpy(module->shown.stored_shape, A->shape, A->rank * sizeof *A->shape);
    return true;
}

/* ---- all of them ---- */

/* FACTORS[0 .. COUNT - 1] are of one module. */
static clade_status read_module(const reading *r, const factor *factors, size_t count, clade_adapter *adapter)
{
    static const char end[] = ".weight";
    const factor *a = &factors[0], *b = &factors[1];
    if (count == 1) {
        wrong(r, a->tensor, "has no lora_%s%c beside it", a->embedding ? "embedding_" : "",
              a->which == 'A' ? 'B' : 'A');
        return CLADE_OK;
    }
    if (count > 2 || a->which == b->which || a->embedding != b->embedding) {
        wrong(r, factors[count - 1].tensor, "its module has more than one pair of factors");
        return CLADE_OK;
    }
    clade_io_module *module = &adapter->modules[adapter->count];
    module->tensor = clade_malloc(a->length + sizeof end);
    if (!module->tensor)
        return clade_fail_memory(a->length + sizeof end, "the name of a module");
    memcpy(module->tensor, a->module, a->length);
    memcpy(module->tensor + a->length, end, sizeof end);
    if (read_pair(r, a, b, module)) {
        adapter->count++;
    } else {
        clade_free(module->tensor);
        module->tensor = NULL;
    }
    return CLADE_OK;
}

static clade_status read_factors(const reading *r, factor *factors, size_t count, clade_adapter *adapter)
{
    qsort(factors, count, sizeof *factors, by_module);
    for (size_t first = 0, last; first < count; first = last) {
        for (last = first + 1; last < count; last++)
            if (clade_io_compare(factors[first].module, factors[first].length, factors[last].module,
                                 factors[last].length) != 0)
                break;
        CLADE_TRY(read_module(r, factors + first, last - first, adapter));
    }
    /* "a.b.weight" is before "a.weight", but module "a" before "a.b" */
    qsort(adapter->modules, adapter->count, sizeof *adapter->modules, by_tensor);
    for (size_t i = 0; i < adapter->count; i++) {
        clade_io_module *module = &adapter->modules[i];
        clade_io_module_view(module, module->a.dtype, module->a.data, module->b.dtype, module->b.data);
    }
    return CLADE_OK;
}

/* Sort the tensors into factors, copies of the base, and what does not belong here. */
static clade_status sort_out(const reading *r, clade_adapter *adapter, factor *factors, size_t *used)
{
    for (size_t i = 0; i < clade_safetensors_count(adapter->file); i++) {
        const clade_tensor *tensor = clade_safetensors_at(adapter->file, i);
        if (strlen(tensor->name) != clade_safetensors_name_length(adapter->file, i))
            wrong(r, tensor, "its name contains a NUL byte, which no module has");
        else if (parse_name(tensor, &factors[*used]))
            ++*used;
        else if (copied_module(tensor->name) > 0)
            CLADE_TRY(keep_copy(adapter, tensor, copied_module(tensor->name)));
        else
            wrong(r, tensor, "%s", foreign_kind(tensor->name));
    }
    return CLADE_OK;
}

clade_status clade_io_adapter_modules(clade_adapter *adapter, const clade_io_adapter_config *config, const char *name,
                                      clade_problems *problems)
{
    const reading r = {config, name, problems};
    size_t count = clade_safetensors_count(adapter->file), used = 0;
    factor *factors = clade_calloc(count, sizeof *factors);
    adapter->modules = clade_calloc(count / 2, sizeof *adapter->modules);
    adapter->capacity = count / 2;
    adapter->copies = clade_calloc(count, sizeof *adapter->copies);
    if (!factors || !adapter->modules || !adapter->copies) {
        clade_free(factors);
        return clade_fail_memory(count * (sizeof *factors + sizeof *adapter->modules), "the modules of an adapter");
    }
    clade_status status = sort_out(&r, adapter, factors, &used);
    if (status == CLADE_OK && count == 0)
        clade_problem(problems, "%s: has no tensors, expected factors of modules", name);
    if (status == CLADE_OK)
        status = read_factors(&r, factors, used, adapter);
    clade_free(factors);
    return status;
}
