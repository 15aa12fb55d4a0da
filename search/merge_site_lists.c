/* The lists that clade_sites is made of, and what is read off them. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

bool clade_is_merged(const clade_tensor *tensor)
{
    return !clade_dtype_of(tensor->dtype)->integer;
}

double clade_site_depth(clade_depth depth)
{
    if (depth.block < 0)
        return 0;
    return (double)(depth.block + 1) / (double)(depth.n_blocks + 1);
}

clade_status clade_sites_add(clade_sites *sites, clade_site site, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    clade_site *larger = clade_realloc(sites->list, (sites->n_sites + 1) * sizeof *larger);
    if (!larger)
        return clade_fail_memory((sites->n_sites + 1) * sizeof *larger, "sites");
    sites->list = larger;
    site.name = clade_strdup(text);
    if (!site.name)
        return clade_fail_memory(strlen(text) + 1, "the name of a site");
    sites->list[sites->n_sites++] = site;
    return CLADE_OK;
}

clade_status clade_sites_add_group(clade_sites *sites, size_t site, double depth)
{
    clade_site_group *larger = clade_realloc(sites->groups, (sites->n_groups + 1) * sizeof *larger);
    if (!larger)
        return clade_fail_memory((sites->n_groups + 1) * sizeof *larger, "sites");
    sites->groups = larger;
    sites->groups[sites->n_groups++] = (clade_site_group){.site = site, .depth = depth};
    return CLADE_OK;
}

void clade_sites_clear(clade_sites *sites)
{
    for (size_t s = 0; s < sites->n_sites; s++)
        clade_free(sites->list[s].name);
    clade_free(sites->list);
    sites->list = NULL;
    sites->n_sites = 0;
}

void clade_sites_fini(clade_sites *sites)
{
    for (size_t g = 0; g < sites->n_groups; g++) {
        for (size_t p = 0; p < sites->groups[g].n_patterns; p++)
            clade_free(sites->groups[g].patterns[p]);
        clade_free(sites->groups[g].patterns);
    }
    clade_sites_clear(sites);
    clade_free(sites->groups);
    memset(sites, 0, sizeof *sites);
}

clade_status clade_sites_add_pattern(clade_site_group *group, char *pattern)
{
    char **larger = pattern ? clade_realloc(group->patterns, (group->n_patterns + 1) * sizeof *larger) : NULL;
    if (!larger) {
        clade_free(pattern);
        return clade_fail_memory((group->n_patterns + 1) * sizeof *larger, "the patterns of a site");
    }
    group->patterns = larger;
    group->patterns[group->n_patterns++] = pattern;
    return CLADE_OK;
}

bool clade_site_group_matches(const clade_site_group *group, const char *name)
{
    for (size_t p = 0; p < group->n_patterns; p++)
        if (clade_pattern_matches(group->patterns[p], name))
            return true;
    return false;
}

void clade_sites_rank(clade_sites *sites)
{
    for (size_t s = 0; s < sites->n_sites; s++)
        for (size_t t = 0; t < sites->n_sites; t++) {
            const double own = sites->list[s].depth, other = sites->list[t].depth;
            sites->list[s].rank += other < own || (!(other > own) && t < s);
        }
}

double clade_sites_value(const clade_sites *sites, const double *values, const clade_site_group *group)
{
    if (!sites->curve)
        return values[group->site];
    const double place = group->depth * (double)(sites->n_sites - 1);
    const size_t below = place < (double)(sites->n_sites - 1) ? (size_t)place : sites->n_sites - 2;
    return values[below] + (values[below + 1] - values[below]) * (place - (double)below);
}
