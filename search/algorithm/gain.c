#include "search/algorithm/gain.h"

#include <string.h>

#include "clade/alloc.h"
#include "search/pareto.h"

static const double REFERENCE = 1.1; /* in scaled objectives */

void clade_gain_fini(clade_gain *gain)
{
    clade_free(gain->points);
    clade_free(gain->scratch);
    *gain = (clade_gain){.n_objectives = gain->n_objectives};
}

static clade_status reserve(clade_gain *gain)
{
    if (gain->count < gain->capacity)
        return CLADE_OK;
    const size_t capacity = gain->capacity ? 2 * gain->capacity : 32,
                 bytes = capacity * gain->n_objectives * sizeof(double);
    double *points = clade_realloc(gain->points, bytes);
    if (points)
        gain->points = points;
    double *scratch = points ? clade_realloc(gain->scratch, bytes) : NULL;
    if (!scratch)
        return clade_fail_memory(bytes, "the points of a front");
    gain->scratch = scratch;
    gain->capacity = capacity;
    return CLADE_OK;
}

/* All points into scratch, each objective scaled by ideal and nadir. */
static void scale(const clade_gain *gain)
{
    const size_t m = gain->n_objectives;
    double ideal[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES];
    clade_objective_range(gain->points, gain->count, m, ideal, range);
    for (size_t i = 0; i < gain->count; i++)
        for (size_t k = 0; k < m; k++)
            gain->scratch[i * m + k] = (gain->points[i * m + k] - ideal[k]) / range[k];
}

/* The last point's share of the hypervolume of all; the others are as they were before it came. */
static clade_status last_share(const clade_gain *gain, size_t others, double *share)
{
    const size_t m = gain->n_objectives;
    double reference[CLADE_MAX_OBJECTIVES], with = 0, without = 0;
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
    CLADE_TRY(clade_hypervolume(gain->scratch, others + 1, m, reference, &with));
    CLADE_TRY(clade_hypervolume(gain->scratch, others, m, reference, &without));
    *share = with > 0 ? (with - without) / with : 0;
    return CLADE_OK;
}

static void drop_dominated(clade_gain *gain)
{
    const size_t m = gain->n_objectives, last = gain->count - 1;
    size_t kept = 0;
    for (size_t i = 0; i <= last; i++) {
        if (i < last && clade_weakly_dominates(gain->points + last * m, gain->points + i * m, m))
            continue;
        memmove(gain->points + kept++ * m, gain->points + i * m, m * sizeof(double));
    }
    gain->count = kept;
}

clade_status clade_gain_add(clade_gain *gain, const double *point, double *share)
{
    const size_t m = gain->n_objectives;
    *share = 0;
    for (size_t i = 0; i < gain->count; i++)
        if (clade_weakly_dominates(gain->points + i * m, point, m))
            return CLADE_OK;
    CLADE_TRY(reserve(gain));
    memcpy(gain->points + gain->count++ * m, point, m * sizeof *point);
    scale(gain);
    CLADE_TRY(last_share(gain, gain->count - 1, share));
    drop_dominated(gain);
    return CLADE_OK;
}
