#include "search/algorithm/cma_genes.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"

static const double LEAST_WIDTH = 0.01; /* a prior may be wrong */
static const double LEAST_STEP_OF_BIN = 0.2;
/* Half the width of the parabolas at the bounds. Optimum in a corner, 10 genes, sphere and ellipsoid: 0.01 needs 960 and
 * 2,382 evaluations, 0.05 882 and 1,998, 0.1 819 and 1,888; pycma 966 and 2,533. Wide ones distort the range. */
static const double MARGIN = 0.05;

clade_status clade_cma_genes_init(clade_cma_genes *genes, const clade_space *space)
{
    genes->space = space;
    genes->gene = clade_calloc(space->n_genes, sizeof *genes->gene);
    genes->width = clade_calloc(space->n_genes, sizeof *genes->width);
    genes->origin = clade_calloc(space->n_genes, sizeof *genes->origin);
    if (genes->gene && genes->width && genes->origin)
        return CLADE_OK;
    clade_cma_genes_fini(genes);
    return clade_fail_memory(3 * space->n_genes * sizeof *genes->width, "the genes of CMA-ES");
}

void clade_cma_genes_fini(clade_cma_genes *genes)
{
    clade_free(genes->gene);
    clade_free(genes->width);
    clade_free(genes->origin);
    memset(genes, 0, sizeof *genes);
}

void clade_cma_genes_set_origin(clade_cma_genes *genes, const double *origin)
{
    memcpy(genes->origin, origin, genes->space->n_genes * sizeof *origin);
    genes->n = 0;
    for (size_t g = 0; g < genes->space->n_genes; g++) {
        const clade_gene *gene = &genes->space->genes[g];
        if ((gene->kind != CLADE_GENE_REAL && gene->kind != CLADE_GENE_INTEGER) || !(gene->low < gene->high) ||
            !clade_gene_active(genes->space, origin, g))
            continue;
        const double width = gene->spread > 0 ? fmin(1, gene->spread * sqrt(12)) : 1;
        genes->gene[genes->n] = g;
        genes->width[genes->n++] = width > LEAST_WIDTH ? width : LEAST_WIDTH;
    }
}

bool clade_cma_genes_fit(const clade_cma_genes *genes, const double *genome)
{
    return !genes->space->has_category || (size_t)genome[0] == (size_t)genes->origin[0];
}

/* The unit of a coordinate Y: a parabola of width 2 MARGIN at each bound, the identity between them; beyond their
 * vertices at -MARGIN and 1 + MARGIN it goes on as a mirror image, over and over. */
static double unit_of(double y)
{
    const double half = 1 + 2 * MARGIN;
    double t = fmod(fabs(y + MARGIN), 2 * half);
    t = (t > half ? 2 * half - t : t);
    if (t < 2 * MARGIN)
        return t * t / (4 * MARGIN);
    if (half - t < 2 * MARGIN)
        return 1 - (half - t) * (half - t) / (4 * MARGIN);
    return t - MARGIN;
}

/* The coordinate of UNIT between the vertices. */
static double coordinate_of(double unit)
{
    if (unit < MARGIN)
        return 2 * sqrt(MARGIN * unit) - MARGIN;
    if (unit > 1 - MARGIN)
        return 1 + MARGIN - 2 * sqrt(MARGIN * (1 - unit));
    return unit;
}

/* Of all images of Y the one nearest to CENTRE. */
static double nearest_image(double y, double centre)
{
    const double period = 2 + 4 * MARGIN, mirrored = -2 * MARGIN - y;
    const double image = y + period * round((centre - y) / period);
    const double mirror_image = mirrored + period * round((centre - mirrored) / period);
    return fabs(mirror_image - centre) < fabs(image - centre) ? mirror_image : image;
}

void clade_cma_genes_to_vector(const clade_cma_genes *genes, const double *genome, const double *near, double *x)
{
    for (size_t i = 0; i < genes->n; i++) {
        const size_t g = genes->gene[i];
        const double y = coordinate_of(clade_gene_to_unit(&genes->space->genes[g], genome[g]));
        x[i] = (near ? nearest_image(y, near[i] * genes->width[i]) : y) / genes->width[i];
    }
}

static double value_of(const clade_cma_genes *genes, const double *x, size_t i)
{
    return clade_gene_from_unit(&genes->space->genes[genes->gene[i]], unit_of(x[i] * genes->width[i]));
}

void clade_cma_genes_to_genome(const clade_cma_genes *genes, const double *x, double *genome)
{
    memcpy(genome, genes->origin, genes->space->n_genes * sizeof *genome);
    for (size_t i = 0; i < genes->n; i++)
        genome[genes->gene[i]] = value_of(genes, x, i);
}

bool clade_cma_genes_same(const clade_cma_genes *genes, const double *x, const double *genome)
{
    bool same = true;
    for (size_t i = 0; i < genes->n; i++) {
        const double value = value_of(genes, x, i), found = genome[genes->gene[i]];
        same &= !(value < found) && !(value > found);
    }
    return same;
}

double clade_cma_genes_least_deviation(const clade_cma_genes *genes, size_t i)
{
    const clade_gene *gene = &genes->space->genes[genes->gene[i]];
    if (gene->kind != CLADE_GENE_INTEGER)
        return 0;
    return LEAST_STEP_OF_BIN / (gene->high - gene->low + 1) / genes->width[i];
}
