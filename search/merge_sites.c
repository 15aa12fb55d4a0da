#include "search/merge_parts.h"

#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"

static const char *tensor_name(const clade_family *family, size_t index)
{
    return clade_family_at(family, index)->name;
}

static bool same_depth(clade_depth a, clade_depth b)
{
    /* Whatever lies before or after its stack is one place, in whichever tower. */
    if (a.block < 0 || b.block < 0)
        return a.block < 0 && b.block < 0;
    const bool a_after = a.block >= a.n_blocks, b_after = b.block >= b.n_blocks;
    return a_after || b_after ? a_after && b_after : a.block == b.block && a.n_blocks == b.n_blocks;
}

/* PATTERN matches tensors at the depth of tensor INDEX only. */
static bool is_exclusive(const clade_family *family, const char *pattern, size_t index)
{
    const clade_depth depth = clade_family_depth(family, index);
    for (size_t i = 0; i < clade_family_count(family); i++)
        if (clade_pattern_matches(pattern, tensor_name(family, i)) && !same_depth(clade_family_depth(family, i), depth))
            return false;
    return true;
}

/* "vision_model.encoder.layers.3.*" for a tensor of block 3: cut after the block's number; the name itself when no such
 * cut is exclusive, and for tensors outside the stack. Owned; NULL without memory. */
static char *pattern_of(const clade_family *family, size_t index)
{
    const char *name = tensor_name(family, index);
    const clade_depth depth = clade_family_depth(family, index);
    char number[16];
    const size_t digits = (size_t)snprintf(number, sizeof number, "%d", depth.block);
    const bool in_block = depth.block >= 0 && depth.block < depth.n_blocks;
    for (const char *dot = in_block ? strchr(name, '.') : NULL; dot; dot = strchr(dot + 1, '.')) {
        if (strncmp(dot + 1, number, digits) != 0 || dot[1 + digits] != '.')
            continue;
        const size_t kept = (size_t)(dot - name) + digits + 2; /* with the dot after the number */
        char *pattern = clade_malloc(kept + 2);
        if (!pattern)
            return NULL;
        memcpy(pattern, name, kept);
        memcpy(pattern + kept, "*", 2);
        if (is_exclusive(family, pattern, index))
            return pattern;
        clade_free(pattern);
    }
    return clade_strdup(name);
}

/* PATTERN (owned from now on) to a group, unless it is there. */
static clade_status add_pattern(clade_site_group *group, char *pattern)
{
    for (size_t i = 0; pattern && i < group->n_patterns; i++)
        if (strcmp(group->patterns[i], pattern) == 0) {
            clade_free(pattern);
            return CLADE_OK;
        }
    char **larger = pattern ? clade_realloc(group->patterns, (group->n_patterns + 1) * sizeof *larger) : NULL;
    if (!larger) {
        clade_free(pattern);
        return clade_fail_memory((group->n_patterns + 1) * sizeof *larger, "the patterns of a site");
    }
    group->patterns = larger;
    group->patterns[group->n_patterns++] = pattern;
    return CLADE_OK;
}

static double depth_of(clade_depth depth)
{
    if (depth.block < 0)
        return 0;
    return (double)(depth.block + 1) / (double)(depth.n_blocks + 1);
}

/* The group of tensor INDEX, made when it is the first tensor at its depth. LEADERS (count) are the first tensors of
 * groups. */
static clade_site_group *group_of(clade_sites *sites, const clade_family *family, size_t index, size_t *leaders)
{
    const clade_depth depth = clade_family_depth(family, index);
    for (size_t g = 0; g < sites->n_groups; g++)
        if (same_depth(clade_family_depth(family, leaders[g]), depth))
            return &sites->groups[g];
    leaders[sites->n_groups] = index;
    sites->groups[sites->n_groups].depth = depth_of(depth);
    return &sites->groups[sites->n_groups++];
}

/* A rule per depth, in the order of the tensors' names. */
static clade_status group_by_depth(clade_sites *sites, const clade_family *family)
{
    const size_t count = clade_family_count(family);
    sites->groups = clade_calloc(count, sizeof *sites->groups);
    size_t *leaders = clade_calloc(count, sizeof *leaders);
    clade_status status =
        sites->groups && leaders ? CLADE_OK : clade_fail_memory(count * sizeof *sites->groups, "sites");
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        status = add_pattern(group_of(sites, family, i, leaders), pattern_of(family, i));
    clade_free(leaders);
    return status;
}

static clade_status add_name(clade_sites *sites, const char *name)
{
    char **larger = clade_realloc(sites->names, (sites->n_sites + 1) * sizeof *larger);
    if (!larger)
        return clade_fail_memory((sites->n_sites + 1) * sizeof *larger, "the names of sites");
    sites->names = larger;
    sites->names[sites->n_sites] = clade_strdup(name);
    if (!sites->names[sites->n_sites])
        return clade_fail_memory(strlen(name) + 1, "the name of a site");
    sites->n_sites++;
    return CLADE_OK;
}

static clade_status one_site(clade_sites *sites)
{
    sites->groups = clade_calloc(1, sizeof *sites->groups);
    if (!sites->groups)
        return clade_fail_memory(sizeof *sites->groups, "sites");
    sites->n_groups = 1;
    CLADE_TRY(add_pattern(&sites->groups[0], clade_strdup("*")));
    return add_name(sites, "model");
}

static int most_blocks(const clade_family *family)
{
    int most = 0;
    for (size_t i = 0; i < clade_family_count(family); i++) {
        const clade_depth depth = clade_family_depth(family, i);
        most = depth.n_blocks > most ? depth.n_blocks : most;
    }
    return most;
}

/* Site 0 is "before" where there are such tensors, then the blocks, then "after" where there are such tensors. A block
 * number that several towers have is one site. */
static clade_status layer_sites(clade_sites *sites, const clade_family *family)
{
    const int blocks = most_blocks(family);
    bool before = false, after = false;
    for (size_t g = 0; g < sites->n_groups; g++) {
        before |= sites->groups[g].depth <= 0;
        after |= sites->groups[g].depth >= 1;
    }
    if (before)
        CLADE_TRY(add_name(sites, "before"));
    for (int b = 0; b < blocks; b++) {
        char name[32];
        snprintf(name, sizeof name, "layer %d", b);
        CLADE_TRY(add_name(sites, name));
    }
    if (after)
        CLADE_TRY(add_name(sites, "after"));
    return CLADE_OK;
}

/* Which site each group of a "layer" space is at: found again from its first tensor. */
static void assign_layers(clade_sites *sites, const clade_family *family)
{
    const bool before = strcmp(sites->names[0], "before") == 0;
    for (size_t g = 0; g < sites->n_groups; g++) {
        size_t i = 0;
        while (!clade_pattern_matches(sites->groups[g].patterns[0], tensor_name(family, i)))
            i++;
        const clade_depth depth = clade_family_depth(family, i);
        const bool after = depth.block >= depth.n_blocks;
        sites->groups[g].site = depth.block < 0 ? 0 : after ? sites->n_sites - 1 : (size_t)depth.block + before;
    }
}

static clade_status knot_sites(clade_sites *sites, size_t knots)
{
    sites->curve = true;
    for (size_t k = 0; k < knots; k++) {
        char name[32];
        snprintf(name, sizeof name, "knot %zu", k);
        CLADE_TRY(add_name(sites, name));
    }
    return CLADE_OK;
}

clade_status clade_sites_init(clade_sites *sites, const char *specification, const clade_family *family,
                              clade_problems *problems)
{
    if (strcmp(specification, "model") == 0)
        return one_site(sites);
    const size_t knots = clade_sites_knots(specification), blocks = (size_t)most_blocks(family);
    if (blocks == 0)
        clade_problem(
            problems,
            "space.sites: \"%s\" needs a stack of blocks, but no tensor of the parents has a block number in its "
            "name; expected \"model\"",
            specification);
    else if (knots > blocks + 2)
        clade_problem(problems, "space.sites: found \"%s\", expected at most %zu knots: the parents have %zu blocks",
                      specification, blocks + 2, blocks);
    if (problems->count > 0)
        return CLADE_OK;
    CLADE_TRY(group_by_depth(sites, family));
    if (knots > 0)
        return knot_sites(sites, knots);
    CLADE_TRY(layer_sites(sites, family));
    assign_layers(sites, family);
    return CLADE_OK;
}

void clade_sites_fini(clade_sites *sites)
{
    for (size_t s = 0; s < sites->n_sites; s++)
        clade_free(sites->names[s]);
    for (size_t g = 0; g < sites->n_groups; g++) {
        for (size_t p = 0; p < sites->groups[g].n_patterns; p++)
            clade_free(sites->groups[g].patterns[p]);
        clade_free(sites->groups[g].patterns);
    }
    clade_free(sites->names);
    clade_free(sites->groups);
    memset(sites, 0, sizeof *sites);
}

double clade_sites_value(const clade_sites *sites, const double *values, const clade_site_group *group)
{
    if (!sites->curve)
        return values[group->site];
    const double place = group->depth * (double)(sites->n_sites - 1);
    const size_t below = place < (double)(sites->n_sites - 1) ? (size_t)place : sites->n_sites - 2;
    return values[below] + (values[below + 1] - values[below]) * (place - (double)below);
}
