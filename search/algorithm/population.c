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
    population->row = clade_calloc(capacity, sizeof *population->row);
    if (population->child && population->genomes && population->objectives && population->row) {
        for (size_t i = 0; i < capacity; i++)
            population->row[i] = i;
        return CLADE_OK;
    }
    clade_population_fini(population);
    return clade_fail_memory(capacity * (problem->space->n_genes + problem->n_objectives + 2) * sizeof(double),
                             "a population");
}

void clade_population_fini(clade_population *population)
{
    clade_free(population->child);
    clade_free(population->genomes);
    clade_free(population->objectives);
    clade_free(population->row);
    memset(population, 0, sizeof *population);
}

static void put(clade_population *population, size_t to, uint64_t child, const double *genome, const double *objectives)
{
    population->child[to] = child;
    memcpy(population->genomes + population->row[to] * population->n_genes, genome,
           population->n_genes * sizeof *genome);
    memcpy(population->objectives + to * population->n_objectives, objectives,
           population->n_objectives * sizeof *objectives);
    if (to == population->count)
        population->count++;
}

bool clade_population_takes(const clade_told *told)
{
    return told->objectives && told->complete;
}

void clade_population_add(clade_population *population, const clade_told *told)
{
    put(population, population->count, told->child, told->genome, told->objectives);
}

void clade_population_replace(clade_population *population, size_t index, const clade_told *told)
{
    put(population, index, told->child, told->genome, told->objectives);
}

void clade_population_set(clade_population *population, size_t to, const clade_population *from, size_t index)
{
    put(population, to, from->child[index], clade_population_genome(from, index),
        clade_population_objectives(from, index));
}

void clade_population_remove(clade_population *population, size_t index)
{
    const size_t after = population->count - index - 1;
    const size_t objectives = population->n_objectives, free_row = population->row[index];
    memmove(population->child + index, population->child + index + 1, after * sizeof *population->child);
    memmove(population->row + index, population->row + index + 1, after * sizeof *population->row);
    memmove(population->objectives + index * objectives, population->objectives + (index + 1) * objectives,
            after * objectives * sizeof(double));
    population->row[--population->count] = free_row;
}

void clade_population_join(clade_population *population, const clade_population *a, const clade_population *b)
{
    population->count = 0;
    for (size_t i = 0; i < a->count; i++)
        clade_population_set(population, population->count, a, i);
    for (size_t i = 0; i < b->count; i++)
        clade_population_set(population, population->count, b, i);
}

const double *clade_population_genome(const clade_population *population, size_t index)
{
    return population->genomes + population->row[index] * population->n_genes;
}

const double *clade_population_objectives(const clade_population *population, size_t index)
{
    return population->objectives + index * population->n_objectives;
}

clade_status clade_state_new(const clade_search_problem *problem, size_t bytes, clade_status (*allocate)(void *state),
                             void (*destroy)(void *state), void **state)
{
    clade_search_problem *fresh = clade_calloc(1, bytes);
    if (!fresh)
        return clade_fail_memory(bytes, "the state of an algorithm");
    *fresh = *problem;
    const clade_status status = allocate ? allocate(fresh) : CLADE_OK;
    if (status == CLADE_OK)
        *state = fresh;
    else
        destroy(fresh);
    return status;
}

uint64_t clade_needs_nothing(const void *state, uint64_t child)
{
    (void)state;
    (void)child;
    return 0;
}

uint64_t clade_generation_begin(uint64_t start, size_t size, uint64_t child)
{
    return child < start ? 0 : start + (child - start) / size * size;
}

bool clade_generation_ends(uint64_t start, size_t size, uint64_t child)
{
    return clade_generation_begin(start, size, child + 1) == child + 1;
}
