/* clade doctor: what was found here, on every rank under mpirun, and what could go wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/corruption.h"
#include "clade/files.h"
#include "clade/idx.h"
#include "clade/kernels.h"
#include "clade/linalg.h"
#include "clade/merge.h"
#include "search/command/command.h"
#include "search/command/doctor_checks.h"
#include "search/engine.h"
#include "search/roll_call.h"

typedef struct diagnosis {
    clade_machine *machines; /* (count), owned */
    size_t count;
    const char *experiment; /* the file that was asked about, or NULL; borrowed */
    clade_appetite appetite;
    clade_findings findings; /* owned */
} diagnosis;

/* ---- looking ---- */

static bool on_path(const char *program)
{
    const char *path = getenv("PATH");
    char file[4096];
    while (path != NULL && *path != '\0') {
        const size_t length = strcspn(path, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)length, path, program);
        if (access(file, X_OK) == 0)
            return true;
        path += length + (path[length] == ':');
    }
    return false;
}

/* What keeps `clade search --workers N` from starting mpirun. */
static void check_launcher(clade_findings *findings)
{
    if (!on_path("mpirun"))
        clade_finding(findings, false,
                      "mpirun is not on PATH: `clade search --workers N` cannot launch; install openmpi-bin");
    if (geteuid() == 0 && getenv("OMPI_ALLOW_RUN_AS_ROOT") == NULL)
        clade_finding(findings, false,
                      "running as root: mpirun refuses unless OMPI_ALLOW_RUN_AS_ROOT=1 and "
                      "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 are set");
}

static clade_status look(diagnosis *self)
{
    self->machines = clade_calloc(self->count, sizeof *self->machines);
    if (!self->machines)
        return clade_fail_memory(self->count * sizeof *self->machines, "the ranks' machines");
    CLADE_TRY(clade_machine_look(0, &self->machines[0]));
    return self->count > 1 ? clade_roll_call(self->machines, self->count) : CLADE_OK;
}

static clade_status examine(diagnosis *self, const char *about)
{
    CLADE_TRY(look(self));
    if (about && !clade_path_is_folder(about)) {
        self->experiment = about;
        CLADE_TRY(clade_doctor_experiment(about, &self->appetite));
    }
    if (self->count == 1)
        check_launcher(&self->findings);
    clade_diagnose(self->machines, self->count, clade_appetite_sum(&self->appetite), &self->findings);
    if (about && clade_path_is_folder(about))
        clade_doctor_folder(about, &self->findings);
    return clade_text_status(&self->findings.text);
}

/* ---- printing ---- */

/* What is not known is negative: null in JSON, "?" for people. */
static void put_bytes(clade_json_writer *writer, const char *key, double bytes)
{
    clade_json_put_number(writer, key, bytes < 0.0 ? (double)NAN : bytes);
}

void clade_doctor_put_machines(const clade_machine *machines, size_t count, clade_json_writer *writer)
{
    static const char *const unknown[] = {"host",
                                          "cores_of_host",
                                          "blas_threads",
                                          "memory_free_bytes",
                                          "shared_memory_free_bytes",
                                          "clock_ahead_seconds"};
    clade_json_begin_array(writer, "ranks");
    for (size_t i = 0; i < count; i++) {
        const clade_machine *m = &machines[i];
        clade_json_begin_object(writer, NULL);
        clade_json_put_integer(writer, "rank", m->rank);
        clade_json_put_bool(writer, "answered", m->answered);
        for (size_t k = 0; !m->answered && k < sizeof unknown / sizeof unknown[0]; k++)
            clade_json_put_null(writer, unknown[k]);
        if (m->answered) {
            clade_json_put_string(writer, "host", m->host);
            clade_json_put_number(writer, "cores_of_host", clade_machine_cores(machines, count, i));
            clade_json_put_integer(writer, "blas_threads", m->blas_threads);
            put_bytes(writer, "memory_free_bytes", m->memory);
            put_bytes(writer, "shared_memory_free_bytes", m->shared_memory);
            clade_json_put_number(writer, "clock_ahead_seconds", m->clock_ahead);
        }
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
}

static void put_appetite(clade_json_writer *writer, const clade_appetite *appetite)
{
    clade_json_begin_object(writer, "experiment");
    clade_json_put_number(writer, "worker_bytes", clade_appetite_sum(appetite));
    clade_json_put_number(writer, "weights_bytes", appetite->weights);
    clade_json_put_number(writer, "items_bytes", appetite->items);
    clade_json_put_number(writer, "cache_bytes", appetite->cache);
    clade_json_put_number(writer, "parents_bytes", appetite->parents);
    clade_json_end_object(writer);
}

static void put_problems(clade_json_writer *writer, const clade_findings *findings)
{
    const char *problems = clade_text_get(&findings->text);
    clade_json_begin_array(writer, "problems");
    while (*problems != '\0') {
        char line[1024];
        const size_t length = strcspn(problems, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, problems);
        clade_json_put_string(writer, NULL, line);
        problems += length + (problems[length] == '\n');
    }
    clade_json_end_array(writer);
    clade_json_put_u64(writer, "will_fail", findings->fatal);
}

static void append_bytes(clade_text *text, double bytes, const char *where)
{
    if (bytes < 0.0)
        clade_text_append(text, "? GB %s", where);
    else
        clade_text_append(text, "%.1f GB %s", bytes / 1e9, where);
}

static void print_json(const diagnosis *self, clade_text *text)
{
    const clade_machine *m = &self->machines[0];
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_raw(&writer, "platform", clade_text_get(&m->platform));
    clade_json_put_string(&writer, "sqlite", clade_sqlite_version());
    clade_json_put_string(&writer, "zlib", clade_zlib_version());
    clade_json_put_string(&writer, "libyaml", clade_yaml_version());
    clade_json_put_number(&writer, "cores", clade_machine_cores(self->machines, self->count, 0));
    put_bytes(&writer, "memory_free_bytes", m->memory);
    put_bytes(&writer, "shared_memory_free_bytes", m->shared_memory);
    put_bytes(&writer, "disk_free_bytes", m->disk);
    put_bytes(&writer, "temporary_free_bytes", m->temporary);
    clade_doctor_put_machines(self->machines, self->count, &writer);
    if (self->experiment)
        put_appetite(&writer, &self->appetite);
    put_problems(&writer, &self->findings);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

static void print_ranks(const diagnosis *self, clade_text *text)
{
    for (size_t i = 0; self->count > 1 && i < self->count; i++) {
        const clade_machine *m = &self->machines[i];
        if (!m->answered) {
            clade_text_append(text, "rank %-3d does not answer\n", m->rank);
            continue;
        }
        clade_text_append(text, "rank %-3d on %s: %.3g cores for all there, ", m->rank, m->host,
                          clade_machine_cores(self->machines, self->count, i));
        append_bytes(text, m->memory, "of memory free");
        clade_text_append(text, ", clock %+.3f s\n", m->clock_ahead);
    }
}

static void print_people(const diagnosis *self, clade_text *text)
{
    const clade_machine *m = &self->machines[0];
    const clade_appetite *need = &self->appetite;
    clade_text_append(text, "MPI      %s\nBLAS     %s, core %s, %d thread(s)\n", clade_mpi_version(),
                      clade_blas_config(), clade_blas_core(), m->blas_threads);
    clade_text_append(text, "others   SQLite %s, zlib %s, libjpeg-turbo %s, libyaml %s\n", clade_sqlite_version(),
                      clade_zlib_version(), clade_jpeg_version(), clade_yaml_version());
    clade_text_append(text, "kernels  %s\n", clade_kernels_best()->name);
    clade_text_append(text, "cores    %.3g of %zu\nmemory   ", clade_machine_cores(self->machines, self->count, 0),
                      m->online);
    append_bytes(text, m->memory, "free\n/dev/shm ");
    append_bytes(text, m->shared_memory, "free\ndisk     ");
    append_bytes(text, m->disk, "free here, ");
    append_bytes(text, m->temporary, "in the temporary folder\n");
    print_ranks(self, text);
    if (self->experiment)
        clade_text_append(text,
                          "a worker about %.2f GB for %s: weights %.2f, items %.2f, cache up to %.2f; base and parents "
                          "%.2f GB, shared by the workers of a host\n",
                          clade_appetite_sum(need) / 1e9, self->experiment, need->weights / 1e9, need->items / 1e9,
                          need->cache / 1e9, need->parents / 1e9);
    if (self->findings.count == 0)
        clade_text_append(text, "nothing wrong was found\n");
    else
        clade_text_append(text, "\n%zu thing%s to know:\n%s", self->findings.count,
                          self->findings.count == 1 ? "" : "s", clade_text_get(&self->findings.text));
}

/* ---- the command ---- */

static clade_status diagnose(size_t ranks, const char *about, bool json)
{
    diagnosis self = {.count = ranks};
    clade_text text = {0};
    clade_status status = examine(&self, about);
    if (status == CLADE_OK)
        (json ? print_json : print_people)(&self, &text);
    status = clade_finish_output(status, &text);
    if (status == CLADE_OK && self.findings.fatal > 0)
        status = clade_fail(CLADE_EIO, "a search would fail here: %zu of the %zu things above", self.findings.fatal,
                            self.findings.count);
    for (size_t i = 0; self.machines && i < self.count; i++)
        clade_machine_fini(&self.machines[i]);
    clade_free(self.machines);
    clade_text_free(&self.findings.text);
    return status;
}

/* The one who is asked; the others are told. */
static clade_status run_first(int argc, char **argv, int ranks)
{
    bool json = false;
    const clade_option options[] = {{"--json", NULL, CLADE_OPTION_FLAG, &json, "print JSON"}};
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_doctor, argc, argv, options, 1, 0, 1, &arguments));
    if (arguments.help)
        return CLADE_OK;
    return diagnose((size_t)ranks, arguments.count > 0 ? arguments.items[0] : NULL, json);
}

static clade_status run(int argc, char **argv)
{
    int rank = 0, size = 1;
    bool all_left = true;
    if (!clade_mpi_launched())
        return run_first(argc, argv, size);
    CLADE_TRY(clade_mpi_start(&rank, &size));
    const clade_status status = rank > 0 ? clade_roll_answer(rank) : run_first(argc, argv, size);
    const clade_status left = clade_mpi_finish(&all_left);
    return status == CLADE_OK ? left : status;
}

const clade_command clade_command_doctor = {
    .name = "doctor",
    .synopsis = "[DIR | EXPERIMENT.json] [--json]",
    .summary = "what was found here: MPI, BLAS, memory, disk, and what could go wrong (under mpirun: on every rank)",
    .run = run,
};
