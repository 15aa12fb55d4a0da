/* The algorithms of the registry. Adding one: one file and a line here and in registry.c. */
#ifndef CLADE_ALGORITHM_DESCRIPTORS_H
#define CLADE_ALGORITHM_DESCRIPTORS_H

#include "search/algorithm.h"

extern const clade_algorithm clade_algorithm_random, clade_algorithm_nsga2, clade_algorithm_sms_emoa,
    clade_algorithm_cma_es;
extern const clade_algorithm clade_algorithm_sobol, clade_algorithm_nsga3, clade_algorithm_moead;
extern const clade_algorithm clade_algorithm_catcma, clade_algorithm_lshade;
extern const clade_algorithm clade_algorithm_tpe, clade_algorithm_m2n2, clade_algorithm_map_elites;
extern const clade_algorithm clade_algorithm_minibatch, clade_algorithm_portfolio;

#endif
