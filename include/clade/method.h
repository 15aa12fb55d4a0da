/* Merge methods: one descriptor per method, one file per method (or per family that is one pipeline), one registry.
 *
 * The parameter table here is the only one: it drives recipe validation, genome bounds, `clade list methods`, YAML and
 * the property tests. Adding a method touches one new file in src/merge/method/ and one line of its registry.c.
 *
 * A method is written as plain functions over pieces of a tensor; who cuts the pieces, reads them, runs them on several
 * threads and keeps results for later is the executor's business (src/merge/execute.c). Two steps:
 *
 *   survey   (optional) sees all elements, in one or more passes, and leaves a state: thresholds, norms, the singular
 *            vectors, a whole merged matrix. Its scope is one tensor, or all tensors of a rule (a statistic of the whole
 *            model, when the recipe has one rule).
 *   combine  given the state, makes the child's elements of a tile from the parents' elements of that tile.
 *
 * A tile is a run of consecutive elements of one tensor; its first and last element are where the method's unit() says
 * that it may be cut (anywhere; between rows; nowhere). Results must not depend on how a tensor is cut into tiles.
 *
 * Only the parents that take part in a tensor are in its tiles (a rule may name some of the recipe's parents). */
#ifndef CLADE_METHOD_H
#define CLADE_METHOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"
#include "clade/tensor.h"

/* A choice is one of the names in .choices; its value is the index of the name. */
typedef enum clade_parameter_kind { CLADE_REAL, CLADE_INTEGER, CLADE_BOOLEAN, CLADE_CHOICE } clade_parameter_kind;
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
    const char *const *choices;     /* of a choice: its names, NULL at the end; NULL for every other kind */
} clade_parameter;

enum { CLADE_MAX_PARENTS = 64, CLADE_MAX_PARAMETERS = 16 };

/* A piece of one tensor, or, for unit, state_bytes, survey_merge and survey_end, the tensor without its elements. All
 * pointers are borrowed. */
typedef struct clade_merge_tile {
    /* the tensor */
    size_t n_parents;      /* that take part in it, 1 .. CLADE_MAX_PARENTS */
    uint64_t tensor_count; /* its elements; for a survey of a rule before the first tile: of all its tensors together */
    size_t rank;           /* its shape; for a survey of a rule outside of survey(): 0 */
    const uint64_t *shape; /* (rank) */
    const double *site;    /* (n_parameters) values of the rule */
    const double *parent;  /* (n_parents, n_parameters), row-major, values of the rule */
    size_t n_parameters;
    uint64_t seed;                         /* of the recipe */
    uint64_t tensor_key;                   /* clade_name_key of the tensor */
    uint64_t rule_offset;                  /* elements of the tensors of its rule that come before it in the order of
                                              names, when the survey's scope is the rule */
    const uint64_t *parent_keys;           /* (n_parents): clade_name_key of the parents' names */
    const clade_tensor *const *statistics; /* (n_parents): the tensor of that name in the parent's file of statistics,
                                              NULL where it has none; NULL when the method takes no statistics */
    /* the piece */
    size_t n;                    /* elements in it */
    uint64_t offset;             /* index in the tensor of its first element */
    const float *base;           /* (n) or NULL when the recipe has none, or the method takes none */
    const float *const *parents; /* (n_parents)(n): weights, not deltas; all finite */
    void *scratch;               /* scratch_bytes of it, 64-byte aligned, not cleared */
    /* the survey */
    const void *state; /* in survey: as the passes before left it; in combine: complete. NULL without a survey */
    bool reused;       /* the state will be kept and used again with other values of the parameters that are not among
                          survey_parameters, so it must not depend on them; else it is for these values alone */
} clade_merge_tile;

typedef enum clade_survey_scope { CLADE_NO_SURVEY, CLADE_SURVEY_TENSOR, CLADE_SURVEY_RULE } clade_survey_scope;

/* What a method promises; the property tests check the promises of every method in the registry. The parameters are the
 * defaults unless said otherwise. */
typedef enum clade_law {
    CLADE_LAW_SYMMETRIC = 1,     /* the order of parents (with their values) changes nothing but rounding */
    CLADE_LAW_ONE_PARENT = 2,    /* one parent, of weight 1, comes back bit for bit */
    CLADE_LAW_EQUAL = 4,         /* parents that are all the same model give that model, whatever their positive weights
                                  (which must sum to 1 where nothing divides by the sum) */
    CLADE_LAW_ZERO_DELTAS = 8,   /* parents that equal the base give the base bit for bit, whatever the parameters */
    CLADE_LAW_LAMBDA = 16,       /* parameter lambda scales the distance from the base */
    CLADE_LAW_WEIGHT_SCALE = 32, /* weights times a factor: with normalize (or without that parameter) nothing changes,
                                    else it is the same as lambda times the factor */
    CLADE_LAW_EXACT_BITS = 64    /* no BLAS, no libm: the same bits on every machine. Without it: the same bits for the
                                  same build and CPU, and near ones elsewhere */
} clade_law;

typedef enum clade_base_use {
    CLADE_BASE_IGNORED,  /* a base is allowed and not looked at; to merge it, list it as a parent */
    CLADE_BASE_OPTIONAL, /* with a base the method works on the differences from it */
    CLADE_BASE_REQUIRED
} clade_base_use;

typedef struct clade_method {
    const char *name;     /* "task_arithmetic" */
    const char *title;    /* "Task arithmetic" */
    const char *source;   /* paper and what else defines it */
    const char *mergekit; /* how it relates to mergekit's method: "equal", "not in mergekit", "equal but for ..." */
    const char *formula;  /* one line of ASCII */
    const clade_parameter *parameters; /* (n_parameters) */
    size_t n_parameters;
    size_t min_parents, max_parents; /* that take part in a tensor */
    clade_base_use base;
    bool uses_masks;        /* draws random masks: the recipe's seed matters */
    const char *statistics; /* "fisher", "gram": every parent needs a file of them; NULL: none */
    unsigned laws;          /* of clade_law, or-ed */

    /* The elements between which a tensor may be cut: 1 (or NULL), the length of a row, or tensor_count. At least 1.
     * combine_unit: the same for combine alone; NULL: as unit. */
    size_t (*unit)(const clade_merge_tile *tensor);
    size_t (*combine_unit)(const clade_merge_tile *tensor);
    bool carries_nonfinite; /* an element that is not finite, of any parent or the base, makes that element of the child
                               not finite: then the results are looked at, and the inputs only when they show one */
    bool takes_nonfinite;   /* survey and combine may see elements that are not finite: they are looked for afterwards,
                               when they are in the caches */
    bool merged_in_survey;  /* combine looks at the base and the state only; its tiles have no parents (NULL) */
    /* Bytes of scratch for survey and combine of a tile of tile->n elements; NULL: none. */
    size_t (*scratch_bytes)(const clade_merge_tile *tile);

    clade_survey_scope survey_scope;
    unsigned
        survey_parameters; /* bit k: the survey reads parameter k (site or parent). States are kept by these values */
    /* Bytes of the state (0: these values need no survey of this tensor) and of a pass's partial state (0: survey_end
     * needs none). */
    size_t (*state_bytes)(const clade_merge_tile *tensor);
    size_t (*partial_bytes)(const clade_merge_tile *tensor, unsigned pass);
    /* A pass that wants a sample only: of every so many elements (a power of two, at least CLADE_MERGE_SAMPLE and at most
     * CLADE_MERGE_PIECE) one run of CLADE_MERGE_SAMPLE, at a place that depends on its index alone; the end of a piece
     * may have none. 0, or NULL: all elements. Only with units of 1, and not in the last pass. Elements of a sample may
     * not be finite. */
    size_t (*sample_stride)(const clade_merge_tile *tensor, unsigned pass);
    /* The first bytes of a partial state that are cleared before a piece; NULL: all. */
    size_t (*cleared_bytes)(const clade_merge_tile *tensor, unsigned pass);
    /* Pass PASS over a tile, adding to PARTIAL, which was cleared before the first tile of a piece (CLADE_MERGE_PIECE
     * elements or one unit, whichever is more). Pieces may be surveyed on several threads. */
    clade_status (*survey)(const clade_merge_tile *tile, unsigned pass, void *partial);
    /* Fold the partial state of a piece into STATE (cleared before the first pass), called in the order of the pieces,
     * whatever the threads. */
    clade_status (*survey_merge)(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial);
    /* After each pass; *AGAIN (false when called) asks for another one. May be NULL: one pass. */
    clade_status (*survey_end)(const clade_merge_tile *tensor, unsigned pass, void *state, bool *again);

    /* OUT (n) f32; must not overlap the inputs. */
    clade_status (*combine)(const clade_merge_tile *tile, float *out);

    /* Not NULL, with carries_nonfinite: combine gives the sum of the parents times C (n_parents), or with a base the base plus the sum of the
     * differences from it times C, so it may be left to a kernel that works on the elements as they are stored. TENSOR
     * has its state and no elements. has_coefficients: whether that holds for these values; NULL: for all. */
    clade_status (*coefficients)(const clade_merge_tile *tensor, double *c);
    bool (*has_coefficients)(const clade_merge_tile *tensor);

    /* Not NULL: the parents are adapters that become one by their factors (clade_adapters_merge in adapter.h); there is
     * no survey and no combine. */
    const struct clade_adapter_rule *adapters;
} clade_method;

/* Elements of a piece of a survey: the grain of threads, and of sums, whose bits depend on it. */
enum { CLADE_MERGE_PIECE = 1 << 20 };

/* Elements of a run of a sample. */
enum { CLADE_MERGE_SAMPLE = 64 };

/* Where the run of a sample begins among the STRIDE elements from FIRST (a multiple of it) on: not at one place, which
 * would be one column of a matrix. */
static inline uint64_t clade_sample_place(uint64_t first, size_t stride)
{
    uint64_t mixed = (first / stride + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return first + (mixed >> 32) % (stride / CLADE_MERGE_SAMPLE) * CLADE_MERGE_SAMPLE;
}

/* The registry, in the order of `clade list methods`. */
const clade_method *const *clade_methods(size_t *count);
/* By name, or NULL. */
const clade_method *clade_method_find(const char *name);
/* Index of a parameter, or n_parameters. */
size_t clade_method_parameter(const clade_method *method, const char *name);
/* CLADE_ECONFIG "unknown method ...; did you mean ...". */
clade_status clade_method_unknown(const char *name);

#endif
