#include "search/algorithm/standing.h"

#include <math.h>

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

void clade_order_by(const double *value, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t place = i;
        for (; place > 0 && value[order[place - 1]] > value[i]; place--)
            order[place] = order[place - 1];
        order[place] = i;
    }
}
