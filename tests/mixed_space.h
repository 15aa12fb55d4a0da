/* A space with every kind of gene: a method of three, a real gene of all methods, one of method 1 only, an integer, a log
 * gene, another category, a seed; and a run in it. */
#ifndef CLADE_MIXED_SPACE_H
#define CLADE_MIXED_SPACE_H

#include "test.h"

#include "search/algorithm.h"

enum { MIXED_GENES = 7, MIXED_METHOD = 0, MIXED_ALL, MIXED_ONE, MIXED_INTEGER, MIXED_LOG, MIXED_CATEGORY, MIXED_SEED };

static clade_gene mixed_genes[MIXED_GENES] = {
    [MIXED_METHOD] = {.name = (char *)"method", .kind = CLADE_GENE_CATEGORY, .high = 2, .active_in = UINT64_MAX},
    [MIXED_ALL] = {.name = (char *)"all", .kind = CLADE_GENE_REAL, .high = 1, .active_in = UINT64_MAX},
    [MIXED_ONE] = {.name = (char *)"one", .kind = CLADE_GENE_REAL, .low = -1, .high = 1, .active_in = 2},
    [MIXED_INTEGER] = {.name = (char *)"integer", .kind = CLADE_GENE_INTEGER, .high = 9, .active_in = UINT64_MAX},
    [MIXED_LOG] = {.name = (char *)"log",
                   .kind = CLADE_GENE_REAL,
                   .scale = CLADE_LOG_SCALE,
                   .low = 0.01,
                   .high = 10,
                   .active_in = UINT64_MAX},
    [MIXED_CATEGORY] = {.name = (char *)"kind", .kind = CLADE_GENE_CATEGORY, .high = 3, .active_in = UINT64_MAX},
    [MIXED_SEED] = {.name = (char *)"seed", .kind = CLADE_GENE_SEED, .high = 4294967295.0, .active_in = UINT64_MAX},
};

static const clade_space mixed_space = {.genes = mixed_genes, .n_genes = MIXED_GENES, .has_category = true};

/* Best at method 1, all 0.5, one -0.5, integer 7, log 1, kind 2, whatever the seed; the second objective has integer 2. */
static inline void mixed_evaluate(const void *context, const double *genome, double *objectives)
{
    (void)context;
    const double all = genome[MIXED_ALL] - 0.5,
                 one = genome[MIXED_METHOD] > 0.5 && genome[MIXED_METHOD] < 1.5 ? genome[MIXED_ONE] + 0.5 : 1,
                 log = genome[MIXED_LOG] - 1, kind = genome[MIXED_CATEGORY] - 2;
    const double common = all * all + one * one + log * log / 4 + kind * kind / 4;
    const double first = genome[MIXED_INTEGER] - 7, second = genome[MIXED_INTEGER] - 2;
    objectives[0] = common + first * first / 25;
    objectives[1] = common + second * second / 25;
}

/* CHILDREN of ALGORITHM with its defaults; GENOMES (children, MIXED_GENES). */
static inline void run_mixed(const clade_algorithm *algorithm, uint64_t seed, size_t children, double *genomes)
{
    double values[CLADE_MAX_PARAMETERS], *objectives = calloc(children, 2 * sizeof *objectives);
    assert_non_null(objectives);
    clade_algorithm_defaults(algorithm, values);
    const clade_search_problem problem = {
        .space = &mixed_space, .n_objectives = 2, .seed = seed, .window = 3, .parameters = values};
    assert_ok(clade_run_closed_form(algorithm, &problem, mixed_evaluate, NULL, children, objectives, genomes));
    free(objectives);
}

#endif
