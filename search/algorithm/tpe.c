/* Multi-objective TPE (Ozaki, Tanigaki, Watanabe, Nomura & Onishi 2022, "Multiobjective tree-structured Parzen
 * estimator", JAIR 73; single objective: Bergstra, Bardenet, Bengio & Kegl 2011), with the constants that Optuna made
 * known: 10 children at random, the best min(ceil(n / 10), 25) are good, 24 candidates, kernels as in parzen.h.
 *
 * l is the density of the good children, g that of all others; of the candidates drawn from l the one with the largest
 * l / g is the child. Good children weigh as much as they alone contribute to the hypervolume of the good (good_set.h);
 * of the others the last 25 weigh 1, older ones less, the oldest 1 / n.
 *
 * Each gene for itself (the default, as in Optuna), from the children in which it is active; or all numbers together
 * (`joint`), where a kernel is a child: the product over genes of one width .2 n^(-1 / (d + 4)), of the prior where the
 * gene is inactive in that child, times its category's share. Differs from Optuna: children that failed or that a race
 * ended count among the bad ones, so that the search leaves what fails; the prior is the gene's own where the space
 * gives one; with `joint` the conditional genes take part, as said.
 *
 * Cost of a child: O(genes n) for n told, all of which make the densities: 1 ms after 1,000 with 30 genes, 3 ms after 4,000. For
 * budgets of thousands, not of hundreds of thousands. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/observed.h"
#include "search/algorithm/parzen.h"

enum { START, CANDIDATES, JOINT, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [START] = {"start", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 2, 4096, 10, 10, 10,
               "children before the densities are used, after the first individuals", NULL},
    [CANDIDATES] = {"candidates", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 1, 4096, 24, 24, 24,
                    "draws from the density of the good, of which one becomes the child", NULL},
    [JOINT] = {"joint", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
               "one density over all genes instead of one for each", NULL},
};

static const double LEAST_SPREAD = 0.1, JOINT_WIDTH = 0.2;

/* One side of the split, under `joint`. */
typedef struct joint {
    double width;      /* of the kernels */
    double share;      /* of the prior, to draw a kernel by */
    double log_height; /* of the prior */
    double sum;        /* of all shares */
} joint;

typedef struct tpe {
    clade_search_problem problem;
    clade_observed told;
    clade_parzen l, g; /* of the gene at hand */
    size_t room;       /* observations that l and g hold */
    double *table;     /* (2, categories of the gene that has most) scratch */
    joint L, G;        /* of the category at hand */
    size_t *numbers;   /* (n_genes) those active under it */
    size_t n_numbers;
    double *candidate; /* (n_genes) scratch, in unit scale */
} tpe;

static void destroy(void *state)
{
    tpe *s = state;
    if (!s)
        return;
    clade_observed_fini(&s->told);
    clade_parzen_fini(&s->l);
    clade_parzen_fini(&s->g);
    clade_free(s->table);
    clade_free(s->numbers);
    clade_free(s->candidate);
    clade_free(s);
}

static size_t categories_of(const clade_gene *gene)
{
    return gene->kind == CLADE_GENE_CATEGORY ? (size_t)gene->high + 1 : 0;
}

static size_t most_categories(const clade_space *space)
{
    size_t most = 0;
    for (size_t g = 0; g < space->n_genes; g++)
        most = categories_of(&space->genes[g]) > most ? categories_of(&space->genes[g]) : most;
    return most;
}

static clade_status allocate(void *state)
{
    tpe *s = state;
    const size_t n_genes = s->problem.space->n_genes;
    CLADE_TRY(clade_observed_init(&s->told, &s->problem));
    s->table = clade_calloc(2 * most_categories(s->problem.space), sizeof *s->table);
    s->numbers = clade_calloc(n_genes, sizeof *s->numbers);
    s->candidate = clade_calloc(n_genes, sizeof *s->candidate);
    if (!s->table || !s->numbers || !s->candidate)
        return clade_fail_memory(n_genes * sizeof *s->candidate, "TPE");
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    return clade_state_new(problem, sizeof(tpe), allocate, destroy, state);
}

/* ---- one gene ---- */

static double prior_mean(const clade_gene *gene)
{
    return gene->spread > 0 ? fmin(fmax(gene->prior, 0), 1) : 0.5;
}

static double prior_spread(const clade_gene *gene)
{
    return gene->spread > 0 ? fmin(fmax(gene->spread, LEAST_SPREAD), 1) : 1;
}

/* The share of CATEGORY in the kernel of a child that has SEEN, of N children in the density: one for its own, and the
 * prior's 1 / (n + 1) for each. */
static double category_share(const clade_gene *gene, double seen, double category, size_t n)
{
    const double each = 1 / ((double)n + 1);
    const bool same = !(seen < category) && !(seen > category);
    return (same + each) / (1 + (double)categories_of(gene) * each);
}

static double category_density(const clade_observed *told, size_t g, double category, bool good)
{
    const clade_gene *gene = &told->space->genes[g];
    const size_t n = clade_observed_count(told, g, good);
    double sum = 1 / (double)categories_of(gene), weights = 1; /* the prior */
    for (size_t c = 0; c < told->count; c++) {
        if (!clade_observed_in(told, c, g, good))
            continue;
        const double weight = told->seen[c].weight;
        sum += weight * category_share(gene, clade_observed_unit(told, c)[g], category, n);
        weights += weight;
    }
    return sum / weights;
}

static double draw_category(tpe *s, size_t g, clade_rng *rng)
{
    const size_t categories = categories_of(&s->problem.space->genes[g]);
    double *l = s->table, *ratio = s->table + categories;
    for (size_t k = 0; k < categories; k++) {
        l[k] = category_density(&s->told, g, (double)k, true);
        ratio[k] = l[k] / category_density(&s->told, g, (double)k, false);
    }
    size_t best = categories;
    for (size_t i = 0; i < (size_t)s->problem.parameters[CANDIDATES]; i++) {
        double left = clade_rng_uniform(rng);
        size_t k = 0;
        while (k + 1 < categories && left >= l[k])
            left -= l[k++];
        if (best == categories || ratio[k] > ratio[best])
            best = k;
    }
    return (double)best;
}

/* A good child's seed, or, by the prior's weight, a new one. */
static double draw_seed(const clade_observed *told, size_t g, clade_rng *rng)
{
    double sum = 1;
    for (size_t c = 0; c < told->count; c++)
        sum += clade_observed_in(told, c, g, true) ? told->seen[c].weight : 0;
    double left = clade_rng_uniform(rng) * sum;
    for (size_t c = 0; c < told->count; c++) {
        left -= clade_observed_in(told, c, g, true) ? told->seen[c].weight : 0;
        if (left < 0)
            return clade_observed_unit(told, c)[g];
    }
    return (double)(clade_rng_next(rng) >> 32);
}

static void fit(const clade_observed *told, size_t g, bool good, clade_parzen *density)
{
    const clade_gene *gene = &told->space->genes[g];
    density->count = 0;
    for (size_t i = 0; i < told->n_active[g]; i++) {
        const size_t c = told->order[g][i];
        if (told->seen[c].good == good)
            clade_parzen_add(density, clade_observed_unit(told, c)[g], told->seen[c].weight);
    }
    clade_parzen_close(density, prior_mean(gene), prior_spread(gene));
}

/* At a number, or over the whole bin of an integer. */
static double density_at(const clade_parzen *density, const clade_gene *gene, double unit)
{
    if (gene->kind == CLADE_GENE_REAL)
        return clade_parzen_density(density, unit);
    const double bin = 1 / (gene->high - gene->low + 1);
    const double middle = clade_gene_to_unit(gene, clade_gene_from_unit(gene, unit));
    return clade_parzen_mean_density(density, middle - 0.5 * bin, middle + 0.5 * bin);
}

static double draw_number(tpe *s, size_t g, clade_rng *rng)
{
    const clade_gene *gene = &s->problem.space->genes[g];
    fit(&s->told, g, true, &s->l);
    fit(&s->told, g, false, &s->g);
    double best = 0.5, most = -1;
    for (size_t i = 0; i < (size_t)s->problem.parameters[CANDIDATES]; i++) {
        const double x = clade_parzen_draw(&s->l, rng);
        const double ratio = density_at(&s->l, gene, x) / density_at(&s->g, gene, x);
        if (ratio > most) {
            most = ratio;
            best = x;
        }
    }
    return clade_gene_from_unit(gene, best);
}

/* ---- all numbers together ---- */

/* Of child C, or of the prior for C = count. */
static clade_kernel kernel_in(const clade_observed *told, size_t c, size_t g, double width)
{
    const clade_gene *gene = &told->space->genes[g];
    if (c < told->count && clade_gene_active(told->space, clade_observed_unit(told, c), g))
        return (clade_kernel){.mu = clade_observed_unit(told, c)[g], .sigma = width};
    return (clade_kernel){.mu = prior_mean(gene), .sigma = prior_spread(gene)};
}

/* Log of the peak over all numbers, but for a power of 2 pi that all kernels have. */
static double log_peak(const tpe *s, size_t c, double width)
{
    double sum = 0;
    for (size_t i = 0; i < s->n_numbers; i++) {
        const clade_kernel k = kernel_in(&s->told, c, s->numbers[i], width);
        sum -= log(k.sigma * clade_normal_mass(k.mu, k.sigma, 0, 1));
    }
    return sum;
}

/* The kernels of one side: what each is drawn by, and its height. GENOME has the category. */
static void fit_joint(tpe *s, const double *genome, bool good, joint *side)
{
    clade_observed *told = &s->told;
    const clade_gene *category = told->space->has_category ? &told->space->genes[0] : NULL;
    size_t n = 0;
    for (size_t c = 0; c < told->count; c++)
        n += told->seen[c].good == good;
    side->width = clade_parzen_clip(JOINT_WIDTH * pow((double)n, -1 / ((double)s->n_numbers + 4)), n);
    side->share = category ? 1 / (double)categories_of(category) : 1;
    side->log_height = log(side->share) + log_peak(s, told->count, side->width);
    side->sum = side->share;
    for (size_t c = 0; c < told->count; c++) {
        clade_observation *seen = &told->seen[c];
        if (seen->good != good)
            continue;
        seen->share = seen->weight;
        if (category)
            seen->share *= category_share(category, clade_observed_unit(told, c)[0], genome[0], n);
        seen->log_height = log(seen->share) + log_peak(s, c, side->width);
        side->sum += seen->share;
    }
}

static double log_kernel(const tpe *s, size_t c, double log_height, double width)
{
    double sum = 0;
    for (size_t i = 0; i < s->n_numbers; i++) {
        const clade_kernel k = kernel_in(&s->told, c, s->numbers[i], width);
        const double z = (s->candidate[s->numbers[i]] - k.mu) / k.sigma;
        sum += z * z;
    }
    return log_height - 0.5 * sum;
}

/* Log of the side's density at the candidate. */
static double log_joint(const tpe *s, bool good, const joint *side)
{
    double most = log_kernel(s, s->told.count, side->log_height, side->width), sum = 1;
    for (size_t c = 0; c < s->told.count; c++) {
        if (s->told.seen[c].good != good)
            continue;
        const double value = log_kernel(s, c, s->told.seen[c].log_height, side->width);
        sum = value > most ? sum * exp(most - value) + 1 : sum + exp(value - most);
        most = value > most ? value : most;
    }
    return most + log(sum / side->sum);
}

static void draw_candidate(tpe *s, clade_rng *rng)
{
    double left = clade_rng_uniform(rng) * s->L.sum - s->L.share;
    size_t c = left < 0 ? s->told.count : 0;
    for (; c < s->told.count; c++) {
        left -= s->told.seen[c].good ? s->told.seen[c].share : 0;
        if (left < 0)
            break;
    }
    for (size_t i = 0; i < s->n_numbers; i++) {
        const clade_kernel k = kernel_in(&s->told, c, s->numbers[i], s->L.width);
        s->candidate[s->numbers[i]] = clade_kernel_draw(&k, rng);
    }
}

static void draw_numbers_together(tpe *s, clade_rng *rng, double *genome)
{
    const clade_space *space = s->problem.space;
    s->n_numbers = 0;
    for (size_t g = 0; g < space->n_genes; g++)
        if (clade_gene_is_number(&space->genes[g]) && clade_gene_active(space, genome, g))
            s->numbers[s->n_numbers++] = g;
    fit_joint(s, genome, true, &s->L);
    fit_joint(s, genome, false, &s->G);
    double most = -INFINITY;
    for (size_t i = 0; i < (size_t)s->problem.parameters[CANDIDATES]; i++) {
        draw_candidate(s, rng);
        const double ratio = log_joint(s, true, &s->L) - log_joint(s, false, &s->G);
        if (i > 0 && !(ratio > most))
            continue;
        most = ratio;
        for (size_t j = 0; j < s->n_numbers; j++)
            genome[s->numbers[j]] = clade_gene_from_unit(&space->genes[s->numbers[j]], s->candidate[s->numbers[j]]);
    }
}

/* ---- the proposal ---- */

/* L and g have room for all that was told. */
static clade_status make_room(tpe *s)
{
    if (s->room == s->told.capacity)
        return CLADE_OK;
    clade_parzen_fini(&s->l);
    clade_parzen_fini(&s->g);
    s->room = 0;
    CLADE_TRY(clade_parzen_init(&s->l, s->told.capacity));
    CLADE_TRY(clade_parzen_init(&s->g, s->told.capacity));
    s->room = s->told.capacity;
    return CLADE_OK;
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    tpe *s = state;
    const clade_space *space = s->problem.space;
    if (child < s->problem.n_first || s->told.n_complete < s->problem.n_first + (size_t)s->problem.parameters[START]) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    CLADE_TRY(make_room(s));
    CLADE_TRY(clade_observed_split(&s->told));
    clade_propose_uniform(&s->problem, child, proposal); /* what inactive genes keep */
    const bool together = s->problem.parameters[JOINT] > 0;
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    for (size_t g = 0; g < space->n_genes; g++) {
        if (!clade_gene_active(space, proposal->genome, g))
            continue;
        if (space->genes[g].kind == CLADE_GENE_CATEGORY)
            proposal->genome[g] = draw_category(s, g, &rng);
        else if (space->genes[g].kind == CLADE_GENE_SEED)
            proposal->genome[g] = draw_seed(&s->told, g, &rng);
        else if (!together)
            proposal->genome[g] = draw_number(s, g, &rng);
    }
    if (together)
        draw_numbers_together(s, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "tpe");
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    tpe *s = state;
    return clade_observed_add(&s->told, told);
}

const clade_algorithm clade_algorithm_tpe = {
    .name = "tpe",
    .title = "Tree-structured Parzen estimators",
    .source = "Ozaki, Tanigaki, Watanabe, Nomura & Onishi 2022",
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
