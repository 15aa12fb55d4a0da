#include "search/algorithm/mix.h"

#include <math.h>
#include <string.h>

static bool same(double a, double b)
{
    return !(a < b) && !(a > b);
}

static bool is_number(const clade_gene *gene)
{
    return gene->kind == CLADE_GENE_REAL || gene->kind == CLADE_GENE_INTEGER;
}

/* SHARE of A and the rest of B. There and back through the scale would change the last bits of what is the same. */
static double mix(const clade_gene *gene, double a, double b, double share)
{
    if (same(a, b) || same(share, 1))
        return a;
    if (same(share, 0))
        return b;
    if (!is_number(gene))
        return share >= 0.5 ? a : b;
    const double u = share * clade_gene_to_unit(gene, a) + (1 - share) * clade_gene_to_unit(gene, b);
    return clade_gene_from_unit(gene, u);
}

void clade_mix_parents(const clade_space *space, const double *a, const double *b, const double *share, double *genome)
{
    double mean = 0;
    for (size_t g = 0; g < space->n_genes; g++)
        mean += share[g] / (double)space->n_genes;
    memcpy(genome, mean >= 0.5 ? a : b, space->n_genes * sizeof *genome);
    for (size_t g = space->has_category; g < space->n_genes; g++) {
        if (!clade_gene_active(space, genome, g))
            continue;
        const bool in_a = clade_gene_active(space, a, g), in_b = clade_gene_active(space, b, g);
        if (in_a && in_b)
            genome[g] = mix(&space->genes[g], a[g], b[g], share[g]);
        else
            genome[g] = in_a ? a[g] : b[g];
    }
}

static double reflect(double u)
{
    const double inside = u < 0 ? -u : u > 1 ? 2 - u : u;
    return inside < 0 ? 0 : inside > 1 ? 1 : inside;
}

void clade_normal_step(const clade_space *space, double sigma, double rate, clade_rng *rng, double *genome)
{
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (!is_number(gene) || !clade_gene_active(space, genome, g))
            continue;
        const bool chosen = clade_rng_uniform(rng) < rate;
        const double step = sigma * clade_rng_normal(rng), place = clade_rng_uniform(rng) - 0.5;
        if (!chosen)
            continue;
        /* From a place drawn within the bin of an integer, so that small steps leave it now and then. */
        const double bin = gene->kind == CLADE_GENE_INTEGER ? 1 / (gene->high - gene->low + 1) : 0;
        genome[g] = clade_gene_from_unit(gene, reflect(clade_gene_to_unit(gene, genome[g]) + place * bin + step));
    }
}
