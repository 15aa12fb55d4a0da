#include "search/algorithm/line.h"

#include <math.h>

static const double ROUNDING = 1e-9;

/* Gene G of the point at T. */
static double value_at(const clade_space *space, const clade_space_line *line, const double *origin, double t, size_t g)
{
    const clade_gene *gene = &space->genes[g];
    if (gene->slot != line->slot || !(t < 0 || t > 0))
        return origin[g];
    if (!line->scaled)
        return clade_gene_from_unit(gene, clade_gene_to_unit(gene, origin[g]) + t);
    return fmin(fmax(origin[g] * exp(t), gene->low), gene->high);
}

void clade_line_move(const clade_space *space, const clade_space_line *line, const double *origin, double t,
                     double *genome)
{
    for (size_t g = 0; g < space->n_genes; g++)
        genome[g] = value_at(space, line, origin, t, g);
}

/* Where gene G has VALUE: infinite where no factor brings it there, 0 for a gene that no factor moves. */
static double way(const clade_space *space, const clade_space_line *line, const double *origin, double value, size_t g)
{
    const clade_gene *gene = &space->genes[g];
    if (!line->scaled)
        return clade_gene_to_unit(gene, value) - clade_gene_to_unit(gene, origin[g]);
    if (!(origin[g] < 0 || origin[g] > 0))
        return 0;
    return value / origin[g] > 0 ? log(value / origin[g]) : -INFINITY;
}

double clade_line_cut(const clade_space *space, const clade_space_line *line, const double *origin, double t)
{
    double furthest = 0;
    for (size_t g = 0; g < space->n_genes; g++) {
        const clade_gene *gene = &space->genes[g];
        const bool up = (t > 0) == (!line->scaled || origin[g] > 0); /* a negative value times e^t falls */
        if (gene->slot == line->slot)
            furthest = fmax(furthest, fabs(way(space, line, origin, up ? gene->high : gene->low, g)));
    }
    return copysign(fmin(fabs(t), furthest), t);
}

bool clade_line_find(const clade_space *space, const clade_space_line *line, const double *origin, const double *genome,
                     double *t)
{
    /* As the gene says that went furthest: others may have been cut. */
    *t = 0;
    for (size_t g = 0; g < space->n_genes; g++) {
        if (space->genes[g].slot != line->slot)
            continue;
        const double here = way(space, line, origin, genome[g], g);
        *t = fabs(here) > fabs(*t) ? here : *t;
    }
    for (size_t g = 0; g < space->n_genes && isfinite(*t); g++) {
        const double want = value_at(space, line, origin, *t, g);
        if (clade_gene_active(space, origin, g) && !(fabs(genome[g] - want) <= ROUNDING * (1 + fabs(want))))
            return false;
    }
    return isfinite(*t);
}
