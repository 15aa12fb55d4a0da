/* The parameters of a differential step as success-history adaptation learns them, and the size of the population as
 * L-SHADE reduces it (Tanabe & Fukunaga 2013, "Success-history based parameter adaptation for differential evolution",
 * CEC; 2014, "Improving the search performance of SHADE using linear population size reduction", CEC). */
#ifndef CLADE_ALGORITHM_SUCCESS_HISTORY_H
#define CLADE_ALGORITHM_SUCCESS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/rng.h"

enum { CLADE_HISTORY = 6 };

/* F in (0, 1] is the scale of differences, CR in [0, 1] the probability of a gene to be crossed over. */
typedef struct clade_success_history {
    double F[CLADE_HISTORY];
    double CR[CLADE_HISTORY]; /* negative: terminal, CR is 0 from then on */
    size_t next;              /* the entry that the next generation overwrites */
    /* Sums over the successes of this generation, w being how much each improved. */
    double w, w_F, w_FF, w_CR, w_CRCR, largest_CR;
} clade_success_history;

/* All entries 0.5, no success. */
void clade_success_history_init(clade_success_history *history);
/* An entry by lot; F from a Cauchy distribution of scale 0.1 around it, drawn again while it is not positive, at most 1; CR
 * from a normal one of deviation 0.1, cut to [0, 1]. */
void clade_success_history_draw(const clade_success_history *history, clade_rng *rng, double *F, double *CR);
/* A step with F and CR improved by IMPROVEMENT >= 0; 0 counts nothing. */
void clade_success_history_add(clade_success_history *history, double F, double CR, double improvement);
/* The end of a generation: with successes, entry `next` becomes their weighted Lehmer means sum w x^2 / sum w x; CR
 * becomes terminal when it was, or when all successful CR were 0. Without successes nothing changes. */
void clade_success_history_turn(clade_success_history *history);

/* Individuals after TOLD of BUDGET children: from FIRST at 0 linearly to LEAST at BUDGET, rounded; FIRST where BUDGET is 0
 * (unknown), LEAST beyond it. FIRST >= LEAST. */
size_t clade_reduced_size(size_t first, size_t least, uint64_t budget, uint64_t told);

#endif
