/* L-SHADE (Tanabe & Fukunaga 2014, "Improving the search performance of SHADE using linear population size reduction",
 * CEC): differential evolution whose scale F and crossover rate CR are drawn around what lately succeeded, by
 * current-to-pbest/1 with an archive of those that were replaced (Zhang & Sanderson 2009, JADE), in a population that
 * shrinks to 4 as the budget runs out.
 *
 * Several objectives: the worth of a trial and of its target are their uncrowded hypervolume improvements over the rest of
 * the population (uncrowded.h), so one rule serves both cases: a trial of larger worth takes its target's place, and the
 * difference is the weight of its F and CR. The p best are a subset of large hypervolume, and who leaves is who is not in
 * the largest such subset (good_set.h).
 *
 * Steady state: individuals take turns as targets, and as many settled trials as there are individuals make a generation
 * of the success history. Differs from the paper also: a trial that is merely as good does not replace (noise would
 * wander), and the first population is small, 16 by default, since 18 times the genes would be the whole budget. A child's
 * category is its target's, now and then that of the pbest or any; differences count in genes that both ends have.
 *
 * Cost of a replacement (good_set.h), two objectives: .08 ms with 1,000 individuals, several ms with 10,000. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/good_set.h"
#include "search/algorithm/success_history.h"
#include "search/algorithm/uncrowded.h"
#include "search/pareto.h"
#include "search/variation.h"

enum { POPULATION, BEST, ARCHIVE, N_PARAMETERS };
enum { LEAST = 4 }; /* individuals: target, pbest and the two ends of a difference */

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, LEAST, CLADE_MOST_POPULATION, 16,
                    16, 16, "individuals at first; 4 when the budget of children is used up, if it is known", NULL},
    [BEST] = {"best", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0.11, 0.11, 0.11,
              "share of the individuals that children are drawn to (p)", NULL},
    [ARCHIVE] = {"archive", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 10, 2.6, 2.6, 2.6,
                 "replaced individuals that are kept for differences, as a multiple of the population", NULL},
};

static const double REFERENCE = 2; /* of hypervolume; objectives are scaled by the front to [0, 1] */
static const double CATEGORY_OF_BEST = 0.1, CATEGORY_OF_ANY = 0.02; /* probabilities */
static const double MUTATION_ETA = 5;
static const uint64_t SEED_REDRAWN = 4; /* one of so many times */

/* A child in flight. */
typedef struct flight {
    uint64_t number; /* the child's plus 1; 0: none */
    size_t slot;     /* its target's */
    double F, CR;
} flight;

typedef struct lshade {
    clade_search_problem problem;
    size_t N0;
    uint64_t start;         /* children bred from no result */
    clade_population P;     /* at most N0 between tells */
    bool changed;           /* since the last survey */
    size_t *slot, *turns;   /* (N0 + 1) of an individual: who it is through replacements; trials settled */
    size_t n_slots;         /* given out so far */
    clade_population A;     /* the archive */
    size_t A_capacity;      /* of A */
    size_t *rank;           /* (N0 + 1) scratch */
    size_t *best, n_best;   /* (N0 + 1): the first n_best are indices of the p best */
    double *worth, *points; /* (N0 + 1), (N0 + 1, n_objectives) scratch */
    clade_success_history history;
    size_t settled;                                                  /* trials of this generation */
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES]; /* of those that no other dominates */
    flight *flights;                                                 /* (window), child c at c modulo window */
} lshade;

static void destroy(void *state)
{
    lshade *s = state;
    if (!s)
        return;
    clade_population_fini(&s->P);
    clade_population_fini(&s->A);
    clade_free(s->slot);
    clade_free(s->turns);
    clade_free(s->rank);
    clade_free(s->best);
    clade_free(s->worth);
    clade_free(s->points);
    clade_free(s->flights);
    clade_free(s);
}

static clade_status allocate(void *state)
{
    lshade *s = state;
    s->N0 = (size_t)s->problem.parameters[POPULATION];
    s->start = clade_start_count(&s->problem, s->N0);
    s->A_capacity = (size_t)(s->problem.parameters[ARCHIVE] * (double)s->N0);
    clade_success_history_init(&s->history);
    const size_t all = s->N0 + 1;
    CLADE_TRY(clade_population_init(&s->P, &s->problem, all));
    CLADE_TRY(clade_population_init(&s->A, &s->problem, s->A_capacity + 1));
    s->slot = clade_calloc(all, sizeof *s->slot);
    s->turns = clade_calloc(all, sizeof *s->turns);
    s->rank = clade_calloc(all, sizeof *s->rank);
    s->best = clade_calloc(all, sizeof *s->best);
    s->worth = clade_calloc(all, sizeof *s->worth);
    s->points = clade_calloc(all, s->problem.n_objectives * sizeof *s->points);
    s->flights = clade_calloc(s->problem.window, sizeof *s->flights);
    if (!s->slot || !s->turns || !s->rank || !s->best || !s->worth || !s->points || !s->flights)
        return clade_fail_memory(all * s->problem.n_objectives * sizeof *s->points, "L-SHADE");
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(lshade), allocate, destroy, state);
}

/* The p best, at least two of them, and the ideal and nadir of those that no other dominates, unless they are known. */
static clade_status survey(lshade *s)
{
    const clade_population *P = &s->P;
    const size_t m = P->n_objectives, share = (size_t)(s->problem.parameters[BEST] * (double)P->count + 0.5);
    size_t front = 0;
    if (!s->changed)
        return CLADE_OK;
    s->n_best = share < 2 ? 2 : share;
    s->n_best = s->n_best < P->count ? s->n_best : P->count;
    CLADE_TRY(clade_good_set(P->objectives, P->count, m, s->n_best, s->best, s->worth));
    CLADE_TRY(clade_pareto_ranks(P->objectives, P->count, m, s->rank));
    for (size_t i = 0; i < P->count; i++)
        if (s->rank[i] == 0)
            memcpy(s->points + front++ * m, P->objectives + i * m, m * sizeof *s->points);
    clade_objective_range(s->points, front, m, s->ideal, s->range);
    s->changed = false;
    return CLADE_OK;
}

/* ---- ask ---- */

/* The individual with the fewest turns, settled and in flight, the first of equals; CHILD's own is not counted. */
static size_t next_target(const lshade *s, uint64_t child)
{
    size_t target = 0, fewest = SIZE_MAX;
    for (size_t i = 0; i < s->P.count; i++) {
        size_t turns = s->turns[i];
        for (size_t f = 0; f < s->problem.window && turns < fewest; f++)
            turns += s->flights[f].number > 0 && s->flights[f].number != child + 1 && s->flights[f].slot == s->slot[i];
        if (turns < fewest) {
            fewest = turns;
            target = i;
        }
    }
    return target;
}

/* Genomes that a trial comes from. */
typedef struct donors {
    const double *x, *pbest, *r1, *r2;
} donors;

/* r1 from the population, r2 from population and archive, distinct from each other and from target X. */
static donors draw_donors(const lshade *s, size_t x, clade_rng *rng, clade_proposal *proposal)
{
    const size_t pbest = s->best[clade_rng_below(rng, s->n_best)];
    const size_t r1 = (x + 1 + (size_t)clade_rng_below(rng, s->P.count - 1)) % s->P.count;
    size_t r2;
    do
        r2 = (size_t)clade_rng_below(rng, s->P.count + s->A.count);
    while (r2 == x || r2 == r1);
    const bool archived = r2 >= s->P.count;
    const clade_population *from = archived ? &s->A : &s->P;
    r2 -= archived ? s->P.count : 0;
    const uint64_t parents[] = {s->P.child[x], s->P.child[pbest], s->P.child[r1], from->child[r2]};
    memcpy(proposal->parents, parents, sizeof parents);
    proposal->n_parents = 4;
    return (donors){clade_population_genome(&s->P, x), clade_population_genome(&s->P, pbest),
                    clade_population_genome(&s->P, r1), clade_population_genome(from, r2)};
}

/* Gene G of base + F (pbest - base) + F (r1 - r2) in unit scale; beyond a bound, halfway from the base to it. Where they
 * all agree, as hand-made first individuals do in many genes, no difference would ever come about: such a gene mutates
 * with probability RATE. */
static double step(const clade_space *space, const donors *d, size_t g, double base, double F, double rate,
                   clade_rng *rng)
{
    const clade_gene *gene = &space->genes[g];
    const double from = clade_gene_to_unit(gene, base);
    double by = 0;
    if (clade_gene_active(space, d->pbest, g))
        by += F * (clade_gene_to_unit(gene, d->pbest[g]) - from);
    if (clade_gene_active(space, d->r1, g) && clade_gene_active(space, d->r2, g))
        by += F * (clade_gene_to_unit(gene, d->r1[g]) - clade_gene_to_unit(gene, d->r2[g]));
    double to = from + by;
    if (!(by < 0) && !(by > 0)) {
        if (clade_rng_uniform(rng) >= rate)
            return base;
        to = clade_polynomial_mutation(from, 0, 1, MUTATION_ETA, clade_rng_uniform(rng));
    }
    return clade_gene_from_unit(gene, to < 0 ? from / 2 : to > 1 ? (from + 1) / 2 : to);
}

static double pick_category(const clade_space *space, const donors *d, clade_rng *rng)
{
    const double u = clade_rng_uniform(rng);
    const uint64_t any = clade_rng_below(rng, (uint64_t)space->genes[0].high + 1);
    return u < CATEGORY_OF_BEST ? d->pbest[0] : u < CATEGORY_OF_BEST + CATEGORY_OF_ANY ? (double)any : d->x[0];
}

/* The gene that is always crossed over: one of the *ACTIVE ones of GENOME. */
static size_t pick_gene(const clade_space *space, const double *genome, clade_rng *rng, size_t *active)
{
    size_t chosen = 0;
    *active = 0;
    for (size_t g = space->has_category; g < space->n_genes; g++)
        if (clade_gene_active(space, genome, g) && clade_rng_below(rng, ++*active) == 0)
            chosen = g;
    return chosen;
}

static void make_trial(const clade_space *space, const donors *d, double F, double CR, clade_rng *rng, double *trial)
{
    memcpy(trial, d->x, space->n_genes * sizeof *trial);
    if (space->has_category)
        trial[0] = pick_category(space, d, rng);
    size_t active;
    const size_t always = pick_gene(space, trial, rng, &active);
    for (size_t g = space->has_category; g < space->n_genes; g++) {
        if (!clade_gene_active(space, trial, g))
            continue;
        /* A gene that came with the category means nothing in the target. */
        const bool known = clade_gene_active(space, d->x, g) || !clade_gene_active(space, d->pbest, g);
        const double base = known ? d->x[g] : d->pbest[g];
        const bool crossed = clade_rng_uniform(rng) < CR || g == always;
        const clade_gene_kind kind = space->genes[g].kind;
        trial[g] = base;
        if (kind == CLADE_GENE_REAL || kind == CLADE_GENE_INTEGER)
            trial[g] = crossed ? step(space, d, g, base, F, 1 / (double)active, rng) : base;
        else if (crossed && clade_gene_active(space, d->pbest, g))
            trial[g] = clade_rng_below(rng, 2) == 0 ? d->pbest[g] : base;
        if (kind == CLADE_GENE_SEED && clade_rng_below(rng, SEED_REDRAWN) == 0)
            trial[g] = (double)(clade_rng_next(rng) >> 32);
    }
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    lshade *s = state;
    /* Fewer than four individuals: nearly everything told so far failed. */
    if (child < s->start || s->P.count < LEAST) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    CLADE_TRY(survey(s));
    const uint64_t seed = s->problem.seed;
    const size_t x = next_target(s, child);
    flight *f = &s->flights[child % s->problem.window];
    /* Not of the variant: F and CR are remembered, and which variant is chosen is not known yet. */
    clade_rng rng = clade_child_rng(seed, child, 0, CLADE_DRAW_OPERATOR);
    *f = (flight){.number = child + 1, .slot = s->slot[x]};
    clade_success_history_draw(&s->history, &rng, &f->F, &f->CR);
    rng = clade_child_rng(seed, child, proposal->variant, CLADE_DRAW_DONORS);
    const donors d = draw_donors(s, x, &rng, proposal);
    rng = clade_child_rng(seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    make_trial(s->problem.space, &d, f->F, f->CR, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "current-to-pbest");
    return CLADE_OK;
}

/* ---- tell ---- */

static void scale(const lshade *s, const double *objectives, double *scaled)
{
    for (size_t k = 0; k < s->problem.n_objectives; k++)
        scaled[k] = (objectives[k] - s->ideal[k]) / s->range[k];
}

/* WORTH of TRIAL and of individual TARGET over the rest of the population: minus the objective, or the uncrowded
 * hypervolume improvement. */
static clade_status assess(const lshade *s, size_t target, const double *trial, double worth[2])
{
    const size_t m = s->problem.n_objectives;
    const double *both[] = {trial, clade_population_objectives(&s->P, target)};
    double reference[CLADE_MAX_OBJECTIVES], scaled[CLADE_MAX_OBJECTIVES];
    worth[0] = -both[0][0];
    worth[1] = -both[1][0];
    if (m == 1)
        return CLADE_OK;
    size_t others = 0;
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
    for (size_t i = 0; i < s->P.count; i++)
        if (i != target)
            scale(s, clade_population_objectives(&s->P, i), s->points + others++ * m);
    clade_uncrowded rest = {0};
    clade_status status = clade_uncrowded_init(&rest, s->points, others, m, reference);
    for (size_t b = 0; b < 2 && status == CLADE_OK; b++) {
        scale(s, both[b], scaled);
        status = clade_uncrowded_improvement(&rest, scaled, &worth[b]);
    }
    clade_uncrowded_fini(&rest);
    return status;
}

/* The best SIZE individuals stay. */
static clade_status shrink(lshade *s, size_t size)
{
    if (s->P.count <= size)
        return CLADE_OK;
    s->changed = true;
    CLADE_TRY(clade_good_set(s->P.objectives, s->P.count, s->P.n_objectives, size, s->best, s->worth));
    size_t kept = size;
    for (size_t i = s->P.count; i-- > 0;) {
        if (kept > 0 && s->best[kept - 1] == i) {
            kept--;
            continue;
        }
        const size_t after = s->P.count - i - 1;
        memmove(s->slot + i, s->slot + i + 1, after * sizeof *s->slot);
        memmove(s->turns + i, s->turns + i + 1, after * sizeof *s->turns);
        clade_population_remove(&s->P, i);
    }
    return CLADE_OK;
}

/* A child that is no trial joins; its turns are those of the one whose turn it is. */
static void join(lshade *s, const clade_told *told)
{
    size_t fewest = s->P.count > 0 ? SIZE_MAX : 0;
    for (size_t i = 0; i < s->P.count; i++)
        fewest = s->turns[i] < fewest ? s->turns[i] : fewest;
    s->turns[s->P.count] = fewest;
    s->slot[s->P.count] = s->n_slots++;
    clade_population_add(&s->P, told);
    s->changed = true;
}

/* Individual I goes to the archive; while that is too large, any of it leaves. */
static void retire(lshade *s, size_t i, uint64_t child)
{
    clade_rng rng = clade_child_rng(s->problem.seed, child, 0, CLADE_DRAW_SELECTION);
    clade_population_set(&s->A, s->A.count, &s->P, i);
    while ((double)s->A.count > s->problem.parameters[ARCHIVE] * (double)s->P.count)
        clade_population_remove(&s->A, (size_t)clade_rng_below(&rng, s->A.count));
}

/* TOLD is the trial of FLIGHT; individual I is its target. */
static clade_status settle(lshade *s, const flight *f, size_t i, const clade_told *told)
{
    double worth[2];
    s->turns[i]++;
    if (!clade_population_takes(told))
        return CLADE_OK;
    CLADE_TRY(survey(s));
    CLADE_TRY(assess(s, i, told->objectives, worth));
    if (!(worth[0] > worth[1]))
        return CLADE_OK;
    clade_success_history_add(&s->history, f->F, f->CR, worth[0] - worth[1]);
    retire(s, i, told->child);
    clade_population_replace(&s->P, i, told);
    s->changed = true;
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    lshade *s = state;
    flight *f = &s->flights[told->child % s->problem.window];
    const bool trial = told->own && f->number == told->child + 1;
    size_t i = 0;
    while (i < s->P.count && !(trial && s->slot[i] == f->slot))
        i++;
    if (i < s->P.count)
        CLADE_TRY(settle(s, f, i, told));
    else if (clade_population_takes(told)) /* no trial, or its target is gone */
        join(s, told);
    if (trial) {
        f->number = 0;
        s->settled++;
    }
    CLADE_TRY(shrink(s, clade_reduced_size(s->N0, LEAST, s->problem.children, told->child + 1)));
    if (s->settled < s->P.count)
        return CLADE_OK;
    clade_success_history_turn(&s->history);
    s->settled = 0;
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_lshade = {
    .name = "lshade",
    .title = "L-SHADE",
    .source = "Tanabe & Fukunaga 2014",
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
