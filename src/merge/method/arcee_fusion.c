/* Arcee Fusion (mergekit): of one model's differences from the base only the important ones.
 *
 *   p = softmax(row of theta_1) + 1e-8,  q = softmax(row of theta_0) + 1e-8   (rows along the last dimension)
 *   K = sum over the row of p ln(p / q)
 *   I = |theta_1 - theta_0| K                     importance, of every element of the tensor
 *   theta = theta_1 where I >= median + 1.5 (third quartile - first quartile) of I over the tensor, else theta_0
 *
 * A quartile is the element of rank trunc(q (n - 1)) in ascending order. mergekit takes the quartiles of more than a
 * million elements from a random sample of them; here they are exact, found by passes over the tensor (see
 * order_statistic.h). It also computes K in float32, where most of its digits cancel; here it is double, so elements
 * near the threshold may differ. */
#include <math.h>

#include "merge/method/exponential.h"
#include "merge/method/logarithm.h"
#include "merge/method/methods.h"
#include "merge/method/order_statistic.h"
#include "tensor/clones.h"

enum { QUARTILES = 3 };

static const double smallest_probability = 1e-8, fence = 1.5;

/* The first pass finds K of all rows, the others the quartiles, digit by digit. */
typedef struct fusion {
    clade_order_search quartiles[QUARTILES];
    uint64_t counts[QUARTILES][CLADE_ORDER_BUCKETS]; /* of this pass */
    float threshold;
    double divergence[]; /* (rows) K */
} fusion;

static size_t row_length(const clade_merge_tile *tensor)
{
    uint64_t length = tensor->rank > 0 ? tensor->shape[tensor->rank - 1] : 1;
    return length > 0 ? (size_t)length : 1;
}

static size_t count_rows(const clade_merge_tile *tensor)
{
    return (size_t)(tensor->tensor_count / row_length(tensor));
}

static size_t scratch_bytes(const clade_merge_tile *tile)
{
    size_t probabilities = 2 * row_length(tile) * sizeof(double), importances = tile->n * sizeof(float);
    return probabilities > importances ? probabilities : importances;
}

static size_t state_bytes(const clade_merge_tile *tensor)
{
    return sizeof(fusion) + count_rows(tensor) * sizeof(double);
}

/* K of the rows, or a histogram per quartile; before their first digit is known all of them have the same. */
static size_t histograms(unsigned pass)
{
    return pass == 1 ? 1 : QUARTILES;
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    if (pass == 0)
        return count_rows(tensor) * sizeof(double);
    return histograms(pass) * CLADE_ORDER_BUCKETS * sizeof(uint32_t);
}

/* ---- K ---- */

static void softmax(size_t n, const float *x, double *p)
{
    float largest = x[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (size_t i = 0; i < n; i++)
        p[i] = (double)x[i] - (double)largest;
    clade_exp_each(n, p);
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] / sum + smallest_probability;
}

static double divergence(size_t n, const float *x, const float *b, double *p, double *q)
{
    double sum = 0;
    softmax(n, x, p);
    softmax(n, b, q);
    for (size_t i = 0; i < n; i++)
        q[i] = p[i] / q[i];
    clade_log_each(n, q);
    for (size_t i = 0; i < n; i++)
        sum += p[i] * q[i];
    return fmax(0, sum); /* rounding may leave less */
}

/* ---- I ---- */

static void importance(const clade_merge_tile *tile, size_t first, size_t n, float *I)
{
    const fusion *state = tile->state;
    const float *x = tile->parents[0] + first, *b = tile->base + first;
    double K = state->divergence[(tile->offset + first) / row_length(tile)];
    for (size_t i = 0; i < n; i++)
        I[i] = (float)((double)fabsf(x[i] - b[i]) * K);
}

CLADE_CLONES
static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    size_t length = row_length(tile);
    const fusion *state = tile->state;
    if (pass == 0) {
        double *K = partial, *p = tile->scratch;
        for (size_t first = 0; first < tile->n; first += length)
            K[(tile->offset + first) / length] =
                divergence(length, tile->parents[0] + first, tile->base + first, p, p + length);
        return CLADE_OK;
    }
    float *I = tile->scratch;
    uint32_t *counts = partial;
    for (size_t first = 0; first < tile->n; first += length)
        importance(tile, first, length, I + first);
    for (size_t k = 0; k < histograms(pass); k++)
        clade_order_count(&state->quartiles[k], pass - 1, tile->n, I, counts + k * CLADE_ORDER_BUCKETS);
    return CLADE_OK;
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *into, const void *partial)
{
    fusion *state = into;
    if (pass == 0) {
        const double *K = partial;
        for (size_t row = 0; row < count_rows(tensor); row++)
            state->divergence[row] += K[row];
        return CLADE_OK;
    }
    const uint32_t *counts = partial;
    for (size_t k = 0; k < histograms(pass); k++)
        clade_order_add(state->counts[k], counts + k * CLADE_ORDER_BUCKETS);
    return CLADE_OK;
}

static clade_status survey_end(const clade_merge_tile *tensor, unsigned pass, void *of, bool *again)
{
    fusion *state = of;
    clade_order_search *quartiles = state->quartiles;
    for (size_t k = 0; k < QUARTILES; k++) {
        if (pass == 0)
            quartiles[k].rank = (uint64_t)((double)(k + 1) / 4 * (double)(tensor->tensor_count - 1));
        else
            clade_order_narrow(&quartiles[k], pass - 1, state->counts[k < histograms(pass) ? k : 0]);
    }
    for (size_t k = 0; k < QUARTILES; k++)
        for (size_t i = 0; i < CLADE_ORDER_BUCKETS; i++)
            state->counts[k][i] = 0;
    *again = pass < CLADE_ORDER_PASSES;
    if (!*again) {
        double spread = (double)clade_order_value(quartiles[2].key) - (double)clade_order_value(quartiles[0].key);
        state->threshold = (float)((double)clade_order_value(quartiles[1].key) + fence * spread);
    }
    return CLADE_OK;
}

CLADE_CLONES
static clade_status combine(const clade_merge_tile *tile, float *out)
{
    const fusion *state = tile->state;
    const float *x = tile->parents[0], *b = tile->base;
    float threshold = state->threshold, *I = tile->scratch;
    size_t length = row_length(tile);
    for (size_t first = 0; first < tile->n; first += length)
        importance(tile, first, length, I + first);
    for (size_t i = 0; i < tile->n; i++) {
        float to = x[i], from = b[i];
        out[i] = I[i] >= threshold ? to : from;
    }
    return CLADE_OK;
}

const clade_method clade_method_arcee_fusion = {
    .name = "arcee_fusion",
    .title = "Arcee Fusion",
    .source = "mergekit",
    .mergekit = "equal but for elements near the threshold, which mergekit finds from float32 divergences and, in "
                "tensors of more than a million elements, from a random sample; there is no paper",
    .formula = "theta_1 where |theta_1 - theta_0| KL(row) >= median + 1.5 IQR, else theta_0",
    .parameters = NULL,
    .n_parameters = 0,
    .min_parents = 1,
    .max_parents = 1,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_ZERO_DELTAS | CLADE_LAW_EXACT_BITS,
    .unit = row_length,
    .scratch_bytes = scratch_bytes,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .survey_end = survey_end,
    .takes_nonfinite = true,
    .combine = combine,
};
