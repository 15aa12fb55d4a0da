/* Writing safetensors, byte for byte as the reference does (safetensors 0.8, tensor.rs, prepare): tensors by dtype in
 * reverse order of declaration, which is from the widest elements to the narrowest and so aligns them all, then by
 * name. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/safetensors.h"
#include "clade/text.h"
#include "io/bytes.h"
#include "io/safetensors_file.h"

/* The order in which tensors are written: pointers into the caller's list. */
typedef struct write_plan {
    const clade_tensor *tensors; /* borrowed */
    const clade_tensor **order;  /* (count), owned */
    size_t count;
    size_t scratch_bytes; /* the largest tensor that has to be produced */
} write_plan;

static int by_dtype_and_name(const void *a, const void *b)
{
    const clade_tensor *x = *(const clade_tensor *const *)a, *y = *(const clade_tensor *const *)b;
    if (x->dtype != y->dtype)
        return x->dtype > y->dtype ? -1 : 1;
    return strcmp(x->name, y->name); /* compares as unsigned bytes */
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const clade_tensor *const *)a)->name, (*(const clade_tensor *const *)b)->name);
}

static clade_status check_tensor(const clade_tensor *tensor, bool can_produce, const char *path)
{
    char quoted[CLADE_IO_QUOTE];
    uint64_t count, bytes;
    size_t length = strlen(tensor->name);
    clade_io_quote(tensor->name, length, quoted);
    if (strcmp(tensor->name, "__metadata__") == 0)
        return clade_fail(CLADE_EINPUT, "%s: a tensor cannot be named %s, which is the format's own", path, quoted);
    if (clade_io_utf8_valid(tensor->name, length) != length)
        return clade_fail(CLADE_EINPUT, "%s: tensor %s: its name is not valid UTF-8", path, quoted);
    const char *wrong = clade_io_tensor_size(tensor->dtype, tensor->shape, tensor->rank, &count, &bytes);
    if (wrong)
        return clade_fail(CLADE_EINPUT, "%s: tensor %s: %s", path, quoted, wrong);
    if (bytes != tensor->bytes)
        return clade_fail(CLADE_EINTERNAL, "%s: tensor %s: has %zu bytes, expected %" PRIu64 " for its shape", path,
                          quoted, tensor->bytes, bytes);
    if (bytes != 0 && !tensor->data && !can_produce)
        return clade_fail(CLADE_EINTERNAL, "%s: tensor %s: has no data and nothing makes them", path, quoted);
    return CLADE_OK;
}

static clade_status make_plan(const char *path, const clade_tensor *tensors, size_t count, bool can_produce,
                              write_plan *plan)
{
    char quoted[CLADE_IO_QUOTE];
    plan->tensors = tensors;
    plan->count = count;
    plan->order = clade_calloc(count, sizeof *plan->order);
    if (!plan->order)
        return clade_fail_memory(count * sizeof *plan->order, "the order of tensors");
    for (size_t i = 0; i < count; i++) {
        CLADE_TRY(check_tensor(&tensors[i], can_produce, path));
        plan->order[i] = &tensors[i];
        if (!tensors[i].data && tensors[i].bytes > plan->scratch_bytes)
            plan->scratch_bytes = tensors[i].bytes;
    }
    qsort(plan->order, count, sizeof *plan->order, by_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(plan->order[i - 1]->name, plan->order[i]->name) == 0)
            return clade_fail(CLADE_EINPUT, "%s: two tensors are named %s", path,
                              clade_io_quote(plan->order[i]->name, strlen(plan->order[i]->name), quoted));
    qsort(plan->order, count, sizeof *plan->order, by_dtype_and_name);
    return CLADE_OK;
}

/* As serde_json escapes: the short forms where there are any, other control bytes as \u00xx, the rest as it is. */
static void append_string(clade_text *text, const char *string)
{
    static const char special[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    clade_text_append_bytes(text, "\"", 1);
    for (const char *p = string; *p; p++) {
        const char *known = strchr(special, *p);
        if (known)
            clade_text_append(text, "\\%c", letters[known - special]);
        else if ((unsigned char)*p < 0x20)
            clade_text_append(text, "\\u%04x", (unsigned)*p);
        else
            clade_text_append_bytes(text, p, 1);
    }
    clade_text_append_bytes(text, "\"", 1);
}

static clade_status make_header(const char *path, const write_plan *plan, clade_text *text)
{
    uint64_t end = 0;
    clade_text_append(text, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < plan->count; i++) {
        const clade_tensor *tensor = plan->order[i];
        uint64_t begin = end;
        if (__builtin_add_overflow(begin, (uint64_t)tensor->bytes, &end))
            return clade_fail(CLADE_EINPUT, "%s: all tensors together have more than 2^64 bytes", path);
        clade_text_append(text, ",");
        append_string(text, tensor->name);
        clade_text_append(text, ":{\"dtype\":\"%s\",\"shape\":[", clade_dtype_of(tensor->dtype)->name);
        for (size_t d = 0; d < tensor->rank; d++)
            clade_text_append(text, d ? ",%" PRIu64 : "%" PRIu64, tensor->shape[d]);
        clade_text_append(text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", begin, end);
    }
    clade_text_append(text, "}");
    while (text->length % 8 != 0 && !text->failed)
        clade_text_append(text, " ");
    CLADE_TRY(clade_text_status(text));
    if (text->length > CLADE_SAFETENSORS_MAX_HEADER)
        return clade_fail(CLADE_EINPUT, "%s: the header would have %zu bytes, the format allows %d", path, text->length,
                          CLADE_SAFETENSORS_MAX_HEADER);
    return CLADE_OK;
}

static clade_status write_header(clade_output *output, const clade_text *header)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    CLADE_TRY(clade_output_write(output, length, sizeof length));
    return clade_output_write(output, clade_text_get(header), header->length);
}

static clade_status write_tensors(clade_output *output, const write_plan *plan, clade_produce produce, void *context)
{
    clade_status status = CLADE_OK;
    void *scratch = clade_malloc(plan->scratch_bytes);
    if (!scratch)
        return clade_fail_memory(plan->scratch_bytes, "the largest tensor");
    for (size_t i = 0; i < plan->count && status == CLADE_OK; i++) {
        const clade_tensor *tensor = plan->order[i];
        const void *data = tensor->data;
        if (!data && tensor->bytes != 0) {
            status = produce(context, (size_t)(tensor - plan->tensors), scratch);
            data = scratch;
        }
        if (status == CLADE_OK)
            status = clade_output_write(output, data, tensor->bytes);
    }
    clade_free(scratch);
    return status;
}

static clade_status write_file(const char *path, const write_plan *plan, const clade_text *header,
                               clade_produce produce, void *context)
{
    clade_output *output;
    CLADE_TRY(clade_output_open(path, &output));
    clade_status status = write_header(output, header);
    if (status == CLADE_OK)
        status = write_tensors(output, plan, produce, context);
    if (status != CLADE_OK) {
        clade_output_abandon(output);
        return status;
    }
    return clade_output_commit(output);
}

clade_status clade_safetensors_write(const char *path, const clade_tensor *tensors, size_t count, clade_produce produce,
                                     void *context)
{
    write_plan plan = {0};
    clade_text header = {0};
    clade_status status = make_plan(path, tensors, count, produce != NULL, &plan);
    if (status == CLADE_OK)
        status = make_header(path, &plan, &header);
    if (status == CLADE_OK)
        status = write_file(path, &plan, &header, produce, context);
    clade_text_free(&header);
    clade_free(plan.order);
    return status;
}
