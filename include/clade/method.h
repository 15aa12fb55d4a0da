/* Merge methods: one descriptor per method, one file per method (or per family that is one pipeline), one registry.
 *
 * The parameter table here is the only one: it drives recipe validation, genome bounds, `clade list methods`, YAML and
 * the property tests. Adding a method touches one new file in src/merge/ and one line of src/merge/registry.c.
 *
 * A method works on one tensor at a time in two steps. measure() (optional) sees the whole tensor of every parent and
 * leaves a few numbers per parent (a magnitude threshold, norms); combine() is elementwise given those numbers and is
 * called on consecutive tiles, so the result cannot depend on the tile size. */
#ifndef CLADE_METHOD_H
#define CLADE_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef enum clade_parameter_kind { CLADE_REAL, CLADE_INTEGER, CLADE_BOOLEAN } clade_parameter_kind;
typedef enum clade_parameter_scope {
    CLADE_PER_RECIPE, /* one value; written under "parameters" of the recipe; equal in all rules */
    CLADE_PER_SITE,   /* one value per rule */
    CLADE_PER_PARENT  /* one value per rule and parent */
} clade_parameter_scope;
typedef enum clade_parameter_scale { CLADE_LINEAR_SCALE, CLADE_LOG_SCALE, CLADE_LOGIT_SCALE } clade_parameter_scale;

typedef struct clade_parameter {
    const char *name;
    clade_parameter_kind kind;
    clade_parameter_scope scope;
    clade_parameter_scale scale;    /* for the search */
    double low, high;               /* hard limits, inclusive; +-INFINITY where there is none */
    double search_low, search_high; /* the default range of its gene; equal: not searched by default */
    double default_value;           /* NAN: must be given */
    const char *help;               /* one line */
} clade_parameter;

enum { CLADE_MAX_PARENTS = 64, CLADE_MEASURES = 4, CLADE_MAX_PARAMETERS = 16 };

/* One tile (combine) or one whole tensor (measure). All arrays borrowed. */
typedef struct clade_merge_tile {
    size_t n_parents;
    size_t n;                    /* elements in this tile */
    uint64_t offset;             /* index in the tensor of its first element */
    uint64_t tensor_count;       /* elements of the whole tensor */
    const float *base;           /* (n) or NULL when the recipe has none */
    const float *const *parents; /* (n_parents)(n): weights, not deltas */
    const double *site;          /* (n_parameters) */
    const double *parent;        /* (n_parents, n_parameters), row-major */
    size_t n_parameters;
    uint64_t seed;                      /* of the recipe */
    uint64_t tensor_key;                /* clade_name_key of the tensor */
    const uint64_t *parent_keys;        /* (n_parents): clade_name_key of the parents' names */
    double (*measures)[CLADE_MEASURES]; /* (n_parents): written by measure, read by combine */
    float *scratch;                     /* scratch_rows * n floats */
} clade_merge_tile;

typedef struct clade_method {
    const char *name;     /* "task_arithmetic" */
    const char *title;    /* "Task arithmetic" */
    const char *source;   /* paper and what else defines it */
    const char *mergekit; /* how it relates to mergekit's method of that name: "equal", "paper", "neither: ..." */
    const char *formula;  /* one line of ASCII */
    const clade_parameter *parameters; /* (n_parameters) */
    size_t n_parameters;
    size_t min_parents, max_parents;
    bool needs_base;     /* false: a base is allowed but ignored; to merge it, list it as a parent */
    bool uses_masks;     /* draws random masks: the recipe's seed matters */
    bool symmetric;      /* the order of parents (with their values) does not matter */
    size_t scratch_rows; /* rows of n floats of scratch in combine and measure, plus scratch_rows_per_parent each */
    size_t scratch_rows_per_parent;
    /* The whole tensor; may be NULL. Called once per tensor, before combine. */
    clade_status (*measure)(clade_merge_tile *whole);
    /* OUT (n) f32; must not overlap the inputs. */
    clade_status (*combine)(const clade_merge_tile *tile, float *out);
} clade_method;

/* The registry, in the order of `clade list methods`. */
const clade_method *const *clade_methods(size_t *count);
/* By name, or NULL. */
const clade_method *clade_method_find(const char *name);
/* Index of a parameter, or n_parameters. */
size_t clade_method_parameter(const clade_method *method, const char *name);
/* CLADE_ECONFIG "unknown method ...; did you mean ...". */
clade_status clade_method_unknown(const char *name);

#endif
