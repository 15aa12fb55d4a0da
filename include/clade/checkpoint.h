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
#include "clade/tensor.h"

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
/* SHA-256 over the tensors (names, dtypes, shapes, bytes, sorted by name), so that resharding does not change it; hex.
 * Computed at the first call and kept. */
clade_status clade_checkpoint_hash(clade_checkpoint *checkpoint, char hex[CLADE_SHA256_HEX]) CLADE_CHECK_RESULT;

/* Options of clade_checkpoint_write. */
typedef struct clade_checkpoint_layout {
    uint64_t shard_bytes;    /* start a new shard above this many bytes of tensors; 0: 5 GB */
    const char *config_from; /* folder whose config.json, generation_config.json, preprocessor_config.json and tokenizer
                                files are copied; NULL or a single file: none. config.json is copied byte for byte but
                                for the value of "dtype" (and "torch_dtype" where it is there), which becomes the dtype
                                of most of the written elements, among F32, F16, BF16 and F64 */
    const char *card;        /* text of README.md, or NULL */
} clade_checkpoint_layout;

/* Write tensors as a Hugging Face folder. OUT must not exist (CLADE_EUSAGE); it appears whole or not at all: everything
 * is written to a sibling temporary folder that is renamed at the end. Tensors fill the shards in the order of their
 * names. PRODUCE as in clade_safetensors_write, INDEX being the index into TENSORS. */
clade_status clade_checkpoint_write(const char *out, const clade_tensor *tensors, size_t count, clade_produce produce,
                                    void *context, const clade_checkpoint_layout *layout) CLADE_CHECK_RESULT;

#endif
