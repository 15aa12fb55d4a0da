/* What cma_es knows of everybody's children: those that no other dominates, at most FRONT of them, and what a point is
 * worth to a kernel given the incumbents of the others. Objectives are scaled by ideal and nadir of this front before
 * volumes and distances are taken, with the reference at 2 in these units. */
#ifndef CLADE_ALGORITHM_CMA_FRONT_H
#define CLADE_ALGORITHM_CMA_FRONT_H

#include "search/algorithm/population.h"
#include "search/algorithm/uncrowded.h"

enum { CLADE_CMA_FRONT = 64 };

typedef struct clade_cma_front {
    clade_population members; /* room for CLADE_CMA_FRONT + 1, owned, as all below */
    clade_population chosen;  /* as large */
    double *scaled;           /* (CLADE_CMA_FRONT + 1, n_objectives) scratch */
    double *contribution;     /* (CLADE_CMA_FRONT + 1) scratch */
} clade_cma_front;

/* FRONT zeroed by the caller. CLADE_EIO without memory. */
clade_status clade_cma_front_init(clade_cma_front *front, const clade_search_problem *problem) CLADE_CHECK_RESULT;
void clade_cma_front_fini(clade_cma_front *front);
/* Add a child that has objectives, unless a member dominates or equals it; those that it dominates leave, and of too
 * many the one that contributes the least hypervolume. With one objective the front is the best child, the older of
 * equals. */
clade_status clade_cma_front_add(clade_cma_front *front, const clade_told *told) CLADE_CHECK_RESULT;
/* The at most COUNT members that make the most hypervolume (greedily, by leaving out), into `chosen`. */
clade_status clade_cma_front_choose(clade_cma_front *front, size_t count) CLADE_CHECK_RESULT;

/* The worth of points beside OTHERS (n, n_objectives; at most CLADE_CMA_FRONT); release with clade_uncrowded_fini. Not
 * for one objective, nor for an empty front. */
clade_status clade_cma_front_beside(const clade_cma_front *front, const double *others, size_t n,
                                    clade_uncrowded *beside) CLADE_CHECK_RESULT;
/* Minus the uncrowded hypervolume improvement of POINT (n_objectives): smaller is better. */
clade_status clade_cma_front_fitness(const clade_cma_front *front, const clade_uncrowded *beside, const double *point,
                                     double *fitness) CLADE_CHECK_RESULT;

#endif
