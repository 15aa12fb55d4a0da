/* Coarse to fine: a search begins in a space where genes are tied (one value for the model, or for a third of its depth)
 * and unties them where progress stalls. In the hundreds of dimensions of a merge by layers a budget of some hundred
 * children finds nothing that a few dimensions would not have found sooner; what they found is where the finer search
 * begins (optimisers-and-hpc.md 1.7).
 *
 * An algorithm around an algorithm: at each level INNER works in the reduced space of that level, whose genomes expand to
 * the whole one exactly; at the next level a new INNER is told all that is known, then goes on. The rule looks at
 * nothing but what was told, so a run stays a function of (seed, W, results):
 *
 *   a level ends when children worth `patience` evaluations on all items have been told in a row, each of which brought less
 *   than 0.5 % of the hypervolume, patience being 16 + 2 n_groups (a child of a batch is worth what it cost); or when it has
 *   used its share of the budget of children, where that is known: all levels but the last have half of it together, in
 *   equal parts.
 *
 * Line searches from the best first individuals (line_search.h), where the problem has a share for them, are in the
 * terms of the whole space, beside INNER: it is told their children as those of others.
 *
 * First individuals are always proposed as they are; INNER is told those that a level can say (tied genes are equal). */
#ifndef CLADE_ALGORITHM_LEVELS_H
#define CLADE_ALGORITHM_LEVELS_H

#include "search/algorithm/preselect.h"

typedef struct clade_levels clade_levels;

/* PROBLEM's space is that of the last level; with n_levels 0 it is the only one. INNER must be steady when there are
 * several levels or a share for line searches (CLADE_ECONFIG). PROBLEM is copied, its pointers borrowed. At each level
 * INNER is asked through a new clade_preselect of these options; NULL: without. */
clade_status clade_levels_create(const clade_algorithm *inner, const clade_search_problem *problem,
                                 const clade_preselect_options *preselect, clade_levels **levels) CLADE_CHECK_RESULT;
void clade_levels_destroy(clade_levels *levels); /* accepts NULL */
/* As the functions of clade_algorithm. The proposal's event is set for the first child of a level. */
uint64_t clade_levels_told_before_ask(const clade_levels *levels, uint64_t child, size_t window);
clade_status clade_levels_ask(clade_levels *levels, uint64_t child, clade_proposal *proposal) CLADE_CHECK_RESULT;
clade_status clade_levels_tell(clade_levels *levels, const clade_told *told) CLADE_CHECK_RESULT;
/* The level in force, 0 the coarsest. */
size_t clade_levels_level(const clade_levels *levels);

#endif
