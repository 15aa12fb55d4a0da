#include "io/bytes.h"

#include <stdio.h>
#include <string.h>

bool clade_io_multiply(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

const char *clade_io_tensor_size(clade_dtype dtype, const uint64_t *shape, size_t rank, uint64_t *count,
                                 uint64_t *bytes)
{
    uint64_t elements = 1, bits;
    for (size_t i = 0; i < rank; i++)
        if (!clade_io_multiply(elements, shape[i], &elements))
            return "the product of its extents overflows 64 bits";
    if (!clade_io_multiply(elements, clade_dtype_of(dtype)->bits, &bits))
        return "its size in bits overflows 64 bits";
    if (bits % 8 != 0)
        return "its elements do not end at a byte boundary";
    *count = elements;
    *bytes = bits / 8;
    return NULL;
}

int clade_io_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common ? memcmp(a, b, common) : 0;
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

const char *clade_io_quote(const char *name, size_t length, char out[CLADE_IO_QUOTE])
{
    enum { MAX_BYTES = 120 };
    char *end = out;
    *end++ = '"';
    for (size_t i = 0; i < length && i < MAX_BYTES; i++) {
        unsigned char byte = (unsigned char)name[i];
        if (byte < 0x20 || byte > 0x7E)
            end += snprintf(end, 5, "\\x%02x", byte);
        else if (byte == '"' || byte == '\\')
            end += snprintf(end, 3, "\\%c", byte);
        else
            *end++ = (char)byte;
    }
    snprintf(end, 5, length > MAX_BYTES ? "...\"" : "\"");
    return out;
}
