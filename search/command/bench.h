/* The benches of `clade bench [NAME]`: each measures one part of Clade against the machine's own floor, in the same
 * run. A bench is one function and one row of the table in benches.c. */
#ifndef CLADE_SEARCH_COMMAND_BENCH_H
#define CLADE_SEARCH_COMMAND_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef struct clade_bench_options {
    bool json;
    /* of bench search; NULL and 0 are all and the usual */
    const char *algorithm, *problem; /* only this one */
    uint64_t seeds;
    const char *golden; /* the folder with the results of published tools, to be printed beside */
    /* of bench workers and coordinator */
    const char *part, *run; /* only this part; the run folder whose times are drawn from; may be NULL */
    uint64_t workers;       /* only this number; 0: all */
} clade_bench_options;

typedef struct clade_bench {
    const char *name;
    const char *help; /* one line */
    /* prints its table, or one JSON object, to stdout */
    clade_status (*run)(const clade_bench_options *options);
    /* Without a name, `clade bench` runs what measures this machine and takes some minutes in all; the others are studies
     * of the search, of minutes to hours. */
    bool by_name;            /* it is a study */
    const char *part_of_all; /* only this part of it then; NULL: all */
} clade_bench;

/* Every bench, in the order `clade bench` runs them. A signal asks to stop (stop.h) and leaves its folder behind unless
 * the bench looks for it: clade_bench_go_on between what it measures. */
const clade_bench *clade_benches(size_t *count);

/* Forward passes with random weights on one thread: images/s, GFLOP/s and the share of the BLAS's own sgemm rate. */
clade_status clade_bench_forward(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* Every merge method on tensors larger than the caches against memcpy, and what a worker saves from child to child. */
clade_status clade_bench_merge(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* Search algorithms on closed-form problems: hypervolume after budgets of evaluations, microseconds a child, against
 * published tools. */
clade_status clade_bench_search(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* How busy 1 to 4,096 simulated workers are, for windows, kinds of evaluation times, faults, and a coordinator that needs
 * time itself. */
clade_status clade_bench_workers(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* What the window costs in quality: hypervolume on closed-form problems against children in flight. */
clade_status clade_bench_windows(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* Results a second that one coordinator takes with the ledger on, and what each part of its work costs. */
clade_status clade_bench_coordinator(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* What it costs that evaluations have a process of their own: its start, and the way there and back. */
clade_status clade_bench_evaluator(const clade_bench_options *options) CLADE_CHECK_RESULT;

/* ---- what benches share ---- */

/* CLADE_EINTERRUPTED when a signal has asked to stop. */
clade_status clade_bench_go_on(void) CLADE_CHECK_RESULT;
/* Whether NAME is to be measured: it is the ONLY one, or there is no such wish (NULL). */
bool clade_bench_chosen(const char *only, const char *name);
/* How many of SIZES (at most MOST) there are before the first 0. */
size_t clade_bench_sizes(const size_t *sizes, size_t most);
/* CLADE_EUSAGE when NAME is no algorithm; NULL is fine. */
clade_status clade_bench_check_algorithm(const char *name) CLADE_CHECK_RESULT;
/* A new folder in TMPDIR (or the system's), its path into FOLDER (size bytes); the caller removes it
 * (clade_remove_folder). */
clade_status clade_bench_folder(char *folder, size_t size) CLADE_CHECK_RESULT;

#endif
