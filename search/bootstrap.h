/* Confidence intervals by the bootstrap over items (Efron 1979; Efron & Tibshirani 1993, chapters 6, 8 and 13).
 *
 * The items of a task are drawn anew with replacement, each task by itself (its number of items is given, not a matter
 * of chance), and all that was answered about an item goes with it: clean and under every corruption, by every model.
 * So models are compared on the same resamples, item by item, and several corruptions of one image do not pass for
 * several images. Intervals are percentiles of the resamples, not BCa: for means over hundreds of items the two differ
 * by less than a thousand resamples can tell, and percentiles hold for differences and ratios as they are. Of few items
 * (below 30 a task, say) they are too narrow, as every bootstrap interval is. */
#ifndef CLADE_BOOTSTRAP_H
#define CLADE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

enum { CLADE_BOOTSTRAP_RESAMPLES = 1000, CLADE_BOOTSTRAP_PERCENT = 95 };

typedef struct clade_interval {
    double low, high; /* NAN: unknown */
} clade_interval;

/* What was answered about the items of one task: POINTS[column * n_items + item], one column for each model and
 * question. */
typedef struct clade_answers {
    uint64_t key;          /* of the task */
    size_t n_items;        /* may be 0 */
    const uint8_t *points; /* (n_columns, n_items), borrowed */
} clade_answers;

/* Means over items: MEANS[(b * n_tasks + task) * n_columns + column], ((1 + resamples) * n_tasks * n_columns) f64,
 * caller's; b = 0: of the items as they are, 1 .. RESAMPLES: of resample b. NAN for a task without items. CLADE_EIO
 * without memory.
 *
 * Laws: the draws depend on the key and the number of items of a task and on b alone, so the same items give the same
 * means whatever columns, tasks and resamples are beside them; equal columns have equal means; sums are exact. */
clade_status clade_bootstrap_means(const clade_answers *tasks, size_t n_tasks, size_t n_columns, size_t resamples,
                                   double *means) CLADE_CHECK_RESULT;

/* The interval that leaves (100 - PERCENT) / 2 percent of VALUES on each side; quantiles interpolate linearly between
 * order statistics (Hyndman & Fan 1996, type 7, as NumPy). NAN values are left out; NAN, NAN when none is left. VALUES
 * (count) are sorted in place.
 *
 * Laws: low <= high; both lie within the values; equal values give that value twice. */
clade_interval clade_percentile_interval(double *values, size_t count, unsigned percent);

#endif
