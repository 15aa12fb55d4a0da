/* Variation operators on genomes, keyed draws only. Inactive genes (of the child's method) are copied from the first
 * parent. */
#ifndef CLADE_VARIATION_H
#define CLADE_VARIATION_H

#include "clade/rng.h"
#include "search/space.h"

/* Bounded simulated binary crossover (Deb & Agrawal 1995, bounded form of Deb's NSGA-II code): the child toward the
 * lower and the one toward the upper bound, as a function of u in [0, 1). Parents closer than 1e-14 come back
 * unchanged. */
void clade_sbx(double x1, double x2, double low, double high, double eta, double u, double children[2]);
/* Bounded polynomial mutation as a function of u. */
double clade_polynomial_mutation(double x, double low, double high, double eta, double u);

typedef struct clade_variation {
    double crossover_eta, crossover_probability; /* 15, 0.9 (per pair); each gene with 0.5 */
    double mutation_eta;                         /* 20 */
    double mutation_rate;                        /* expected number of mutated active genes; 1 */
} clade_variation;
clade_variation clade_variation_default(void);

/* CHILD (n_genes) from MOTHER and FATHER: SBX in unit scale on real genes and integers, uniform crossover on seeds,
 * then polynomial mutation on active real genes and integers, redraw of seeds. The category changes rarely (variation.c
 * says why). The child differs from both parents in an active gene (redrawn up to 16 times, then active genes are
 * resampled). */
void clade_vary(const clade_space *space, const clade_variation *variation, const double *mother, const double *father,
                clade_rng *rng, double *child);

/* The step of differential evolution (Storn & Price 1997): CHILD = X + 1/2 (A - B) in unit scale, in each real or
 * integer gene with probability 0.9; where it would leave the range, halfway from X to that bound. Genes that are
 * inactive in X, A or B and those of other kinds are X's. False when nothing changed. */
bool clade_differential(const clade_space *space, const double *x, const double *a, const double *b, clade_rng *rng,
                        double *child);

#endif
