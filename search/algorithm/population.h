/* Individuals that were told, for the algorithms: genomes and objectives in flat arrays, so that the functions of
 * search/pareto.h can be called on them. */
#ifndef CLADE_ALGORITHM_POPULATION_H
#define CLADE_ALGORITHM_POPULATION_H

#include "search/algorithm.h"

typedef struct clade_population {
    size_t n_genes, n_objectives, capacity;
    size_t count;
    uint64_t *child;    /* (count), owned: who it is */
    double *genomes;    /* (count, n_genes), owned */
    double *objectives; /* (count, n_objectives), owned */
} clade_population;

/* POPULATION zeroed by the caller. CLADE_EIO without memory. */
clade_status clade_population_init(clade_population *population, const clade_search_problem *problem,
                                   size_t capacity) CLADE_CHECK_RESULT;
void clade_population_fini(clade_population *population);
/* Append a copy of a child that has objectives; count must be below the capacity. */
void clade_population_add(clade_population *population, const clade_told *told);
/* Copy individual INDEX of FROM over individual TO, or to the end when TO is the count. */
void clade_population_set(clade_population *population, size_t to, const clade_population *from, size_t index);
/* Take out individual INDEX; the order of the others stays. */
void clade_population_remove(clade_population *population, size_t index);
const double *clade_population_genome(const clade_population *population, size_t index);
const double *clade_population_objectives(const clade_population *population, size_t index);

#endif
