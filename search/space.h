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
 * Sites, coarse to fine: "model" (one), "depth:K" (K knots at equal distances over the depth, linear between them),
 * "layer" (tensors before the stack, each block, tensors after it), "module" (a block's attention, MLP, norms and the
 * rest of it, by words in the tensors' names: merge_modules.c), "tensor" (each its own), or named groups of tensors, by
 * patterns. A list "model,layer,tensor" has the sites of its last; those before it are levels, on which sites are tied
 * together ("depth:K" is K equal parts of the depth there). "auto" is "model,depth:3,layer,module", and "model,tensor"
 * for models without blocks.
 *
 * Coordinates: "full" is one gene per site and parent (per site, for parameters of scope site). "product" is one gene
 * per parent (one for the model) and one factor per site in [0, 2] on the strength of the merge there, which is the
 * method's `lambda` or `t`: value = gene * factor, cut to the parameter's hard limits. S + P genes instead of S * P:
 * what a budget of some hundred children can search. The factors are not on the weights, because methods that divide by
 * the sum of weights (linear, TIES) would not feel them. A method without `lambda` or `t` has no factors.
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

/* A coarse-to-fine level of a space: gene g of the space belongs to tied group group[g] (0 .. n_groups - 1), all genes
 * of a group are equal in genomes of this level. Groups have one kind, range and scale. The last level ties nothing. */
typedef struct clade_space_level {
    char name[32];       /* "model", "depth:3", "layer" */
    const size_t *group; /* (n_genes), borrowed */
    size_t n_groups;
} clade_space_level;

/* A line through a space: all genes of one slot moved together, from a genome of CATEGORY (0 without categories). */
typedef struct clade_space_line {
    char name[40]; /* "ties density" */
    size_t category;
    int slot;    /* of the genes; they are real */
    bool scaled; /* every gene is multiplied by the same factor; else moved by the same distance in unit scale */
} clade_space_line;

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

/* Where good values are believed to be, for all genes of a parameter ("strength": the factors of sites). */
typedef struct clade_prior_override {
    char *parameter; /* owned */
    double mean, deviation;
} clade_prior_override;

/* A site of its own making: the tensors that match one of its patterns (clade_pattern_matches) and none of the groups
 * before it. What no group matches is the site "rest". */
typedef struct clade_named_site {
    char *name;      /* owned, as all here */
    char **patterns; /* (n_patterns) */
    size_t n_patterns;
} clade_named_site;

typedef struct clade_merge_space_plan {
    const clade_method **methods; /* (n_methods), borrowed */
    size_t n_methods;
    const char *sites; /* as above; "groups": those of named_sites */
    const clade_named_site *named_sites;
    size_t n_named_sites;
    const char *coordinates; /* "product", "full" */
    const clade_range_override *ranges;
    size_t n_ranges;
    const clade_prior_override *priors;
    size_t n_priors;
    double sum; /* the weights of the parents at a site are scaled to this sum; 0: as they are */
    const char *base_path, *const *parent_names, *const *parent_paths; /* (n_parents) */
    size_t n_parents;
} clade_merge_space_plan;

typedef struct clade_merge_space clade_merge_space;

/* Everything that can be checked before a checkpoint is opened: methods and parents, ranges, priors, sum, sites,
 * coordinates. Adds problems prefixed by WHERE ("experiment.json: "). */
void clade_merge_space_check(const clade_merge_space_plan *plan, const char *where, clade_problems *problems);
/* FAMILY gives tensor names and depths; borrowed. CLADE_ECONFIG lists every problem (range outside hard limits or for a
 * parameter no method has, unknown sites, more knots than depths, sites in a model without blocks, groups without
 * tensors ...). */
clade_status clade_merge_space_new(const clade_merge_space_plan *plan, const clade_family *family,
                                   clade_merge_space **space) CLADE_CHECK_RESULT;
void clade_merge_space_free(clade_merge_space *space);
const clade_space *clade_merge_space_genes(const clade_merge_space *space);
size_t clade_merge_space_sites(const clade_merge_space *space);
const char *clade_merge_space_site_name(const clade_merge_space *space, size_t site); /* "layer 3", "before", "after" */
/* The levels of a list of sites or of "auto", coarse first, the last one the space itself; those that tie no less than
 * the level before are left out. NULL and 0 when the sites are no list. Borrowed.
 * Law: a genome whose tied genes are equal says at every tensor what the genome of the coarse space with these values
 * says; so it makes the same weights, unless its method surveys all tensors of a rule (the rules are those of the
 * finest sites). */
const clade_space_level *clade_merge_space_levels(const clade_merge_space *space, size_t *n_levels);

/* What line searches go along, for each method in the order of their promise: first the strength of the merge (lambda,
 * else the factors of sites, else the weights unless the method divides their scale out), then each of its other real
 * parameters. Borrowed. */
const clade_space_line *clade_merge_space_lines(const clade_merge_space *space, size_t *n_lines);

/* GENOME (n_genes) to a recipe with content hashes stamped, in a canonical form: what cannot change the weights (the
 * densities of a parent of weight 0, everything but lambda where lambda is 0, the seed where nothing is drawn) has its
 * default. Laws: equal active genes, equal recipe hash; the weights are those of the recipe that is not canonical (a
 * zero may have another sign). */
clade_status clade_merge_space_decode(const clade_merge_space *space, const double *genome,
                                      clade_recipe **recipe) CLADE_CHECK_RESULT;
/* The inverse: the genome (n_genes) that decodes to RECIPE, to rounding; genes that do not matter have the defaults of
 * their parameters. RECIPE is brought into canonical form. Adds a problem prefixed by WHERE for every value that the
 * space cannot say, with the reason; GENOME is then undefined. */
clade_status clade_merge_space_encode(const clade_merge_space *space, clade_recipe *recipe, const char *where,
                                      double *genome, clade_problems *problems) CLADE_CHECK_RESULT;

/* What first recipes are made from, besides the space; all may be absent. */
typedef struct clade_first_sources {
    const char *const *recipe_paths; /* (n_recipes): JSON recipes of the user's own */
    size_t n_recipes;
    const double *parent_losses; /* (n_parents): mean loss of each parent on the labelled items of the search */
    bool only_own;               /* no hand-made ones */
} clade_first_sources;

/* The recipes to start with as genomes, so that no search is worse than they are: the user's own (CLADE_ECONFIG lists
 * what the space cannot say), then at most CLADE_MOST_FIRST hand-made ones in the order of their promise: plain
 * average, task arithmetic at the best uniform scale, LiNeS (task arithmetic rising linearly with depth), MetaGPT's and
 * LM-Cocktail's weights in closed form (the latter from parent_losses), each method of the space at its published
 * settings (merge_published.c) or else at its defaults, base, parents. A recipe is said by the first method of the
 * space that can; what none can say (values outside the ranges) is left out. SOURCES may be NULL. Reads the tensors of
 * all parents once, for MetaGPT. */
enum { CLADE_MOST_FIRST = 24 };
typedef struct clade_first {
    char name[64];  /* "my.json", "base", "parent fashion", "average", "task_arithmetic 0.1", "ties paper" */
    double *genome; /* (n_genes), owned */
} clade_first;
clade_status clade_merge_space_first(const clade_merge_space *space, const clade_first_sources *sources,
                                     clade_first **first, size_t *count) CLADE_CHECK_RESULT;
void clade_first_free(clade_first *first, size_t count);

#endif
