/* A run of an algorithm on a closed-form problem as clade_run_closed_form makes it, and a look at the population that it
 * ends with: published results of large budgets are those of the population, not of everything evaluated. */
#ifndef CLADE_CLOSED_FORM_RUN_H
#define CLADE_CLOSED_FORM_RUN_H

#include "search/closed_form.h"

/* Proposals more whose parents are looked at. The least likely parent of NSGA-II with 100 individuals is one in 1 of
 * 10,000 tournaments, so all but about one individual are found. */
enum { CLADE_ASKED_FOR_PARENTS = 10000 };

/* Run CHILDREN evaluations of FORM in the contract's order. OBJECTIVES (children, n_objectives). Where MEMBERS (children,
 * n_objectives) is not NULL it gets the objectives of the population at the end, COUNT how many: of the children that are
 * parents of CLADE_ASKED_FOR_PARENTS proposals more, which are asked for without telling anything in between (none where
 * proposals have no parents). CLADE_EIO without memory, else what the algorithm fails with. */
clade_status clade_run_form(const clade_algorithm *algorithm, const clade_search_problem *problem,
                            const clade_problem_form *form, size_t children, double *objectives, double *members,
                            size_t *count) CLADE_CHECK_RESULT;

#endif
