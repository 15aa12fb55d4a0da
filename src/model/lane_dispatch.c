/* Which lane table a pass uses. The tables are listed from narrow to wide; each goes with the kernel table of the same
 * name, so CLADE_KERNELS in the environment limits both. */
#include "model/lanes.h"

#include <string.h>

#include "clade/kernels.h"

extern const clade_lanes clade_lanes_portable;
#ifdef CLADE_KERNELS_X86
extern const clade_lanes clade_lanes_avx2, clade_lanes_avx512;
static const clade_lanes *const tables[] = {&clade_lanes_portable, &clade_lanes_avx2, &clade_lanes_avx512};
/* The AVX2 table needs FMA too, which no CPU with AVX2 is known to lack; AVX-512 has its own. */
static bool is_runnable(const clade_lanes *table)
{
    return table != &clade_lanes_avx2 || __builtin_cpu_supports("fma");
}
#else
static const clade_lanes *const tables[] = {&clade_lanes_portable};
static bool is_runnable(const clade_lanes *table)
{
    return table != NULL;
}
#endif

const clade_lanes *clade_lanes_at(size_t index)
{
    const char *widest = clade_kernels_best()->name;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (is_runnable(tables[i]) && index-- == 0)
            return tables[i];
        if (strcmp(tables[i]->name, widest) == 0)
            break;
    }
    return NULL;
}

const clade_lanes *clade_lanes_for(size_t images)
{
    const clade_lanes *best = NULL;
    for (size_t i = 0; clade_lanes_at(i) != NULL; i++) {
        best = clade_lanes_at(i);
        if (images != 0 && best->lanes >= images)
            break;
    }
    return best;
}
