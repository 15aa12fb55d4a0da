/* Variation that knows what the genes of a merge mean: which parent's coefficient, at which depth, of which method. */
#include <math.h>
#include <string.h>

#include "search/variation.h"

static const double SMALLEST_STEP = 0.005, LARGEST_STEP = 0.2; /* of the range, in unit scale */
static const double COMMON_SHARE = 0.5; /* of the variance of a correlated step, common to the parents */

static bool is_number(const clade_gene *gene)
{
    return gene->kind == CLADE_GENE_REAL || gene->kind == CLADE_GENE_INTEGER;
}

static bool changed(double a, double b)
{
    return a < b || a > b;
}

/* Into [0, 1], by reflection at the bounds. */
static double reflect(double unit)
{
    const double folded = fabs(fmod(unit, 2));
    return folded > 1 ? 2 - folded : folded;
}

static double draw_size(clade_rng *rng)
{
    return SMALLEST_STEP * pow(LARGEST_STEP / SMALLEST_STEP, clade_rng_uniform(rng));
}

/* CHILD's gene moves by STEP; true when that changed it. */
static bool move(const clade_space *space, size_t gene, double step, double *child)
{
    const clade_gene *g = &space->genes[gene];
    const double former = child[gene];
    child[gene] = clade_gene_from_unit(g, reflect(clade_gene_to_unit(g, former) + step));
    return changed(child[gene], former);
}

/* A gene that FITS, uniformly among those; n_genes when there is none. */
static size_t pick(const clade_space *space, const double *genome, bool (*fits)(const clade_gene *), clade_rng *rng)
{
    size_t count = 0;
    for (size_t g = 0; g < space->n_genes; g++)
        count += fits(&space->genes[g]) && clade_gene_active(space, genome, g);
    if (count == 0)
        return space->n_genes;
    uint64_t left = clade_rng_below(rng, count);
    for (size_t g = 0; g < space->n_genes; g++)
        if (fits(&space->genes[g]) && clade_gene_active(space, genome, g) && left-- == 0)
            return g;
    return space->n_genes;
}

static bool of_a_parent(const clade_gene *gene)
{
    return is_number(gene) && gene->slot > 0 && gene->parent >= 0;
}

static bool at_a_site(const clade_gene *gene)
{
    return is_number(gene) && gene->slot > 0 && gene->site >= 0;
}

bool clade_correlated_step(const clade_space *space, const double *mother, clade_rng *rng, double *child)
{
    memcpy(child, mother, space->n_genes * sizeof *child);
    const size_t chosen = pick(space, mother, of_a_parent, rng);
    if (chosen == space->n_genes)
        return false;
    const int slot = space->genes[chosen].slot, site = space->genes[chosen].site;
    const double size = draw_size(rng), common = sqrt(COMMON_SHARE) * clade_rng_normal(rng);
    bool any = false;
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (!of_a_parent(gene) || gene->slot != slot || gene->site != site || !clade_gene_active(space, mother, g))
            continue;
        any |= move(space, g, size * (common + sqrt(1 - COMMON_SHARE) * clade_rng_normal(rng)), child);
    }
    return any;
}

static int count_sites(const clade_space *space)
{
    int last = -1;
    for (size_t g = 0; g < space->n_genes; g++)
        if (space->genes[g].slot > 0 && space->genes[g].site > last)
            last = space->genes[g].site;
    return last + 1;
}

bool clade_smooth_step(const clade_space *space, const double *mother, clade_rng *rng, double *child)
{
    memcpy(child, mother, space->n_genes * sizeof *child);
    const size_t chosen = pick(space, mother, at_a_site, rng);
    const int sites = count_sites(space);
    if (chosen == space->n_genes || sites < 3)
        return false;
    const clade_gene *centre = &space->genes[chosen];
    const double height = draw_size(rng) * clade_rng_normal(rng);
    const double width = 0.5 + clade_rng_uniform(rng) * (double)sites / 3; /* from one site to a third of the depth */
    bool any = false;
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (!at_a_site(gene) || gene->slot != centre->slot || gene->parent != centre->parent ||
            !clade_gene_active(space, mother, g))
            continue;
        const double distance = (double)(gene->site - centre->site) / width;
        any |= move(space, g, height * exp(-0.5 * distance * distance), child);
    }
    return any;
}

/* CHILD's gene between MOTHER's (share 1) and FATHER's (share 0), beyond them where SHARE is beyond. */
static bool mix(const clade_space *space, size_t gene, const double *mother, const double *father, double share,
                double *child)
{
    const clade_gene *g = &space->genes[gene];
    if (!is_number(g) || !clade_gene_active(space, mother, gene) || !clade_gene_active(space, father, gene) ||
        !changed(mother[gene], father[gene]))
        return false;
    const double a = clade_gene_to_unit(g, mother[gene]), b = clade_gene_to_unit(g, father[gene]);
    const double unit = b + share * (a - b);
    child[gene] = clade_gene_from_unit(g, unit < 0 ? 0 : unit > 1 ? 1 : unit);
    return changed(child[gene], mother[gene]);
}

bool clade_blend(const clade_space *space, const double *mother, const double *father, clade_rng *rng, double *child)
{
    memcpy(child, mother, space->n_genes * sizeof *child);
    const double share = 1.25 - 1.5 * clade_rng_uniform(rng);
    bool any = false;
    for (size_t g = 0; g < space->n_genes; g++)
        any |= mix(space, g, mother, father, share, child);
    return any;
}

bool clade_split_crossover(const clade_space *space, const double *mother, const double *father, clade_rng *rng,
                           double *child)
{
    memcpy(child, mother, space->n_genes * sizeof *child);
    const int sites = count_sites(space);
    const uint64_t places = sites >= 2 ? (uint64_t)sites : space->n_genes;
    if (places < 2)
        return false;
    const uint64_t split = 1 + clade_rng_below(rng, places - 1);
    const double w = clade_rng_uniform(rng);
    bool any = false;
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (sites >= 2 && (gene->slot == 0 || gene->site < 0))
            continue;
        const uint64_t place = sites >= 2 ? (uint64_t)gene->site : g;
        any |= mix(space, g, mother, father, place < split ? w : 1 - w, child);
    }
    return any;
}

bool clade_switch_method(const clade_space *space, const double *mother, const double *donor, uint64_t category,
                         double *child)
{
    memcpy(child, mother, space->n_genes * sizeof *child);
    if (!space->has_category || !changed(mother[0], (double)category))
        return false;
    child[0] = (double)category;
    for (size_t g = 1; donor && g < space->n_genes; g++)
        if (clade_gene_active(space, child, g) && !clade_gene_active(space, mother, g))
            child[g] = donor[g];
    return true;
}
