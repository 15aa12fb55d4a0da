/* MOEA/D (Zhang & Li 2007, "MOEA/D: A multiobjective evolutionary algorithm based on decomposition", IEEE TEC 11(6);
 * with the differential step, delta and n_r of Li & Zhang 2009, IEEE TEC 13(2)): N weight vectors make N problems of
 * one objective, each keeps one individual, breeds from the individuals of its neighbours and may replace them.
 *
 * Steady state. Differs from the papers: the problem a child is bred for is drawn by the child's number instead of
 * going round, so that a child means the same wherever it is told; objectives are scaled to [0, 1] by ideal point and
 * worst individual before they are weighed; the individuals of the start are dealt to the problems that like them
 * best. Children that were not bred for a problem (the rest of the start, those of other algorithms) go to the one
 * they are best at (Wang et al. 2014, "A replacement strategy for balancing convergence and diversity in MOEA/D").
 * With one objective all problems are the same. Cost of a child: O(T) mostly, O(N) for one of ten; 8 us at N = 10,000;
 * once, at the end of the start, O(N^2), .2 s at 10,000. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/reference_points.h"
#include "search/pareto.h"
#include "search/variation.h"

enum { POPULATION, NEIGHBOURS, DELTA, SCALAR, DIFFERENTIAL, N_PARAMETERS, M_MAX = CLADE_MAX_OBJECTIVES };
enum { TCHEBYCHEFF, PBI };

static const char *const scalars[] = {[TCHEBYCHEFF] = "tchebycheff", [PBI] = "pbi", NULL};

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 4, CLADE_MOST_POPULATION, 32, 32,
                    32, "problems of one objective at most, each with one individual", NULL},
    [NEIGHBOURS] = {"neighbours", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 2, CLADE_MOST_POPULATION, 20, 20,
                    20, "T: problems of the nearest weights, itself among them, that share parents and children", NULL},
    [DELTA] = {"delta", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0.9, 0.9, 0.9,
               "probability that parents and replaced ones are neighbours, and not any", NULL},
    [SCALAR] = {"scalar", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, TCHEBYCHEFF,
                "how weights make one objective of several", scalars},
    [DIFFERENTIAL] = {"differential", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0.35, 0.35, 0.35,
                      "share of children that are a differential step, and not SBX", NULL},
};

static const double LEAST_WEIGHT = 1e-4; /* so that no objective is without any weight */
static const double PBI_THETA = 5;
enum { MOST_REPLACED = 2 }; /* n_r */

typedef struct moead {
    clade_search_problem problem;
    size_t N, M, T;
    double delta;
    double differential;
    int scalar;
    uint64_t start;      /* children bred from no result */
    clade_population P;  /* individual i is that of problem i once there are N */
    double *lambda;      /* (N, M) weights */
    size_t *near;        /* (N, T) problems of the nearest weights, nearest first: itself */
    double ideal[M_MAX]; /* z*, the least value of each objective ever told */
    double nadir[M_MAX]; /* the worst of P */
    bool nadir_is_old;   /* an individual that may have been it was replaced */
    double range[M_MAX]; /* from the ideal to the nadir, the child at hand included */
    size_t *order;       /* (N) scratch */
    double *stepped;     /* (n_genes) scratch */
    double *distance;    /* (N) scratch */
} moead;

static void destroy(void *state)
{
    moead *s = state;
    if (!s)
        return;
    clade_population_fini(&s->P);
    clade_free(s->lambda);
    clade_free(s->near);
    clade_free(s->order);
    clade_free(s->distance);
    clade_free(s->stepped);
    clade_free(s);
}

/* The T nearest weights of each, by insertion: of equally near ones the first. */
static void find_neighbours(moead *s)
{
    for (size_t i = 0; i < s->N; i++) {
        size_t *near = s->near + i * s->T, found = 0;
        for (size_t j = 0; j < s->N; j++) {
            double square = 0;
            for (size_t k = 0; k < s->M; k++)
                square += pow(s->lambda[i * s->M + k] - s->lambda[j * s->M + k], 2);
            s->distance[j] = j == i ? -1 : square; /* itself first, also where all weights are equal */
            size_t place = found;
            while (place > 0 && s->distance[near[place - 1]] > s->distance[j])
                place--;
            if (place == s->T)
                continue;
            found += found < s->T;
            for (size_t later = found - 1; later > place; later--)
                near[later] = near[later - 1];
            near[place] = j;
        }
    }
}

/* N and the weights; of one objective POPULATION times the same. */
static clade_status make_weights(moead *s, size_t population)
{
    if (s->M > 1)
        return clade_reference_points(s->M, population, &s->lambda, &s->N);
    s->N = population;
    s->lambda = clade_malloc(population * sizeof *s->lambda);
    if (!s->lambda)
        return clade_fail_memory(population * sizeof *s->lambda, "MOEA/D");
    for (size_t i = 0; i < population; i++)
        s->lambda[i] = 1;
    return CLADE_OK;
}

static clade_status allocate(void *state)
{
    moead *s = state;
    const double *values = s->problem.parameters;
    s->M = s->problem.n_objectives;
    CLADE_TRY(make_weights(s, (size_t)values[POPULATION]));
    s->T = (size_t)values[NEIGHBOURS] < s->N ? (size_t)values[NEIGHBOURS] : s->N;
    s->delta = values[DELTA];
    s->scalar = (int)values[SCALAR];
    s->differential = values[DIFFERENTIAL];
    s->start = clade_start_count(&s->problem, s->N);
    for (size_t k = 0; k < s->M; k++) {
        s->ideal[k] = (double)INFINITY;
        s->nadir[k] = -(double)INFINITY;
    }
    CLADE_TRY(clade_population_init(&s->P, &s->problem, s->N + 1));
    s->near = clade_calloc(s->N, s->T * sizeof *s->near);
    s->order = clade_calloc(s->N, sizeof *s->order);
    s->distance = clade_calloc(s->N, sizeof *s->distance);
    s->stepped = clade_calloc(s->problem.space->n_genes, sizeof *s->stepped);
    if (!s->near || !s->order || !s->distance || !s->stepped)
        return clade_fail_memory(s->N * (s->T + 2) * sizeof *s->near, "MOEA/D");
    find_neighbours(s);
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(moead), allocate, destroy, state);
}

/* Every problem has its individual. */
static bool settled(const moead *s)
{
    return s->P.count == s->N;
}

/* What a child is bred for, the first two draws of its selection: problem *I, and whether among its neighbours. */
static bool draw_problem(const moead *s, clade_rng *rng, size_t *i)
{
    *i = (size_t)clade_rng_below(rng, s->P.count);
    return clade_rng_uniform(rng) < s->delta && settled(s);
}

/* Two individuals of the pool that are neither X nor each other; the pool has at least 3. */
static void draw_parents(const moead *s, size_t x, bool near, clade_rng *rng, size_t *a, size_t *b)
{
    const size_t count = near ? s->T : s->P.count;
    do {
        const size_t i = (size_t)clade_rng_below(rng, count), j = (size_t)clade_rng_below(rng, count);
        *a = near ? s->near[x * s->T + i] : i;
        *b = near ? s->near[x * s->T + j] : j;
    } while (*a == x || *b == x || *a == *b);
}

/* X + 1/2 (A - B), then polynomial mutation. False when there is no step to be made. */
static bool propose_step(const moead *s, size_t x, size_t a, size_t b, uint64_t child, clade_proposal *proposal)
{
    const clade_space *space = s->problem.space;
    clade_variation mutation = clade_variation_default();
    mutation.crossover_probability = 0;
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_DONORS);
    if (!clade_differential(space, clade_population_genome(&s->P, x), clade_population_genome(&s->P, a),
                            clade_population_genome(&s->P, b), &rng, s->stepped))
        return false;
    clade_vary(space, &mutation, s->stepped, s->stepped, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "differential+pm");
    proposal->parents[0] = s->P.child[x];
    proposal->parents[1] = s->P.child[a];
    proposal->parents[2] = s->P.child[b];
    proposal->n_parents = 3;
    return true;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    const moead *s = state;
    enum { LEAST_PARENTS = 3 };
    /* Fewer individuals: nearly everything told so far failed. */
    if (child < s->start || s->P.count < LEAST_PARENTS) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    size_t x, a, b;
    clade_rng rng = clade_child_rng(s->problem.seed, child, 0, CLADE_DRAW_SELECTION);
    const bool near = draw_problem(s, &rng, &x) && s->T >= LEAST_PARENTS;
    if (proposal->variant != 0)
        rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SELECTION);
    draw_parents(s, x, near, &rng, &a, &b);
    const bool step = clade_rng_uniform(&rng) < s->differential;
    if (!step || !propose_step(s, x, a, b, child, proposal))
        clade_propose_bred(&s->problem, &s->P, a, b, child, proposal);
    return CLADE_OK;
}

/* g(OBJECTIVES) of problem I: equation 4 (Tchebycheff) or section II.C (PBI) of the first paper. */
static double scalar(const moead *s, const double *objectives, size_t i)
{
    const double *lambda = s->lambda + i * s->M;
    double f[M_MAX], most = 0, along = 0, square = 0, length = 0;
    for (size_t k = 0; k < s->M; k++) {
        f[k] = (objectives[k] - s->ideal[k]) / s->range[k];
        const double weighed = f[k] * (lambda[k] > LEAST_WEIGHT ? lambda[k] : LEAST_WEIGHT);
        most = weighed > most ? weighed : most;
        along += f[k] * lambda[k];
        length += lambda[k] * lambda[k];
    }
    if (s->scalar == TCHEBYCHEFF)
        return most;
    for (size_t k = 0; k < s->M; k++)
        square += pow(f[k] - along / length * lambda[k], 2);
    return along / sqrt(length) + PBI_THETA * sqrt(square);
}

/* The last individual is new. */
static void find_ranges(moead *s)
{
    const double *fresh = clade_population_objectives(&s->P, s->P.count - 1);
    double least[M_MAX];
    if (s->nadir_is_old)
        clade_objective_bounds(s->P.objectives, s->P.count - 1, s->M, least, s->nadir);
    s->nadir_is_old = false;
    for (size_t k = 0; k < s->M; k++) {
        const double worst = fresh[k] > s->nadir[k] ? fresh[k] : s->nadir[k];
        s->range[k] = worst > s->ideal[k] ? worst - s->ideal[k] : 1;
    }
}

/* FRESH is of P. */
static void extend_nadir(moead *s, const double *fresh)
{
    for (size_t k = 0; k < s->M; k++)
        s->nadir[k] = fresh[k] > s->nadir[k] ? fresh[k] : s->nadir[k];
}

/* The individual behind the population replaces that of problem I. */
static void take_place(moead *s, size_t i)
{
    const double *former = clade_population_objectives(&s->P, i);
    for (size_t k = 0; k < s->M; k++)
        s->nadir_is_old = s->nadir_is_old || former[k] >= s->nadir[k];
    clade_population_set(&s->P, i, &s->P, s->N);
    extend_nadir(s, clade_population_objectives(&s->P, i));
}

/* Each problem in turn takes the individual it likes best of those that are left. */
static void deal(moead *s)
{
    for (size_t i = 0; i + 1 < s->N; i++) {
        size_t best = i;
        double least = scalar(s, clade_population_objectives(&s->P, i), i);
        for (size_t j = i + 1; j < s->N; j++) {
            const double value = scalar(s, clade_population_objectives(&s->P, j), i);
            best = value < least ? j : best;
            least = value < least ? value : least;
        }
        if (best == i)
            continue;
        clade_population_set(&s->P, s->N, &s->P, i);
        clade_population_set(&s->P, i, &s->P, best);
        clade_population_set(&s->P, best, &s->P, s->N);
        s->P.count--;
    }
}

static size_t best_problem(const moead *s, const double *objectives)
{
    size_t best = 0;
    double least = scalar(s, objectives, 0);
    for (size_t i = 1; i < s->N; i++) {
        const double value = scalar(s, objectives, i);
        best = value < least ? i : best;
        least = value < least ? value : least;
    }
    return best;
}

/* The individual behind the population replaces at most n_r of its pool that are not better, looked at in random order;
 * then it is gone. The draws of operators are free for this. */
static void replace(moead *s, const clade_told *told)
{
    size_t x = 0, replaced = 0;
    const double *objectives = clade_population_objectives(&s->P, s->N);
    s->P.count--;
    clade_rng rng = clade_child_rng(s->problem.seed, told->child, 0, CLADE_DRAW_SELECTION);
    bool near = draw_problem(s, &rng, &x);
    if (!told->own || told->child < s->start) {
        x = best_problem(s, objectives);
        near = true;
    }
    const size_t count = near ? s->T : s->N;
    rng = clade_child_rng(s->problem.seed, told->child, 0, CLADE_DRAW_OPERATOR);
    for (size_t i = 0; i < count; i++)
        s->order[i] = near ? s->near[x * s->T + i] : i;
    for (size_t i = 0; i < count && replaced < MOST_REPLACED; i++) {
        const size_t lot = i + (size_t)clade_rng_below(&rng, count - i), j = s->order[lot];
        s->order[lot] = s->order[i];
        if (scalar(s, objectives, j) <= scalar(s, clade_population_objectives(&s->P, j), j)) {
            take_place(s, j);
            replaced++;
        }
    }
}

static clade_status tell(void *state, const clade_told *told)
{
    moead *s = state;
    if (!clade_population_takes(told))
        return CLADE_OK;
    for (size_t k = 0; k < s->M; k++)
        s->ideal[k] = told->objectives[k] < s->ideal[k] ? told->objectives[k] : s->ideal[k];
    const bool full = settled(s);
    clade_population_add(&s->P, told);
    find_ranges(s);
    if (full) {
        replace(s, told);
        return CLADE_OK;
    }
    extend_nadir(s, told->objectives);
    if (settled(s))
        deal(s);
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_moead = {
    .name = "moead",
    .title = "MOEA/D",
    .source = "Zhang & Li 2007; Li & Zhang 2009",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .learns = true,
    .steady = true,
    .create = create,
    .destroy = destroy,
    .needs = clade_needs_nothing,
    .ask = ask,
    .tell = tell,
};
