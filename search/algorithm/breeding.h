/* How children come about, shared by the evolutionary algorithms: the start of a run, and a child of two parents. */
#ifndef CLADE_ALGORITHM_BREEDING_H
#define CLADE_ALGORITHM_BREEDING_H

#include "search/algorithm.h"
#include "search/algorithm/population.h"

/* Children of the start: the first individuals, then others up to the size of the population. */
uint64_t clade_start_count(const clade_search_problem *problem, size_t population);
/* A child that is bred from no result: first individual CHILD where there is one; else uniform when there are none, and
 * else one of four uniform and three of four bred from two first individuals with heavy variation. In the tens of
 * dimensions of a merge a uniform genome is a ruined model; what is known to work, mixed and shaken, is where good
 * merges are. */
void clade_propose_start(const clade_search_problem *problem, uint64_t child, clade_proposal *proposal);
/* A uniform child. */
void clade_propose_uniform(const clade_search_problem *problem, uint64_t child, clade_proposal *proposal);
/* The child of individuals MOTHER and FATHER of POPULATION by SBX and polynomial mutation. */
void clade_propose_bred(const clade_search_problem *problem, const clade_population *population, size_t mother,
                        size_t father, uint64_t child, clade_proposal *proposal);
/* A differential step from individual X along the difference of two others; false when there are fewer than four, or
 * nothing changed (the two are copies of each other). */
bool clade_propose_differential(const clade_search_problem *problem, const clade_population *population, size_t x,
                                uint64_t child, clade_proposal *proposal);
/* Four of five times clade_propose_bred; one of five times a differential step from the mother along the difference of two others
 * (in a population of at least 4). The step knows the scale and the correlations of the population, SBX and mutation go
 * along the axes. Measured with SMS-EMOA, population 20, 600 evaluations, against SBX and mutation alone:
 * hypervolume 10.5 for 10.2 on ZDT1 (30 genes), 14.6 for 14.3 on DTLZ2 (30), 3.45 for 3.35 on mixmerge, no difference
 * on ZDT4. `clade bench search` prints the present figures. */
void clade_propose_mixed(const clade_search_problem *problem, const clade_population *population, size_t mother,
                         size_t father, uint64_t child, clade_proposal *proposal);

#endif
