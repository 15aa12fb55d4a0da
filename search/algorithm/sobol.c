/* Scrambled Sobol' points (Sobol' 1967; Joe & Kuo 2008), the quasi-random yardstick: the first individuals, then points
 * that fill the space of genomes more evenly than uniform ones.
 *
 * Scrambling (Matousek 1998, "On the L2-discrepancy for anchored boxes", random linear scrambling with a digital shift)
 * is keyed by the seed, so that seeds give independent runs, each still one point in every interval of length 2^-k per
 * block of 2^k and gene. Categories, integers and seeds take equal bins of the unit interval. Genes beyond the table of
 * directions (CLADE_SOBOL_DIMENSIONS) are uniform: quasi-random points in so many dimensions are no better. A variant
 * of a child other than the first is uniform too, because the point after it belongs to the next child. */
#include <math.h>
#include <stdio.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/sobol_sequence.h"

typedef struct sobol_dimension {
    uint32_t directions[CLADE_SOBOL_BITS]; /* scrambled */
    uint32_t shift;
} sobol_dimension;

typedef struct sobol {
    clade_search_problem problem;
    sobol_dimension *dimensions; /* (n_dimensions), of the first genes */
    size_t n_dimensions;
    uint64_t points; /* of the sequence that were asked for, that of LAST included */
    uint64_t last;   /* the child that was asked for last: asked again, it is the same point */
} sobol;

static void destroy(void *state)
{
    sobol *s = state;
    if (!s)
        return;
    clade_free(s->dimensions);
    clade_free(s);
}

/* The bits of X that are ones in MASK, added modulo 2. */
static uint32_t parity(uint32_t x, uint32_t mask)
{
    x &= mask;
    for (unsigned half = CLADE_SOBOL_BITS / 2; half > 0; half /= 2)
        x ^= x >> half;
    return x & 1;
}

/* Each output bit is that bit plus a random sum of the bits above it: a lower triangular matrix with ones on the
 * diagonal, so intervals are only permuted. The scramble is a key of its own, not of a child: UINT64_MAX is none. */
static void scramble(sobol_dimension *d, size_t dimension, uint64_t seed)
{
    uint32_t plain[CLADE_SOBOL_BITS];
    clade_sobol_directions(dimension, plain);
    clade_rng rng = clade_child_rng(seed, UINT64_MAX, dimension, CLADE_DRAW_SAMPLE);
    for (size_t k = 0; k < CLADE_SOBOL_BITS; k++)
        d->directions[k] = 0;
    for (unsigned bit = 0; bit < CLADE_SOBOL_BITS; bit++) { /* from the highest */
        const uint32_t diagonal = UINT32_C(1) << (CLADE_SOBOL_BITS - 1 - bit);
        const uint32_t above = ~(diagonal | (diagonal - 1));
        const uint32_t row = diagonal | ((uint32_t)(clade_rng_next(&rng) >> 32) & above);
        for (size_t k = 0; k < CLADE_SOBOL_BITS; k++)
            if (parity(plain[k], row) != 0)
                d->directions[k] |= diagonal;
    }
    d->shift = (uint32_t)(clade_rng_next(&rng) >> 32);
}

static clade_status allocate(void *state)
{
    sobol *s = state;
    const size_t n_genes = s->problem.space->n_genes;
    s->n_dimensions = n_genes < CLADE_SOBOL_DIMENSIONS ? n_genes : CLADE_SOBOL_DIMENSIONS;
    s->dimensions = clade_calloc(s->n_dimensions, sizeof *s->dimensions);
    if (!s->dimensions)
        return clade_fail_memory(s->n_dimensions * sizeof *s->dimensions, "Sobol' points");
    for (size_t d = 0; d < s->n_dimensions; d++)
        scramble(&s->dimensions[d], d, s->problem.seed);
    s->last = UINT64_MAX;
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(sobol), allocate, destroy, state);
}

/* UNIT in (0, 1). */
static double gene_at(const clade_gene *gene, double unit)
{
    if (gene->kind == CLADE_GENE_CATEGORY)
        return floor(unit * (gene->high + 1));
    if (gene->kind == CLADE_GENE_SEED)
        return floor(unit * 0x1p32);
    return clade_gene_from_unit(gene, unit);
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    sobol *s = state;
    if (child < s->problem.n_first) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    s->points += child != s->last;
    s->last = child;
    clade_propose_uniform(&s->problem, child, proposal);
    if (proposal->variant != 0)
        return CLADE_OK;
    for (size_t g = 0; g < s->n_dimensions; g++) {
        const sobol_dimension *d = &s->dimensions[g];
        const uint32_t x = clade_sobol_coordinate(d->directions, s->points - 1) ^ d->shift;
        proposal->genome[g] = gene_at(&s->problem.space->genes[g], ((double)x + 0.5) * 0x1p-32);
    }
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "sobol");
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    (void)state;
    (void)told;
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_sobol = {
    .name = "sobol",
    .title = "Sobol' points",
    .source = "Joe & Kuo 2008; scrambled after Matousek 1998",
    .steady = true,
    .create = create,
    .destroy = destroy,
    .needs = clade_needs_nothing,
    .ask = ask,
    .tell = tell,
};
