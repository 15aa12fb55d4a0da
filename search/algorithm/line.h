/* Lines through a space (clade_space_line): all genes of one slot moved together from ORIGIN (n_genes), by t. */
#ifndef CLADE_ALGORITHM_LINE_H
#define CLADE_ALGORITHM_LINE_H

#include "search/space.h"

/* GENOME (n_genes; may be ORIGIN) gets the point at T: genes of the line times e^t where it is scaled, else further by
 * t in unit scale, each cut to its range; the others are the origin's. T = 0 gives the origin, bit for bit. */
void clade_line_move(const clade_space *space, const clade_space_line *line, const double *origin, double t,
                     double *genome);
/* T, or where on the way to it the last gene comes to the end of its range: further out all is the same. 0 when no gene
 * can move. */
double clade_line_cut(const clade_space *space, const clade_space_line *line, const double *origin, double t);
/* True when GENOME is a point of the line, to rounding and in all genes that are active in ORIGIN; *T is where. */
bool clade_line_find(const clade_space *space, const clade_space_line *line, const double *origin, const double *genome,
                     double *t);

#endif
