/* The non-dominated children of a run, kept up to date commit by commit; which of them is the best; and how good they
 * are together. Objectives are minimised here, as for algorithms. */
#ifndef CLADE_ARCHIVE_H
#define CLADE_ARCHIVE_H

#include "search/experiment.h"

typedef struct clade_archive {
    size_t n_objectives; /* set by the caller before the first add */
    size_t count, capacity;
    uint64_t *children; /* (count), ascending when children were added in order; owned */
    double *points;     /* (count, n_objectives), owned */
    double *sorted;     /* of two objectives: the same points by falling first one, owned */
} clade_archive;

/* Add CHILD unless an earlier one is nowhere worse (so of equal points the first stays); drop those it dominates. Of two
 * objectives a child that does not enter costs O(log n), others O(n); of more O(n m). */
clade_status clade_archive_add(clade_archive *archive, uint64_t child, const double *point,
                               bool *entered) CLADE_CHECK_RESULT;
/* Order by the first objective, best first, then by child. */
void clade_archive_sort(clade_archive *archive);
/* Take out member INDEX; the others keep their order. */
void clade_archive_remove(clade_archive *archive, size_t index);
void clade_archive_fini(clade_archive *archive);

/* Index of the best by RULE: an objective's name (ties: the other objectives in order, then the lower child) or "knee":
 * smallest Euclidean distance to the ideal point with each objective scaled to the front's range (ties: the first
 * objective, then the lower child). 0 when empty. */
size_t clade_archive_best(const clade_archive *archive, const clade_experiment *experiment, const char *rule);

/* Hypervolume in the first two or three objectives against a fixed reference point, so that it can be compared over a
 * run and between seeds: accuracy-like (maximised) 0; entropy and losses 3 nats; calibration and all else minimised 1; that of a closed-form
 * problem is its own. O(n) of two objectives; of more
 * as clade_hypervolume of three. */
clade_status clade_archive_hypervolume(const clade_archive *archive, const clade_experiment *experiment,
                                       double *volume) CLADE_CHECK_RESULT;

/* Natural values of the experiment's objectives to minimised ones (n_objectives), or back: it is its own inverse. */
void clade_flip_objectives(const clade_experiment *experiment, const double *in, double *out);

#endif
