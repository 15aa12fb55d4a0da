/* Every sentence says what was found, what follows from it, and what to do. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "search/machine.h"

#include "clade/bits.h"

/* Open MPI 4 takes 4 MB of shared memory a rank, and as much again when messages queue up. */
static const double SHARED_BYTES_A_RANK = 8e6, LEAST_SHARED_BYTES = 64e6, LEAST_MEMORY = 1e9, LEAST_DISK = 1e9;
static const double MOST_SKEW = 1.0; /* seconds */

void clade_finding(clade_findings *findings, bool fatal, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    clade_text_append(&findings->text, "%s\n", line);
    findings->count++;
    findings->fatal += fatal;
}

static bool same_host(const clade_machine *a, const clade_machine *b)
{
    return a->answered && b->answered && strcmp(a->host, b->host) == 0;
}

/* Whether INDEX is the first of its host. */
static bool is_first(const clade_machine *machines, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (same_host(&machines[i], &machines[index]))
            return false;
    return machines[index].answered;
}

double clade_machine_cores(const clade_machine *machines, size_t count, size_t index)
{
    uint8_t together[CLADE_MACHINE_CPUS / 8] = {0};
    double cores = 0.0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; same_host(&machines[i], &machines[index]) && k < sizeof together; k++)
            together[k] |= machines[i].cpus[k];
    for (size_t k = 0; k < CLADE_MACHINE_CPUS; k++)
        cores += clade_bit(together, k);
    if (machines[index].quota > 0.0)
        cores = fmin(cores, machines[index].quota);
    return fmax(cores, 1.0);
}

/* ---- of a host ---- */

typedef struct host_load {
    const char *name;
    size_t ranks, workers;
    double cores;
    bool bound; /* its ranks may not use all of its CPUs */
} host_load;

static host_load load_of(const clade_machine *machines, size_t count, size_t index)
{
    host_load load = {.name = machines[index].host, .cores = clade_machine_cores(machines, count, index)};
    for (size_t i = 0; i < count; i++) {
        load.ranks += same_host(&machines[i], &machines[index]);
        load.workers += same_host(&machines[i], &machines[index]) && (machines[i].rank > 0 || count == 1);
    }
    load.bound = load.cores < (double)machines[index].online;
    return load;
}

static void check_cores(const host_load *load, clade_findings *findings)
{
    if ((double)load->workers <= load->cores)
        return;
    clade_finding(findings, false,
                  "%s: %zu workers share %.3g cores: they take turns, and the search gets no faster by them; start at "
                  "most %.0f there%s",
                  load->name, load->workers, load->cores, floor(load->cores),
                  load->bound ? ", or ask for more cores (they are bound: `mpirun --bind-to none`, `--cpus-per-task`)"
                              : "");
}

static void check_shared_memory(const host_load *load, const clade_machine *machine, bool launched,
                                clade_findings *findings)
{
    const double need = fmax(SHARED_BYTES_A_RANK * (double)load->ranks, launched ? 0.0 : LEAST_SHARED_BYTES);
    if (machine->shared_memory < 0.0 || machine->shared_memory >= need)
        return;
    clade_finding(findings, launched,
                  "%s: /dev/shm has only %.0f MB free, %zu ranks of Open MPI want %.0f MB: they may not start, or die "
                  "of SIGBUS; in a container start it with --shm-size=1g, else mount it larger",
                  load->name, machine->shared_memory / 1e6, load->ranks, need / 1e6);
}

static void check_memory(const host_load *load, const clade_machine *machine, double need, clade_findings *findings)
{
    const double all = need * (double)load->workers;
    if (machine->memory < 0.0)
        return;
    if (all > machine->memory)
        clade_finding(findings, true,
                      "%s: %zu workers need about %.2f GB each for this experiment, %.2f GB in all, and %.2f GB are "
                      "free: the system will kill them; start at most %.0f there, or lower \"memory\" or \"cache\" in "
                      "the experiment",
                      load->name, load->workers, need / 1e9, all / 1e9, machine->memory / 1e9,
                      floor(machine->memory / need));
    else if (machine->memory < LEAST_MEMORY)
        clade_finding(findings, false, "%s: only %.0f MB of memory are free; end what else runs there", load->name,
                      machine->memory / 1e6);
}

static void check_disk(const host_load *load, const clade_machine *machine, clade_findings *findings)
{
    if (machine->disk >= 0.0 && machine->disk < LEAST_DISK)
        clade_finding(findings, false, "%s: only %.0f MB are free on this disk: a run folder with weights may not fit",
                      load->name, machine->disk / 1e6);
}

/* ---- of a rank ---- */

/* What differs between two platforms: "; KEY: FOUND, rank 0 has EXPECTED" for each member. */
static void append_differences(const clade_text *first, const clade_text *other, clade_text *text)
{
    clade_json *documents[2] = {NULL, NULL};
    const bool read =
        clade_json_parse(clade_text_get(first), first->length, "rank 0", CLADE_EINTERNAL, &documents[0]) == CLADE_OK &&
        clade_json_parse(clade_text_get(other), other->length, "a rank", CLADE_EINTERNAL, &documents[1]) == CLADE_OK;
    const clade_json_at root = read ? clade_json_root(documents[0]) : (clade_json_at){0},
                        others = read ? clade_json_root(documents[1]) : (clade_json_at){0};
    for (size_t i = 0; read && i < clade_json_size(&root); i++) {
        clade_problems ignored = {0};
        const clade_json_at a = clade_json_item(&root, i), b = clade_json_member(&others, clade_json_key(&a));
        const char *expected = "", *found = "";
        const bool words = clade_json_kind_of(&a) == CLADE_JSON_STRING && clade_json_kind_of(&b) == CLADE_JSON_STRING &&
                           clade_json_string(&a, &ignored, &expected) && clade_json_string(&b, &ignored, &found);
        if (words && strcmp(expected, found) != 0)
            clade_text_append(text, "; %s: %s, rank 0 has %s", clade_json_key(&a), found, expected);
    }
    clade_json_free(documents[0]);
    clade_json_free(documents[1]);
}

static void check_platform(const clade_machine *first, const clade_machine *machine, clade_findings *findings)
{
    clade_text differences = {0};
    if (strcmp(clade_text_get(&machine->platform), clade_text_get(&first->platform)) == 0)
        return;
    append_differences(&first->platform, &machine->platform, &differences);
    clade_finding(findings, false,
                  "rank %d on %s computes on another platform than rank 0: scores, and so the run hash, may differ in "
                  "their last bits with who computes them; use nodes of one kind (`sbatch --constraint`)%.600s",
                  machine->rank, machine->host, clade_text_get(&differences));
    clade_text_free(&differences);
}

static void check_rank(const clade_machine *first, const clade_machine *machine, clade_findings *findings)
{
    if (!machine->answered) {
        clade_finding(findings, true,
                      "rank %d does not answer within ten seconds: its host or the network is down, or its process is "
                      "stopped; leave it out",
                      machine->rank);
        return;
    }
    if (machine->blas_threads != 1)
        clade_finding(findings, false,
                      "rank %d on %s: BLAS uses %d threads: ranks will fight for cores, and sums differ in their last "
                      "bits; set OPENBLAS_NUM_THREADS=1",
                      machine->rank, machine->host, machine->blas_threads);
    if (fabs(machine->clock_ahead) > MOST_SKEW)
        clade_finding(findings, false,
                      "rank %d on %s: its clock is %.1f s %s that of rank 0: the times of logs and files will not fit "
                      "together; keep clocks by NTP (`chronyc tracking`)",
                      machine->rank, machine->host, fabs(machine->clock_ahead),
                      machine->clock_ahead > 0.0 ? "ahead of" : "behind");
    check_platform(first, machine, findings);
}

void clade_diagnose(const clade_machine *machines, size_t count, double need, clade_findings *findings)
{
    for (size_t i = 0; i < count; i++) {
        check_rank(&machines[0], &machines[i], findings);
        if (!is_first(machines, i))
            continue;
        const host_load load = load_of(machines, count, i);
        check_cores(&load, findings);
        check_shared_memory(&load, &machines[i], count > 1, findings);
        check_memory(&load, &machines[i], need, findings);
        check_disk(&load, &machines[i], findings);
    }
}
