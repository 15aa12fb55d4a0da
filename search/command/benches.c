/* The table of benches, and what they share. */
#include "search/command/bench.h"

#include <time.h>

static const clade_bench benches[] = {
    {"forward", "forward passes on one thread: images/s, GFLOP/s, share of sgemm", clade_bench_forward},
    {"merge", "merge methods: bytes moved against memcpy, and what a worker saves from child to child",
     clade_bench_merge},
    {"search", "search algorithms on problems with known answers: hypervolume, microseconds a child",
     clade_bench_search},
    {"coordinator", "results a second with the ledger on, and what each part costs", clade_bench_coordinator},
    {"workers", "1 to 4,096 simulated workers: how busy they are, where one coordinator ends", clade_bench_workers},
    {"windows", "what children in flight cost in quality: hypervolume against the window", clade_bench_windows},
};

const clade_bench *clade_benches(size_t *count)
{
    *count = sizeof benches / sizeof benches[0];
    return benches;
}

double clade_bench_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
