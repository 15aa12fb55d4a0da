/* Streams. A stream that is to fail is given, for the time of the call, a descriptor that does (/dev/full for writing,
 * one without the right to read for reading), so that its own mark of an error is what it would be. */
#include "fail.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct exchange {
    FILE *stream;
    long own, other; /* descriptors: of the stream, put aside; and what it has meanwhile */
} exchange;

static exchange begin_failing(FILE *stream, const char *path)
{
    exchange it = {.stream = stream};
    fail_enter_library();
    it.own = syscall(SYS_fcntl, fileno(stream), F_DUPFD_CLOEXEC, 100);
    it.other = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);
    (void)syscall(SYS_dup3, it.other, fileno(stream), 0);
    return it;
}

static void end_failing(exchange it)
{
    (void)syscall(SYS_dup3, it.own, fileno(it.stream), 0);
    syscall(SYS_close, it.own);
    syscall(SYS_close, it.other);
    fail_leave_library();
}

static bool may_not_write(const char *name, FILE *stream)
{
    return stream != stderr && fail_now("write", name, ENOSPC);
}

/* What STREAM has still to write, which fails. */
static int flush_failing(FILE *stream)
{
    int (*real)(FILE *) = fail_next("fflush");
    const exchange it = begin_failing(stream, "/dev/full");
    (void)real(stream);
    end_failing(it);
    errno = ENOSPC;
    return EOF;
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
    size_t (*real)(const void *, size_t, size_t, FILE *) = fail_next("fwrite");
    const bool fails = may_not_write("fwrite", stream);
    const size_t written = real(data, size, count, stream);
    return fails && flush_failing(stream) == EOF ? 0 : written;
}

int vfprintf(FILE *stream, const char *format, va_list arguments)
{
    int (*real)(FILE *, const char *, va_list) = fail_next("vfprintf");
    const bool fails = may_not_write("vfprintf", stream);
    const int written = real(stream, format, arguments);
    return fails && flush_failing(stream) == EOF ? -1 : written;
}

int fprintf(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int written = vfprintf(stream, format, arguments);
    va_end(arguments);
    return written;
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int written = vfprintf(stdout, format, arguments);
    va_end(arguments);
    return written;
}

int fputs(const char *text, FILE *stream)
{
    int (*real)(const char *, FILE *) = fail_next("fputs");
    const bool fails = may_not_write("fputs", stream);
    const int written = real(text, stream);
    return fails ? flush_failing(stream) : written;
}

int puts(const char *text)
{
    return fputs(text, stdout) == EOF ? EOF : fputs("\n", stdout);
}

int fputc(int byte, FILE *stream)
{
    int (*real)(int, FILE *) = fail_next("fputc");
    const bool fails = may_not_write("fputc", stream);
    const int written = real(byte, stream);
    return fails ? flush_failing(stream) : written;
}

int putchar(int byte)
{
    return fputc(byte, stdout);
}

int fflush(FILE *stream)
{
    int (*real)(FILE *) = fail_next("fflush");
    return stream && may_not_write("fflush", stream) ? flush_failing(stream) : real(stream);
}

int fclose(FILE *stream)
{
    int (*real)(FILE *) = fail_next("fclose");
    const bool fails = fail_now("sync", "fclose", EIO);
    const int result = real(stream);
    if (fails)
        errno = EIO;
    return fails ? EOF : result;
}

FILE *fopen(const char *path, const char *mode)
{
    FILE *(*real)(const char *, const char *) = fail_next("fopen");
    return fail_now("name", "fopen", EIO) ? NULL : real(path, mode);
}

size_t fread(void *data, size_t size, size_t count, FILE *stream)
{
    size_t (*real)(void *, size_t, size_t, FILE *) = fail_next("fread");
    if (!fail_now("read", "fread", EIO))
        return real(data, size, count, stream);
    const exchange it = begin_failing(stream, "/dev/null");
    const size_t got = real(data, size, count, stream);
    end_failing(it);
    return got;
}

char *fgets(char *line, int size, FILE *stream)
{
    char *(*real)(char *, int, FILE *) = fail_next("fgets");
    if (!fail_now("read", "fgets", EIO))
        return real(line, size, stream);
    const exchange it = begin_failing(stream, "/dev/null");
    char *got = real(line, size, stream);
    end_failing(it);
    return got;
}
