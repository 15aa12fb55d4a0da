#include "search/algorithm/cma_kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"

/* No deviation above this share of its range: beyond, repair puts most samples on the bounds. */
static const double LARGEST_DEVIATION = 0.5;

typedef struct clade_standing {
    double fitness;
    uint64_t child;
    size_t index; /* in the generation */
} clade_standing;

clade_status clade_cma_kernel_init(clade_cma_kernel *kernel, const clade_search_problem *problem,
                                   const clade_cma_settings *settings)
{
    kernel->problem = problem;
    kernel->settings = *settings;
    clade_status status = clade_cma_genes_init(&kernel->genes, problem->space);
    if (status == CLADE_OK)
        status = clade_cma_run_init(&kernel->run, settings->restarts, settings->lambda0, settings->lambda_least,
                                    settings->sigma0, problem->space->n_genes);
    if (status != CLADE_OK)
        clade_cma_kernel_fini(kernel);
    return status;
}

/* What has the size of a run. */
static void release_run(clade_cma_kernel *kernel)
{
    clade_cma_fini(&kernel->cma);
    clade_population_fini(&kernel->told);
    clade_free(kernel->steps);
    clade_free(kernel->ranked);
    clade_free(kernel->order);
    kernel->steps = kernel->ranked = NULL;
    kernel->order = NULL;
}

void clade_cma_kernel_fini(clade_cma_kernel *kernel)
{
    release_run(kernel);
    clade_cma_genes_fini(&kernel->genes);
    clade_cma_run_fini(&kernel->run);
}

static clade_status allocate_run(clade_cma_kernel *kernel, size_t n, size_t lambda)
{
    const clade_cma_covariance wanted = kernel->settings.covariance;
    const bool separable =
        wanted == CLADE_CMA_SEPARABLE || (wanted == CLADE_CMA_AUTO && n > kernel->settings.most_full);
    release_run(kernel);
    CLADE_TRY(clade_population_init(&kernel->told, kernel->problem, lambda));
    kernel->steps = clade_calloc(lambda, n * sizeof *kernel->steps);
    kernel->ranked = clade_calloc(lambda, n * sizeof *kernel->ranked);
    kernel->order = clade_calloc(lambda, sizeof *kernel->order);
    if (!kernel->steps || !kernel->ranked || !kernel->order)
        return clade_fail_memory(lambda * n * sizeof *kernel->steps, "a generation of CMA-ES");
    return clade_cma_init(&kernel->cma, n, lambda, separable);
}

clade_status clade_cma_kernel_begin(clade_cma_kernel *kernel, bool again, const double *origin, const double *values,
                                    double u, double v)
{
    clade_cma_genes_set_origin(&kernel->genes, origin);
    const size_t n = kernel->genes.n;
    clade_cma_run_begin(&kernel->run, again, n, u, v);
    kernel->has_incumbent = kernel->mean_is_known = values != NULL;
    if (values)
        memcpy(kernel->incumbent, values, kernel->problem->n_objectives * sizeof *values);
    if (n == 0)
        return CLADE_OK;
    CLADE_TRY(allocate_run(kernel, n, kernel->run.lambda));
    clade_cma_genes_to_vector(&kernel->genes, origin, NULL, kernel->cma.m);
    kernel->cma.sigma = kernel->run.sigma;
    return CLADE_OK;
}

void clade_cma_kernel_propose(const clade_cma_kernel *kernel, clade_rng *rng, clade_cma_draw *draw, double *genome)
{
    memcpy(draw->m, kernel->cma.m, kernel->cma.n * sizeof *draw->m);
    draw->sigma = kernel->cma.sigma;
    if (rng)
        clade_cma_sample(&kernel->cma, rng, draw->x);
    clade_cma_genes_to_genome(&kernel->genes, rng ? draw->x : draw->m, genome);
}

void clade_cma_kernel_add(clade_cma_kernel *kernel, const clade_told *told, const clade_cma_draw *draw)
{
    const size_t n = kernel->cma.n;
    double *step = kernel->steps + kernel->told.count * n;
    clade_population_add(&kernel->told, told);
    if (clade_cma_genes_same(&kernel->genes, draw->x, told->genome))
        memcpy(step, draw->x, n * sizeof *step);
    else
        clade_cma_genes_to_vector(&kernel->genes, told->genome, draw->m, step);
    for (size_t i = 0; i < n; i++)
        step[i] = (step[i] - draw->m[i]) / draw->sigma;
}

/* The step from the mean to a genome. */
static void step_to(const clade_cma_kernel *kernel, const double *genome, double *step)
{
    const clade_cma *cma = &kernel->cma;
    clade_cma_genes_to_vector(&kernel->genes, genome, cma->m, step);
    for (size_t i = 0; i < cma->n; i++)
        step[i] = (step[i] - cma->m[i]) / cma->sigma;
}

static int compare_standings(const void *left, const void *right)
{
    const clade_standing *a = left, *b = right;
    if (a->fitness < b->fitness || a->fitness > b->fitness)
        return a->fitness < b->fitness ? -1 : 1;
    return (a->child > b->child) - (a->child < b->child);
}

/* Integers still change, no step is wider than its range, and where the better 70 % are equal, as on the steps of an
 * accuracy, the step grows (the tutorial's escape from flat fitness). */
static void correct(clade_cma_kernel *kernel)
{
    clade_cma *cma = &kernel->cma;
    const size_t far = (7 * cma->lambda + 9) / 10 - 1;
    if (!(kernel->order[0].fitness < kernel->order[far].fitness))
        cma->sigma *= exp(0.2 + cma->k.c_sigma / cma->k.d_sigma);
    double widest = 0;
    for (size_t i = 0; i < cma->n; i++) {
        clade_cma_raise(cma, i, clade_cma_genes_least_deviation(&kernel->genes, i));
        widest = fmax(widest, clade_cma_deviation(cma, i) * kernel->genes.width[i]);
    }
    if (widest > LARGEST_DEVIATION)
        cma->sigma *= LARGEST_DEVIATION / widest;
}

clade_status clade_cma_kernel_learn(clade_cma_kernel *kernel, const double *fitness, const double *guest,
                                    bool comparable, const char **over)
{
    const size_t lambda = kernel->cma.lambda, n = kernel->cma.n;
    clade_standing *order = kernel->order;
    for (size_t i = 0; i < lambda; i++)
        order[i] = (clade_standing){fitness[i], kernel->told.child[i], i};
    qsort(order, lambda, sizeof *order, compare_standings);
    kernel->told.count = 0;
    /* Nothing is learnt from a generation that failed. */
    if (isfinite(order[0].fitness)) {
        for (size_t i = 0; i < lambda; i++)
            memcpy(kernel->ranked + i * n, kernel->steps + order[i].index * n, n * sizeof *kernel->steps);
        if (guest) {
            memmove(kernel->ranked + n, kernel->ranked, (lambda - 1) * n * sizeof *kernel->steps);
            step_to(kernel, guest, kernel->ranked);
        }
        CLADE_TRY(clade_cma_update(&kernel->cma, kernel->ranked));
        correct(kernel);
        kernel->leader = order[0].child;
        kernel->has_leader = true;
        kernel->mean_is_known = false;
    }
    *over = clade_cma_run_over(&kernel->run, &kernel->cma, order[0].fitness, order[lambda / 2].fitness, comparable);
    return CLADE_OK;
}
