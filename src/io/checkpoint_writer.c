/* Checkpoints written shard by shard in OUT.partial, so that what is finished is never made twice. clade/checkpoint.h
 * has the contract.
 *
 * The order that makes every instant safe: a shard's bytes are synced, it gets its name (model.safetensors.part), its
 * folder is synced, and only then it gets its line in the journal. At the end the index is written, the shards get the
 * names that loaders read, the folder is synced and renamed, and only then the journal is removed: before the rename the
 * job can be gone on with, after it the checkpoint is whole. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "io/checkpoint_files.h"
#include "io/checkpoint_partial.h"
#include "io/output.h"
#include "io/safetensors_file.h"
#include "io/staged.h"

/* ---- the life of a writer ---- */

/* The shards that are not done must fit on the disk; to learn that hours later would be late. */
static clade_status check_space(const clade_checkpoint_writer *writer)
{
    struct statvfs info;
    uint64_t needed = 0, free_bytes;
    for (size_t i = 0; i < writer->shards.count; i++)
        if (!writer->states[writer->shards.shard[i]].done &&
            __builtin_add_overflow(needed, (uint64_t)writer->shards.tensors[i].bytes, &needed))
            return clade_fail(CLADE_EINPUT, "%s: all tensors together have more than 2^64 bytes", writer->out);
    if (statvfs(writer->folder, &info) != 0 || info.f_blocks == 0) /* 0: it does not tell */
        return CLADE_OK;
    if (__builtin_mul_overflow((uint64_t)info.f_bavail, (uint64_t)info.f_frsize, &free_bytes) || needed <= free_bytes)
        return CLADE_OK;
    return clade_fail(CLADE_EIO, "%s: %" PRIu64 " bytes are still to be written, but the file system has only %" PRIu64,
                      writer->out, needed, free_bytes);
}

static void writer_free(clade_checkpoint_writer *writer)
{
    for (size_t s = 0; s < writer->shards.n_shards && writer->states; s++)
        clade_safetensors_writer_abandon(writer->states[s].writer);
    clade_io_journal_close(writer->journal);
    clade_io_shards_free(&writer->shards);
    clade_free(writer->states);
    clade_free(writer->folder);
    clade_free(writer->out);
    clade_free(writer);
}

static clade_status prepare(clade_checkpoint_writer *writer, const clade_tensor *tensors, size_t count,
                            const clade_checkpoint_layout *layout, const char *identity)
{
    char hex[CLADE_SHA256_HEX];
    bool is_free;
    CLADE_TRY(clade_path_is_free(writer->out, &is_free));
    if (!is_free)
        return clade_fail(CLADE_EUSAGE, "%s: is there already, expected nothing: choose another name or remove it",
                          writer->out);
    CLADE_TRY(clade_io_shards_plan(writer->out, tensors, count, layout->shard_bytes, &writer->shards));
    writer->states = clade_calloc(writer->shards.n_shards, sizeof *writer->states);
    if (!writer->states)
        return clade_fail_memory(writer->shards.n_shards * sizeof *writer->states, "the list of shards");
    clade_io_shards_hash(&writer->shards, identity ? identity : "", hex);
    CLADE_TRY(clade_io_partial_take(writer->folder));
    CLADE_TRY(clade_io_partial_find(writer, hex, identity != NULL));
    CLADE_TRY(check_space(writer));
    return clade_io_write_beside(writer->folder, writer->shards.tensors, count, layout);
}

/* After a failed _open: what was finished in earlier times stays, what this call made goes. */
static clade_status leave(clade_checkpoint_writer *writer, clade_status status)
{
    if (!writer->fresh)
        clade_checkpoint_writer_close(writer);
    else if (clade_checkpoint_writer_discard(writer) != CLADE_OK)
        status = clade_fail_prefix(status, "not written, and what there is of it not removed");
    return status;
}

clade_status clade_checkpoint_writer_open(const char *out, const clade_tensor *tensors, size_t count,
                                          const clade_checkpoint_layout *layout, const char *identity,
                                          clade_checkpoint_writer **writer)
{
    static const char suffix[] = ".partial";
    size_t length = strlen(out);
    *writer = NULL;
    if (length == 0)
        return clade_fail(CLADE_EUSAGE, "the name of the output is empty, expected that of a new folder");
    while (length > 1 && out[length - 1] == '/')
        length--;
    clade_checkpoint_writer *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, out);
    made->out = clade_strndup(out, length);
    made->folder = clade_malloc(length + sizeof suffix);
    if (!made->out || !made->folder) {
        writer_free(made);
        return clade_fail_memory(length, "a path");
    }
    memcpy(made->folder, out, length);
    memcpy(made->folder + length, suffix, sizeof suffix);
    clade_status status = prepare(made, tensors, count, layout, identity);
    if (status != CLADE_OK)
        return leave(made, status);
    *writer = made;
    return CLADE_OK;
}

void clade_checkpoint_writer_close(clade_checkpoint_writer *writer)
{
    if (writer)
        writer_free(writer);
}

clade_status clade_checkpoint_writer_discard(clade_checkpoint_writer *writer)
{
    if (!writer)
        return CLADE_OK;
    clade_status status = clade_remove_folder(writer->folder); /* while it is still locked */
    writer_free(writer);
    return status;
}

const char *clade_checkpoint_writer_folder(const clade_checkpoint_writer *writer)
{
    return writer->folder;
}

size_t clade_checkpoint_writer_shards(const clade_checkpoint_writer *writer)
{
    return writer->shards.n_shards;
}

void clade_checkpoint_writer_range(const clade_checkpoint_writer *writer, size_t shard, size_t *first, size_t *last)
{
    *first = writer->shards.first[shard];
    *last = writer->shards.first[shard + 1];
}

size_t clade_checkpoint_writer_index(const clade_checkpoint_writer *writer, size_t place)
{
    return writer->shards.index[place];
}

bool clade_checkpoint_writer_done(const clade_checkpoint_writer *writer, size_t shard)
{
    return writer->states[shard].done;
}

/* ---- shards ---- */

clade_status clade_checkpoint_writer_begin(clade_checkpoint_writer *writer, size_t shard)
{
    size_t first, last;
    if (writer->states[shard].done || writer->states[shard].writer)
        return clade_fail(CLADE_EINTERNAL, "%s: shard %zu is already done or begun", writer->folder, shard);
    char *path = clade_io_partial_path(writer, shard, true);
    if (!path)
        return clade_fail_memory(strlen(writer->folder), "a path");
    clade_checkpoint_writer_range(writer, shard, &first, &last);
    clade_status status = clade_safetensors_writer_open(path, writer->shards.tensors + first, last - first,
                                                        &writer->states[shard].writer);
    clade_free(path);
    return status;
}

clade_status clade_checkpoint_writer_put(clade_checkpoint_writer *writer, size_t index, uint64_t first_byte,
                                         const void *data, size_t bytes)
{
    if (index >= writer->shards.count)
        return clade_fail(CLADE_EINTERNAL, "%s: there is no tensor %zu", writer->folder, index);
    size_t place = writer->shards.place[index], shard = writer->shards.shard[place];
    if (!writer->states[shard].writer)
        return clade_fail(CLADE_EINTERNAL, "%s: shard %zu is not begun", writer->folder, shard);
    return clade_safetensors_writer_put(writer->states[shard].writer, place - writer->shards.first[shard], first_byte,
                                        data, bytes);
}

clade_status clade_checkpoint_writer_end(clade_checkpoint_writer *writer, size_t shard)
{
    char name[CLADE_IO_SHARD_NAME];
    clade_io_shard_state *state = &writer->states[shard];
    if (!state->writer)
        return clade_fail(CLADE_EINTERNAL, "%s: shard %zu is not begun", writer->folder, shard);
    state->finished = (clade_io_finished){clade_io_writer_bytes(state->writer), clade_io_writer_sum(state->writer)};
    clade_status status = clade_safetensors_writer_commit(state->writer);
    state->writer = NULL;
    if (status == CLADE_OK)
        status =
            clade_io_journal_add(writer->journal, clade_io_shard_part(&writer->shards, shard, name), &state->finished);
    state->done = status == CLADE_OK;
    return status;
}

/* ---- the end ---- */

static clade_status write_index(const clade_checkpoint_writer *writer)
{
    clade_text text = {0};
    clade_io_shards_index(&writer->shards, &text);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK)
        status = clade_io_write_in_folder(writer->folder, "model.safetensors.index.json", clade_text_get(&text),
                                          text.length);
    clade_text_free(&text);
    return status;
}

static clade_status name_shard(const clade_checkpoint_writer *writer, size_t shard)
{
    char *part = clade_io_partial_path(writer, shard, true), *final = clade_io_partial_path(writer, shard, false);
    clade_status status = CLADE_OK;
    if (!part || !final)
        status = clade_fail_memory(strlen(writer->folder), "a path");
    else if (clade_io_must_fail() || rename(part, final) != 0)
        status = clade_fail_errno(final, "rename the finished shard to");
    clade_free(part);
    clade_free(final);
    return status;
}

/* Everything but the name of the folder. */
static clade_status name_weights(const clade_checkpoint_writer *writer, const char *journal)
{
    for (size_t s = 0; s < writer->shards.n_shards; s++)
        if (!writer->states[s].done)
            return clade_fail(CLADE_EINTERNAL, "%s: shard %zu is not done", writer->folder, s);
    if (writer->shards.n_shards > 1)
        CLADE_TRY(write_index(writer));
    for (size_t s = 0; s < writer->shards.n_shards; s++)
        CLADE_TRY(name_shard(writer, s));
    return clade_sync_parent(journal);
}

clade_status clade_io_checkpoint_complete(clade_checkpoint_writer *writer)
{
    char *before = clade_path_join(writer->folder, CLADE_IO_JOURNAL_NAME);
    char *after = clade_path_join(writer->out, CLADE_IO_JOURNAL_NAME);
    clade_status status = CLADE_OK;
    if (!before || !after)
        status = clade_fail_memory(strlen(writer->out), "a path");
    if (status == CLADE_OK)
        status = name_weights(writer, before);
    if (status == CLADE_OK)
        status = clade_io_put_in_place(writer->folder, writer->out);
    if (status == CLADE_OK) {
        if (unlink(after) != 0)
            clade_log(CLADE_LOG_WARNING, "%s: cannot be removed (%s), and is not needed any more", after,
                      strerror(errno));
        status = clade_sync_parent(writer->out);
    }
    clade_free(before);
    clade_free(after);
    return status;
}

clade_status clade_checkpoint_writer_finish(clade_checkpoint_writer *writer)
{
    clade_status status = clade_io_checkpoint_complete(writer);
    writer_free(writer);
    return status;
}
