#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

/* ---- a space ---- */

static clade_status copy_plan(clade_merge_space *space, const clade_merge_space_plan *plan)
{
    const size_t n = plan->n_parents;
    space->product = strcmp(plan->coordinates, "product") == 0;
    space->sum = plan->sum;
    space->methods = clade_calloc(plan->n_methods, sizeof(const clade_method *));
    space->parent_names = clade_calloc(n, sizeof *space->parent_names);
    space->parent_paths = clade_calloc(n, sizeof *space->parent_paths);
    space->base_path = plan->base_path ? clade_strdup(plan->base_path) : NULL;
    if (!space->methods || !space->parent_names || !space->parent_paths || (plan->base_path && !space->base_path))
        return clade_fail_memory(n * sizeof *space->parent_names, "a merge space");
    memcpy(space->methods, plan->methods, plan->n_methods * sizeof(const clade_method *));
    space->n_methods = plan->n_methods;
    space->n_parents = n;
    for (size_t p = 0; p < n; p++) {
        space->parent_names[p] = clade_strdup(plan->parent_names[p]);
        space->parent_paths[p] = clade_strdup(plan->parent_paths[p]);
        if (!space->parent_names[p] || !space->parent_paths[p])
            return clade_fail_memory(strlen(plan->parent_paths[p]), "the parents of a merge space");
    }
    return CLADE_OK;
}

static clade_status init_parts(clade_merge_space *space, const clade_merge_space_plan *plan, clade_problems *problems)
{
    CLADE_TRY(copy_plan(space, plan));
    CLADE_TRY(clade_sites_init(&space->sites, plan, space->family, problems));
    if (problems->count > 0)
        return CLADE_OK;
    CLADE_TRY(clade_merge_genes_init(space, plan->ranges, plan->n_ranges));
    clade_merge_priors_init(space, plan->priors, plan->n_priors);
    CLADE_TRY(clade_merge_lines_init(space));
    return clade_merge_levels_init(space);
}

clade_status clade_merge_space_new(const clade_merge_space_plan *plan, const clade_family *family,
                                   clade_merge_space **space)
{
    clade_problems problems = {0};
    clade_merge_space_check(plan, "", &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_ECONFIG));
    clade_merge_space *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a merge space");
    made->family = family;
    clade_status status = init_parts(made, plan, &problems);
    if (status == CLADE_OK)
        status = clade_problems_end(&problems, CLADE_ECONFIG);
    else
        clade_text_free(&problems.text);
    if (status != CLADE_OK) {
        clade_merge_space_free(made);
        return status;
    }
    *space = made;
    return CLADE_OK;
}

void clade_merge_space_free(clade_merge_space *space)
{
    if (!space)
        return;
    for (size_t p = 0; p < space->n_parents; p++) {
        clade_free(space->parent_names[p]);
        clade_free(space->parent_paths[p]);
    }
    clade_free(space->parent_names);
    clade_free(space->parent_paths);
    clade_free(space->base_path);
    clade_free(space->methods);
    clade_free(space->slots);
    clade_free(space->levels);
    clade_free(space->tied);
    clade_free(space->lines);
    clade_sites_fini(&space->sites);
    clade_space_fini(&space->genes);
    clade_free(space);
}

const clade_space *clade_merge_space_genes(const clade_merge_space *space)
{
    return &space->genes;
}

size_t clade_merge_space_sites(const clade_merge_space *space)
{
    return space->sites.n_sites;
}

const char *clade_merge_space_site_name(const clade_merge_space *space, size_t site)
{
    return space->sites.list[site].name;
}

/* ---- a genome's recipe ---- */

/* The value a slot gives in GROUP to PARENT (0 for other scopes). */
static double slot_value(const clade_merge_space *space, const double *genome, const clade_slot *slot,
                         const clade_site_group *group, size_t parent)
{
    double value = slot->low;
    if (slot->by_site)
        value = clade_sites_value(&space->sites, genome + slot->gene + parent * space->sites.n_sites, group);
    else if (slot->searched)
        value = genome[slot->gene + parent];
    return slot->drop ? 1 - value : value;
}

/* Within the hard limits of the parameter, whole where it has to be, and no negative zero: equal values are to print
 * alike. */
static double legal(const clade_parameter *parameter, double value)
{
    if (parameter->kind != CLADE_REAL) /* a curve through integers is no integer */
        value = floor(value + 0.5);
    value = value < parameter->low ? parameter->low : value > parameter->high ? parameter->high : value;
    return value + 0.0;
}

/* The weights of a rule, at place WEIGHT, scaled to the space's sum; equal ones where they are all 0. */
static void scale_to_sum(const clade_merge_space *space, const clade_method *method, size_t weight, clade_rule *rule)
{
    static const double ROUNDING = 1e-12;
    const size_t n = method->n_parameters;
    double sum = 0;
    for (size_t p = 0; p < space->n_parents; p++)
        sum += rule->parent[p * n + weight];
    if (fabs(sum - space->sum) <= ROUNDING * space->sum)
        return;
    for (size_t p = 0; p < space->n_parents; p++) {
        double *value = &rule->parent[p * n + weight];
        *value = legal(&method->parameters[weight],
                       sum > 0 ? *value * space->sum / sum : space->sum / (double)space->n_parents);
    }
}

static void fill_rule(const clade_merge_space *space, const double *genome, size_t m, const clade_site_group *group,
                      clade_rule *rule)
{
    const clade_method *method = space->methods[m];
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const clade_slot *slot = clade_slot_find(space, m, parameter);
        const bool per_parent = parameter->scope == CLADE_PER_PARENT;
        const bool scaled = space->has_factors && clade_is_strength(parameter);
        const double factor = scaled ? clade_sites_value(&space->sites, genome + space->factor_gene, group) : 1;
        for (size_t p = 0; p < (per_parent ? space->n_parents : 1); p++) {
            const double value = slot ? slot_value(space, genome, slot, group, p) : clade_unsearched(parameter);
            *(per_parent ? &rule->parent[p * method->n_parameters + k] : &rule->site[k]) =
                legal(parameter, value * factor);
        }
        if (space->sum > 0 && clade_is_weight(parameter))
            scale_to_sum(space, method, k, rule);
    }
}

static bool fill_patterns(const clade_site_group *group, clade_rule *rule)
{
    rule->patterns = clade_calloc(group->n_patterns, sizeof *rule->patterns);
    if (!rule->patterns)
        return false;
    for (size_t i = 0; i < group->n_patterns; i++) {
        rule->patterns[i] = clade_strdup(group->patterns[i]);
        if (!rule->patterns[i])
            return false;
        rule->n_patterns++;
    }
    return true;
}

static bool fill_parent(clade_recipe_parent *parent, const char *name, const char *path)
{
    parent->name = clade_strdup(name);
    parent->path = clade_strdup(path);
    return parent->name && parent->path;
}

/* A base that the method ignores is left out, so that it cannot make equal children look different. */
static bool fill_models(const clade_merge_space *space, clade_recipe *recipe)
{
    bool filled = true;
    if (recipe->method->base != CLADE_BASE_IGNORED && space->base_path) {
        recipe->base = clade_calloc(1, sizeof *recipe->base);
        filled = recipe->base && fill_parent(recipe->base, "base", space->base_path);
    }
    for (size_t p = 0; p < space->n_parents && filled; p++)
        filled = fill_parent(&recipe->parents[p], space->parent_names[p], space->parent_paths[p]);
    return filled;
}

clade_status clade_merge_space_decode(const clade_merge_space *space, const double *genome, clade_recipe **recipe)
{
    const size_t m = space->genes.has_category ? (size_t)genome[0] : 0;
    clade_recipe *made;
    CLADE_TRY(clade_recipe_new(space->methods[m], space->n_parents, space->sites.n_groups, &made));
    if (space->methods[m]->uses_masks)
        made->seed = (uint64_t)genome[space->seed_gene];
    bool filled = fill_models(space, made);
    for (size_t g = 0; g < space->sites.n_groups && filled; g++) {
        filled = fill_patterns(&space->sites.groups[g], &made->rules[g]);
        fill_rule(space, genome, m, &space->sites.groups[g], &made->rules[g]);
    }
    clade_merge_canonical(made);
    const clade_status status =
        filled ? clade_family_stamp(space->family, made) : clade_fail_memory(space->sites.n_groups, "a recipe");
    if (status != CLADE_OK) {
        clade_recipe_free(made);
        return status;
    }
    *recipe = made;
    return CLADE_OK;
}
