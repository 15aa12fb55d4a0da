#include "search/algorithm/standing.h"

#include <math.h>
#include <stdlib.h>

void clade_standardise(const double *values, size_t n, size_t stride, double *out)
{
    double sum = 0, square = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        const double f = values[i * stride];
        sum += isnan(f) ? 0 : f;
        square += isnan(f) ? 0 : f * f;
        count += !isnan(f);
    }
    const double mean = count > 0 ? sum / count : 0, variance = count > 0 ? square / count - mean * mean : 0;
    const double scale = variance > 0 ? 1 / sqrt(variance) : 0;
    for (size_t i = 0; i < n; i++)
        out[i] = isnan(values[i * stride]) ? INFINITY : (values[i * stride] - mean) * scale;
}

static int compare_values(const void *left, const void *right, void *values)
{
    const double *value = *(const double **)values;
    const size_t i = *(const size_t *)left, j = *(const size_t *)right;
    const double a = value[i], b = value[j];
    if (a < b || a > b)
        return a < b ? -1 : 1;
    return (i > j) - (i < j);
}

void clade_order_by(const double *value, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, compare_values, &value);
}
