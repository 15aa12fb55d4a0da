#include "search/bootstrap.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/rng.h"

#include "search/order_statistics.h"

/* Sets these streams apart from all others that are keyed by three numbers. */
static const uint64_t PURPOSE = UINT64_C(0x626f6f7473747261);

/* How often each of N items is in resample B. */
static void draw(uint64_t key, uint64_t b, size_t n, uint32_t *times)
{
    clade_rng rng = clade_rng_keyed((const uint64_t[]){PURPOSE, key, b}, 3);
    memset(times, 0, n * sizeof *times);
    for (size_t i = 0; i < n; i++)
        times[clade_rng_below(&rng, n)]++;
}

static double mean_of(const uint8_t *points, const uint32_t *times, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (uint64_t)times[i] * points[i];
    return n > 0 ? (double)sum / (double)n : (double)NAN;
}

clade_status clade_bootstrap_means(const clade_answers *tasks, size_t n_tasks, size_t n_columns, size_t resamples,
                                   double *means)
{
    size_t most = 0;
    for (size_t t = 0; t < n_tasks; t++)
        most = tasks[t].n_items > most ? tasks[t].n_items : most;
    uint32_t *times = clade_calloc(most + 1, sizeof *times);
    if (!times)
        return clade_fail_memory((most + 1) * sizeof *times, "a resample of items");
    for (size_t b = 0; b <= resamples; b++)
        for (size_t t = 0; t < n_tasks; t++) {
            const size_t n = tasks[t].n_items;
            for (size_t i = 0; b == 0 && i < n; i++)
                times[i] = 1;
            if (b > 0)
                draw(tasks[t].key, b, n, times);
            for (size_t c = 0; c < n_columns; c++)
                means[(b * n_tasks + t) * n_columns + c] = mean_of(tasks[t].points + c * n, times, n);
        }
    clade_free(times);
    return CLADE_OK;
}

clade_interval clade_percentile_interval(double *values, size_t count, unsigned percent)
{
    const double tail = (double)(100 - percent) / 200.0;
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(values[i]))
            values[known++] = values[i];
    if (known == 0)
        return (clade_interval){NAN, NAN};
    clade_sort_numbers(values, known);
    return (clade_interval){clade_quantile(values, known, tail), clade_quantile(values, known, 1.0 - tail)};
}
