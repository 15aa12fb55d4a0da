/* Genomes as vectors of CMA-ES: the active real and integer genes, in unit scale. What a vector does not hold (category,
 * seeds, inactive genes) is that of one genome, the origin.
 *
 * A coordinate is the gene's unit divided by its width: 1, or less where the gene has a prior, in proportion to its
 * spread (a uniform gene has a spread of 1 / sqrt(12)). So one sigma suits all genes.
 *
 * Bounds: the range is wrapped in mirrors, with a parabola at each end (as pycma's BoundTransform), so every vector has a
 * genome and the ends, where good merges often are (a parent left out, no merge at all), can be inside a distribution.
 * Rejected: repair to the bound, which with the optimum in a corner of the box needs up to twice pycma's evaluations on
 * the sphere and mostly fails on the ellipsoid. An integer gene is the middle of its bin. */
#ifndef CLADE_ALGORITHM_CMA_GENES_H
#define CLADE_ALGORITHM_CMA_GENES_H

#include "search/space.h"

typedef struct clade_cma_genes {
    const clade_space *space; /* borrowed */
    size_t n;                 /* coordinates */
    size_t *gene;             /* (n): which gene, rising; owned, as all below */
    double *width;            /* (n) */
    double *origin;           /* (n_genes) */
} clade_cma_genes;

/* GENES zeroed by the caller; room for every gene, n = 0. CLADE_EIO without memory. */
clade_status clade_cma_genes_init(clade_cma_genes *genes, const clade_space *space) CLADE_CHECK_RESULT;
void clade_cma_genes_fini(clade_cma_genes *genes);
/* Make ORIGIN (n_genes) the origin: the coordinates are those genes that are active in it. */
void clade_cma_genes_set_origin(clade_cma_genes *genes, const double *origin);
/* True when GENOME has the origin's category, so that the same genes are active. */
bool clade_cma_genes_fit(const clade_cma_genes *genes, const double *genome);
/* X (n) of a genome (n_genes), whatever its other genes are: of its many vectors the one nearest to NEAR (n), or that in
 * the range of the genes where NEAR is NULL. And back. */
void clade_cma_genes_to_vector(const clade_cma_genes *genes, const double *genome, const double *near, double *x);
void clade_cma_genes_to_genome(const clade_cma_genes *genes, const double *x, double *genome);
/* True when X (n) is a vector of GENOME, to the last bit. */
bool clade_cma_genes_same(const clade_cma_genes *genes, const double *x, const double *genome);
/* The least standard deviation of coordinate I with which an integer still changes now and then: a fifth of its bin, as
 * in pycma; 0 for a real gene. */
double clade_cma_genes_least_deviation(const clade_cma_genes *genes, size_t i);

#endif
