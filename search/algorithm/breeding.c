#include "search/algorithm/breeding.h"

#include <stdio.h>
#include <string.h>

#include "search/variation.h"

/* At the start: wide crossover of every pair, and four genes mutated in wide steps. */
static const clade_variation HEAVY = {
    .crossover_eta = 2, .crossover_probability = 1, .mutation_eta = 5, .mutation_rate = 4};
/* One of this many children of the start is uniform. */
enum { UNIFORM_SHARE = 4 };
/* One of this many later children is a differential step, when the population has this many. */
enum { DIFFERENTIAL_SHARE = 5, DIFFERENTIAL_POPULATION = 4 };

uint64_t clade_start_count(const clade_search_problem *problem, size_t population)
{
    return problem->n_first > population ? problem->n_first : population;
}

void clade_propose_uniform(const clade_search_problem *problem, uint64_t child, clade_proposal *proposal)
{
    clade_rng rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_SAMPLE);
    clade_space_sample(problem->space, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "random");
    proposal->n_parents = 0;
}

void clade_propose_start(const clade_search_problem *problem, uint64_t child, clade_proposal *proposal)
{
    const size_t n_genes = problem->space->n_genes, n_first = problem->n_first;
    proposal->n_parents = 0;
    if (child < n_first) {
        memcpy(proposal->genome, problem->first + child * n_genes, n_genes * sizeof *proposal->genome);
        snprintf(proposal->operator_name, sizeof proposal->operator_name, "first: %s", problem->first_names[child]);
        return;
    }
    clade_rng rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_OPERATOR);
    if (n_first < 2 || clade_rng_below(&rng, UNIFORM_SHARE) == 0) {
        clade_propose_uniform(problem, child, proposal);
        return;
    }
    rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_SELECTION);
    const uint64_t mother = clade_rng_below(&rng, n_first);
    const uint64_t father = (mother + 1 + clade_rng_below(&rng, n_first - 1)) % n_first;
    rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    clade_vary(problem->space, &HEAVY, problem->first + mother * n_genes, problem->first + father * n_genes, &rng,
               proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "start: sbx+pm");
    proposal->parents[0] = mother;
    proposal->parents[1] = father;
    proposal->n_parents = 2;
}

void clade_propose_bred(const clade_search_problem *problem, const clade_population *population, size_t mother,
                        size_t father, uint64_t child, clade_proposal *proposal)
{
    const clade_variation variation = clade_variation_default();
    clade_rng rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    clade_vary(problem->space, &variation, clade_population_genome(population, mother),
               clade_population_genome(population, father), &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "sbx+pm");
    proposal->parents[0] = population->child[mother];
    proposal->parents[1] = population->child[father];
    proposal->n_parents = 2;
}

/* Two distinct individuals that are not X. */
static void pick_two(size_t x, size_t count, clade_rng *rng, size_t *a, size_t *b)
{
    *a = (x + 1 + (size_t)clade_rng_below(rng, count - 1)) % count;
    do
        *b = (x + 1 + (size_t)clade_rng_below(rng, count - 1)) % count;
    while (*b == *a);
}

bool clade_propose_differential(const clade_search_problem *problem, const clade_population *population, size_t x,
                                uint64_t child, clade_proposal *proposal)
{
    size_t a, b;
    if (population->count < DIFFERENTIAL_POPULATION)
        return false;
    clade_rng rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_DONORS);
    pick_two(x, population->count, &rng, &a, &b);
    rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    if (!clade_differential(problem->space, clade_population_genome(population, x),
                            clade_population_genome(population, a), clade_population_genome(population, b), &rng,
                            proposal->genome))
        return false;
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "differential");
    proposal->parents[0] = population->child[x];
    proposal->parents[1] = population->child[a];
    proposal->parents[2] = population->child[b];
    proposal->n_parents = 3;
    return true;
}

void clade_propose_mixed(const clade_search_problem *problem, const clade_population *population, size_t mother,
                         size_t father, uint64_t child, clade_proposal *proposal)
{
    clade_rng rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_OPERATOR);
    const bool step = clade_rng_below(&rng, DIFFERENTIAL_SHARE) == 0;
    if (!step || !clade_propose_differential(problem, population, mother, child, proposal))
        clade_propose_bred(problem, population, mother, father, child, proposal);
}
