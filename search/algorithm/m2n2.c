/* M2N2 (Abrantes, Lange & Tang 2025, "Competition and attraction improve model fusion", GECCO 2025, arXiv 2508.16204):
 * steady state, an archive of P. With S_ij = 1 when individual i gets item j right and z_j = sum_i S_ij:
 *
 *   competition   f_i = sum_j S_ij / z_j^alpha: an item that few solve is worth more to each of them, so that niches
 *                 live without any measure of distance. Whoever has the least f among the P + 1 leaves.
 *   attraction    parent A by roulette on f; parent B by roulette on g(A, B) = sum_j max(0, S_Bj - S_Aj) / z_j: what B
 *                 knows and A does not.
 *   split point   the child is w A + (1 - w) B before it and (1 - w) A + w B after it, w and the point uniform. Here the
 *                 point lies between the sites, in the order of depth, and genes without a site mix by w; in a space
 *                 without sites it lies between the genes.
 *
 * Without bits of its own (closed forms) a child is asked GOALS questions: "is every objective at least as good as
 * this?", for points spread evenly between the ideal and the nadir of the archive. f is then the share of the
 * hypervolume that a child has for itself or divides with others (the fitness of HypE, Bader & Zitzler 2011).
 *
 * Differs from the paper: the archive starts with the first individuals and what is bred from them; w is uniform on
 * [-e, 1 + e], because mixes between parents only draw an archive of genomes together; and mutation follows every mix (a
 * normal step in one gene, rarely another category). Children a race ended do not enter: their bits are not all there.
 * Of equals the oldest leaves. Measured after 600 evaluations of the closed forms, hypervolume with e = 0 and 0.25: ZDT1
 * (10 genes) 10.3, 11.5; DTLZ2 (10, two objectives) 14.95, 15.18; mixmerge 3.25, 3.39; SMS-EMOA has 11.5, 15.16, 3.39.
 *
 * Cost of a child: O(items P), for a new child changes what every item is worth: .3 ms at P = 100 and 512 goals,
 * 3 ms at 1,000. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/bits.h"
#include "search/algorithm/breeding.h"
#include "search/algorithm/descriptors.h"
#include "search/algorithm/mix.h"
#include "search/pareto.h"

enum { POPULATION, ALPHA, EXTRAPOLATION, MUTATION, RATE, N_PARAMETERS };

static const clade_parameter parameters[] = {
    [POPULATION] = {"population", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 2, CLADE_MOST_POPULATION, 20, 20,
                    20, "models in the archive", NULL},
    [ALPHA] = {"alpha", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 8, 1, 1, 1,
               "competition for items: 0 none (a plain genetic algorithm), 1 an item is divided among its solvers",
               NULL},
    [EXTRAPOLATION] = {"extrapolation", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0.25, 0.25, 0.25,
                       "how far beyond its parents a mix may lie, in distances of theirs; 0: between them", NULL},
    [MUTATION] = {"mutation", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0.1, 0.1, 0.1,
                  "standard deviation of the step, as a share of a gene's range", NULL},
    [RATE] = {"rate", CLADE_REAL, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 4096, 1, 1, 1,
              "genes of a child that take the step, on average", NULL},
};

enum { GOALS = 512 };
static const double CATEGORY_MUTATION = 0.05;
/* The ends of a front reach no goal that is better than the nadir in all objectives; these keep them. */
static const double BEYOND = 1;

typedef struct m2n2 {
    clade_search_problem problem;
    size_t P;
    size_t n_sites;           /* 0: split by the index of the gene */
    clade_population archive; /* at most P between tells, oldest first */
    size_t n_items;           /* 0 until a child was told */
    double *goals;     /* (n_objectives, n_items) in units of the archive's range; NULL: items are what was told */
    uint8_t *S;        /* (P + 1, n_items) 0 or 1 */
    double *z, *worth; /* (n_items): z_j and z_j^-alpha */
    double *f;         /* (P + 1) */
    double *g;         /* (P + 1) scratch */
    double *share;     /* (n_genes) scratch */
} m2n2;

static void destroy(void *state)
{
    m2n2 *s = state;
    if (!s)
        return;
    clade_population_fini(&s->archive);
    clade_free(s->goals);
    clade_free(s->S);
    clade_free(s->z);
    clade_free(s->worth);
    clade_free(s->f);
    clade_free(s->g);
    clade_free(s->share);
    clade_free(s);
}

static clade_status allocate(m2n2 *s)
{
    const size_t all = s->P + 1, n_genes = s->problem.space->n_genes;
    CLADE_TRY(clade_population_init(&s->archive, &s->problem, all));
    s->f = clade_calloc(all, sizeof *s->f);
    s->g = clade_calloc(all, sizeof *s->g);
    s->share = clade_calloc(n_genes, sizeof *s->share);
    if (!s->f || !s->g || !s->share)
        return clade_fail_memory((2 * all + n_genes) * sizeof *s->f, "M2N2");
    return CLADE_OK;
}

static clade_status create(const clade_search_problem *problem, void **state)
{
    m2n2 *s = clade_calloc(1, sizeof *s);
    if (!s)
        return clade_fail_memory(sizeof *s, "M2N2");
    s->problem = *problem;
    s->P = (size_t)problem->parameters[POPULATION];
    for (size_t g = 0; g < problem->space->n_genes; g++) {
        const clade_gene *gene = &problem->space->genes[g];
        if (gene->slot > 0 && gene->site >= 0 && (size_t)gene->site >= s->n_sites)
            s->n_sites = (size_t)gene->site + 1;
    }
    const clade_status status = allocate(s);
    if (status != CLADE_OK) {
        destroy(s);
        return status;
    }
    *state = s;
    return CLADE_OK;
}

static uint64_t needs(const void *state, uint64_t child)
{
    (void)state;
    (void)child;
    return 0;
}

/* ---- competition ---- */

/* Points that fill [0, 1 + BEYOND]^m evenly: multiples of the powers of 1 / r, where r^(m + 1) = r + 1 (the golden ratio
 * for m = 1). */
static void spread_goals(double *goals, size_t m)
{
    double r = 1.5, step = 1;
    for (int i = 0; i < 64; i++)
        r = pow(1 + r, 1 / ((double)m + 1));
    for (size_t k = 0; k < m; k++) {
        step /= r;
        for (size_t j = 0; j < GOALS; j++) {
            const double place = (double)(j + 1) * step;
            goals[k * GOALS + j] = (1 + BEYOND) * (place - floor(place));
        }
    }
}

/* S for goals between the ideal and the nadir of the archive as it is, and BEYOND. */
static void ask_goals(m2n2 *s)
{
    const size_t m = s->problem.n_objectives, count = s->archive.count;
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES];
    if (count == 0)
        return;
    memset(s->S, 1, count * s->n_items);
    clade_objective_range(s->archive.objectives, count, m, ideal, range);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < m; k++) {
            const double scaled = (s->archive.objectives[i * m + k] - ideal[k]) / range[k],
                         *goal = s->goals + k * s->n_items;
            for (size_t j = 0; j < s->n_items; j++)
                s->S[i * s->n_items + j] &= scaled <= goal[j];
        }
}

/* z and f of the archive as it is. */
static void compete(m2n2 *s)
{
    const size_t n = s->n_items;
    const double alpha = s->problem.parameters[ALPHA];
    if (s->goals)
        ask_goals(s);
    memset(s->z, 0, n * sizeof *s->z);
    for (size_t i = 0; i < s->archive.count; i++)
        for (size_t j = 0; j < n; j++)
            s->z[j] += s->S[i * n + j];
    for (size_t j = 0; j < n; j++)
        s->worth[j] = s->z[j] > 0 ? pow(s->z[j], -alpha) : 0;
    for (size_t i = 0; i < s->archive.count; i++) {
        s->f[i] = 0;
        for (size_t j = 0; j < n; j++)
            s->f[i] += s->S[i * n + j] * s->worth[j];
    }
}

/* The first child settles what the items are. */
static clade_status settle_items(m2n2 *s, const clade_told *told)
{
    const bool bits = told->correct && told->n_correct > 0;
    const size_t n = bits ? told->n_correct : GOALS, m = s->problem.n_objectives;
    s->S = clade_calloc(s->P + 1, n);
    s->z = clade_calloc(n, sizeof *s->z);
    s->worth = clade_calloc(n, sizeof *s->worth);
    s->goals = bits ? NULL : clade_calloc(n, m * sizeof *s->goals);
    if (!s->S || !s->z || !s->worth || (!bits && !s->goals))
        return clade_fail_memory((s->P + 1) * n + n * m * sizeof *s->goals, "the items of M2N2");
    if (!bits)
        spread_goals(s->goals, m);
    s->n_items = n;
    return CLADE_OK;
}

static clade_status tell(void *state, const clade_told *told)
{
    m2n2 *s = state;
    if (!told->objectives || !told->complete)
        return CLADE_OK;
    if (s->n_items == 0)
        CLADE_TRY(settle_items(s, told));
    /* Whoever was asked other items cannot compete. */
    if (!s->goals && (!told->correct || told->n_correct != s->n_items))
        return CLADE_OK;
    uint8_t *row = s->S + s->archive.count * s->n_items;
    for (size_t j = 0; j < s->n_items && !s->goals; j++)
        row[j] = clade_bit(told->correct, j);
    clade_population_add(&s->archive, told);
    compete(s);
    if (s->archive.count <= s->P)
        return CLADE_OK;
    size_t worst = 0;
    for (size_t i = 1; i < s->archive.count; i++)
        if (s->f[i] < s->f[worst])
            worst = i;
    clade_population_remove(&s->archive, worst);
    memmove(s->S + worst * s->n_items, s->S + (worst + 1) * s->n_items, (s->archive.count - worst) * s->n_items);
    compete(s);
    return CLADE_OK;
}

/* ---- the child ---- */

/* An index by its share of the sum of WORTH (n); uniform when all are 0, but not EXCEPT (n: none). */
static size_t roulette(const double *worth, size_t n, size_t except, clade_rng *rng)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += worth[i];
    if (!(sum > 0)) {
        const size_t i = (size_t)clade_rng_below(rng, except < n ? n - 1 : n);
        return i < except ? i : i + 1;
    }
    double left = clade_rng_uniform(rng) * sum;
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(worth[i] > 0))
            continue;
        last = i;
        left -= worth[i];
        if (left < 0)
            break;
    }
    return last;
}

/* g(A, .): what each could bring to A. */
static void attract(m2n2 *s, size_t a)
{
    const uint8_t *A = s->S + a * s->n_items;
    for (size_t i = 0; i < s->archive.count; i++) {
        const uint8_t *B = s->S + i * s->n_items;
        s->g[i] = 0;
        for (size_t j = 0; j < s->n_items; j++)
            s->g[i] += B[j] > A[j] ? 1 / s->z[j] : 0;
    }
}

/* Which of the places that a split point orders gene G has; -1: it has none. */
static long place_of(const m2n2 *s, size_t g)
{
    const clade_gene *gene = &s->problem.space->genes[g];
    if (s->n_sites == 0)
        return (long)g;
    return gene->slot > 0 ? gene->site : -1;
}

static void mix(m2n2 *s, size_t a, size_t b, clade_rng *rng, double *genome)
{
    const clade_space *space = s->problem.space;
    const double beyond = s->problem.parameters[EXTRAPOLATION];
    const double w = (1 + 2 * beyond) * clade_rng_uniform(rng) - beyond;
    const size_t places = s->n_sites > 0 ? s->n_sites : space->n_genes;
    const long split = (long)clade_rng_below(rng, places + 1);
    for (size_t g = 0; g < space->n_genes; g++)
        s->share[g] = place_of(s, g) < split ? w : 1 - w;
    clade_mix_parents(space, clade_population_genome(&s->archive, a), clade_population_genome(&s->archive, b), s->share,
                      genome);
}

static void mutate(const m2n2 *s, clade_rng *rng, double *genome)
{
    const clade_space *space = s->problem.space;
    if (space->has_category && clade_rng_uniform(rng) < CATEGORY_MUTATION)
        genome[0] = (double)clade_rng_below(rng, (uint64_t)space->genes[0].high + 1);
    size_t active = 0;
    for (size_t g = space->has_category; g < space->n_genes; g++)
        active += clade_gene_active(space, genome, g);
    if (active > 0)
        clade_normal_step(space, s->problem.parameters[MUTATION], s->problem.parameters[RATE] / (double)active, rng,
                          genome);
}

static clade_status ask(void *state, uint64_t child, clade_proposal *proposal)
{
    m2n2 *s = state;
    if (child < s->problem.n_first || s->archive.count < s->P) {
        clade_propose_start(&s->problem, child, proposal);
        return CLADE_OK;
    }
    clade_rng rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_SELECTION);
    const size_t a = roulette(s->f, s->archive.count, s->archive.count, &rng);
    attract(s, a);
    const size_t b = roulette(s->g, s->archive.count, a, &rng);
    rng = clade_child_rng(s->problem.seed, child, proposal->variant, CLADE_DRAW_VARIATION);
    mix(s, a, b, &rng, proposal->genome);
    mutate(s, &rng, proposal->genome);
    snprintf(proposal->operator_name, sizeof proposal->operator_name, "split point");
    proposal->parents[0] = s->archive.child[a];
    proposal->parents[1] = s->archive.child[b];
    proposal->n_parents = 2;
    return CLADE_OK;
}

const clade_algorithm clade_algorithm_m2n2 = {
    .name = "m2n2",
    .title = "M2N2",
    .source = "Abrantes, Lange & Tang 2025",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .learns = true,
    .steady = true,
    .create = create,
    .destroy = destroy,
    .needs = needs,
    .ask = ask,
    .tell = tell,
};
