/* A kernel of cma_es: a distribution over the genes of one genome, the generation that is being told, and its run of
 * restarts. Several kernels make a front. */
#ifndef CLADE_ALGORITHM_CMA_KERNEL_H
#define CLADE_ALGORITHM_CMA_KERNEL_H

#include "search/algorithm/cma_distribution.h"
#include "search/algorithm/cma_genes.h"
#include "search/algorithm/cma_restart.h"
#include "search/algorithm/population.h"

typedef enum clade_cma_covariance { CLADE_CMA_AUTO, CLADE_CMA_FULL, CLADE_CMA_SEPARABLE } clade_cma_covariance;

typedef struct clade_cma_settings {
    clade_cma_covariance covariance;
    size_t most_full; /* coordinates up to which AUTO is FULL */
    clade_cma_restarts restarts;
    size_t lambda0; /* 0: the default for n, at least lambda_least */
    size_t lambda_least;
    double sigma0;
} clade_cma_settings;

/* How a child was drawn. */
typedef struct clade_cma_draw {
    double *x, *m; /* (n_genes), the caller's: its vector and the mean then */
    double sigma;
} clade_cma_draw;

typedef struct clade_cma_kernel {
    const clade_search_problem *problem; /* borrowed; n_objectives is the number of values of a child */
    clade_cma_settings settings;
    clade_cma_genes genes;
    clade_cma cma; /* n = 0: no gene to vary */
    clade_cma_run run;
    clade_population told; /* children of this generation, at most lambda; values of failed ones are infinite */
    double incumbent[CLADE_MAX_OBJECTIVES];
    bool has_incumbent; /* what the mean, or lately the mean, is worth */
    bool mean_is_known; /* the incumbent is of the mean as it is */
    uint64_t leader;    /* the best child of the last generation, or the one that the run began with */
    bool has_leader;
    uint64_t seen;                /* children below this number are no guests any more */
    double *steps;                /* (lambda, n) of `told` */
    double *ranked;               /* (lambda, n) scratch */
    struct clade_standing *order; /* (lambda) scratch */
} clade_cma_kernel;

/* KERNEL zeroed by the caller; PROBLEM lives as long, SETTINGS are copied. CLADE_EIO without memory. */
clade_status clade_cma_kernel_init(clade_cma_kernel *kernel, const clade_search_problem *problem,
                                   const clade_cma_settings *settings) CLADE_CHECK_RESULT;
void clade_cma_kernel_fini(clade_cma_kernel *kernel);
/* Begin the first run, or (AGAIN) the next, at ORIGIN (n_genes). VALUES (n_objectives): what it is worth; NULL: unknown.
 * U, V: clade_cma_run_begin. */
clade_status clade_cma_kernel_begin(clade_cma_kernel *kernel, bool again, const double *origin, const double *values,
                                    double u, double v) CLADE_CHECK_RESULT;
/* GENOME (n_genes) drawn from the distribution, or its mean where RNG is NULL; DRAW is filled. */
void clade_cma_kernel_propose(const clade_cma_kernel *kernel, clade_rng *rng, clade_cma_draw *draw, double *genome);
/* A child of this generation was told, its objectives infinite when it failed. Where another genome was told than was
 * drawn as DRAW, its own vector is taken. */
void clade_cma_kernel_add(clade_cma_kernel *kernel, const clade_told *told, const clade_cma_draw *draw);
/* A generation is complete: learn from it. FITNESS (lambda) of the children in `told`, smaller is better, infinite for
 * failed ones. GUEST (n_genes; NULL: none): a genome of others better than all of them, which takes the place of the
 * worst. COMPARABLE as for clade_cma_run_over, whose answer is put into *OVER. */
clade_status clade_cma_kernel_learn(clade_cma_kernel *kernel, const double *fitness, const double *guest,
                                    bool comparable, const char **over) CLADE_CHECK_RESULT;

#endif
