/* MagMax: of every parameter the task vector of largest magnitude (Marczak et al. 2024, arXiv 2407.06322).
 *
 *   y_i = w_i tau_i,   tau_i = theta_i - theta_0
 *   theta = theta_0 + lambda y_m   with m = argmax_i |y_i|, elementwise
 *
 * The paper merges checkpoints that were fine-tuned one after the other and has no weights; with all of them 1 this is
 * its rule. It does not say what happens when two y of opposite signs have the same magnitude: here the positive one
 * stays, so that the order of the parents changes nothing. */
#include <math.h>

#include "merge/method/delta.h"
#include "tensor/clones.h"

enum { WEIGHT, LAMBDA, N_PARAMETERS };

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the parent's task vector, before magnitudes are compared", NULL},
    [LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1.5, 1,
                "factor of the merged task vector", NULL},
};

/* The largest magnitude is at the largest or at the smallest y; a 0 among them changes nothing. */
static inline void add_extremes(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                                double *restrict high, double *restrict low)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    double w[CLADE_MERGE_AT_ONCE];
    for (size_t r = 0; r < k; r++)
        w[r] = tile->parent[(p + r) * N_PARAMETERS + WEIGHT];
    for (size_t i = 0; i < m; i++) {
        double most = p == 0 ? 0 : high[i], least = p == 0 ? 0 : low[i];
        for (size_t r = 0; r < k; r++) {
            double y = w[r] * ((double)x[r][first + i] - (double)b[i]);
            most = y > most ? y : most;
            least = y < least ? y : least;
        }
        high[i] = most;
        low[i] = least;
    }
}

CLADE_CLONES
static clade_status combine(const clade_merge_tile *tile, float *out)
{
    double high[CLADE_MERGE_BLOCK], low[CLADE_MERGE_BLOCK];
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        for (size_t p = 0, k; p < tile->n_parents; p += k) {
            k = clade_merge_at_once(tile->n_parents - p);
            if (k == 1)
                add_extremes(1, tile, p, first, m, high, low);
            else if (k == 2)
                add_extremes(2, tile, p, first, m, high, low);
            else
                add_extremes(3, tile, p, first, m, high, low);
        }
        for (size_t i = 0; i < m; i++)
            high[i] = high[i] >= -low[i] ? high[i] : low[i];
        clade_merge_onto_base(tile, first, m, tile->site[LAMBDA], high, out);
    }
    return CLADE_OK;
}

const clade_method clade_method_magmax = {
    .name = "magmax",
    .title = "MagMax (largest magnitude)",
    .source = "Marczak et al. 2024, arXiv 2407.06322",
    .mergekit = "not in mergekit; the paper's with weights 1; of opposite changes of one magnitude the positive stays, "
                "which the paper leaves open",
    .formula = "theta_0 + lambda w_m tau_m, m = argmax_i |w_i tau_i|",
    .parameters = parameters,
    .n_parameters = N_PARAMETERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws =
        CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA | CLADE_LAW_EXACT_BITS,
    .takes_nonfinite = true,
    .combine = combine,
};
