/* The hash of a checkpoint, as clade/checkpoint.h defines it: chunks in any order, then what they add up to. */
#include "io/checkpoint_hash.h"

#include <string.h>

#include "clade/alloc.h"

typedef unsigned char digest[CLADE_SHA256_BYTES];

size_t clade_tensor_chunks(const clade_tensor *tensor)
{
    return tensor->count / CLADE_CHUNK_ELEMENTS + (tensor->count % CLADE_CHUNK_ELEMENTS != 0);
}

/* The bytes of a chunk. 2^20 elements end at a byte boundary whatever their size is. */
static void chunk_range(const clade_tensor *tensor, size_t chunk, uint64_t *first, uint64_t *bytes)
{
    uint64_t most = (uint64_t)CLADE_CHUNK_ELEMENTS / 8 * clade_dtype_of(tensor->dtype)->bits;
    *first = chunk * most;
    *bytes = tensor->bytes - *first < most ? tensor->bytes - *first : most;
}

void clade_chunk_digest(const clade_tensor *tensor, size_t chunk, unsigned char out[CLADE_SHA256_BYTES])
{
    uint64_t first, bytes;
    clade_sha256 hash;
    chunk_range(tensor, chunk, &first, &bytes);
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, (const unsigned char *)tensor->data + first, (size_t)bytes);
    clade_sha256_final(&hash, out);
}

typedef struct tree {
    const clade_checkpoint *checkpoint;
    size_t *first_chunk; /* (tensors + 1): numbers of the chunks of all tensors */
    digest *chunks;      /* (first_chunk[tensors]) */
} tree;

/* The tensor that chunk number CHUNK is in: the last one that begins at or before it and is not empty. */
static size_t tensor_of(const tree *t, size_t chunk)
{
    size_t low = 0, high = clade_checkpoint_count(t->checkpoint);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (t->first_chunk[middle] <= chunk)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Small tensors share their pages, and are not worth the system calls. */
static clade_status hash_chunk(void *context, size_t index, size_t thread)
{
    enum { WORTH_RELEASING = 1 << 16 };
    const tree *t = context;
    uint64_t first, bytes;
    size_t i = tensor_of(t, index), chunk = index - t->first_chunk[i];
    const clade_tensor *tensor = clade_checkpoint_at(t->checkpoint, i);
    (void)thread;
    chunk_range(tensor, chunk, &first, &bytes);
    if (bytes >= WORTH_RELEASING)
        CLADE_TRY(clade_checkpoint_populate(t->checkpoint, tensor, first, bytes));
    clade_chunk_digest(tensor, chunk, t->chunks[index]);
    if (bytes >= WORTH_RELEASING)
        clade_checkpoint_release(t->checkpoint, tensor, first, bytes);
    return CLADE_OK;
}

static void hash_u64(clade_sha256 *hash, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    clade_sha256_update(hash, bytes, sizeof bytes);
}

/* The root of the tree from its leaves. */
static void hash_tensors(const tree *t, char hex[CLADE_SHA256_HEX])
{
    clade_sha256 hash, inner;
    digest of_tensor;
    clade_sha256_init(&hash);
    for (size_t i = 0; i < clade_checkpoint_count(t->checkpoint); i++) {
        const clade_tensor *tensor = clade_checkpoint_at(t->checkpoint, i);
        const char *dtype = clade_dtype_of(tensor->dtype)->name;
        clade_sha256_init(&inner);
        clade_sha256_update(&inner, t->chunks + t->first_chunk[i], clade_tensor_chunks(tensor) * sizeof(digest));
        clade_sha256_final(&inner, of_tensor);
        clade_sha256_update(&hash, tensor->name, strlen(tensor->name) + 1);
        clade_sha256_update(&hash, dtype, strlen(dtype) + 1);
        hash_u64(&hash, tensor->rank);
        for (size_t d = 0; d < tensor->rank; d++)
            hash_u64(&hash, tensor->shape[d]);
        clade_sha256_update(&hash, of_tensor, sizeof of_tensor);
    }
    clade_sha256_hex(&hash, hex);
}

clade_status clade_io_checkpoint_hash(const clade_checkpoint *checkpoint, clade_team *team, char hex[CLADE_SHA256_HEX])
{
    size_t count = clade_checkpoint_count(checkpoint);
    tree t = {.checkpoint = checkpoint, .first_chunk = clade_calloc(count + 1, sizeof *t.first_chunk)};
    if (!t.first_chunk)
        return clade_fail_memory((count + 1) * sizeof *t.first_chunk, "the chunks of a checkpoint");
    for (size_t i = 0; i < count; i++)
        t.first_chunk[i + 1] = t.first_chunk[i] + clade_tensor_chunks(clade_checkpoint_at(checkpoint, i));
    clade_status status = CLADE_OK;
    t.chunks = clade_calloc(t.first_chunk[count], sizeof *t.chunks);
    if (!t.chunks)
        status = clade_fail_memory(t.first_chunk[count] * sizeof *t.chunks, "the digests of a checkpoint");
    if (status == CLADE_OK)
        status = clade_team_run(team, t.first_chunk[count], hash_chunk, &t);
    if (status == CLADE_OK)
        hash_tensors(&t, hex);
    clade_free(t.chunks);
    clade_free(t.first_chunk);
    return status;
}
