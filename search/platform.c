/* Host names, core counts and memory are left out on purpose: they change nothing of a result, and a run that moves to
 * an equal node should not be told that it moved. */
#include "search/platform.h"

#include <stdio.h>
#include <string.h>

#include "clade/corruption.h"
#include "clade/json.h"
#include "clade/kernels.h"
#include "clade/linalg.h"
#include "clade/version.h"
#include "search/pool.h"

enum { LINE = 512 };

/* "model name" of the first processor, or "unknown". */
static void read_cpu(char cpu[LINE])
{
    snprintf(cpu, LINE, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file)
        return;
    char line[LINE];
    while (fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", strlen("model name")) != 0 || !colon || colon[1] == '\0')
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(cpu, LINE, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    fclose(file);
}

void clade_platform_print(clade_text *json)
{
    char cpu[LINE];
    read_cpu(cpu);
    clade_json_writer writer = clade_json_writer_to(json, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "clade", CLADE_VERSION);
    clade_json_put_string(&writer, "compiler", CLADE_COMPILER);
    clade_json_put_string(&writer, "build", CLADE_BUILD_TYPE);
    clade_json_put_string(&writer, "system", CLADE_SYSTEM);
    clade_json_put_string(&writer, "cpu", cpu);
    clade_json_put_string(&writer, "kernels", clade_kernels_best()->name);
    clade_json_put_string(&writer, "blas", clade_blas_config());
    clade_json_put_string(&writer, "blas_core", clade_blas_core());
    clade_json_put_integer(&writer, "blas_threads", clade_blas_threads());
    clade_json_put_string(&writer, "mpi", clade_mpi_version());
    clade_json_put_string(&writer, "jpeg", clade_jpeg_version());
    clade_json_end_object(&writer);
}
