#include "search/algorithm/uncrowded.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "search/pareto.h"

static bool strictly_below(const double *a, const double *b, size_t m)
{
    bool below = true;
    for (size_t k = 0; k < m; k++)
        below &= a[k] < b[k];
    return below;
}

static bool weakly_below(const double *a, const double *b, size_t m)
{
    bool below = true;
    for (size_t k = 0; k < m; k++)
        below &= a[k] <= b[k];
    return below;
}

static clade_status append(clade_uncrowded *u, const double *corner)
{
    if (u->count == u->capacity) {
        const size_t capacity = 2 * u->capacity + u->n + 1;
        double *corners = clade_malloc(capacity * u->m * sizeof *corners);
        if (!corners)
            return clade_fail_memory(capacity * u->m * sizeof *corners, "the corners of a front");
        if (u->count > 0)
            memcpy(corners, u->corners, u->count * u->m * sizeof *corners);
        clade_free(u->corners);
        u->corners = corners;
        u->capacity = capacity;
    }
    memcpy(u->corners + u->count * u->m, corner, u->m * sizeof *corner);
    u->count++;
    return CLADE_OK;
}

/* Drop corner I; the last takes its place. */
static void drop(clade_uncrowded *u, size_t i)
{
    u->count--;
    memmove(u->corners + i * u->m, u->corners + u->count * u->m, u->m * sizeof *u->corners);
}

/* POINT cuts each corner that it is strictly below into m: the corner with one coordinate lowered to the point's. Of
 * the new ones, those below another corner say nothing new. */
static clade_status cut(clade_uncrowded *u, const double *point)
{
    const size_t m = u->m;
    size_t old = u->count;
    for (size_t i = 0; i < old;) {
        double corner[CLADE_MAX_OBJECTIVES];
        memcpy(corner, u->corners + i * m, m * sizeof *corner);
        if (!strictly_below(point, corner, m)) {
            i++;
            continue;
        }
        /* The last old one comes to place I, the last new one to its place. */
        memmove(u->corners + i * m, u->corners + (old - 1) * m, m * sizeof *corner);
        drop(u, --old);
        for (size_t k = 0; k < m; k++) {
            const double kept = corner[k];
            corner[k] = point[k];
            CLADE_TRY(append(u, corner));
            corner[k] = kept;
        }
    }
    for (size_t i = old; i < u->count;) {
        bool redundant = false;
        for (size_t j = 0; j < u->count && !redundant; j++)
            redundant = j != i && weakly_below(u->corners + i * m, u->corners + j * m, m);
        if (redundant)
            drop(u, i);
        else
            i++;
    }
    return CLADE_OK;
}

clade_status clade_uncrowded_init(clade_uncrowded *u, const double *points, size_t n, size_t m, const double *reference)
{
    u->n = n;
    u->m = m;
    memcpy(u->reference, reference, m * sizeof *reference);
    u->points = clade_malloc((n + 1) * m * sizeof *u->points);
    u->limited = clade_malloc((n + 1) * m * sizeof *u->limited);
    clade_status status = u->points && u->limited
                              ? append(u, reference)
                              : clade_fail_memory(2 * (n + 1) * m * sizeof *u->points, "the points of a front");
    if (status == CLADE_OK && n > 0)
        memcpy(u->points, points, n * m * sizeof *points);
    for (size_t i = 0; i < n && status == CLADE_OK; i++)
        status = cut(u, points + i * m);
    if (status != CLADE_OK)
        clade_uncrowded_fini(u);
    return status;
}

void clade_uncrowded_fini(clade_uncrowded *u)
{
    clade_free(u->points);
    clade_free(u->limited);
    clade_free(u->corners);
    memset(u, 0, sizeof *u);
}

static double distance_to_free_space(const clade_uncrowded *u, const double *point)
{
    double least = INFINITY;
    for (size_t i = 0; i < u->count; i++) {
        double squares = 0;
        for (size_t k = 0; k < u->m; k++) {
            const double beyond = point[k] - u->corners[i * u->m + k];
            squares += beyond > 0 ? beyond * beyond : 0;
        }
        least = squares < least ? squares : least;
    }
    return sqrt(least);
}

/* Its own box minus what the others, limited to the box, have of it. */
clade_status clade_uncrowded_improvement(const clade_uncrowded *u, const double *point, double *improvement)
{
    *improvement = -distance_to_free_space(u, point);
    if (*improvement < 0)
        return CLADE_OK;
    double box = 1, taken;
    for (size_t k = 0; k < u->m; k++)
        box *= u->reference[k] - point[k];
    for (size_t i = 0; i < u->n * u->m; i++)
        u->limited[i] = fmax(u->points[i], point[i % u->m]);
    CLADE_TRY(clade_hypervolume(u->limited, u->n, u->m, u->reference, &taken));
    *improvement = fmax(0, box - taken);
    return CLADE_OK;
}
