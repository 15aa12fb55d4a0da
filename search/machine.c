#include "search/machine.h"

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "clade/linalg.h"
#include "search/platform.h"

/* ---- looking ---- */

static double free_bytes(const char *folder)
{
    struct statvfs info;
    return statvfs(folder, &info) == 0 ? (double)info.f_bavail * (double)info.f_frsize : -1.0;
}

/* The first number of a line of FILE that begins with KEY; -1: there is none. */
static double number_in(const char *file, const char *key)
{
    char line[256];
    double number = -1.0;
    FILE *in = fopen(file, "r");
    while (in && number < 0.0 && fgets(line, sizeof line, in))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%lf", &number) != 1)
            number = -1.0;
    if (in)
        (void)fclose(in);
    return number;
}

/* What programs may still take without swapping: of the machine, or of the container (control groups, version 2). */
static double free_memory(void)
{
    const double machine = 1024.0 * number_in("/proc/meminfo", "MemAvailable:");
    const double most = number_in("/sys/fs/cgroup/memory.max", ""),
                 used = number_in("/sys/fs/cgroup/memory.current", "");
    /* files in the cache count as used there, and go when somebody needs the room */
    const double cache = number_in("/sys/fs/cgroup/memory.stat", "inactive_file ");
    if (most < 0.0 || used < 0.0)
        return machine;
    const double left = most - used + fmax(cache, 0.0);
    return machine < 0.0 ? left : fmin(machine, left);
}

/* CPUs' worth of time of the container: "200000 100000" is 2. */
static double cpu_quota(void)
{
    double quota = 0.0, period = 0.0;
    FILE *in = fopen("/sys/fs/cgroup/cpu.max", "r");
    if (in && fscanf(in, "%lf %lf", &quota, &period) != 2)
        quota = 0.0;
    if (in)
        (void)fclose(in);
    return quota > 0.0 && period > 0.0 ? quota / period : 0.0;
}

static void look_at_cpus(clade_machine *machine)
{
    cpu_set_t set;
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    machine->online = online > 0 ? (size_t)online : 1;
    CPU_ZERO(&set);
    const bool known = sched_getaffinity(0, sizeof set, &set) == 0;
    for (size_t i = 0; i < CLADE_MACHINE_CPUS; i++)
        if (known ? CPU_ISSET(i, &set) != 0 : i < machine->online)
            clade_bit_put(machine->cpus, i, true);
    machine->quota = cpu_quota();
}

clade_status clade_machine_look(int rank, clade_machine *machine)
{
    const char *temporary = getenv("TMPDIR");
    *machine = (clade_machine){.rank = rank,
                               .blas_threads = clade_blas_threads(),
                               .memory = free_memory(),
                               .shared_memory = free_bytes("/dev/shm"),
                               .disk = free_bytes("."),
                               .temporary = free_bytes(temporary && temporary[0] != '\0' ? temporary : "/tmp"),
                               .clock_ahead = rank == 0 ? 0.0 : (double)NAN,
                               .answered = true};
    (void)gethostname(machine->host, sizeof machine->host - 1);
    look_at_cpus(machine);
    clade_platform_print(&machine->platform);
    return clade_text_status(&machine->platform);
}

void clade_machine_fini(clade_machine *machine)
{
    clade_text_free(&machine->platform);
}

/* ---- messages ---- */

void clade_machine_print(const clade_machine *machine, clade_text *json)
{
    clade_json_writer writer = clade_json_writer_to(json, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_integer(&writer, "rank", machine->rank);
    clade_json_put_string(&writer, "host", machine->host);
    clade_json_put_bits(&writer, "cpus", machine->cpus, CLADE_MACHINE_CPUS);
    clade_json_put_u64(&writer, "online", machine->online);
    clade_json_put_number(&writer, "quota", machine->quota);
    clade_json_put_integer(&writer, "blas_threads", machine->blas_threads);
    clade_json_put_number(&writer, "memory", machine->memory);
    clade_json_put_number(&writer, "shared_memory", machine->shared_memory);
    clade_json_put_number(&writer, "disk", machine->disk);
    clade_json_put_number(&writer, "temporary", machine->temporary);
    clade_json_put_string(&writer, "platform", clade_text_get(&machine->platform));
    clade_json_end_object(&writer);
}

static void number_of(const clade_json_at *root, const char *key, clade_problems *problems, double *out)
{
    const clade_json_at at = clade_json_member(root, key);
    (void)clade_json_number(&at, problems, -1.0, 0x1p62, out);
}

static const char *string_of(const clade_json_at *root, const char *key, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(root, key);
    const char *text = "";
    (void)clade_json_string(&at, problems, &text);
    return text;
}

clade_status clade_machine_parse(const char *text, size_t length, int rank, clade_machine *machine)
{
    char name[32];
    clade_json *document = NULL;
    clade_problems problems = {0};
    uint8_t *bits = NULL;
    double threads = 1.0, online = 1.0;
    *machine = (clade_machine){.rank = rank, .clock_ahead = (double)NAN, .answered = true};
    snprintf(name, sizeof name, "rank %d", rank);
    CLADE_TRY(clade_json_parse(text, length, name, CLADE_EINTERNAL, &document));
    const clade_json_at root = clade_json_root(document), cpus = clade_json_member(&root, "cpus");
    const char *host = string_of(&root, "host", &problems);
    if (strlen(host) < sizeof machine->host)
        memcpy(machine->host, host, strlen(host) + 1);
    else /* cut off it might end within a character */
        clade_problem(&problems, "%s: host: found a name of %zu bytes, expected at most %zu", name, strlen(host),
                      sizeof machine->host - 1);
    clade_text_append(&machine->platform, "%s", string_of(&root, "platform", &problems));
    const bool memory = clade_json_bits(&cpus, CLADE_MACHINE_CPUS, &problems, &bits);
    if (bits)
        memcpy(machine->cpus, bits, sizeof machine->cpus);
    number_of(&root, "online", &problems, &online);
    number_of(&root, "quota", &problems, &machine->quota);
    number_of(&root, "blas_threads", &problems, &threads);
    number_of(&root, "memory", &problems, &machine->memory);
    number_of(&root, "shared_memory", &problems, &machine->shared_memory);
    number_of(&root, "disk", &problems, &machine->disk);
    number_of(&root, "temporary", &problems, &machine->temporary);
    machine->online = online >= 1.0 && online < 0x1p31 ? (size_t)online : 1;
    machine->blas_threads = threads < 0x1p31 ? (int)threads : 0;
    clade_free(bits);
    clade_json_free(document);
    const clade_status status = clade_problems_end(&problems, CLADE_EINTERNAL);
    if (status != CLADE_OK || !memory)
        return status != CLADE_OK ? status : clade_fail_memory(sizeof machine->cpus, "a rank's CPUs");
    return clade_text_status(&machine->platform);
}
