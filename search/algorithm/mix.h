/* Children between two parents, for the algorithms whose crossover is a mix of models. */
#ifndef CLADE_ALGORITHM_MIX_H
#define CLADE_ALGORITHM_MIX_H

#include "clade/rng.h"
#include "search/space.h"

/* GENOME (n_genes): gene g is SHARE[g] of A and the rest of B, in unit scale and cut to the gene's range (shares may lie
 * outside of [0, 1]). Categories are of the parent with the larger share in the mean, seeds of the one with the larger
 * share there; a gene that is active in one of the two only is that one's; what is inactive in the child is the
 * category's parent's. GENOME may not be A or B. Laws: equal genes stay as they are, bit by bit; shares of 1 give A. */
void clade_mix_parents(const clade_space *space, const double *a, const double *b, const double *share, double *genome);

/* Add a normal step of SIGMA in unit scale to each active number with probability RATE; beyond a bound it is reflected
 * (and cut, if it still is beyond one). An integer starts from a uniform place in its bin of the unit scale, so that
 * steps smaller than the bin leave it now and then. */
void clade_normal_step(const clade_space *space, double sigma, double rate, clade_rng *rng, double *genome);

#endif
