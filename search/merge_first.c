/* The hand-made recipes as genomes. Which method can say which of them is a fact about merging, kept here as one table;
 * everything else (ranges, fixed values, drop rates) is asked of the space. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

/* A method that keeps whole task vectors (density 1) and adds them up can say "sum" recipes; one whose consensus leaves
 * a lone parent alone can say "one" recipes; one that takes a mean of models can say "mean" recipes. */
static const struct ability {
    const char *method;
    bool sum, one, mean, ties;
} abilities[] = {
    {"task_arithmetic", true, true, true, false}, {"dare_linear", true, true, true, false},
    {"linear", false, true, true, false},         {"slerp", false, true, false, false},
    {"ties", false, true, false, true},           {"dare_ties", false, true, false, false},
};

enum { MAX_FIRST = CLADE_MAX_PARENTS + 12, ALL_PARENTS = -1 };
static const double SCALES[] = {0.1, 0.2, 0.3, 0.4};
/* Coefficients that the last site reaches, rising from 0 at the first. */
static const double RISING_SCALES[] = {0.3, 0.6, 0.9};

/* What a hand-made recipe says. */
typedef struct wish {
    char name[64];
    bool sum, one, mean, ties; /* what its method must be able to say: exactly one */
    int parent;                /* whose weight is WEIGHT (others 0), or ALL_PARENTS */
    double weight, density;
    bool rising; /* times 2 s / (S - 1) at site s of S: 0 at the first, twice at the last */
} wish;

static size_t make_wishes(const clade_merge_space *space, wish *wishes)
{
    size_t n = 0;
    wishes[n++] = (wish){.name = "base", .sum = true, .parent = ALL_PARENTS, .weight = 0, .density = 1};
    for (size_t p = 0; p < space->n_parents; p++) {
        wishes[n] = (wish){.one = true, .parent = (int)p, .weight = 1, .density = 1};
        snprintf(wishes[n++].name, sizeof wishes->name, "parent %.50s", space->parent_names[p]);
    }
    wishes[n++] = (wish){
        .name = "average", .mean = true, .parent = ALL_PARENTS, .weight = 1 / (double)space->n_parents, .density = 1};
    for (size_t s = 0; s < sizeof SCALES / sizeof *SCALES; s++) {
        wishes[n] = (wish){.sum = true, .parent = ALL_PARENTS, .weight = SCALES[s], .density = 1};
        snprintf(wishes[n++].name, sizeof wishes->name, "task_arithmetic %.1f", SCALES[s]);
    }
    /* LiNeS (Wang et al. 2024, arXiv 2410.17146): task vectors scaled linearly with depth, because early layers hold
     * what the tasks share. */
    for (size_t s = 0; s < sizeof RISING_SCALES / sizeof *RISING_SCALES; s++) {
        wishes[n] =
            (wish){.sum = true, .parent = ALL_PARENTS, .weight = RISING_SCALES[s] / 2, .density = 1, .rising = true};
        snprintf(wishes[n++].name, sizeof wishes->name, "lines %.1f", RISING_SCALES[s]);
    }
    /* Yadav et al. 2023, section 4: keep the top 20 %, lambda 1, when there is nothing to tune on. */
    wishes[n++] = (wish){.name = "ties paper", .ties = true, .parent = ALL_PARENTS, .weight = 1, .density = 0.2};
    return n;
}

static bool can_say(const clade_method *method, const wish *w)
{
    for (size_t a = 0; a < sizeof abilities / sizeof *abilities; a++)
        if (strcmp(abilities[a].method, method->name) == 0)
            return (w->sum && abilities[a].sum) || (w->one && abilities[a].one) || (w->mean && abilities[a].mean) ||
                   (w->ties && abilities[a].ties);
    return false;
}

/* What the wish wants a parameter to be, for one parent; NAN when it has no opinion. */
static double wanted(const wish *w, const clade_parameter *parameter, size_t parent)
{
    if (strcmp(parameter->name, "weight") == 0)
        return w->parent == ALL_PARENTS || w->parent == (int)parent ? w->weight : 0;
    if (strcmp(parameter->name, "density") == 0)
        return w->density;
    if (strcmp(parameter->name, "lambda") == 0)
        return 1;
    return parameter->default_value;
}

static double rise(const clade_merge_space *space, size_t site)
{
    return 2 * (double)site / (double)(space->sites.n_sites - 1);
}

/* Write VALUE into the genes of a slot for one parent; false when it is out of their range. */
static bool set_value(const clade_merge_space *space, const clade_slot *slot, size_t parent, double value, bool rising,
                      double *genome)
{
    if (slot->drop)
        value = 1 - value;
    const size_t sites = slot->by_site ? space->sites.n_sites : 1;
    for (size_t s = 0; s < sites; s++) {
        const double here = rising && slot->by_site ? value * rise(space, s) : value;
        if (here < slot->low || here > slot->high)
            return false;
        if (slot->searched)
            genome[slot->gene + parent * sites + s] = here;
    }
    return true;
}

/* The factors of the sites; false when a rising recipe has no sites to rise over. */
static bool set_rise(const clade_merge_space *space, const wish *w, double *genome)
{
    if (!w->rising)
        return true;
    if (space->sites.n_sites < 2)
        return false;
    for (size_t s = 0; s < space->sites.n_sites && space->has_factors; s++)
        genome[space->factor_gene + s] = rise(space, s);
    return true;
}

/* The wish said by method M; false when a value of it cannot be said. */
static bool say(const clade_merge_space *space, size_t m, const wish *w, double *genome)
{
    const clade_method *method = space->methods[m];
    if (!set_rise(space, w, genome))
        return false;
    if (space->genes.has_category)
        genome[0] = (double)m;
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const clade_slot *slot = clade_slot_find(space, m, parameter);
        const size_t parents = parameter->scope == CLADE_PER_PARENT ? space->n_parents : 1;
        for (size_t p = 0; p < parents; p++) {
            const double value = wanted(w, parameter, p), fixed = parameter->default_value;
            if (isnan(value))
                continue;
            const bool rising = w->rising && strcmp(parameter->name, "weight") == 0;
            if (slot ? !set_value(space, slot, p, value, rising, genome) : value < fixed || value > fixed)
                return false;
        }
    }
    return true;
}

/* Every gene at the default of its parameter, so that a change of method finds sensible values. */
static void set_defaults(const clade_merge_space *space, double *genome)
{
    for (size_t g = 0; g < space->genes.n_genes; g++)
        genome[g] = 0;
    for (size_t s = 0; s < space->n_slots; s++) {
        const clade_slot *slot = &space->slots[s];
        if (!slot->searched)
            continue;
        double value = clade_slot_default(slot);
        value = value < slot->low ? slot->low : value > slot->high ? slot->high : value;
        const size_t parents = slot->parameter->scope == CLADE_PER_PARENT ? space->n_parents : 1;
        const size_t genes = parents * (slot->by_site ? space->sites.n_sites : 1);
        for (size_t g = 0; g < genes; g++)
            genome[slot->gene + g] = value;
    }
    for (size_t f = 0; f < space->sites.n_sites && space->has_factors; f++)
        genome[space->factor_gene + f] = 1;
}

/* Equal to one that is there: the average of five parents is task arithmetic at .2. */
static bool is_known(const clade_merge_space *space, const clade_first *first, size_t count, const double *genome)
{
    for (size_t i = 0; i < count; i++) {
        bool equal = true;
        for (size_t g = 0; g < space->genes.n_genes && equal; g++)
            equal = !(first[i].genome[g] < genome[g] || first[i].genome[g] > genome[g]);
        if (equal)
            return true;
    }
    return false;
}

static bool say_by_any(const clade_merge_space *space, const wish *w, double *genome)
{
    for (size_t m = 0; m < space->n_methods; m++) {
        set_defaults(space, genome);
        if (can_say(space->methods[m], w) && say(space, m, w, genome))
            return true;
    }
    return false;
}

clade_status clade_merge_space_first(const clade_merge_space *space, clade_first **first, size_t *count)
{
    const size_t bytes = space->genes.n_genes * sizeof(double);
    clade_first *made = clade_calloc(MAX_FIRST, sizeof *made);
    wish *wishes = clade_calloc(MAX_FIRST, sizeof *wishes);
    clade_status status = made && wishes ? CLADE_OK : clade_fail_memory(MAX_FIRST * sizeof *made, "first recipes");
    const size_t n_wishes = status == CLADE_OK ? make_wishes(space, wishes) : 0;
    size_t said = 0;
    for (size_t w = 0; w < n_wishes && status == CLADE_OK; w++) {
        double *genome = clade_malloc(bytes);
        if (!genome)
            status = clade_fail_memory(bytes, "a first recipe");
        else if (say_by_any(space, &wishes[w], genome) && !is_known(space, made, said, genome)) {
            memcpy(made[said].name, wishes[w].name, sizeof made->name);
            made[said++].genome = genome;
        } else {
            clade_free(genome);
        }
    }
    clade_free(wishes);
    if (status != CLADE_OK) {
        clade_first_free(made, said);
        return status;
    }
    *first = made;
    *count = said;
    return CLADE_OK;
}

void clade_first_free(clade_first *first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        clade_free(first[i].genome);
    clade_free(first);
}
