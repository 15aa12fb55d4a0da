/* Model Stock: how far to go from the base to the mean of the models, from the angle between their differences (Jang et
 * al. 2024, arXiv 2403.19522).
 *
 *   tau_i = theta_i - theta_0,  N of them
 *   cos theta = mean over pairs of tau_i . tau_j / max(|tau_i| |tau_j|, 1e-6), each in [-1, 1]
 *   t = N cos theta / (1 + (N - 1) cos theta), 0 where the denominator is 0
 *   theta = t mean_i theta_i + (1 - t) theta_0
 *
 * Per tensor, or with filter_wise per row (along the last dimension). The mean over pairs and the bound 1e-6 are
 * mergekit's; the bound makes t smaller in tensors with tiny differences. t is not bounded: differences that point away
 * from each other on average give a step behind the base. */
#include <math.h>
#include <string.h>

#include "merge/method/gram.h"
#include "merge/method/methods.h"

enum { FILTER_WISE, N_PARAMETERS };

static const double smallest_product = 1e-6, smallest_denominator = 1e-6;

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [FILTER_WISE] = {"filter_wise", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                     "an angle per row instead of per tensor", NULL},
};

static bool by_rows(const clade_merge_tile *tensor)
{
    return tensor->site[FILTER_WISE] != 0 && tensor->rank > 1;
}

static size_t unit(const clade_merge_tile *tensor)
{
    size_t length = by_rows(tensor) ? (size_t)tensor->shape[tensor->rank - 1] : 1;
    return length > 0 ? length : 1;
}

static size_t state_bytes(const clade_merge_tile *tensor)
{
    return by_rows(tensor) ? 0 : clade_gram_bytes(tensor);
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return state_bytes(tensor);
}

static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    return by_rows(tile) ? CLADE_OK : clade_gram_survey(tile, pass, partial);
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    return by_rows(tensor) ? CLADE_OK : clade_gram_merge(tensor, pass, state, partial);
}

static double ratio(size_t n_parents, const double *dots)
{
    double sum = 0, n = (double)n_parents;
    for (size_t i = 0; i < n_parents; i++)
        for (size_t j = 0; j < i; j++) {
            double product = sqrt(dots[clade_gram_index(i, i)]) * sqrt(dots[clade_gram_index(j, j)]);
            sum += fmax(-1, fmin(1, dots[clade_gram_index(i, j)] / fmax(product, smallest_product)));
        }
    double c = sum / (n * (n - 1) / 2), denominator = 1 + (n - 1) * c;
    return fabs(denominator) < smallest_denominator ? 0 : n * c / denominator;
}

static bool whole(const clade_merge_tile *tensor)
{
    return !by_rows(tensor);
}

static void shares(const clade_merge_tile *tile, const double *dots, double *a)
{
    double t = ratio(tile->n_parents, dots);
    for (size_t p = 0; p < tile->n_parents; p++)
        a[p] = t / (double)tile->n_parents;
}

static clade_status coefficients(const clade_merge_tile *tensor, double *a)
{
    shares(tensor, tensor->state, a);
    return CLADE_OK;
}

static void combine_one(const clade_merge_tile *tile, const double *dots, float *out)
{
    double a[CLADE_MAX_PARENTS];
    shares(tile, dots, a);
    clade_merge_weighted_deltas(tile, a, out);
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    size_t length = unit(tile);
    if (!by_rows(tile)) {
        combine_one(tile, tile->state, out);
        return CLADE_OK;
    }
    for (size_t first = 0; first < tile->n; first += length) {
        const float *rows[CLADE_MAX_PARENTS];
        double dots[CLADE_GRAM_MOST];
        clade_merge_tile row = *tile;
        for (size_t p = 0; p < tile->n_parents; p++)
            rows[p] = tile->parents[p] + first;
        row.parents = rows;
        row.base = tile->base + first;
        row.n = length;
        memset(dots, 0, clade_gram_bytes(tile));
        clade_gram_add(&row, 0, length, dots);
        combine_one(&row, dots, out + first);
    }
    return CLADE_OK;
}

const clade_method clade_method_model_stock = {
    .name = "model_stock",
    .title = "Model Stock",
    .source = "Jang et al. 2024, arXiv 2403.19522; the mean over pairs of more than two models is mergekit's",
    .mergekit = "equal; the bound 1e-6 on products of norms and the mean over pairs are mergekit's, the paper supposes "
                "one angle of all pairs",
    .formula = "t mean_i theta_i + (1 - t) theta_0, t = N cos / (1 + (N - 1) cos)",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 2,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_EXACT_BITS,
    .unit = unit,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = 1u << FILTER_WISE,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .carries_nonfinite = true,
    .takes_nonfinite = true,
    .combine = combine,
    .coefficients = coefficients,
    .has_coefficients = whole,
};
