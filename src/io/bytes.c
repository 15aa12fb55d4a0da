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

/* Length of the well-formed sequence at P with LEFT bytes, or 0. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xBF; /* bounds of the second byte */
    size_t length;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF)
        length = 2;
    else if (p[0] >= 0xE0 && p[0] <= 0xEF)
        length = 3;
    else if (p[0] >= 0xF0 && p[0] <= 0xF4)
        length = 4;
    else
        return 0;
    if (p[0] == 0xE0)
        low = 0xA0; /* shorter forms exist below */
    else if (p[0] == 0xED)
        high = 0x9F; /* surrogates */
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F; /* above U+10FFFF */
    if (left < length || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return length;
}

size_t clade_io_utf8_valid(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    size_t at = 0;
    while (at < size) {
        size_t length = sequence_length(p + at, size - at);
        if (length == 0)
            return at;
        at += length;
    }
    return size;
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
