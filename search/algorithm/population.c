#include "search/algorithm/population.h"

#include <string.h>

#include "clade/alloc.h"

clade_status clade_population_init(clade_population *population, const clade_search_problem *problem, size_t capacity)
{
    population->n_genes = problem->space->n_genes;
    population->n_objectives = problem->n_objectives;
    population->capacity = capacity;
    population->child = clade_calloc(capacity, sizeof *population->child);
    population->genomes = clade_calloc(capacity, population->n_genes * sizeof(double));
    population->objectives = clade_calloc(capacity, population->n_objectives * sizeof(double));
    if (population->child && population->genomes && population->objectives)
        return CLADE_OK;
    clade_population_fini(population);
    return clade_fail_memory(capacity * (problem->space->n_genes + problem->n_objectives + 1) * sizeof(double),
                             "a population");
}

void clade_population_fini(clade_population *population)
{
    clade_free(population->child);
    clade_free(population->genomes);
    clade_free(population->objectives);
    memset(population, 0, sizeof *population);
}

static void put(clade_population *population, size_t to, uint64_t child, const double *genome, const double *objectives)
{
    population->child[to] = child;
    memcpy(population->genomes + to * population->n_genes, genome, population->n_genes * sizeof *genome);
    memcpy(population->objectives + to * population->n_objectives, objectives,
           population->n_objectives * sizeof *objectives);
    if (to == population->count)
        population->count++;
}

void clade_population_add(clade_population *population, const clade_told *told)
{
    put(population, population->count, told->child, told->genome, told->objectives);
}

void clade_population_set(clade_population *population, size_t to, const clade_population *from, size_t index)
{
    put(population, to, from->child[index], clade_population_genome(from, index),
        clade_population_objectives(from, index));
}

void clade_population_remove(clade_population *population, size_t index)
{
    const size_t after = population->count - index - 1;
    const size_t genome = population->n_genes, objectives = population->n_objectives;
    memmove(population->child + index, population->child + index + 1, after * sizeof *population->child);
    memmove(population->genomes + index * genome, population->genomes + (index + 1) * genome,
            after * genome * sizeof(double));
    memmove(population->objectives + index * objectives, population->objectives + (index + 1) * objectives,
            after * objectives * sizeof(double));
    population->count--;
}

const double *clade_population_genome(const clade_population *population, size_t index)
{
    return population->genomes + index * population->n_genes;
}

const double *clade_population_objectives(const clade_population *population, size_t index)
{
    return population->objectives + index * population->n_objectives;
}
