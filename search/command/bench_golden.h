/* The results of published tools (../shared/golden/optimisers/README.md) that `clade bench search` prints beside its
 * own. */
#ifndef CLADE_SEARCH_COMMAND_BENCH_GOLDEN_H
#define CLADE_SEARCH_COMMAND_BENCH_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

#include "clade/status.h"

typedef struct clade_golden {
    char *tables[2]; /* the text of small_summary.csv and standard_summary.csv, owned */
} clade_golden;

/* One cell: hypervolume "hvwide" of 15 seeds. */
typedef struct clade_golden_key {
    const char *tool, *problem, *set; /* "nsga2-20", "zdt1", "archive" (everything evaluated) or "population" */
    size_t variables, objectives, evaluations;
} clade_golden_key;

/* Read the tables in FOLDER. GOLDEN zeroed by the caller; release with clade_golden_fini, also after a failure. */
clade_status clade_golden_open(const char *folder, clade_golden *golden) CLADE_CHECK_RESULT;
void clade_golden_fini(clade_golden *golden);
/* QUARTILES: q25, median, q75. False when there is no such row, and when GOLDEN is empty. */
bool clade_golden_find(const clade_golden *golden, const clade_golden_key *key, double quartiles[3]);

#endif
