#include "search/algorithm/levels.h"

#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/gain.h"
#include "search/algorithm/line_search.h"

static const double STALLED = 5e-3; /* share of the hypervolume */
enum { LEAST_PATIENCE = 16, PATIENCE_PER_GROUP = 2 };

/* A child that was told, kept for the levels to come. */
typedef struct kept {
    clade_told told; /* its pointers are into MEMORY */
    void *memory;    /* owned */
} kept;

struct clade_levels {
    clade_search_problem problem; /* of the whole space */
    const clade_algorithm *inner;
    clade_line_search *lines; /* in the whole space; NULL: without */
    size_t level;
    /* the level in force; without levels the whole space itself */
    clade_space space;          /* owned when there are levels */
    clade_search_problem local; /* what INNER has */
    double *first;            /* (local.n_first, space.n_genes): the first individuals that the level can say, owned */
    const char **first_names; /* (local.n_first), owned array */
    clade_preselect_options options;
    clade_preselect *state; /* around INNER */
    double *reduced;        /* (n_genes) scratch */
    /* what is known */
    kept *known; /* (n_known), owned; empty at the last level */
    size_t n_known, capacity;
    clade_gain gain;
    double stalled;       /* what the children in a row cost that brought nothing */
    uint64_t level_since; /* the first child of this level */
};

static bool is_last(const clade_levels *l)
{
    return l->level + 1 >= l->problem.n_levels;
}

/* ---- genomes of a level ---- */

static size_t group_of(const clade_levels *l, size_t gene)
{
    return l->problem.n_levels > 0 ? l->problem.levels[l->level].group[gene] : gene;
}

static void expand(const clade_levels *l, const double *reduced, double *genome)
{
    for (size_t g = 0; g < l->problem.space->n_genes; g++)
        genome[g] = reduced[group_of(l, g)];
}

/* False when tied genes differ: the level cannot say this genome. */
static bool reduce(const clade_levels *l, const double *genome, double *reduced)
{
    for (size_t g = l->problem.space->n_genes; g-- > 0;)
        reduced[group_of(l, g)] = genome[g];
    for (size_t g = 0; g < l->problem.space->n_genes; g++)
        if (reduced[group_of(l, g)] < genome[g] || reduced[group_of(l, g)] > genome[g])
            return false;
    return true;
}

/* A gene of the reduced space is the first of its group; it has a site only where the group has one. */
static clade_status reduced_space(const clade_levels *l, clade_space *space)
{
    const clade_space *whole = l->problem.space;
    *space = (clade_space){.has_category = whole->has_category};
    space->genes = clade_calloc(l->problem.levels[l->level].n_groups, sizeof *space->genes);
    if (!space->genes)
        return clade_fail_memory(l->problem.levels[l->level].n_groups * sizeof *space->genes, "a space");
    for (size_t g = 0; g < whole->n_genes; g++) {
        clade_gene *gene = &space->genes[group_of(l, g)];
        if (gene->name) {
            gene->site = gene->site == whole->genes[g].site ? gene->site : -1;
            continue;
        }
        *gene = whole->genes[g];
        gene->name = clade_strdup(whole->genes[g].name);
        if (!gene->name)
            return clade_fail_memory(strlen(whole->genes[g].name) + 1, "the name of a gene");
        space->n_genes++;
    }
    return CLADE_OK;
}

/* ---- levels ---- */

static void close_level(clade_levels *l)
{
    if (l->state)
        clade_preselect_destroy(l->state);
    l->state = NULL;
    clade_space_fini(&l->space);
    clade_free(l->first);
    clade_free(l->first_names);
    l->first = NULL;
    l->first_names = NULL;
}

/* INNER breeds its start from them; they themselves are proposed from here, and told. */
static clade_status reduce_first(clade_levels *l)
{
    const size_t n = l->problem.n_first, n_genes = l->space.n_genes;
    l->first = clade_calloc(n * n_genes + 1, sizeof *l->first);
    l->first_names = clade_calloc(n + 1, sizeof *l->first_names);
    if (!l->first || !l->first_names)
        return clade_fail_memory((n * n_genes + 1) * sizeof *l->first, "the first individuals of a level");
    l->local.n_first = 0;
    for (size_t i = 0; i < n; i++)
        if (reduce(l, l->problem.first + i * l->problem.space->n_genes, l->first + l->local.n_first * n_genes))
            l->first_names[l->local.n_first++] = l->problem.first_names[i];
    l->local.first = l->first;
    l->local.first_names = l->first_names;
    return CLADE_OK;
}

/* A new INNER in the space of the level, told all that is known and can be said there. */
static clade_status open_level(clade_levels *l)
{
    l->local = l->problem;
    l->local.levels = NULL;
    l->local.n_levels = 0;
    if (l->problem.n_levels > 0) {
        CLADE_TRY(reduced_space(l, &l->space));
        l->local.space = &l->space;
        CLADE_TRY(reduce_first(l));
    }
    CLADE_TRY(clade_preselect_create(l->inner, &l->local, &l->options, &l->state));
    for (size_t i = 0; i < l->n_known; i++) {
        clade_told told = l->known[i].told;
        if (!reduce(l, told.genome, l->reduced))
            continue;
        told.genome = l->reduced;
        told.own = false;
        CLADE_TRY(clade_preselect_tell(l->state, &told));
    }
    return CLADE_OK;
}

static void forget(clade_levels *l)
{
    for (size_t i = 0; i < l->n_known; i++)
        clade_free(l->known[i].memory);
    l->n_known = 0;
}

static clade_status keep(clade_levels *l, const clade_told *told)
{
    const size_t genome = l->problem.space->n_genes * sizeof(double),
                 objectives = l->problem.n_objectives * sizeof(double),
                 tasks = told->tasks ? told->n_tasks * sizeof(double) : 0,
                 bits = told->correct ? (told->n_correct + 7) / 8 : 0;
    if (l->n_known == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 64;
        kept *larger = clade_realloc(l->known, capacity * sizeof *larger);
        if (!larger)
            return clade_fail_memory(capacity * sizeof *larger, "the children of a level");
        l->known = larger;
        l->capacity = capacity;
    }
    char *memory = clade_malloc(genome + objectives + tasks + bits);
    if (!memory)
        return clade_fail_memory(genome + objectives + tasks + bits, "a child of a level");
    kept *k = &l->known[l->n_known++];
    *k = (kept){.told = *told, .memory = memory};
    k->told.genome = memcpy(memory, told->genome, genome);
    k->told.objectives = memcpy(memory + genome, told->objectives, objectives);
    if (tasks > 0)
        k->told.tasks = memcpy(memory + genome + objectives, told->tasks, tasks);
    if (bits > 0)
        k->told.correct = memcpy(memory + genome + objectives + tasks, told->correct, bits);
    return CLADE_OK;
}

/* The rule of the header. NEXT is the child to be asked next. */
static bool ends(const clade_levels *l, uint64_t next)
{
    const size_t n_levels = l->problem.n_levels;
    if (is_last(l) || next <= l->problem.n_first)
        return false;
    const double patience = LEAST_PATIENCE + PATIENCE_PER_GROUP * (double)l->problem.levels[l->level].n_groups;
    const uint64_t share = l->problem.children / 2 / (n_levels - 1);
    return l->stalled >= patience || (l->problem.children > 0 && next >= share * (l->level + 1));
}

static clade_status next_level(clade_levels *l, uint64_t next)
{
    close_level(l);
    l->level++;
    l->stalled = 0;
    l->level_since = next;
    CLADE_TRY(open_level(l));
    if (is_last(l))
        forget(l);
    return CLADE_OK;
}

/* ---- the interface ---- */

/* Who proposes children beside INNER needs an INNER that takes children of others. */
static clade_status check_steady(const clade_algorithm *inner, const clade_search_problem *problem)
{
    if (inner->steady || (problem->n_levels < 2 && !(problem->line_share > 0)))
        return CLADE_OK;
    size_t count;
    const clade_algorithm *const *all = clade_algorithms(&count);
    clade_text names = {0};
    for (size_t i = 0; i < count; i++)
        if (all[i]->steady)
            clade_text_append(&names, "%s%s", names.length > 0 ? ", " : "", all[i]->name);
    const clade_status status =
        clade_fail(CLADE_ECONFIG, "algorithm: found %s, expected a steady algorithm for %s: %s", inner->name,
                   problem->n_levels > 1 ? "sites from coarse to fine" : "line searches", clade_text_get(&names));
    clade_text_free(&names);
    return status;
}

clade_status clade_levels_create(const clade_algorithm *inner, const clade_search_problem *problem,
                                 const clade_preselect_options *preselect, clade_levels **out)
{
    CLADE_TRY(check_steady(inner, problem));
    clade_levels *l = clade_calloc(1, sizeof *l);
    double *reduced = clade_calloc(problem->space->n_genes, sizeof *reduced);
    if (!l || !reduced) {
        clade_free(l);
        clade_free(reduced);
        return clade_fail_memory(problem->space->n_genes * sizeof *reduced, "levels");
    }
    l->problem = *problem;
    l->inner = inner;
    l->options =
        preselect && inner->learns ? *preselect : clade_preselect_default(); /* yardsticks stay what they are */
    l->reduced = reduced;
    l->gain.n_objectives = problem->n_objectives;
    clade_status status = open_level(l);
    if (status == CLADE_OK && problem->line_share > 0)
        status = clade_line_search_create(problem, &l->lines);
    if (status != CLADE_OK) {
        clade_levels_destroy(l);
        return status;
    }
    *out = l;
    return CLADE_OK;
}

void clade_levels_destroy(clade_levels *levels)
{
    if (!levels)
        return;
    close_level(levels);
    forget(levels);
    clade_free(levels->known);
    clade_free(levels->reduced);
    clade_gain_fini(&levels->gain);
    clade_line_search_destroy(levels->lines);
    clade_free(levels);
}

uint64_t clade_levels_told_before_ask(const clade_levels *levels, uint64_t child, size_t window)
{
    return clade_preselect_told_before_ask(levels->state, child, window);
}

size_t clade_levels_level(const clade_levels *levels)
{
    return levels->level;
}

clade_status clade_levels_ask(clade_levels *l, uint64_t child, clade_proposal *proposal)
{
    bool is_line = false;
    if (l->lines)
        clade_line_search_ask(l->lines, child, proposal, &is_line);
    if (is_line)
        return CLADE_OK;
    if (l->problem.n_levels == 0)
        return clade_preselect_ask(l->state, child, proposal);
    if (child < l->problem.n_first) {
        clade_propose_start(&l->problem, child, proposal);
        return CLADE_OK;
    }
    if (ends(l, child))
        CLADE_TRY(next_level(l, child));
    clade_proposal inner = *proposal;
    inner.genome = l->reduced;
    CLADE_TRY(clade_preselect_ask(l->state, child, &inner));
    double *genome = proposal->genome;
    *proposal = inner;
    proposal->genome = genome;
    expand(l, l->reduced, genome);
    if (child == l->level_since && l->level > 0)
        snprintf(proposal->event, sizeof proposal->event, "sites: %s to %s", l->problem.levels[l->level - 1].name,
                 l->problem.levels[l->level].name);
    return CLADE_OK;
}

clade_status clade_levels_tell(clade_levels *l, const clade_told *told)
{
    bool is_line = false;
    if (l->lines)
        CLADE_TRY(clade_line_search_tell(l->lines, told, &is_line));
    clade_told local = *told;
    local.own = told->own && !is_line;
    if (l->problem.n_levels == 0)
        return clade_preselect_tell(l->state, &local);
    double share = 0;
    if (told->objectives && told->complete)
        CLADE_TRY(clade_gain_add(&l->gain, told->objectives, &share));
    if (share > STALLED)
        l->stalled = 0;
    else if (!is_line) /* which says nothing of the level */
        l->stalled += told->cost;
    if (told->objectives && !is_last(l))
        CLADE_TRY(keep(l, told));
    local.own = !is_line && told->child >= l->problem.n_first && told->child >= l->level_since;
    local.genome = l->reduced;
    return reduce(l, told->genome, l->reduced) ? clade_preselect_tell(l->state, &local) : CLADE_OK;
}
