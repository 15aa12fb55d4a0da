/* Search algorithms: ask/tell, one file each, one registry.
 *
 * The engine owns evaluation, the ledger, the clock and the budget; an algorithm owns nothing but its population. It
 * does no I/O, reads no clock, holds no global. Objectives are minimised (the engine flips signs).
 *
 * Contract of the order (DESIGN.md 3, in-order commit with lag W): ask is called for child 0, 1, 2, ... in this order;
 * tell for child 0, 1, 2, ... in this order; ask(i) happens exactly when max(i - W + 1, needs(i)) children (at least 0)
 * have been told and before any more are told. All draws are keyed by (seed, child, purpose, variant). So the run is a
 * function of (seed, W, results).
 *
 * Algorithms inside others (portfolio, coarse to fine) are asked for increasing numbers of children with gaps, and may be
 * told children they did not ask for (own == false); so a `steady` algorithm counts what it asked and was told itself
 * instead of reading it off the number of a child. A proposal may be asked for several times with different variants
 * before the child is chosen (pre-selection): ask changes nothing in the state but memories that a second ask for the same
 * child overwrites. What is told is the genome as it was chosen: nothing is to be remembered from ask that can be
 * computed from the genome. */
#ifndef CLADE_ALGORITHM_H
#define CLADE_ALGORITHM_H

#include "clade/json.h"
#include "search/space.h"

enum { CLADE_MAX_OBJECTIVES = 8, CLADE_OPERATOR_NAME = 48, CLADE_MAX_CHILD_PARENTS = 4, CLADE_EVENT = 96 };

typedef struct clade_search_problem {
    const clade_space *space; /* borrowed, as all below, while the state lives */
    size_t n_objectives;
    uint64_t seed;
    const double *first;            /* (n_first, n_genes): individuals to start with, in this order; may be NULL */
    const char *const *first_names; /* (n_first): become the operator names "first: NAME" */
    size_t n_first;
    size_t window;                   /* W >= 1 */
    const double *parameters;        /* (n_parameters of the algorithm), defaults filled in */
    uint64_t children;               /* the budget, for schedules; 0: unknown */
    const clade_space_level *levels; /* (n_levels), coarse first; NULL: the space as it is */
    size_t n_levels;
    uint64_t images;               /* the budget of images; 0: unknown */
    const clade_space_line *lines; /* (n_lines): what line searches go along; may be NULL */
    size_t n_lines;
    double line_share; /* of the budget, for line searches from the best first individuals (line_search.h); 0: none */
    bool batches;      /* a proposal may ask for a batch of the items instead of all */
} clade_search_problem;

typedef struct clade_proposal {
    uint64_t variant;                          /* in: 0, or another draw for the same child */
    double *genome;                            /* (n_genes), the caller's, filled */
    char operator_name[CLADE_OPERATOR_NAME];   /* "first: average", "random", "sbx+pm", "differential" */
    uint64_t parents[CLADE_MAX_CHILD_PARENTS]; /* children it was bred from */
    size_t n_parents;
    /* The items that score it: 0, all of them; else `items` of every task and kind, drawn for the batch. Children of one
     * batch are scored on the same items, so they compare among themselves; the next batch has fresh ones, so that nobody
     * learns the items by heart. Only where problem->batches. */
    uint64_t batch, items;
    char event[CLADE_EVENT]; /* "" or what changed with this child ("sites: depth:3 to layer"), for the ledger */
} clade_proposal;

/* What is told of a child; borrowed during the call. */
typedef struct clade_told {
    uint64_t child;
    const double *genome;     /* (n_genes), as chosen */
    const double *objectives; /* (n_objectives), or NULL when the child failed */
    uint64_t batch;           /* as in the proposal */
    double cost;              /* images forwarded, as a share of those of a child that is scored on all items */
    uint64_t images;          /* forwarded for it; 0: none, for a copy of an earlier child, or unknown */
    bool own;                 /* this algorithm was asked for it */
    bool complete;            /* every item was scored; else it was a batch, or a race ended it, and the objectives are
                                 estimates: it is no member of a front */
    const uint8_t
        *correct; /* bits, LSB first, (n_correct): which items it got right; NULL: unknown. Always the same items
                                 in the same order; those a race left out are 0 */
    size_t n_correct;
    const double *tasks; /* (n_tasks) accuracy of each task, larger is better; NULL: unknown */
    size_t n_tasks;
} clade_told;

typedef struct clade_algorithm {
    const char *name, *title, *source;
    const clade_parameter *parameters; /* "population" and the like; scope CLADE_PER_RECIPE */
    size_t n_parameters;
    bool learns; /* proposals depend on what was told */
    bool steady; /* needs() is always 0, and children of others may be told: fit to be part of another algorithm */
    clade_status (*create)(const clade_search_problem *problem, void **state);
    void (*destroy)(void *state);
    /* Children that must have been told before CHILD can be asked: 0 for steady state, the end of the previous
     * generation for a generational algorithm. Monotone in CHILD, at most CHILD. */
    uint64_t (*needs)(const void *state, uint64_t child);
    clade_status (*ask)(void *state, uint64_t child, clade_proposal *proposal);
    clade_status (*tell)(void *state, const clade_told *told);
} clade_algorithm;

/* In the order of `clade list algorithms`. */
const clade_algorithm *const *clade_algorithms(size_t *count);
const clade_algorithm *clade_algorithm_find(const char *name);
/* VALUES (n_parameters, at most CLADE_MAX_PARAMETERS) get the defaults. */
void clade_algorithm_defaults(const clade_algorithm *algorithm, double *values);
/* The place of a parameter in VALUES; n_parameters when there is none of this name. */
size_t clade_algorithm_parameter(const clade_algorithm *algorithm, const char *name);

/* The generator for one purpose of one child. Purposes are distinct constants in one enum. */
typedef enum clade_purpose {
    CLADE_DRAW_SAMPLE = 1,
    CLADE_DRAW_SELECTION = 2,
    CLADE_DRAW_VARIATION = 3,
    CLADE_DRAW_OPERATOR = 4,
    CLADE_DRAW_DONORS = 5,
    CLADE_DRAW_MEMBER = 6, /* which algorithm of a portfolio */
    CLADE_DRAW_RESTART = 7 /* keyed by the number of the restart, not of a child */
} clade_purpose;
clade_rng clade_child_rng(uint64_t seed, uint64_t child, uint64_t variant, clade_purpose purpose);

/* ---- the order of ask and tell, shared by the engine and by closed-form runs ---- */

/* How many children must have been told before CHILD is asked. */
uint64_t clade_told_before_ask(const clade_algorithm *algorithm, const void *state, uint64_t child, size_t window);

/* A closed-form problem: evaluates a genome at once. For tests and benches. */
typedef void (*clade_closed_form)(const void *context, const double *genome, double *objectives);
/* Run CHILDREN evaluations in the contract's order; OBJECTIVES (children, n_objectives) and GENOMES (children, n_genes)
 * (may be NULL) are filled in child order. An objective that is not finite is a failed child. */
clade_status clade_run_closed_form(const clade_algorithm *algorithm, const clade_search_problem *problem,
                                   clade_closed_form evaluate, const void *context, size_t children, double *objectives,
                                   double *genomes) CLADE_CHECK_RESULT;

#endif
