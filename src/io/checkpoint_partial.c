/* What an interrupted writer left in OUT.partial: taken over where it can be trusted, removed where not. */
#include "io/checkpoint_partial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/log.h"
#include "io/output.h"
#include "io/staged.h"

/* Not empty; no message is made of it. */
static clade_status refuse_entry(void *context, const char *name)
{
    (void)context, (void)name;
    return CLADE_EUSAGE;
}

clade_status clade_io_partial_take(const char *folder)
{
    struct stat info;
    CLADE_TRY(clade_io_make_parent(folder));
    if (!clade_io_must_fail() && mkdir(folder, 0777) == 0)
        return CLADE_OK;
    if (errno != EEXIST)
        return clade_fail_errno(folder, "make the folder");
    char *journal = clade_path_join(folder, CLADE_IO_JOURNAL_NAME);
    if (!journal)
        return clade_fail_memory(strlen(folder), "a path");
    bool has_no_journal = true;
    clade_status status = CLADE_OK;
    if (lstat(folder, &info) != 0)
        status = clade_fail_errno(folder, "look at");
    else if (!S_ISDIR(info.st_mode))
        status = CLADE_EUSAGE;
    if (status == CLADE_OK)
        status = clade_path_is_free(journal, &has_no_journal);
    if (status == CLADE_OK && has_no_journal)
        status = clade_folder_visit(folder, refuse_entry, NULL);
    clade_free(journal);
    return status != CLADE_EUSAGE
               ? status
               : clade_fail(CLADE_EUSAGE,
                            "%s: is there already, and no merge left it: choose another name or remove it", folder);
}

/* Remove FOLDER/NAME, a file or a folder. */
static clade_status remove_entry(const char *folder, const char *name)
{
    char *path = clade_path_join(folder, name);
    if (!path)
        return clade_fail_memory(strlen(folder), "a path");
    clade_status status = CLADE_OK;
    if (unlink(path) != 0)
        status = errno == EISDIR || errno == EPERM ? clade_remove_folder(path) : clade_fail_errno(path, "remove");
    clade_free(path);
    return status;
}

/* Remove everything in the folder but the journal and the shards that are done. */
static clade_status remove_if_left(void *context, const char *name)
{
    const clade_checkpoint_writer *writer = context;
    const size_t shard = clade_io_shard_of(&writer->shards, name);
    const bool is_done = shard < writer->shards.n_shards && writer->states[shard].done;
    return is_done || strcmp(name, CLADE_IO_JOURNAL_NAME) == 0 ? CLADE_OK : remove_entry(writer->folder, name);
}

char *clade_io_partial_path(const clade_checkpoint_writer *writer, size_t shard, bool part)
{
    char name[CLADE_IO_SHARD_NAME];
    return clade_path_join(writer->folder, part ? clade_io_shard_part(&writer->shards, shard, name)
                                                : clade_io_shard_name(&writer->shards, shard, name));
}

static void take_line(void *context, const char *name, const clade_io_finished *finished)
{
    clade_checkpoint_writer *writer = context;
    size_t shard = clade_io_shard_of(&writer->shards, name);
    if (shard < writer->shards.n_shards)
        writer->states[shard].finished = *finished;
}

/* True when the file at PATH is what the journal says. */
static bool is_as_written(const char *path, const clade_io_finished *finished)
{
    enum { PIECE = 1 << 24 };
    clade_map map;
    clade_io_sum sum = {0};
    bool readable = clade_map_open(path, &map) == CLADE_OK && map.size == finished->bytes;
    for (size_t at = 0; readable && at < map.size; at += PIECE) {
        size_t bytes = map.size - at < PIECE ? map.size - at : PIECE;
        clade_map_will_need(&map, at + bytes, PIECE);
        readable = clade_map_populate(&map, at, bytes);
        if (readable)
            clade_io_sum_add(&sum, clade_io_sum_of(at, map.data + at, bytes));
        clade_map_release(&map, at, bytes);
    }
    clade_map_close(&map);
    return readable && sum.low == finished->sum.low && sum.high == finished->sum.high;
}

/* See whether a shard of the journal is still there and right. A process killed in _finish may have given it its last
 * name already. */
static clade_status check_shard(clade_checkpoint_writer *writer, size_t shard)
{
    clade_io_shard_state *state = &writer->states[shard];
    char *part = clade_io_partial_path(writer, shard, true), *final = clade_io_partial_path(writer, shard, false);
    clade_status status = CLADE_OK;
    if (!part || !final)
        status = clade_fail_memory(strlen(writer->folder), "a path");
    else if (!clade_path_exists(part) && clade_path_exists(final) && (clade_io_must_fail() || rename(final, part) != 0))
        status = clade_fail_errno(final, "rename");
    else
        state->done = clade_path_exists(part) && is_as_written(part, &state->finished);
    if (status == CLADE_OK && !state->done)
        clade_log(CLADE_LOG_WARNING, "%s: is not as it was written: this shard is made again", part);
    clade_free(part);
    clade_free(final);
    return status;
}

clade_status clade_io_partial_find(clade_checkpoint_writer *writer, const char *hex, bool can_resume)
{
    bool same = false, is_free;
    size_t done = 0, n_shards = writer->shards.n_shards;
    clade_status status = clade_io_journal_open(writer->folder, &writer->journal, &writer->fresh);
    if (status != CLADE_OK) {
        rmdir(writer->folder); /* works only while it is empty: then it is ours, or nobody's */
        return status;
    }
    CLADE_TRY(clade_path_is_free(writer->out, &is_free));
    if (!is_free) /* whoever had the lock until now has finished */
        return clade_fail(CLADE_EUSAGE, "%s: is there already, expected nothing", writer->out);
    CLADE_TRY(clade_io_journal_read(writer->journal, hex, &same, take_line, writer));
    bool resumes = same && can_resume;
    for (size_t s = 0; s < n_shards && resumes; s++)
        if (writer->states[s].finished.bytes != 0) {
            CLADE_TRY(check_shard(writer, s));
            done += writer->states[s].done;
        }
    if (resumes) {
        clade_log(CLADE_LOG_INFO, "%s: going on: %zu of %zu shards are done", writer->folder, done, n_shards);
    } else {
        if (!writer->fresh)
            clade_log(CLADE_LOG_INFO, "%s: was left by another merge: starting over", writer->folder);
        writer->fresh = true;
        CLADE_TRY(clade_io_journal_start(writer->journal, hex));
    }
    return clade_folder_visit(writer->folder, remove_if_left, writer);
}
