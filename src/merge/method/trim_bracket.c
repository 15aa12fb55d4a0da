/* The bracket is wide enough for neighbours in the tensor that are alike: a run of a sample counts as a fourth of its
 * elements. */
#include "merge/method/trim_bracket.h"

#include <math.h>

enum { ALIKE = 4, DEVIATIONS = 3, AT_ONCE = 1024, WORD = 64, BUCKET_BITS = 11, BUCKETS = 1 << BUCKET_BITS };

static const uint32_t last_key = 0x7fffffff;

size_t clade_bracket_stride(uint64_t count)
{
    if (count < 1 << 16 || count > UINT64_C(1) << CLADE_ENTRY_INDEX_BITS)
        return 0;
    return count >= 1 << 23 ? 8192 : count >= 1 << 21 ? 4096 : 2048;
}

uint64_t clade_bracket_runs(uint64_t count, size_t stride)
{
    return (count + stride - 1) / stride;
}

/* Half the width of the bracket for a cut at the share P, of a sample of M. */
static double slack_of(double m, double p)
{
    return DEVIATIONS * sqrt(m * p * (1 - p) * ALIKE) + 2;
}

/* Twice what is in the bracket when magnitudes are smooth, and some more: of few distinct ones, as of 16-bit floats, one
 * has many elements. */
uint64_t clade_bracket_limit(uint64_t count, uint64_t wanted)
{
    double m = (double)(count / clade_bracket_stride(count) * CLADE_MERGE_SAMPLE);
    double p = wanted < count ? (double)wanted / (double)count : 1;
    double share = 4 * slack_of(m, p) / m + 0x1p-8;
    return (uint64_t)((share < 1 ? share : 1) * (double)count);
}

/* Twice its share. */
uint64_t clade_bracket_piece_limit(uint64_t count, uint64_t wanted, uint64_t n)
{
    uint64_t all = clade_bracket_limit(count, wanted),
             part = 2 * (uint64_t)((double)all * ((double)n / (double)count)) + AT_ONCE;
    return part < all ? part : all;
}

/* ---- the sample ---- */

/* The PLACE-th key in order, from 1. */
static uint32_t key_at(size_t n, const uint32_t *keys, uint64_t place)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    unsigned n_digits = clade_trim_digits(0, digits);
    clade_selection selection = clade_selection_begin(place, true);
    for (unsigned d = 0; d < n_digits; d++) {
        uint32_t counts[BUCKETS] = {0};
        uint64_t wide[BUCKETS];
        clade_selection_count(&selection, digits[d], n, keys, counts);
        for (size_t bucket = 0; bucket < (size_t)1 << digits[d].bits; bucket++)
            wide[bucket] = counts[bucket];
        clade_selection_digit(&selection, digits[d], wide);
    }
    return selection.cut.key;
}

clade_bracket clade_bracket_of(size_t n, const uint32_t *sample, uint64_t wanted, uint64_t count)
{
    double m = (double)n, p = wanted < count ? (double)wanted / (double)count : 1;
    double low = floor(m * p - slack_of(m, p)), high = ceil(m * p + slack_of(m, p));
    clade_bracket bracket = {0, last_key};
    bracket.low = low >= 1 ? key_at(n, sample, (uint64_t)low) : 0;
    bracket.span = (high < m ? key_at(n, sample, (uint64_t)high) : last_key) - bracket.low + 1;
    return bracket;
}

/* ---- the pass ---- */

/* Zeros need not be told apart: kept or not, they are zeros. */
static bool only_zeros(clade_trim_order order, clade_bracket bracket)
{
    return bracket.span == 1 && (bracket.low ^ (uint32_t)order) == 0;
}

static void gather_block(size_t n, const float *x, const float *base, clade_trim_order order, uint64_t index,
                         uint64_t limit, const uint64_t *bits, clade_bracket_count *counts, uint64_t *entries)
{
    for (size_t word = 0; word * WORD < n; word++)
        for (uint64_t rest = bits[word]; rest; rest &= rest - 1) {
            size_t i = word * WORD + (size_t)__builtin_ctzll(rest);
            if (counts->inside < limit)
                entries[counts->inside] =
                    (uint64_t)clade_trim_key(order, x[i] - base[i]) << CLADE_ENTRY_INDEX_BITS | (index + i);
            counts->inside++;
        }
}

void clade_bracket_gather(const clade_merge_tile *tile, size_t parent, clade_trim_order order, clade_bracket bracket,
                          uint64_t limit, clade_bracket_count *counts, uint64_t *entries)
{
    const clade_sparse_kernels *kernels = clade_kernels_best()->sparse;
    uint64_t bits[AT_ONCE / WORD];
    for (size_t first = 0; first < tile->n; first += AT_ONCE) {
        size_t m = tile->n - first < AT_ONCE ? tile->n - first : AT_ONCE;
        const float *x = tile->parents[parent] + first, *base = tile->base + first;
        counts->below += kernels->find_keys(m, x, base, (uint32_t)order, bracket.low, bracket.span, bits);
        if (only_zeros(order, bracket))
            for (size_t word = 0; word * WORD < m; word++)
                counts->inside += (uint64_t)__builtin_popcountll(bits[word]);
        else
            gather_block(m, x, base, order, tile->offset + first, limit, bits, counts, entries);
    }
}

bool clade_bracket_is_likely(size_t n, const uint32_t *sample, clade_trim_order order, clade_bracket bracket,
                             uint64_t count, uint64_t limit)
{
    const clade_sparse_kernels *kernels = clade_kernels_best()->sparse;
    size_t inside =
        kernels->count_smaller(n, sample, bracket.low + bracket.span) - kernels->count_smaller(n, sample, bracket.low);
    double expected = (double)inside / (double)n * (double)count;
    return only_zeros(order, bracket) || expected < 0.9 * (double)limit;
}

/* ---- the cut ---- */

static uint64_t bucket_of(uint64_t entry, uint64_t lowest, unsigned shift)
{
    return (entry - lowest) >> shift;
}

/* Entry number PLACE in order, from 0, of those from LOWEST to below LOWEST + 2^BITS: by buckets of their leading bits,
 * then among those of its bucket. */
static uint64_t entry_at(uint64_t n, uint64_t *entries, uint64_t place, uint64_t lowest, unsigned bits)
{
    while (bits > 0) {
        uint64_t counts[BUCKETS] = {0}, bucket = 0, kept = 0;
        unsigned shift = bits > BUCKET_BITS ? bits - BUCKET_BITS : 0;
        for (uint64_t i = 0; i < n; i++)
            counts[bucket_of(entries[i], lowest, shift)]++;
        for (; place >= counts[bucket]; bucket++)
            place -= counts[bucket];
        for (uint64_t i = 0; i < n; i++) {
            uint64_t entry = entries[i];
            entries[kept] = entry;
            kept += bucket_of(entry, lowest, shift) == bucket;
        }
        n = kept;
        lowest += bucket << shift;
        bits = shift;
    }
    return lowest;
}

bool clade_bracket_select(clade_selection *selection, clade_trim_order order, clade_bracket bracket,
                          const clade_bracket_count *counts, uint64_t limit, uint64_t *entries)
{
    if (selection->wanted == 0)
        return true;
    if (selection->wanted <= counts->below || selection->wanted > counts->below + counts->inside)
        return false;
    if (only_zeros(order, bracket)) {
        selection->cut = (clade_cut){bracket.low, UINT64_MAX};
        selection->with_equal = true;
        return true;
    }
    if (counts->inside > limit)
        return false;
    unsigned bits = CLADE_ENTRY_INDEX_BITS + 32 - (unsigned)__builtin_clz(bracket.span);
    uint64_t lowest = (uint64_t)bracket.low << CLADE_ENTRY_INDEX_BITS;
    uint64_t last = entry_at(counts->inside, entries, selection->wanted - counts->below - 1, lowest, bits);
    uint64_t end = (last & ((UINT64_C(1) << CLADE_ENTRY_INDEX_BITS) - 1)) + 1;
    selection->cut.key = (uint32_t)(last >> CLADE_ENTRY_INDEX_BITS);
    selection->cut.end = selection->with_equal ? UINT64_MAX : end;
    selection->wanted = 0;
    return true;
}
