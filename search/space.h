/* The space of genomes and the way from a genome to a recipe.
 *
 * A genome is an array of n_genes doubles in natural units. Algorithms see only a clade_space: kinds, bounds, scales,
 * and which genes are active under which choice. So closed-form problems use the same algorithms as merges do.
 *
 * For merges (clade_merge_space): gene 0 is the method (a category, when the space has several); then for each
 * *parameter name* of the methods in the space one gene per place it may differ: `weight` of two methods is the same
 * gene, so that switching the method keeps what can be kept. A gene is active when the chosen method has its parameter;
 * inactive genes are never varied and do not reach the recipe.
 *
 * Sites: "model" (one), "depth:K" (K knots at equal distances over the depth, linear between them), "layer" (tensors
 * before the stack, each block, tensors after it). Coordinates: "full" is one gene per site and parent (per site, for
 * parameters of scope site). "product" is one gene per parent (one for the model) and one factor per site in [0, 2] on
 * the strength of the merge there, which is the method's `lambda` or `t`: value = gene * factor, cut to the parameter's
 * hard limits. S + P genes instead of S * P: what a budget of some hundred children can search. The factors are not on
 * the weights, because methods that divide by the sum of weights (linear, TIES) would not feel them. A method without
 * `lambda` or `t` has no factors.
 *
 * `density` of methods that draw masks is searched as `drop_rate` = 1 - density, a gene of its own: keeping half by
 * magnitude and half by lot are different things. A parameter whose default range is one value is no gene unless the
 * experiment gives it a range; a range [x, x] fixes it. */
#ifndef CLADE_SPACE_H
#define CLADE_SPACE_H

#include "clade/merge.h"
#include "clade/method.h"
#include "clade/recipe.h"
#include "clade/rng.h"

typedef enum clade_gene_kind {
    CLADE_GENE_REAL,
    CLADE_GENE_INTEGER,  /* low .. high inclusive, stored as a double */
    CLADE_GENE_CATEGORY, /* 0 .. high; no order */
    CLADE_GENE_SEED      /* 32 bits; mutation redraws it whole, crossover copies */
} clade_gene_kind;

typedef struct clade_gene {
    char *name; /* "weight.fashion", "strength@layer 3", "method"; owned */
    clade_gene_kind kind;
    clade_parameter_scale scale; /* real genes are varied in this scale */
    double low, high;
    uint64_t active_in; /* bit c: active when gene 0 has category c; all ones when there is no category gene */
    /* What operators that know merges go by; all 0 for a gene that is like no other. */
    int slot;             /* genes of one parameter have the same number >= 1 */
    int site, parent;     /* of a slot: 0 .. in the order of depth, -1: the same at all sites / for all parents */
    double prior, spread; /* mean and standard deviation, in unit scale, of where good values are; spread 0: unknown */
} clade_gene;

typedef struct clade_space {
    clade_gene *genes; /* (n_genes), owned */
    size_t n_genes;
    bool has_category; /* gene 0 is a category that decides activity */
} clade_space;

bool clade_gene_active(const clade_space *space, const double *genome, size_t gene);
/* A gene's value as a number in [0, 1] in its scale, and back (clamped). REAL and INTEGER only. */
double clade_gene_to_unit(const clade_gene *gene, double value);
double clade_gene_from_unit(const clade_gene *gene, double unit);
/* Uniform in every gene (in its scale). GENOME (n_genes). */
void clade_space_sample(const clade_space *space, clade_rng *rng, double *genome);
/* True when every value is within bounds and of its kind. */
bool clade_space_holds(const clade_space *space, const double *genome);
void clade_space_fini(clade_space *space);

/* ---- merges ---- */

typedef struct clade_range_override {
    char *parameter; /* "weight"; "drop_rate" is density's complement for methods that draw masks; owned */
    double low, high;
} clade_range_override;

typedef struct clade_merge_space_plan {
    const clade_method **methods; /* (n_methods), borrowed */
    size_t n_methods;
    const char *sites;       /* "model", "depth:K", "layer" */
    const char *coordinates; /* "product", "full" */
    const clade_range_override *ranges;
    size_t n_ranges;
    const char *base_path, *const *parent_names, *const *parent_paths; /* (n_parents) */
    size_t n_parents;
} clade_merge_space_plan;

typedef struct clade_merge_space clade_merge_space;

/* Everything that can be checked before a checkpoint is opened: methods and parents, ranges, sites, coordinates. Adds
 * problems prefixed by WHERE ("experiment.json: "). */
void clade_merge_space_check(const clade_merge_space_plan *plan, const char *where, clade_problems *problems);
/* FAMILY gives tensor names and depths; borrowed. CLADE_ECONFIG lists every problem (range outside hard limits or for a
 * parameter no method has, unknown sites, more knots than depths, sites in a model without blocks ...). */
clade_status clade_merge_space_new(const clade_merge_space_plan *plan, const clade_family *family,
                                   clade_merge_space **space) CLADE_CHECK_RESULT;
void clade_merge_space_free(clade_merge_space *space);
const clade_space *clade_merge_space_genes(const clade_merge_space *space);
size_t clade_merge_space_sites(const clade_merge_space *space);
const char *clade_merge_space_site_name(const clade_merge_space *space, size_t site); /* "layer 3", "before", "after" */

/* GENOME (n_genes) to a recipe with content hashes stamped. Law: equal active genes, equal recipe hash. */
clade_status clade_merge_space_decode(const clade_merge_space *space, const double *genome,
                                      clade_recipe **recipe) CLADE_CHECK_RESULT;

/* The hand-made recipes as genomes, so that no search is worse than they are: base, every parent, plain average, task
 * arithmetic at .1 .2 .3 .4 (values outside the range are left out), where there are sites LiNeS (task arithmetic rising
 * linearly with depth) up to .3 .6 .9, TIES at its paper's setting (density .2, lambda 1). Each is expressed by the first method of the space that can; those no method can express are left out. */
typedef struct clade_first {
    char name[64];  /* "base", "parent fashion", "average", "task_arithmetic 0.1", "ties paper" */
    double *genome; /* (n_genes), owned */
} clade_first;
clade_status clade_merge_space_first(const clade_merge_space *space, clade_first **first,
                                     size_t *count) CLADE_CHECK_RESULT;
void clade_first_free(clade_first *first, size_t count);

#endif
