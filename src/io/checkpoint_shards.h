/* Which tensors go into which shard. */
#ifndef CLADE_IO_CHECKPOINT_SHARDS_H
#define CLADE_IO_CHECKPOINT_SHARDS_H

#include "clade/hash.h"
#include "clade/tensor.h"
#include "clade/text.h"

/* Take a tensor of BYTES, the next by name, into a shard that holds *FILLED (0: none yet) of at most SHARD_BYTES (0: 5 GB);
 * true when it begins a new one instead. */
bool clade_io_shard_takes_new(uint64_t shard_bytes, uint64_t bytes, uint64_t *filled);

typedef struct clade_io_shards {
    size_t count;
    clade_tensor *tensors; /* (count), owned: the caller's in the order of names; names and shapes borrowed */
    size_t *index;         /* (count), owned: where tensors[i] is in the caller's list */
    size_t *place;         /* (count), owned: the other way round */
    size_t *shard;         /* (count), owned: of tensors[i] */
    size_t *first;         /* (n_shards + 1), owned: the first tensor of each shard, then count */
    size_t n_shards;       /* at least one */
} clade_io_shards;

/* Tensors in the order of their names fill one shard after the other; a new one begins before the tensor that would
 * take it above SHARD_BYTES (0: 5 GB). CLADE_EINPUT for two of one name; OUT is for messages. clade_io_shards_free is
 * due in every case. */
clade_status clade_io_shards_plan(const char *out, const clade_tensor *tensors, size_t count, uint64_t shard_bytes,
                                  clade_io_shards *shards) CLADE_CHECK_RESULT;
void clade_io_shards_free(clade_io_shards *shards);

/* The file of a shard, "model-00001-of-00003.safetensors" or "model.safetensors", and the name it has until the whole
 * checkpoint is finished. Returns NAME. */
enum { CLADE_IO_SHARD_NAME = 96 };
const char *clade_io_shard_name(const clade_io_shards *shards, size_t shard, char name[CLADE_IO_SHARD_NAME]);
const char *clade_io_shard_part(const clade_io_shards *shards, size_t shard, char name[CLADE_IO_SHARD_NAME]);
/* The shard whose name or part's name NAME is, or n_shards. */
size_t clade_io_shard_of(const clade_io_shards *shards, const char *name);

/* Append model.safetensors.index.json to TEXT. */
void clade_io_shards_index(const clade_io_shards *shards, clade_text *text);
/* SHA-256 of IDENTITY and of everything that says which bytes of a shard mean what. */
void clade_io_shards_hash(const clade_io_shards *shards, const char *identity, char hex[CLADE_SHA256_HEX]);

#endif
