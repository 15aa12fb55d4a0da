/* The algorithms of the registry. Adding one: one file and a line here and in registry.c. */
#ifndef CLADE_ALGORITHM_DESCRIPTORS_H
#define CLADE_ALGORITHM_DESCRIPTORS_H

#include "search/algorithm.h"

extern const clade_algorithm clade_algorithm_random, clade_algorithm_nsga2, clade_algorithm_sms_emoa;

#endif
