/* Coarse to fine: the words that sites are said with, and on which level which genes are tied. */
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

/* K of "depth:K", 2 .. 9999, or 0. */
static size_t knots_of(const char *word, size_t length)
{
    enum { PREFIX = 6 };
    if (length <= PREFIX || length > PREFIX + 4 || strncmp(word, "depth:", PREFIX) != 0)
        return 0;
    size_t knots = 0;
    for (size_t i = PREFIX; i < length; i++) {
        if (word[i] < '0' || word[i] > '9' || (i == PREFIX && word[i] == '0'))
            return 0;
        knots = 10 * knots + (size_t)(word[i] - '0');
    }
    return knots >= 2 ? knots : 0;
}

bool clade_site_level_parse(const char *word, size_t length, clade_site_level *level)
{
    static const char *const names[] = {[CLADE_SITES_MODEL] = "model",
                                        [CLADE_SITES_DEPTH] = "depth:K",
                                        [CLADE_SITES_LAYER] = "layer",
                                        [CLADE_SITES_MODULE] = "module",
                                        [CLADE_SITES_TENSOR] = "tensor"};
    *level = (clade_site_level){.kind = CLADE_SITES_DEPTH, .knots = knots_of(word, length)};
    bool known = level->knots > 0;
    for (size_t kind = 0; kind < sizeof names / sizeof *names && !known; kind++)
        if (kind != CLADE_SITES_DEPTH && strlen(names[kind]) == length && strncmp(names[kind], word, length) == 0) {
            level->kind = (clade_site_kind)kind;
            known = true;
        }
    if (known)
        snprintf(level->name, sizeof level->name, "%.*s", (int)length, word);
    return known;
}

size_t clade_site_levels_parse(const char *specification, clade_site_level levels[CLADE_MOST_LEVELS])
{
    size_t count = 0;
    for (const char *word = specification;; word++) {
        const size_t length = strcspn(word, ",");
        if (count == CLADE_MOST_LEVELS || !clade_site_level_parse(word, length, &levels[count]))
            return 0;
        if (count > 0 && levels[count].kind <= levels[count - 1].kind)
            return 0;
        count++;
        word += length;
        if (*word == '\0')
            return count;
    }
}

size_t clade_sites_tied(const clade_sites *sites, size_t level, size_t site)
{
    const clade_site *s = &sites->list[site];
    if (level + 1 == sites->n_levels)
        return site;
    switch (sites->levels[level].kind) {
    case CLADE_SITES_MODEL:
        return 0;
    case CLADE_SITES_DEPTH: {
        const size_t parts = sites->levels[level].knots, part = (size_t)(s->depth * (double)parts);
        return part < parts ? part : parts - 1;
    }
    case CLADE_SITES_LAYER:
        return s->layer;
    case CLADE_SITES_MODULE:
        return s->layer * CLADE_MODULES + s->module;
    case CLADE_SITES_TENSOR:
    case CLADE_SITES_NAMED:
        break;
    }
    return site;
}

/* The genes FIRST .. FIRST + n_sites - 1, one a site, into GROUP: one group for each set of tied sites. */
static void tie(const clade_merge_space *space, size_t level, size_t first, size_t *group, size_t *n_groups)
{
    for (size_t s = 0; s < space->sites.n_sites; s++) {
        size_t earlier = 0;
        while (clade_sites_tied(&space->sites, level, earlier) != clade_sites_tied(&space->sites, level, s))
            earlier++;
        group[first + s] = earlier < s ? group[first + earlier] : (*n_groups)++;
    }
}

/* Group numbers rise with the genes, so a genome of a level lists its values in the order of the genes. */
static size_t tie_all(const clade_merge_space *space, size_t level, size_t *group)
{
    const size_t n_sites = space->sites.n_sites;
    size_t n_groups = 0;
    for (size_t g = 0; g < space->genes.n_genes; g++) {
        const clade_gene *gene = &space->genes.genes[g];
        if (gene->slot == 0 || gene->site < 0) {
            group[g] = n_groups++;
            continue;
        }
        tie(space, level, g, group, &n_groups);
        g += n_sites - 1; /* the genes of a slot and parent lie together, one a site */
    }
    return n_groups;
}

clade_status clade_merge_levels_init(clade_merge_space *space)
{
    const size_t n_levels = space->sites.n_levels, n_genes = space->genes.n_genes;
    if (n_levels < 2)
        return CLADE_OK;
    space->levels = clade_calloc(n_levels, sizeof *space->levels);
    space->tied = clade_calloc(n_levels * n_genes, sizeof *space->tied);
    if (!space->levels || !space->tied)
        return clade_fail_memory(n_levels * n_genes * sizeof *space->tied, "the levels of a space");
    for (size_t level = 0; level < n_levels; level++) {
        size_t *group = space->tied + level * n_genes;
        const size_t n_groups = tie_all(space, level, group);
        /* Where nothing is untied, the finer name is the level's. */
        if (space->n_levels > 0 && space->levels[space->n_levels - 1].n_groups >= n_groups)
            space->n_levels--;
        clade_space_level *made = &space->levels[space->n_levels++];
        *made = (clade_space_level){.group = group, .n_groups = n_groups};
        snprintf(made->name, sizeof made->name, "%s", space->sites.levels[level].name);
    }
    return CLADE_OK;
}

const clade_space_level *clade_merge_space_levels(const clade_merge_space *space, size_t *n_levels)
{
    *n_levels = space->n_levels;
    return space->levels;
}
