#include "search/algorithm/gain.h"

#include <string.h>

#include "clade/alloc.h"
#include "search/pareto.h"

static const double REFERENCE = 1.1; /* in scaled objectives */

void clade_gain_fini(clade_gain *gain)
{
    clade_free(gain->points);
    clade_free(gain->scratch);
    clade_free(gain->sums);
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
    if (scratch)
        gain->scratch = scratch;
    double *sums = scratch ? clade_realloc(gain->sums, capacity * sizeof *sums) : NULL;
    if (!sums)
        return clade_fail_memory(bytes, "the points of a front");
    gain->sums = sums;
    gain->capacity = capacity;
    return CLADE_OK;
}

static double share_of(double with, double without)
{
    return with > 0 ? (with - without) / with : 0;
}

/* The hypervolume of the points, scaled. */
static clade_status scaled_volume(const clade_gain *gain, const double *ideal, const double *range, double *volume)
{
    const size_t m = gain->n_objectives;
    double reference[CLADE_MAX_OBJECTIVES];
    for (size_t k = 0; k < m; k++)
        reference[k] = REFERENCE;
    for (size_t i = 0; i < gain->count; i++)
        for (size_t k = 0; k < m; k++)
            gain->scratch[i * m + k] = (gain->points[i * m + k] - ideal[k]) / range[k];
    return clade_hypervolume(gain->scratch, gain->count, m, reference, volume);
}

/* A before B: by the last objective, then by those before it. */
static bool comes_before(const double *a, const double *b, size_t m)
{
    for (size_t k = m; k-- > 0;)
        if (a[k] < b[k] || a[k] > b[k])
            return a[k] < b[k];
    return false;
}

/* POINT to its place: rows that come in the order of the hypervolume's sweep need no sorting there. */
static size_t put_in_order(clade_gain *gain, const double *point)
{
    const size_t m = gain->n_objectives;
    size_t at = gain->count;
    while (at > 0 && comes_before(point, gain->points + (at - 1) * m, m))
        at--;
    memmove(gain->points + (at + 1) * m, gain->points + at * m, (gain->count - at) * m * sizeof *point);
    memcpy(gain->points + at * m, point, m * sizeof *point);
    gain->count++;
    return at;
}

/* Those that the point at AT dominates. */
static void drop_dominated(clade_gain *gain, size_t at)
{
    const size_t m = gain->n_objectives;
    double point[CLADE_MAX_OBJECTIVES];
    memcpy(point, gain->points + at * m, m * sizeof *point);
    size_t kept = 0;
    for (size_t i = 0; i < gain->count; i++) {
        if (i != at && clade_weakly_dominates(point, gain->points + i * m, m))
            continue;
        memmove(gain->points + kept++ * m, gain->points + i * m, m * sizeof(double));
    }
    gain->count = kept;
}

/* ---- two objectives: points, gains and sums are sorted and kept ---- */

static void set_gain(const clade_gain *gain, size_t i)
{
    for (size_t k = 0; k < 2; k++)
        gain->scratch[2 * i + k] = REFERENCE - (gain->points[2 * i + k] - gain->ideal[k]) / gain->range[k];
}

/* The hypervolume up to each point, where those before FROM are as they were: the sweep of clade_hypervolume, to the bit. Of
 * equal last gains, which differences below the last bit make, only the last counts. */
static void sweep(clade_gain *gain, size_t from)
{
    const double *gains = gain->scratch;
    size_t i = from > 0 ? from - 1 : 0;
    while (i > 0 && gains[2 * i - 1] <= gains[2 * i + 1])
        i--;
    double sum = i > 0 ? gain->sums[i - 1] : 0, width = i > 0 ? gains[2 * i - 2] : 0;
    for (; i < gain->count; i++) {
        const bool last = i + 1 == gain->count || gains[2 * i + 3] < gains[2 * i + 1];
        if (last && gains[2 * i] > width) {
            sum += (gains[2 * i] - width) * gains[2 * i + 1];
            width = gains[2 * i];
        }
        gain->sums[i] = sum;
    }
}

/* Scale so that POINT is within, anew if the scale changes by that. */
static void fit_scale(clade_gain *gain, const double *point)
{
    double ideal[2], range[2];
    const double *last = gain->points + 2 * (gain->count - 1);
    const double ends[] = {gain->points[0], gain->points[1], last[0], last[1], point[0], point[1]};
    clade_objective_range(ends, 3, 2, ideal, range);
    if (memcmp(ideal, gain->ideal, sizeof ideal) == 0 && memcmp(range, gain->range, sizeof range) == 0)
        return;
    memcpy(gain->ideal, ideal, sizeof ideal);
    memcpy(gain->range, range, sizeof range);
    for (size_t i = 0; i < gain->count; i++)
        set_gain(gain, i);
    sweep(gain, 0);
}

/* POINT in the place of those from FROM to TO, which it dominates. */
static void put(clade_gain *gain, size_t from, size_t to, const double *point)
{
    const size_t bytes = (gain->count - to) * 2 * sizeof *point;
    memmove(gain->points + 2 * (from + 1), gain->points + 2 * to, bytes);
    memmove(gain->scratch + 2 * (from + 1), gain->scratch + 2 * to, bytes);
    memcpy(gain->points + 2 * from, point, 2 * sizeof *point);
    gain->count = gain->count + 1 - (to - from);
    set_gain(gain, from);
    sweep(gain, from);
}

static clade_status add_sorted(clade_gain *gain, const double *point, double *share)
{
    /* Of those at most POINT in the first objective, the one at TO is the least in the second. */
    size_t to = clade_pareto_greater(gain->points, gain->count, point[0]);
    if (to < gain->count && gain->points[2 * to + 1] <= point[1])
        return CLADE_OK;
    CLADE_TRY(reserve(gain));
    if (gain->count == 0) {
        clade_objective_range(point, 1, 2, gain->ideal, gain->range);
        put(gain, 0, 0, point);
        *share = 1;
        return CLADE_OK;
    }
    to += to < gain->count && gain->points[2 * to] >= point[0];
    size_t from = to;
    while (from > 0 && gain->points[2 * from - 1] >= point[1])
        from--;
    fit_scale(gain, point);
    const double without = gain->sums[gain->count - 1];
    put(gain, from, to, point);
    *share = share_of(gain->sums[gain->count - 1], without);
    return CLADE_OK;
}

clade_status clade_gain_add(clade_gain *gain, const double *point, double *share)
{
    const size_t m = gain->n_objectives;
    *share = 0;
    if (m == 2)
        return add_sorted(gain, point, share);
    for (size_t i = 0; i < gain->count; i++)
        if (clade_weakly_dominates(gain->points + i * m, point, m))
            return CLADE_OK;
    CLADE_TRY(reserve(gain));
    double ideal[CLADE_MAX_OBJECTIVES], most[CLADE_MAX_OBJECTIVES], range[CLADE_MAX_OBJECTIVES], with, without;
    clade_objective_bounds(gain->count > 0 ? gain->points : point, gain->count > 0 ? gain->count : 1, m, ideal, most);
    for (size_t k = 0; k < m; k++) {
        ideal[k] = point[k] < ideal[k] ? point[k] : ideal[k];
        most[k] = point[k] > most[k] ? point[k] : most[k];
        range[k] = most[k] > ideal[k] ? most[k] - ideal[k] : 1;
    }
    CLADE_TRY(scaled_volume(gain, ideal, range, &without));
    const size_t at = put_in_order(gain, point);
    CLADE_TRY(scaled_volume(gain, ideal, range, &with));
    *share = share_of(with, without);
    drop_dominated(gain, at);
    return CLADE_OK;
}
