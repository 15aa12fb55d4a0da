/* Which tables this CPU can run, found once. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/kernels_tables.h"

typedef struct candidate {
    const clade_kernels *table;
    bool (*supported)(void);
} candidate;

static bool always(void)
{
    return true;
}

#ifdef CLADE_KERNELS_X86
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); /* the flags this table is compiled with */
}

static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static const candidate candidates[] = {
    {&clade_kernels_portable, always},
    {&clade_kernels_avx2, has_avx2},
    {&clade_kernels_avx512, has_avx512},
};
#else
static const candidate candidates[] = {{&clade_kernels_portable, always}};
#endif

enum { CANDIDATES = sizeof candidates / sizeof candidates[0] };

static const clade_kernels *available[CANDIDATES]; /* slowest first */
static size_t available_count;
static const clade_kernels *best;

static void choose(void)
{
    const char *asked = getenv("CLADE_KERNELS");
    for (size_t i = 0; i < CANDIDATES; i++)
        if (candidates[i].supported())
            available[available_count++] = candidates[i].table;
    best = available[available_count - 1];
    for (size_t i = 0; i < available_count && asked; i++)
        if (strcmp(asked, available[i]->name) == 0)
            best = available[i];
}

static void choose_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, choose);
}

const clade_kernels *clade_kernels_best(void)
{
    choose_once();
    return best;
}

const clade_kernels *const *clade_kernels_available(size_t *count)
{
    choose_once();
    *count = available_count;
    return available;
}
