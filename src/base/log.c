/* One write per line, so that lines of several processes on one terminal do not mix. */
#include "clade/log.h"

#include <stdarg.h>
#include <time.h>

enum { LINE_BYTES = 8192 + 256 };

static clade_log_level threshold = CLADE_LOG_INFO;
static FILE *copy_to;

static const char *const prefixes[] = {
    [CLADE_LOG_ERROR] = "error: ",
    [CLADE_LOG_WARNING] = "warning: ",
    [CLADE_LOG_INFO] = "",
    [CLADE_LOG_DEBUG] = "debug: ",
};

void clade_log_set_level(clade_log_level level)
{
    threshold = level;
}

void clade_log_set_file(FILE *file)
{
    copy_to = file;
}

void clade_log(clade_log_level level, const char *format, ...)
{
    if (level > threshold)
        return;
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    fprintf(stderr, "%s%s\n", prefixes[level], line);
    if (!copy_to)
        return;
    time_t now = time(NULL);
    struct tm utc;
    char stamp[32];
    if (!gmtime_r(&now, &utc) || strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        stamp[0] = '\0';
    fprintf(copy_to, "%s %s%s\n", stamp, prefixes[level], line);
    fflush(copy_to);
}
