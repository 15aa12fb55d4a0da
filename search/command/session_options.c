#include "search/command/session_options.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/command/stop.h"

static const double MOST_SECONDS = 1e9;

void clade_session_option_rows(clade_session_request *request, clade_option rows[CLADE_SESSION_OPTIONS])
{
    const clade_option all[CLADE_SESSION_OPTIONS] = {
        {"--workers", "N", CLADE_OPTION_COUNT, &request->workers, "launch `mpirun -n N+1` on this command"},
        {"--mpirun", "WORDS", CLADE_OPTION_STRING, &request->mpirun,
         "with --workers: further words for mpirun (\"--hostfile F\")"},
        {"--worker-timeout", "SECONDS", CLADE_OPTION_COUNT, &request->silence,
         "give up a worker that is silent so long (60)"},
        {"--group", "N", CLADE_OPTION_COUNT, &request->group,
         "workers that score one child together, by its tasks (1)"},
        {"--evaluation-time", "TIME", CLADE_OPTION_STRING, &request->evaluation_time,
         "end an evaluation that takes longer (20 times the longest before, at least 600 s)"},
        {"--evaluation-memory", "SIZE", CLADE_OPTION_STRING, &request->evaluation_memory,
         "what an evaluation may allocate: bytes, or with K, M, G (no limit)"},
        {"--time-limit", "TIME", CLADE_OPTION_STRING, &request->time_limit,
         "stop after seconds or HH:MM:SS, as on a signal"},
        {"--metrics", "FILE", CLADE_OPTION_STRING, &request->metrics,
         "keep FILE up to date for Prometheus (text format)"},
    };
    memcpy(rows, all, sizeof all);
}

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

clade_status clade_session_options_read(const char *command, const clade_session_request *request,
                                        clade_session_options *options, uint64_t *seconds)
{
    const char *memory = request->evaluation_memory;
    *options = (clade_session_options){.group = request->group, .metrics = request->metrics};
    if (request->group == 0)
        return clade_fail(CLADE_EUSAGE, "clade %s: --group: found 0, expected at least 1", command);
    CLADE_TRY(clade_stop_parse(command, "--time-limit", request->time_limit, seconds));
    CLADE_TRY(parse_time(command, request->evaluation_time, &options->limits.seconds));
    options->limits.silence = (double)request->silence;
    options->limits.memory = memory ? parse_size(memory) : 0;
    if (memory && options->limits.memory == 0)
        return clade_fail(CLADE_EUSAGE,
                          "clade %s: --evaluation-memory: found \"%s\", expected bytes, or a number with K, M, G or T, "
                          "more than none",
                          command, memory);
    return CLADE_OK;
}
