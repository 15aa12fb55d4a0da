#include "search/command/bench_golden.h"

#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"

enum { LARGEST_TABLE = 1 << 24 };

clade_status clade_golden_open(const char *folder, clade_golden *golden)
{
    static const char *const names[] = {"small_summary.csv", "standard_summary.csv"};
    for (size_t t = 0; t < 2; t++) {
        size_t bytes;
        char *path = clade_path_join(folder, names[t]);
        if (!path)
            return clade_fail_memory(strlen(folder), "a path");
        const clade_status status = clade_read_file(path, LARGEST_TABLE, &golden->tables[t], &bytes);
        clade_free(path);
        CLADE_TRY(status);
    }
    return CLADE_OK;
}

void clade_golden_fini(clade_golden *golden)
{
    for (size_t t = 0; t < 2; t++)
        clade_free(golden->tables[t]);
    memset(golden, 0, sizeof *golden);
}

bool clade_golden_find(const clade_golden *golden, const clade_golden_key *key, double quartiles[3])
{
    char start[160];
    snprintf(start, sizeof start, "\n%s,%s,%zu,%zu,%s,%zu,15,hvwide,", key->tool, key->problem, key->variables,
             key->objectives, key->set, key->evaluations);
    for (size_t t = 0; t < 2; t++) {
        const char *row = golden->tables[t] ? strstr(golden->tables[t], start) : NULL;
        if (row && sscanf(row + strlen(start), "%lf,%lf,%lf", &quartiles[1], &quartiles[0], &quartiles[2]) == 3)
            return true;
    }
    return false;
}
