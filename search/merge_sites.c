/* Where a value may differ: sites from the names and depths of tensors, and the rules that say so in a recipe. */
#include "search/merge_parts.h"

#include <string.h>

#include "clade/alloc.h"

static const char *tensor_name(const clade_family *family, size_t index)
{
    return clade_family_at(family, index)->name;
}

static bool is_in_block(clade_depth depth)
{
    return depth.block >= 0 && depth.block < depth.n_blocks;
}

static bool same_depth(clade_depth a, clade_depth b)
{
    /* Whatever lies before or after its stack is one place, in whichever tower. */
    if (a.block < 0 || b.block < 0)
        return a.block < 0 && b.block < 0;
    const bool a_after = a.block >= a.n_blocks, b_after = b.block >= b.n_blocks;
    return a_after || b_after ? a_after && b_after : a.block == b.block && a.n_blocks == b.n_blocks;
}

/* What the tensors of a family lie in, besides blocks. */
typedef struct layout {
    const clade_family *family;
    clade_site_kind kind; /* of the sites */
    size_t blocks;        /* of the highest tower */
    bool before;          /* some tensor lies before its stack */
} layout;

static layout layout_of(const clade_family *family, clade_site_kind kind)
{
    layout made = {.family = family, .kind = kind};
    for (size_t i = 0; i < clade_family_count(family); i++) {
        const clade_depth depth = clade_family_depth(family, i);
        made.before |= depth.block < 0;
        if (depth.n_blocks > 0 && (size_t)depth.n_blocks > made.blocks)
            made.blocks = (size_t)depth.n_blocks;
    }
    return made;
}

/* The site of a "layer" space: "before" where there are such tensors, then the blocks, then "after". A block number
 * that several towers have is one site. */
static size_t layer_of(const layout *self, size_t index)
{
    const clade_depth depth = clade_family_depth(self->family, index);
    if (depth.block < 0)
        return 0;
    return self->before + (is_in_block(depth) ? (size_t)depth.block : self->blocks);
}

/* Outside of the stack there is one site, whatever the module. */
static clade_module module_of(const layout *self, size_t index)
{
    const clade_depth depth = clade_family_depth(self->family, index);
    if (self->kind < CLADE_SITES_MODULE || !is_in_block(depth))
        return 0;
    return clade_module_of(tensor_name(self->family, index), &depth);
}

/* ---- patterns ---- */

/* PATTERN matches only tensors that may share a rule with tensor INDEX. */
static bool is_exclusive(const layout *self, const char *pattern, size_t index)
{
    const clade_depth depth = clade_family_depth(self->family, index);
    for (size_t i = 0; i < clade_family_count(self->family); i++)
        if (clade_pattern_matches(pattern, tensor_name(self->family, i)) &&
            (!same_depth(clade_family_depth(self->family, i), depth) || module_of(self, i) != module_of(self, index)))
            return false;
    return true;
}

/* "vision_model.encoder.layers.3.*" for a tensor of block 3, "vision_model.encoder.layers.3.mlp.*" for one of its MLP:
 * cut after the first dot, from the block's number on, where such a cut is exclusive; the name itself when there is
 * none, and for tensors outside the stack. Owned; NULL without memory. */
static char *pattern_of(const layout *self, size_t index)
{
    const char *name = tensor_name(self->family, index);
    const clade_depth depth = clade_family_depth(self->family, index);
    const char *dot = is_in_block(depth) ? strchr(name + depth.stack_length, '.') : NULL;
    for (; dot; dot = strchr(dot + 1, '.')) {
        const size_t kept = (size_t)(dot - name) + 1; /* with the dot */
        char *pattern = clade_malloc(kept + 2);
        if (!pattern)
            return NULL;
        memcpy(pattern, name, kept);
        memcpy(pattern + kept, "*", 2);
        if (is_exclusive(self, pattern, index))
            return pattern;
        clade_free(pattern);
    }
    return clade_strdup(name);
}

/* ---- layers, modules, tensors ---- */

/* A rule for tensor INDEX among the rules of the last site, those from FIRST_GROUP on: blocks of towers of different
 * heights are at different depths, which a curve feels. */
static clade_status add_to_rule(clade_sites *sites, const layout *self, size_t index, size_t first_group)
{
    const char *name = tensor_name(self->family, index);
    const double depth = clade_site_depth(clade_family_depth(self->family, index));
    size_t g = first_group;
    while (g < sites->n_groups && (sites->groups[g].depth < depth || sites->groups[g].depth > depth))
        g++;
    if (g == sites->n_groups)
        CLADE_TRY(clade_sites_add_group(sites, sites->n_sites - 1, depth));
    if (clade_site_group_matches(&sites->groups[g], name))
        return CLADE_OK;
    return clade_sites_add_pattern(&sites->groups[g],
                                   self->kind == CLADE_SITES_TENSOR ? clade_strdup(name) : pattern_of(self, index));
}

static clade_status add_cell_site(clade_sites *sites, const layout *self, clade_site site, const char *tensor)
{
    if (self->kind == CLADE_SITES_TENSOR)
        return clade_sites_add(sites, site, "%s", tensor);
    if (self->before && site.layer == 0)
        return clade_sites_add(sites, site, "before");
    if (site.layer == self->before + self->blocks)
        return clade_sites_add(sites, site, "after");
    const bool module = self->kind == CLADE_SITES_MODULE;
    return clade_sites_add(sites, site, "layer %zu%s%s", site.layer - self->before, module ? " " : "",
                           module ? clade_module_name(site.module) : "");
}

/* The site or, when sites are tensors, the sites of one layer and module. */
static clade_status add_cell(clade_sites *sites, const layout *self, size_t layer, clade_module module)
{
    const size_t number = layer + 1 - self->before, places = self->blocks + 1;
    const clade_site site = {
        .layer = layer, .module = module, .depth = self->blocks > 0 ? (double)number / (double)places : CLADE_NO_DEPTH};
    size_t first_group = SIZE_MAX;
    for (size_t i = 0; i < clade_family_count(self->family); i++) {
        const clade_tensor *tensor = clade_family_at(self->family, i);
        if (layer_of(self, i) != layer || module_of(self, i) != module)
            continue;
        if (self->kind == CLADE_SITES_TENSOR && !clade_is_merged(tensor))
            continue;
        if (first_group == SIZE_MAX || self->kind == CLADE_SITES_TENSOR) {
            CLADE_TRY(add_cell_site(sites, self, site, tensor->name));
            first_group = sites->n_groups;
        }
        CLADE_TRY(add_to_rule(sites, self, i, first_group));
    }
    return CLADE_OK;
}

/* Integer tensors need a rule, though they are copied: that of the first site. */
static clade_status add_copied(clade_sites *sites, const clade_family *family)
{
    for (size_t i = 0; i < clade_family_count(family); i++)
        if (!clade_is_merged(clade_family_at(family, i))) {
            if (sites->n_groups == 0) { /* nothing to merge at all */
                CLADE_TRY(clade_sites_add(sites, (clade_site){.depth = CLADE_NO_DEPTH}, "model"));
                CLADE_TRY(clade_sites_add_group(sites, 0, CLADE_NO_DEPTH));
            }
            CLADE_TRY(clade_sites_add_pattern(&sites->groups[0], clade_strdup(tensor_name(family, i))));
        }
    return CLADE_OK;
}

static clade_status add_cells(clade_sites *sites, const layout *self)
{
    const size_t n_layers = self->before + self->blocks + 1;
    const int n_modules = self->kind < CLADE_SITES_MODULE ? 1 : CLADE_MODULES;
    for (size_t layer = 0; layer < n_layers; layer++)
        for (int module = 0; module < n_modules; module++)
            CLADE_TRY(add_cell(sites, self, layer, (clade_module)module));
    return self->kind == CLADE_SITES_TENSOR ? add_copied(sites, self->family) : CLADE_OK;
}

static clade_status add_knots(clade_sites *sites, size_t knots)
{
    sites->curve = true;
    clade_sites_clear(sites);
    for (size_t k = 0; k < knots; k++) {
        const clade_site site = {.depth = (double)k / (double)(knots - 1)};
        CLADE_TRY(clade_sites_add(sites, site, "knot %zu", k));
    }
    return CLADE_OK;
}

static clade_status add_model(clade_sites *sites)
{
    CLADE_TRY(clade_sites_add(sites, (clade_site){.depth = CLADE_NO_DEPTH}, "model"));
    CLADE_TRY(clade_sites_add_group(sites, 0, CLADE_NO_DEPTH));
    return clade_sites_add_pattern(&sites->groups[0], clade_strdup("*"));
}

/* ---- all of them ---- */

static void read_levels(clade_sites *sites, const char *specification, size_t blocks)
{
    if (strcmp(specification, "auto") == 0)
        specification = blocks > 0 ? "model,depth:3,layer,module" : "model,tensor";
    sites->n_levels = clade_site_levels_parse(specification, sites->levels);
    if (sites->n_levels == 0) { /* "groups" */
        sites->levels[0] = (clade_site_level){.kind = CLADE_SITES_NAMED, .name = "groups"};
        sites->n_levels = 1;
    }
}

static void check_levels(const clade_sites *sites, size_t blocks, clade_problems *problems)
{
    for (size_t l = 0; l < sites->n_levels; l++) {
        const clade_site_level *level = &sites->levels[l];
        const bool in_stack = level->kind >= CLADE_SITES_DEPTH && level->kind <= CLADE_SITES_MODULE;
        if (in_stack && blocks == 0)
            clade_problem(
                problems,
                "space.sites: \"%s\" needs a stack of blocks, but no tensor of the parents has a block number in its "
                "name; expected \"model\" or \"tensor\"",
                level->name);
        else if (level->knots > blocks + 2)
            clade_problem(problems,
                          "space.sites: found \"%s\", expected at most %zu knots: the parents have %zu blocks",
                          level->name, blocks + 2, blocks);
    }
}

clade_status clade_sites_init(clade_sites *sites, const clade_merge_space_plan *plan, const clade_family *family,
                              clade_problems *problems)
{
    layout self = layout_of(family, CLADE_SITES_MODEL);
    read_levels(sites, plan->sites, self.blocks);
    check_levels(sites, self.blocks, problems);
    if (problems->count > 0)
        return CLADE_OK;
    const clade_site_level *finest = &sites->levels[sites->n_levels - 1];
    self.kind = finest->kind;
    if (finest->kind == CLADE_SITES_MODEL)
        CLADE_TRY(add_model(sites));
    else if (finest->kind == CLADE_SITES_NAMED)
        CLADE_TRY(clade_sites_add_named(sites, plan, family, problems));
    else
        CLADE_TRY(add_cells(sites, &self));
    if (finest->kind == CLADE_SITES_DEPTH)
        CLADE_TRY(add_knots(sites, finest->knots));
    clade_sites_rank(sites);
    return CLADE_OK;
}
