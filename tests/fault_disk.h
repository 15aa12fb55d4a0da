/* A disk that keeps a record. The C library's calls that change a disk are defined here, in the test's own program,
 * so that those of the library and of SQLite come here as well: each is done, and what it did to the files under one
 * folder is noted (fault_power.h makes the disk again out of the notes), or it fails as on a full disk.
 *
 * What is written through a memory map or by fprintf (SQLite's index of its WAL, log.txt) is not on this disk. */
#ifndef CLADE_FAULT_DISK_H
#define CLADE_FAULT_DISK_H

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/syscall.h>

enum { DISK_STEPS = 16384, DISK_NODES = 1024, DISK_NAME = 64 };

typedef enum disk_kind {
    DISK_MAKE,     /* a file or a folder gets a name */
    DISK_REMOVE,   /* a name goes */
    DISK_RENAME,   /* a name becomes the other */
    DISK_EXCHANGE, /* two names change places */
    DISK_WRITE,
    DISK_CUT,  /* a file gets another length */
    DISK_SYNC, /* of a file, or of a folder's names */
} disk_kind;

typedef struct disk_step {
    disk_kind kind;
    unsigned node;                          /* whose bytes or names it changes or syncs */
    unsigned made;                          /* DISK_MAKE */
    char name[DISK_NAME], other[DISK_NAME]; /* names in the folder NODE */
    uint64_t offset, bytes;                 /* DISK_CUT: the new length is in OFFSET */
    unsigned char *data;                    /* (bytes), owned */
} disk_step;

typedef struct disk_node {
    ino_t number;
    bool folder;
} disk_node;

static struct {
    char root[TEST_PATH];
    bool recording;
    dev_t device;
    disk_node nodes[DISK_NODES];
    size_t n_nodes;
    disk_step steps[DISK_STEPS];
    size_t n_steps;
    size_t fail_at;  /* countdown to the step that fails; 0: none does */
    bool stays_full; /* ... and all after it */
    size_t n_failed; /* steps that did */
} disk;

/* ---- what the calls note ---- */

/* The node of the file or folder of this number, or DISK_NODES. The latest, since numbers are used again. */
static inline unsigned disk_find(const struct stat *info)
{
    for (size_t i = disk.n_nodes; i-- > 0;)
        if (disk.nodes[i].number == info->st_ino && info->st_dev == disk.device)
            return (unsigned)i;
    return DISK_NODES;
}

/* The folder that PATH is in, and its name there; false when that is none of ours. */
static inline bool disk_place(const char *path, unsigned *folder, char name[DISK_NAME])
{
    char above[TEST_PATH];
    struct stat info;
    const char *slash = strrchr(path, '/');
    if (!disk.recording || !slash || strncmp(path, disk.root, strlen(disk.root)) != 0)
        return false;
    snprintf(above, sizeof above, "%.*s", (int)(slash - path), path);
    if (stat(above, &info) != 0 || (*folder = disk_find(&info)) == DISK_NODES)
        return false;
    assert_true(strlen(slash + 1) < DISK_NAME);
    snprintf(name, DISK_NAME, "%s", slash + 1);
    return true;
}

static inline disk_step *disk_note(disk_kind kind, unsigned node)
{
    assert_true(disk.n_steps < DISK_STEPS);
    disk_step *step = &disk.steps[disk.n_steps++];
    *step = (disk_step){.kind = kind, .node = node};
    return step;
}

static inline void disk_note_names(disk_kind kind, unsigned folder, const char *name, const char *other)
{
    disk_step *step = disk_note(kind, folder);
    snprintf(step->name, sizeof step->name, "%s", name);
    snprintf(step->other, sizeof step->other, "%s", other);
}

/* PATH is there since just now. */
static inline void disk_note_made(const char *path, unsigned folder, const char *name)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_true(disk.n_nodes < DISK_NODES);
    disk.nodes[disk.n_nodes] = (disk_node){.number = info.st_ino, .folder = S_ISDIR(info.st_mode)};
    disk_note_names(DISK_MAKE, folder, name, "");
    disk.steps[disk.n_steps - 1].made = (unsigned)disk.n_nodes++;
}

/* The node behind a descriptor, when it is one of ours. */
static inline bool disk_behind(int fd, unsigned *node)
{
    struct stat info;
    return disk.recording && fstat(fd, &info) == 0 && (*node = disk_find(&info)) != DISK_NODES;
}

/* Whether the step that is about to happen fails, with errno. */
static inline bool disk_must_fail(void)
{
    if (disk.fail_at == 0 || (disk.fail_at > 1 && --disk.fail_at > 0))
        return false;
    disk.fail_at = disk.stays_full ? 1 : 0;
    disk.n_failed++;
    errno = ENOSPC;
    return true;
}

/* ---- the calls ---- */

static inline int disk_open(const char *path, int flags, mode_t mode)
{
    unsigned folder;
    char name[DISK_NAME];
    struct stat info;
    const bool makes = (flags & O_CREAT) != 0 && lstat(path, &info) != 0 && disk_place(path, &folder, name);
    if (makes && disk_must_fail())
        return -1;
    const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (makes && fd >= 0)
        disk_note_made(path, folder, name);
    return fd;
}

/* The mode is there when a file may be made. */
static inline mode_t disk_mode(int flags, va_list arguments)
{
    return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = disk_mode(flags, arguments);
    va_end(arguments);
    return disk_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = disk_mode(flags, arguments);
    va_end(arguments);
    return disk_open(path, flags, mode);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    unsigned node;
    const bool ours = disk_behind(fd, &node);
    if (ours && disk_must_fail())
        return -1;
    const ssize_t written = syscall(SYS_pwrite64, fd, data, bytes, offset);
    if (ours && written > 0) {
        disk_step *step = disk_note(DISK_WRITE, node);
        step->offset = (uint64_t)offset;
        step->bytes = (uint64_t)written;
        step->data = malloc((size_t)written);
        assert_non_null(step->data);
        memcpy(step->data, data, (size_t)written);
    }
    return written;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
{
    return pwrite(fd, data, bytes, offset);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    unsigned node;
    if (!disk_behind(fd, &node))
        return syscall(SYS_write, fd, data, bytes);
    const off_t offset = lseek(fd, 0, SEEK_CUR);
    const ssize_t written = pwrite(fd, data, bytes, offset);
    if (written > 0)
        assert_int_equal(lseek(fd, written, SEEK_CUR), offset + written);
    return written;
}

int ftruncate(int fd, off_t length)
{
    unsigned node;
    const bool ours = disk_behind(fd, &node);
    if (ours && disk_must_fail())
        return -1;
    const int result = (int)syscall(SYS_ftruncate, fd, length);
    if (ours && result == 0)
        disk_note(DISK_CUT, node)->offset = (uint64_t)length;
    return result;
}

int ftruncate64(int fd, off64_t length)
{
    return ftruncate(fd, length);
}

int fsync(int fd)
{
    unsigned node;
    const bool ours = disk_behind(fd, &node);
    if (ours && disk_must_fail())
        return -1;
    if (ours)
        (void)disk_note(DISK_SYNC, node);
    return 0; /* the record is what is tested; a disk that is made to write would only take its time */
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int mkdir(const char *path, mode_t mode)
{
    unsigned folder;
    char name[DISK_NAME];
    const bool ours = disk_place(path, &folder, name);
    if (ours && disk_must_fail())
        return -1;
    const int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    if (ours && result == 0)
        disk_note_made(path, folder, name);
    return result;
}

static inline int disk_take_away(const char *path, int flags)
{
    unsigned folder;
    char name[DISK_NAME];
    const bool ours = disk_place(path, &folder, name);
    const int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, flags);
    if (ours && result == 0)
        disk_note_names(DISK_REMOVE, folder, name, "");
    return result;
}

int unlink(const char *path)
{
    return disk_take_away(path, 0);
}

int rmdir(const char *path)
{
    return disk_take_away(path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    struct stat info;
    return disk_take_away(path, lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    unsigned folder, to_node;
    char name[DISK_NAME], other[DISK_NAME];
    const bool ours = disk_place(from, &folder, name);
    if (ours && disk_must_fail())
        return -1;
    const int result = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (ours && result == 0) {
        assert_true(disk_place(to, &to_node, other) && to_node == folder);
        disk_note_names(flags == RENAME_EXCHANGE ? DISK_EXCHANGE : DISK_RENAME, folder, name, other);
    }
    return result;
}

int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- the record ---- */

/* From now on what happens in ROOT, which must be an empty folder, is noted. */
static inline void disk_begin(const char *root)
{
    struct stat info;
    snprintf(disk.root, sizeof disk.root, "%s", root);
    assert_int_equal(stat(root, &info), 0);
    disk.device = info.st_dev;
    disk.nodes[0] = (disk_node){.number = info.st_ino, .folder = true};
    disk.n_nodes = 1;
    disk.recording = true;
}

static inline void disk_forget(void)
{
    for (size_t i = 0; i < disk.n_steps; i++)
        free(disk.steps[i].data);
    disk.recording = false;
    disk.n_steps = disk.n_nodes = disk.fail_at = disk.n_failed = 0;
}

#endif
