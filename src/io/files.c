/* Reading: maps, whole files, and paths. Only regular files are read: a FIFO would hang, /dev/zero would never end. */
#include "clade/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "io/map_table.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; older C libraries do not name it, older kernels answer EINVAL */
#endif

static const char *kind_of_file(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a folder";
    case S_IFIFO:
        return "a pipe";
    case S_IFSOCK:
        return "a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "a device";
    default:
        return "not a regular file";
    }
}

/* Open PATH, which must be a regular file, for reading; *SIZE gets its length. */
static clade_status open_regular(const char *path, int *descriptor, size_t *size)
{
    struct stat info;
    /* Without O_NONBLOCK, opening a FIFO waits for a writer before it can be refused. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return clade_fail_errno(path, "open");
    if (fstat(fd, &info) != 0) {
        clade_status status = clade_fail_errno(path, "stat");
        close(fd);
        return status;
    }
    if (!S_ISREG(info.st_mode)) {
        close(fd);
        return clade_fail(CLADE_EINPUT, "%s: is %s, expected a regular file", path, kind_of_file(info.st_mode));
    }
    *descriptor = fd;
    *size = (size_t)info.st_size;
    return CLADE_OK;
}

clade_status clade_map_open(const char *path, clade_map *map)
{
    clade_status status = CLADE_OK;
    int fd = -1;
    *map = (clade_map){0};
    CLADE_TRY(open_regular(path, &fd, &map->size));
    if (map->size != 0) {
        void *data = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            status = clade_fail_errno(path, "map");
            map->size = 0;
        } else {
            map->data = data;
            clade_io_map_add(map, path);
        }
    }
    close(fd);
    return status;
}

void clade_map_close(clade_map *map)
{
    if (map->data) {
        clade_io_map_remove(map);
        munmap((void *)(uintptr_t)map->data, map->size);
    }
    *map = (clade_map){0};
}

bool clade_file_is_shorter(const char *path, size_t bytes)
{
    struct stat info;
    return stat(path, &info) == 0 && (uintmax_t)info.st_size < bytes;
}

/* madvise for BYTES of MAP from OFFSET on; 0, or what is in errno. */
static int advise(const clade_map *map, size_t offset, size_t bytes, int advice)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (offset >= map->size || bytes == 0)
        return 0;
    size_t end = bytes < map->size - offset ? offset + bytes : map->size, begin = offset - offset % page;
    return madvise((void *)(uintptr_t)(map->data + begin), end - begin, advice) == 0 ? 0 : errno;
}

void clade_map_will_need(const clade_map *map, size_t offset, size_t bytes)
{
    (void)advise(map, offset, bytes, MADV_WILLNEED);
}

bool clade_map_populate(const clade_map *map, size_t offset, size_t bytes)
{
    int error = advise(map, offset, bytes, MADV_POPULATE_READ);
    return error != EFAULT && error != EHWPOISON;
}

void clade_map_release(const clade_map *map, size_t offset, size_t bytes)
{
    (void)advise(map, offset, bytes, MADV_DONTNEED);
}

static clade_status fail_too_large(const char *path, size_t limit)
{
    return clade_fail(CLADE_EINPUT, "%s: is larger than the %zu bytes allowed for such a file", path, limit);
}

/* Read FD to its end into *DATA. The size that the file states is only a first guess: files under /proc state 0. */
static clade_status read_all(int fd, const char *path, size_t guess, size_t limit, char **data, size_t *bytes)
{
    size_t capacity = guess + 2, used = 0; /* a byte to see the end by, and the NUL */
    char *text = clade_malloc(capacity);
    if (!text)
        return clade_fail_memory(capacity, path);
    for (;;) {
        ssize_t got = read(fd, text + used, capacity - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            text[used] = '\0';
            *data = text;
            *bytes = used;
            return got == 0 ? CLADE_OK : clade_fail_errno(path, "read");
        }
        used += (size_t)got;
        if (used > limit) {
            clade_free(text);
            return fail_too_large(path, limit);
        }
        if (used == capacity - 1) {
            char *larger = clade_realloc(text, 2 * capacity);
            if (!larger) {
                clade_free(text);
                return clade_fail_memory(2 * capacity, path);
            }
            text = larger;
            capacity *= 2;
        }
    }
}

clade_status clade_read_file(const char *path, size_t limit, char **data, size_t *bytes)
{
    int fd = -1;
    size_t size = 0;
    *data = NULL;
    *bytes = 0;
    CLADE_TRY(open_regular(path, &fd, &size));
    clade_status status = size > limit ? fail_too_large(path, limit) : read_all(fd, path, size, limit, data, bytes);
    if (status != CLADE_OK) {
        clade_free(*data);
        *data = NULL;
        *bytes = 0;
    }
    close(fd);
    return status;
}

/* After a look at a path that failed: whether it says that there is nothing. */
static bool says_nothing_there(void)
{
    return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
}

bool clade_path_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0 || !says_nothing_there();
}

bool clade_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? S_ISDIR(info.st_mode) : !says_nothing_there();
}

clade_status clade_path_is_free(const char *path, bool *is_free)
{
    struct stat info;
    const bool there = lstat(path, &info) == 0;
    *is_free = !there && says_nothing_there();
    return there || *is_free ? CLADE_OK : clade_fail_errno(path, "look at");
}

/* The first LENGTH bytes of FOLDER, a '/' if there is none, and NAME. */
static char *join(const char *folder, size_t length, const char *name)
{
    size_t slash = length != 0 && folder[length - 1] != '/', name_length = strlen(name);
    char *path = clade_malloc(length + slash + name_length + 1);
    if (!path)
        return NULL;
    memcpy(path, folder, length);
    if (slash)
        path[length] = '/';
    memcpy(path + length + slash, name, name_length + 1);
    return path;
}

char *clade_path_join(const char *folder, const char *name)
{
    return join(folder, strlen(folder), name);
}

char *clade_path_beside(const char *file, const char *name)
{
    const char *slash = strrchr(file, '/');
    if (name[0] == '/' || !slash)
        return clade_strdup(name);
    return join(file, (size_t)(slash - file) + 1, name);
}
