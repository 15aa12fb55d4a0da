#include "search/variation.h"

#include <math.h>
#include <string.h>

/* A category decides what all other genes mean, so a child of another category than its parent is mostly a step in the
 * dark. It takes the father's with this probability (not 1/2, as a seed does) and mutates with this share of the rate
 * of a gene. Measured with NSGA-II on mixmerge: hypervolume 3.42 instead of 3.33 after 600 evaluations. */
static const double CATEGORY_CROSSOVER = 0.25, CATEGORY_MUTATION = 0.1;

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* The spread factor beta_q of bounded SBX for one child; GAP is the distance from the parents to that child's bound, in
 * units of the parents' distance. */
static double spread_factor(double gap, double eta, double u)
{
    const double beta = 1 + 2 * gap;
    const double alpha = 2 - pow(beta, -(eta + 1));
    return u <= 1 / alpha ? pow(u * alpha, 1 / (eta + 1)) : pow(1 / (2 - u * alpha), 1 / (eta + 1));
}

void clade_sbx(double x1, double x2, double low, double high, double eta, double u, double children[2])
{
    children[0] = x1;
    children[1] = x2;
    if (fabs(x1 - x2) <= 1e-14)
        return;
    const double y1 = x1 < x2 ? x1 : x2, y2 = x1 < x2 ? x2 : x1, distance = y2 - y1;
    children[0] = clamp(0.5 * (y1 + y2 - spread_factor((y1 - low) / distance, eta, u) * distance), low, high);
    children[1] = clamp(0.5 * (y1 + y2 + spread_factor((high - y2) / distance, eta, u) * distance), low, high);
}

double clade_polynomial_mutation(double x, double low, double high, double eta, double u)
{
    const double range = high - low, power = 1 / (eta + 1);
    const double delta1 = (x - low) / range, delta2 = (high - x) / range;
    double delta_q;
    if (u < 0.5)
        delta_q = pow(2 * u + (1 - 2 * u) * pow(1 - delta1, eta + 1), power) - 1;
    else
        delta_q = 1 - pow(2 * (1 - u) + 2 * (u - 0.5) * pow(1 - delta2, eta + 1), power);
    return clamp(x + delta_q * range, low, high);
}

clade_variation clade_variation_default(void)
{
    return (clade_variation){.crossover_eta = 15, .crossover_probability = 0.9, .mutation_eta = 20, .mutation_rate = 1};
}

static double draw_integer(const clade_gene *gene, clade_rng *rng)
{
    return gene->low + (double)clade_rng_below(rng, (uint64_t)(gene->high - gene->low) + 1);
}

/* A fresh uniform value of any kind. */
static double draw_value(const clade_gene *gene, clade_rng *rng)
{
    if (gene->kind == CLADE_GENE_SEED)
        return (double)(clade_rng_next(rng) >> 32);
    if (gene->kind == CLADE_GENE_CATEGORY)
        return draw_integer(gene, rng);
    return clade_gene_from_unit(gene, clade_rng_uniform(rng));
}

/* Another category than X, uniform over the others. */
static double draw_other(const clade_gene *gene, double x, clade_rng *rng)
{
    const uint64_t others = (uint64_t)(gene->high - gene->low);
    if (others == 0)
        return x;
    const double value = gene->low + (double)clade_rng_below(rng, others);
    return value < x ? value : value + 1;
}

static double cross(const clade_gene *gene, double mother, double father, double eta, clade_rng *rng)
{
    const bool second = clade_rng_uniform(rng) < 0.5;
    if (gene->kind == CLADE_GENE_SEED)
        return second ? father : mother;
    double children[2];
    const double u1 = clade_gene_to_unit(gene, mother), u2 = clade_gene_to_unit(gene, father);
    if (fabs(u1 - u2) <= 1e-14)
        return mother;
    clade_sbx(u1, u2, 0, 1, eta, clade_rng_uniform(rng), children);
    return clade_gene_from_unit(gene, children[second]);
}

static double mutate(const clade_gene *gene, double x, double eta, clade_rng *rng)
{
    if (gene->kind == CLADE_GENE_SEED)
        return draw_value(gene, rng);
    const double u = clade_rng_uniform(rng);
    const double value =
        clade_gene_from_unit(gene, clade_polynomial_mutation(clade_gene_to_unit(gene, x), 0, 1, eta, u));
    /* A small step on a short range of integers rounds back: then the next integer on the side of the step. */
    if (gene->kind == CLADE_GENE_INTEGER && !(value < x) && !(value > x))
        return clamp(u < 0.5 ? x - 1 : x + 1, gene->low, gene->high);
    return value;
}

static size_t count_active(const clade_space *space, const double *genome)
{
    size_t count = 0;
    for (size_t g = 0; g < space->n_genes; g++)
        count += clade_gene_active(space, genome, g);
    return count;
}

static double breed_category(const clade_gene *gene, double mother, double father, double rate, clade_rng *rng)
{
    const double value = clade_rng_uniform(rng) < CATEGORY_CROSSOVER ? father : mother;
    return clade_rng_uniform(rng) < rate * CATEGORY_MUTATION ? draw_other(gene, value, rng) : value;
}

/* One try. The category is settled first, because it decides which genes are active. */
static void breed(const clade_space *space, const clade_variation *variation, const double *mother,
                  const double *father, clade_rng *rng, double *child)
{
    memcpy(child, mother, space->n_genes * sizeof *child);
    const bool crossing = clade_rng_uniform(rng) < variation->crossover_probability;
    if (space->has_category) {
        const double rate = variation->mutation_rate / (double)count_active(space, mother);
        child[0] = breed_category(&space->genes[0], mother[0], father[0], rate, rng);
    }
    const double rate = variation->mutation_rate / (double)count_active(space, child);
    for (size_t g = space->has_category; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (!clade_gene_active(space, child, g))
            continue;
        /* A gene that came with the father's category means nothing in the mother. */
        if (!clade_gene_active(space, mother, g) && clade_gene_active(space, father, g))
            child[g] = father[g];
        else if (crossing && clade_gene_active(space, father, g) && clade_rng_uniform(rng) < 0.5)
            child[g] = cross(gene, mother[g], father[g], variation->crossover_eta, rng);
        if (clade_rng_uniform(rng) < rate)
            child[g] = mutate(gene, child[g], variation->mutation_eta, rng);
    }
}

/* The genomes mean different things: another category, or another value of an active gene. */
static bool differs(const clade_space *space, const double *a, const double *b)
{
    for (size_t g = 0; g < space->n_genes; g++)
        if (clade_gene_active(space, a, g) && (a[g] < b[g] || a[g] > b[g]))
            return true;
    return false;
}

void clade_vary(const clade_space *space, const clade_variation *variation, const double *mother, const double *father,
                clade_rng *rng, double *child)
{
    for (int attempt = 0; attempt < 16; attempt++) {
        breed(space, variation, mother, father, rng, child);
        if (differs(space, child, mother) && differs(space, child, father))
            return;
    }
    /* Resample active genes one at a time until it differs; a space of a single genome has nothing else to give. */
    for (int attempt = 0; attempt < 64 && count_active(space, child) > 0; attempt++) {
        uint64_t chosen = clade_rng_below(rng, count_active(space, child));
        for (size_t g = 0; g < space->n_genes; g++)
            if (clade_gene_active(space, child, g) && chosen-- == 0) {
                child[g] = draw_value(&space->genes[g], rng);
                break;
            }
        if (differs(space, child, mother) && differs(space, child, father))
            return;
    }
}

bool clade_differential(const clade_space *space, const double *x, const double *a, const double *b, clade_rng *rng,
                        double *child)
{
    static const double F = 0.5, CR = 0.9;
    memcpy(child, x, space->n_genes * sizeof *child);
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        if (gene->kind != CLADE_GENE_REAL && gene->kind != CLADE_GENE_INTEGER)
            continue;
        const bool active =
            clade_gene_active(space, x, g) && clade_gene_active(space, a, g) && clade_gene_active(space, b, g);
        if (!active || clade_rng_uniform(rng) >= CR)
            continue;
        const double step = F * (clade_gene_to_unit(gene, a[g]) - clade_gene_to_unit(gene, b[g]));
        if (!(step < 0) && !(step > 0)) /* there and back through the scale would change the last bits */
            continue;
        const double from = clade_gene_to_unit(gene, x[g]), to = from + step;
        child[g] = clade_gene_from_unit(gene, to < 0 ? from / 2 : to > 1 ? (from + 1) / 2 : to);
    }
    return differs(space, child, x);
}
