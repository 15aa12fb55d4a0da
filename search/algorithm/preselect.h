/* Pre-selection: of several offspring for the same child the one that a surrogate thinks best is made (Jin 2011,
 * "Surrogate-assisted evolutionary computation", Swarm and Evolutionary Computation 1; Emmerich, Giannakoglou & Naujoks
 * 2006 for the hypervolume as the measure). Offspring cost nothing, forward passes do.
 *
 * An algorithm around an algorithm: INNER is asked for `candidates` variants of a child; each is predicted (surrogate.h),
 * and the one with the best uncrowded hypervolume improvement over the front told so far wins (uncrowded.h: what it adds,
 * or else how near it comes), ties to the lowest variant. Every FREE-th child is variant 0, unseen, so that the surrogate
 * also learns where it is wrong.
 *
 * The guard: predictions are kept until the results are told, and only while the rank correlation of the last 32 of them
 * with the results (mean over the objectives) is at least `correlation` are they acted on. They are made all the while,
 * so the surrogate can win back trust. The surrogate is fitted anew every 4 children.
 *
 * A proposal that asks for a batch of items is returned as it is: children of batches compare among themselves only. */
#ifndef CLADE_ALGORITHM_PRESELECT_H
#define CLADE_ALGORITHM_PRESELECT_H

#include "search/algorithm.h"

typedef struct clade_preselect_options {
    size_t candidates;  /* 1: no pre-selection, INNER as it is; at most 64 */
    double correlation; /* the least */
    size_t children;    /* scored whole before the first fit; at least 4 */
} clade_preselect_options;
clade_preselect_options clade_preselect_default(void); /* 1 candidate; what else measured best */

typedef struct clade_preselect clade_preselect;

/* PROBLEM is copied, its pointers borrowed. CLADE_EIO without memory, or what INNER's create fails with. */
clade_status clade_preselect_create(const clade_algorithm *inner, const clade_search_problem *problem,
                                    const clade_preselect_options *options,
                                    clade_preselect **preselect) CLADE_CHECK_RESULT;
void clade_preselect_destroy(clade_preselect *preselect); /* accepts NULL */
/* As the functions of clade_algorithm. Variant v of a proposal is chosen among the variants v * candidates ... of INNER;
 * the operator's name is INNER's. Laws: with one candidate the run is INNER's, bit for bit; ask changes nothing but what
 * a second ask for the same child overwrites. */
uint64_t clade_preselect_told_before_ask(const clade_preselect *preselect, uint64_t child, size_t window);
clade_status clade_preselect_ask(clade_preselect *preselect, uint64_t child,
                                 clade_proposal *proposal) CLADE_CHECK_RESULT;
clade_status clade_preselect_tell(clade_preselect *preselect, const clade_told *told) CLADE_CHECK_RESULT;
/* The rank correlation of the last predictions, 0 with fewer than 8. */
double clade_preselect_correlation(const clade_preselect *preselect);

#endif
