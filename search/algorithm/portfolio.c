/* A portfolio of steady algorithms: each child is bred by one of them, and those that have been bringing hypervolume
 * get a larger share of the images (probability matching with a floor, as for the operators of a population: Thierens
 * 2005; on portfolios of evolutionary algorithms see Vrugt & Robinson 2007, AMALGAM).
 *
 * All members are told all children that were scored whole, so each builds on what the others found; what a member is
 * asked for is its own. The first member has the start: the first individuals, and as many more as make 16. The credit of
 * a child is its share of the hypervolume (gain.h); a member's quality is its credit for what its children cost, both
 * forgotten as images go by. Whose children are cheap (batches) breeds more of them for its share.
 *
 * Cost of a child: its members', and that of its credit, which grows with the front of all that was told (gain.h): 43 us
 * after 100,000 children of ZDT1 in two objectives, .9 ms after 12,000 of DTLZ2 in three. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/gain.h"

enum { FIRST, SECOND, THIRD, N_PARAMETERS, MEMBERS = 3, LEAST_START = 16 };

static const char *const choices[] = {"none", "minibatch", "sms_emoa",   "cma_es", "catcma", "moead", "lshade",
                                      "m2n2", "tpe",       "map_elites", "sobol",  "random", NULL};
enum { NONE, MINIBATCH, SMS_EMOA, LAST_CHOICE = 11 };

static const clade_parameter parameters[] = {
    [FIRST] = {"first", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, LAST_CHOICE, MINIBATCH, MINIBATCH,
               MINIBATCH, "a steady algorithm, which also begins the run", choices},
    [SECOND] = {"second", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, LAST_CHOICE, SMS_EMOA, SMS_EMOA,
                SMS_EMOA, "another, or none", choices},
    [THIRD] = {"third", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, LAST_CHOICE, NONE, NONE, NONE,
               "another, or none", choices},
};

static const double FLOOR = 0.15;      /* least probability of a member */
static const double MEMORY = 0.95;     /* what is left of a sum after the cost of a child that is scored whole */
static const double START_GAIN = 0.02; /* before anything is known */

typedef struct member {
    const clade_algorithm *algorithm;
    double values[CLADE_MAX_PARAMETERS];
    clade_search_problem problem;
    void *state;
    double gain, cost, children; /* sums over its children, that fade with what they cost */
} member;

typedef struct portfolio {
    clade_search_problem problem;
    member members[MEMBERS];
    size_t n_members;
    uint64_t start; /* children of the first member, before they take turns */
    clade_gain gain;
    size_t *bred_by; /* (window): the member that child c of those in flight is from */
} portfolio;

static void destroy(void *state)
{
    portfolio *p = state;
    if (!p)
        return;
    for (size_t i = 0; i < p->n_members; i++)
        p->members[i].algorithm->destroy(p->members[i].state);
    clade_gain_fini(&p->gain);
    clade_free(p->bred_by);
    clade_free(p);
}

static clade_status add_member(portfolio *p, const char *name)
{
    member *m = &p->members[p->n_members];
    m->algorithm = clade_algorithm_find(name);
    if (!m->algorithm || !m->algorithm->steady)
        return clade_fail(CLADE_ECONFIG, "algorithm: portfolio: found %s, expected a steady algorithm", name);
    for (size_t i = 0; i < p->n_members; i++)
        if (p->members[i].algorithm == m->algorithm)
            return clade_fail(CLADE_ECONFIG, "algorithm: portfolio: found %s twice, expected different algorithms",
                              name);
    clade_algorithm_defaults(m->algorithm, m->values);
    m->problem = p->problem;
    m->problem.parameters = m->values;
    m->gain = START_GAIN;
    m->cost = 1;
    m->children = 1;
    CLADE_TRY(m->algorithm->create(&m->problem, &m->state));
    p->n_members++;
    return CLADE_OK;
}

static clade_status open_members(portfolio *p)
{
    for (size_t i = FIRST; i <= THIRD; i++) {
        const size_t choice = (size_t)p->problem.parameters[i];
        if (choice != NONE)
            CLADE_TRY(add_member(p, choices[choice]));
    }
    if (p->n_members == 0)
        return clade_fail(CLADE_ECONFIG, "algorithm: portfolio: found no member, expected at least one");
    return CLADE_OK;
}

static clade_status allocate(void *state)
{
    portfolio *p = state;
    p->start = clade_start_count(&p->problem, LEAST_START);
    p->gain.n_objectives = p->problem.n_objectives;
    p->bred_by = clade_calloc(p->problem.window, sizeof *p->bred_by);
    if (!p->bred_by)
        return clade_fail_memory(p->problem.window * sizeof *p->bred_by, "a portfolio");
    return open_members(p);
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(portfolio), allocate, destroy, state);
}

static double quality(const member *m)
{
    return m->gain / m->cost;
}

static double share(const portfolio *p, size_t index)
{
    double sum = 0;
    for (size_t i = 0; i < p->n_members; i++)
        sum += quality(&p->members[i]);
    const double count = (double)p->n_members;
    return sum > 0 ? FLOOR + (1 - count * FLOOR) * quality(&p->members[index]) / sum : 1 / count;
}

/* The probability of breeding the next child is the share of the images over what a child of the member costs. */
static size_t draw_member(const portfolio *p, uint64_t child)
{
    double rate[MEMBERS], sum = 0;
    size_t index = 0;
    if (child < p->start)
        return 0;
    for (size_t i = 0; i < p->n_members; i++)
        sum += rate[i] = share(p, i) * p->members[i].children / p->members[i].cost;
    clade_rng rng = clade_child_rng(p->problem.seed, child, 0, CLADE_DRAW_MEMBER);
    double left = clade_rng_uniform(&rng) * sum;
    while (index + 1 < p->n_members && left >= rate[index])
        left -= rate[index++];
    return index;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    portfolio *p = state;
    const size_t index = draw_member(p, child);
    const clade_algorithm *algorithm = p->members[index].algorithm;
    p->bred_by[child % p->problem.window] = index;
    CLADE_TRY(algorithm->ask(p->members[index].state, child, proposal));
    if (child < p->problem.n_first)
        return CLADE_OK;
    char name[CLADE_OPERATOR_NAME];
    memcpy(name, proposal->operator_name, sizeof name);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "%s: %.*s", algorithm->name,
             CLADE_OPERATOR_NAME - 1 - (int)strlen(algorithm->name) - 2, name);
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    portfolio *p = state;
    const size_t index = told->own ? p->bred_by[told->child % p->problem.window] : MEMBERS;
    double gained = 0;
    if (told->objectives && told->complete)
        CLADE_TRY(clade_gain_add(&p->gain, told->objectives, &gained));
    if (index < MEMBERS) {
        member *m = &p->members[index];
        const double left = pow(MEMORY, told->cost);
        m->gain = left * m->gain + gained;
        m->cost = left * m->cost + told->cost;
        m->children = left * m->children + 1;
    }
    for (size_t i = 0; i < p->n_members; i++) {
        if (i != index && !told->complete)
            continue;
        clade_told to_member = *told;
        to_member.own = i == index;
        CLADE_TRY(p->members[i].algorithm->tell(p->members[i].state, &to_member));
    }
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_portfolio = {
    .name = "portfolio",
    .title = "Portfolio",
    .source = "after Vrugt & Robinson 2007; Thierens 2005",
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
