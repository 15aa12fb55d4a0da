/* Checkpoints: a Hugging Face folder (config.json, model.safetensors or shards with model.safetensors.index.json), or a
 * single .safetensors file.
 *
 * All shards are mapped read-only; tensors are one list sorted by name. The index must agree with the shards: every
 * name in weight_map is in the shard it names, every tensor of a shard is in weight_map, else CLADE_EINPUT. Shard names
 * that leave the folder ('/', '\\', ':' or "..") or do not end in .safetensors are refused, and so is a
 * model.safetensors that lies beside an index and is not in it. Folders holding only pickles (pytorch_model.bin) are
 * refused with a message that says how to convert. */
#ifndef CLADE_CHECKPOINT_H
#define CLADE_CHECKPOINT_H

#include "clade/hash.h"
#include "clade/json.h"
#include "clade/safetensors.h"
#include "clade/team.h"
#include "clade/tensor.h"
#include "clade/text.h"

/* ---- reading ---- */

typedef struct clade_checkpoint clade_checkpoint;

clade_status clade_checkpoint_open(const char *path, clade_checkpoint **checkpoint) CLADE_CHECK_RESULT;
void clade_checkpoint_close(clade_checkpoint *checkpoint);

const char *clade_checkpoint_path(const clade_checkpoint *checkpoint);
size_t clade_checkpoint_count(const clade_checkpoint *checkpoint);
const clade_tensor *clade_checkpoint_at(const clade_checkpoint *checkpoint, size_t index); /* sorted by name */
const clade_tensor *clade_checkpoint_find(const clade_checkpoint *checkpoint, const char *name);
size_t clade_checkpoint_shards(const clade_checkpoint *checkpoint);
/* The parsed config.json, or NULL when the folder has none or this is a single file. Borrowed. */
const clade_json *clade_checkpoint_config(const clade_checkpoint *checkpoint);

/* Going through checkpoints larger than the memory: see clade_map_will_need, _populate and _release (files.h). BYTES of
 * TENSOR, one of this checkpoint's, from FIRST_BYTE on; any thread. Where touching them would raise SIGBUS,
 * _populate is CLADE_EINPUT when the file was shortened since it was opened, else CLADE_EIO: the disk fails. */
void clade_checkpoint_will_need(const clade_checkpoint *checkpoint, const clade_tensor *tensor, uint64_t first_byte,
                                uint64_t bytes);
clade_status clade_checkpoint_populate(const clade_checkpoint *checkpoint, const clade_tensor *tensor,
                                       uint64_t first_byte, uint64_t bytes) CLADE_CHECK_RESULT;
void clade_checkpoint_release(const clade_checkpoint *checkpoint, const clade_tensor *tensor, uint64_t first_byte,
                              uint64_t bytes);

/* Append a line for every file of the weights to TEXT: path, size, time of the last change. What is made from a
 * checkpoint whose lines are the same was made from the same bytes, as make(1) believes; nothing is read. */
clade_status clade_checkpoint_file_times(const clade_checkpoint *checkpoint, clade_text *text) CLADE_CHECK_RESULT;

/* ---- the hash of a checkpoint ---- */

/* A tree of SHA-256, so that it can be computed in parts; resharding does not change it.
 *
 *   chunk      = SHA-256 of the bytes of 2^20 elements of a tensor (the last chunk: of what is left)
 *   tensor     = SHA-256 of its chunks' digests, one after the other (no elements: of nothing)
 *   checkpoint = SHA-256 of, for every tensor in the order of names: the name and a NUL, the dtype's name in files and
 *                a NUL, the rank, the extents (both u64, little-endian), and the tensor's digest
 * Where each part ends follows from those before it, so different checkpoints never give the same bytes to hash. */
enum { CLADE_CHUNK_ELEMENTS = 1 << 20 };
size_t clade_tensor_chunks(const clade_tensor *tensor);
void clade_chunk_digest(const clade_tensor *tensor, size_t chunk, unsigned char digest[CLADE_SHA256_BYTES]);
/* Hex of the hash, computed at the first call and kept (not from two threads at a time). _with shares the chunks out to
 * TEAM, which may be NULL. CLADE_EINPUT when a file was shortened meanwhile. */
clade_status clade_checkpoint_hash(clade_checkpoint *checkpoint, char hex[CLADE_SHA256_HEX]) CLADE_CHECK_RESULT;
clade_status clade_checkpoint_hash_with(clade_checkpoint *checkpoint, clade_team *team,
                                        char hex[CLADE_SHA256_HEX]) CLADE_CHECK_RESULT;

/* ---- writing ---- */

/* A member of config.json to set. */
typedef struct clade_config_member {
    const char *section; /* "text_config": a member of that object; NULL: of the top level */
    const char *key;
    const char *value; /* JSON */
    bool add;          /* when the object has no such member, add it; false: leave it out */
} clade_config_member;

typedef struct clade_extra_file {
    const char *name; /* without a folder */
    const void *data;
    size_t bytes;
} clade_extra_file;

/* What lies beside the weights and how these are cut; all zero is fine. */
typedef struct clade_checkpoint_layout {
    uint64_t shard_bytes; /* start a new shard above this many bytes of tensors; 0: 5 GB */
    /* The folder whose config.json and generation_config.json are copied; NULL or a single file: none. Of config.json,
     * every byte stays but for the values set here: "dtype" (added where it is not there; and "torch_dtype" where it
     * is) to the dtype of most of the written elements, among F32, F16, BF16 and F64; then the following. */
    const char *config_from;
    /* The folder whose tokenizer and processor files are copied; NULL: config_from; a single file: none. */
    const char *files_from;
    /* Not 0: the number of layers, the value of num_hidden_layers, n_layer, n_layers or num_layers, and the number of
     * rows of the embeddings, vocab_size: wherever they are at the top level, in text_config, language_config or
     * llm_config. CLADE_EINPUT when config.json has none. */
    uint64_t layers, vocabulary;
    const clade_config_member *members; /* (n_members) */
    size_t n_members;
    const char *card;              /* text of README.md, or NULL */
    const clade_extra_file *files; /* (n_files); in the place of copied ones of the same name */
    size_t n_files;
} clade_checkpoint_layout;

/* Write tensors as a Hugging Face folder. OUT must not exist (CLADE_EUSAGE); it appears whole or not at all, and a
 * failure leaves nothing behind. Tensors fill the shards in the order of their names. PRODUCE as in
 * clade_safetensors_write, but called in the order of names. */
clade_status clade_checkpoint_write(const char *out, const clade_tensor *tensors, size_t count, clade_produce produce,
                                    void *context, const clade_checkpoint_layout *layout) CLADE_CHECK_RESULT;

/* The same in pieces, from several threads, and so that an interrupted job can go on.
 *
 * Everything is made in the folder OUT.partial, which one rename at the end makes OUT. In it finished shards have names
 * that no loader reads (model.safetensors.part), and a journal lists them with their sizes and checksums. A process that
 * is killed, or that closes the writer, leaves OUT.partial behind; the next writer for the same OUT, tensors, shards and
 * IDENTITY reads the finished shards again, keeps those whose checksum is right and has the rest redone. IDENTITY says
 * what the bytes are made from: the recipe, and the clade_checkpoint_file_times of its models. With any other one the
 * writer starts over, and says so in the log; NULL always starts over. The journal is locked: two writers for one OUT
 * exclude each other (CLADE_EUSAGE), also in one process. An OUT.partial without a journal is somebody else's:
 * CLADE_EUSAGE. (A process killed in the instant after the rename leaves the journal in OUT, .clade-journal, where it
 * does no harm.)
 *
 *   open;  for every shard that is not done: begin, put .. put, end;  finish, or close, or discard
 *
 * Law: the folder is the one clade_checkpoint_write makes, however the job was cut and interrupted. */
typedef struct clade_checkpoint_writer clade_checkpoint_writer;

/* Take OUT (CLADE_EUSAGE when it exists), write what lies beside the weights, and find what is done. CLADE_EIO when the
 * disk has no room for the rest. Of TENSORS the names and shapes are borrowed until the writer is gone; the data are not
 * looked at. */
clade_status clade_checkpoint_writer_open(const char *out, const clade_tensor *tensors, size_t count,
                                          const clade_checkpoint_layout *layout, const char *identity,
                                          clade_checkpoint_writer **writer) CLADE_CHECK_RESULT;
/* OUT.partial, for further files (clade_write_file) before _finish; what was copied may be written over. Borrowed. */
const char *clade_checkpoint_writer_folder(const clade_checkpoint_writer *writer);
size_t clade_checkpoint_writer_shards(const clade_checkpoint_writer *writer); /* at least one */
/* Shard number SHARD holds the tensors at the places *FIRST .. *LAST - 1 of the order of names; _index says which of
 * TENSORS is at a place: the same number when they were given in that order. */
void clade_checkpoint_writer_range(const clade_checkpoint_writer *writer, size_t shard, size_t *first, size_t *last);
size_t clade_checkpoint_writer_index(const clade_checkpoint_writer *writer, size_t place);
bool clade_checkpoint_writer_done(const clade_checkpoint_writer *writer, size_t shard);
/* Between _begin (which takes the shard's space on the disk) and _end (when it is safe on the disk and in the journal)
 * every byte of the shard's tensors is put once, by any thread. Several shards may be open; _begin and _end are not for
 * two threads at a time. A shard whose _end failed can be begun again. INDEX counts TENSORS. */
clade_status clade_checkpoint_writer_begin(clade_checkpoint_writer *writer, size_t shard) CLADE_CHECK_RESULT;
clade_status clade_checkpoint_writer_put(clade_checkpoint_writer *writer, size_t index, uint64_t first_byte,
                                         const void *data, size_t bytes) CLADE_CHECK_RESULT;
clade_status clade_checkpoint_writer_end(clade_checkpoint_writer *writer, size_t shard) CLADE_CHECK_RESULT;
/* All shards are done: give them their names, write the index, and rename the folder to OUT. The writer is closed either
 * way; on failure OUT.partial is still there, unless only the last sync failed: then OUT is in place and whole. */
clade_status clade_checkpoint_writer_finish(clade_checkpoint_writer *writer) CLADE_CHECK_RESULT;
/* Leave OUT.partial for later. Accepts NULL. */
void clade_checkpoint_writer_close(clade_checkpoint_writer *writer);
/* Remove OUT.partial. Accepts NULL. */
clade_status clade_checkpoint_writer_discard(clade_checkpoint_writer *writer) CLADE_CHECK_RESULT;

#endif
