#include "io/checkpoint_shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/json.h"
#include "io/bytes.h"

static const uint64_t default_shard_bytes = UINT64_C(5000000000); /* as huggingface_hub and mergekit */
static const char part_suffix[] = ".part";

static int by_name(const void *a, const void *b, void *tensors)
{
    const clade_tensor *list = tensors;
    return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

static clade_status take_lists(size_t count, clade_io_shards *shards)
{
    *shards = (clade_io_shards){.count = count,
                                .tensors = clade_calloc(count, sizeof *shards->tensors),
                                .index = clade_calloc(count, sizeof *shards->index),
                                .place = clade_calloc(count, sizeof *shards->place),
                                .shard = clade_calloc(count, sizeof *shards->shard)};
    if (!shards->tensors || !shards->index || !shards->place || !shards->shard)
        return clade_fail_memory(count * sizeof *shards->tensors, "the order of tensors");
    return CLADE_OK;
}

static clade_status list_firsts(clade_io_shards *shards)
{
    shards->first = clade_calloc(shards->n_shards + 1, sizeof *shards->first);
    if (!shards->first)
        return clade_fail_memory((shards->n_shards + 1) * sizeof *shards->first, "the list of shards");
    for (size_t i = shards->count; i > 0; i--)
        shards->first[shards->shard[i - 1]] = i - 1;
    shards->first[shards->n_shards] = shards->count;
    return CLADE_OK;
}

bool clade_io_shard_takes_new(uint64_t shard_bytes, uint64_t bytes, uint64_t *filled)
{
    uint64_t limit = shard_bytes ? shard_bytes : default_shard_bytes;
    bool next = *filled != 0 && bytes > (limit > *filled ? limit - *filled : 0);
    *filled = next ? bytes : *filled + bytes;
    return next;
}

clade_status clade_io_shards_plan(const char *out, const clade_tensor *tensors, size_t count, uint64_t shard_bytes,
                                  clade_io_shards *shards)
{
    char quoted[CLADE_IO_QUOTE];
    uint64_t filled = 0;
    CLADE_TRY(take_lists(count, shards));
    for (size_t i = 0; i < count; i++)
        shards->index[i] = i;
    qsort_r(shards->index, count, sizeof *shards->index, by_name, (void *)(uintptr_t)tensors);
    shards->n_shards = 1;
    for (size_t i = 0; i < count; i++) {
        const clade_tensor *tensor = &tensors[shards->index[i]];
        if (i > 0 && strcmp(tensor->name, shards->tensors[i - 1].name) == 0)
            return clade_fail(CLADE_EINPUT, "%s: two tensors are named %s", out,
                              clade_io_quote(tensor->name, strlen(tensor->name), quoted));
        shards->n_shards += clade_io_shard_takes_new(shard_bytes, tensor->bytes, &filled);
        shards->tensors[i] = *tensor;
        shards->place[shards->index[i]] = i;
        shards->shard[i] = shards->n_shards - 1;
    }
    return list_firsts(shards);
}

void clade_io_shards_free(clade_io_shards *shards)
{
    clade_free(shards->tensors);
    clade_free(shards->index);
    clade_free(shards->place);
    clade_free(shards->shard);
    clade_free(shards->first);
    *shards = (clade_io_shards){0};
}

const char *clade_io_shard_name(const clade_io_shards *shards, size_t shard, char name[CLADE_IO_SHARD_NAME])
{
    if (shards->n_shards == 1)
        snprintf(name, CLADE_IO_SHARD_NAME, "model.safetensors");
    else
        snprintf(name, CLADE_IO_SHARD_NAME, "model-%05zu-of-%05zu.safetensors", shard + 1, shards->n_shards);
    return name;
}

const char *clade_io_shard_part(const clade_io_shards *shards, size_t shard, char name[CLADE_IO_SHARD_NAME])
{
    clade_io_shard_name(shards, shard, name);
    strcat(name, part_suffix);
    return name;
}

size_t clade_io_shard_of(const clade_io_shards *shards, const char *name)
{
    char expected[CLADE_IO_SHARD_NAME];
    size_t number = 1;
    if (shards->n_shards > 1 && (sscanf(name, "model-%19zu-of-", &number) != 1 || number == 0))
        return shards->n_shards;
    if (number > shards->n_shards)
        return shards->n_shards;
    bool known = strcmp(name, clade_io_shard_name(shards, number - 1, expected)) == 0 ||
                 strcmp(name, clade_io_shard_part(shards, number - 1, expected)) == 0;
    return known ? number - 1 : shards->n_shards;
}

void clade_io_shards_index(const clade_io_shards *shards, clade_text *text)
{
    char name[CLADE_IO_SHARD_NAME];
    uint64_t bytes = 0, parameters = 0;
    for (size_t i = 0; i < shards->count; i++) {
        bytes += shards->tensors[i].bytes;
        parameters += shards->tensors[i].count;
    }
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_object(&writer, "metadata");
    clade_json_put_u64(&writer, "total_parameters", parameters);
    clade_json_put_u64(&writer, "total_size", bytes);
    clade_json_end_object(&writer);
    clade_json_begin_object(&writer, "weight_map");
    for (size_t i = 0; i < shards->count; i++)
        clade_json_put_string(&writer, shards->tensors[i].name, clade_io_shard_name(shards, shards->shard[i], name));
    clade_json_end_object(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

void clade_io_shards_hash(const clade_io_shards *shards, const char *identity, char hex[CLADE_SHA256_HEX])
{
    clade_sha256 hash;
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, identity, strlen(identity) + 1);
    for (size_t i = 0; i < shards->count; i++) {
        const clade_tensor *tensor = &shards->tensors[i];
        const uint64_t numbers[] = {tensor->dtype, shards->shard[i], tensor->rank};
        clade_sha256_update(&hash, tensor->name, strlen(tensor->name) + 1);
        clade_sha256_update(&hash, numbers, sizeof numbers);
        clade_sha256_update(&hash, tensor->shape, tensor->rank * sizeof *tensor->shape);
    }
    clade_sha256_hex(&hash, hex);
}
