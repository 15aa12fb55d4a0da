/* safetensors: a strict scanner over a read-only map, and atomic writers.
 *
 * Layout: u64 little-endian N, N bytes of UTF-8 JSON, byte buffer. The header is scanned by a parser of our own for
 * this one grammar (exact u64, no floats, no recursion); cJSON accepts what the format forbids. Strict where the
 * reference implementation is laxer than the format's text: white space before '{', padding other than 0x20, duplicate
 * names or metadata keys, metadata that is null, and records or dtypes in array or object form are refused with a
 * message. Unknown fields of a record are checked and ignored, as by the reference: the format's text does not forbid
 * them.
 *
 * Names and metadata with a NUL in them are legal here: a C string is cut at the first one, the _length functions tell.
 * (The checkpoint reader refuses such names.)
 *
 * Laws: verdicts and fields equal ../shared/golden/safetensors; no allocation is larger than a small multiple of the
 * header's own bytes. */
#ifndef CLADE_SAFETENSORS_H
#define CLADE_SAFETENSORS_H

#include "clade/status.h"
#include "clade/tensor.h"

typedef struct clade_safetensors clade_safetensors;

/* Map PATH and check it whole: CLADE_EINPUT names the file, the byte offset or tensor, found and expected. */
clade_status clade_safetensors_open(const char *path, clade_safetensors **file) CLADE_CHECK_RESULT;
/* The same for bytes in memory (borrowed while FILE lives); NAME stands for the path. For tests and fuzzing. */
clade_status clade_safetensors_scan(const void *bytes, size_t size, const char *name,
                                    clade_safetensors **file) CLADE_CHECK_RESULT;
void clade_safetensors_close(clade_safetensors *file);

size_t clade_safetensors_count(const clade_safetensors *file);
/* Tensor INDEX, sorted by the UTF-8 bytes of the name. The view lives as long as FILE. */
const clade_tensor *clade_safetensors_at(const clade_safetensors *file, size_t index);
/* Bytes of its name, which may contain NUL. */
size_t clade_safetensors_name_length(const clade_safetensors *file, size_t index);
const clade_tensor *clade_safetensors_find(const clade_safetensors *file, const char *name); /* NULL: not there */
size_t clade_safetensors_header_bytes(const clade_safetensors *file);                        /* N */
/* Offset of a tensor's first byte in the byte buffer. */
uint64_t clade_safetensors_begin(const clade_safetensors *file, size_t index);
/* The pairs of "__metadata__", sorted by key; the lengths count inner NULs. */
size_t clade_safetensors_metadata_count(const clade_safetensors *file);
const char *clade_safetensors_metadata_key(const clade_safetensors *file, size_t index);
const char *clade_safetensors_metadata_value(const clade_safetensors *file, size_t index);
size_t clade_safetensors_metadata_key_length(const clade_safetensors *file, size_t index);
size_t clade_safetensors_metadata_value_length(const clade_safetensors *file, size_t index);

/* Write COUNT tensors (names unique, any order) to PATH atomically, in the order and layout of the reference writer: by
 * dtype reversed, then name; metadata first ({"format":"pt"}); header padded with 0x20 to a multiple of 8, so all data
 * are aligned. CLADE_EINPUT for a name "__metadata__" or a duplicate. Law: same tensors, same bytes as the Python
 * package.
 *
 * A tensor's view has either its bytes, or NULL data and PRODUCE (may be NULL) makes them: called once per tensor
 * without data (but with bytes), in file order, with its index in TENSORS. */
typedef clade_status (*clade_produce)(void *context, size_t index, void *out);
clade_status clade_safetensors_write(const char *path, const clade_tensor *tensors, size_t count, clade_produce produce,
                                     void *context) CLADE_CHECK_RESULT;

/* The same file written in pieces, from several threads. _open lays the file out, takes its space on the disk and
 * writes the header; the data of TENSORS are not looked at, the rest is borrowed until the writer is gone. Law: whatever
 * the pieces and their order are, the file is the one that clade_safetensors_write writes. */
typedef struct clade_safetensors_writer clade_safetensors_writer;
clade_status clade_safetensors_writer_open(const char *path, const clade_tensor *tensors, size_t count,
                                           clade_safetensors_writer **writer) CLADE_CHECK_RESULT;
/* BYTES of tensor INDEX from its byte FIRST_BYTE on. Any thread; every byte of every tensor once. */
clade_status clade_safetensors_writer_put(clade_safetensors_writer *writer, size_t index, uint64_t first_byte,
                                          const void *data, size_t bytes) CLADE_CHECK_RESULT;
/* Put the file in its place and free the writer; CLADE_EINTERNAL when not all bytes were put. On failure the temporary
 * file is removed and the writer freed too. */
clade_status clade_safetensors_writer_commit(clade_safetensors_writer *writer) CLADE_CHECK_RESULT;
void clade_safetensors_writer_abandon(clade_safetensors_writer *writer); /* accepts NULL */

#endif
