/* Does an adapter fit a base: every module has its tensor, and what the adapter keeps of its base is the same. */
#include <string.h>

#include "io/adapter_parts.h"
#include "io/bytes.h"

/* The shape that the base's tensor must have; the number of extents. */
static size_t wanted_shape(const clade_adapter_module *module, uint64_t shape[CLADE_MODULE_MAX_RANK])
{
    memcpy(shape, module->stored_shape, sizeof module->stored_shape);
    shape[0] = module->delta.b->shape[0];
    if (module->delta.transposed) {
        shape[0] = module->delta.a->shape[1];
        shape[1] = module->delta.b->shape[0];
    }
    return module->stored_rank;
}

/* One line for a module that does not fit, appended to TEXT; false when it fits. */
static bool misfit(const clade_adapter_module *module, const clade_checkpoint *base, clade_text *text)
{
    uint64_t shape[CLADE_MODULE_MAX_RANK];
    char found[128], expected[128], quoted[CLADE_IO_QUOTE];
    const clade_tensor *tensor = clade_checkpoint_find(base, module->tensor);
    const clade_tensor wanted = {.rank = wanted_shape(module, shape), .shape = shape};
    clade_io_quote(module->tensor, strlen(module->tensor), quoted);
    if (!tensor)
        clade_text_append(text, "tensor %s: is not in the base", quoted);
    else if (!clade_tensor_same_shape(tensor, &wanted))
        clade_text_append(text, "tensor %s: found shape %s in the base, expected %s", quoted,
                          clade_tensor_shape_text(tensor, found, sizeof found),
                          clade_tensor_shape_text(&wanted, expected, sizeof expected));
    else if (!clade_dtype_of(tensor->dtype)->mergeable)
        clade_text_append(text, "tensor %s: found %s in the base, expected F32, F16, BF16 or F64", quoted,
                          clade_dtype_of(tensor->dtype)->name);
    else
        return false;
    return true;
}

/* Elements FIRST .. FIRST + N - 1 have the same values, NaN apart. */
static bool same_values(const clade_tensor *a, const clade_tensor *b, size_t first, size_t n, float *of_a, float *of_b)
{
    clade_widen(a->dtype, (const char *)a->data + first * (clade_dtype_of(a->dtype)->bits / 8), n, of_a);
    clade_widen(b->dtype, (const char *)b->data + first * (clade_dtype_of(b->dtype)->bits / 8), n, of_b);
    for (size_t i = 0; i < n; i++)
        if (!(of_a[i] == of_b[i]))
            return false;
    return true;
}

/* The base layer that came with the adapter is that of the base: not one with more tokens, or a trained one. */
static bool is_faithful(const clade_io_base_copy *copy, const clade_checkpoint *base)
{
    enum { BLOCK = 256 };
    float x[BLOCK], y[BLOCK];
    const clade_tensor *a = copy->stored, *b = clade_checkpoint_find(base, copy->tensor);
    if (!b || !clade_tensor_same_shape(a, b) || !clade_dtype_of(a->dtype)->mergeable ||
        !clade_dtype_of(b->dtype)->mergeable)
        return false;
    for (size_t first = 0; first < a->count; first += BLOCK)
        if (!same_values(a, b, first, a->count - first < BLOCK ? a->count - first : BLOCK, x, y))
            return false;
    return true;
}

void clade_adapter_check(const clade_adapter *adapter, const clade_checkpoint *base, clade_problems *problems)
{
    enum { MOST_LINES = 10 };
    size_t misfits = 0;
    char quoted[CLADE_IO_QUOTE];
    for (size_t i = 0; i < adapter->count; i++) {
        clade_text line = {0};
        if (misfit(&adapter->modules[i].shown, base, &line) && ++misfits <= MOST_LINES)
            clade_problem(problems, "%s: %s", adapter->path, clade_text_get(&line));
        clade_text_free(&line);
    }
    for (size_t i = 0; i < adapter->n_copies; i++) {
        const char *tensor = adapter->copies[i].tensor;
        if (!is_faithful(&adapter->copies[i], base) && ++misfits <= MOST_LINES)
            clade_problem(problems, "%s: tensor %s: the adapter's own copy of it is not what the base has",
                          adapter->path, clade_io_quote(tensor, strlen(tensor), quoted));
    }
    if (misfits > MOST_LINES)
        clade_problem(problems, "%s: and %zu more that do not fit", adapter->path, misfits - MOST_LINES);
    if (misfits > 0)
        clade_problem(problems, "%s: is an adapter for another base than %s%s%s", adapter->path,
                      clade_checkpoint_path(base), adapter->base_name ? ": it says that it was made for " : "",
                      adapter->base_name ? clade_io_quote(adapter->base_name, strlen(adapter->base_name), quoted) : "");
}
