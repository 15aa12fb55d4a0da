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

/* ---- steps that know merges (search/merge_variation.c); genes are known by their slot, site and parent ----
 *
 * All work in unit scale on active real and integer genes and reflect at the bounds; sizes of steps are log-uniform from
 * 0.005 to 0.2. False when the space or the parents have nothing for the step, or nothing changed; CHILD is then to be
 * thrown away. */

/* The coefficients of all parents at one site of one slot move together: half of the variance is common to them. */
bool clade_correlated_step(const clade_space *space, const double *mother, clade_rng *rng, double *child);
/* One coefficient moves over all sites by a bell around one of them: neighbours in depth stay alike. */
bool clade_smooth_step(const clade_space *space, const double *mother, clade_rng *rng, double *child);
/* CHILD = mother + t (father - mother) with one t from [-1/4, 5/4] for all genes that are active in both: between two
 * good merges of one base lies a good merge. */
bool clade_blend(const clade_space *space, const double *mother, const double *father, clade_rng *rng, double *child);
/* The crossover of M2N2 (arXiv 2508.16204): one split point over the depth and one mix w; before the split
 * w mother + (1 - w) father, after it (1 - w) mother + w father. Genes without a site are the mother's; in a space
 * without sites the split is over the genes in their order. */
bool clade_split_crossover(const clade_space *space, const double *mother, const double *father, clade_rng *rng,
                           double *child);
/* CHILD is the mother under another method. What both methods have stays; what only the new one has comes from DONOR, a
 * genome of that method, or is what the mother kept unused when DONOR is NULL. */
bool clade_switch_method(const clade_space *space, const double *mother, const double *donor, uint64_t category,
                         double *child);

#endif
