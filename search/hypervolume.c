/* Hypervolume: the volume of the union of boxes between the points and the reference.
 *
 * Points are first turned into gains g = reference - point > 0, so every box starts at the origin and "limited to" is a
 * minimum. Two objectives: one sweep. Three: a sweep along the third over a staircase in the first two. More: WFG
 * (While, Bradstreet & Barone 2012), the sum of what each point adds to those before it, with their slicing: taken in
 * falling order of the last gain, a point limits all former ones to its own last gain, so one objective less is left.
 */
#include "search/pareto.h"

#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"

/* Falling in the last gain, then in the others; rows that compare equal are equal, so the order is total where it
 * matters. */
static int compare_rows(const void *left, const void *right, void *gains_a_row)
{
    const double *a = left, *b = right;
    for (size_t k = *(const size_t *)gains_a_row; k-- > 0;)
        if (a[k] < b[k] || a[k] > b[k])
            return a[k] > b[k] ? -1 : 1;
    return 0;
}

/* Rows that come in order cost O(n). */
static void sort_rows(double *gains, size_t n, size_t m)
{
    size_t in_order = 1;
    while (in_order < n && compare_rows(gains + (in_order - 1) * m, gains + in_order * m, &m) <= 0)
        in_order++;
    if (in_order < n)
        qsort_r(gains, n, m * sizeof *gains, compare_rows, &m);
}

static double box(const double *gain, size_t m)
{
    double volume = 1;
    for (size_t k = 0; k < m; k++)
        volume *= gain[k];
    return volume;
}

/* GAINS (n, 2), reordered unless they come in falling order of the second, as those of a front that is kept sorted do. */
static double area(double *gains, size_t n)
{
    bool in_order = true;
    for (size_t i = 1; i < n; i++)
        in_order &= gains[2 * i + 1] <= gains[2 * i - 1];
    if (!in_order)
        sort_rows(gains, n, 2);
    double sum = 0, width = 0, reach = 0;
    for (size_t i = 0; i < n; i++) {
        reach = gains[2 * i] > reach ? gains[2 * i] : reach;
        if (reach > width && !(i + 1 < n && gains[2 * i + 3] >= gains[2 * i + 1])) {
            sum += (reach - width) * gains[2 * i + 1];
            width = reach;
        }
    }
    return sum;
}

/* Put (x, y) into a staircase (steps, 2) of rising x and falling y, dropping what it covers; returns the new number of
 * steps. Those before *AT are as they were. */
static size_t add_step(double *stairs, size_t steps, double x, double y, size_t *at)
{
    size_t first = 0;
    while (first < steps && stairs[2 * first + 1] > y)
        first++;
    *at = first;
    /* Steps before FIRST are higher; one of them may reach as far as x. */
    size_t last = first;
    while (last < steps && stairs[2 * last] <= x)
        last++;
    if (last < steps && stairs[2 * last + 1] >= y)
        return steps;
    if (first > 0 && stairs[2 * first - 2] >= x)
        return steps;
    memmove(stairs + 2 * (first + 1), stairs + 2 * last, (steps - last) * 2 * sizeof *stairs);
    stairs[2 * first] = x;
    stairs[2 * first + 1] = y;
    return steps - (last - first) + 1;
}

/* GAINS (n, 3), reordered; STAIRS (n + 1, 3) scratch: the steps, then the area up to each. */
static double volume_of_three(double *gains, size_t n, double *stairs)
{
    sort_rows(gains, n, 3);
    double sum = 0, *areas = stairs + 2 * (n + 1);
    size_t steps = 0;
    for (size_t i = 0; i < n; i++) {
        const double *g = gains + 3 * i;
        const double floor = i + 1 < n ? g[5] : 0;
        size_t s;
        steps = add_step(stairs, steps, g[0], g[1], &s);
        double slice = s > 0 ? areas[s - 1] : 0;
        for (; s < steps; s++)
            areas[s] = slice += (stairs[2 * s] - (s > 0 ? stairs[2 * s - 2] : 0)) * stairs[2 * s + 1];
        sum += slice * (g[2] - floor);
    }
    return sum;
}

/* Remove rows that another row covers (of equal rows the first stays); returns how many are left. */
static size_t keep_largest(double *gains, size_t n, size_t m)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double *row = gains + i * m;
        bool covered = false;
        for (size_t j = 0; j < kept && !covered; j++) {
            covered = true;
            for (size_t k = 0; k < m && covered; k++)
                covered = gains[j * m + k] >= row[k];
        }
        if (covered)
            continue;
        size_t still = 0;
        for (size_t j = 0; j < kept; j++) {
            bool smaller = true;
            for (size_t k = 0; k < m && smaller; k++)
                smaller = gains[j * m + k] <= row[k];
            if (!smaller)
                memmove(gains + still++ * m, gains + j * m, m * sizeof *gains);
        }
        memmove(gains + still * m, row, m * sizeof *gains);
        kept = still + 1;
    }
    return kept;
}

/* Doubles of scratch that volume_of needs for n rows of m. */
static size_t scratch_of(size_t n, size_t m)
{
    size_t doubles = m > 2 ? 3 * (n + 1) : 0;
    for (size_t k = 3; k < m; k++)
        doubles += n * k;
    return doubles;
}

/* The volume of the union of the boxes of GAINS (n, m), which are reordered. The recursion goes down one objective a
 * call. */
static double volume_of(double *gains, size_t n, size_t m, double *scratch)
{
    if (n == 0)
        return 0;
    if (m == 2)
        return area(gains, n);
    if (m == 3)
        return volume_of_three(gains, n, scratch);
    if (m == 1) {
        sort_rows(gains, n, 1);
        return gains[0];
    }
    sort_rows(gains, n, m);
    double *limited = scratch; /* (n, m - 1) */
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double *g = gains + i * m;
        for (size_t j = 0; j < i; j++)
            for (size_t k = 0; k + 1 < m; k++)
                limited[j * (m - 1) + k] = gains[j * m + k] < g[k] ? gains[j * m + k] : g[k];
        const size_t left = keep_largest(limited, i, m - 1);
        sum += g[m - 1] * (box(g, m - 1) - volume_of(limited, left, m - 1, scratch + n * (m - 1)));
    }
    return sum;
}

/* The gains of those points that are strictly better than the reference; returns how many. */
static size_t gains_of(const double *points, size_t n, size_t m, const double *reference, double *gains)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        bool inside = true;
        for (size_t k = 0; k < m; k++) {
            gains[count * m + k] = reference[k] - points[i * m + k];
            inside &= points[i * m + k] < reference[k];
        }
        count += inside;
    }
    return count;
}

clade_status clade_hypervolume(const double *points, size_t n, size_t m, const double *reference, double *volume)
{
    /* gains_of writes each row before it knows whether the row counts: one row more. */
    const size_t doubles = (n + 1) * m + scratch_of(n, m);
    double *gains = clade_malloc(doubles * sizeof *gains);
    if (!gains)
        return clade_fail_memory(doubles * sizeof *gains, "the hypervolume");
    size_t count = gains_of(points, n, m, reference, gains);
    if (m > 3)
        count = keep_largest(gains, count, m);
    *volume = volume_of(gains, count, m, gains + (n + 1) * m);
    clade_free(gains);
    return CLADE_OK;
}

/* Strictly better than the reference, and no other point of the front is a copy. */
static bool contributes(const double *front, size_t n, size_t m, const double *reference, size_t p)
{
    for (size_t k = 0; k < m; k++)
        if (!(front[p * m + k] < reference[k]))
            return false;
    for (size_t q = 0; q < n; q++)
        if (q != p && memcmp(front + q * m, front + p * m, m * sizeof *front) == 0)
            return false;
    return true;
}

/* Own box minus the union of the others limited to it. LIMITED (n, m) and SCRATCH as volume_of wants them. */
static double own_part(const double *points, size_t n, size_t m, const double *reference, size_t p, double *limited,
                       double *scratch)
{
    const double *point = points + p * m;
    double own = 1;
    size_t count = 0;
    for (size_t k = 0; k < m; k++)
        own *= reference[k] - point[k];
    for (size_t q = 0; q < n; q++) {
        bool inside = q != p;
        for (size_t k = 0; k < m && inside; k++) {
            const double worse = points[q * m + k] > point[k] ? points[q * m + k] : point[k];
            inside = worse < reference[k];
            limited[count * m + k] = reference[k] - worse;
        }
        count += inside;
    }
    if (m > 3)
        count = keep_largest(limited, count, m);
    return own - volume_of(limited, count, m, scratch);
}

/* Copy the non-dominated points to FRONT, their indices to INDEX; returns how many. A point that P alone dominates
 * would otherwise take from what P contributes. */
static size_t front_of(const double *points, size_t n, size_t m, double *front, size_t *index)
{
    size_t count = 0;
    for (size_t p = 0; p < n; p++) {
        bool dominated = false;
        for (size_t q = 0; q < n && !dominated; q++)
            dominated = clade_dominates(points + q * m, points + p * m, m);
        if (dominated)
            continue;
        for (size_t k = 0; k < m; k++)
            front[count * m + k] = points[p * m + k] + 0.0; /* so that copies have equal bytes: no negative zero */
        index[count++] = p;
    }
    return count;
}

static clade_status exclusive_volumes(const double *points, size_t n, size_t m, const double *reference, double *out)
{
    const size_t doubles = n * m + (n + 1) * m + scratch_of(n, m);
    double *front = clade_calloc(doubles, sizeof *front);
    size_t *index = clade_calloc(n, sizeof *index);
    if (!front || !index) {
        clade_free(front);
        clade_free(index);
        return clade_fail_memory(doubles * sizeof *front, "exclusive hypervolumes");
    }
    double *limited = front + n * m, *scratch = limited + (n + 1) * m;
    const size_t count = front_of(points, n, m, front, index);
    for (size_t p = 0; p < n; p++)
        out[p] = 0;
    for (size_t p = 0; p < count; p++) {
        if (!contributes(front, count, m, reference, p))
            continue;
        const double part = own_part(front, count, m, reference, p, limited, scratch);
        out[index[p]] = part > 0 ? part : 0;
    }
    clade_free(index);
    clade_free(front);
    return CLADE_OK;
}

/* ---- two objectives (Beume, Naujoks & Emmerich 2007, section 3.2) ---- */

/* The rectangle of POINT up to its neighbours on the front, which is sorted by the first objective; NULL: none on that
 * side. */
static double rectangle(const double *point, const double *before, const double *after, const double *reference)
{
    const double right = after && after[0] < reference[0] ? after[0] : reference[0];
    const double top = before && before[1] < reference[1] ? before[1] : reference[1];
    const bool inside = point[0] < reference[0] && point[1] < reference[1];
    const double part = (right - point[0]) * (top - point[1]);
    return inside && part > 0 ? part : 0;
}

/* Sorted by the first objective, and a front without copies. */
static bool is_sorted_front(const double *points, size_t n)
{
    for (size_t p = 1; p < n; p++)
        if (!(points[2 * p] > points[2 * p - 2] && points[2 * p + 1] < points[2 * p - 1]))
            return false;
    return true;
}

static bool same_point(const double *a, const double *b)
{
    return clade_weakly_dominates(a, b, 2) && clade_weakly_dominates(b, a, 2);
}

static int compare_places(const void *left, const void *right)
{
    const double *a = *(const double *const *)left, *b = *(const double *const *)right;
    for (size_t k = 0; k < 2; k++)
        if (a[k] < b[k] || a[k] > b[k])
            return a[k] < b[k] ? -1 : 1;
    return (a > b) - (a < b);
}

static clade_status exclusive_rectangles(const double *points, size_t n, const double *reference, double *out)
{
    const double **front = clade_malloc((n + 1) * sizeof *front);
    if (!front)
        return clade_fail_memory((n + 1) * sizeof *front, "exclusive hypervolumes");
    for (size_t p = 0; p < n; p++) {
        front[p] = points + 2 * p;
        out[p] = 0;
    }
    qsort(front, n, sizeof *front, compare_places);
    size_t count = 0;
    for (size_t p = 0; p < n; p++)
        if (count == 0 || front[p][1] < front[count - 1][1] || same_point(front[p], front[count - 1]))
            front[count++] = front[p];
    for (size_t p = 0; p < count; p++) {
        const double *before = p > 0 ? front[p - 1] : NULL, *after = p + 1 < count ? front[p + 1] : NULL;
        if (!(before && same_point(before, front[p])) && !(after && same_point(after, front[p])))
            out[(size_t)(front[p] - points) / 2] = rectangle(front[p], before, after, reference);
    }
    clade_free(front);
    return CLADE_OK;
}

clade_status clade_exclusive_hypervolume(const double *points, size_t n, size_t m, const double *reference, double *out)
{
    if (m != 2)
        return exclusive_volumes(points, n, m, reference, out);
    if (!is_sorted_front(points, n))
        return exclusive_rectangles(points, n, reference, out);
    for (size_t p = 0; p < n; p++)
        out[p] = rectangle(points + 2 * p, p > 0 ? points + 2 * p - 2 : NULL, p + 1 < n ? points + 2 * p + 2 : NULL,
                           reference);
    return CLADE_OK;
}
