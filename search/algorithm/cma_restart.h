/* When a run of CMA-ES is over, and with which population and step the next begins.
 *
 * IPOP (Auger & Hansen 2005): each restart doubles the population. BIPOP (Hansen 2009): besides, as long as they have had
 * fewer children than the large runs, small runs of population lambda0 (lambda / (2 lambda0))^(u^2) and step
 * sigma0 10^(-2u), with at most half of the last large run's children. */
#ifndef CLADE_ALGORITHM_CMA_RESTART_H
#define CLADE_ALGORITHM_CMA_RESTART_H

#include "search/algorithm/cma_distribution.h"

typedef enum clade_cma_restarts {
    CLADE_CMA_NO_RESTARTS, /* the run goes on whatever it has come to */
    CLADE_CMA_IPOP,
    CLADE_CMA_BIPOP
} clade_cma_restarts;

typedef struct clade_cma_run {
    clade_cma_restarts restarts;
    double sigma0;  /* of large runs */
    size_t lambda0; /* 0: the default for the run's n, at least lambda_least */
    size_t lambda_least;

    uint64_t number;                               /* of this run, from 0 */
    size_t large;                                  /* large runs after the first */
    bool small;                                    /* this run is one */
    double sigma;                                  /* what this run begins with */
    size_t lambda;                                 /* this run's */
    uint64_t generation, children;                 /* of this run so far */
    uint64_t allowed;                              /* children of this run; 0: any number */
    uint64_t last_large, total_large, total_small; /* children of the runs before */

    size_t length, capacity; /* generations that the history keeps */
    double *best, *median;   /* (capacity) fitness by generation modulo length, owned */
} clade_cma_run;

/* RUN zeroed by the caller; N is the largest there will be. CLADE_EIO without memory. */
clade_status clade_cma_run_init(clade_cma_run *run, clade_cma_restarts restarts, size_t lambda0, size_t lambda_least,
                                double sigma0, size_t n) CLADE_CHECK_RESULT;
void clade_cma_run_fini(clade_cma_run *run);
/* Begin the first run, or the next after it (AGAIN), in N dimensions: sets lambda and sigma. U and V are the draws of a
 * small run, in [0, 1). */
void clade_cma_run_begin(clade_cma_run *run, bool again, size_t n, double u, double v);
/* After an update by a generation whose best and median fitness were BEST and MEDIAN (smaller is better): why the run is
 * over, or NULL. Without COMPARABLE the fitness of two generations says nothing together. "tolfun": best values within
 * 1e-12 for 10 + 30 n / lambda generations; "stagnation": over the last 120 + 30 n / lambda, neither the best nor the
 * median values got better; "tolx": no deviation above 1e-11 of the first; "condition": of C above 1e14; "budget": of a
 * small run. */
const char *clade_cma_run_over(clade_cma_run *run, const clade_cma *cma, double best, double median, bool comparable);

#endif
