#include <string.h>

#include "search/algorithm/descriptors.h"

static const clade_algorithm *const algorithms[] = {
    &clade_algorithm_sms_emoa,
    &clade_algorithm_nsga2,
    &clade_algorithm_random,
};

const clade_algorithm *const *clade_algorithms(size_t *count)
{
    *count = sizeof algorithms / sizeof *algorithms;
    return algorithms;
}

const clade_algorithm *clade_algorithm_find(const char *name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (strcmp(algorithms[i]->name, name) == 0)
            return algorithms[i];
    return NULL;
}

clade_rng clade_child_rng(uint64_t seed, uint64_t child, clade_purpose purpose)
{
    const uint64_t keys[] = {seed, child, (uint64_t)purpose};
    return clade_rng_keyed(keys, sizeof keys / sizeof *keys);
}

uint64_t clade_told_before_ask(const clade_algorithm *algorithm, const void *state, uint64_t child, size_t window)
{
    const uint64_t by_window = child + 1 > window ? child + 1 - window : 0;
    const uint64_t by_need = algorithm->needs(state, child);
    return by_window > by_need ? by_window : by_need;
}
