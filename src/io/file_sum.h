/* A checksum of a file that is written in parts, in any order and cut anywhere.
 *
 * The sum over the file's 8-byte words w_i (little-endian, the last one padded with zeros) of w_i k_i modulo 2^128, with
 * k_i an odd number made of i. It is linear in the bytes, so every part adds its own share. One changed word always
 * changes the sum, since an odd factor is invertible; for blocks that were lost or torn the chance of not seeing it is
 * about 2^-64. No protection against somebody who means to deceive. Zeros at the end add nothing: compare the length
 * too. */
#ifndef CLADE_IO_FILE_SUM_H
#define CLADE_IO_FILE_SUM_H

#include <stddef.h>
#include <stdint.h>

typedef struct clade_io_sum {
    uint64_t low, high;
} clade_io_sum;

/* The share of BYTES of DATA that lie at OFFSET in the file. */
clade_io_sum clade_io_sum_of(uint64_t offset, const void *data, size_t bytes);
/* Add a share to the sum of a file. */
void clade_io_sum_add(clade_io_sum *sum, clade_io_sum share);

#endif
