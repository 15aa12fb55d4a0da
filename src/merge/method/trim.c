/* Exact-k selection on magnitudes. The bits of a non-negative float order as the number does, so a histogram of the
 * leading bits tells which bucket holds the k-th largest; only that bucket is looked at again with the next bits. A
 * sort would cost a factor log n, a quickselect is worst on the many equal magnitudes of sparse deltas. */
#include <stdint.h>
#include <string.h>

#include "merge/trim.h"

typedef struct digit {
    unsigned shift, bits;
} digit;

/* Wide digits need fewer passes, narrow ones less zeroing: which is cheaper depends on n. */
static const digit wide[] = {{20, 11}, {10, 10}, {0, 10}}, narrow[] = {{23, 8}, {15, 8}, {7, 8}, {0, 7}};
enum { MOST_BUCKETS = 2048, WIDE_FROM = 8192 };

static uint32_t magnitude_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & UINT32_C(0x7fffffff);
}

/* Two interleaved histograms, so that neighbours in one bucket need not wait for each other's increment. */
static void count_digits(size_t n, const float *x, digit d, uint64_t *counts)
{
    uint64_t other[MOST_BUCKETS];
    size_t buckets = (size_t)1 << d.bits, i = 0;
    uint32_t mask = (uint32_t)buckets - 1;
    memset(counts, 0, buckets * sizeof *counts);
    memset(other, 0, buckets * sizeof *other);
    for (; i + 1 < n; i += 2) {
        counts[magnitude_bits(x[i]) >> d.shift & mask]++;
        other[magnitude_bits(x[i + 1]) >> d.shift & mask]++;
    }
    if (i < n)
        counts[magnitude_bits(x[i]) >> d.shift & mask]++;
    for (size_t bucket = 0; bucket < buckets; bucket++)
        counts[bucket] += other[bucket];
}

/* The elements of x with VALUE in digit d, in their order, to OUT (which may be x). */
static size_t take_bucket(size_t n, const float *x, digit d, uint32_t value, float *out)
{
    uint32_t mask = (UINT32_C(1) << d.bits) - 1;
    size_t taken = 0;
    for (size_t i = 0; i < n; i++) {
        float element = x[i];
        out[taken] = element;
        taken += (magnitude_bits(element) >> d.shift & mask) == value;
    }
    return taken;
}

clade_trim clade_trim_cut(size_t n, const float *x, size_t k, float *spare)
{
    uint64_t counts[MOST_BUCKETS], equal = 0, wanted = k;
    const digit *digits = n >= WIDE_FROM ? wide : narrow;
    const float *candidates = x;
    size_t n_candidates = n;
    uint32_t bits = 0;
    for (size_t pass = 0; pass == 0 || digits[pass - 1].shift != 0; pass++) {
        digit d = digits[pass];
        count_digits(n_candidates, candidates, d, counts);
        uint32_t bucket = (UINT32_C(1) << d.bits) - 1;
        for (; counts[bucket] < wanted; bucket--)
            wanted -= counts[bucket];
        bits |= bucket << d.shift;
        equal = counts[bucket];
        n_candidates = take_bucket(n_candidates, candidates, d, bucket, spare);
        candidates = spare;
    }
    clade_trim trim = {.last = n - 1};
    memcpy(&trim.threshold, &bits, sizeof bits);
    if (wanted < equal) { /* only WANTED of EQUAL elements at the threshold stay: find the last of them */
        trim.last = 0;
        for (uint64_t seen = magnitude_bits(x[0]) == bits; seen < wanted; seen += magnitude_bits(x[trim.last]) == bits)
            trim.last++;
    }
    return trim;
}
