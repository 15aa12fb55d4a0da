/* Individuals that were told, for the algorithms: genomes and objectives in flat arrays, so that the functions of
 * search/pareto.h can be called on them; and what the states that hold them have in common. */
#ifndef CLADE_ALGORITHM_POPULATION_H
#define CLADE_ALGORITHM_POPULATION_H

#include "search/algorithm.h"

enum { CLADE_MOST_POPULATION = 16384 }; /* that an algorithm's parameter allows */

typedef struct clade_population {
    size_t n_genes, n_objectives, capacity;
    size_t count;
    uint64_t *child; /* (count), owned: who it is */
    double
        *genomes; /* (capacity, n_genes), owned: individual i's is row row[i], so that none moves when others leave */
    size_t *row;  /* (capacity), owned: a permutation; from the count on, the rows that are free */
    double *objectives; /* (count, n_objectives), owned */
} clade_population;

/* POPULATION zeroed by the caller. CLADE_EIO without memory. */
clade_status clade_population_init(clade_population *population, const clade_search_problem *problem,
                                   size_t capacity) CLADE_CHECK_RESULT;
void clade_population_fini(clade_population *population);
/* A child that may become an individual: it did not fail, and its objectives are no estimates of an ended race, which
 * by luck could push out what is better. */
bool clade_population_takes(const clade_told *told);
/* Append a copy of a child that has objectives; count must be below the capacity. */
void clade_population_add(clade_population *population, const clade_told *told);
/* A child that has objectives takes the place of individual INDEX. */
void clade_population_replace(clade_population *population, size_t index, const clade_told *told);
/* Copy individual INDEX of FROM over individual TO, or to the end when TO is the count. */
void clade_population_set(clade_population *population, size_t to, const clade_population *from, size_t index);
/* Take out individual INDEX; the order of the others stays. */
void clade_population_remove(clade_population *population, size_t index);
/* POPULATION becomes A's individuals, then B's; the capacity must do. */
void clade_population_join(clade_population *population, const clade_population *a, const clade_population *b);
const double *clade_population_genome(const clade_population *population, size_t index);
const double *clade_population_objectives(const clade_population *population, size_t index);

/* The create of an algorithm: BYTES of zeros, in which the first member is the clade_search_problem, filled with PROBLEM;
 * then ALLOCATE (may be NULL) does the rest. Where it fails, DESTROY (which must accept what it left) is called. */
clade_status clade_state_new(const clade_search_problem *problem, size_t bytes, clade_status (*allocate)(void *state),
                             void (*destroy)(void *state), void **state) CLADE_CHECK_RESULT;
/* The needs() of steady algorithms: 0. */
uint64_t clade_needs_nothing(const void *state, uint64_t child);
/* The first child of CHILD's generation, and so the needs() of generational algorithms: generation 0 is [0, START),
 * generation g >= 1 is [START + (g - 1) SIZE, START + g SIZE). */
uint64_t clade_generation_begin(uint64_t start, size_t size, uint64_t child);
/* CHILD is the last of its generation. */
bool clade_generation_ends(uint64_t start, size_t size, uint64_t child);

#endif
