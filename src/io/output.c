/* Atomic files. ALICE (Pillai et al., OSDI 2014) found the same mistake in most of the systems it read: a rename
 * without fsync of the file before and of the folder after. So: write a sibling, fsync, close, rename, fsync the
 * folder. After a failed fsync nothing is tried again, since the kernel may have dropped the pages; the temporary file
 * is removed. */
#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/files.h"

struct clade_output {
    char *path;                   /* owned */
    char *temporary;              /* owned */
    int fd;                       /* -1 once closed */
    atomic_uint_fast64_t written; /* bytes, by _write_at */
};

enum { WRITE_BACK_BYTES = 1 << 25 };
enum { MAX_CHUNK = 1 << 30 }; /* Linux writes at most 2 GiB at once */

static atomic_size_t fail_countdown; /* 0: off */

void clade_output_fail_at(size_t n)
{
    atomic_store(&fail_countdown, n);
}

bool clade_io_must_fail(void)
{
    size_t left = atomic_load(&fail_countdown);
    while (left != 0)
        if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1)) {
            errno = ENOSPC;
            return left == 1;
        }
    return false;
}

clade_status clade_io_make_temporary(const char *path, int (*create)(const char *path), char **temporary, int *result)
{
    enum { MAX_TRIES = 1000, SUFFIX_BYTES = 40 };
    size_t length = strlen(path), size = length + SUFFIX_BYTES;
    char *name = clade_malloc(size);
    if (!name)
        return clade_fail_memory(size, "a temporary name");
    memcpy(name, path, length);
    snprintf(name + length, SUFFIX_BYTES, ".tmp-%ld", (long)getpid());
    for (int i = 1; i <= MAX_TRIES; i++) {
        *result = clade_io_must_fail() ? -1 : create(name);
        if (*result >= 0) {
            *temporary = name;
            return CLADE_OK;
        }
        if (errno != EEXIST)
            break;
        snprintf(name + length, SUFFIX_BYTES, ".tmp-%ld.%d", (long)getpid(), i);
    }
    clade_status status = clade_fail_errno(name, "create");
    clade_free(name);
    return status;
}

clade_status clade_sync_parent(const char *path)
{
    char *folder = clade_path_beside(path, ".");
    if (!folder)
        return clade_fail_memory(strlen(path) + 2, "the name of a folder");
    clade_status status = CLADE_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: this file system cannot sync folders, and there is nothing to be done about it. */
    if (fd < 0 || ((clade_io_must_fail() || fsync(fd) != 0) && errno != EINVAL))
        status = clade_fail_errno(folder, "sync");
    if (fd >= 0)
        close(fd);
    clade_free(folder);
    return status;
}

static int create_file(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

clade_status clade_output_open(const char *path, clade_output **output)
{
    *output = NULL;
    clade_output *made = clade_calloc(1, sizeof *made);
    char *name = clade_strdup(path);
    if (!made || !name) {
        clade_free(made);
        clade_free(name);
        return clade_fail_memory(sizeof *made, path);
    }
    made->path = name;
    made->fd = -1;
    clade_status status = clade_io_make_temporary(path, create_file, &made->temporary, &made->fd);
    if (status != CLADE_OK) {
        clade_free(name);
        clade_free(made);
        return status;
    }
    *output = made;
    return CLADE_OK;
}

clade_status clade_output_write(clade_output *output, const void *data, size_t bytes)
{
    const unsigned char *next = data;
    while (bytes != 0) {
        size_t chunk = bytes < MAX_CHUNK ? bytes : MAX_CHUNK;
        ssize_t written = clade_io_must_fail() ? -1 : write(output->fd, next, chunk);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return clade_fail_errno(output->path, "write");
        next += written;
        bytes -= (size_t)written;
    }
    return CLADE_OK;
}

clade_status clade_output_reserve(clade_output *output, uint64_t bytes)
{
    enum { ACTION_BYTES = 64 };
    char action[ACTION_BYTES];
    int result;
    if (bytes == 0)
        return CLADE_OK;
    snprintf(action, sizeof action, "reserve %" PRIu64 " bytes", bytes);
    if (bytes > INT64_MAX)
        return clade_fail(CLADE_EIO, "%s: cannot %s: no file is that long", output->path, action);
    /* Not posix_fallocate: where the file system cannot reserve, it would write into every block instead. */
    do
        result = clade_io_must_fail() ? -1 : fallocate(output->fd, 0, 0, (off_t)bytes);
    while (result != 0 && errno == EINTR);
    if (result != 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
        result = ftruncate(output->fd, (off_t)bytes);
    return result == 0 ? CLADE_OK : clade_fail_errno(output->path, action);
}

/* Have the disk begin with what was written so far, now and then: then the sync at the end has little left to wait for.
 * A hint; where it is not understood nothing is lost. */
static void write_back(clade_output *output, size_t bytes)
{
    uint64_t before = atomic_fetch_add(&output->written, bytes);
    if (before / WRITE_BACK_BYTES != (before + bytes) / WRITE_BACK_BYTES)
        (void)sync_file_range(output->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

clade_status clade_output_write_at(clade_output *output, uint64_t offset, const void *data, size_t bytes)
{
    const unsigned char *next = data;
    while (bytes != 0) {
        size_t chunk = bytes < MAX_CHUNK ? bytes : MAX_CHUNK;
        ssize_t written = clade_io_must_fail() ? -1 : pwrite(output->fd, next, chunk, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return clade_fail_errno(output->path, "write");
        next += written;
        offset += (uint64_t)written;
        bytes -= (size_t)written;
        write_back(output, (size_t)written);
    }
    return CLADE_OK;
}

static void output_free(clade_output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    clade_free(output->path);
    clade_free(output->temporary);
    clade_free(output);
}

void clade_output_abandon(clade_output *output)
{
    if (!output)
        return;
    unlink(output->temporary);
    output_free(output);
}

/* Sync, close and rename; the temporary file is there as long as this fails. */
static clade_status put_in_place(clade_output *output)
{
    if (clade_io_must_fail() || fsync(output->fd) != 0)
        return clade_fail_errno(output->path, "sync");
    int closed = close(output->fd);
    output->fd = -1;
    if (closed != 0)
        return clade_fail_errno(output->path, "close");
    if (clade_io_must_fail() || rename(output->temporary, output->path) != 0)
        return clade_fail_errno(output->path, "rename the finished file to");
    return CLADE_OK;
}

clade_status clade_output_commit(clade_output *output)
{
    clade_status status = put_in_place(output);
    if (status != CLADE_OK) {
        clade_output_abandon(output);
        return status;
    }
    status = clade_sync_parent(output->path);
    output_free(output);
    return status;
}

clade_status clade_write_file(const char *path, const void *data, size_t bytes)
{
    clade_output *output;
    CLADE_TRY(clade_output_open(path, &output));
    clade_status status = clade_output_write(output, data, bytes);
    if (status != CLADE_OK) {
        clade_output_abandon(output);
        return status;
    }
    return clade_output_commit(output);
}

clade_status clade_copy_file(const char *from, const char *to)
{
    clade_map map;
    CLADE_TRY(clade_map_open(from, &map));
    clade_status status = clade_write_file(to, map.data, map.size);
    clade_map_close(&map);
    return status;
}
