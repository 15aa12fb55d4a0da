/* MAP-Elites with rotating archives, after CycleQD (Kuroki, Nakamura, Akiba & Tang 2025, "Agent skill acquisition for
 * large language models via CycleQD", ICLR 2025, arXiv 2410.14735; MAP-Elites: Mouret & Clune 2015, arXiv 1504.04909).
 *
 * One archive for each quality. In the archive of quality q the other qualities are the behaviour: they are cut into
 * bins, and a cell keeps the child of the best q. The archives take turns in giving parents; every child is offered to
 * all of them. Parents are drawn with a probability proportional to the product of their quality and their behaviour
 * coordinates, each rescaled to [0.5, 1.3] over the archive. The child is a mix of the two (weights N(1, spread),
 * divided by their sum) with a normal step; every second child comes from the operators of breeding.h instead.
 *
 * Qualities are the accuracies of the tasks where those are known and there are two at least, else the objectives. With
 * more than three qualities there are two axes of behaviour, the mean of the others and the worst of them: one axis for
 * each would give cells that never meet a second child (6^7 for eight tasks). With a single quality the behaviour is
 * the first number among the genes. Bins divide the range between the ideal and the nadir of the elites that no other
 * dominates; what lies outside is in the last bin at its side. As that range moves, elites are put into cells again, and
 * those that hold none are dropped.
 *
 * Differs from CycleQD: steady state instead of generations, qualities for all these cases, ranges that follow the
 * search, and the operators of breeding.h in the place of mutation in the span of task vectors, which needs weights. Of
 * equals the youngest holds the cell. Children that a race ended are not offered. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/mix.h"
#include "search/pareto.h"

enum { START, BINS, SPREAD, MUTATION, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [START] = {"start", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 2, CLADE_MOST_POPULATION, 20, 20, 20,
               "children before the archives give parents", NULL},
    [BINS] = {"bins", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 2, 64, 6, 6, 6,
              "bins of each axis of behaviour", NULL},
    [SPREAD] = {"spread", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                "standard deviation of the weights that two parents are mixed with", NULL},
    [MUTATION] = {"mutation", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0.05, 0.05, 0.05,
                  "standard deviation of the step after a mix, as a share of a gene's range", NULL},
};

enum { MAX_AXES = 2, BRED_SHARE = 2 };
static const double LEAST_CHANCE = 0.5, MOST_CHANCE = 1.3;

typedef struct map_elites {
    clade_search_problem problem;
    uint64_t n_offered;      /* children */
    uint64_t own_told;       /* children told, good or bad, that were asked here: whose turn it is */
    size_t n_q;              /* qualities; 0 until a child was told */
    bool tasks;              /* they are accuracies of tasks */
    size_t n_axes, cells;    /* of an archive */
    clade_population elites; /* of all archives, oldest first */
    double *cost;            /* (capacity, n_q): qualities, smaller is better */
    double *scaled;          /* (capacity, n_q): the same, 0 at the ideal, 1 at the nadir, cut to that */
    bool *holds;             /* (capacity, n_q): has a cell in that archive */
    bool *front;             /* (capacity) scratch: no other dominates it */
    size_t *holder;          /* (cells) scratch: 0 or 1 + its elite */
    double *chance;          /* (capacity) scratch: to be drawn as a parent */
    double *share;           /* (n_genes) scratch */
} map_elites;

static void destroy(void *state)
{
    map_elites *s = state;
    if (!s)
        return;
    clade_population_fini(&s->elites);
    clade_free(s->cost);
    clade_free(s->scaled);
    clade_free(s->holds);
    clade_free(s->front);
    clade_free(s->holder);
    clade_free(s->chance);
    clade_free(s->share);
    clade_free(s);
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    map_elites *s = clade_calloc(1, sizeof *s);
    if (!s)
        return clade_fail_memory(sizeof *s, "MAP-Elites");
    s->problem = *problem;
    *state = s;
    return CLADE_OK;
}

static uint64_t needs(const void *state, uint64_t child)
{
    (void)state;
    (void)child;
    return 0;
}

/* ---- the archives ---- */

/* The first child settles what the qualities are. */
static clade_status settle_qualities(map_elites *s, const clade_told *told)
{
    const size_t bins = (size_t)s->problem.parameters[BINS];
    s->tasks = told->tasks && told->n_tasks >= 2;
    const size_t n_q = s->tasks ? told->n_tasks : s->problem.n_objectives;
    s->n_axes = n_q > MAX_AXES ? MAX_AXES : n_q > 1 ? n_q - 1 : 1;
    s->cells = s->n_axes == MAX_AXES ? bins * bins : bins;
    const size_t capacity = n_q * s->cells + 1;
    CLADE_TRY(clade_population_init(&s->elites, &s->problem, capacity));
    s->cost = clade_calloc(capacity, n_q * sizeof *s->cost);
    s->scaled = clade_calloc(capacity, n_q * sizeof *s->scaled);
    s->holds = clade_calloc(capacity, n_q * sizeof *s->holds);
    s->front = clade_calloc(capacity, sizeof *s->front);
    s->holder = clade_calloc(s->cells, sizeof *s->holder);
    s->chance = clade_calloc(capacity, sizeof *s->chance);
    s->share = clade_calloc(s->problem.space->n_genes, sizeof *s->share);
    if (!s->cost || !s->scaled || !s->holds || !s->front || !s->holder || !s->chance || !s->share)
        return clade_fail_memory(capacity * 2 * n_q * sizeof *s->cost, "the archives of MAP-Elites");
    s->n_q = n_q;
    return CLADE_OK;
}

static double clamp(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* Scale the costs by the ideal and the nadir of the elites that no other dominates. */
static void scale_costs(map_elites *s)
{
    const size_t n = s->elites.count, n_q = s->n_q;
    for (size_t i = 0; i < n; i++) {
        s->front[i] = true;
        for (size_t j = 0; j < n && s->front[i]; j++)
            s->front[i] = !clade_dominates(s->cost + j * n_q, s->cost + i * n_q, n_q);
    }
    for (size_t q = 0; q < n_q; q++) {
        double ideal = INFINITY, nadir = -INFINITY;
        for (size_t i = 0; i < n; i++) {
            ideal = s->front[i] ? fmin(ideal, s->cost[i * n_q + q]) : ideal;
            nadir = s->front[i] ? fmax(nadir, s->cost[i * n_q + q]) : nadir;
        }
        for (size_t i = 0; i < n; i++)
            s->scaled[i * n_q + q] = nadir > ideal ? clamp((s->cost[i * n_q + q] - ideal) / (nadir - ideal)) : 0;
    }
}

/* Coordinate AXIS of elite I's behaviour in archive Q, in [0, 1], 0 the best where it has a best. */
static double behaviour(const map_elites *s, size_t q, size_t i, size_t axis)
{
    const double *scaled = s->scaled + i * s->n_q;
    if (s->n_q == 1) {
        const clade_space *space = s->problem.space;
        const double *genome = clade_population_genome(&s->elites, i);
        for (size_t g = 0; g < space->n_genes; g++)
            if (space->genes[g].kind == CLADE_GENE_REAL || space->genes[g].kind == CLADE_GENE_INTEGER)
                return clade_gene_active(space, genome, g) ? clade_gene_to_unit(&space->genes[g], genome[g]) : 0;
        return 0;
    }
    if (s->n_q <= MAX_AXES + 1)
        return scaled[axis < q ? axis : axis + 1];
    double sum = 0, worst = 0;
    for (size_t k = 0; k < s->n_q; k++)
        if (k != q) {
            sum += scaled[k];
            worst = fmax(worst, scaled[k]);
        }
    return axis == 0 ? sum / (double)(s->n_q - 1) : worst;
}

/* Every cell of archive Q to the best of those that fall into it. */
static void fill_archive(map_elites *s, size_t q)
{
    const size_t bins = (size_t)s->problem.parameters[BINS], n_q = s->n_q;
    memset(s->holder, 0, s->cells * sizeof *s->holder);
    for (size_t i = 0; i < s->elites.count; i++) {
        size_t cell = 0;
        for (size_t axis = 0; axis < s->n_axes; axis++) {
            const size_t bin = (size_t)(behaviour(s, q, i, axis) * (double)bins);
            cell = cell * bins + (bin < bins ? bin : bins - 1);
        }
        const size_t holder = s->holder[cell];
        if (holder == 0 || s->cost[i * n_q + q] <= s->cost[(holder - 1) * n_q + q])
            s->holder[cell] = i + 1;
    }
    for (size_t i = 0; i < s->elites.count; i++)
        s->holds[i * n_q + q] = false;
    for (size_t cell = 0; cell < s->cells; cell++)
        if (s->holder[cell] > 0)
            s->holds[(s->holder[cell] - 1) * n_q + q] = true;
}

static void drop_idle(map_elites *s)
{
    const size_t n_q = s->n_q;
    for (size_t i = s->elites.count; i-- > 0;) {
        bool idle = true;
        for (size_t q = 0; q < n_q; q++)
            idle &= !s->holds[i * n_q + q];
        if (!idle)
            continue;
        clade_population_remove(&s->elites, i);
        const size_t after = (s->elites.count - i) * n_q;
        memmove(s->cost + i * n_q, s->cost + (i + 1) * n_q, after * sizeof *s->cost);
        memmove(s->scaled + i * n_q, s->scaled + (i + 1) * n_q, after * sizeof *s->scaled);
        memmove(s->holds + i * n_q, s->holds + (i + 1) * n_q, after * sizeof *s->holds);
    }
}

static clade_status tell(void *state, const clade_told *told)
{
    map_elites *s = state;
    s->own_told += told->own;
    if (!told->objectives || !told->complete)
        return CLADE_OK;
    if (s->n_q == 0)
        CLADE_TRY(settle_qualities(s, told));
    if (s->tasks && (!told->tasks || told->n_tasks != s->n_q))
        return CLADE_OK;
    for (size_t q = 0; q < s->n_q; q++)
        s->cost[s->elites.count * s->n_q + q] = s->tasks ? -told->tasks[q] : told->objectives[q];
    clade_population_add(&s->elites, told);
    s->n_offered++;
    scale_costs(s);
    for (size_t q = 0; q < s->n_q; q++)
        fill_archive(s, q);
    drop_idle(s);
    return CLADE_OK;
}

/* ---- the child ---- */

/* Multiply the chances of archive Q's elites by their behaviour along AXIS (by their quality, for AXIS = n_axes), rescaled
 * over the archive. */
static void rescale(map_elites *s, size_t q, size_t axis)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->elites.count; i++) {
            if (!s->holds[i * s->n_q + q])
                continue;
            const double value = axis < s->n_axes ? behaviour(s, q, i, axis) : s->cost[i * s->n_q + q];
            if (pass == 1 && most > least)
                s->chance[i] *= MOST_CHANCE - (MOST_CHANCE - LEAST_CHANCE) * (value - least) / (most - least);
            least = fmin(least, value);
            most = fmax(most, value);
        }
}

/* The chances in archive Q; 0 for elites that are not in it. */
static void set_chances(map_elites *s, size_t q)
{
    for (size_t i = 0; i < s->elites.count; i++)
        s->chance[i] = s->holds[i * s->n_q + q];
    rescale(s, q, s->n_axes);
    for (size_t axis = 0; axis < s->n_axes && s->n_q > 1; axis++)
        rescale(s, q, axis);
}

/* An elite by its chance, not EXCEPT; of those without a chance when nobody else has one. At least two elites. */
static size_t draw_elite(const map_elites *s, size_t except, clade_rng *rng)
{
    const size_t n = s->elites.count;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += i == except ? 0 : s->chance[i];
    if (!(sum > 0))
        return (except + 1 + (size_t)clade_rng_below(rng, n - 1)) % n;
    double left = clade_rng_uniform(rng) * sum;
    size_t last = 0;
    for (size_t i = 0; i < n && left >= 0; i++) {
        if (i == except || !(s->chance[i] > 0))
            continue;
        last = i;
        left -= s->chance[i];
    }
    return last;
}

static void propose_mix(map_elites *s, size_t a, size_t b, uint64_t child, clade_proposal *proposal)
{
    const clade_space *space = s->problem.space;
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    const double spread = s->problem.parameters[SPREAD];
    const double of_a = 1 + spread * clade_rng_normal(&rng), of_b = 1 + spread * clade_rng_normal(&rng);
    /* Weights that all but cancel would throw the child anywhere: within one distance of its parents. */
    const double share = fabs(of_a + of_b) > 0 ? fmin(fmax(of_a / (of_a + of_b), -1), 2) : 0.5;
    for (size_t g = 0; g < space->n_genes; g++)
        s->share[g] = share;
    clade_mix_parents(space, clade_population_genome(&s->elites, a), clade_population_genome(&s->elites, b), s->share,
                      proposal->genome);
    clade_normal_step(space, s->problem.parameters[MUTATION], 1, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "mix of elites");
    proposal->parents[0] = s->elites.child[a];
    proposal->parents[1] = s->elites.child[b];
    proposal->n_parents = 2;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    map_elites *s = state;
    const uint64_t start = clade_start_count(&s->problem, (size_t)s->problem.parameters[START]);
    if (child < s->problem.n_first || s->n_offered < start || s->elites.count < 2) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    set_chances(s, s->own_told % s->n_q);
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SELECTION);
    const size_t a = draw_elite(s, s->elites.count, &rng), b = draw_elite(s, a, &rng);
    if (clade_rng_below(&rng, BRED_SHARE) == 0)
        clade_propose_mixed(&s->problem, &s->elites, a, b, child, proposal);
    else
        propose_mix(s, a, b, child, proposal);
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_map_elites = {
    .name = "map_elites",
    .title = "MAP-Elites with rotating archives",
    .source = "Kuroki, Nakamura, Akiba & Tang 2025",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .learns = true,
    .steady = true,
    .create = create,
    .destroy = destroy,
    .needs = needs,
    .ask = ask,
    .tell = tell,
};
