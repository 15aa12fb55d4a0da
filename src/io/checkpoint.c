/* Reading checkpoints: all shards mapped, one list of tensors sorted by name. */
#include "clade/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/bytes.h"
#include "io/checkpoint_hash.h"
#include "io/checkpoint_index.h"
#include "io/safetensors_file.h"

typedef struct shard {
    char *path;              /* owned */
    const char *name;        /* the last part of path */
    clade_safetensors *file; /* owned */
} shard;

typedef struct located {
    const clade_tensor *tensor; /* borrowed from its shard */
    const shard *shard;         /* that holds it */
} located;

struct clade_checkpoint {
    char *path;    /* owned */
    shard *shards; /* (n_shards), owned */
    size_t n_shards;
    located *tensors; /* (count), owned, sorted by name */
    size_t count;
    clade_json *config;          /* owned; NULL: none */
    char hash[CLADE_SHA256_HEX]; /* "" until asked for */
};

/* Map FOLDER/NAME, or FOLDER itself when NAME is NULL, as the next shard. */
static clade_status add_shard(clade_checkpoint *checkpoint, const char *folder, const char *name)
{
    char quoted[CLADE_IO_QUOTE];
    shard *added = &checkpoint->shards[checkpoint->n_shards++];
    added->path = name ? clade_path_join(folder, name) : clade_strdup(folder);
    if (!added->path)
        return clade_fail_memory(strlen(folder), "the path of a shard");
    const char *slash = strrchr(added->path, '/');
    added->name = slash ? slash + 1 : added->path;
    CLADE_TRY(clade_safetensors_open(added->path, &added->file));
    size_t count = clade_safetensors_count(added->file);
    for (size_t i = 0; i < count; i++) {
        const clade_tensor *tensor = clade_safetensors_at(added->file, i);
        size_t length = clade_safetensors_name_length(added->file, i);
        if (strlen(tensor->name) != length)
            return clade_fail(CLADE_EINPUT, "%s: tensor %s: its name contains a NUL byte, which no model has",
                              added->path, clade_io_quote(tensor->name, length, quoted));
    }
    checkpoint->count += count;
    return CLADE_OK;
}

static clade_status add_shards(clade_checkpoint *checkpoint, const char *folder, const char *const *names, size_t count)
{
    checkpoint->shards = clade_calloc(count, sizeof *checkpoint->shards);
    if (!checkpoint->shards)
        return clade_fail_memory(count * sizeof *checkpoint->shards, "the list of shards");
    for (size_t i = 0; i < count; i++)
        CLADE_TRY(add_shard(checkpoint, folder, names ? names[i] : NULL));
    return CLADE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const located *)a)->tensor->name, ((const located *)b)->tensor->name);
}

/* One sorted list of the tensors of all shards, each name once. */
static clade_status list_tensors(clade_checkpoint *checkpoint)
{
    char quoted[CLADE_IO_QUOTE];
    located *list = checkpoint->tensors = clade_calloc(checkpoint->count, sizeof *list);
    size_t used = 0;
    if (!list)
        return clade_fail_memory(checkpoint->count * sizeof *list, "the list of tensors");
    for (size_t s = 0; s < checkpoint->n_shards; s++)
        for (size_t i = 0; i < clade_safetensors_count(checkpoint->shards[s].file); i++)
            list[used++] = (located){clade_safetensors_at(checkpoint->shards[s].file, i), &checkpoint->shards[s]};
    qsort(list, used, sizeof *list, by_name);
    for (size_t i = 1; i < used; i++)
        if (by_name(&list[i - 1], &list[i]) == 0)
            return clade_fail(CLADE_EINPUT, "%s: tensor %s: is in two shards, %s and %s", checkpoint->path,
                              clade_io_quote(list[i].tensor->name, strlen(list[i].tensor->name), quoted),
                              list[i - 1].shard->name, list[i].shard->name);
    return CLADE_OK;
}

/* The index and the shards must say the same: both lists are sorted by name, so they must run side by side. */
static clade_status check_index(const clade_checkpoint *checkpoint, const clade_io_index *index, const char *path)
{
    char quoted[CLADE_IO_QUOTE];
    for (size_t i = 0; i < index->count || i < checkpoint->count; i++) {
        const clade_io_place *place = i < index->count ? &index->places[i] : NULL;
        const located *found = i < checkpoint->count ? &checkpoint->tensors[i] : NULL;
        int order = !place ? 1 : !found ? -1 : strcmp(place->tensor, found->tensor->name);
        const char *name = order > 0 ? found->tensor->name : place->tensor;
        clade_io_quote(name, strlen(name), quoted);
        if (order < 0)
            return clade_fail(CLADE_EINPUT, "%s: tensor %s: is in none of the shards, expected in %s", path, quoted,
                              place->shard);
        if (order > 0)
            return clade_fail(CLADE_EINPUT, "%s: tensor %s of %s is not in the index", path, quoted,
                              found->shard->name);
        if (strcmp(place->shard, found->shard->name) != 0)
            return clade_fail(CLADE_EINPUT, "%s: tensor %s: is in %s, but the index says %s", path, quoted,
                              found->shard->name, place->shard);
    }
    return CLADE_OK;
}

/* PATH is the index of FOLDER; MODEL is FOLDER/model.safetensors. */
static clade_status open_indexed(clade_checkpoint *checkpoint, const char *path, const char *model)
{
    clade_io_index index;
    clade_status status = clade_io_index_read(path, &index);
    bool names_model = false;
    for (size_t i = 0; i < index.n_shards; i++)
        names_model |= strcmp(index.shards[i], "model.safetensors") == 0;
    if (status == CLADE_OK && !names_model && clade_path_exists(model))
        status = clade_fail(CLADE_EINPUT, "%s: names other shards, but %s is there too: remove what is out of date",
                            path, model);
    if (status == CLADE_OK)
        status = add_shards(checkpoint, checkpoint->path, index.shards, index.n_shards);
    if (status == CLADE_OK)
        status = list_tensors(checkpoint);
    if (status == CLADE_OK)
        status = check_index(checkpoint, &index, path);
    clade_io_index_free(&index);
    return status;
}

/* A folder with neither model nor index: say what it has instead, if that is known. */
static clade_status fail_without_model(const char *folder)
{
    static const char convert[] = "pickles can run code and are not read; convert it in Python: "
                                  "AutoModel.from_pretrained(FOLDER).save_pretrained(OUT, safe_serialization=True)";
    static const char rename[] = "rename it to model.safetensors, or name the file itself";
    static const struct {
        const char *name, *advice;
    } known[] = {
        {"pytorch_model.bin", convert},
        {"pytorch_model.bin.index.json", convert},
        {"open_clip_pytorch_model.bin", convert},
        {"consolidated.00.pth", convert},
        {"tf_model.h5", "convert it to safetensors with transformers"},
        {"flax_model.msgpack", "convert it to safetensors with transformers"},
        {"open_clip_model.safetensors", rename},
        {"diffusion_pytorch_model.safetensors", rename},
        {"adapter_model.safetensors", "this is an adapter: merge it into its base model first"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *path = clade_path_join(folder, known[i].name);
        if (!path)
            return clade_fail_memory(strlen(folder), "a path");
        bool there = clade_path_exists(path);
        clade_free(path);
        if (there)
            return clade_fail(CLADE_EINPUT,
                              "%s: found %s, expected model.safetensors or model.safetensors.index.json (%s)", folder,
                              known[i].name, known[i].advice);
    }
    return clade_fail(CLADE_EINPUT, "%s: has neither model.safetensors nor model.safetensors.index.json", folder);
}

static clade_status open_folder(clade_checkpoint *checkpoint, const char *model, const char *index, const char *config)
{
    static const char *const single[] = {"model.safetensors"};
    if (!model || !index || !config)
        return clade_fail_memory(strlen(checkpoint->path), "a path");
    if (clade_path_exists(index)) {
        CLADE_TRY(open_indexed(checkpoint, index, model));
    } else if (clade_path_exists(model)) {
        CLADE_TRY(add_shards(checkpoint, checkpoint->path, single, 1));
        CLADE_TRY(list_tensors(checkpoint));
    } else {
        return fail_without_model(checkpoint->path);
    }
    return clade_path_exists(config) ? clade_json_read(config, CLADE_EINPUT, &checkpoint->config) : CLADE_OK;
}

static clade_status open_path(clade_checkpoint *checkpoint)
{
    if (!clade_path_is_folder(checkpoint->path)) {
        CLADE_TRY(add_shards(checkpoint, checkpoint->path, NULL, 1));
        return list_tensors(checkpoint);
    }
    char *model = clade_path_join(checkpoint->path, "model.safetensors");
    char *index = clade_path_join(checkpoint->path, "model.safetensors.index.json");
    char *config = clade_path_join(checkpoint->path, "config.json");
    clade_status status = open_folder(checkpoint, model, index, config);
    clade_free(model);
    clade_free(index);
    clade_free(config);
    return status;
}

clade_status clade_checkpoint_open(const char *path, clade_checkpoint **checkpoint)
{
    *checkpoint = NULL;
    clade_checkpoint *made = clade_calloc(1, sizeof *made);
    char *name = clade_strdup(path);
    if (!made || !name) {
        clade_free(made);
        clade_free(name);
        return clade_fail_memory(sizeof *made, path);
    }
    made->path = name;
    clade_status status = open_path(made);
    if (status != CLADE_OK) {
        clade_checkpoint_close(made);
        return status;
    }
    *checkpoint = made;
    return CLADE_OK;
}

void clade_checkpoint_close(clade_checkpoint *checkpoint)
{
    if (!checkpoint)
        return;
    for (size_t i = 0; i < checkpoint->n_shards; i++) {
        clade_safetensors_close(checkpoint->shards[i].file);
        clade_free(checkpoint->shards[i].path);
    }
    clade_free(checkpoint->shards);
    clade_free(checkpoint->tensors);
    clade_json_free(checkpoint->config);
    clade_free(checkpoint->path);
    clade_free(checkpoint);
}

const char *clade_checkpoint_path(const clade_checkpoint *checkpoint)
{
    return checkpoint->path;
}

size_t clade_checkpoint_count(const clade_checkpoint *checkpoint)
{
    return checkpoint->count;
}

const clade_tensor *clade_checkpoint_at(const clade_checkpoint *checkpoint, size_t index)
{
    return checkpoint->tensors[index].tensor;
}

const clade_tensor *clade_checkpoint_find(const clade_checkpoint *checkpoint, const char *name)
{
    clade_tensor wanted = {.name = name};
    located key = {.tensor = &wanted};
    const located *found = bsearch(&key, checkpoint->tensors, checkpoint->count, sizeof key, by_name);
    return found ? found->tensor : NULL;
}

size_t clade_checkpoint_shards(const clade_checkpoint *checkpoint)
{
    return checkpoint->n_shards;
}

const clade_json *clade_checkpoint_config(const clade_checkpoint *checkpoint)
{
    return checkpoint->config;
}

/* The map that holds TENSOR, its shard's path, and the offset in the map of the tensor's first byte; false: TENSOR is
 * not of this checkpoint. */
static bool locate(const clade_checkpoint *checkpoint, const clade_tensor *tensor, const shard **found, size_t *offset)
{
    located key = {.tensor = tensor};
    const located *place = bsearch(&key, checkpoint->tensors, checkpoint->count, sizeof key, by_name);
    if (!place || place->tensor->data != tensor->data || !tensor->data)
        return false;
    *found = place->shard;
    *offset = (size_t)((const unsigned char *)tensor->data - place->shard->file->map.data);
    return true;
}

void clade_checkpoint_will_need(const clade_checkpoint *checkpoint, const clade_tensor *tensor, uint64_t first_byte,
                                uint64_t bytes)
{
    const shard *found;
    size_t offset;
    if (locate(checkpoint, tensor, &found, &offset))
        clade_map_will_need(&found->file->map, offset + (size_t)first_byte, (size_t)bytes);
}

clade_status clade_checkpoint_populate(const clade_checkpoint *checkpoint, const clade_tensor *tensor,
                                       uint64_t first_byte, uint64_t bytes)
{
    const shard *found;
    size_t offset;
    char quoted[CLADE_IO_QUOTE];
    if (!locate(checkpoint, tensor, &found, &offset) ||
        clade_map_populate(&found->file->map, offset + (size_t)first_byte, (size_t)bytes))
        return CLADE_OK;
    const bool shorter = clade_file_is_shorter(found->path, found->file->map.size);
    return clade_fail(shorter ? CLADE_EINPUT : CLADE_EIO, "%s: tensor %s: cannot be read any more: %s", found->path,
                      clade_io_quote(tensor->name, strlen(tensor->name), quoted),
                      shorter ? "the file was shortened since it was opened" : "the disk fails");
}

void clade_checkpoint_release(const clade_checkpoint *checkpoint, const clade_tensor *tensor, uint64_t first_byte,
                              uint64_t bytes)
{
    const shard *found;
    size_t offset;
    if (locate(checkpoint, tensor, &found, &offset))
        clade_map_release(&found->file->map, offset + (size_t)first_byte, (size_t)bytes);
}

clade_status clade_checkpoint_file_times(const clade_checkpoint *checkpoint, clade_text *text)
{
    struct stat info;
    for (size_t i = 0; i < checkpoint->n_shards; i++) {
        const char *path = checkpoint->shards[i].path;
        if (stat(path, &info) != 0)
            return clade_fail_errno(path, "stat");
        clade_text_append(text, "%s %jd %jd.%09ld\n", path, (intmax_t)info.st_size, (intmax_t)info.st_mtim.tv_sec,
                          info.st_mtim.tv_nsec);
    }
    return clade_text_status(text);
}

clade_status clade_checkpoint_hash_with(clade_checkpoint *checkpoint, clade_team *team, char hex[CLADE_SHA256_HEX])
{
    if (!checkpoint->hash[0])
        CLADE_TRY(clade_io_checkpoint_hash(checkpoint, team, checkpoint->hash));
    memcpy(hex, checkpoint->hash, CLADE_SHA256_HEX);
    return CLADE_OK;
}

clade_status clade_checkpoint_hash(clade_checkpoint *checkpoint, char hex[CLADE_SHA256_HEX])
{
    return clade_checkpoint_hash_with(checkpoint, NULL, hex);
}
