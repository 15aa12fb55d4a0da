/* Writing safetensors, byte for byte as the reference does (safetensors 0.8, tensor.rs, prepare): tensors by dtype in
 * reverse order of declaration, which is from the widest elements to the narrowest and so aligns them all, then by
 * name. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/safetensors.h"
#include "clade/text.h"
#include "clade/utf8.h"
#include "io/bytes.h"
#include "io/safetensors_file.h"

struct clade_safetensors_writer {
    char *path;                  /* owned */
    clade_output *output;        /* owned */
    const clade_tensor *tensors; /* (count), borrowed */
    size_t count;
    const clade_tensor **order; /* (count), owned: pointers into tensors, in file order */
    uint64_t *begin;            /* (count), owned: where tensors[i] begins in the file */
    uint64_t header_bytes;      /* with the 8 of its length */
    uint64_t data_bytes;        /* of all tensors */
    _Atomic uint64_t put_bytes; /* of them, so far */
    _Atomic uint64_t sum_low, sum_high;
};

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

static clade_status check_tensor(const clade_tensor *tensor, const char *path)
{
    char quoted[CLADE_IO_QUOTE];
    uint64_t count, bytes;
    size_t length = strlen(tensor->name);
    clade_io_quote(tensor->name, length, quoted);
    if (strcmp(tensor->name, "__metadata__") == 0)
        return clade_fail(CLADE_EINPUT, "%s: a tensor cannot be named %s, which is the format's own", path, quoted);
    if (clade_utf8_valid(tensor->name, length) != length)
        return clade_fail(CLADE_EINPUT, "%s: tensor %s: its name is not valid UTF-8", path, quoted);
    const char *wrong = clade_io_tensor_size(tensor->dtype, tensor->shape, tensor->rank, &count, &bytes);
    if (wrong)
        return clade_fail(CLADE_EINPUT, "%s: tensor %s: %s", path, quoted, wrong);
    if (bytes != tensor->bytes)
        return clade_fail(CLADE_EINTERNAL, "%s: tensor %s: has %zu bytes, expected %" PRIu64 " for its shape", path,
                          quoted, tensor->bytes, bytes);
    return CLADE_OK;
}

static clade_status make_order(clade_safetensors_writer *writer)
{
    char quoted[CLADE_IO_QUOTE];
    const clade_tensor **order = writer->order = clade_calloc(writer->count, sizeof *order);
    writer->begin = clade_calloc(writer->count, sizeof *writer->begin);
    if (!order || !writer->begin)
        return clade_fail_memory(writer->count * sizeof *order, "the order of tensors");
    for (size_t i = 0; i < writer->count; i++) {
        CLADE_TRY(check_tensor(&writer->tensors[i], writer->path));
        order[i] = &writer->tensors[i];
    }
    qsort(order, writer->count, sizeof *order, by_name);
    for (size_t i = 1; i < writer->count; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            return clade_fail(CLADE_EINPUT, "%s: two tensors are named %s", writer->path,
                              clade_io_quote(order[i]->name, strlen(order[i]->name), quoted));
    qsort(order, writer->count, sizeof *order, by_dtype_and_name);
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

/* The JSON of the header; every tensor's begin is set as an offset in the byte buffer. */
static clade_status make_json(clade_safetensors_writer *writer, clade_text *text)
{
    uint64_t end = 0;
    clade_text_append(text, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < writer->count; i++) {
        const clade_tensor *tensor = writer->order[i];
        uint64_t begin = writer->begin[tensor - writer->tensors] = end;
        if (__builtin_add_overflow(begin, (uint64_t)tensor->bytes, &end) || end > INT64_MAX)
            return clade_fail(CLADE_EINPUT, "%s: all tensors together have more than 2^63 bytes", writer->path);
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
        return clade_fail(CLADE_EINPUT, "%s: the header would have %zu bytes, the format allows %d", writer->path,
                          text->length, CLADE_SAFETENSORS_MAX_HEADER);
    writer->data_bytes = end;
    return CLADE_OK;
}

/* Write DATA into the file and add its share of the sum. Adding to LOW says by itself whether that carried, so the two
 * halves need no lock. */
static clade_status write_at(clade_safetensors_writer *writer, uint64_t offset, const void *data, size_t bytes)
{
    CLADE_TRY(clade_output_write_at(writer->output, offset, data, bytes));
    clade_io_sum share = clade_io_sum_of(offset, data, bytes);
    uint64_t before = atomic_fetch_add(&writer->sum_low, share.low);
    atomic_fetch_add(&writer->sum_high, share.high + (before + share.low < before));
    return CLADE_OK;
}

static clade_status begin_file(clade_safetensors_writer *writer)
{
    enum { LENGTH_BYTES = 8 };
    unsigned char length[LENGTH_BYTES];
    clade_text text = {0};
    clade_status status = make_json(writer, &text);
    writer->header_bytes = LENGTH_BYTES + text.length;
    for (size_t i = 0; i < writer->count; i++)
        writer->begin[i] += writer->header_bytes;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (unsigned char)((uint64_t)text.length >> (8 * i));
    if (status == CLADE_OK)
        status = clade_output_open(writer->path, &writer->output);
    if (status == CLADE_OK)
        status = clade_output_reserve(writer->output, clade_io_writer_bytes(writer));
    if (status == CLADE_OK)
        status = write_at(writer, 0, length, LENGTH_BYTES);
    if (status == CLADE_OK)
        status = write_at(writer, LENGTH_BYTES, clade_text_get(&text), text.length);
    clade_text_free(&text);
    return status;
}

clade_status clade_safetensors_writer_open(const char *path, const clade_tensor *tensors, size_t count,
                                           clade_safetensors_writer **writer)
{
    *writer = NULL;
    clade_safetensors_writer *made = clade_calloc(1, sizeof *made);
    char *name = clade_strdup(path);
    if (!made || !name) {
        clade_free(made);
        clade_free(name);
        return clade_fail_memory(sizeof *made, path);
    }
    made->path = name;
    made->tensors = tensors;
    made->count = count;
    clade_status status = make_order(made);
    if (status == CLADE_OK)
        status = begin_file(made);
    if (status != CLADE_OK) {
        clade_safetensors_writer_abandon(made);
        return status;
    }
    *writer = made;
    return CLADE_OK;
}

clade_status clade_safetensors_writer_put(clade_safetensors_writer *writer, size_t index, uint64_t first_byte,
                                          const void *data, size_t bytes)
{
    char quoted[CLADE_IO_QUOTE];
    if (index >= writer->count)
        return clade_fail(CLADE_EINTERNAL, "%s: there is no tensor %zu, only %zu", writer->path, index, writer->count);
    const clade_tensor *tensor = &writer->tensors[index];
    if (first_byte > tensor->bytes || bytes > tensor->bytes - first_byte)
        return clade_fail(CLADE_EINTERNAL, "%s: tensor %s: %zu bytes from byte %" PRIu64 " on are not in its %zu bytes",
                          writer->path, clade_io_quote(tensor->name, strlen(tensor->name), quoted), bytes, first_byte,
                          tensor->bytes);
    CLADE_TRY(write_at(writer, writer->begin[index] + first_byte, data, bytes));
    atomic_fetch_add(&writer->put_bytes, bytes);
    return CLADE_OK;
}

uint64_t clade_io_writer_bytes(const clade_safetensors_writer *writer)
{
    return writer->header_bytes + writer->data_bytes;
}

clade_io_sum clade_io_writer_sum(const clade_safetensors_writer *writer)
{
    return (clade_io_sum){atomic_load(&writer->sum_low), atomic_load(&writer->sum_high)};
}

static void writer_free(clade_safetensors_writer *writer)
{
    clade_free(writer->path);
    clade_free(writer->order);
    clade_free(writer->begin);
    clade_free(writer);
}

clade_status clade_safetensors_writer_commit(clade_safetensors_writer *writer)
{
    uint64_t put = atomic_load(&writer->put_bytes);
    clade_status status;
    if (put != writer->data_bytes) {
        status = clade_fail(CLADE_EINTERNAL, "%s: %" PRIu64 " bytes were put, expected the %" PRIu64 " of all tensors",
                            writer->path, put, writer->data_bytes);
        clade_output_abandon(writer->output);
    } else {
        status = clade_output_commit(writer->output);
    }
    writer_free(writer);
    return status;
}

void clade_safetensors_writer_abandon(clade_safetensors_writer *writer)
{
    if (!writer)
        return;
    clade_output_abandon(writer->output);
    writer_free(writer);
}

/* All tensors in file order, those without data made in one buffer of the largest of them. */
static clade_status put_tensors(clade_safetensors_writer *writer, size_t scratch_bytes, clade_produce produce,
                                void *context)
{
    clade_status status = CLADE_OK;
    void *scratch = clade_malloc(scratch_bytes);
    if (!scratch)
        return clade_fail_memory(scratch_bytes, "the largest tensor");
    for (size_t i = 0; i < writer->count && status == CLADE_OK; i++) {
        const clade_tensor *tensor = writer->order[i];
        size_t index = (size_t)(tensor - writer->tensors);
        const void *data = tensor->data ? tensor->data : scratch;
        if (!tensor->data && tensor->bytes != 0)
            status = produce(context, index, scratch);
        if (status == CLADE_OK)
            status = clade_safetensors_writer_put(writer, index, 0, data, tensor->bytes);
    }
    clade_free(scratch);
    return status;
}

clade_status clade_safetensors_write(const char *path, const clade_tensor *tensors, size_t count, clade_produce produce,
                                     void *context)
{
    size_t scratch_bytes = 0;
    char quoted[CLADE_IO_QUOTE];
    clade_safetensors_writer *writer;
    for (size_t i = 0; i < count; i++) {
        const clade_tensor *tensor = &tensors[i];
        if (tensor->data || tensor->bytes == 0)
            continue;
        if (!produce)
            return clade_fail(CLADE_EINTERNAL, "%s: tensor %s: has no data and nothing makes them", path,
                              clade_io_quote(tensor->name, strlen(tensor->name), quoted));
        scratch_bytes = tensor->bytes > scratch_bytes ? tensor->bytes : scratch_bytes;
    }
    CLADE_TRY(clade_safetensors_writer_open(path, tensors, count, &writer));
    clade_status status = put_tensors(writer, scratch_bytes, produce, context);
    if (status != CLADE_OK) {
        clade_safetensors_writer_abandon(writer);
        return status;
    }
    return clade_safetensors_writer_commit(writer);
}
