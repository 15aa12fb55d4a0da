/* The inside of clade_merge_space, shared by its files: merge_sites.c, merge_site_lists.c, merge_named.c (where a value
 * may differ), merge_modules.c (parts of a block), merge_levels.c (coarse to fine), merge_genes.c (which genes there
 * are), merge_priors.c (where good values are), merge_lines.c (what line searches go along), merge_space.c (genome to
 * recipe), merge_canonical.c (one recipe for equal weights), merge_encode.c (recipe to genome), merge_first.c,
 * merge_published.c and merge_norms.c (recipes to start with). */
#ifndef CLADE_MERGE_PARTS_H
#define CLADE_MERGE_PARTS_H

#include "search/space.h"

/* ---- kinds of sites ---- */

typedef enum clade_site_kind {
    CLADE_SITES_MODEL,
    CLADE_SITES_DEPTH,
    CLADE_SITES_LAYER,
    CLADE_SITES_MODULE,
    CLADE_SITES_TENSOR,
    CLADE_SITES_NAMED
} clade_site_kind;

/* One word of "model,depth:3,layer". */
typedef struct clade_site_level {
    clade_site_kind kind;
    size_t knots; /* of "depth:K", else 0 */
    char name[16];
} clade_site_level;

enum { CLADE_MOST_LEVELS = 5 };

/* WORD (LENGTH bytes) is "model", "depth:K" with K from 2 to 9999, "layer", "module" or "tensor". */
bool clade_site_level_parse(const char *word, size_t length, clade_site_level *level);
/* The levels of a list, coarse to fine; 0 when it is none: unknown words, not from coarse to fine. "auto" and "groups"
 * are none. */
size_t clade_site_levels_parse(const char *specification, clade_site_level levels[CLADE_MOST_LEVELS]);

/* What a tensor of a block belongs to, by words in what follows the block's number in its name. */
typedef enum clade_module {
    CLADE_MODULE_ATTENTION,
    CLADE_MODULE_MLP,
    CLADE_MODULE_NORM,
    CLADE_MODULE_OTHER,
    CLADE_MODULES
} clade_module;
clade_module clade_module_of(const char *name, const clade_depth *depth);
const char *clade_module_name(clade_module module); /* "attention" */

/* ---- sites ---- */

typedef struct clade_site {
    char *name;   /* owned */
    double depth; /* 0 before the stack .. 1 after it; 0.5 where there is no depth */
    size_t rank;  /* its place in the order of depth */
    size_t layer; /* which site of a "layer" space it is in; unless knots or named */
    clade_module module;
} clade_site;

/* Tensors that always get the same values: one rule of the recipe. */
typedef struct clade_site_group {
    char **patterns; /* (n_patterns), owned; match these tensors of the family and no others that have no rule before */
    size_t n_patterns;
    size_t site;  /* unless the sites are knots */
    double depth; /* 0 before the stack .. 1 after it */
} clade_site_group;

typedef struct clade_sites {
    clade_site_level levels[CLADE_MOST_LEVELS]; /* coarse first; the last one is that of the sites */
    size_t n_levels;
    clade_site *list; /* (n_sites), owned */
    size_t n_sites;
    bool curve;               /* sites are knots over depth */
    clade_site_group *groups; /* (n_groups), owned */
    size_t n_groups;
} clade_sites;

/* SITES zeroed by the caller; fini it whatever comes back. The plan's sites are well-formed (clade_merge_space_check);
 * what this family cannot have is added to PROBLEMS. */
clade_status clade_sites_init(clade_sites *sites, const clade_merge_space_plan *plan, const clade_family *family,
                              clade_problems *problems) CLADE_CHECK_RESULT;
void clade_sites_fini(clade_sites *sites);
/* The value of VALUES (n_sites) in a group: its site's, or the curve through the knots, linear between them. */
double clade_sites_value(const clade_sites *sites, const double *values, const clade_site_group *group);
/* Sites that are tied on LEVEL have the same number, below n_sites times CLADE_MODULES. */
size_t clade_sites_tied(const clade_sites *sites, size_t level, size_t site);
bool clade_is_merged(const clade_tensor *tensor); /* not an integer tensor, which is copied */

/* What they are made with. */
#define CLADE_NO_DEPTH 0.5 /* of sites of a model without blocks */
double clade_site_depth(clade_depth depth);
/* SITE under a printed name. */
clade_status clade_sites_add(clade_sites *sites, clade_site site, const char *format, ...)
    CLADE_PRINTF(3, 4) CLADE_CHECK_RESULT;
clade_status clade_sites_add_group(clade_sites *sites, size_t site, double depth) CLADE_CHECK_RESULT;
/* PATTERN is owned from now on; NULL: there was no memory for it. */
clade_status clade_sites_add_pattern(clade_site_group *group, char *pattern) CLADE_CHECK_RESULT;
bool clade_site_group_matches(const clade_site_group *group, const char *tensor_name);
void clade_sites_clear(clade_sites *sites); /* no sites; the groups stay */
void clade_sites_rank(clade_sites *sites);
/* The plan's named sites, and "rest" where they leave tensors. */
clade_status clade_sites_add_named(clade_sites *sites, const clade_merge_space_plan *plan, const clade_family *family,
                                   clade_problems *problems) CLADE_CHECK_RESULT;

/* ---- genes ---- */

/* One parameter name of one scope, for all methods of the space that have it. */
typedef struct clade_slot {
    const char *name;                 /* borrowed: the parameter's, or "drop_rate" */
    const clade_parameter *parameter; /* of the first method that has it */
    bool drop;                        /* the method's density is 1 - the gene */
    bool searched;                    /* false: FIXED everywhere */
    bool by_site;                     /* one gene a site (coordinates "full") */
    double low, high;                 /* of the genes; FIXED is low */
    uint64_t methods;                 /* bit i: method i of the space takes its value from here */
    size_t gene;                      /* the first: (parents or 1) x (sites or 1) genes */
} clade_slot;

struct clade_merge_space {
    const clade_family *family;   /* borrowed */
    const clade_method **methods; /* (n_methods), owned array */
    size_t n_methods;
    char *base_path, **parent_names, **parent_paths; /* (n_parents), owned */
    size_t n_parents;
    bool product;
    double sum; /* of the weights at a site; 0: as they are */
    clade_sites sites;
    clade_slot *slots; /* (n_slots), owned */
    size_t n_slots;
    bool has_factors;   /* coordinates "product" and several sites: one factor a site */
    size_t factor_gene; /* the first of n_sites */
    bool has_seed;
    size_t seed_gene;
    clade_space genes;
    clade_space_level *levels; /* (n_levels), owned; their groups are rows of TIED */
    size_t n_levels;
    size_t *tied;            /* (levels, n_genes), owned */
    clade_space_line *lines; /* (n_lines), owned */
    size_t n_lines;
};

/* A site's factor: 1 leaves the strength of the merge there as it is, 0 gives the base, 2 goes twice as far. */
#define CLADE_FACTOR_LOW 0.0
#define CLADE_FACTOR_HIGH 2.0

/* "drop_rate" for the density of a method that draws masks, else the parameter's name. */
const char *clade_slot_name(const clade_method *method, const clade_parameter *parameter);
/* The slot a method takes a parameter from, or NULL: the method's default. */
const clade_slot *clade_slot_find(const clade_merge_space *space, size_t method, const clade_parameter *parameter);
/* The parameter that a site's factor multiplies: `lambda` or `t`, the strength of the whole merge at a site. */
bool clade_is_strength(const clade_parameter *parameter);
/* The coefficient of a parent: what a sum is of. */
bool clade_is_weight(const clade_parameter *parameter);
/* The default of a parameter as a slot has it. */
double clade_slot_default(const clade_slot *slot);
/* What a recipe has where the space has no slot: the method's default; where it has none, the low end of what would be
 * searched. */
double clade_unsearched(const clade_parameter *parameter);
/* Every gene at the default of its parameter, cut to its range, so that a change of method finds sensible values. */
void clade_merge_defaults(const clade_merge_space *space, double *genome);
/* Slots, then genes, of a space whose methods, parents and sites are set; the ranges are checked. */
clade_status clade_merge_genes_init(clade_merge_space *space, const clade_range_override *ranges,
                                    size_t n_ranges) CLADE_CHECK_RESULT;
/* Prior and spread of every gene. */
void clade_merge_priors_init(clade_merge_space *space, const clade_prior_override *priors, size_t n_priors);
/* The levels, of a space that has its genes. */
clade_status clade_merge_levels_init(clade_merge_space *space) CLADE_CHECK_RESULT;
/* The lines, likewise. */
clade_status clade_merge_lines_init(clade_merge_space *space) CLADE_CHECK_RESULT;

/* ---- recipes ---- */

/* Bring RECIPE into the canonical form of clade_merge_space_decode. */
void clade_merge_canonical(clade_recipe *recipe);
/* RULE gives the base whatever its other values are: its lambda is 0. */
bool clade_rule_is_base(const clade_method *method, const clade_rule *rule);
/* RULE takes one parent whole whatever its weight is: the only one that is not 0. */
bool clade_rule_is_alone(const clade_method *method, const clade_rule *rule, size_t n_parents);

/* ---- recipes to start with ---- */

/* A published setting of a method. */
typedef struct clade_published {
    const char *name;   /* "ties paper" */
    const char *method; /* in the space, or the row is left out */
    bool uniform;       /* the weight is the best uniform scale for so many parents, as in task arithmetic */
    double weight;      /* of each parent, else; NAN: the default */
    double lambda;      /* NAN: the default */
    const char *parameter;
    double value; /* of PARAMETER, or of its complement where that is the gene; no opinion when PARAMETER is NULL */
} clade_published;
/* In the order of their promise. */
const clade_published *clade_published_settings(size_t *count);

/* The squared lengths of the parents' task vectors over all tensors, SQUARES (n_parents); *KNOWN is false where they
 * are not what the checkpoints say: there is no base, or a parent is an adapter. */
clade_status clade_merge_norms(const clade_merge_space *space, double *squares, bool *known) CLADE_CHECK_RESULT;

#endif
