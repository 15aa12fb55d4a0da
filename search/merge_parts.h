/* The inside of clade_merge_space, shared by its files: merge_sites.c (where a value may differ), merge_genes.c (which
 * genes there are), merge_space.c (genome to recipe) and merge_first.c (hand-made recipes). */
#ifndef CLADE_MERGE_PARTS_H
#define CLADE_MERGE_PARTS_H

#include "search/space.h"

/* ---- sites ---- */

/* Tensors that always get the same values: one rule of the recipe. */
typedef struct clade_site_group {
    char **patterns; /* (n_patterns), owned; match these tensors of the family and no others */
    size_t n_patterns;
    size_t site;  /* of a "layer" space */
    double depth; /* 0 before the stack .. 1 after it */
} clade_site_group;

typedef struct clade_sites {
    char **names; /* (n_sites), owned */
    size_t n_sites;
    bool curve;               /* sites are knots over depth */
    clade_site_group *groups; /* (n_groups), owned */
    size_t n_groups;
} clade_sites;

/* K of "depth:K" (1 .. 9999), or 0 when SPECIFICATION is not of this form. */
size_t clade_sites_knots(const char *specification);
/* SITES zeroed by the caller; fini it whatever comes back. SPECIFICATION is well-formed (clade_merge_space_check); what
 * this family cannot have is added to PROBLEMS. */
clade_status clade_sites_init(clade_sites *sites, const char *specification, const clade_family *family,
                              clade_problems *problems) CLADE_CHECK_RESULT;
void clade_sites_fini(clade_sites *sites);
/* The value of VALUES (n_sites) in a group: its site's, or the curve through the knots, linear between them. */
double clade_sites_value(const clade_sites *sites, const double *values, const clade_site_group *group);

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
    clade_sites sites;
    clade_slot *slots; /* (n_slots), owned */
    size_t n_slots;
    bool has_factors;   /* coordinates "product" and several sites: one factor a site */
    size_t factor_gene; /* the first of n_sites */
    bool has_seed;
    size_t seed_gene;
    clade_space genes;
};

/* "drop_rate" for the density of a method that draws masks, else the parameter's name. */
const char *clade_slot_name(const clade_method *method, const clade_parameter *parameter);
/* The slot a method takes a parameter from, or NULL: the method's default. */
const clade_slot *clade_slot_find(const clade_merge_space *space, size_t method, const clade_parameter *parameter);
/* The parameter that a site's factor multiplies: `lambda` or `t`, the strength of the whole merge at a site. */
bool clade_is_strength(const clade_parameter *parameter);
/* The default of a parameter as a slot has it. */
double clade_slot_default(const clade_slot *slot);
/* Slots, then genes, of a space whose methods, parents and sites are set; the ranges are checked. */
clade_status clade_merge_genes_init(clade_merge_space *space, const clade_range_override *ranges,
                                    size_t n_ranges) CLADE_CHECK_RESULT;

#endif
