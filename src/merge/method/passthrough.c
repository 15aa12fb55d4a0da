/* Passthrough (mergekit): the one parent that takes part in a tensor, times a factor. What layer stacks are made of. */
#include <math.h>

#include "merge/method/methods.h"

enum { SCALE, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [SCALE] = {"scale", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
               "factor of the parent's weights", NULL},
};

static clade_status coefficients(const clade_merge_tile *tensor, double *s)
{
    s[0] = tensor->parent[SCALE];
    return CLADE_OK;
}

static clade_status combine(const clade_merge_tile *tile, float *out)
{
    clade_merge_weighted_sum(tile, &tile->parent[SCALE], out);
    return CLADE_OK;
}

const clade_method clade_method_passthrough = {
    .name = "passthrough",
    .title = "Passthrough",
    .source = "mergekit",
    .mergekit = "equal; there is no paper",
    .formula = "s theta_1",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = 1,
    .base = CLADE_BASE_IGNORED,
    .laws = CLADE_LAW_ONE_PARENT | CLADE_LAW_EXACT_BITS,
    .carries_nonfinite = true,
    .combine = combine,
    .coefficients = coefficients,
};
