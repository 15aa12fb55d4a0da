/* The normal distribution N(m, sigma^2 C) of CMA-ES (Hansen 2016, "The CMA evolution strategy: a tutorial",
 * arXiv 1604.00772) with its evolution paths: sampling and the update by a ranked population. It knows nothing of
 * genomes, objectives and restarts: cma_es.c does.
 *
 * Where the tutorial and pycma 4.5 differ, the constants are pycma's, because they have known answers for every n
 * (../shared/golden/optimisers/cma_constants.json): c_sigma = (mu_eff + 2) / (n + mu_eff + 3), at most 1/2, and 1/4 more
 * in the numerator of c_mu. The separable rates are those of pycma's diagonal mode too (Ros & Hansen 2008 has others).
 * With them the evaluations to 1e-8 are 0.73 to 1.11 times pycma's (tests/conformance/cma_es.c).
 *
 * Vectors have n elements, matrices are (n, n) row-major. */
#ifndef CLADE_ALGORITHM_CMA_DISTRIBUTION_H
#define CLADE_ALGORITHM_CMA_DISTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/rng.h"
#include "clade/status.h"

typedef struct clade_cma_constants {
    double mu_eff, c_sigma, d_sigma, c_c, c_1, c_mu, chi_n;
    size_t mu;
} clade_cma_constants;

typedef struct clade_cma {
    size_t n, lambda;
    bool separable; /* C is diagonal */
    clade_cma_constants k;
    double *w; /* (lambda): falling, the first mu sum to 1, the last are negative; owned, as all below */
    double sigma;
    double *m, *p_sigma, *p_c;
    double *C;                       /* (n, n); separable: (n), the diagonal */
    double *B;                       /* (n, n): row i is the eigenvector of D[i]^2; separable: NULL */
    double *D;                       /* (n): square roots of the eigenvalues; separable: of the diagonal */
    uint64_t generation, decomposed; /* updates so far; the update B and D are of */
    double *scratch;                 /* (2, n) */
    double *work;                    /* of the decomposition; separable: NULL */
} clade_cma;

/* 4 + floor(3 ln n); n >= 1. */
size_t clade_cma_default_lambda(size_t n);
/* Constants and weights W (lambda) for n >= 1, lambda >= 4. */
clade_cma_constants clade_cma_constants_of(size_t n, size_t lambda, bool separable, double *w);

/* CMA zeroed by the caller; n >= 1, lambda >= 4. m = 0, C = I, sigma = 1. CLADE_EIO without memory. */
clade_status clade_cma_init(clade_cma *cma, size_t n, size_t lambda, bool separable) CLADE_CHECK_RESULT;
void clade_cma_fini(clade_cma *cma);

/* X (n) = m + sigma B D z with z standard normal: 2n draws of RNG. Changes nothing in CMA. */
void clade_cma_sample(const clade_cma *cma, clade_rng *rng, double *x);
/* One generation: STEPS (lambda, n) = (x - m) / sigma, best first, with m and sigma of when x was drawn; destroyed. So a
 * sample of an older distribution counts as the step that it was: to take it as a step from the present mean would undo
 * what the generations between have learnt. Steps need not be samples at all; one longer than sqrt(n) + 2n / (n + 2) in
 * the metric of C is cut to that (Hansen 2011, "Injecting external solutions into CMA-ES"), which few samples are.
 * CLADE_EEVAL: C has no eigenvalues. */
clade_status clade_cma_update(clade_cma *cma, double *steps) CLADE_CHECK_RESULT;
/* Make the standard deviation of coordinate I at least LEAST, by adding to the diagonal of C. */
void clade_cma_raise(clade_cma *cma, size_t i, double least);

/* sigma sqrt(C_ii). */
double clade_cma_deviation(const clade_cma *cma, size_t i);
/* The condition number of C, as of the last decomposition. */
double clade_cma_condition(const clade_cma *cma);

#endif
