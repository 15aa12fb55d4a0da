/* Writing checkpoints as Hugging Face folders. Tensors are taken in the order of their names and fill one shard after
 * the other, so what is written does not depend on the order in which the caller has them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "clade/alloc.h"
#include "clade/checkpoint.h"
#include "clade/files.h"
#include "io/bytes.h"
#include "io/config_text.h"
#include "io/output.h"

static const uint64_t default_shard_bytes = UINT64_C(5000000000); /* as huggingface_hub and mergekit */

/* One call of clade_checkpoint_write. */
typedef struct write_job {
    const char *folder;          /* the staged one */
    const clade_tensor *tensors; /* (count), borrowed */
    size_t count;
    size_t *order;   /* (count), owned: indices into tensors, by name */
    size_t *shard;   /* (count), owned: of the tensor at the same place of order */
    size_t n_shards; /* at least one */
    clade_produce produce;
    void *context;
} write_job;

static int by_name(const void *a, const void *b, void *tensors)
{
    const clade_tensor *list = tensors;
    return strcmp(list[*(const size_t *)a].name, list[*(const size_t *)b].name);
}

static clade_status make_job(write_job *job, uint64_t shard_bytes)
{
    uint64_t filled = 0;
    job->order = clade_calloc(job->count, sizeof *job->order);
    job->shard = clade_calloc(job->count, sizeof *job->shard);
    if (!job->order || !job->shard)
        return clade_fail_memory(job->count * sizeof *job->order, "the order of tensors");
    for (size_t i = 0; i < job->count; i++)
        job->order[i] = i;
    qsort_r(job->order, job->count, sizeof *job->order, by_name, (void *)(uintptr_t)job->tensors);
    job->n_shards = 1;
    for (size_t i = 0; i < job->count; i++) {
        const clade_tensor *tensor = &job->tensors[job->order[i]];
        char quoted[CLADE_IO_QUOTE];
        if (i > 0 && strcmp(tensor->name, job->tensors[job->order[i - 1]].name) == 0)
            return clade_fail(CLADE_EINPUT, "%s: two tensors are named %s", job->folder,
                              clade_io_quote(tensor->name, strlen(tensor->name), quoted));
        if (filled != 0 && tensor->bytes > (shard_bytes > filled ? shard_bytes - filled : 0)) {
            job->n_shards++;
            filled = 0;
        }
        filled += tensor->bytes;
        job->shard[i] = job->n_shards - 1;
    }
    return CLADE_OK;
}

enum { SHARD_NAME = 80 };
static const char *shard_name(const write_job *job, size_t shard, char name[SHARD_NAME])
{
    if (job->n_shards == 1)
        snprintf(name, SHARD_NAME, "model.safetensors");
    else
        snprintf(name, SHARD_NAME, "model-%05zu-of-%05zu.safetensors", shard + 1, job->n_shards);
    return name;
}

static clade_status write_in_folder(const char *folder, const char *name, const void *data, size_t bytes)
{
    char *path = clade_path_join(folder, name);
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    clade_status status = clade_write_file(path, data, bytes);
    clade_free(path);
    return status;
}

/* The writer of one shard counts from 0; the caller's PRODUCE wants its own index. */
typedef struct shard_relay {
    const write_job *job;
    const size_t *order; /* of the tensors in this shard */
} shard_relay;

static clade_status produce_for_shard(void *context, size_t index, void *out)
{
    const shard_relay *relay = context;
    return relay->job->produce(relay->job->context, relay->order[index], out);
}

/* The tensors ORDER[FIRST] to ORDER[LAST - 1] as shard number SHARD. */
static clade_status write_shard(const write_job *job, size_t first, size_t last, size_t shard)
{
    char name[SHARD_NAME];
    shard_relay relay = {job, job->order + first};
    char *path = clade_path_join(job->folder, shard_name(job, shard, name));
    clade_tensor *tensors = clade_calloc(last - first, sizeof *tensors);
    clade_status status;
    if (!path || !tensors) {
        status = clade_fail_memory((last - first) * sizeof *tensors, "the tensors of a shard");
    } else {
        for (size_t i = first; i < last; i++)
            tensors[i - first] = job->tensors[job->order[i]];
        status = clade_safetensors_write(path, tensors, last - first, job->produce ? produce_for_shard : NULL, &relay);
    }
    clade_free(tensors);
    clade_free(path);
    return status;
}

static clade_status write_index(const write_job *job)
{
    char name[SHARD_NAME];
    uint64_t bytes = 0, parameters = 0;
    clade_text text = {0};
    for (size_t i = 0; i < job->count; i++) {
        bytes += job->tensors[i].bytes;
        parameters += job->tensors[i].count;
    }
    clade_json_writer writer = clade_json_writer_to(&text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_object(&writer, "metadata");
    clade_json_put_u64(&writer, "total_parameters", parameters);
    clade_json_put_u64(&writer, "total_size", bytes);
    clade_json_end_object(&writer);
    clade_json_begin_object(&writer, "weight_map");
    for (size_t i = 0; i < job->count; i++)
        clade_json_put_string(&writer, job->tensors[job->order[i]].name, shard_name(job, job->shard[i], name));
    clade_json_end_object(&writer);
    clade_json_end_object(&writer);
    clade_text_append(&text, "\n");
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        status = write_in_folder(job->folder, "model.safetensors.index.json", clade_text_get(&text), text.length);
    clade_text_free(&text);
    return status;
}

static clade_status write_weights(const write_job *job)
{
    size_t first = 0;
    for (size_t shard = 0; shard < job->n_shards; shard++) {
        size_t last = first;
        while (last < job->count && job->shard[last] == shard)
            last++;
        CLADE_TRY(write_shard(job, first, last, shard));
        first = last;
    }
    return job->n_shards > 1 ? write_index(job) : CLADE_OK;
}

/* What config.json calls the dtype of the whole: the one with most elements among those models compute with, or NULL.
 */
static const char *main_dtype(const write_job *job)
{
    uint64_t elements[CLADE_DTYPE_COUNT] = {0};
    const clade_dtype_traits *best = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < job->count; i++)
        elements[job->tensors[i].dtype] += job->tensors[i].count;
    for (int d = 0; d < CLADE_DTYPE_COUNT; d++) {
        const clade_dtype_traits *traits = clade_dtype_of((clade_dtype)d);
        if (traits->mergeable && elements[d] > most) {
            best = traits;
            most = elements[d];
        }
    }
    return best ? best->torch_name : NULL;
}

static clade_status write_config(const write_job *job, const char *from)
{
    const char *dtype = main_dtype(job);
    char *source;
    size_t length;
    clade_text text = {0};
    CLADE_TRY(clade_read_file(from, CLADE_JSON_MAX_BYTES, &source, &length));
    clade_status status = CLADE_OK;
    if (dtype)
        status = clade_io_config_with_dtype(source, length, from, dtype, &text);
    if (status == CLADE_OK)
        status = write_in_folder(job->folder, "config.json", dtype ? clade_text_get(&text) : source,
                                 dtype ? text.length : length);
    clade_text_free(&text);
    clade_free(source);
    return status;
}

/* config.json and what tokenizers and image processors need; whatever is not in the folder is left out. */
static clade_status copy_files(const write_job *job, const char *folder)
{
    static const char *const names[] = {
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "open_clip_config.json",
    };
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && status == CLADE_OK; i++) {
        char *from = clade_path_join(folder, names[i]), *to = clade_path_join(job->folder, names[i]);
        if (!from || !to)
            status = clade_fail_memory(strlen(folder), "a path");
        else if (clade_path_exists(from))
            status = i == 0 ? write_config(job, from) : clade_copy_file(from, to);
        clade_free(from);
        clade_free(to);
    }
    return status;
}

static clade_status fill_folder(write_job *job, const clade_checkpoint_layout *layout)
{
    CLADE_TRY(make_job(job, layout->shard_bytes ? layout->shard_bytes : default_shard_bytes));
    if (layout->config_from && clade_path_is_folder(layout->config_from))
        CLADE_TRY(copy_files(job, layout->config_from));
    if (layout->card)
        CLADE_TRY(write_in_folder(job->folder, "README.md", layout->card, strlen(layout->card)));
    return write_weights(job);
}

/* Put the complete folder STAGED under its name. A plain rename, which never replaces a file or a folder with files. */
static clade_status put_in_place(const char *staged, const char *out)
{
    if (clade_io_must_fail() || rename(staged, out) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
            return clade_fail(CLADE_EUSAGE, "%s: appeared while it was being written, expected nothing there", out);
        return clade_fail_errno(out, "rename the finished folder to");
    }
    return clade_io_sync_parent(out);
}

static int create_folder(const char *path)
{
    return mkdir(path, 0777);
}

/* The folder that will hold OUT. */
static clade_status make_parent(const char *out)
{
    char *parent = clade_path_beside(out, ".");
    if (!parent)
        return clade_fail_memory(strlen(out), "a path");
    clade_status status = clade_make_folders(parent);
    clade_free(parent);
    return status;
}

/* OUT has no '/' at its end. */
static clade_status write_staged(const char *out, write_job *job, const clade_checkpoint_layout *layout)
{
    char *staged;
    int made;
    if (clade_path_exists(out))
        return clade_fail(CLADE_EUSAGE, "%s: is there already, expected nothing: choose another name or remove it",
                          out);
    CLADE_TRY(make_parent(out));
    CLADE_TRY(clade_io_make_temporary(out, create_folder, &staged, &made));
    job->folder = staged;
    clade_status status = fill_folder(job, layout);
    if (status == CLADE_OK)
        status = put_in_place(staged, out);
    if (status != CLADE_OK && clade_path_exists(staged) && clade_remove_folder(staged) != CLADE_OK)
        status = clade_fail_prefix(status, "%s: not written, and what there is of it not removed", out);
    clade_free(staged);
    return status;
}

clade_status clade_checkpoint_write(const char *out, const clade_tensor *tensors, size_t count, clade_produce produce,
                                    void *context, const clade_checkpoint_layout *layout)
{
    write_job job = {.tensors = tensors, .count = count, .produce = produce, .context = context};
    size_t length = strlen(out);
    while (length > 1 && out[length - 1] == '/')
        length--;
    char *name = clade_strndup(out, length);
    if (!name)
        return clade_fail_memory(length + 1, "a path");
    clade_status status = write_staged(name, &job, layout);
    clade_free(job.order);
    clade_free(job.shard);
    clade_free(name);
    return status;
}
