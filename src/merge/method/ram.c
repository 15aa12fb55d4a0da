/* RAM and RAM+: what one parent alone changed is kept, what several changed is averaged (Yuan et al. 2026, Reinforced
 * Agent Merging, arXiv 2601.13572; the counts of RAM+ per tensor, as in mergekit 0.1.5). One pipeline, two rows.
 *
 *   1 changed    c_i = 1 where |tau_i| > epsilon, else 0;  n = sum_i c_i
 *   2 rescale    ram: a_i = 1
 *                ramplus_tl: a_i = 1 + r clip(shared_i / max(unique_i, epsilon), 0, alpha), where shared_i and unique_i
 *                count the tensor's elements with c_i = 1 and n > 1, or n = 1
 *   3 merge      n = 0: theta = theta_0
 *                n = 1: theta = theta_0 + a_i tau_i of the one i
 *                n > 1: theta = theta_0 + sum_i c_i tau_i / n
 *
 * As mergekit, epsilon is compared with the float difference, and is itself rounded to float. */
#include <math.h>

#include "merge/method/delta.h"
#include "tensor/clones.h"

enum { EPSILON, R, ALPHA, N_RAMPLUS, N_RAM = EPSILON + 1 };
enum { SHARED, UNIQUE, N_COUNTS }; /* N_COUNTS doubles per parent: counts, exact below 2^53 */

/* c_p of M elements from FIRST as 0 or 1. */
static inline void changed(const clade_merge_tile *tile, size_t p, size_t first, size_t m, float *restrict c)
{
    const float *x = tile->parents[p] + first, *b = tile->base + first;
    float epsilon = (float)tile->site[EPSILON];
    for (size_t i = 0; i < m; i++)
        c[i] = fabsf(x[i] - b[i]) > epsilon ? 1 : 0;
}

/* Of all parents, and n, their sum. */
static inline void all_changed(const clade_merge_tile *tile, size_t first, size_t m,
                               float (*restrict c)[CLADE_MERGE_BLOCK], float *restrict n)
{
    for (size_t p = 0; p < tile->n_parents; p++)
        changed(tile, p, first, m, c[p]);
    for (size_t i = 0; i < m; i++)
        n[i] = c[0][i];
    for (size_t p = 1; p < tile->n_parents; p++)
        for (size_t i = 0; i < m; i++)
            n[i] += c[p][i];
}

/* D += c_p a_p tau_p, or c_p tau_p where n > 1. */
static inline void add_changes(size_t k, const clade_merge_tile *tile, size_t p, size_t first, size_t m,
                               const double *a, float (*restrict c)[CLADE_MERGE_BLOCK], const float *restrict several,
                               double *restrict D)
{
    const float *b = tile->base + first, *const *x = tile->parents + p;
    double alone[CLADE_MERGE_AT_ONCE];
    for (size_t r = 0; r < k; r++)
        alone[r] = a[p + r];
    for (size_t i = 0; i < m; i++) {
        double sum = p == 0 ? 0 : D[i];
        for (size_t r = 0; r < k; r++) {
            double factor = (double)several[i] + (1 - (double)several[i]) * alone[r];
            sum += (double)c[p + r][i] * factor * ((double)x[r][first + i] - (double)b[i]);
        }
        D[i] = sum;
    }
}

CLADE_CLONES
static void combine(const clade_merge_tile *tile, const double *a, float *out)
{
    float c[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], n[CLADE_MERGE_BLOCK], several[CLADE_MERGE_BLOCK];
    double D[CLADE_MERGE_BLOCK];
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        all_changed(tile, first, m, c, n);
        for (size_t i = 0; i < m; i++)
            several[i] = n[i] > 1 ? 1 : 0;
        for (size_t p = 0, k; p < tile->n_parents; p += k) {
            k = clade_merge_at_once(tile->n_parents - p);
            if (k == 1)
                add_changes(1, tile, p, first, m, a, c, several, D);
            else if (k == 2)
                add_changes(2, tile, p, first, m, a, c, several, D);
            else
                add_changes(3, tile, p, first, m, a, c, several, D);
        }
        for (size_t i = 0; i < m; i++)
            n[i] = n[i] > 1 ? n[i] : 1;
        for (size_t i = 0; i < m; i++)
            D[i] /= (double)n[i];
        clade_merge_onto_base(tile, first, m, 1, D, out);
    }
}

static clade_status ram_combine(const clade_merge_tile *tile, float *out)
{
    double a[CLADE_MAX_PARENTS];
    for (size_t p = 0; p < tile->n_parents; p++)
        a[p] = 1;
    combine(tile, a, out);
    return CLADE_OK;
}

static clade_status ramplus_combine(const clade_merge_tile *tile, float *out)
{
    const double *counts = tile->state;
    double a[CLADE_MAX_PARENTS];
    for (size_t p = 0; p < tile->n_parents; p++) {
        /* Without unique elements a_p is not used: 0 / 0 must not trouble it. */
        double unique = fmax(counts[p * N_COUNTS + UNIQUE], tile->site[EPSILON]);
        double ratio = unique > 0 ? counts[p * N_COUNTS + SHARED] / unique : 0;
        a[p] = 1 + tile->site[R] * fmin(ratio, tile->site[ALPHA]);
    }
    combine(tile, a, out);
    return CLADE_OK;
}

static size_t state_bytes(const clade_merge_tile *tensor)
{
    return tensor->n_parents * N_COUNTS * sizeof(double);
}

static size_t partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return state_bytes(tensor);
}

CLADE_CLONES
static clade_status survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    float c[CLADE_MAX_PARENTS][CLADE_MERGE_BLOCK], n[CLADE_MERGE_BLOCK];
    double shared[CLADE_MERGE_BLOCK], unique[CLADE_MERGE_BLOCK];
    double(*counts)[N_COUNTS] = partial;
    (void)pass;
    for (size_t first = 0; first < tile->n; first += CLADE_MERGE_BLOCK) {
        size_t m = clade_merge_block(tile, first);
        all_changed(tile, first, m, c, n);
        for (size_t i = 0; i < m; i++)
            n[i] = n[i] > 1 ? 1 : 0;
        for (size_t p = 0; p < tile->n_parents; p++) {
            for (size_t i = 0; i < m; i++) {
                shared[i] = (double)(n[i] * c[p][i]);
                unique[i] = (double)((1 - n[i]) * c[p][i]);
            }
            counts[p][SHARED] += clade_merge_sum(m, shared);
            counts[p][UNIQUE] += clade_merge_sum(m, unique);
        }
    }
    return CLADE_OK;
}

static clade_status survey_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    double *counts = state;
    const double *piece = partial;
    (void)pass;
    for (size_t k = 0; k < tensor->n_parents * N_COUNTS; k++)
        counts[k] += piece[k];
    return CLADE_OK;
}

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices. The rows share it; ram has
 * the first only. */
static const clade_parameter parameters[] = {
    [EPSILON] = {"epsilon", CLADE_REAL, CLADE_PER_SITE, CLADE_LOG_SCALE, 0, INFINITY, 1e-6, 1e-3, 1e-5,
                 "a parameter is changed when it differs from the base by more", NULL},
    [R] = {"r", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 0.1,
           "how much a parent with many shared changes gains where it is alone", NULL},
    [ALPHA] = {"alpha", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, 0, INFINITY, 0.1, 2, 0.2,
               "limit of the ratio of shared to unique changes", NULL},
};

const clade_method clade_method_ram = {
    .name = "ram",
    .title = "RAM (unique changes kept, shared ones averaged)",
    .source = "Yuan et al. 2026, Reinforced Agent Merging, arXiv 2601.13572",
    .mergekit = "equal; not compared with the authors' code",
    .formula = "theta_0 + sum_i c_i tau_i / max(1, sum_i c_i), c_i = [|tau_i| > epsilon]",
    .parameters = parameters,
    .n_parameters = N_RAM,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_EXACT_BITS,
    .takes_nonfinite = true,
    .combine = ram_combine,
};

const clade_method clade_method_ramplus_tl = {
    .name = "ramplus_tl",
    .title = "RAM+ (unique changes rescaled, per tensor)",
    .source = "Yuan et al. 2026, Reinforced Agent Merging, arXiv 2601.13572; counts per tensor as in mergekit 0.1.5",
    .mergekit = "equal, also in counting per tensor; not compared with the authors' code",
    .formula = "as ram; unique tau_i times 1 + r min(shared_i / max(unique_i, epsilon), alpha)",
    .parameters = parameters,
    .n_parameters = N_RAMPLUS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_EXACT_BITS,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = 1U << EPSILON,
    .state_bytes = state_bytes,
    .partial_bytes = partial_bytes,
    .survey = survey,
    .survey_merge = survey_merge,
    .takes_nonfinite = true,
    .combine = ramplus_combine,
};
