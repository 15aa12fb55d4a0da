/* CatCMA with margin (Hamano, Saito, Nomura, Uchida & Shirakawa 2024, "CatCMA: stochastic optimization for mixed-category
 * problems", GECCO; with margin 2025): a normal distribution of the real genes and integers and categorical ones of the
 * categories, learnt together. With several objectives after COMO-CMA-ES (Toure, Hansen, Auger & Brockhoff 2019, arXiv
 * 1904.08823): kernels, each around one point of the front, that maximise the uncrowded hypervolume improvement over the
 * other kernels' incumbents.
 *
 * Where the kernels of COMO learn alone, these share what they learn, because a budget of some hundred children, divided
 * among kernels that each learn their own step size, is spent before they have: step size and (separable) covariance are
 * common, and half of every kernel's step is the mean step of those that favour the same category. What moves one point of
 * a front toward the optimum mostly moves the others there too; the other half places the kernel on the front. Measured
 * on ZDT1 with 30 genes, 600 children: hypervolume 10.5 with half, 10.2 when each kernel steps alone, 10.2 when all steps
 * are common; on mixmerge 3.47, 3.48 and 3.41. Kernels are few at first; when the children of each spread over a small
 * part of the gaps between the kernels, one more is put into the widest gap.
 *
 * Steady state: kernels take turns child by child, and all learn when lambda children of each have been told. Children of
 * others that are better than a kernel's incumbent join its selection. Kernels begin at the best of the children that were
 * told before the first sample, if there are any. Differs from the papers also: bounds by repair instead of a penalty, the
 * step-size constants are the tutorial's for lambda children of every kernel together, and incumbents are the best
 * children of a generation instead of the means, which saves the means' evaluation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/catcma_state.h"
#include "search/algorithm/descriptors.h"

enum { POPULATION, SIGMA, KERNELS, MARGIN, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [POPULATION] =
        {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, CLADE_MOST_POPULATION, 0, 0, 0,
         "children of a generation of one kernel, at least 4; 0: 4 + floor(3 ln genes) of one objective, 5 + "
         "floor(1.5 ln genes) of several",
         NULL},
    [SIGMA] = {"sigma", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1e-6, 1, 0.25, 0.25, 0.25,
               "first standard deviation, as a share of a gene's range; half of it around individuals to start with",
               NULL},
    [KERNELS] = {"kernels", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, CLADE_CATCMA_MOST_KERNELS, 0, 0, 0,
                 "distributions that make a front, at first; 0: 3 of two objectives, 6 of three, 8 of more", NULL},
    [MARGIN] = {"margin", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 0.9, 0.05, 0.05, 0.05,
                "probability that a child leaves the favourite in a category or integer, when these are settled", NULL},
};

/* Of sigma, around individuals to start with. */
static const double PLACED_SIGMA = 0.5;

static void destroy(void *state)
{
    clade_catcma *s = state;
    if (!s)
        return;
    for (size_t k = 0; k < CLADE_CATCMA_MOST_KERNELS; k++)
        clade_catcma_kernel_fini(&s->kernels[k]);
    clade_catcma_genes_fini(&s->genes);
    clade_cma_front_fini(&s->front);
    clade_population_fini(&s->kin);
    clade_free(s->w);
    clade_free(s->C);
    clade_free(s->spread);
    clade_free(s->y);
    clade_free(s->moved);
    clade_free(s->flights);
    clade_free(s->of_kernel);
    clade_free(s->complete);
    clade_free(s->candidates);
    clade_free(s);
}

/* The tutorial's weights of the better half. */
static void set_weights(clade_catcma *s)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < s->mu; i++) {
        s->w[i] = log((double)(s->lambda + 1) / 2) - log((double)i + 1);
        sum += s->w[i];
        squares += s->w[i] * s->w[i];
    }
    for (size_t i = 0; i < s->mu; i++)
        s->w[i] /= sum;
    s->mu_eff = sum * sum / squares;
}

static clade_status allocate_arrays(clade_catcma *s)
{
    const size_t n = s->genes.n, capacity = s->lambda * CLADE_CATCMA_MOST_KERNELS, all = capacity + CLADE_CMA_FRONT + 1;
    CLADE_TRY(clade_cma_front_init(&s->front, &s->problem));
    CLADE_TRY(clade_population_init(&s->kin, &s->problem, capacity));
    s->w = clade_calloc(s->mu, sizeof *s->w);
    s->C = clade_calloc(n, sizeof *s->C);
    s->spread = clade_calloc(n, sizeof *s->spread);
    s->y = clade_calloc(n, sizeof *s->y);
    s->moved = clade_calloc(n, sizeof *s->moved);
    s->flights = clade_calloc(s->problem.window, sizeof *s->flights);
    s->of_kernel = clade_calloc(capacity, sizeof *s->of_kernel);
    s->complete = clade_calloc(capacity, sizeof *s->complete);
    s->candidates = clade_calloc(all, sizeof *s->candidates);
    if (!s->w || !s->C || !s->spread || !s->y || !s->moved || !s->flights || !s->of_kernel || !s->complete ||
        !s->candidates)
        return clade_fail_memory(all * sizeof *s->candidates, "CatCMA");
    return CLADE_OK;
}

static clade_status allocate(void *state)
{
    clade_catcma *s = state;
    const double *values = s->problem.parameters;
    const bool single = s->problem.n_objectives == 1;
    CLADE_TRY(clade_catcma_genes_init(&s->genes, s->problem.space, values[SIGMA], values[MARGIN]));
    const double ln_n = log((double)(s->genes.n > 0 ? s->genes.n : 1));
    const double automatic = single ? 4 + floor(3 * ln_n) : 5 + floor(1.5 * ln_n);
    s->lambda = (size_t)(values[POPULATION] > 0 ? fmax(values[POPULATION], 4) : automatic);
    s->mu = s->lambda / 2;
    const size_t m = s->problem.n_objectives, kernels = m * (m + 1) / 2;
    s->n_kernels = values[KERNELS] > 0 ? (size_t)values[KERNELS] : kernels < 8 ? kernels : 8;
    s->n_kernels = single ? 1 : s->n_kernels;
    CLADE_TRY(allocate_arrays(s));
    set_weights(s);
    for (size_t k = 0; k < CLADE_CATCMA_MOST_KERNELS; k++)
        CLADE_TRY(clade_catcma_kernel_init(&s->kernels[k], &s->genes));
    s->sigma = 1;
    for (size_t i = 0; i < s->genes.n; i++)
        s->C[i] = s->genes.initial[i] * s->genes.initial[i];
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(clade_catcma), allocate, destroy, state);
}

/* ---- ask ---- */

/* The kernel with the fewest children of this generation, told and in flight; CHILD itself is not counted. */
static size_t least_busy(const clade_catcma *s, uint64_t child)
{
    size_t best = 0, fewest = SIZE_MAX;
    for (size_t k = 0; k < s->n_kernels; k++) {
        size_t count = s->kernels[k].n_settled;
        for (size_t f = 0; f < s->problem.window; f++)
            count += s->flights[f].number > 0 && s->flights[f].number != child + 1 && s->flights[f].kernel == k;
        if (count < fewest) {
            fewest = count;
            best = k;
        }
    }
    return best;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    clade_catcma *s = state;
    if (child < s->problem.n_first) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    const size_t k = least_busy(s, child);
    const clade_catcma_kernel *kernel = &s->kernels[k];
    s->flights[child % s->problem.window] = (clade_catcma_flight){child + 1, k};
    for (size_t i = 0; i < s->genes.n; i++)
        s->spread[i] = fmax(s->sigma * sqrt(s->C[i]), s->genes.least_spread[i]);
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SAMPLE);
    clade_catcma_kernel_sample(kernel, &s->genes, s->spread, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "catcma");
    proposal->n_parents = kernel->has_incumbent ? 1 : 0;
    proposal->parents[0] = kernel->child;
    return CLADE_OK;
}

/* ---- tell ---- */

/* Until the first sample is told, kernels stand at those children that make the most hypervolume; where there are fewer,
 * several stand at one. */
static clade_status place(clade_catcma *s)
{
    CLADE_TRY(clade_cma_front_choose(&s->front, s->n_kernels));
    const clade_population *chosen = &s->front.chosen;
    for (size_t k = 0; k < s->n_kernels; k++) {
        const size_t i = k % chosen->count;
        clade_catcma_kernel_place(&s->kernels[k], &s->genes, chosen->child[i], clade_population_genome(chosen, i),
                                  clade_population_objectives(chosen, i), s->problem.n_objectives);
    }
    s->sigma = PLACED_SIGMA;
    return CLADE_OK;
}

/* A sample of a kernel has been told. */
static clade_status settle(clade_catcma *s, size_t k, const clade_told *told)
{
    s->learning = true;
    s->n_settled++;
    s->kernels[k].n_settled++;
    if (told->objectives) {
        s->of_kernel[s->kin.count] = k;
        s->complete[s->kin.count] = told->complete;
        clade_population_add(&s->kin, told);
    }
    if (s->n_settled < s->lambda * s->n_kernels)
        return CLADE_OK;
    const clade_status status = clade_catcma_learn(s);
    s->seen = s->told;
    s->kin.count = s->n_settled = 0;
    for (size_t l = 0; l < s->n_kernels; l++)
        s->kernels[l].n_settled = 0;
    return status;
}

static clade_status tell(void *state, const clade_told *told)
{
    clade_catcma *s = state;
    clade_catcma_flight *f = &s->flights[told->child % s->problem.window];
    const bool sample = told->own && f->number == told->child + 1;
    s->told = told->child + 1;
    if (clade_population_takes(told)) {
        CLADE_TRY(clade_cma_front_add(&s->front, told));
        if (!s->learning && !sample)
            CLADE_TRY(place(s));
    }
    if (!sample)
        return CLADE_OK;
    f->number = 0;
    return settle(s, f->kernel, told);
}

const clade_algorithm clade_algorithm_catcma = {
    .name = "catcma",
    .title = "CatCMA with margin",
    .source = "Hamano et al. 2024; Toure et al. 2019",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .learns = true,
    .steady = true,
    .create = create,
    .destroy = destroy,
    .needs = clade_needs_nothing,
    .ask = ask,
    .tell = tell,
};
