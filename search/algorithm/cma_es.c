/* CMA-ES (Hansen & Ostermeier 2001; Hansen 2016, arXiv 1604.00772) on the active real and integer genes; with several
 * objectives COMO-CMA-ES (Toure, Hansen, Auger & Brockhoff 2019, arXiv 1904.08823): kernels, each a CMA-ES of its own,
 * that take turns, one generation each; a kernel maximises the uncrowded hypervolume improvement over the other kernels'
 * incumbents, which are what their means are worth (the first child of a generation is the mean).
 *
 * Steady state: a child is drawn from its kernel's distribution as it is, and the kernel learns whenever lambda of its
 * children have been told, each as the step it was when it was drawn. Kernels take turns by generations, so with a window
 * up to the other kernels' generations each child is of its kernel's present distribution; with window 1 and one kernel
 * it is the textbook's algorithm. One kernel's default population is at least the window (16 on the ellipsoid of 10
 * genes: 6,470 evaluations for 8,400 with a population of 10; 4,220 with window 1).
 *
 * Kernels begin at the best children told so far, whoever bred them, with those genomes' categories and seeds; a restart
 * begins where the improvement over the others is largest, in whatever category that is. A child of others that is
 * better than a generation joins it (Hansen 2011, "Injecting external solutions into CMA-ES"): of the other kernels' too,
 * which gives 3.47 for 3.38 on mixmerge after 600 children and 274 for 259 on ZDT4. Differs from the paper: objectives
 * are scaled by ideal and nadir of the front so far, so that no reference point has to be given. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/cma_front.h"
#include "search/algorithm/cma_kernel.h"
#include "search/algorithm/descriptors.h"

enum { POPULATION, SIGMA, COVARIANCE, RESTARTS, OBJECTIVE, KERNELS, N_PARAMETERS };
enum { HYPERVOLUME, WEIGHTED_SUM, FIRST };
enum { MOST_KERNELS = 16, START_PER_KERNEL = 4 };
/* A full C has n (n + 1) / 2 elements to learn, and budgets are some hundred to two thousand children, of which each of
 * several kernels has a share. Nor can several afford the textbook's populations. Measured with six kernels: populations
 * of 6 and the textbook's give hypervolumes of 11.28 and 11.05 on ZDT1 (10 genes) after 600 children, 3.43 and 3.40 on
 * mixmerge; separable and full give 11.62 and 11.55 after 1000, and 3.58 and 3.57. */
enum { MOST_FULL = 40, MOST_FULL_OF_SEVERAL = 9, POPULATION_OF_SEVERAL = 6 };

static const char *const covariances[] = {"auto", "full", "separable", NULL};
static const char *const restarts[] = {"none", "ipop", "bipop", NULL};
static const char *const objectives[] = {"hypervolume", "weighted_sum", "first", NULL};

static const clade_parameter parameters[] = {
    [POPULATION] =
        {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, CLADE_MOST_POPULATION, 0, 0, 0,
         "children of a generation, at least 4; 0: 4 + floor(3 ln genes) or the window, with several kernels 6", NULL},
    [SIGMA] = {"sigma", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1e-6, 1, 1.0 / 6, 1.0 / 6, 1.0 / 6,
               "first standard deviation, as a share of a gene's range", NULL},
    [COVARIANCE] = {"covariance", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 2, CLADE_CMA_AUTO,
                    CLADE_CMA_AUTO, CLADE_CMA_AUTO,
                    "of the genes; auto: separable above 40 genes, above 9 with several kernels", covariances},
    [RESTARTS] = {"restarts", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 2, CLADE_CMA_BIPOP,
                  CLADE_CMA_BIPOP, CLADE_CMA_BIPOP, "what follows a kernel that has converged", restarts},
    [OBJECTIVE] = {"objective", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 2, HYPERVOLUME, HYPERVOLUME,
                   HYPERVOLUME, "of several objectives: a front by hypervolume, or their mean, or the first alone",
                   objectives},
    [KERNELS] = {"kernels", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1, MOST_KERNELS, 6, 6, 6,
                 "distributions that make a front by hypervolume", NULL},
};

typedef enum role { NOT_LEARNT, MEAN, SAMPLE } role;

/* A child in flight. */
typedef struct flight {
    uint64_t child, run; /* the run of its kernel that it is of */
    size_t kernel;
    role role;
    const char *over;    /* why the run before ended, of the first child of a run */
    clade_cma_draw draw; /* into `vectors` */
} flight;

typedef struct cma_es {
    clade_search_problem problem; /* n_objectives: the values that are minimised, 1 for a mean of objectives */
    size_t n_objectives;          /* that are told */
    size_t n_kernels;
    clade_cma_kernel kernels[MOST_KERNELS];
    const char *over[MOST_KERNELS]; /* why the kernel's last run ended, until it is said */
    uint64_t start;                 /* children before the kernels begin */
    uint64_t told;                  /* children up to this number have been told */
    bool begun;
    size_t turn, taken;    /* whose turn it is, and how many children it has been given in it */
    uint64_t asked;        /* children up to this number have been asked for */
    flight *flights;       /* (window), child c at c modulo window */
    double *vectors;       /* (window, 2, n_genes) */
    clade_cma_front front; /* of all complete children */
    double *origin;        /* (n_genes) scratch */
    double *fitness;       /* (largest lambda) scratch */
    size_t fitness_capacity;
} cma_es;

static void destroy(void *state)
{
    cma_es *s = state;
    if (!s)
        return;
    for (size_t i = 0; i < s->n_kernels; i++)
        clade_cma_kernel_fini(&s->kernels[i]);
    clade_free(s->flights);
    clade_free(s->vectors);
    clade_cma_front_fini(&s->front);
    clade_free(s->origin);
    clade_free(s->fitness);
    clade_free(s);
}

static clade_cma_settings settings_of(const cma_es *s)
{
    const double *values = s->problem.parameters;
    const size_t population = (size_t)values[POPULATION], by_default = s->n_kernels > 1 ? POPULATION_OF_SEVERAL : 0;
    clade_cma_settings settings = {.covariance = (clade_cma_covariance)values[COVARIANCE],
                                   .most_full = s->n_kernels > 1 ? MOST_FULL_OF_SEVERAL : MOST_FULL,
                                   .restarts = (clade_cma_restarts)values[RESTARTS],
                                   .lambda0 = by_default,
                                   .lambda_least = s->n_kernels > 1 ? 4 : s->problem.window,
                                   .sigma0 = values[SIGMA]};
    if (population > 0)
        settings.lambda0 = population > 4 ? population : 4;
    return settings;
}

static clade_status allocate(void *state)
{
    cma_es *s = state;
    const double *values = s->problem.parameters;
    const bool front = s->problem.n_objectives > 1 && (int)values[OBJECTIVE] == HYPERVOLUME;
    s->n_objectives = s->problem.n_objectives;
    s->problem.n_objectives = front ? s->n_objectives : 1;
    s->n_kernels = front ? (size_t)values[KERNELS] : 1;
    s->start = front ? clade_start_count(&s->problem, START_PER_KERNEL * s->n_kernels) : s->problem.n_first;
    CLADE_TRY(clade_cma_front_init(&s->front, &s->problem));
    s->flights = clade_calloc(s->problem.window, sizeof *s->flights);
    s->origin = clade_calloc(s->problem.space->n_genes, sizeof *s->origin);
    s->vectors = clade_calloc(s->problem.window, 2 * s->problem.space->n_genes * sizeof *s->vectors);
    if (!s->flights || !s->origin || !s->vectors)
        return clade_fail_memory(s->problem.window * 2 * s->problem.space->n_genes * sizeof *s->vectors, "CMA-ES");
    const clade_cma_settings settings = settings_of(s);
    for (size_t i = 0; i < s->n_kernels; i++)
        CLADE_TRY(clade_cma_kernel_init(&s->kernels[i], &s->problem, &settings));
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(cma_es), allocate, destroy, state);
}

/* A genome to begin with when nothing good is known: the middles of the genes or their priors, a category by lot; kernels
 * after the first begin anywhere. */
static void make_origin(const cma_es *s, size_t kernel, double *genome)
{
    clade_rng rng = clade_child_rng(s->problem.seed, kernel, 0, CLADE_DRAW_RESTART);
    clade_space_sample(s->problem.space, &rng, genome);
    for (size_t g = 0; kernel == 0 && g < s->problem.space->n_genes; g++) {
        const clade_gene *gene = &s->problem.space->genes[g];
        if (gene->kind == CLADE_GENE_REAL || gene->kind == CLADE_GENE_INTEGER)
            genome[g] = clade_gene_from_unit(gene, gene->spread > 0 ? gene->prior : 0.5);
    }
}

/* Kernel I begins its first run, or the next, at individual FROM of POPULATION. */
static clade_status begin_at(cma_es *s, size_t i, bool again, const clade_population *population, size_t from)
{
    clade_cma_kernel *kernel = &s->kernels[i];
    const uint64_t key = i + s->n_kernels * (kernel->run.number + 1);
    clade_rng rng = clade_child_rng(s->problem.seed, key, 0, CLADE_DRAW_RESTART);
    const double u = clade_rng_uniform(&rng), v = clade_rng_uniform(&rng);
    const double *values = NULL;
    if (from < population->count) {
        memcpy(s->origin, clade_population_genome(population, from), s->problem.space->n_genes * sizeof *s->origin);
        values = clade_population_objectives(population, from);
        kernel->leader = population->child[from];
    } else {
        make_origin(s, i, s->origin);
    }
    kernel->has_leader = values != NULL;
    kernel->seen = s->told;
    return clade_cma_kernel_begin(kernel, again, s->origin, values, u, v);
}

/* The kernels begin at those of the front that make the most hypervolume; where it has fewer, several at one. */
static clade_status begin(cma_es *s)
{
    CLADE_TRY(clade_cma_front_choose(&s->front, s->n_kernels));
    const size_t count = s->front.chosen.count;
    for (size_t i = 0; i < s->n_kernels; i++)
        CLADE_TRY(begin_at(s, i, false, &s->front.chosen, count > 0 ? i % count : 0));
    s->begun = true;
    return CLADE_OK;
}

/* Which kernel a new child is of, and as what: kernels take turns of a generation, with the mean before it when its worth
 * is asked for. */
static flight take_turn(cma_es *s, uint64_t child)
{
    clade_cma_kernel *kernel = &s->kernels[s->turn];
    if (s->taken >= kernel->run.lambda) {
        s->turn = (s->turn + 1) % s->n_kernels;
        s->taken = 0;
        kernel = &s->kernels[s->turn];
    }
    flight f = {.child = child, .run = kernel->run.number, .kernel = s->turn, .role = SAMPLE, .over = s->over[s->turn]};
    s->over[s->turn] = NULL;
    if (s->problem.n_objectives > 1 && s->taken == 0 && !kernel->mean_is_known) {
        kernel->mean_is_known = true;
        f.role = MEAN;
    } else {
        s->taken++;
    }
    return f;
}

static void describe(const cma_es *s, const flight *f, clade_proposal *proposal)
{
    const clade_cma_kernel *kernel = &s->kernels[f->kernel];
    snprintf(proposal->operator_name, sizeof proposal->operator_name, f->role == MEAN ? "cma mean" : "cma");
    proposal->n_parents = kernel->has_leader ? 1 : 0;
    proposal->parents[0] = kernel->leader;
    if (f->over)
        snprintf(proposal->event, sizeof proposal->event, "cma_es: restart after %s, population %zu, sigma %.3g",
                 f->over, kernel->run.lambda, kernel->run.sigma);
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    cma_es *s = state;
    flight *f = &s->flights[child % s->problem.window];
    const bool start = child < s->start || s->told < s->start;
    if (!start && !s->begun)
        CLADE_TRY(begin(s));
    if (child >= s->asked) {
        s->asked = child + 1;
        *f = start ? (flight){.child = child} : take_turn(s, child);
        f->draw.x = s->vectors + 2 * (child % s->problem.window) * s->problem.space->n_genes;
        f->draw.m = f->draw.x + s->problem.space->n_genes;
    }
    const clade_cma_kernel *kernel = &s->kernels[f->kernel];
    if (f->role == NOT_LEARNT) {
        clade_propose_start(&s->problem, child, proposal);
    } else if (kernel->genes.n == 0) { /* nothing of this category can vary */
        clade_propose_uniform(&s->problem, child, proposal);
    } else {
        clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SAMPLE);
        clade_cma_kernel_propose(kernel, f->role == MEAN ? NULL : &rng, &f->draw, proposal->genome);
        describe(s, f, proposal);
    }
    return CLADE_OK;
}

/* What is minimised, of what was told. */
static void values_of(const cma_es *s, const double *told, double *values)
{
    const size_t m = s->n_objectives;
    if (s->problem.n_objectives == m) {
        memcpy(values, told, m * sizeof *values);
        return;
    }
    values[0] = told[0];
    if ((int)s->problem.parameters[OBJECTIVE] == FIRST)
        return;
    for (size_t k = 1; k < m; k++)
        values[0] += told[k];
    values[0] /= (double)m;
}

/* The worth of points to kernel I, given the others. */
static clade_status beside_others(const cma_es *s, size_t i, clade_uncrowded *beside)
{
    const size_t q = s->problem.n_objectives;
    double others[MOST_KERNELS * CLADE_MAX_OBJECTIVES];
    size_t n = 0;
    for (size_t j = 0; j < s->n_kernels; j++)
        if (j != i && s->kernels[j].has_incumbent)
            memcpy(others + n++ * q, s->kernels[j].incumbent, q * sizeof *others);
    return clade_cma_front_beside(&s->front, others, n, beside);
}

/* FITNESS (count) of the individuals of POPULATION to kernel I, smaller is better; infinite for failures. */
static clade_status assess(const cma_es *s, size_t i, const clade_population *population, double *fitness)
{
    clade_uncrowded beside = {0};
    clade_status status = CLADE_OK;
    const bool front = s->problem.n_objectives > 1;
    if (front && s->front.members.count > 0)
        status = beside_others(s, i, &beside);
    for (size_t j = 0; j < population->count && status == CLADE_OK; j++) {
        const double *values = clade_population_objectives(population, j);
        fitness[j] = values[0];
        if (front && s->front.members.count > 0 && isfinite(values[0]))
            status = clade_cma_front_fitness(&s->front, &beside, values, &fitness[j]);
    }
    clade_uncrowded_fini(&beside);
    return status;
}

/* Scratch for the fitness of COUNT. */
static clade_status reserve(cma_es *s, size_t count)
{
    if (count <= s->fitness_capacity)
        return CLADE_OK;
    double *fitness = clade_malloc(count * sizeof *fitness);
    if (!fitness)
        return clade_fail_memory(count * sizeof *fitness, "the fitness of a generation");
    clade_free(s->fitness);
    s->fitness = fitness;
    s->fitness_capacity = count;
    return CLADE_OK;
}

static bool is_guest(const cma_es *s, const clade_cma_kernel *kernel, size_t member)
{
    const uint64_t child = s->front.members.child[member];
    bool own = false;
    for (size_t i = 0; i < kernel->told.count; i++)
        own |= kernel->told.child[i] == child;
    return child >= kernel->seen && !own &&
           clade_cma_genes_fit(&kernel->genes, clade_population_genome(&s->front.members, member));
}

/* The best child of others since kernel I learnt last, if it is better than its own of FITNESS (lambda). Those not on the
 * front are not looked for. */
static clade_status find_guest(const cma_es *s, size_t i, const double *fitness, double *scratch, const double **guest)
{
    const clade_cma_kernel *kernel = &s->kernels[i];
    double best = INFINITY;
    *guest = NULL;
    for (size_t j = 0; j < kernel->told.count; j++)
        best = fmin(best, fitness[j]);
    CLADE_TRY(assess(s, i, &s->front.members, scratch));
    for (size_t j = 0; j < s->front.members.count; j++)
        if (scratch[j] < best && is_guest(s, kernel, j)) {
            best = scratch[j];
            *guest = clade_population_genome(&s->front.members, j);
        }
    return CLADE_OK;
}

/* The next run of kernel I, at the member of the front that is worth the most beside the other kernels. */
static clade_status restart(cma_es *s, size_t i)
{
    size_t best = 0;
    CLADE_TRY(assess(s, i, &s->front.members, s->fitness));
    for (size_t j = 1; j < s->front.members.count; j++)
        if (s->fitness[j] < s->fitness[best])
            best = j;
    return begin_at(s, i, true, &s->front.members, best);
}

/* The generation of kernel I is complete. */
static clade_status learn(cma_es *s, size_t i)
{
    clade_cma_kernel *kernel = &s->kernels[i];
    const size_t lambda = kernel->cma.lambda;
    const double *guest;
    CLADE_TRY(reserve(s, lambda + CLADE_CMA_FRONT + 1));
    CLADE_TRY(assess(s, i, &kernel->told, s->fitness));
    CLADE_TRY(find_guest(s, i, s->fitness, s->fitness + lambda, &guest));
    CLADE_TRY(clade_cma_kernel_learn(kernel, s->fitness, guest, s->problem.n_objectives == 1, &s->over[i]));
    kernel->seen = s->told;
    return s->over[i] ? restart(s, i) : CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    cma_es *s = state;
    const flight *f = &s->flights[told->child % s->problem.window];
    double values[CLADE_MAX_OBJECTIVES];
    for (size_t k = 0; k < s->problem.n_objectives; k++)
        values[k] = INFINITY;
    if (told->objectives)
        values_of(s, told->objectives, values);
    clade_told reduced = *told;
    reduced.objectives = values;
    s->told = told->child + 1;
    if (told->objectives && told->complete)
        CLADE_TRY(clade_cma_front_add(&s->front, &reduced));
    clade_cma_kernel *kernel = &s->kernels[f->kernel];
    /* Children of a run that is over say nothing to the next. */
    if (!told->own || f->child != told->child || f->role == NOT_LEARNT || f->run != kernel->run.number ||
        kernel->genes.n == 0 || (f->role == MEAN && !(told->objectives && told->complete)))
        return CLADE_OK;
    if (f->role == MEAN) {
        memcpy(kernel->incumbent, values, s->problem.n_objectives * sizeof *values);
        kernel->has_incumbent = true;
        return CLADE_OK;
    }
    clade_cma_kernel_add(kernel, &reduced, &f->draw);
    return kernel->told.count == kernel->cma.lambda ? learn(s, f->kernel) : CLADE_OK;
}

const clade_algorithm clade_algorithm_cma_es = {
    .name = "cma_es",
    .title = "CMA-ES",
    .source = "Hansen 2016; Toure et al. 2019",
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
