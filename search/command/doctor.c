/* clade doctor: what was found on this machine and what could go wrong here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clade/corruption.h"
#include "clade/idx.h"
#include "clade/kernels.h"
#include "clade/linalg.h"
#include "clade/merge.h"
#include "search/command/command.h"
#include "search/engine.h"

typedef struct machine {
    long cores;
    double memory, shared_memory, disk; /* bytes free; negative: unknown */
    double temporary;
} machine;

static double free_bytes(const char *folder)
{
    struct statvfs info;
    return statvfs(folder, &info) == 0 ? (double)info.f_bavail * (double)info.f_frsize : -1.0;
}

static machine look(void)
{
    return (machine){
        .cores = sysconf(_SC_NPROCESSORS_ONLN),
        .memory = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE),
        .shared_memory = free_bytes("/dev/shm"),
        .disk = free_bytes("."),
        .temporary = free_bytes(getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"),
    };
}

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

/* Each finding is one line: what is wrong and what to do. Returns how many there are. */
static size_t find_problems(const machine *m, clade_text *text)
{
    size_t count = 0;
    if (!on_path("mpirun")) {
        count++;
        clade_text_append(text,
                          "mpirun is not on PATH: `clade search --workers N` cannot launch; install openmpi-bin\n");
    }
    if (clade_blas_threads() != 1) {
        count++;
        clade_text_append(text, "BLAS uses %d threads: ranks will fight for cores; set OPENBLAS_NUM_THREADS=1\n",
                          clade_blas_threads());
    }
    if (m->shared_memory >= 0.0 && m->shared_memory < 64e6) {
        count++;
        clade_text_append(text,
                          "/dev/shm has only %.0f MB free: Open MPI may not start; in a container use --shm-size\n",
                          m->shared_memory / 1e6);
    }
    if (m->disk >= 0.0 && m->disk < 1e9) {
        count++;
        clade_text_append(text, "only %.0f MB free on this disk: a run folder with weights may not fit\n",
                          m->disk / 1e6);
    }
    if (m->memory < 1e9) {
        count++;
        clade_text_append(text, "only %.0f MB of memory free\n", m->memory / 1e6);
    }
    if (geteuid() == 0 && getenv("OMPI_ALLOW_RUN_AS_ROOT") == NULL) {
        count++;
        clade_text_append(text, "running as root: mpirun refuses unless OMPI_ALLOW_RUN_AS_ROOT=1 and "
                                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 are set\n");
    }
    return count;
}

static void print_json(const machine *m, const char *platform, const char *problems, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_raw(&writer, "platform", platform);
    clade_json_put_string(&writer, "sqlite", clade_sqlite_version());
    clade_json_put_string(&writer, "cjson", clade_cjson_version());
    clade_json_put_string(&writer, "zlib", clade_zlib_version());
    clade_json_put_string(&writer, "libyaml", clade_yaml_version());
    clade_json_put_integer(&writer, "cores", m->cores);
    clade_json_put_number(&writer, "memory_free_bytes", m->memory);
    clade_json_put_number(&writer, "shared_memory_free_bytes", m->shared_memory);
    clade_json_put_number(&writer, "disk_free_bytes", m->disk);
    clade_json_put_number(&writer, "temporary_free_bytes", m->temporary);
    clade_json_begin_array(&writer, "problems");
    while (*problems != '\0') {
        char line[512];
        const size_t length = strcspn(problems, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, problems);
        clade_json_put_string(&writer, NULL, line);
        problems += length + (problems[length] == '\n');
    }
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_text_append(text, "\n");
}

static void print_people(const machine *m, const char *problems, size_t count, clade_text *text)
{
    clade_text_append(text, "MPI      %s\nBLAS     %s, core %s, %d thread(s)\n", clade_mpi_version(),
                      clade_blas_config(), clade_blas_core(), clade_blas_threads());
    clade_text_append(text, "others   SQLite %s, cJSON %s, zlib %s, libjpeg-turbo %s, libyaml %s\n",
                      clade_sqlite_version(), clade_cjson_version(), clade_zlib_version(), clade_jpeg_version(),
                      clade_yaml_version());
    clade_text_append(text, "kernels  %s\n", clade_kernels_best()->name);
    clade_text_append(text, "cores    %ld\nmemory   %.1f GB free\n", m->cores, m->memory / 1e9);
    clade_text_append(text, "/dev/shm %.1f GB free\ndisk     %.1f GB free here, %.1f GB in the temporary folder\n",
                      m->shared_memory / 1e9, m->disk / 1e9, m->temporary / 1e9);
    if (count == 0)
        clade_text_append(text, "nothing wrong was found\n");
    else
        clade_text_append(text, "\n%zu thing%s to know:\n%s", count, count == 1 ? "" : "s", problems);
}

static clade_status run(int argc, char **argv)
{
    bool json = false;
    const clade_option options[] = {{"--json", NULL, CLADE_OPTION_FLAG, &json, "print JSON"}};
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_doctor, argc, argv, options, 1, 0, 0, &arguments));
    if (arguments.help)
        return CLADE_OK;
    clade_text text = {0}, problems = {0}, platform = {0};
    const machine m = look();
    const size_t count = find_problems(&m, &problems);
    clade_platform_print(&platform);
    if (json)
        print_json(&m, clade_text_get(&platform), clade_text_get(&problems), &text);
    else
        print_people(&m, clade_text_get(&problems), count, &text);
    clade_text_free(&problems);
    clade_text_free(&platform);
    return clade_finish_output(CLADE_OK, &text);
}

const clade_command clade_command_doctor = {
    .name = "doctor",
    .synopsis = "[--json]",
    .summary = "what was found here: MPI, BLAS, memory, disk, and what could go wrong",
    .run = run,
};
