#include "search/algorithm/preselect.h"
#include "search/pareto.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/gain.h"
#include "search/algorithm/uncrowded.h"
#include "search/surrogate.h"

enum { REMEMBERED = 32, LEAST_REMEMBERED = 8, FREE = 5, REFIT = 4, WINDOW = 128 };
static const double REFERENCE = 1.1; /* in objectives scaled by the front */

/* A child that was asked for and not told. */
typedef struct prediction {
    uint64_t child;
    bool made;
    double objectives[CLADE_MAX_OBJECTIVES];
} prediction;

struct clade_preselect {
    clade_search_problem problem;
    clade_preselect_options options;
    const clade_algorithm *inner;
    void *state; /* of INNER */
    clade_surrogate *surrogate;
    bool fitted;
    uint64_t learned; /* children the surrogate was given */
    clade_gain front;
    /* the free space of the front, in scaled objectives; made when it is asked for */
    clade_uncrowded space;
    bool space_is_old;
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES];
    prediction *flights; /* (window): child c at c modulo window */
    double predicted[CLADE_MAX_OBJECTIVES][REMEMBERED], found[CLADE_MAX_OBJECTIVES][REMEMBERED];
    uint64_t checked; /* predictions with a result; number i at i modulo REMEMBERED */
    double correlation;
};

clade_preselect_options clade_preselect_default(void)
{
    return (clade_preselect_options){.candidates = 1, .correlation = 0.3, .children = 24};
}

static clade_status allocate(clade_preselect *p)
{
    p->flights = clade_calloc(p->problem.window, sizeof *p->flights);
    if (!p->flights)
        return clade_fail_memory(p->problem.window * sizeof *p->flights, "pre-selection");
    if (p->options.candidates > 1)
        CLADE_TRY(clade_surrogate_new(p->problem.space, p->problem.n_objectives, WINDOW, &p->surrogate));
    return p->inner->create(&p->problem, &p->state);
}

clade_status clade_preselect_create(const clade_algorithm *inner, const clade_search_problem *problem,
                                    const clade_preselect_options *options, clade_preselect **out)
{
    clade_preselect *p = clade_calloc(1, sizeof *p);
    if (!p)
        return clade_fail_memory(sizeof *p, "pre-selection");
    p->problem = *problem;
    p->options = *options;
    p->inner = inner;
    p->front.n_objectives = problem->n_objectives;
    p->space_is_old = true;
    const clade_status status = allocate(p);
    if (status != CLADE_OK) {
        clade_preselect_destroy(p);
        return status;
    }
    *out = p;
    return CLADE_OK;
}

void clade_preselect_destroy(clade_preselect *p)
{
    if (!p)
        return;
    if (p->state)
        p->inner->destroy(p->state);
    clade_surrogate_free(p->surrogate);
    clade_gain_fini(&p->front);
    clade_uncrowded_fini(&p->space);
    clade_free(p->flights);
    clade_free(p);
}

uint64_t clade_preselect_told_before_ask(const clade_preselect *p, uint64_t child, size_t window)
{
    return clade_told_before_ask(p->inner, p->state, child, window);
}

double clade_preselect_correlation(const clade_preselect *p)
{
    return p->correlation;
}

/* ---- choosing ---- */

/* The front scaled to [0, 1], and the space it leaves free. */
static clade_status free_space(clade_preselect *p)
{
    const size_t m = p->problem.n_objectives, n = p->front.count;
    double reference[CLADE_MAX_OBJECTIVES];
    if (!p->space_is_old)
        return CLADE_OK;
    clade_uncrowded_fini(&p->space);
    p->space = (clade_uncrowded){0};
    double *scaled = clade_malloc(n * m * sizeof *scaled);
    if (!scaled)
        return clade_fail_memory(n * m * sizeof *scaled, "a front");
    clade_objective_range(p->front.points, n, m, p->ideal, p->range);
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < m; k++)
            scaled[i * m + k] = (p->front.points[i * m + k] - p->ideal[k]) / p->range[k];
    const clade_status status = clade_uncrowded_init(&p->space, scaled, n, m, reference);
    clade_free(scaled);
    p->space_is_old = status != CLADE_OK;
    return status;
}

static clade_status promise(const clade_preselect *p, const double *predicted, double *improvement)
{
    double scaled[CLADE_MAX_OBJECTIVES];
    for (size_t k = 0; k < p->problem.n_objectives; k++)
        scaled[k] = (predicted[k] - p->ideal[k]) / p->range[k];
    return clade_uncrowded_improvement(&p->space, scaled, improvement);
}

/* PROPOSAL is the first candidate; it becomes the best, FLIGHT's prediction that of the best. */
static clade_status choose(clade_preselect *p, uint64_t child, prediction *flight, clade_proposal *proposal)
{
    const uint64_t first = proposal->variant;
    uint64_t best = first, last = first;
    double most, improvement, predicted[CLADE_MAX_OBJECTIVES];
    CLADE_TRY(free_space(p));
    CLADE_TRY(promise(p, flight->objectives, &most));
    while (++last < first + p->options.candidates) {
        clade_proposal other = {.variant = last, .genome = proposal->genome};
        CLADE_TRY(p->inner->ask(p->state, child, &other));
        if (other.batch > 0)
            continue;
        clade_surrogate_predict(p->surrogate, other.genome, predicted);
        CLADE_TRY(promise(p, predicted, &improvement));
        if (!(improvement > most))
            continue;
        most = improvement;
        best = last;
        memcpy(flight->objectives, predicted, sizeof predicted);
    }
    /* Once more, so that INNER's memory of the child is of the one chosen. */
    *proposal = (clade_proposal){.variant = best, .genome = proposal->genome};
    return p->inner->ask(p->state, child, proposal);
}

clade_status clade_preselect_ask(clade_preselect *p, uint64_t child, clade_proposal *proposal)
{
    const uint64_t variant = proposal->variant;
    prediction *flight = &p->flights[child % p->problem.window];
    *flight = (prediction){.child = child};
    proposal->variant = variant * p->options.candidates;
    clade_status status = p->inner->ask(p->state, child, proposal);
    if (status == CLADE_OK && p->fitted && proposal->batch == 0) {
        flight->made = true;
        clade_surrogate_predict(p->surrogate, proposal->genome, flight->objectives);
        if (p->correlation >= p->options.correlation && child % FREE != 0 && p->front.count > 0)
            status = choose(p, child, flight, proposal);
    }
    proposal->variant = variant;
    return status;
}

/* ---- learning ---- */

static void check_prediction(clade_preselect *p, const prediction *flight, const double *objectives)
{
    const size_t m = p->problem.n_objectives, at = p->checked++ % REMEMBERED,
                 n = p->checked < REMEMBERED ? p->checked : REMEMBERED;
    double sum = 0;
    for (size_t k = 0; k < m; k++) {
        p->predicted[k][at] = flight->objectives[k];
        p->found[k][at] = objectives[k];
        sum += clade_rank_correlation(p->predicted[k], p->found[k], n);
    }
    p->correlation = n < LEAST_REMEMBERED ? 0 : sum / (double)m;
}

static clade_status learn(clade_preselect *p, const clade_told *told)
{
    double gain;
    const prediction *flight = &p->flights[told->child % p->problem.window];
    if (told->own && flight->child == told->child && flight->made)
        check_prediction(p, flight, told->objectives);
    CLADE_TRY(clade_gain_add(&p->front, told->objectives, &gain));
    p->space_is_old = p->space_is_old || gain > 0;
    clade_surrogate_add(p->surrogate, told->genome, told->objectives);
    if (++p->learned >= p->options.children && p->learned % REFIT == 0)
        p->fitted = clade_surrogate_fit(p->surrogate);
    return CLADE_OK;
}

clade_status clade_preselect_tell(clade_preselect *p, const clade_told *told)
{
    if (p->surrogate && told->objectives && told->complete && told->batch == 0)
        CLADE_TRY(learn(p, told));
    return p->inner->tell(p->state, told);
}
