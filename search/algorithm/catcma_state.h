/* The state of catcma (catcma.c), and the learning of a generation (catcma_learn.c). */
#ifndef CLADE_ALGORITHM_CATCMA_STATE_H
#define CLADE_ALGORITHM_CATCMA_STATE_H

#include "search/algorithm/catcma_kernel.h"
#include "search/algorithm/cma_front.h"

enum { CLADE_CATCMA_MOST_KERNELS = 16 };

/* A child in flight. */
typedef struct clade_catcma_flight {
    uint64_t number; /* the child's plus 1; 0: none */
    size_t kernel;
} clade_catcma_flight;

typedef struct clade_catcma {
    clade_search_problem problem;
    size_t lambda, mu;
    double *w; /* (mu): falling, sum 1; owned, as all below */
    double mu_eff;
    clade_catcma_genes genes;
    size_t n_kernels; /* at present */
    clade_catcma_kernel kernels[CLADE_CATCMA_MOST_KERNELS];
    double sigma;                       /* common to the kernels, as C */
    double *C;                          /* (n): the diagonal of the covariance */
    clade_cma_front front;              /* of all complete children */
    bool learning;                      /* a sample has been told: kernels are placed no more */
    uint64_t told;                      /* children below this number have been told */
    uint64_t seen;                      /* children below this number are no guests any more */
    size_t n_settled;                   /* own samples of this generation that were told, failed ones too */
    clade_population kin;               /* those that have objectives */
    size_t *of_kernel;                  /* (capacity of kin): whose they are */
    bool *complete;                     /* (capacity of kin) */
    clade_catcma_flight *flights;       /* (window), child c at c modulo window */
    double ideal[CLADE_MAX_OBJECTIVES]; /* of the front */
    double range[CLADE_MAX_OBJECTIVES];
    clade_catcma_candidate *candidates; /* (capacity of kin and of the front) scratch */
    double *spread, *y, *moved;         /* (n) scratch */
} clade_catcma;

/* Learning rates for N genes when the selected children of a generation have the variance-effective number M. */
typedef struct clade_catcma_rates {
    double c_sigma, d_sigma, c_1, c_mu;
} clade_catcma_rates;
clade_catcma_rates clade_catcma_rates_of(size_t n, double m);

/* The children in `kin` are a generation: all kernels learn from them, and there may be one kernel more. Nothing is learnt
 * while the front is empty. CLADE_EIO without memory. */
clade_status clade_catcma_learn(clade_catcma *catcma) CLADE_CHECK_RESULT;

#endif
