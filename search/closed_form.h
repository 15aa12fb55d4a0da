/* Closed-form problems: ZDT (Zitzler, Deb & Thiele 2000), DTLZ1, 2, 7 (Deb, Thiele, Laumanns & Zitzler 2002), sphere,
 * ellipsoid, Rosenbrock, Rastrigin, and mixmerge, a small stand-in for a merge search: a category decides which of twelve
 * genes matter, one category is a decoy. For tests and `clade bench search`; the definitions are those of
 * ../shared/golden/optimisers/README.md. */
#ifndef CLADE_CLOSED_FORM_H
#define CLADE_CLOSED_FORM_H

#include "search/algorithm.h"

typedef struct clade_problem_form {
    const char *name; /* "zdt1" */
    size_t n_genes;   /* real genes; the category of mixmerge comes before them */
    size_t n_objectives;
    double low, high;  /* bounds of the real genes; with several objectives the first is in [0, 1] */
    size_t categories; /* 0: none */
    double wide[3];    /* the reference of "hvwide" */
    void (*evaluate)(const struct clade_problem_form *form, const double *genome, double *objectives);
} clade_problem_form;

/* The problems with the dimensions of the published tables: zdt1:10, zdt1:30, ... */
const clade_problem_form *clade_problem_forms(size_t *count);
/* By name and real genes, or NULL. */
const clade_problem_form *clade_problem_form_find(const char *name, size_t n_genes);
/* Its space; release with clade_space_fini. On failure {0}. */
clade_status clade_problem_form_space(const clade_problem_form *form, clade_space *space) CLADE_CHECK_RESULT;
/* A clade_closed_form: CONTEXT is the clade_problem_form. */
void clade_problem_form_evaluate(const void *context, const double *genome, double *objectives);

#endif
