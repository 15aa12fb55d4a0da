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

void clade_objective_bounds(const double *points, size_t n, size_t m, double *least, double *most)
{
    for (size_t k = 0; k < m; k++) {
        least[k] = most[k] = points[k];
        for (size_t i = 1; i < n; i++) {
            const double x = points[i * m + k];
            least[k] = x < least[k] ? x : least[k];
            most[k] = x > most[k] ? x : most[k];
        }
    }
}

void clade_objective_range(const double *points, size_t n, size_t m, double *ideal, double *range)
{
    clade_objective_bounds(points, n, m, ideal, range);
    for (size_t k = 0; k < m; k++)
        range[k] = range[k] > ideal[k] ? range[k] - ideal[k] : 1;
}

/* A point in lexicographic order: what dominates it comes before it. */
typedef struct sorted_point {
    const double *point; /* (m) */
    size_t index, m;
    size_t former; /* the member of its front that came before it; SIZE_MAX: none */
} sorted_point;

static int compare_points(const void *left, const void *right)
{
    const sorted_point *a = left, *b = right;
    for (size_t k = 0; k < a->m; k++)
        if (a->point[k] < b->point[k] || a->point[k] > b->point[k])
            return a->point[k] < b->point[k] ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Some member of the front whose youngest member is LAST dominates POINT. In one or two objectives the youngest does if any
 * does: it is the least in the second. */
static bool front_dominates(const sorted_point *sorted, size_t last, const double *point, size_t m)
{
    for (size_t q = last; q != SIZE_MAX; q = m > 2 ? sorted[q].former : SIZE_MAX)
        if (clade_dominates(sorted[q].point, point, m))
            return true;
    return false;
}

/* Efficient non-dominated sort with binary search (Zhang, Tian, Cheng & Jin 2015, IEEE TEC 19(2), ENS-BS): in
 * lexicographic order a point belongs to the first front of which no member so far dominates it; those before that front
 * all have one that does. */
clade_status clade_pareto_ranks(const double *points, size_t n, size_t m, size_t *rank)
{
    sorted_point *sorted = clade_calloc(n, sizeof *sorted);
    size_t *last = clade_calloc(n, sizeof *last); /* of each front: the member that came last */
    if (!sorted || !last) {
        clade_free(sorted);
        clade_free(last);
        return clade_fail_memory(n * (sizeof *sorted + sizeof *last), "Pareto ranks");
    }
    for (size_t i = 0; i < n; i++)
        sorted[i] = (sorted_point){.point = points + i * m, .index = i, .m = m};
    qsort(sorted, n, sizeof *sorted, compare_points);
    size_t fronts = 0;
    for (size_t p = 0; p < n; p++) {
        size_t front = 0, end = fronts;
        while (front < end) {
            const size_t middle = (front + end) / 2;
            if (front_dominates(sorted, last[middle], sorted[p].point, m))
                front = middle + 1;
            else
                end = middle;
        }
        sorted[p].former = front < fronts ? last[front] : SIZE_MAX;
        fronts += front == fronts;
        last[front] = p;
        rank[sorted[p].index] = front;
    }
    clade_free(last);
    clade_free(sorted);
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

size_t clade_pareto_greater(const double *points, size_t count, double x)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (points[2 * middle] > x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
