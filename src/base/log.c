/* The one place where lines of messages are made; the state is one per process, as stderr is. */
#include "clade/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "clade/text.h"

enum { TEXT_BYTES = 8192, LINE_BYTES = TEXT_BYTES + 256 };

static clade_log_level threshold = CLADE_LOG_INFO;
static FILE *copy_to;
static int own_rank = CLADE_LOG_NOBODY;
static int64_t own_child = CLADE_LOG_NOBODY;

static const char *const prefixes[] = {
    [CLADE_LOG_ERROR] = "error: ",
    [CLADE_LOG_WARNING] = "warning: ",
    [CLADE_LOG_INFO] = "",
    [CLADE_LOG_DEBUG] = "debug: ",
};

static const char *const names[] = {
    [CLADE_LOG_ERROR] = "ERROR",
    [CLADE_LOG_WARNING] = "WARNING",
    [CLADE_LOG_INFO] = "INFO",
    [CLADE_LOG_DEBUG] = "DEBUG",
};

void clade_log_set_level(clade_log_level level)
{
    threshold = level;
}

void clade_log_set_file(FILE *file)
{
    copy_to = file;
}

void clade_log_set_rank(int rank)
{
    own_rank = rank;
}

void clade_log_set_child(int64_t child)
{
    own_child = child;
}

/* "2026-11-23T10:00:00.123Z rank 3 child 17 ". */
static void print_stamp(int64_t child, char *stamp, size_t size)
{
    struct timespec now;
    struct tm utc;
    char second[32] = "?", rank[32] = "", about[48] = "";
    clock_gettime(CLOCK_REALTIME, &now);
    if (!gmtime_r(&now.tv_sec, &utc) || strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", &utc) == 0)
        snprintf(second, sizeof second, "?");
    if (own_rank >= 0)
        snprintf(rank, sizeof rank, "rank %d ", own_rank);
    if (child >= 0)
        snprintf(about, sizeof about, "child %" PRId64 " ", child);
    snprintf(stamp, size, "%s.%03ldZ %s%s", second, now.tv_nsec / 1000000, rank, about);
}

static void print_stamped(FILE *file, clade_log_level level, int64_t child, const char *text)
{
    char stamp[160], line[LINE_BYTES], harmless[LINE_BYTES];
    size_t length = 0;
    for (const char *c = text; *c != '\0' && length + 4 < sizeof line; c++) {
        const char *as = *c == '\n' ? " | " : NULL;
        const size_t bytes = as ? strlen(as) : 1;
        memcpy(line + length, as ? as : c, bytes);
        length += bytes;
    }
    line[length] = '\0';
    print_stamp(child, stamp, sizeof stamp);
    clade_harmless(line, harmless, sizeof harmless);
    fprintf(file, "%s%s %s\n", stamp, names[level], harmless);
    fflush(file);
}

static void print_plain(clade_log_level level, const char *text)
{
    char harmless[LINE_BYTES];
    clade_harmless(text, harmless, sizeof harmless);
    fprintf(stderr, "%s%s\n", prefixes[level], harmless);
}

void clade_log(clade_log_level level, const char *format, ...)
{
    if (level > threshold)
        return;
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if (own_rank > 0)
        print_stamped(stderr, level, own_child, text);
    else
        print_plain(level, text);
    if (copy_to)
        print_stamped(copy_to, level, own_child, text);
}

void clade_log_record(clade_log_level level, int64_t child, const char *format, ...)
{
    if (level > threshold || !copy_to)
        return;
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= 0)
        print_stamped(copy_to, level, child, text);
}
