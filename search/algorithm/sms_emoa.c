/* SMS-EMOA (Beume, Naujoks & Emmerich 2007, "SMS-EMOA: Multiobjective selection based on dominated hypervolume", EJOR
 * 181(3)): steady state, mu + 1; the individual of the worst front that contributes the least hypervolume leaves.
 *
 * No barrier anywhere, so it suits evaluations of uneven length: a child is bred from whatever is committed by the
 * contract of the order. Objectives are scaled to [0, 1] by ideal and nadir of the current population before volumes
 * are compared; with the reference at 1 + 10 in these units the ends of the front stay. Parents: binary tournaments by
 * dominance, as in pymoo (the paper draws them uniformly); a child of theirs comes by one of several operators, each
 * as often as it pays (operators.h). Of equal contributions the older goes, so that a plateau can be crossed.
 *
 * Cost of a child: the fronts are kept (fronts.h), so that in two objectives it is O(mu) with a small factor: 12 us at
 * mu = 10,000 (ZDT1, 30 genes). In three it is the contributions of the worst front, O(mu^3) at worst: when all are in
 * one front (DTLZ2) .7 ms at mu = 100 and 13 ms at 1,000; in more they are exponential in the objectives. Beyond two
 * objectives large populations are for nsga2 and nsga3. */
#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/fronts.h"
#include "search/algorithm/gain.h"
#include "search/algorithm/operators.h"
#include "search/pareto.h"

enum { POPULATION, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 4, CLADE_MOST_POPULATION, 32, 32,
                    32, "individuals that survive", NULL},
};

static const double REFERENCE = 11; /* in every scaled objective */

typedef struct sms_emoa {
    clade_search_problem problem;
    size_t mu;
    uint64_t start;      /* children bred from no result */
    clade_population P;  /* at most mu between tells */
    clade_fronts fronts; /* of P; an individual is its row there */
    uint64_t *born;      /* (mu + 1): the child in a row */
    bool bounded;        /* least and most are those of P */
    double least[CLADE_MAX_OBJECTIVES], most[CLADE_MAX_OBJECTIVES];
    double *scaled;       /* (mu + 1, n_objectives) scratch: the worst front */
    double *contribution; /* (mu + 1) scratch */
    clade_operators *operators;
    clade_gain gain; /* what pays them */
} sms_emoa;

static void destroy(void *state)
{
    sms_emoa *s = state;
    if (!s)
        return;
    clade_population_fini(&s->P);
    clade_fronts_fini(&s->fronts);
    clade_free(s->born);
    clade_free(s->scaled);
    clade_free(s->contribution);
    clade_operators_free(s->operators);
    clade_gain_fini(&s->gain);
    clade_free(s);
}

static clade_status allocate(void *state)
{
    sms_emoa *s = state;
    s->mu = (size_t)s->problem.parameters[POPULATION];
    s->start = clade_start_count(&s->problem, s->mu);
    const size_t all = s->mu + 1;
    CLADE_TRY(clade_population_init(&s->P, &s->problem, all));
    CLADE_TRY(clade_fronts_init(&s->fronts, all, s->problem.n_objectives));
    s->born = clade_calloc(all, sizeof *s->born);
    s->scaled = clade_calloc(all, s->problem.n_objectives * sizeof *s->scaled);
    s->contribution = clade_calloc(all, sizeof *s->contribution);
    if (!s->born || !s->scaled || !s->contribution)
        return clade_fail_memory(all * s->problem.n_objectives * sizeof *s->scaled, "SMS-EMOA");
    s->gain.n_objectives = s->problem.n_objectives;
    return clade_operators_new(&s->problem, &s->operators);
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(sms_emoa), allocate, destroy, state);
}

static size_t tournament(const sms_emoa *s, clade_rng *rng)
{
    const size_t i = (size_t)clade_rng_below(rng, s->P.count), j = (size_t)clade_rng_below(rng, s->P.count);
    const bool j_better = clade_dominates(clade_population_objectives(&s->P, j), clade_population_objectives(&s->P, i),
                                          s->problem.n_objectives);
    return j_better ? j : i;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    const sms_emoa *s = state;
    /* Fewer than two individuals: everything told so far failed. */
    if (child < s->start || s->P.count < 2) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SELECTION);
    const size_t mother = tournament(s, &rng);
    size_t father = tournament(s, &rng);
    if (father == mother)
        father = (mother + 1 + (size_t)clade_rng_below(&rng, s->P.count - 1)) % s->P.count;
    clade_operators_propose(s->operators, &s->P, mother, father, child, proposal);
    return CLADE_OK;
}

/* The worst front, scaled to [0, 1] by ideal and nadir of the whole population. */
static void scale_worst(sms_emoa *s, const clade_one_front *worst)
{
    const size_t m = s->problem.n_objectives;
    double range[CLADE_MAX_OBJECTIVES];
    if (!s->bounded)
        clade_objective_bounds(s->P.objectives, s->P.count, m, s->least, s->most);
    s->bounded = true;
    for (size_t k = 0; k < m; k++)
        range[k] = s->most[k] > s->least[k] ? s->most[k] - s->least[k] : 1;
    for (size_t i = 0; i < worst->count; i++)
        for (size_t k = 0; k < m; k++)
            s->scaled[i * m + k] = (s->fronts.points[worst->members[i] * m + k] - s->least[k]) / range[k];
}

/* The place in the worst front of the one that contributes the least, of equals the oldest. */
static size_t least_contributor(const sms_emoa *s, const clade_one_front *worst)
{
    size_t least = 0;
    for (size_t i = 1; i < worst->count; i++) {
        const bool older = s->born[worst->members[i]] < s->born[worst->members[least]];
        if (s->contribution[i] < s->contribution[least] || (older && !(s->contribution[i] > s->contribution[least])))
            least = i;
    }
    return least;
}

/* Algorithm 2 of the paper, Reduce. */
static clade_status reduce(sms_emoa *s)
{
    const size_t m = s->problem.n_objectives;
    const clade_one_front *worst = clade_fronts_last(&s->fronts);
    double reference[CLADE_MAX_OBJECTIVES];
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
    scale_worst(s, worst);
    CLADE_TRY(clade_exclusive_hypervolume(s->scaled, worst->count, m, reference, s->contribution));
    const size_t place = least_contributor(s, worst), row = worst->members[place];
    for (size_t k = 0; k < m; k++) {
        const double x = s->fronts.points[row * m + k];
        s->bounded = s->bounded && x > s->least[k] && x < s->most[k];
    }
    size_t index = 0;
    while (s->P.row[index] != row)
        index++;
    clade_population_remove(&s->P, index);
    clade_fronts_drop(&s->fronts, place);
    return CLADE_OK;
}

/* TOLD joins the population, its fronts and its bounds. */
static clade_status join(sms_emoa *s, const clade_told *told)
{
    clade_population_add(&s->P, told);
    for (size_t k = 0; k < s->problem.n_objectives; k++) {
        s->least[k] = told->objectives[k] < s->least[k] ? told->objectives[k] : s->least[k];
        s->most[k] = told->objectives[k] > s->most[k] ? told->objectives[k] : s->most[k];
    }
    const size_t row = s->P.row[s->P.count - 1];
    s->born[row] = told->child;
    return clade_fronts_insert(&s->fronts, row, told->objectives);
}

static clade_status tell(void *state, const clade_told *told)
{
    sms_emoa *s = state;
    if (!clade_population_takes(told))
        return CLADE_OK;
    double gain = 0;
    CLADE_TRY(clade_gain_add(&s->gain, told->objectives, &gain));
    clade_operators_reward(s->operators, told->child, gain);
    CLADE_TRY(join(s, told));
    return s->P.count > s->mu ? reduce(s) : CLADE_OK;
}

const clade_algorithm clade_algorithm_sms_emoa = {
    .name = "sms_emoa",
    .title = "SMS-EMOA",
    .source = "Beume, Naujoks & Emmerich 2007",
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
