/* A model of the objectives over the genes, learned from the children told: which of several offspring is worth a
 * forward pass. Its predictions are for ranking only and never become results.
 *
 * Ridge regression of every objective in dual form (kernel ridge; the mean of a Gaussian process, Rasmussen & Williams 2006,
 * eq. 2.25) on the children of a sliding window. Features are the numbers among the active genes in unit scale, each
 * divided by its deviation over the window; a gene that is inactive counts as average. Two kinds of kernel:
 *
 *   quadratic  (1 + x.z / d)^2: all squares and products of the genes, at the cost of the window, not of their number
 *   smooth     exp(-|x - z|^2 / (2 r d)), for what a quadratic cannot bend to
 *
 * times SAME_CATEGORY when the two are of different methods: what one method shows counts for another, but less. Kernel,
 * reach r and ridge are those of a short list with the least leave-one-out error (closed form), chosen anew at every
 * fourth fit. Objectives are cut at the top (winsorised) and standardised: a ruined model is bad, not infinitely bad.
 *
 * Deterministic; O(window^3) for each entry of the list. */
#ifndef CLADE_SURROGATE_H
#define CLADE_SURROGATE_H

#include "search/space.h"

typedef struct clade_surrogate clade_surrogate;

/* SPACE is borrowed. WINDOW >= 4: the most recent children that count. CLADE_EIO without memory. */
clade_status clade_surrogate_new(const clade_space *space, size_t n_objectives, size_t window,
                                 clade_surrogate **surrogate) CLADE_CHECK_RESULT;
void clade_surrogate_free(clade_surrogate *surrogate); /* accepts NULL */
/* GENOME (n_genes) and finite OBJECTIVES (n_objectives) are copied; beyond the window the oldest is forgotten. */
void clade_surrogate_add(clade_surrogate *surrogate, const double *genome, const double *objectives);
/* Learn what was added. False when there is nothing to learn from: fewer than 4 children, all of one genome. */
bool clade_surrogate_fit(clade_surrogate *surrogate);
/* PREDICTED (n_objectives), natural units; after a fit that was true. Children added since change nothing. */
void clade_surrogate_predict(const clade_surrogate *surrogate, const double *genome, double *predicted);

/* Spearman's rank correlation of A and B (n), ties at their middle rank; 0 when one of them is constant, or n < 2.
 * Law: growing transformations of A or B change nothing. O(n^2). */
double clade_rank_correlation(const double *a, const double *b, size_t n);

#endif
