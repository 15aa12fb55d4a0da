#include "search/algorithm/cma_front.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/pareto.h"

/* Above 1, so that the ends of a front count; far above, the kernels would crowd there. Measured (as in cma_es.c, after
 * 600 children): 1.2, 2 and 11 give 3.40, 3.48 and 3.45 on mixmerge, 11.28, 11.31 and 11.24 on ZDT1. */
static const double REFERENCE = 2;

clade_status clade_cma_front_init(clade_cma_front *front, const clade_search_problem *problem)
{
    const size_t capacity = CLADE_CMA_FRONT + 1;
    clade_status status = clade_population_init(&front->members, problem, capacity);
    if (status == CLADE_OK)
        status = clade_population_init(&front->chosen, problem, capacity);
    if (status == CLADE_OK) {
        front->scaled = clade_calloc(capacity, problem->n_objectives * sizeof *front->scaled);
        front->contribution = clade_calloc(capacity, sizeof *front->contribution);
        if (!front->scaled || !front->contribution)
            status = clade_fail_memory(capacity * (problem->n_objectives + 1) * sizeof *front->scaled, "a front");
    }
    if (status != CLADE_OK)
        clade_cma_front_fini(front);
    return status;
}

void clade_cma_front_fini(clade_cma_front *front)
{
    clade_population_fini(&front->members);
    clade_population_fini(&front->chosen);
    clade_free(front->scaled);
    clade_free(front->contribution);
    memset(front, 0, sizeof *front);
}

/* SCALED = (POINTS - ideal) / (nadir - ideal) of POPULATION, which is not empty. */
static void scale(const clade_population *population, const double *points, size_t n, double *scaled)
{
    const size_t m = population->n_objectives;
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES];
    clade_objective_range(population->objectives, population->count, m, ideal, range);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            scaled[i * m + k] = (points[i * m + k] - ideal[k]) / range[k];
}

static void set_reference(double *reference, size_t m)
{
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
}

/* Take out those that contribute the least, one at a time, until COUNT are left. */
static clade_status thin(clade_cma_front *front, clade_population *population, size_t count)
{
    const size_t m = population->n_objectives;
    double reference[CLADE_MAX_OBJECTIVES];
    set_reference(reference, m);
    while (population->count > count) {
        size_t least = 0;
        scale(population, population->objectives, population->count, front->scaled);
        CLADE_TRY(clade_exclusive_hypervolume(front->scaled, population->count, m, reference, front->contribution));
        for (size_t i = 1; i < population->count; i++)
            if (front->contribution[i] < front->contribution[least])
                least = i;
        clade_population_remove(population, least);
    }
    return CLADE_OK;
}

clade_status clade_cma_front_add(clade_cma_front *front, const clade_told *told)
{
    clade_population *members = &front->members;
    const size_t m = members->n_objectives;
    for (size_t i = 0; i < members->count; i++)
        if (clade_weakly_dominates(clade_population_objectives(members, i), told->objectives, m))
            return CLADE_OK;
    for (size_t i = members->count; i-- > 0;)
        if (clade_dominates(told->objectives, clade_population_objectives(members, i), m))
            clade_population_remove(members, i);
    clade_population_add(members, told);
    return thin(front, members, CLADE_CMA_FRONT);
}

clade_status clade_cma_front_choose(clade_cma_front *front, size_t count)
{
    front->chosen.count = 0;
    for (size_t i = 0; i < front->members.count; i++)
        clade_population_set(&front->chosen, i, &front->members, i);
    return thin(front, &front->chosen, count);
}

clade_status clade_cma_front_beside(const clade_cma_front *front, const double *others, size_t n,
                                    clade_uncrowded *beside)
{
    const size_t m = front->members.n_objectives;
    double reference[CLADE_MAX_OBJECTIVES];
    set_reference(reference, m);
    scale(&front->members, others, n, front->scaled);
    *beside = (clade_uncrowded){0};
    return clade_uncrowded_init(beside, front->scaled, n, m, reference);
}

clade_status clade_cma_front_fitness(const clade_cma_front *front, const clade_uncrowded *beside, const double *point,
                                     double *fitness)
{
    double scaled[CLADE_MAX_OBJECTIVES], improvement;
    scale(&front->members, point, 1, scaled);
    CLADE_TRY(clade_uncrowded_improvement(beside, scaled, &improvement));
    *fitness = -improvement;
    return CLADE_OK;
}
