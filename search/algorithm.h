/* Search algorithms: ask/tell, one file each, one registry.
 *
 * The engine owns evaluation, the ledger, the clock and the budget; an algorithm owns nothing but its population. It
 * does no I/O, reads no clock, holds no global. Objectives are minimised (the engine flips signs).
 *
 * Contract of the order (DESIGN.md 3, in-order commit with lag W): ask is called for child 0, 1, 2, ... in this order;
 * tell for child 0, 1, 2, ... in this order; ask(i) happens exactly when max(i - W + 1, needs(i)) children (at least 0)
 * have been told and before any more are told. All draws are keyed by (seed, child, purpose). So the run is a function
 * of (seed, W, results). */
#ifndef CLADE_ALGORITHM_H
#define CLADE_ALGORITHM_H

#include "clade/json.h"
#include "search/space.h"

enum { CLADE_MAX_OBJECTIVES = 8, CLADE_OPERATOR_NAME = 48, CLADE_MAX_CHILD_PARENTS = 4 };

typedef struct clade_search_problem {
    const clade_space *space; /* borrowed, as all below, while the state lives */
    size_t n_objectives;
    uint64_t seed;
    const double *first;            /* (n_first, n_genes): individuals to start with, in this order; may be NULL */
    const char *const *first_names; /* (n_first): become the operator names "first: NAME" */
    size_t n_first;
    size_t window;            /* W >= 1 */
    const double *parameters; /* (n_parameters of the algorithm), defaults filled in */
} clade_search_problem;

typedef struct clade_proposal {
    double *genome;                            /* (n_genes), the caller's, filled */
    char operator_name[CLADE_OPERATOR_NAME];   /* "first: average", "random", "sbx+pm", "differential" */
    uint64_t parents[CLADE_MAX_CHILD_PARENTS]; /* children it was bred from */
    size_t n_parents;
} clade_proposal;

typedef struct clade_algorithm {
    const char *name, *title, *source;
    const clade_parameter *parameters; /* "population" and the like; scope CLADE_PER_RECIPE */
    size_t n_parameters;
    clade_status (*create)(const clade_search_problem *problem, void **state);
    void (*destroy)(void *state);
    /* Children that must have been told before CHILD can be asked: 0 for steady state, the end of the previous
     * generation for a generational algorithm. Monotone in CHILD, at most CHILD. */
    uint64_t (*needs)(const void *state, uint64_t child);
    clade_status (*ask)(void *state, uint64_t child, clade_proposal *proposal);
    /* OBJECTIVES (n_objectives), or NULL when the child failed. GENOME (n_genes) as asked. */
    clade_status (*tell)(void *state, uint64_t child, const double *genome, const double *objectives);
} clade_algorithm;

/* sms_emoa, nsga2, random. */
const clade_algorithm *const *clade_algorithms(size_t *count);
const clade_algorithm *clade_algorithm_find(const char *name);

/* The generator for one purpose of one child. Purposes are distinct constants in one enum. */
typedef enum clade_purpose {
    CLADE_DRAW_SAMPLE = 1,
    CLADE_DRAW_SELECTION = 2,
    CLADE_DRAW_VARIATION = 3,
    CLADE_DRAW_OPERATOR = 4,
    CLADE_DRAW_DONORS = 5
} clade_purpose;
clade_rng clade_child_rng(uint64_t seed, uint64_t child, clade_purpose purpose);

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
