#include "search/algorithm/operators.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/variation.h"

/* A proposal under way. */
typedef struct brood {
    const clade_search_problem *problem;
    const clade_population *population;
    size_t mother, father;
    uint64_t child;
    clade_rng rng; /* of the child's variation */
} brood;

typedef struct operator_row {
    const char *name;
    double start;   /* quality before anything is known */
    bool of_merges; /* of use only where genes have slots */
    bool by_method; /* of use only where there are methods to choose from */
    /* False when it has nothing to do; PROPOSAL's parents are set by it. */
    bool (*propose)(brood *b, clade_proposal *proposal);
} operator_row;

static const double *genome(const brood *b, size_t index)
{
    return clade_population_genome(b->population, index);
}

static void name_parents(const brood *b, size_t count, clade_proposal *proposal)
{
    proposal->parents[0] = b->population->child[b->mother];
    proposal->parents[1] = b->population->child[b->father];
    proposal->n_parents = count;
}

static bool sbx(brood *b, clade_proposal *proposal)
{
    clade_propose_bred(b->problem, b->population, b->mother, b->father, b->child, proposal);
    return true;
}

static bool differential(brood *b, clade_proposal *proposal)
{
    return clade_propose_differential(b->problem, b->population, b->mother, b->child, proposal);
}

static bool correlated(brood *b, clade_proposal *proposal)
{
    name_parents(b, 1, proposal);
    return clade_correlated_step(b->problem->space, genome(b, b->mother), &b->rng, proposal->genome);
}

static bool smooth(brood *b, clade_proposal *proposal)
{
    name_parents(b, 1, proposal);
    return clade_smooth_step(b->problem->space, genome(b, b->mother), &b->rng, proposal->genome);
}

static bool blend(brood *b, clade_proposal *proposal)
{
    name_parents(b, 2, proposal);
    return clade_blend(b->problem->space, genome(b, b->mother), genome(b, b->father), &b->rng, proposal->genome);
}

static bool split(brood *b, clade_proposal *proposal)
{
    name_parents(b, 2, proposal);
    return clade_split_crossover(b->problem->space, genome(b, b->mother), genome(b, b->father), &b->rng,
                                 proposal->genome);
}

/* Another method than the mother's, uniformly; what it needs comes from one of the population that has it. */
static bool switch_method(brood *b, clade_proposal *proposal)
{
    const uint64_t others = (uint64_t)b->problem->space->genes[0].high;
    if (others == 0)
        return false;
    const uint64_t mine = (uint64_t)genome(b, b->mother)[0], drawn = clade_rng_below(&b->rng, others);
    const uint64_t category = drawn < mine ? drawn : drawn + 1;
    size_t donor = SIZE_MAX, seen = 0;
    for (size_t i = 0; i < b->population->count; i++)
        if ((uint64_t)genome(b, i)[0] == category && clade_rng_below(&b->rng, ++seen) == 0)
            donor = i;
    name_parents(b, 1, proposal);
    if (donor != SIZE_MAX) {
        proposal->parents[1] = b->population->child[donor];
        proposal->n_parents = 2;
    }
    return clade_switch_method(b->problem->space, genome(b, b->mother), donor == SIZE_MAX ? NULL : genome(b, donor),
                               category, proposal->genome);
}

/* The qualities at the start are the shares that did well on closed forms and on merges when they were fixed. */
static const operator_row rows[] = {
    {"sbx+pm", 0.75, false, false, sbx},           {"differential", 0.2, false, false, differential},
    {"blend", 0.05, false, false, blend},          {"split", 0.1, true, false, split},
    {"correlated", 0.25, true, false, correlated}, {"smooth", 0.25, true, false, smooth},
    {"switch", 0.1, false, true, switch_method},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const double FLOOR = 0.02; /* least probability of a row that is of use */
static const double LARGEST_REWARD = 8, LEAST_QUALITY = 0.2;
static const double FORGETTING = 0.03; /* weight of a new reward in the quality */

/* Who proposed a child that was not told yet. */
typedef struct memory {
    uint64_t child;
    size_t row; /* ROWS: nobody */
} memory;

struct clade_operators {
    clade_search_problem problem;
    bool of_use[ROWS];
    double quality[ROWS];
    double mean;      /* exponential mean of the gains of all */
    memory *memories; /* (problem.window) */
};

clade_status clade_operators_new(const clade_search_problem *problem, clade_operators **out)
{
    clade_operators *made = clade_calloc(1, sizeof *made);
    memory *memories = clade_calloc(problem->window, sizeof *memories);
    if (!made || !memories) {
        clade_free(made);
        clade_free(memories);
        return clade_fail_memory(sizeof *made + problem->window * sizeof *memories, "operators");
    }
    bool sites = false;
    for (size_t g = 0; g < problem->space->n_genes; g++)
        sites |= problem->space->genes[g].slot > 0;
    for (size_t k = 0; k < ROWS; k++) {
        made->of_use[k] = (sites || !rows[k].of_merges) && (problem->space->has_category || !rows[k].by_method);
        made->quality[k] = 1;
    }
    for (size_t i = 0; i < problem->window; i++)
        memories[i].row = ROWS;
    made->problem = *problem;
    made->memories = memories;
    *out = made;
    return CLADE_OK;
}

void clade_operators_free(clade_operators *operators)
{
    if (operators)
        clade_free(operators->memories);
    clade_free(operators);
}

size_t clade_operators_count(void)
{
    return ROWS;
}

const char *clade_operators_name(size_t row)
{
    return rows[row].name;
}

double clade_operators_share(const clade_operators *operators, size_t row)
{
    double sum = 0;
    size_t count = 0;
    for (size_t k = 0; k < ROWS; k++) {
        sum += operators->of_use[k] ? rows[k].start * operators->quality[k] : 0;
        count += operators->of_use[k];
    }
    if (!operators->of_use[row])
        return 0;
    return FLOOR + (1 - (double)count * FLOOR) * rows[row].start * operators->quality[row] / sum;
}

static size_t draw_row(const clade_operators *operators, clade_rng *rng)
{
    double left = clade_rng_uniform(rng);
    size_t last = 0;
    for (size_t k = 0; k < ROWS; k++) {
        const double share = clade_operators_share(operators, k);
        if (share > 0 && left < share)
            return k;
        left -= share;
        last = share > 0 ? k : last;
    }
    return last;
}

void clade_operators_propose(clade_operators *operators, const clade_population *population, size_t mother,
                             size_t father, uint64_t child, clade_proposal *proposal)
{
    const clade_search_problem *problem = &operators->problem;
    clade_rng rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_OPERATOR);
    size_t row = draw_row(operators, &rng);
    brood b = {.problem = problem,
               .population = population,
               .mother = mother,
               .father = father,
               .child = child,
               .rng = clade_child_rng(problem->seed, child, proposal->variant, CLADE_DRAW_VARIATION)};
    if (!rows[row].propose(&b, proposal)) {
        row = 0;
        (void)rows[row].propose(&b, proposal);
    }
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "%s", rows[row].name);
    operators->memories[child % problem->window] = (memory){child, row};
}

void clade_operators_reward(clade_operators *operators, uint64_t child, double gain)
{
    memory *known = &operators->memories[child % operators->problem.window];
    if (known->row == ROWS || known->child != child)
        return;
    operators->mean += FORGETTING * (gain - operators->mean);
    const double reward = operators->mean > 0 ? fmin(gain / operators->mean, LARGEST_REWARD) : 1;
    double *quality = &operators->quality[known->row];
    *quality = fmax(*quality + FORGETTING * (reward - *quality), LEAST_QUALITY);
    known->row = ROWS;
}
