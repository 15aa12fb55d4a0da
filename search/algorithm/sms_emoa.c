/* SMS-EMOA (Beume, Naujoks & Emmerich 2007, "SMS-EMOA: Multiobjective selection based on dominated hypervolume", EJOR
 * 181(3)): steady state, mu + 1; the individual of the worst front that contributes the least hypervolume leaves.
 *
 * No barrier anywhere, so it suits evaluations of uneven length: a child is bred from whatever is committed by the
 * contract of the order. Objectives are scaled to [0, 1] by ideal and nadir of the current population before volumes
 * are compared; with the reference at 1 + 10 in these units the ends of the front stay. Parents: binary tournaments by
 * dominance, as in pymoo (the paper draws them uniformly); a child of theirs comes by one of several operators, each as
 * often as it pays (operators.h). Of equal contributions the older goes, so that a plateau can be crossed. */
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/gain.h"
#include "search/algorithm/operators.h"
#include "search/pareto.h"

enum { POPULATION, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 4, 4096, 32, 32, 32,
                    "individuals that survive", NULL},
};

static const double REFERENCE = 11; /* in every scaled objective */

typedef struct sms_emoa {
    clade_search_problem problem;
    size_t mu;
    uint64_t start;       /* children bred from no result */
    clade_population P;   /* at most mu between tells */
    size_t *rank;         /* (mu + 1) scratch */
    size_t *front;        /* (mu + 1) scratch: indices of the worst front */
    double *scaled;       /* (mu + 1, n_objectives) scratch */
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
    clade_free(s->rank);
    clade_free(s->front);
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
    s->rank = clade_calloc(all, sizeof *s->rank);
    s->front = clade_calloc(all, sizeof *s->front);
    s->scaled = clade_calloc(all, s->problem.n_objectives * sizeof *s->scaled);
    s->contribution = clade_calloc(all, sizeof *s->contribution);
    if (!s->rank || !s->front || !s->scaled || !s->contribution)
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

/* The worst front, scaled to [0, 1] by ideal and nadir of the whole population; returns its size. */
static size_t worst_front(sms_emoa *s)
{
    const size_t m = s->problem.n_objectives;
    size_t worst = 0, count = 0;
    for (size_t i = 0; i < s->P.count; i++)
        worst = s->rank[i] > worst ? s->rank[i] : worst;
    for (size_t i = 0; i < s->P.count; i++)
        if (s->rank[i] == worst)
            s->front[count++] = i;
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES];
    clade_objective_range(s->P.objectives, s->P.count, m, ideal, range);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < m; k++)
            s->scaled[i * m + k] = (s->P.objectives[s->front[i] * m + k] - ideal[k]) / range[k];
    return count;
}

/* Algorithm 2 of the paper, Reduce. The population is in the order of birth, so the first of equals is the oldest. */
static clade_status reduce(sms_emoa *s)
{
    const size_t m = s->problem.n_objectives;
    double reference[CLADE_MAX_OBJECTIVES];
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
    CLADE_TRY(clade_pareto_ranks(s->P.objectives, s->P.count, m, s->rank));
    const size_t count = worst_front(s);
    CLADE_TRY(clade_exclusive_hypervolume(s->scaled, count, m, reference, s->contribution));
    size_t least = 0;
    for (size_t i = 1; i < count; i++)
        if (s->contribution[i] < s->contribution[least])
            least = i;
    clade_population_remove(&s->P, s->front[least]);
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    sms_emoa *s = state;
    if (!clade_population_takes(told))
        return CLADE_OK;
    double gain = 0;
    if (told->complete)
        CLADE_TRY(clade_gain_add(&s->gain, told->objectives, &gain));
    clade_operators_reward(s->operators, told->child, gain);
    clade_population_add(&s->P, told);
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
