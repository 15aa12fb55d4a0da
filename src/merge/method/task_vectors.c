/* Merging by task vectors: one pipeline, four methods that are rows of it.
 *
 *   1 task vector  tau_i = theta_i - theta_0
 *   2 sparsify     tau_i <- tau_i where kept, else 0
 *        trim (TIES): the k = max(1, trunc(density N)) largest magnitudes of the tensor, lower indices first among
 *                     equal ones; density 0 keeps none
 *        drop (DARE): each element with probability 1 - density, by a draw of its own
 *     rescale        tau_i <- tau_i |tau_i before|_1 / |tau_i after|_1 over the tensor (mergekit), or / density (the
 *                    DARE paper)
 *   3 weigh        y_i = w_i tau_i
 *   4 elect        gamma = sign(sum_i y_i), 0 counting as +; only y_i with sign gamma go on (TIES, disjoint merge)
 *   5 sum          D = sum_i y_i
 *   6 normalize    D <- D / sum of the w_i that went in (1 where that is 0)
 *   7 scale        theta = theta_0 + lambda D
 *
 * Task arithmetic: Ilharco et al. 2022, arXiv 2212.04089. TIES: Yadav et al. 2023, arXiv 2306.01708 (there one trim
 * over the whole model and a plain mean; here, as in mergekit, a trim per tensor and weights). DARE: Yu et al. 2023,
 * arXiv 2311.03099.
 *
 * The trim compares float differences, as mergekit; everything after is double, rounded once, so that one parent of
 * weight 1 comes back as it is. Masks: draw number INDEX of the stream keyed by (seed, parent, tensor), whatever the
 * tile. */
#include <math.h>

#include "clade/kernels.h"
#include "clade/rng.h"
#include "merge/methods.h"
#include "merge/trim.h"

/* Parameters of every row; task_arithmetic has the first three, ties the first five. */
enum { WEIGHT, LAMBDA, NORMALIZE, DENSITY, RESCALE, RESCALE_BY_DENSITY };
enum { N_ARITHMETIC = DENSITY, N_TIES = RESCALE + 1, N_DARE = RESCALE_BY_DENSITY + 1 };
enum { THRESHOLD, LAST, FACTOR }; /* measures: the cut of a trim, and what survivors are multiplied by */

typedef enum sparsify { KEEP_ALL, TRIM, DROP } sparsify;
typedef struct pipeline {
    sparsify sparsify;
    bool elect;
} pipeline;

static double value(const clade_merge_tile *tile, size_t parent, size_t parameter)
{
    return tile->parent[parent * tile->n_parameters + parameter];
}

/* The sparsifier of one parent: with density 1 none. */
static sparsify sparsify_of(const clade_merge_tile *tile, const pipeline *row, size_t parent)
{
    return row->sparsify == KEEP_ALL || value(tile, parent, DENSITY) >= 1 ? KEEP_ALL : row->sparsify;
}

/* The stream of a parent's mask, at the first element of the tile. */
static clade_rng mask_stream(const clade_merge_tile *tile, size_t parent)
{
    const uint64_t keys[] = {tile->seed, tile->parent_keys[parent], tile->tensor_key};
    clade_rng stream = clade_rng_keyed(keys, sizeof keys / sizeof keys[0]);
    clade_rng_advance(&stream, tile->offset);
    return stream;
}

/* ---- measure: the cut and the factor of each parent, from its whole task vector ---- */

static clade_trim cut_of(const clade_merge_tile *whole, size_t parent, const float *tau, float *spare)
{
    double density = value(whole, parent, DENSITY);
    size_t k = (size_t)(density * (double)whole->n);
    if (density <= 0)
        return (clade_trim){.threshold = INFINITY, .last = 0};
    return clade_trim_cut(whole->n, tau, k > 0 ? k : 1, spare);
}

static void drop_from(const clade_merge_tile *whole, size_t parent, float *tau)
{
    double density = value(whole, parent, DENSITY);
    clade_rng stream = mask_stream(whole, parent);
    for (size_t i = 0; i < whole->n; i++)
        if (clade_rng_uniform(&stream) >= density)
            tau[i] = 0;
}

static void trim_from(size_t n, clade_trim cut, float *tau)
{
    for (size_t i = 0; i < n; i++) {
        float size = fabsf(tau[i]);
        if (size < cut.threshold || (size == cut.threshold && i > cut.last))
            tau[i] = 0;
    }
}

static clade_status measure(clade_merge_tile *whole, const pipeline *row)
{
    static const double least_norm = 1e-7; /* mergekit leaves task vectors below it as they are */
    const clade_kernels *kernels = clade_kernels_best();
    bool rescale = whole->site[RESCALE] != 0;
    bool by_density = rescale && row->sparsify == DROP && whole->site[RESCALE_BY_DENSITY] != 0;
    float *tau = whole->scratch, *spare = tau + whole->n;
    for (size_t p = 0; p < whole->n_parents; p++) {
        double *out = whole->measures[p], density = value(whole, p, DENSITY);
        sparsify how = sparsify_of(whole, row, p);
        clade_trim cut = {0};
        out[FACTOR] = by_density && density > 0 ? 1 / density : 1;
        if (how == KEEP_ALL || (how == DROP && (by_density || !rescale)))
            continue;
        for (size_t i = 0; i < whole->n; i++)
            tau[i] = whole->parents[p][i] - whole->base[i];
        if (how == TRIM)
            cut = cut_of(whole, p, tau, spare);
        out[THRESHOLD] = (double)cut.threshold;
        out[LAST] = (double)cut.last;
        if (!rescale)
            continue;
        double before = kernels->sum_abs(whole->n, tau);
        if (how == TRIM)
            trim_from(whole->n, cut, tau);
        else
            drop_from(whole, p, tau);
        double after = kernels->sum_abs(whole->n, tau);
        if (before >= least_norm && after >= least_norm)
            out[FACTOR] = before / after;
    }
    return CLADE_OK;
}

/* ---- combine ---- */

/* y = weight (x - b) where kept, else 0, for M elements from FIRST of the tile. Masks are factors of 0 and 1: compilers
 * make vector code of that where a conditional sum stays a branch, mispredicted half of the time. */
static void trimmed(const clade_merge_tile *tile, size_t p, size_t first, size_t m, double weight, double *y)
{
    const float *x = tile->parents[p] + first, *b = tile->base + first;
    float threshold = (float)tile->measures[p][THRESHOLD];
    uint64_t begin = tile->offset + first, end = (uint64_t)tile->measures[p][LAST] + 1;
    /* Up to LAST equal magnitudes stay, after it they go: two loops without indices in them. */
    size_t split = end <= begin ? 0 : end - begin < m ? (size_t)(end - begin) : m;
    for (size_t i = 0; i < split; i++) {
        double mask = fabsf(x[i] - b[i]) >= threshold;
        y[i] = mask * (weight * ((double)x[i] - (double)b[i]));
    }
    for (size_t i = split; i < m; i++) {
        double mask = fabsf(x[i] - b[i]) > threshold;
        y[i] = mask * (weight * ((double)x[i] - (double)b[i]));
    }
}

static void kept(const float *x, const float *b, size_t m, double weight, double *y)
{
    for (size_t i = 0; i < m; i++)
        y[i] = weight * ((double)x[i] - (double)b[i]);
}

static void drop(clade_rng *stream, double density, size_t m, double *y)
{
    for (size_t i = 0; i < m; i++)
        y[i] = clade_rng_uniform(stream) < density ? y[i] : 0;
}

/* D = sum_i y_i over the y_i that have the elected sign; W = the sum of their weights. */
static void elect_and_sum(const clade_merge_tile *tile, double (*y)[CLADE_MERGE_BLOCK], size_t m, double *D, double *W)
{
    double gamma[CLADE_MERGE_BLOCK] = {0};
    for (size_t p = 0; p < tile->n_parents; p++)
        for (size_t i = 0; i < m; i++)
            gamma[i] += y[p][i];
    for (size_t i = 0; i < m; i++) {
        gamma[i] = gamma[i] >= 0 ? 1 : -1;
        D[i] = 0;
        W[i] = 0;
    }
    for (size_t p = 0; p < tile->n_parents; p++) {
        double w = value(tile, p, WEIGHT), mask[CLADE_MERGE_BLOCK];
        for (size_t i = 0; i < m; i++)
            mask[i] = y[p][i] * gamma[i] > 0 ? 1 : 0;
        for (size_t i = 0; i < m; i++) {
            D[i] += mask[i] * y[p][i];
            W[i] += mask[i] * w;
        }
    }
    for (size_t i = 0; i < m; i++)
        W[i] = W[i] == 0 ? 1 : W[i];
}

static void sum_all(const clade_merge_tile *tile, double (*y)[CLADE_MERGE_BLOCK], size_t m, double *D, double *W)
{
    double weights = 0;
    for (size_t p = 0; p < tile->n_parents; p++)
        weights += value(tile, p, WEIGHT);
    weights = fabs(weights) < 1e-8 ? 1 : weights;
    for (size_t i = 0; i < m; i++) {
        D[i] = 0;
        W[i] = weights;
    }
    for (size_t p = 0; p < tile->n_parents; p++)
        for (size_t i = 0; i < m; i++)
            D[i] += y[p][i];
}

static clade_status combine(const clade_merge_tile *tile, const pipeline *row, float *out)
{
    double y[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], D[CLADE_MERGE_BLOCK], W[CLADE_MERGE_BLOCK];
    clade_rng streams[CLADE_MAX_PARENTS];
    double lambda = tile->site[LAMBDA];
    bool normalize = tile->site[NORMALIZE] != 0;
    for (size_t p = 0; p < tile->n_parents && row->sparsify == DROP; p++)
        streams[p] = mask_stream(tile, p);
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
        const float *b = tile->base + first;
        for (size_t p = 0; p < tile->n_parents; p++) {
            sparsify how = sparsify_of(tile, row, p);
            double w = value(tile, p, WEIGHT) * (row->sparsify == KEEP_ALL ? 1 : tile->measures[p][FACTOR]);
            if (how == TRIM)
                trimmed(tile, p, first, m, w, y[p]);
            else
                kept(tile->parents[p] + first, b, m, w, y[p]);
            if (how == DROP)
                drop(&streams[p], value(tile, p, DENSITY), m, y[p]);
        }
        if (row->elect)
            elect_and_sum(tile, y, m, D, W);
        else
            sum_all(tile, y, m, D, W);
        for (size_t i = 0; i < m && normalize; i++)
            D[i] /= W[i];
        for (size_t i = 0; i < m; i++) /* a base of -0 must not become +0 where nothing is added */
            out[first + i] = D[i] == 0 ? b[i] : (float)((double)b[i] + lambda * D[i]);
    }
    return CLADE_OK;
}

/* ---- the rows ---- */

static const pipeline arithmetic = {KEEP_ALL, false}, ties = {TRIM, true}, dare_linear = {DROP, false},
                      dare_ties = {DROP, true};

static clade_status arithmetic_combine(const clade_merge_tile *tile, float *out)
{
    return combine(tile, &arithmetic, out);
}

static clade_status ties_measure(clade_merge_tile *whole)
{
    return measure(whole, &ties);
}

static clade_status ties_combine(const clade_merge_tile *tile, float *out)
{
    return combine(tile, &ties, out);
}

/* The election comes after the masks, so both DARE rows measure alike. */
static clade_status dare_measure(clade_merge_tile *whole)
{
    return measure(whole, &dare_linear);
}

static clade_status dare_linear_combine(const clade_merge_tile *tile, float *out)
{
    return combine(tile, &dare_linear, out);
}

static clade_status dare_ties_combine(const clade_merge_tile *tile, float *out)
{
    return combine(tile, &dare_ties, out);
}

/* name, kind, scope, scale; limits; default range of the gene; default value; help */
static const clade_parameter arithmetic_parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector"},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                "factor of the merged task vector"},
    [NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                   "divide by the sum of the weights that went in"},
};

static const clade_parameter ties_parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector"},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                "factor of the merged task vector"},
    [NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                   "divide by the sum of the weights that went in"},
    [DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                 "share of the largest magnitudes that stays, per tensor"},
    [RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                 "give the sparsified task vector back its L1 norm, per tensor"},
};

static const clade_parameter dare_parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector"},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                "factor of the merged task vector"},
    [NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                   "divide by the sum of the weights that went in"},
    [DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                 "probability that an element stays: 1 - drop rate"},
    [RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                 "give the sparsified task vector back its L1 norm, per tensor"},
    [RESCALE_BY_DENSITY] = {"rescale_by_density", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                            "rescale by 1 / density, as the paper, not by the L1 norm"},
};

const clade_method clade_method_task_arithmetic = {
    .name = "task_arithmetic",
    .title = "Task arithmetic",
    .source = "Ilharco et al. 2022, arXiv 2212.04089",
    .mergekit = "equal",
    .formula = "theta_0 + lambda sum_i w_i tau_i",
    .parameters = arithmetic_parameters,
    .n_parameters = N_ARITHMETIC,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .needs_base = true,
    .symmetric = true,
    .combine = arithmetic_combine,
};

const clade_method clade_method_ties = {
    .name = "ties",
    .title = "TIES",
    .source = "Yadav et al. 2023, arXiv 2306.01708",
    .mergekit = "equal; of equal magnitudes at the cut the lower indices stay",
    .formula = "theta_0 + lambda mean over agreeing i of w_i trim(tau_i)",
    .parameters = ties_parameters,
    .n_parameters = N_TIES,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .needs_base = true,
    .symmetric = true,
    .scratch_rows = 2,
    .measure = ties_measure,
    .combine = ties_combine,
};

const clade_method clade_method_dare_linear = {
    .name = "dare_linear",
    .title = "DARE",
    .source = "Yu et al. 2023, arXiv 2311.03099",
    .mergekit = "equal in distribution; the paper's rescaling with rescale_by_density",
    .formula = "theta_0 + lambda sum_i w_i drop(tau_i)",
    .parameters = dare_parameters,
    .n_parameters = N_DARE,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .needs_base = true,
    .uses_masks = true,
    .symmetric = true,
    .scratch_rows = 1,
    .measure = dare_measure,
    .combine = dare_linear_combine,
};

const clade_method clade_method_dare_ties = {
    .name = "dare_ties",
    .title = "DARE with TIES election",
    .source = "Yu et al. 2023, arXiv 2311.03099; Yadav et al. 2023, arXiv 2306.01708",
    .mergekit = "equal in distribution; the paper's rescaling with rescale_by_density",
    .formula = "theta_0 + lambda sum over agreeing i of w_i drop(tau_i)",
    .parameters = dare_parameters,
    .n_parameters = N_DARE,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .needs_base = true,
    .uses_masks = true,
    .symmetric = true,
    .scratch_rows = 1,
    .measure = dare_measure,
    .combine = dare_ties_combine,
};
