/* Descriptors, files and names. Where the C library does nothing but a system call, so does this. */
#include "fail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- bytes in and out ---- */

static bool may_not_read(const char *name)
{
    return fail_now("read", name, EIO) || fail_now("interrupt", name, EINTR);
}

/* Nobody could be told that stderr fails. */
static bool may_not_write(const char *name, int fd)
{
    return fd != STDERR_FILENO && (fail_now("write", name, ENOSPC) || fail_now("interrupt", name, EINTR));
}

ssize_t read(int fd, void *data, size_t bytes)
{
    return may_not_read("read") ? -1 : syscall(SYS_read, fd, data, fail_short("read", bytes) ? 1 : bytes);
}

ssize_t pread(int fd, void *data, size_t bytes, off_t offset)
{
    return may_not_read("pread") ? -1 : syscall(SYS_pread64, fd, data, fail_short("pread", bytes) ? 1 : bytes, offset);
}

ssize_t pread64(int fd, void *data, size_t bytes, off64_t offset)
{
    return pread(fd, data, bytes, offset);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    if (may_not_write("write", fd))
        return -1;
    return syscall(SYS_write, fd, data, fd != STDERR_FILENO && fail_short("write", bytes) ? 1 : bytes);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    if (may_not_write("pwrite", fd))
        return -1;
    return syscall(SYS_pwrite64, fd, data, fail_short("pwrite", bytes) ? 1 : bytes, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off64_t offset)
{
    return pwrite(fd, data, bytes, offset);
}

/* Files only: memory without one is the allocator's, or a library's. */
void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    if (fd >= 0 && fail_now("read", "mmap", ENOMEM))
        return MAP_FAILED;
    return (void *)(uintptr_t)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset); /* errno: by syscall */
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
    return mmap(address, bytes, protection, flags, fd, offset);
}

/* What came is lost with the connection. What has not come yet does not count: nobody knows how often it is looked for. */
ssize_t recv(int fd, void *data, size_t bytes, int flags)
{
    const ssize_t got = syscall(SYS_recvfrom, fd, data, bytes, flags, NULL, NULL);
    return got > 0 && fail_now("read", "recv", ECONNRESET) ? -1 : got;
}

ssize_t send(int fd, const void *data, size_t bytes, int flags)
{
    if (fail_now("write", "send", EPIPE) || fail_now("interrupt", "send", EINTR))
        return -1;
    return syscall(SYS_sendto, fd, data, fail_short("send", bytes) ? 1 : bytes, flags, NULL, 0);
}

int ftruncate(int fd, off_t length)
{
    return fail_now("write", "ftruncate", EIO) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return ftruncate(fd, length);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    return fail_now("write", "fallocate", ENOSPC) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, bytes);
}

int fsync(int fd)
{
    (void)fd;
    return fail_now("sync", "fsync", EIO) ? -1 : 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return fail_now("sync", "fdatasync", EIO) ? -1 : 0;
}

/* As on NFS: closed, but not all is there. */
int close(int fd)
{
    const bool fails = fd != STDERR_FILENO && fail_now("sync", "close", EIO);
    const int result = (int)syscall(SYS_close, fd);
    if (fails)
        errno = EIO;
    return fails ? -1 : result;
}

/* ---- names ---- */

static int open_path(const char *path, int flags, mode_t mode)
{
    return fail_now("name", "open", EIO) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* The mode is there when a file may be made. */
static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_path(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_path(path, flags, mode);
}

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *) = fail_next("opendir");
    return fail_now("name", "opendir", EIO) ? NULL : real(path);
}

int mkdir(const char *path, mode_t mode)
{
    return fail_now("name", "mkdir", EIO) ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

char *mkdtemp(char *pattern)
{
    char *(*real)(char *) = fail_next("mkdtemp");
    return fail_now("name", "mkdtemp", EIO) ? NULL : real(pattern);
}

int unlink(const char *path)
{
    return fail_now("name", "unlink", EIO) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
    return fail_now("name", "rmdir", EIO) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    int (*real)(const char *) = fail_next("remove");
    return fail_now("name", "remove", EIO) ? -1 : real(path);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    if (fail_now("name", "renameat2", EIO))
        return -1;
    return (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int rename(const char *from, const char *to)
{
    return fail_now("name", "rename", EIO) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int flock(int fd, int operation)
{
    return fail_now("name", "flock", ENOLCK) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

/* Locks only; the others are the C library's. */
int fcntl64(int fd, int command, ...)
{
    int (*real)(int, int, ...) = fail_next("fcntl64");
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    const bool locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK;
    return locks && fail_now("name", "fcntl", EIO) ? -1 : real(fd, command, argument);
}

/* ---- looks ---- */

int stat(const char *path, struct stat *info)
{
    return fail_now("look", "stat", EIO) ? -1 : (int)syscall(SYS_newfstatat, AT_FDCWD, path, info, 0);
}

int lstat(const char *path, struct stat *info)
{
    if (fail_now("look", "lstat", EIO))
        return -1;
    return (int)syscall(SYS_newfstatat, AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *info)
{
    return fail_now("look", "fstat", EIO) ? -1 : (int)syscall(SYS_fstat, fd, info);
}

int stat64(const char *path, struct stat64 *info)
{
    return stat(path, (struct stat *)info); /* the same on 64 bits */
}

int lstat64(const char *path, struct stat64 *info)
{
    return lstat(path, (struct stat *)info);
}

int fstat64(int fd, struct stat64 *info)
{
    return fstat(fd, (struct stat *)info);
}

int access(const char *path, int mode)
{
    return fail_now("look", "access", EIO) ? -1 : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

ssize_t readlink(const char *path, char *out, size_t size)
{
    return fail_now("look", "readlink", EIO) ? -1 : syscall(SYS_readlinkat, AT_FDCWD, path, out, size);
}

char *realpath(const char *path, char *out)
{
    char *(*real)(const char *, char *) = fail_next("realpath");
    return fail_now("look", "realpath", EIO) ? NULL : real(path, out);
}

char *getcwd(char *out, size_t size)
{
    char *(*real)(char *, size_t) = fail_next("getcwd");
    return fail_now("look", "getcwd", EIO) ? NULL : real(out, size);
}

int statvfs(const char *path, struct statvfs *info)
{
    int (*real)(const char *, struct statvfs *) = fail_next("statvfs");
    return fail_now("look", "statvfs", EIO) ? -1 : real(path, info);
}

struct dirent *readdir(DIR *folder)
{
    struct dirent *(*real)(DIR *) = fail_next("readdir");
    return fail_now("read", "readdir", EIO) ? NULL : real(folder);
}

int nftw(const char *path, int (*visit)(const char *, const struct stat *, int, struct FTW *), int descriptors,
         int flags)
{
    int (*real)(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int) =
        fail_next("nftw");
    return fail_now("look", "nftw", EIO) ? -1 : real(path, visit, descriptors, flags);
}
