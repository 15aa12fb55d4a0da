/* CMA-ES on minibatches of items: each generation is scored on a fresh small draw of the items, the same for all its
 * children, and the answer is the distribution's mean.
 *
 * A child scored on all items is ten times as dear as one scored on a batch, and a search that always looks at the same
 * items learns them by heart: the winner is the luckiest of hundreds. Ranking within a generation needs no more than a
 * rough comparison on common items (common random numbers), and what the items of one generation favour by chance the
 * next ones do not, so chance averages out in the mean, as in stochastic gradient descent; sampling noise averages out
 * there, too (Beyer 1998, "Mutate large, but inherit small!"; Hansen 2016, arXiv 1604.00772, for the distribution).
 *
 *   start       the first individuals on one batch of START_ITEMS times the items; the best of them again on all items
 *   generation  lambda children of N(m, sigma^2 C) on batch g; ranked by the sum over the objectives, each scaled by its
 *               mean and deviation in the generation; clade_cma_update
 *   mean        after every `whole` generations, on all items, for the front; every fourth time the average of the means (an exponential
 *               mean over generations: Polyak & Juditsky 1992), for the mean itself wanders with the items; and, with several
 *               objectives, every second time a tilt, of each objective in turn: the mean, and TILT times the step a
 *               generation would have taken for this objective alone beyond that for the sum, as an exponential mean.
 *               Tilts spread the front
 *
 * Several methods: the origin is the best of the start, and its method stays. Where items cannot be drawn (closed forms) this
 * is cma_es. Steady: a generation may hold children of the distribution before, as many as the window. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/cma_distribution.h"
#include "search/algorithm/cma_genes.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/standing.h"

enum { POPULATION, SIGMA, ITEMS, WHOLE, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, CLADE_MOST_POPULATION, 0, 0,
                    0, "children of a generation, at least 4; 0: 4 + floor(3 ln genes)", NULL},
    [SIGMA] = {"sigma", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1e-6, 1, 0.1, 0.1, 0.1,
               "first standard deviation, as a share of a gene's range", NULL},
    [ITEMS] = {"items", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1, 1 << 20, 32, 32, 32,
               "clean items of a batch, and corrupted ones, of each task", NULL},
    [WHOLE] = {"whole", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1, 1 << 20, 4, 4, 4,
               "generations after which the mean is scored on all items", NULL},
};

enum { START = 8, START_ITEMS = 2, AGAIN = 3, MOST_FULL = 100 };
static const double LARGEST_SIGMA = 1; /* the whole range: from there on only the bounds would be searched */
enum { LEADERS = CLADE_MAX_CHILD_PARENTS };
static const double TILT = 10, TILT_MEMORY = 0.9, AVERAGE_MEMORY = 0.95;
enum { START_BATCH = 1, FIRST_BATCH = 2 }; /* batch FIRST_BATCH + g is generation g's */

/* A child of the start, or one that somebody else asked for. */
typedef struct candidate {
    double *genome; /* (n_genes), owned */
    uint64_t child;
    double value; /* sum of the objectives */
    bool whole;   /* scored on all items, or asked for */
} candidate;

typedef struct minibatch {
    clade_search_problem problem;
    void *inner; /* cma_es, where there are no batches */
    uint64_t start;
    candidate *candidates; /* (n_candidates), owned */
    size_t n_candidates, capacity;
    bool begun;
    clade_cma cma;
    clade_cma_genes genes;
    /* own children after the start */
    uint64_t last;             /* the one asked for last; UINT64_MAX: none */
    uint64_t asked;            /* how many */
    size_t again;              /* the candidate that the last one repeats; SIZE_MAX: it is of a generation, or a mean */
    uint64_t n_again;          /* how many did */
    size_t collected;          /* children of the generation under way that were told */
    double *steps;             /* (lambda, n) theirs, each from the mean it was drawn around, in units of sigma */
    double *objectives;        /* (lambda, n_objectives); a failed child has NAN */
    double *value;             /* (2, lambda) scratch */
    size_t *order;             /* (lambda) scratch */
    uint64_t *children;        /* (lambda): who they are */
    uint64_t leaders[LEADERS]; /* the best of the last generation, whose mean step was taken */
    size_t n_leaders;
    double *sorted;      /* (lambda, n) scratch */
    double *drawn_mean;  /* (window, n): the mean that child c in flight was drawn around, at c modulo window */
    double *drawn_sigma; /* (window) */
    double *tilt;        /* (n_objectives, n): see above */
    double *average;     /* (n): of the means */
    double *origin;      /* (n_genes) scratch */
} minibatch;

static void destroy(void *state)
{
    minibatch *s = state;
    if (!s)
        return;
    if (s->inner)
        clade_algorithm_cma_es.destroy(s->inner);
    for (size_t i = 0; i < s->n_candidates; i++)
        clade_free(s->candidates[i].genome);
    clade_free(s->candidates);
    clade_cma_fini(&s->cma);
    clade_cma_genes_fini(&s->genes);
    clade_free(s->steps);
    clade_free(s->drawn_mean);
    clade_free(s->drawn_sigma);
    clade_free(s->tilt);
    clade_free(s->average);
    clade_free(s->objectives);
    clade_free(s->value);
    clade_free(s->order);
    clade_free(s->children);
    clade_free(s->sorted);
    clade_free(s->origin);
    clade_free(s);
}

/* cma_es with its defaults, but for what both have. */
static clade_status open_inner(minibatch *s)
{
    double values[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(&clade_algorithm_cma_es, values);
    values[clade_algorithm_parameter(&clade_algorithm_cma_es, "population")] = s->problem.parameters[POPULATION];
    clade_search_problem problem = s->problem;
    problem.parameters = values;
    return clade_algorithm_cma_es.create(&problem, &s->inner);
}

static clade_status allocate(void *state)
{
    minibatch *s = state;
    s->last = UINT64_MAX;
    s->start = s->problem.n_first > 0 ? s->problem.n_first : START;
    if (!s->problem.batches)
        return open_inner(s);
    s->origin = clade_calloc(s->problem.space->n_genes, sizeof *s->origin);
    if (!s->origin)
        return clade_fail_memory(s->problem.space->n_genes * sizeof *s->origin, "CMA-ES on minibatches");
    return clade_cma_genes_init(&s->genes, s->problem.space);
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(minibatch), allocate, destroy, state);
}

/* ---- the start ---- */

/* The best candidate, or with FRESH the best that was not scored on all items; of equals the first. SIZE_MAX: none. */
static size_t best_candidate(const minibatch *s, bool fresh)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < s->n_candidates; i++)
        if (!(fresh && s->candidates[i].whole) &&
            (best == SIZE_MAX || s->candidates[i].value < s->candidates[best].value))
            best = i;
    return best;
}

static clade_status add_candidate(minibatch *s, const clade_told *told)
{
    if (s->n_candidates == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 32;
        candidate *larger = clade_realloc(s->candidates, capacity * sizeof *larger);
        if (!larger)
            return clade_fail_memory(capacity * sizeof *larger, "the start of a search");
        s->candidates = larger;
        s->capacity = capacity;
    }
    const size_t bytes = s->problem.space->n_genes * sizeof(double);
    candidate *c = &s->candidates[s->n_candidates];
    *c = (candidate){.genome = clade_malloc(bytes), .child = told->child, .whole = told->batch == 0};
    if (!c->genome)
        return clade_fail_memory(bytes, "the start of a search");
    s->n_candidates++;
    memcpy(c->genome, told->genome, bytes);
    for (size_t k = 0; k < s->problem.n_objectives; k++)
        c->value += told->objectives[k];
    return CLADE_OK;
}

/* The distribution, around the best that is known. */
static clade_status begin(minibatch *s, uint64_t child)
{
    const size_t best = best_candidate(s, false), n_genes = s->problem.space->n_genes;
    clade_rng rng = clade_child_rng(s->problem.seed, child, 0, CLADE_DRAW_RESTART);
    if (best != SIZE_MAX)
        memcpy(s->origin, s->candidates[best].genome, n_genes * sizeof *s->origin);
    else if (s->problem.n_first > 0)
        memcpy(s->origin, s->problem.first, n_genes * sizeof *s->origin);
    else
        clade_space_sample(s->problem.space, &rng, s->origin);
    clade_cma_genes_set_origin(&s->genes, s->origin);
    /* Not the spread of the priors: from steps that are too small CSA gathers speed, and overshoots. */
    for (size_t i = 0; i < s->genes.n; i++)
        s->genes.width[i] = 1;
    const size_t n = s->genes.n > 0 ? s->genes.n : 1, wanted = (size_t)s->problem.parameters[POPULATION];
    const size_t lambda = wanted == 0 ? clade_cma_default_lambda(n) : wanted < 4 ? 4 : wanted;
    CLADE_TRY(clade_cma_init(&s->cma, n, lambda, n > MOST_FULL));
    s->cma.sigma = s->problem.parameters[SIGMA];
    s->steps = clade_calloc(lambda * n, sizeof *s->steps);
    s->drawn_mean = clade_calloc(s->problem.window * n, sizeof *s->drawn_mean);
    s->drawn_sigma = clade_calloc(s->problem.window, sizeof *s->drawn_sigma);
    s->sorted = clade_calloc(lambda * n, sizeof *s->sorted);
    s->objectives = clade_calloc(lambda * s->problem.n_objectives, sizeof *s->objectives);
    s->tilt = clade_calloc(s->problem.n_objectives * n, sizeof *s->tilt);
    s->average = clade_calloc(n, sizeof *s->average);
    s->value = clade_calloc(2 * lambda, sizeof *s->value);
    s->order = clade_calloc(lambda, sizeof *s->order);
    s->children = clade_calloc(lambda, sizeof *s->children);
    if (!s->steps || !s->tilt || !s->average || !s->drawn_mean || !s->drawn_sigma || !s->sorted || !s->objectives ||
        !s->value || !s->order || !s->children)
        return clade_fail_memory((2 * lambda + s->problem.window) * n * sizeof *s->steps, "a generation");
    clade_cma_genes_to_vector(&s->genes, s->origin, NULL, s->cma.m);
    memcpy(s->average, s->cma.m, n * sizeof *s->average);
    s->begun = true;
    return CLADE_OK;
}

static void propose_first(minibatch *s, uint64_t child, clade_proposal *proposal)
{
    clade_propose_start(&s->problem, child, proposal);
    proposal->batch = START_BATCH;
    proposal->items = START_ITEMS * (uint64_t)s->problem.parameters[ITEMS];
}

/* Choose what a new child is: one of the best of the start on all items, or one of the generations. */
static void choose(minibatch *s)
{
    s->again = s->n_again < AGAIN ? best_candidate(s, true) : SIZE_MAX;
    if (s->again != SIZE_MAX) {
        s->candidates[s->again].whole = true;
        s->n_again++;
    }
    s->asked++;
}

static void propose_again(const minibatch *s, clade_proposal *proposal)
{
    const candidate *c = &s->candidates[s->again];
    memcpy(proposal->genome, c->genome, s->problem.space->n_genes * sizeof *proposal->genome);
    proposal->parents[0] = c->child;
    proposal->n_parents = 1;
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "%s%s",
             c->child < s->problem.n_first ? "first: " : "again",
             c->child < s->problem.n_first ? s->problem.first_names[c->child] : "");
}

/* ---- generations ---- */

/* The mean, or in its turn the average or a tilt, into X. */
static void propose_mean(const minibatch *s, uint64_t turn, double *x, clade_proposal *proposal)
{
    const size_t n = s->cma.n, m = s->problem.n_objectives, k = (size_t)(turn / 2) % m;
    const bool average = turn % 4 == 2, tilt = turn % 2 == 1 && m > 1;
    memcpy(x, average ? s->average : s->cma.m, n * sizeof *x);
    for (size_t i = 0; tilt && i < n; i++)
        x[i] += TILT * s->tilt[k * n + i];
    if (tilt)
        snprintf(proposal->operator_name, sizeof proposal->operator_name, "tilt %zu", k + 1);
    else
        snprintf(proposal->operator_name, sizeof proposal->operator_name, average ? "average" : "mean");
}

/* Own child number INDEX after the start: WHOLE generations of lambda, then the mean. */
static void propose_sample(minibatch *s, uint64_t index, uint64_t child, clade_proposal *proposal)
{
    const uint64_t lambda = s->cma.lambda, whole = (uint64_t)s->problem.parameters[WHOLE];
    const uint64_t round = whole * lambda + 1, place = index % round;
    double *x = s->sorted; /* free between tells */
    const size_t slot = child % s->problem.window;
    memcpy(s->drawn_mean + slot * s->cma.n, s->cma.m, s->cma.n * sizeof *x);
    s->drawn_sigma[slot] = s->cma.sigma;
    if (place == round - 1) {
        propose_mean(s, index / round, x, proposal);
    } else {
        clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SAMPLE);
        clade_cma_sample(&s->cma, &rng, x);
        proposal->batch = FIRST_BATCH + index / round * whole + place / lambda;
        proposal->items = (uint64_t)s->problem.parameters[ITEMS];
        snprintf(proposal->operator_name, sizeof proposal->operator_name, "minibatch");
    }
    clade_cma_genes_to_genome(&s->genes, x, proposal->genome);
    memcpy(proposal->parents, s->leaders, sizeof s->leaders);
    proposal->n_parents = s->n_leaders;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    minibatch *s = state;
    if (s->inner)
        return clade_algorithm_cma_es.ask(s->inner, child, proposal);
    proposal->n_parents = 0;
    if (child < s->start) {
        propose_first(s, child, proposal);
        return CLADE_OK;
    }
    if (child != s->last) /* not another variant of the same child */
        choose(s);
    s->last = child;
    if (s->again != SIZE_MAX) {
        propose_again(s, proposal);
        return CLADE_OK;
    }
    if (!s->begun)
        CLADE_TRY(begin(s, child));
    propose_sample(s, s->asked - s->n_again - 1, child, proposal);
    return CLADE_OK;
}

/* SCALE times the step of the mean that the first mu of ORDER would take, added to OUT. */
static void add_mean_step(const minibatch *s, const size_t *order, double scale, double *out)
{
    const size_t n = s->cma.n;
    for (size_t place = 0; place < s->cma.k.mu; place++)
        for (size_t i = 0; i < n; i++)
            out[i] += scale * s->cma.w[place] * s->steps[order[place] * n + i];
}

/* Follow each objective alone for a while: how its mean step differs from that for the sum, whose order is ORDER's. */
static void follow_objectives(minibatch *s)
{
    const size_t lambda = s->cma.lambda, n = s->cma.n, m = s->problem.n_objectives;
    const double share = (1 - TILT_MEMORY) * s->cma.sigma;
    for (size_t i = 0; i < m * n; i++)
        s->tilt[i] *= TILT_MEMORY;
    for (size_t k = 0; k < m; k++)
        add_mean_step(s, s->order, -share, s->tilt + k * n);
    for (size_t k = 0; k < m; k++) {
        clade_standardise(s->objectives + k, lambda, m, s->value);
        clade_order_by(s->value, lambda, s->order);
        add_mean_step(s, s->order, share, s->tilt + k * n);
    }
}

/* The end of a generation; from one that failed as a whole nothing is learnt. */
static clade_status learn(minibatch *s)
{
    const size_t lambda = s->cma.lambda, n = s->cma.n, m = s->problem.n_objectives;
    double *sum = s->value, *one = s->value + lambda;
    s->collected = 0;
    memset(sum, 0, lambda * sizeof *sum);
    for (size_t k = 0; k < m; k++) {
        clade_standardise(s->objectives + k, lambda, m, one);
        for (size_t i = 0; i < lambda; i++)
            sum[i] += one[i];
    }
    clade_order_by(sum, lambda, s->order);
    if (!isfinite(sum[s->order[0]]))
        return CLADE_OK;
    for (size_t place = 0; place < lambda; place++)
        memcpy(s->sorted + place * n, s->steps + s->order[place] * n, n * sizeof *s->steps);
    for (s->n_leaders = 0; s->n_leaders < LEADERS; s->n_leaders++)
        s->leaders[s->n_leaders] = s->children[s->order[s->n_leaders]];
    follow_objectives(s);
    CLADE_TRY(clade_cma_update(&s->cma, s->sorted));
    s->cma.sigma = fmin(s->cma.sigma, LARGEST_SIGMA);
    for (size_t i = 0; i < n; i++)
        s->average[i] = AVERAGE_MEMORY * s->average[i] + (1 - AVERAGE_MEMORY) * s->cma.m[i];
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    minibatch *s = state;
    if (s->inner)
        return clade_algorithm_cma_es.tell(s->inner, told);
    if (told->objectives && (told->batch == START_BATCH || (told->complete && !s->begun)))
        CLADE_TRY(add_candidate(s, told));
    if (!told->own || told->batch < FIRST_BATCH)
        return CLADE_OK;
    const size_t m = s->problem.n_objectives, n = s->cma.n, slot = told->child % s->problem.window;
    const double *mean = s->drawn_mean + slot * n;
    s->children[s->collected] = told->child;
    double *step = s->steps + s->collected * n;
    clade_cma_genes_to_vector(&s->genes, told->genome, mean, step);
    for (size_t i = 0; i < n; i++)
        step[i] = (step[i] - mean[i]) / s->drawn_sigma[slot];
    for (size_t k = 0; k < m; k++)
        s->objectives[s->collected * m + k] = told->objectives ? told->objectives[k] : NAN;
    return ++s->collected == s->cma.lambda ? learn(s) : CLADE_OK;
}

const clade_algorithm clade_algorithm_minibatch = {
    .name = "minibatch",
    .title = "CMA-ES on minibatches of items",
    .source = "Hansen 2016, arXiv 1604.00772, on fresh items every generation",
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
