#include <string.h>

#include "search/algorithm/descriptors.h"

static const clade_algorithm *const algorithms[] = {
    &clade_algorithm_portfolio, &clade_algorithm_minibatch, &clade_algorithm_sms_emoa, &clade_algorithm_nsga2,
    &clade_algorithm_cma_es,    &clade_algorithm_nsga3,     &clade_algorithm_moead,    &clade_algorithm_sobol,
    &clade_algorithm_catcma,    &clade_algorithm_lshade,    &clade_algorithm_m2n2,     &clade_algorithm_map_elites,
    &clade_algorithm_tpe,       &clade_algorithm_random,
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

void clade_algorithm_defaults(const clade_algorithm *algorithm, double *values)
{
    for (size_t p = 0; p < algorithm->n_parameters; p++)
        values[p] = algorithm->parameters[p].default_value;
}

size_t clade_algorithm_parameter(const clade_algorithm *algorithm, const char *name)
{
    size_t place = 0;
    while (place < algorithm->n_parameters && strcmp(algorithm->parameters[place].name, name) != 0)
        place++;
    return place;
}

clade_rng clade_child_rng(uint64_t seed, uint64_t child, uint64_t variant, clade_purpose purpose)
{
    const uint64_t keys[] = {seed, child, (uint64_t)purpose, variant};
    return clade_rng_keyed(keys, variant == 0 ? 3 : 4);
}

uint64_t clade_told_before_ask(const clade_algorithm *algorithm, const void *state, uint64_t child, size_t window)
{
    const uint64_t by_window = child + 1 > window ? child + 1 - window : 0;
    const uint64_t by_need = algorithm->needs(state, child);
    return by_window > by_need ? by_window : by_need;
}
