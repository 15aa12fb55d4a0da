#include "io/checkpoint_index.h"

#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "io/bytes.h"

/* What is wrong with a shard's name, or NULL. It comes from a file somebody else wrote, and is opened: so it must stay
 * in the folder, on every operating system that may read the same folder. */
static const char *wrong_shard_name(const char *name)
{
    static const char suffix[] = ".safetensors";
    size_t length = strlen(name), suffix_length = sizeof suffix - 1;
    if (strpbrk(name, "/\\:") || strstr(name, ".."))
        return "leaves the folder of the index";
    if (length <= suffix_length || strcmp(name + length - suffix_length, suffix) != 0)
        return "does not end in .safetensors";
    return NULL;
}

static int by_tensor(const void *a, const void *b)
{
    return strcmp(((const clade_io_place *)a)->tensor, ((const clade_io_place *)b)->tensor);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_place(const clade_json_at *at, clade_problems *problems, clade_io_place *place)
{
    char quoted[CLADE_IO_QUOTE];
    place->tensor = clade_json_key(at);
    if (!clade_json_string(at, problems, &place->shard))
        return;
    const char *wrong = wrong_shard_name(place->shard);
    if (wrong)
        clade_json_problem(at, problems, "shard name %s %s", clade_io_quote(place->shard, strlen(place->shard), quoted),
                           wrong);
}

static clade_status read_places(const clade_json_at *map, clade_io_index *index)
{
    clade_problems problems = {0};
    index->places = clade_calloc(index->count, sizeof *index->places);
    index->shards = clade_calloc(index->count, sizeof *index->shards);
    if (!index->places || !index->shards)
        return clade_fail_memory(index->count * sizeof *index->places, "the index of shards");
    for (size_t i = 0; i < index->count; i++) {
        clade_json_at item = clade_json_item(map, i);
        read_place(&item, &problems, &index->places[i]);
        index->shards[i] = index->places[i].shard;
    }
    return clade_problems_end(&problems, CLADE_EINPUT);
}

clade_status clade_io_index_read(const char *path, clade_io_index *index)
{
    clade_problems problems = {0};
    *index = (clade_io_index){0};
    CLADE_TRY(clade_json_read(path, CLADE_EINPUT, &index->document));
    clade_json_at root = clade_json_root(index->document), map = clade_json_member(&root, "weight_map");
    if (clade_json_is(&map, &problems, CLADE_JSON_OBJECT) && clade_json_size(&map) == 0)
        clade_json_problem(&map, &problems, "names no tensor, expected at least one");
    CLADE_TRY(clade_problems_end(&problems, CLADE_EINPUT));
    index->count = clade_json_size(&map);
    CLADE_TRY(read_places(&map, index));
    qsort(index->places, index->count, sizeof *index->places, by_tensor);
    qsort(index->shards, index->count, sizeof *index->shards, by_text);
    for (size_t i = 0; i < index->count; i++)
        if (i == 0 || strcmp(index->shards[i], index->shards[index->n_shards - 1]) != 0)
            index->shards[index->n_shards++] = index->shards[i];
    return CLADE_OK;
}

void clade_io_index_free(clade_io_index *index)
{
    clade_json_free(index->document);
    clade_free(index->places);
    clade_free(index->shards);
    *index = (clade_io_index){0};
}
