/* The table of benches, and what they share. */
#include "search/command/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/algorithm.h"
#include "search/command/command.h"
#include "search/command/stop.h"

static const clade_bench benches[] = {
    {.name = "forward",
     .help = "forward passes on one thread: images/s, GFLOP/s, share of sgemm",
     .run = clade_bench_forward},
    {.name = "merge",
     .help = "merge methods: bytes moved against memcpy, and what a worker saves from child to child",
     .run = clade_bench_merge},
    {.name = "coordinator",
     .help = "results a second with the ledger on, and what each part costs",
     .run = clade_bench_coordinator,
     .part_of_all = "window"},
    {.name = "evaluator",
     .help = "what a process of its own costs an evaluation: its start, and the way there and back",
     .run = clade_bench_evaluator},
    {.name = "search",
     .help = "search algorithms on problems with known answers: hypervolume, microseconds a child",
     .run = clade_bench_search,
     .by_name = true},
    {.name = "workers",
     .help = "1 to 4,096 simulated workers: how busy they are, where one coordinator ends",
     .run = clade_bench_workers,
     .by_name = true},
    {.name = "windows",
     .help = "what children in flight cost in quality: hypervolume against the window",
     .run = clade_bench_windows,
     .by_name = true},
};

const clade_bench *clade_benches(size_t *count)
{
    *count = sizeof benches / sizeof benches[0];
    return benches;
}

clade_status clade_bench_go_on(void)
{
    return clade_stop_requested() ? clade_fail(CLADE_EINTERRUPTED, "the bench was stopped") : CLADE_OK;
}

bool clade_bench_chosen(const char *only, const char *name)
{
    return !only || strcmp(only, name) == 0;
}

size_t clade_bench_sizes(const size_t *sizes, size_t most)
{
    size_t count = 0;
    while (count < most && sizes[count] > 0)
        count++;
    return count;
}

clade_status clade_bench_check_algorithm(const char *name)
{
    enum { MOST_NAMES = 64 };
    const char *names[MOST_NAMES];
    size_t count;
    const clade_algorithm *const *algorithms = clade_algorithms(&count);
    if (!name || clade_algorithm_find(name))
        return CLADE_OK;
    count = count < MOST_NAMES ? count : MOST_NAMES;
    for (size_t i = 0; i < count; i++)
        names[i] = algorithms[i]->name;
    return clade_unknown_word("algorithm", name, names, count);
}

clade_status clade_bench_folder(char *folder, size_t size)
{
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(folder, size, "%s/clade-bench-XXXXXX", parent && *parent ? parent : P_tmpdir);
    if (length < 0 || (size_t)length >= size)
        return clade_fail(CLADE_EUSAGE, "TMPDIR: found a path of %zu bytes, expected fewer than %zu",
                          parent ? strlen(parent) : 0, size);
    return mkdtemp(folder) ? CLADE_OK : clade_fail_errno(folder, "make");
}
