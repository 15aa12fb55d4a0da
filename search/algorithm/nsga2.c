/* NSGA-II (Deb, Pratap, Agarwal & Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
 * TEC 6(2)): binary tournaments by rank, then crowding; SBX and polynomial mutation; of parents and children together
 * the best fronts survive, the last of them by crowding.
 *
 * Generational: the children of a generation are bred from the survivors of the one before, so a run does not depend
 * on the window. Differs from the paper: one child per mating instead of two; ties of the tournament go to the first
 * drawn. Cost of a child with N = 10,000, which falls due at the end of a generation: 6 us in two objectives, 33 us in
 * three. */
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/pareto.h"

enum { POPULATION, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 4, CLADE_MOST_POPULATION, 32, 32,
                    32, "individuals that survive a generation, and children of a generation", NULL},
};

/* What survival sorts. */
typedef struct standing {
    size_t rank;
    double crowding;
    uint64_t child;
    size_t index; /* in R */
} standing;

typedef struct nsga2 {
    clade_search_problem problem;
    size_t N;           /* population */
    uint64_t start;     /* children of generation 0 */
    clade_population P; /* parents: the survivors, at most N */
    clade_population Q; /* children told in this generation */
    clade_population R; /* P and Q together, scratch of survival */
    standing *standing; /* (N) of the survivors; (capacity of R) in survival */
    size_t *rank;       /* (capacity of R) scratch */
    double *crowding;   /* (capacity of R) scratch */
} nsga2;

static void destroy(void *state)
{
    nsga2 *s = state;
    if (!s)
        return;
    clade_population_fini(&s->P);
    clade_population_fini(&s->Q);
    clade_population_fini(&s->R);
    clade_free(s->standing);
    clade_free(s->rank);
    clade_free(s->crowding);
    clade_free(s);
}

static clade_status allocate(void *state)
{
    nsga2 *s = state;
    s->N = (size_t)s->problem.parameters[POPULATION];
    s->start = clade_start_count(&s->problem, s->N);
    const size_t brood = (size_t)s->start, all = s->N + brood;
    CLADE_TRY(clade_population_init(&s->P, &s->problem, s->N));
    CLADE_TRY(clade_population_init(&s->Q, &s->problem, brood));
    CLADE_TRY(clade_population_init(&s->R, &s->problem, all));
    s->standing = clade_calloc(all, sizeof *s->standing);
    s->rank = clade_calloc(all, sizeof *s->rank);
    s->crowding = clade_calloc(all, sizeof *s->crowding);
    if (!s->standing || !s->rank || !s->crowding)
        return clade_fail_memory(all * sizeof *s->standing, "NSGA-II");
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(nsga2), allocate, destroy, state);
}

static uint64_t needs(const void *state, uint64_t child)
{
    const nsga2 *s = state;
    return clade_generation_begin(s->start, s->N, child);
}

/* The crowded-comparison operator (section III.B): true when survivor I is better than survivor J. */
static bool better(const nsga2 *s, size_t i, size_t j)
{
    const standing *a = &s->standing[i], *b = &s->standing[j];
    return a->rank != b->rank ? a->rank < b->rank : a->crowding > b->crowding;
}

static size_t tournament(const nsga2 *s, clade_rng *rng)
{
    const size_t i = (size_t)clade_rng_below(rng, s->P.count), j = (size_t)clade_rng_below(rng, s->P.count);
    return better(s, j, i) ? j : i;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    const nsga2 *s = state;
    /* Fewer than two survivors: everything failed so far. */
    if (child < s->start || s->P.count < 2) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SELECTION);
    const size_t mother = tournament(s, &rng);
    size_t father = tournament(s, &rng);
    if (father == mother)
        father = (mother + 1 + (size_t)clade_rng_below(&rng, s->P.count - 1)) % s->P.count;
    clade_propose_bred(&s->problem, &s->P, mother, father, child, proposal);
    return CLADE_OK;
}

/* Better first; of equals the younger, so that a plateau can be crossed. Total: child numbers are unique. */
static int compare_standings(const void *left, const void *right)
{
    const standing *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->crowding < b->crowding || a->crowding > b->crowding)
        return a->crowding > b->crowding ? -1 : 1;
    return (a->child < b->child) - (a->child > b->child);
}

/* The end of a generation: R = P + Q, sorted; the first N are the next P. */
static clade_status survive(nsga2 *s)
{
    const size_t m = s->problem.n_objectives;
    clade_population_join(&s->R, &s->P, &s->Q);
    CLADE_TRY(clade_pareto_ranks(s->R.objectives, s->R.count, m, s->rank));
    CLADE_TRY(clade_crowding(s->R.objectives, s->R.count, m, s->rank, s->crowding));
    for (size_t i = 0; i < s->R.count; i++)
        s->standing[i] = (standing){s->rank[i], s->crowding[i], s->R.child[i], i};
    qsort(s->standing, s->R.count, sizeof *s->standing, compare_standings);
    s->P.count = 0;
    s->Q.count = 0;
    for (size_t i = 0; i < s->R.count && i < s->N; i++)
        clade_population_set(&s->P, i, &s->R, s->standing[i].index);
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    nsga2 *s = state;
    if (clade_population_takes(told))
        clade_population_add(&s->Q, told);
    return clade_generation_ends(s->start, s->N, told->child) ? survive(s) : CLADE_OK;
}

const clade_algorithm clade_algorithm_nsga2 = {
    .name = "nsga2",
    .title = "NSGA-II",
    .source = "Deb, Pratap, Agarwal & Meyarivan 2002",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .learns = true,
    .create = create,
    .destroy = destroy,
    .needs = needs,
    .ask = ask,
    .tell = tell,
};
