/* The failure message lives in a thread-local buffer: signatures stay short, and code that fails inside a callback
 * needs no place to put its text. The cost is that a message must be read before the next failure of the thread. */
#include "clade/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[CLADE_MESSAGE_BYTES];

/* Format into the message. Through a second buffer, because arguments may point into the message itself. */
CLADE_PRINTF(1, 0)
static void set_message(const char *format, va_list arguments)
{
    char next[CLADE_MESSAGE_BYTES];
    int length = vsnprintf(next, sizeof next, format, arguments);
    if (length < 0)
        snprintf(next, sizeof next, "%s", format);
    if (length >= CLADE_MESSAGE_BYTES)
        memcpy(next + CLADE_MESSAGE_BYTES - 4, "...", 4);
    memcpy(message, next, sizeof next);
}

clade_status clade_fail(clade_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    return status;
}

clade_status clade_fail_prefix(clade_status status, const char *format, ...)
{
    char old[CLADE_MESSAGE_BYTES];
    memcpy(old, message, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    set_message(format, arguments);
    va_end(arguments);
    return clade_fail(status, "%s: %s", message, old);
}

clade_status clade_fail_memory(unsigned long long bytes, const char *what)
{
    return clade_fail(CLADE_EIO, "out of memory: %llu bytes for %s", bytes, what);
}

clade_status clade_fail_errno(const char *path, const char *action)
{
    int error = errno;
    clade_status status = CLADE_EIO;
    if (strcmp(action, "open") == 0 && (error == ENOENT || error == ENOTDIR || error == EISDIR))
        status = CLADE_EINPUT;
    return clade_fail(status, "%s: cannot %s: %s", path, action, strerror(error));
}

const char *clade_error_message(void)
{
    return message;
}

const char *clade_status_name(clade_status status)
{
    static const struct {
        clade_status status;
        const char *name;
    } names[] = {
        {CLADE_OK, "ok"},
        {CLADE_EINTERNAL, "internal error"},
        {CLADE_EUSAGE, "usage"},
        {CLADE_ECONFIG, "bad configuration"},
        {CLADE_EINPUT, "bad input file"},
        {CLADE_EINCOMPATIBLE, "incompatible parents"},
        {CLADE_EEVAL, "evaluation failed"},
        {CLADE_EIO, "resources or I/O"},
        {CLADE_EINTERRUPTED, "interrupted"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].status == status)
            return names[i].name;
    return "unknown status";
}
