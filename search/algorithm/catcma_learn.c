#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/algorithm/catcma_state.h"
#include "search/pareto.h"

static const double COMMON = 0.5;            /* share of a step that is common to the kernels of a category */
static const double REFERENCE = 2;           /* of hypervolume; objectives are scaled by the front to [0, 1] */
static const double GROWTH = 0.2;            /* a kernel more when children spread less than this share of the gaps */
static const double LARGEST_DEVIATION = 0.5; /* of the range: beyond, repair puts most samples on the bounds */
static const double LEAST_DEVIATION = 1e-9;
static const double LEAST_SHRINK = 0.1; /* of a variance in one generation */

static void scale(const clade_catcma *s, const double *objectives, double *scaled)
{
    for (size_t j = 0; j < s->problem.n_objectives; j++)
        scaled[j] = (objectives[j] - s->ideal[j]) / s->range[j];
}

/* In scaled objectives. */
static double distance(const clade_catcma *s, const double *a, const double *b)
{
    double x[CLADE_MAX_OBJECTIVES], y[CLADE_MAX_OBJECTIVES], squares = 0;
    scale(s, a, x);
    scale(s, b, y);
    for (size_t j = 0; j < s->problem.n_objectives; j++)
        squares += (x[j] - y[j]) * (x[j] - y[j]);
    return sqrt(squares);
}

/* Ideal and nadir of the front, which is not empty. */
static void measure_front(clade_catcma *s)
{
    const clade_population *front = &s->front.members;
    clade_objective_range(front->objectives, front->count, front->n_objectives, s->ideal, s->range);
}

/* VALUE of objectives to kernel K: BESIDE is what the others leave. */
static clade_status evaluate(const clade_catcma *s, const clade_uncrowded *beside, const double *objectives,
                             double *value)
{
    double scaled[CLADE_MAX_OBJECTIVES];
    *value = -objectives[0];
    if (s->problem.n_objectives == 1)
        return CLADE_OK;
    scale(s, objectives, scaled);
    return clade_uncrowded_improvement(beside, scaled, value);
}

static clade_status open_beside(const clade_catcma *s, size_t k, clade_uncrowded *beside)
{
    const size_t m = s->problem.n_objectives;
    double others[CLADE_CATCMA_MOST_KERNELS * CLADE_MAX_OBJECTIVES], reference[CLADE_MAX_OBJECTIVES];
    size_t n = 0;
    for (size_t j = 0; j < m; j++)
        reference[j] = REFERENCE;
    for (size_t l = 0; l < s->n_kernels; l++)
        if (l != k && s->kernels[l].has_incumbent)
            scale(s, s->kernels[l].incumbent, others + n++ * m);
    return clade_uncrowded_init(beside, others, n, m, reference);
}

/* Better first, then the older. */
static int compare_candidates(const void *left, const void *right)
{
    const clade_catcma_candidate *a = left, *b = right;
    if (a->value < b->value || a->value > b->value)
        return a->value > b->value ? -1 : 1;
    return (a->child > b->child) - (a->child < b->child);
}

static bool is_kin(const clade_catcma *s, uint64_t child)
{
    bool kin = false;
    for (size_t i = 0; i < s->kin.count; i++)
        kin |= s->kin.child[i] == child;
    return kin;
}

/* What kernel K chooses from: its own children of this generation, and those of others since the last that are better than
 * its incumbent. Only the front is looked at for them: what is not there is no better. */
static clade_status gather(clade_catcma *s, size_t k, const clade_uncrowded *beside, size_t *count)
{
    const clade_catcma_kernel *kernel = &s->kernels[k];
    const clade_population *front = &s->front.members;
    double least = -INFINITY;
    *count = 0;
    for (size_t i = 0; i < s->kin.count; i++) {
        if (s->of_kernel[i] != k)
            continue;
        clade_catcma_candidate *c = &s->candidates[(*count)++];
        *c = (clade_catcma_candidate){.genome = clade_population_genome(&s->kin, i),
                                      .objectives = clade_population_objectives(&s->kin, i),
                                      .child = s->kin.child[i],
                                      .complete = s->complete[i]};
        CLADE_TRY(evaluate(s, beside, c->objectives, &c->value));
    }
    if (kernel->has_incumbent)
        CLADE_TRY(evaluate(s, beside, kernel->incumbent, &least));
    for (size_t i = 0; i < front->count; i++) {
        if (front->child[i] < s->seen || is_kin(s, front->child[i]))
            continue;
        clade_catcma_candidate *c = &s->candidates[*count];
        *c = (clade_catcma_candidate){.genome = clade_population_genome(front, i),
                                      .objectives = clade_population_objectives(front, i),
                                      .child = front->child[i],
                                      .complete = true};
        CLADE_TRY(evaluate(s, beside, c->objectives, &c->value));
        *count += c->value > least;
    }
    return CLADE_OK;
}

/* The best complete candidate of a generation is the incumbent until the next: one that was scored too well by luck does
 * not stand for long. */
static void crown(const clade_catcma *s, clade_catcma_kernel *kernel, size_t count)
{
    size_t best = 0;
    while (best < count && !s->candidates[best].complete)
        best++;
    if (best == count)
        return;
    const clade_catcma_candidate *c = &s->candidates[best];
    memcpy(kernel->incumbent, c->objectives, s->problem.n_objectives * sizeof *c->objectives);
    memcpy(kernel->genome, c->genome, s->problem.space->n_genes * sizeof *c->genome);
    kernel->has_incumbent = true;
    kernel->child = c->child;
}

/* Kernel K learns its own step from the generation; the kernels before it have their new incumbents already. */
static clade_status learn_step(clade_catcma *s, size_t k)
{
    clade_catcma_kernel *kernel = &s->kernels[k];
    clade_uncrowded beside = {0};
    size_t count = 0;
    clade_status status = s->problem.n_objectives > 1 ? open_beside(s, k, &beside) : CLADE_OK;
    if (status == CLADE_OK)
        status = gather(s, k, &beside, &count);
    clade_uncrowded_fini(&beside);
    CLADE_TRY(status);
    qsort(s->candidates, count, sizeof *s->candidates, compare_candidates);
    crown(s, kernel, count);
    const size_t selected = count < s->mu ? count : s->mu;
    clade_catcma_kernel_learn(kernel, &s->genes, s->candidates, s->w, selected, s->sigma, s->C, s->y);
    kernel->spread = 0;
    for (size_t i = 0; i < selected && kernel->has_incumbent; i++)
        kernel->spread += distance(s, s->candidates[i].objectives, kernel->incumbent) / (double)selected;
    return CLADE_OK;
}

clade_catcma_rates clade_catcma_rates_of(size_t n, double m)
{
    const double dimensions = (double)n, faster = (dimensions + 2) / 3;
    clade_catcma_rates r;
    r.c_sigma = (m + 2) / (dimensions + m + 5);
    r.d_sigma = 1 + 2 * fmax(0, sqrt((m - 1) / (dimensions + 1)) - 1) + r.c_sigma;
    r.c_1 = fmin(1, 2 / ((dimensions + 1.3) * (dimensions + 1.3) + m) * faster);
    r.c_mu = 2 * (m - 2 + 1 / m) / ((dimensions + 2) * (dimensions + 2) + m) * faster;
    r.c_mu = fmax(0, fmin(r.c_mu, 1 - r.c_1));
    return r;
}

/* The squared length of gene I's paths, 1 where steps are by chance. Paths that agree add up to a long common one. */
static double path_length(const clade_catcma *s, size_t i)
{
    const double kernels = (double)s->n_kernels;
    double mean = 0, squares = 0;
    for (size_t k = 0; k < s->n_kernels; k++) {
        mean += s->kernels[k].p[i] / kernels;
        squares += s->kernels[k].p[i] * s->kernels[k].p[i] / kernels;
    }
    return COMMON * kernels * mean * mean + (1 - COMMON) * squares;
}

/* Paths, covariance and step size (Hansen 2016, equations 43 to 47, for a diagonal C with the faster rates of Ros & Hansen
 * 2008). One path serves both C and sigma: with these rates they are about equally long. */
static void adapt(clade_catcma *s)
{
    const size_t n = s->genes.n;
    const clade_catcma_rates r = clade_catcma_rates_of(n, s->mu_eff * (double)s->n_kernels);
    double lengths = 0;
    for (size_t i = 0; i < n; i++) {
        double rank_mu = 0;
        for (size_t k = 0; k < s->n_kernels; k++) {
            clade_catcma_kernel *kernel = &s->kernels[k];
            if (kernel->squares[i] > 0)
                kernel->p[i] = (1 - r.c_sigma) * kernel->p[i] +
                               sqrt(r.c_sigma * (2 - r.c_sigma)) * kernel->step[i] / sqrt(s->C[i] * kernel->squares[i]);
            rank_mu += (kernel->rank_mu[i] - kernel->seen[i] * s->C[i]) / (double)s->n_kernels;
        }
        const double length = path_length(s, i), former = s->C[i];
        lengths += length;
        s->C[i] = fmax(former + r.c_1 * former * (length - 1) + r.c_mu * rank_mu, LEAST_SHRINK * former);
    }
    s->sigma *= exp(fmin(1, r.c_sigma / r.d_sigma * (sqrt(lengths / (double)n) - 1)));
}

/* No deviation leaves what makes sense in the unit scale. */
static void keep_within(clade_catcma *s)
{
    double widest = 0;
    for (size_t i = 0; i < s->genes.n; i++)
        widest = fmax(widest, s->sigma * sqrt(s->C[i]));
    if (widest > LARGEST_DEVIATION)
        s->sigma *= LARGEST_DEVIATION / widest;
    for (size_t i = 0; i < s->genes.n; i++)
        s->C[i] = fmax(s->C[i], LEAST_DEVIATION * LEAST_DEVIATION / (s->sigma * s->sigma));
}

/* Every mean moves by its own step and the mean step of the kernels of its category. SIGMA and MODES are those that the
 * steps were learnt under. */
static void move(clade_catcma *s, double sigma, const size_t *modes)
{
    for (size_t k = 0; k < s->n_kernels; k++) {
        double alike = 0;
        memset(s->moved, 0, s->genes.n * sizeof *s->moved);
        for (size_t l = 0; l < s->n_kernels; l++) {
            if (modes[l] != modes[k])
                continue;
            alike++;
            for (size_t i = 0; i < s->genes.n; i++)
                s->moved[i] += s->kernels[l].step[i];
        }
        for (size_t i = 0; i < s->genes.n; i++) {
            const double step = COMMON * s->moved[i] / alike + (1 - COMMON) * s->kernels[k].step[i];
            s->kernels[k].m[i] = fmin(fmax(s->kernels[k].m[i] + sigma * step, 0), 1);
        }
    }
}

/* Kernels A and B face each other: no other incumbent is nearer to both of theirs than they are to each other. */
static bool adjacent(const clade_catcma *s, size_t a, size_t b, double apart)
{
    for (size_t l = 0; l < s->n_kernels; l++)
        if (l != a && l != b && distance(s, s->kernels[a].incumbent, s->kernels[l].incumbent) < apart &&
            distance(s, s->kernels[b].incumbent, s->kernels[l].incumbent) < apart)
            return false;
    return true;
}

/* A kernel more, in the widest gap, once the children of the kernels spread over a small part of the gaps only: then it
 * is the number of points that is wanting. */
static void grow(clade_catcma *s)
{
    double spread = 0, gaps = 0, widest = -1;
    size_t a = 0, b = 0;
    for (size_t k = 0; k < s->n_kernels; k++) {
        double nearest = INFINITY;
        if (!s->kernels[k].has_incumbent)
            return;
        for (size_t l = 0; l < s->n_kernels; l++) {
            const double apart = distance(s, s->kernels[k].incumbent, s->kernels[l].incumbent);
            nearest = l != k ? fmin(nearest, apart) : nearest;
            if (l > k && apart > widest && adjacent(s, k, l, apart)) {
                widest = apart;
                a = k;
                b = l;
            }
        }
        spread += s->kernels[k].spread;
        gaps += nearest;
    }
    if (s->n_kernels == CLADE_CATCMA_MOST_KERNELS || !(spread < GROWTH * gaps))
        return;
    clade_catcma_kernel_between(&s->kernels[s->n_kernels++], &s->genes, &s->kernels[a], &s->kernels[b]);
}

clade_status clade_catcma_learn(clade_catcma *s)
{
    if (s->front.members.count == 0)
        return CLADE_OK;
    const double sigma = s->sigma;
    size_t modes[CLADE_CATCMA_MOST_KERNELS];
    measure_front(s);
    for (size_t k = 0; k < s->n_kernels; k++) {
        modes[k] = clade_catcma_kernel_mode(&s->kernels[k], &s->genes);
        CLADE_TRY(learn_step(s, k));
    }
    if (s->genes.n > 0) {
        adapt(s);
        move(s, sigma, modes);
        keep_within(s);
    }
    if (s->problem.n_objectives > 1 && s->n_kernels > 1)
        grow(s);
    return CLADE_OK;
}
