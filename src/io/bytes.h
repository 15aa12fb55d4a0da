/* Shared by the files of src/io: exact sizes, UTF-8, and foreign bytes in messages. */
#ifndef CLADE_IO_BYTES_H
#define CLADE_IO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/tensor.h"

/* *PRODUCT = A * B; false when that does not fit in 64 bits. */
bool clade_io_multiply(uint64_t a, uint64_t b, uint64_t *product);

/* Elements and bytes of a tensor, the product taken from left to right, so that [0, 2^63, 2^63] is empty and
 * [2^63, 2^63, 0] is an overflow, as in the reference implementation. NULL, or what is wrong with it. */
const char *clade_io_tensor_size(clade_dtype dtype, const uint64_t *shape, size_t rank, uint64_t *count,
                                 uint64_t *bytes);

/* Compare two byte strings; a proper prefix comes first. */
int clade_io_compare(const void *a, size_t a_size, const void *b, size_t b_size);

/* NAME in double quotes, safe to print: anything but printable ASCII as \xNN, and "..." after 120 bytes. Returns OUT.
 */
enum { CLADE_IO_QUOTE = 512 };
const char *clade_io_quote(const char *name, size_t length, char out[CLADE_IO_QUOTE]);

#endif
