/* A kernel of catcma: the mean of the real genes and integers and the distributions of the categories around one point
 * of the front; and the genes that the kernels have in common.
 *
 * Vectors have n elements, one for each real or integer gene whose range is not a point, in unit scale. */
#ifndef CLADE_ALGORITHM_CATCMA_KERNEL_H
#define CLADE_ALGORITHM_CATCMA_KERNEL_H

#include "search/algorithm.h"
#include "search/algorithm/categorical.h"

typedef struct clade_catcma_genes {
    const clade_space *space; /* borrowed */
    size_t n, n_categories;
    size_t *gene;          /* (n): which gene of the space, rising; owned, as all below */
    size_t *category;      /* (n_categories): which gene of the space */
    double *least_spread;  /* (n): of an integer, the standard deviation that its margin asks for; 0 for a real gene */
    double *initial;       /* (n): standard deviations to begin with */
    double margin;         /* of the categories and integers together */
    size_t n_discrete;     /* integers and categories, at least 1 */
    size_t n_most_classes; /* of any category */
} clade_catcma_genes;

/* GENES zeroed by the caller. SIGMA: standard deviation of a gene without a prior, as a share of its range; with one it
 * is smaller in proportion. CLADE_EIO without memory. */
clade_status clade_catcma_genes_init(clade_catcma_genes *genes, const clade_space *space, double sigma,
                                     double margin) CLADE_CHECK_RESULT;
void clade_catcma_genes_fini(clade_catcma_genes *genes);
/* The standard deviation with which a normal around the middle of a bin of width BIN leaves it with probability MARGIN in
 * (0, 1): BIN / 2 over the quantile of 1 - MARGIN / 2. */
double clade_catcma_integer_spread(double bin, double margin);

/* What a kernel learns from. */
typedef struct clade_catcma_candidate {
    const double *genome, *objectives; /* borrowed */
    uint64_t child;
    double value; /* to this kernel, larger is better */
    bool complete;
} clade_catcma_candidate;

typedef struct clade_catcma_kernel {
    clade_categorical *categories; /* (n_categories), owned, as all below */
    size_t n_categories;           /* that are initialised */
    double *m;                     /* (n): the mean, in [0, 1] */
    double *p;                     /* (n): evolution path */
    double *step;                  /* (n): the weighted mean of the selected steps of the last generation */
    double *squares;               /* (n): the sum of the squared weights in it; 0: no selected child has the gene */
    double *seen;                  /* (n): the sum of the weights in it */
    double *rank_mu;               /* (n): the weighted mean of the squared steps, over seen */
    double *genome;                /* (n_genes): the incumbent's */
    double *class_weight;          /* (n_most_classes) scratch */
    double incumbent[CLADE_MAX_OBJECTIVES];
    bool has_incumbent;
    uint64_t child;   /* the incumbent */
    double spread;    /* sum of the distances of the selected to the incumbent, in scaled objectives: the owner's */
    size_t n_settled; /* children of this generation that were told, failed ones too: the owner's */
} clade_catcma_kernel;

/* KERNEL zeroed by the caller: at the priors of the genes where there are some, else in the middle, categories uniform.
 * CLADE_EIO without memory. */
clade_status clade_catcma_kernel_init(clade_catcma_kernel *kernel, const clade_catcma_genes *genes) CLADE_CHECK_RESULT;
void clade_catcma_kernel_fini(clade_catcma_kernel *kernel);
/* Begin at a child: its genes are the mean, its categories have half of the probability, it is the incumbent. */
void clade_catcma_kernel_place(clade_catcma_kernel *kernel, const clade_catcma_genes *genes, uint64_t child,
                               const double *genome, const double *objectives, size_t n_objectives);
/* KERNEL becomes what lies halfway between A and B where these are of one category, else a copy of A. No incumbent. */
void clade_catcma_kernel_between(clade_catcma_kernel *kernel, const clade_catcma_genes *genes,
                                 const clade_catcma_kernel *a, const clade_catcma_kernel *b);
/* The favourite of the category that decides which genes are active; 0 without one. */
size_t clade_catcma_kernel_mode(const clade_catcma_kernel *kernel, const clade_catcma_genes *genes);
/* GENOME (n_genes): categories by lot, then the active genes m + SPREAD (n) z, cut to the range (inactive ones the mean);
 * seeds the incumbent's, one of four times redrawn. */
void clade_catcma_kernel_sample(const clade_catcma_kernel *kernel, const clade_catcma_genes *genes,
                                const double *spread, clade_rng *rng, double *genome);
/* Steps, squares, seen, rank_mu and the categories from SELECTED (count), best first, with weights W (count) that sum to
 * at most 1. A step is (x - m) / SIGMA, cut to a length of sqrt(n) + 2n / (n + 2) in the metric of C (Hansen 2011,
 * "Injecting external solutions into CMA-ES"), since children need not be samples of this kernel as it is.
 *
 * A gene learns only from children in which it is active: the others add nothing to its step and nothing to rank_mu, and
 * their weight is not shared out among the rest. That is the natural gradient of the likelihood of what was used of each
 * child: a gene that one selected child in three has learns a third as fast, and is not dragged. */
void clade_catcma_kernel_learn(clade_catcma_kernel *kernel, const clade_catcma_genes *genes,
                               const clade_catcma_candidate *selected, const double *w, size_t count, double sigma,
                               const double *C, double *y);

#endif
