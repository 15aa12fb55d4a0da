/* The table of benches, and what they share. */
#include "search/command/bench.h"

#include <time.h>

static const clade_bench benches[] = {
    {"forward", "forward passes on one thread: images/s, GFLOP/s, share of sgemm", clade_bench_forward},
    {"merge", "merge methods: bytes moved against memcpy, and what a worker saves from child to child",
     clade_bench_merge},
    {"search", "search algorithms on problems with known answers: hypervolume, microseconds a child",
     clade_bench_search},
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
