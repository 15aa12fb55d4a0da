/* Sites of the user's own: groups of tensors by patterns. */
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

static const char *tensor_name(const clade_family *family, size_t index)
{
    return clade_family_at(family, index)->name;
}

static bool has_depth(const clade_family *family)
{
    for (size_t i = 0; i < clade_family_count(family); i++)
        if (clade_family_depth(family, i).n_blocks > 0)
            return true;
    return false;
}

/* The first group that tensor INDEX matches, or n_groups. */
static size_t named_of(const clade_sites *sites, const char *name)
{
    size_t g = 0;
    while (g < sites->n_groups && !clade_site_group_matches(&sites->groups[g], name))
        g++;
    return g;
}

/* Patterns that match nothing are mistakes; so are groups whose tensors are all in groups before. */
static void check_named(const clade_sites *sites, const clade_merge_space_plan *plan, const clade_family *family,
                        clade_problems *problems)
{
    for (size_t g = 0; g < plan->n_named_sites; g++) {
        const clade_named_site *named = &plan->named_sites[g];
        size_t own = 0;
        for (size_t i = 0; i < clade_family_count(family); i++)
            own += named_of(sites, tensor_name(family, i)) == g && clade_is_merged(clade_family_at(family, i));
        for (size_t p = 0; p < named->n_patterns; p++) {
            bool any = false;
            for (size_t i = 0; i < clade_family_count(family) && !any; i++)
                any = clade_pattern_matches(named->patterns[p], tensor_name(family, i));
            if (!any)
                clade_problem(problems, "space.sites.groups.%s: the pattern \"%s\" matches no tensor of the parents",
                              named->name, named->patterns[p]);
            own += !any; /* one mistake, one line */
        }
        if (own == 0)
            clade_problem(problems, "space.sites.groups.%s: found no tensor that is not in a group before it",
                          named->name);
    }
}

/* The mean depth of the merged tensors whose first group is GROUP; *COUNT of them. */
static double mean_depth(const clade_sites *sites, const clade_family *family, size_t group, size_t *count)
{
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < clade_family_count(family); i++)
        if (named_of(sites, tensor_name(family, i)) == group && clade_is_merged(clade_family_at(family, i))) {
            sum += clade_site_depth(clade_family_depth(family, i));
            ++*count;
        }
    return *count > 0 && has_depth(family) ? sum / (double)*count : CLADE_NO_DEPTH;
}

/* The tensors that no group matches: the site "rest". Integers, which are copied, need no site but a rule. */
static clade_status add_rest(clade_sites *sites, const clade_family *family)
{
    size_t left = 0, merged;
    for (size_t i = 0; i < clade_family_count(family); i++)
        left += named_of(sites, tensor_name(family, i)) == sites->n_groups;
    const double depth = mean_depth(sites, family, sites->n_groups, &merged);
    if (merged > 0)
        CLADE_TRY(clade_sites_add(sites, (clade_site){.depth = depth}, "rest"));
    if (left == 0)
        return CLADE_OK;
    CLADE_TRY(clade_sites_add_group(sites, sites->n_sites - 1, depth));
    return clade_sites_add_pattern(&sites->groups[sites->n_groups - 1], clade_strdup("*"));
}

clade_status clade_sites_add_named(clade_sites *sites, const clade_merge_space_plan *plan, const clade_family *family,
                                   clade_problems *problems)
{
    for (size_t g = 0; g < plan->n_named_sites; g++) {
        CLADE_TRY(clade_sites_add(sites, (clade_site){.depth = CLADE_NO_DEPTH}, "%s", plan->named_sites[g].name));
        CLADE_TRY(clade_sites_add_group(sites, g, CLADE_NO_DEPTH));
        for (size_t p = 0; p < plan->named_sites[g].n_patterns; p++)
            CLADE_TRY(clade_sites_add_pattern(&sites->groups[g], clade_strdup(plan->named_sites[g].patterns[p])));
    }
    check_named(sites, plan, family, problems);
    for (size_t s = 0; s < sites->n_sites; s++) {
        size_t count;
        sites->list[s].depth = mean_depth(sites, family, s, &count);
    }
    return add_rest(sites, family);
}
