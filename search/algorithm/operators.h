/* The ways a child comes from a population: rows of a table, each used as often as it pays.
 *
 * Probability matching with a floor (Goldberg 1990; Thierens 2005, "An adaptive pursuit strategy for allocating operator
 * probabilities"): operator k has a quality q_k, an exponential mean of the rewards of its children; it is drawn with
 * probability floor + (1 - K floor) q_k / sum q over the K operators that the space has a use for. All state changes
 * with tells, in the order of the commits, so a run stays a function of (seed, W, results). */
#ifndef CLADE_ALGORITHM_OPERATORS_H
#define CLADE_ALGORITHM_OPERATORS_H

#include "search/algorithm.h"
#include "search/algorithm/population.h"

typedef struct clade_operators clade_operators;

/* PROBLEM is copied (its pointers borrowed). CLADE_EIO without memory. */
clade_status clade_operators_new(const clade_search_problem *problem, clade_operators **operators) CLADE_CHECK_RESULT;
void clade_operators_free(clade_operators *operators); /* accepts NULL */
/* A child of MOTHER by an operator drawn for it, with FATHER and others of POPULATION (at least 2) where the operator
 * takes more than one; where the drawn one has nothing to do, by SBX and mutation. A second proposal for the same child
 * (another variant) takes the place of the first. */
void clade_operators_propose(clade_operators *operators, const clade_population *population, size_t mother,
                             size_t father, uint64_t child, clade_proposal *proposal);
/* What CHILD brought, in [0, 1]; nothing happens for children that were not proposed here. */
void clade_operators_reward(clade_operators *operators, uint64_t child, double reward);

/* For people and tests: the rows of the table, and the present probability of a row (0: no use in this space). */
size_t clade_operators_count(void);
const char *clade_operators_name(size_t row);
double clade_operators_share(const clade_operators *operators, size_t row);

#endif
