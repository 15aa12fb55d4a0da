/* Whatever the bytes: no crash, no leak, and what is accepted is consistent: every view inside the bytes, side by side
 * without holes, names in strict order and found again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int law)
{
    if (!law)
        abort();
}

/* Tensor I against the file it is in; its bytes. */
static size_t check_tensor(const clade_safetensors *file, size_t i, const uint8_t *data, size_t size)
{
    const clade_tensor *tensor = clade_safetensors_at(file, i);
    size_t buffer = 8 + clade_safetensors_header_bytes(file), length = clade_safetensors_name_length(file, i);
    check(tensor->bytes <= size - buffer && clade_safetensors_begin(file, i) <= size - buffer - tensor->bytes);
    check(tensor->data == data + buffer + clade_safetensors_begin(file, i));
    check(tensor->count == 0 || tensor->bytes >= tensor->count / 2);
    check(strlen(tensor->name) != length || clade_safetensors_find(file, tensor->name) == tensor);
    if (i > 0) {
        const clade_tensor *before = clade_safetensors_at(file, i - 1);
        size_t shorter = clade_safetensors_name_length(file, i - 1);
        int order = memcmp(before->name, tensor->name, shorter < length ? shorter : length);
        check(order < 0 || (order == 0 && shorter < length));
    }
    return tensor->bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clade_safetensors *file;
    if (clade_safetensors_scan(data, size, "fuzz", &file) == CLADE_OK) {
        size_t total = 8 + clade_safetensors_header_bytes(file);
        for (size_t i = 0; i < clade_safetensors_count(file); i++)
            total += check_tensor(file, i, data, size);
        check(total == size);
        for (size_t i = 0; i < clade_safetensors_metadata_count(file); i++) {
            check(clade_safetensors_metadata_key(file, i)[clade_safetensors_metadata_key_length(file, i)] == '\0');
            check(clade_safetensors_metadata_value(file, i)[clade_safetensors_metadata_value_length(file, i)] == '\0');
        }
    } else {
        check(file == NULL && clade_error_message()[0] != '\0');
    }
    clade_safetensors_close(file);
    check(clade_alloc_live() == 0);
    return 0;
}
