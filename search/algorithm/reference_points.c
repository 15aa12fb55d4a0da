#include "search/algorithm/reference_points.h"

#include <stdbool.h>
#include <stdint.h>

#include "clade/alloc.h"
#include "search/algorithm.h"

size_t clade_simplex_count(size_t m, size_t divisions)
{
    size_t count = 1;
    for (size_t k = 1; k < m; k++) { /* C(p + k, k) = C(p + k - 1, k - 1) (p + k) / k, always a whole number */
        if (count > SIZE_MAX / (divisions + k))
            return SIZE_MAX;
        count = count * (divisions + k) / k;
    }
    return count;
}

/* The most divisions whose points are at most MOST; 0 when one is too many. A point of one objective has no more. */
static size_t finest(size_t m, size_t most)
{
    size_t divisions = 0;
    while (m > 1 && clade_simplex_count(m, divisions + 1) <= most)
        divisions++;
    return m > 1 ? divisions : 1;
}

/* The next way to share what PART (m) shares, in ascending order; false after the last, all in the first part. */
static bool next_shares(size_t m, size_t *part)
{
    size_t k = m - 1;
    while (k > 0 && part[k] == 0)
        k--;
    if (k == 0)
        return false;
    const size_t moved = part[k];
    part[k] = 0;
    part[m - 1] = moved - 1;
    part[k - 1]++;
    return true;
}

/* One point for each way to share DIVISIONS among M; a coordinate is its share times SCALE plus OFFSET. */
static void fill(size_t m, size_t divisions, double scale, double offset, double *points)
{
    size_t part[CLADE_MAX_OBJECTIVES] = {0};
    part[m - 1] = divisions;
    do {
        for (size_t k = 0; k < m; k++)
            *points++ = (double)part[k] / (double)divisions * scale + offset;
    } while (next_shares(m, part));
}

clade_status clade_reference_points(size_t m, size_t most, double **points, size_t *count)
{
    size_t outer = finest(m, most);
    outer = outer > 0 ? outer : 1;
    const size_t n_outer = clade_simplex_count(m, outer);
    const size_t inner = outer < m && m > 1 && most > n_outer ? finest(m, most - n_outer) : 0;
    *count = n_outer + (inner > 0 ? clade_simplex_count(m, inner) : 0);
    *points = clade_malloc(*count * m * sizeof(double));
    if (!*points)
        return clade_fail_memory(*count * m * sizeof(double), "reference points");
    fill(m, outer, 1, 0, *points);
    if (inner > 0)
        fill(m, inner, 0.5, 0.5 / (double)m, *points + n_outer * m);
    return CLADE_OK;
}
