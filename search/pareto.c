#include "search/pareto.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "clade/alloc.h"

bool clade_dominates(const double *a, const double *b, size_t m)
{
    bool better = false;
    for (size_t k = 0; k < m; k++) {
        if (a[k] > b[k])
            return false;
        better |= a[k] < b[k];
    }
    return better;
}

bool clade_weakly_dominates(const double *a, const double *b, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (a[k] > b[k])
            return false;
    return true;
}

void clade_objective_range(const double *points, size_t n, size_t m, double *ideal, double *range)
{
    for (size_t k = 0; k < m; k++) {
        double least = points[k], most = least;
        for (size_t i = 1; i < n; i++) {
            least = fmin(least, points[i * m + k]);
            most = fmax(most, points[i * m + k]);
        }
        ideal[k] = least;
        range[k] = most > least ? most - least : 1;
    }
}

/* Fast non-dominated sort (Deb et al. 2002, section III.A): n_p counts those that dominate p; front 0 has n_p = 0;
 * taking a front away lowers the counts of those it dominates. The sets S_p are found again instead of stored: O(m n^2)
 * time, O(n) memory. */
clade_status clade_pareto_ranks(const double *points, size_t n, size_t m, size_t *rank)
{
    size_t *n_p = clade_calloc(n, sizeof *n_p);
    if (!n_p)
        return clade_fail_memory(n * sizeof *n_p, "Pareto ranks");
    for (size_t p = 0; p < n; p++) {
        rank[p] = SIZE_MAX;
        for (size_t q = 0; q < n; q++)
            n_p[p] += clade_dominates(points + q * m, points + p * m, m);
    }
    size_t left = n;
    for (size_t front = 0; left > 0; front++) {
        for (size_t p = 0; p < n; p++)
            if (rank[p] == SIZE_MAX && n_p[p] == 0)
                rank[p] = front;
        for (size_t p = 0; p < n; p++) {
            if (rank[p] != front)
                continue;
            left--;
            for (size_t q = 0; q < n; q++)
                n_p[q] -= clade_dominates(points + p * m, points + q * m, m);
        }
    }
    clade_free(n_p);
    return CLADE_OK;
}

typedef struct entry {
    double value;
    size_t rank, index;
} entry;

/* By front, then value, then index: total, because qsort is not stable. */
static int compare_entries(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->value < b->value || a->value > b->value)
        return a->value < b->value ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Crowding distance (Deb et al. 2002, section III.B): the sum over objectives of the gap between a point's neighbours,
 * in units of the range of its front. */
clade_status clade_crowding(const double *points, size_t n, size_t m, const size_t *rank, double *crowding)
{
    entry *sorted = clade_calloc(n, sizeof *sorted);
    if (!sorted)
        return clade_fail_memory(n * sizeof *sorted, "crowding distances");
    for (size_t i = 0; i < n; i++)
        crowding[i] = 0;
    for (size_t k = 0; k < m; k++) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (entry){points[i * m + k], rank[i], i};
        qsort(sorted, n, sizeof *sorted, compare_entries);
        for (size_t first = 0, end; first < n; first = end) {
            for (end = first + 1; end < n && sorted[end].rank == sorted[first].rank; end++)
                ;
            const double range = sorted[end - 1].value - sorted[first].value;
            crowding[sorted[first].index] = INFINITY;
            crowding[sorted[end - 1].index] = INFINITY;
            for (size_t i = first + 1; i + 1 < end && range > 0; i++)
                crowding[sorted[i].index] += (sorted[i + 1].value - sorted[i - 1].value) / range;
        }
    }
    clade_free(sorted);
    return CLADE_OK;
}
