#include "search/space.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"

/* Both scales are infinite at an end of their domain (log at 0, logit at 0 and 1), where ranges may well end. The inner
 * coordinate is cut there; the ends themselves are still reached, because from_unit maps 0 and 1 to the bounds. */
static const double LOGIT_MARGIN = 1e-3; /* logit(1e-3) = -6.9 */
static const double LOG_DECADES = 1e-6;  /* of the upper bound */

static const double SEED_LIMIT = 4294967295.0;

bool clade_gene_active(const clade_space *space, const double *genome, size_t gene)
{
    return !space->has_category || gene == 0 || (space->genes[gene].active_in >> (unsigned)genome[0] & 1) != 0;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double to_scale(const clade_gene *gene, double value)
{
    if (gene->scale == CLADE_LOG_SCALE) {
        const double least = gene->high * LOG_DECADES;
        return log(value > least ? value : least);
    }
    if (gene->scale == CLADE_LOGIT_SCALE) {
        const double share = clamp(value, LOGIT_MARGIN, 1 - LOGIT_MARGIN);
        return log(share / (1 - share));
    }
    return value;
}

static double from_scale(const clade_gene *gene, double scaled)
{
    if (gene->scale == CLADE_LOG_SCALE)
        return exp(scaled);
    if (gene->scale == CLADE_LOGIT_SCALE)
        return 1 / (1 + exp(-scaled));
    return scaled;
}

double clade_gene_to_unit(const clade_gene *gene, double value)
{
    value = clamp(value, gene->low, gene->high);
    /* Integers sit in the middle of equal bins, so that uniform units give uniform integers. */
    if (gene->kind == CLADE_GENE_INTEGER)
        return (value - gene->low + 0.5) / (gene->high - gene->low + 1);
    if (!(value > gene->low))
        return 0;
    if (!(value < gene->high))
        return 1;
    const double low = to_scale(gene, gene->low), high = to_scale(gene, gene->high);
    if (!(low < high)) /* the whole range lies in the margin */
        return (value - gene->low) / (gene->high - gene->low);
    return clamp((to_scale(gene, value) - low) / (high - low), 0, 1);
}

double clade_gene_from_unit(const clade_gene *gene, double unit)
{
    if (gene->kind == CLADE_GENE_INTEGER)
        return clamp(gene->low + floor(unit * (gene->high - gene->low + 1)), gene->low, gene->high);
    if (!(unit > 0))
        return gene->low;
    if (!(unit < 1))
        return gene->high;
    const double low = to_scale(gene, gene->low), high = to_scale(gene, gene->high);
    if (!(low < high))
        return clamp(gene->low + unit * (gene->high - gene->low), gene->low, gene->high);
    return clamp(from_scale(gene, low + unit * (high - low)), gene->low, gene->high);
}

void clade_space_sample(const clade_space *space, clade_rng *rng, double *genome)
{
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (gene->kind == CLADE_GENE_CATEGORY)
            genome[g] = (double)clade_rng_below(rng, (uint64_t)gene->high + 1);
        else if (gene->kind == CLADE_GENE_SEED)
            genome[g] = (double)(clade_rng_next(rng) >> 32);
        else
            genome[g] = clade_gene_from_unit(gene, clade_rng_uniform(rng));
    }
}

bool clade_space_holds(const clade_space *space, const double *genome)
{
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        const double low = gene->kind == CLADE_GENE_SEED ? 0 : gene->low;
        const double high = gene->kind == CLADE_GENE_SEED ? SEED_LIMIT : gene->high;
        if (!(genome[g] >= low && genome[g] <= high))
            return false;
        if (gene->kind != CLADE_GENE_REAL && floor(genome[g]) < genome[g])
            return false;
    }
    return true;
}

void clade_space_fini(clade_space *space)
{
    for (size_t g = 0; g < space->n_genes; g++)
        clade_free(space->genes[g].name);
    clade_free(space->genes);
    memset(space, 0, sizeof *space);
}
