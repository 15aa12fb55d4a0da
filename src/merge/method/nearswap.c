/* NearSwap (mergekit): the model where it is near the base, elementwise.
 *
 *   w = t / max(|theta_0 - theta_1|, 1e-6), in [0, 1]
 *   theta = w theta_1 + (1 - w) theta_0
 *
 * With t = 0 that is the base bit for bit, with t above every difference the model. */
#include <math.h>
#include <string.h>

#include "merge/method/methods.h"
#include "tensor/clones.h"

enum { T, N_PARAMETERS };

static const double smallest_difference = 1e-6;

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [T] = {"t", CLADE_REAL, CLADE_PER_SITE, CLADE_LOG_SCALE, 0, INFINITY, 1e-5, 1e-1, NAN,
           "differences up to this take the model's value", NULL},
};

/* M at most CLADE_MERGE_BLOCK elements. Loops of one step each: compilers make vector code of a choice between two
 * values that are there, where they would branch around a computation. */
CLADE_CLONES
static void swap(size_t m, double t, const float *b, const float *x, float *out)
{
    double w[CLADE_MERGE_BLOCK];
    for (size_t i = 0; i < m; i++) {
        double difference = fabs((double)b[i] - (double)x[i]);
        w[i] = t / (difference > smallest_difference ? difference : smallest_difference);
    }
    for (size_t i = 0; i < m; i++) {
        double share = w[i] < 1 ? w[i] : 1;
        out[i] = (float)(share * (double)x[i] + (1 - share) * (double)b[i]);
    }
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double t = tile->site[T];
    if (t == 0)
        memcpy(out, tile->base, tile->n * sizeof *out);
    for (size_t first = 0; first < tile->n && t > 0; first += CLADE_MERGE_BLOCK) {
        size_t m = tile->n - first < CLADE_MERGE_BLOCK ? tile->n - first : CLADE_MERGE_BLOCK;
        swap(m, t, tile->base + first, tile->parents[0] + first, out + first);
    }
    return CLADE_OK;
}

const clade_method clade_method_nearswap = {
    .name = "nearswap",
    .title = "NearSwap",
    .source = "mergekit",
    .mergekit = "equal, but a negative t is refused; there is no paper",
    .formula = "w theta_1 + (1 - w) theta_0, w = min(1, t / |theta_0 - theta_1|)",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = 1,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_ZERO_DELTAS | CLADE_LAW_EXACT_BITS,
    .takes_nonfinite = true,
    .combine = combine,
};
