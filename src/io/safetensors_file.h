/* What the files of src/io share about safetensors. */
#ifndef CLADE_IO_SAFETENSORS_FILE_H
#define CLADE_IO_SAFETENSORS_FILE_H

#include "clade/files.h"
#include "clade/safetensors.h"
#include "io/file_sum.h"

enum { CLADE_SAFETENSORS_MAX_HEADER = 100000000 };

typedef struct safetensors_entry {
    clade_tensor tensor;
    size_t name_length;
    uint64_t begin;      /* offset in the byte buffer */
    size_t first_extent; /* index into extents: they move while the header is read */
} safetensors_entry;

typedef struct safetensors_pair {
    const char *key, *value; /* borrowed from strings */
    size_t key_length, value_length;
} safetensors_pair;

struct clade_safetensors {
    clade_map map;       /* the whole file */
    bool owns_map;       /* false: the caller's bytes */
    size_t header_bytes; /* N */
    safetensors_entry *entries;
    size_t count, capacity;
    bool has_metadata;
    safetensors_pair *pairs; /* metadata */
    size_t pair_count, pair_capacity;
    uint64_t *extents; /* the shapes of all tensors */
    size_t extent_count, extent_capacity;
    char *strings; /* decoded names and metadata, each with a NUL after it */
};

/* Read the N bytes at TEXT into the (empty) lists of FILE. Of a tensor, tensor.bytes is what its data_offsets claim;
 * nothing is checked against the size of the file yet. NAME stands for the file in messages. */
clade_status clade_io_read_header(const unsigned char *text, size_t length, const char *name,
                                  clade_safetensors *file) CLADE_CHECK_RESULT;

/* Length and checksum of the file that WRITER makes; the sum is complete once every byte was put. */
uint64_t clade_io_writer_bytes(const clade_safetensors_writer *writer);
clade_io_sum clade_io_writer_sum(const clade_safetensors_writer *writer);

#endif
