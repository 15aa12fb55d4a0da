/* What TPE was told: the genomes in unit scale, each number's in the order of its values, and which children are the
 * good ones. */
#ifndef CLADE_ALGORITHM_OBSERVED_H
#define CLADE_ALGORITHM_OBSERVED_H

#include "search/algorithm.h"

/* A child that was told. */
typedef struct clade_observation {
    bool good;         /* at the last split */
    double weight;     /* of its kernels, in the density of the good or of the others */
    double share;      /* the owner's: see tpe.c */
    double log_height; /* the owner's */
} clade_observation;

typedef struct clade_observed {
    const clade_space *space; /* borrowed */
    size_t n_objectives;
    size_t count, capacity;  /* children told */
    clade_observation *seen; /* (capacity), owned, as all below */
    double *unit;            /* (capacity, n_genes): numbers in unit scale, the rest as it is */
    size_t **order;          /* (n_genes)(capacity): children in which the number is active, by its value */
    size_t *n_active;        /* (n_genes): entries of order */
    size_t n_complete;       /* of those told, with objectives that hold */
    size_t *complete;        /* (capacity): which these are */
    double *objectives;      /* (capacity, n_objectives): theirs */
    size_t split_of;         /* children there were at the last split */
    size_t *index;           /* (capacity) scratch of the split */
    double *worth;           /* (capacity) scratch of the split */
} clade_observed;

/* OBSERVED zeroed by the caller; release it after a failure as well. CLADE_EIO without memory. */
clade_status clade_observed_init(clade_observed *observed, const clade_search_problem *problem) CLADE_CHECK_RESULT;
void clade_observed_fini(clade_observed *observed);
/* Keep a child, failed ones and those that a race ended too; but not one that was scored on a batch, whose objectives
 * compare with nobody's here. */
clade_status clade_observed_add(clade_observed *observed, const clade_told *told) CLADE_CHECK_RESULT;
/* Set `good` and `weight` of all: good are the best min(ceil(n_complete / 10), 25) of those with objectives, weighing
 * what clade_good_set says they are worth; of the n others the last 25 weigh 1, and the older ones rise evenly from
 * 1 / n to 1. Nothing to do, and nothing done, when none was added since. */
clade_status clade_observed_split(clade_observed *observed) CLADE_CHECK_RESULT;

/* Child C's genome in unit scale, (n_genes). */
const double *clade_observed_unit(const clade_observed *observed, size_t c);
/* Child C is one of the good (of the others, for GOOD = false) and gene G is active in it. */
bool clade_observed_in(const clade_observed *observed, size_t c, size_t g, bool good);
size_t clade_observed_count(const clade_observed *observed, size_t g, bool good); /* how many these are */
/* A real gene or an integer. */
bool clade_gene_is_number(const clade_gene *gene);

#endif
