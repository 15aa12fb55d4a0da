#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/merge_parts.h"

bool clade_is_strength(const clade_parameter *parameter)
{
    return parameter->scope == CLADE_PER_SITE &&
           (strcmp(parameter->name, "lambda") == 0 || strcmp(parameter->name, "t") == 0);
}

bool clade_is_weight(const clade_parameter *parameter)
{
    return parameter->scope == CLADE_PER_PARENT && strcmp(parameter->name, "weight") == 0;
}

static bool is_drop(const clade_method *method, const clade_parameter *parameter)
{
    return method->uses_masks && strcmp(parameter->name, "density") == 0;
}

const char *clade_slot_name(const clade_method *method, const clade_parameter *parameter)
{
    return is_drop(method, parameter) ? "drop_rate" : parameter->name;
}

static clade_slot *find_slot(const clade_merge_space *space, const char *name, clade_parameter_scope scope)
{
    for (size_t s = 0; s < space->n_slots; s++)
        if (strcmp(space->slots[s].name, name) == 0 && space->slots[s].parameter->scope == scope)
            return &space->slots[s];
    return NULL;
}

const clade_slot *clade_slot_find(const clade_merge_space *space, size_t method, const clade_parameter *parameter)
{
    const clade_slot *slot = find_slot(space, clade_slot_name(space->methods[method], parameter), parameter->scope);
    return slot && (slot->methods >> method & 1) != 0 ? slot : NULL;
}

double clade_slot_default(const clade_slot *slot)
{
    const double value = slot->parameter->default_value;
    if (isnan(value))
        return slot->low + (slot->high - slot->low) / 2;
    return slot->drop ? 1 - value : value;
}

double clade_unsearched(const clade_parameter *parameter)
{
    return isnan(parameter->default_value) ? parameter->search_low : parameter->default_value;
}

/* Search range or hard limits, seen through the complement when the gene is a drop rate. */
static void flip(bool drop, double *low, double *high)
{
    if (!drop)
        return;
    const double former_low = *low;
    *low = 1 - *high;
    *high = 1 - former_low;
}

static const clade_range_override *find_range(const clade_range_override *ranges, size_t count, const char *name)
{
    for (size_t r = 0; r < count; r++)
        if (strcmp(ranges[r].parameter, name) == 0)
            return &ranges[r];
    return NULL;
}

/* One parameter of one method: it joins the slot of its name and scope, or starts one. */
static void add_parameter(clade_merge_space *space, size_t method, const clade_parameter *parameter,
                          const clade_range_override *range)
{
    const clade_method *m = space->methods[method];
    const bool drop = is_drop(m, parameter);
    double low = parameter->search_low, high = parameter->search_high;
    flip(drop, &low, &high);
    if (range) {
        low = range->low;
        high = range->high;
    } else if (!(low < high)) {
        return; /* the method's default, in every recipe */
    }
    clade_slot *slot = find_slot(space, clade_slot_name(m, parameter), parameter->scope);
    if (!slot) {
        slot = &space->slots[space->n_slots++];
        *slot = (clade_slot){
            .name = clade_slot_name(m, parameter), .parameter = parameter, .drop = drop, .low = low, .high = high};
    }
    /* Methods that search different ranges of one gene share their union; decode keeps each within its hard limits. */
    slot->low = low < slot->low ? low : slot->low;
    slot->high = high > slot->high ? high : slot->high;
    slot->searched = slot->low < slot->high;
    slot->methods |= UINT64_C(1) << method;
}

static clade_status make_slots(clade_merge_space *space, const clade_range_override *ranges, size_t n_ranges)
{
    size_t most = 0;
    for (size_t m = 0; m < space->n_methods; m++)
        most += space->methods[m]->n_parameters;
    space->slots = clade_calloc(most, sizeof *space->slots);
    if (!space->slots)
        return clade_fail_memory(most * sizeof *space->slots, "the parameters of a space");
    for (size_t m = 0; m < space->n_methods; m++)
        for (size_t p = 0; p < space->methods[m]->n_parameters; p++) {
            const clade_parameter *parameter = &space->methods[m]->parameters[p];
            const char *name = clade_slot_name(space->methods[m], parameter);
            add_parameter(space, m, parameter, find_range(ranges, n_ranges, name));
        }
    for (size_t s = 0; s < space->n_slots; s++)
        space->slots[s].by_site = space->sites.n_sites > 1 && !space->product && space->slots[s].searched &&
                                  space->slots[s].parameter->scope != CLADE_PER_RECIPE;
    return CLADE_OK;
}

/* ---- genes ---- */

static size_t genes_of(const clade_merge_space *space, const clade_slot *slot)
{
    if (!slot->searched)
        return 0;
    const size_t parents = slot->parameter->scope == CLADE_PER_PARENT ? space->n_parents : 1;
    return parents * (slot->by_site ? space->sites.n_sites : 1);
}

/* Append GENE under a printed name; false without memory. The array has room for all. */
CLADE_PRINTF(3, 4)
static bool add_gene(clade_space *genes, clade_gene gene, const char *format, ...)
{
    char name[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    gene.name = clade_strdup(name);
    if (gene.name)
        genes->genes[genes->n_genes++] = gene;
    return gene.name != NULL;
}

static bool add_slot_genes(clade_merge_space *space, clade_slot *slot)
{
    if (!slot->searched)
        return true;
    const clade_parameter *parameter = slot->parameter;
    clade_space *genes = &space->genes;
    clade_gene gene = {.kind = parameter->kind == CLADE_REAL ? CLADE_GENE_REAL : CLADE_GENE_INTEGER,
                       .scale =
                           slot->drop && parameter->scale == CLADE_LOG_SCALE ? CLADE_LINEAR_SCALE : parameter->scale,
                       .low = slot->low,
                       .high = slot->high,
                       .active_in = genes->has_category ? slot->methods : UINT64_MAX};
    const bool per_parent = parameter->scope == CLADE_PER_PARENT;
    const size_t n_sites = slot->by_site ? space->sites.n_sites : 1;
    bool added = true;
    slot->gene = genes->n_genes;
    gene.slot = (int)(slot - space->slots) + 1;
    for (size_t p = 0; p < (per_parent ? space->n_parents : 1); p++)
        for (size_t s = 0; s < n_sites && added; s++) {
            gene.parent = per_parent ? (int)p : -1;
            gene.site = slot->by_site ? (int)space->sites.list[s].rank : -1;
            added = add_gene(genes, gene, "%s%s%s%s%s", slot->name, per_parent ? "." : "",
                             per_parent ? space->parent_names[p] : "", slot->by_site ? "@" : "",
                             slot->by_site ? space->sites.list[s].name : "");
        }
    return added;
}

static uint64_t masked_methods(const clade_merge_space *space)
{
    uint64_t methods = 0;
    for (size_t m = 0; m < space->n_methods; m++)
        methods |= (uint64_t)space->methods[m]->uses_masks << m;
    return methods;
}

static uint64_t methods_with_strength(const clade_merge_space *space)
{
    uint64_t methods = 0;
    for (size_t m = 0; m < space->n_methods; m++)
        for (size_t p = 0; p < space->methods[m]->n_parameters; p++)
            methods |= (uint64_t)clade_is_strength(&space->methods[m]->parameters[p]) << m;
    return methods;
}

static bool add_factor_genes(clade_merge_space *space)
{
    const uint64_t methods = methods_with_strength(space);
    space->has_factors = space->product && space->sites.n_sites > 1 && methods != 0;
    space->factor_gene = space->genes.n_genes;
    clade_gene gene = {.kind = CLADE_GENE_REAL,
                       .low = CLADE_FACTOR_LOW,
                       .high = CLADE_FACTOR_HIGH,
                       .active_in = space->genes.has_category ? methods : UINT64_MAX,
                       .slot = (int)space->n_slots + 1,
                       .parent = -1};
    bool added = true;
    for (size_t s = 0; space->has_factors && s < space->sites.n_sites && added; s++) {
        gene.site = (int)space->sites.list[s].rank;
        added = add_gene(&space->genes, gene, "strength@%s", space->sites.list[s].name);
    }
    return added;
}

clade_status clade_merge_genes_init(clade_merge_space *space, const clade_range_override *ranges, size_t n_ranges)
{
    CLADE_TRY(make_slots(space, ranges, n_ranges));
    size_t most = 2 + space->sites.n_sites; /* method, seed, factors */
    for (size_t s = 0; s < space->n_slots; s++)
        most += genes_of(space, &space->slots[s]);
    clade_space *genes = &space->genes;
    genes->genes = clade_calloc(most, sizeof *genes->genes);
    if (!genes->genes)
        return clade_fail_memory(most * sizeof *genes->genes, "the genes of a space");
    genes->has_category = space->n_methods > 1;
    const clade_gene method = {
        .kind = CLADE_GENE_CATEGORY, .high = (double)space->n_methods - 1, .active_in = UINT64_MAX};
    bool added = !genes->has_category || add_gene(genes, method, "method");
    for (size_t s = 0; s < space->n_slots && added; s++)
        added = add_slot_genes(space, &space->slots[s]);
    added = added && add_factor_genes(space);
    const uint64_t masked = masked_methods(space);
    space->has_seed = masked != 0;
    space->seed_gene = genes->n_genes;
    const clade_gene seed = {
        .kind = CLADE_GENE_SEED, .high = 4294967295.0, .active_in = genes->has_category ? masked : UINT64_MAX};
    added = added && (!space->has_seed || add_gene(genes, seed, "seed"));
    return added ? CLADE_OK : clade_fail_memory(most * sizeof(clade_gene), "the names of genes");
}

void clade_merge_defaults(const clade_merge_space *space, double *genome)
{
    for (size_t g = 0; g < space->genes.n_genes; g++)
        genome[g] = 0;
    for (size_t s = 0; s < space->n_slots; s++) {
        const clade_slot *slot = &space->slots[s];
        double value = clade_slot_default(slot);
        value = value < slot->low ? slot->low : value > slot->high ? slot->high : value;
        for (size_t g = 0; g < genes_of(space, slot); g++)
            genome[slot->gene + g] = value;
    }
    for (size_t f = 0; f < space->sites.n_sites && space->has_factors; f++)
        genome[space->factor_gene + f] = 1;
}
