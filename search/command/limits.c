#include "search/command/limits.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/command/stop.h"

static const double MOST_SECONDS = 1e9;

/* The bytes that TEXT says; 0 when it says none. */
static uint64_t parse_size(const char *text)
{
    static const char units[] = "KMGT";
    uint64_t number = 0;
    int used = 0;
    if (text[0] < '0' || text[0] > '9' || sscanf(text, "%15" SCNu64 "%n", &number, &used) != 1)
        return 0;
    const char *unit = text + used;
    if (*unit == '\0')
        return number;
    const char *known = strchr(units, *unit);
    if (!known || unit[1] != '\0')
        return 0;
    const unsigned shift = 10 * (unsigned)(known - units + 1);
    return number <= UINT64_MAX >> shift ? number << shift : 0;
}

/* Seconds, also parts of them, or what other times are. */
static clade_status parse_time(const char *command, const char *text, double *seconds)
{
    char *end = NULL;
    uint64_t whole = 0;
    const bool plain = text && text[0] != '\0' && strspn(text, "0123456789.") == strlen(text);
    *seconds = plain ? strtod(text, &end) : 0.0;
    if (plain && *end == '\0' && *seconds > 0.0 && *seconds <= MOST_SECONDS)
        return CLADE_OK;
    CLADE_TRY(clade_stop_parse(command, "--evaluation-time", text, &whole));
    *seconds = (double)whole;
    return CLADE_OK;
}

clade_status clade_limits_parse(const char *command, const char *time, const char *memory, clade_pool_limits *limits)
{
    CLADE_TRY(parse_time(command, time, &limits->seconds));
    limits->memory = memory ? parse_size(memory) : 0;
    if (memory && limits->memory == 0)
        return clade_fail(CLADE_EUSAGE,
                          "clade %s: --evaluation-memory: found \"%s\", expected bytes, or a number with K, M, G or T, "
                          "more than none",
                          command, memory);
    return CLADE_OK;
}
