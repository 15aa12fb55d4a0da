/* The kernels of the task-vector pipeline, compiled once per instruction set as kernels.c; CLADE_SPARSE_TABLE names the
 * table. Loops are left to the compiler where it makes full-width code of them; the merge, which has all parents of an
 * element in registers, is written with vector types, which every target has in some width. */
#include <string.h>

#include "tensor/kernels_tables.h"

enum { LANES = CLADE_KEPT_LANES, WORD = 64 };

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* ---- keys and masks ---- */

static void delta_keys(size_t n, const float *restrict x, const float *restrict base, uint32_t flip,
                       uint32_t *restrict keys)
{
    for (size_t i = 0; i < n; i++)
        keys[i] = (bits_of(x[i] - base[i]) & 0x7fffffff) ^ flip;
}

/* Bit i of the result: FLAGS[i] is 1, not 0. The product moves the lowest bits of eight bytes into the uppermost one. */
static inline uint64_t pack_word(const uint8_t flags[WORD])
{
    uint64_t word = 0;
    for (size_t byte = 0; byte < WORD / 8; byte++) {
        uint64_t eight;
        memcpy(&eight, flags + 8 * byte, sizeof eight);
        word |= (eight * 0x0102040810204080) >> 56 << 8 * byte;
    }
    return word;
}

/* Of M <= WORD elements. Where M is a constant the loop has no rest. */
static inline size_t find_word(size_t m, const float *restrict x, const float *restrict base, uint32_t flip,
                               uint32_t low, uint32_t span, uint64_t *restrict bits)
{
    uint8_t flags[WORD] = {0};
    uint32_t below = 0;
    for (size_t i = 0; i < m; i++) {
        uint32_t key = (bits_of(x[i] - base[i]) & 0x7fffffff) ^ flip;
        below += key < low;
        flags[i] = key - low < span;
    }
    *bits = pack_word(flags);
    return below;
}

static size_t find_keys(size_t n, const float *restrict x, const float *restrict base, uint32_t flip, uint32_t low,
                        uint32_t span, uint64_t *restrict bits)
{
    size_t below = 0, i = 0;
    for (; i + WORD <= n; i += WORD)
        below += find_word(WORD, x + i, base + i, flip, low, span, bits + i / WORD);
    return i < n ? below + find_word(n - i, x + i, base + i, flip, low, span, bits + i / WORD) : below;
}

/* Lane j makes draws j, j + LANES, ...: LANES steps of the generator are one step with other numbers. */
static void fill_pcg32(size_t n, clade_pcg32 *rng, uint32_t *restrict out)
{
    const uint64_t multiplier = 6364136223846793005U;
    uint64_t lane[LANES], jump = 1, plus = 0, state = rng->state;
    for (size_t j = 0; j < LANES; j++) {
        lane[j] = state;
        state = state * multiplier + rng->increment;
        jump *= multiplier;
        plus = plus * multiplier + rng->increment;
    }
    for (size_t first = 0; first < n; first += LANES) {
        uint32_t draws[LANES];
        for (size_t j = 0; j < LANES; j++) {
            uint32_t shifted = (uint32_t)((lane[j] >> 18 ^ lane[j]) >> 27), turn = (uint32_t)(lane[j] >> 59);
            draws[j] = shifted >> turn | shifted << (-turn & 31);
        }
        if (n - first < LANES) {
            memcpy(out + first, draws, (n - first) * sizeof *out);
            rng->state = lane[n - first];
            return;
        }
        memcpy(out + first, draws, sizeof draws);
        for (size_t j = 0; j < LANES; j++)
            lane[j] = lane[j] * jump + plus;
    }
    rng->state = lane[0];
}

static inline uint64_t word_below(size_t m, const uint32_t *restrict draws, uint32_t threshold)
{
    uint8_t flags[WORD] = {0};
    for (size_t i = 0; i < m; i++)
        flags[i] = draws[i] < threshold;
    return pack_word(flags);
}

static void bits_below(size_t n, const uint32_t *restrict draws, uint32_t threshold, uint64_t *restrict bits)
{
    size_t i = 0;
    for (; i + WORD <= n; i += WORD)
        bits[i / WORD] = word_below(WORD, draws + i, threshold);
    if (i < n)
        bits[i / WORD] = word_below(n - i, draws + i, threshold);
}

static inline void word_between(size_t m, const uint32_t *restrict draws, const uint64_t *restrict bounds,
                                uint64_t *restrict below, uint64_t *restrict between)
{
    uint8_t lower[WORD] = {0}, inside[WORD] = {0};
    uint32_t low[WORD] = {0}, high[WORD] = {0};
    for (size_t i = 0; i < m; i++)
        low[i] = (uint32_t)bounds[i];
    for (size_t i = 0; i < m; i++)
        high[i] = (uint32_t)(bounds[i] >> 32);
    for (size_t i = 0; i < m; i++) {
        lower[i] = draws[i] < low[i];
        inside[i] = draws[i] - low[i] < high[i] - low[i];
    }
    *below = pack_word(lower);
    *between = pack_word(inside);
}

static void bits_between(size_t n, const uint32_t *restrict draws, const uint64_t *restrict bounds,
                         uint64_t *restrict below, uint64_t *restrict between)
{
    size_t i = 0;
    for (; i + WORD <= n; i += WORD)
        word_between(WORD, draws + i, bounds + i, below + i / WORD, between + i / WORD);
    if (i < n)
        word_between(n - i, draws + i, bounds + i, below + i / WORD, between + i / WORD);
}

static size_t bucket_keys(size_t n, const uint32_t *restrict keys, uint16_t *restrict buckets)
{
    uint32_t most = 0, shift = n >= 4096 ? 16 : n >= 1024 ? 17 : 18, count = UINT32_C(1) << (27 - shift);
    for (size_t i = 0; i < n; i++)
        most = keys[i] > most ? keys[i] : most;
    uint32_t least = most >> shift >= count ? (most >> shift) - (count - 1) : 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t key = keys[i] >> shift;
        buckets[i] = (uint16_t)(key > least ? key - least : 0);
    }
    return count;
}

static size_t count_smaller(size_t n, const uint32_t *keys, uint32_t key)
{
    uint32_t count = 0; /* fewer than 2^32: rows are no longer */
    for (size_t i = 0; i < n; i++)
        count += keys[i] < key;
    return count;
}

/* ---- sums and merges of sparse task vectors: sixteen elements at a time, all parents before the next ---- */

enum { HALF = 8, GROUP = 2 * HALF };

typedef float floats __attribute__((vector_size(GROUP * sizeof(float))));
typedef int32_t words __attribute__((vector_size(GROUP * sizeof(int32_t))));
typedef double doubles __attribute__((vector_size(HALF * sizeof(double))));
typedef int64_t longs __attribute__((vector_size(HALF * sizeof(int64_t))));

typedef struct pair {
    doubles half[2];
} pair;

/* All ones where a bit from number I on is set. */
static inline void spread_bits(const uint64_t *bits, size_t i, words *masks)
{
    static const words place = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768};
    *masks = ((int32_t)(uint16_t)(bits[i / WORD] >> i % WORD) & place) != 0;
}

/* Loops, as gcc 12 converts vectors in parts. */
static inline void widen_group(const floats *x, pair *wide)
{
    float from[GROUP];
    double to[2][HALF];
    memcpy(from, x, sizeof from);
    for (size_t j = 0; j < HALF; j++)
        to[0][j] = (double)from[j];
    for (size_t j = 0; j < HALF; j++)
        to[1][j] = (double)from[HALF + j];
    memcpy(wide, to, sizeof to);
}

static inline void choose_floats(const words *mask, const floats *yes, floats *no_and_result)
{
    *no_and_result = (floats)(((words)*yes & *mask) | ((words)*no_and_result & ~*mask));
}

/* The task vector of ROW from element I on, times its factor, 0 where it is not kept: there the base takes the place of
 * the parent, which is done while they are floats. */
static inline void sparse_group(const clade_sparse_row *row, size_t i, const floats *base, const pair *wide, pair *y)
{
    floats x, kept = *base;
    words mask;
    pair parent;
    if (row->y) {
        memcpy(y, row->y + i, sizeof *y);
        return;
    }
    memcpy(&x, row->x + i, sizeof x);
    if (row->bits) {
        spread_bits(row->bits, i, &mask);
    } else {
        words magnitude = (words)(x - *base) & 0x7fffffff;
        mask = (magnitude >= row->low) & (magnitude <= row->high);
    }
    choose_floats(&mask, &x, &kept);
    widen_group(&kept, &parent);
    for (size_t h = 0; h < 2; h++)
        y->half[h] = row->factor * (parent.half[h] - wide->half[h]);
}

/* D = the sum of the y that have the sign of VOTES, of which 0 counts as +; W = the sum of their weights. */
static inline void sum_elected(const clade_sparse_merge *merge, const pair *y, const pair *votes, pair *D, pair *W)
{
    pair sum = {{{0}}}, weights = {{{0}}};
    longs sign[2];
    for (size_t h = 0; h < 2; h++)
        sign[h] = (votes->half[h] < 0) & INT64_MIN;
    for (size_t r = 0; r < merge->n_rows; r++) {
        doubles weight = merge->rows[r].weight + (doubles){0};
        for (size_t h = 0; h < 2; h++) {
            doubles along = (doubles)((longs)y[r].half[h] ^ sign[h]);
            longs agrees = along > 0;
            sum.half[h] += (doubles)((longs)along & agrees);
            weights.half[h] += (doubles)((longs)weight & agrees);
        }
    }
    for (size_t h = 0; h < 2; h++)
        D->half[h] = (doubles)((longs)sum.half[h] ^ sign[h]);
    *W = weights;
}

/* The largest of them, the first among equal ones, and its weight. */
static inline void choose_elected(const clade_sparse_merge *merge, const pair *y, const pair *votes, pair *D, pair *W)
{
    pair most = {{{0}}}, weights = {{{0}}};
    longs sign[2];
    for (size_t h = 0; h < 2; h++)
        sign[h] = (votes->half[h] < 0) & INT64_MIN;
    for (size_t r = 0; r < merge->n_rows; r++) {
        doubles weight = merge->rows[r].weight + (doubles){0};
        for (size_t h = 0; h < 2; h++) {
            doubles along = (doubles)((longs)y[r].half[h] ^ sign[h]);
            longs larger = along > most.half[h];
            most.half[h] = (doubles)(((longs)along & larger) | ((longs)most.half[h] & ~larger));
            weights.half[h] = (doubles)(((longs)weight & larger) | ((longs)weights.half[h] & ~larger));
        }
    }
    for (size_t h = 0; h < 2; h++)
        D->half[h] = (doubles)((longs)most.half[h] ^ sign[h]);
    *W = weights;
}

/* base + lambda D. b + -0 has the bits of b, also where b is -0 or 0. */
static inline void add_group(const pair *base, double lambda, const pair *D, float *out)
{
    double sums[GROUP];
    for (size_t h = 0; h < 2; h++) {
        doubles scaled = lambda * D->half[h];
        scaled = base->half[h] + (doubles)((longs)scaled | ((scaled == 0) & INT64_MIN));
        memcpy(sums + h * HALF, &scaled, sizeof scaled);
    }
    for (size_t j = 0; j < GROUP; j++)
        out[j] = (float)sums[j];
}

__attribute__((always_inline)) static inline void merge_group(const clade_sparse_merge *merge, size_t i,
                                                              const float *base, float *out)
{
    floats base32;
    pair y[CLADE_SPARSE_ROWS], votes = {{{0}}}, base64, D, W;
    memcpy(&base32, base + i, sizeof base32);
    widen_group(&base32, &base64);
    for (size_t r = 0; r < merge->n_rows; r++) {
        sparse_group(&merge->rows[r], i, &base32, &base64, &y[r]);
        for (size_t h = 0; h < 2; h++)
            votes.half[h] += y[r].half[h];
    }
    D = votes;
    W.half[0] = W.half[1] = merge->weights + (doubles){0};
    if (merge->sum == CLADE_SUM_ELECTED)
        sum_elected(merge, y, &votes, &D, &W);
    else if (merge->sum == CLADE_SUM_LARGEST)
        choose_elected(merge, y, &votes, &D, &W);
    for (size_t h = 0; h < 2 && merge->normalize; h++)
        D.half[h] /= W.half[h] + (doubles)((longs)(1 + (doubles){0}) & (W.half[h] == 0));
    add_group(&base64, merge->lambda, &D, out + i);
}

static void merge_groups(const clade_sparse_merge *merge, size_t n, const float *base, float *out)
{
    for (size_t i = 0; i < n; i += GROUP)
        merge_group(merge, i, base, out);
}

/* What is left of the last group is filled up with zeros. */
static void merge_rest(const clade_sparse_merge *merge, size_t done, size_t n, const float *base, float *out)
{
    float x[CLADE_SPARSE_ROWS][GROUP] = {{0}}, b[GROUP] = {0}, results[GROUP];
    double y[CLADE_SPARSE_ROWS][GROUP] = {{0}};
    uint64_t bits[CLADE_SPARSE_ROWS];
    clade_sparse_row rows[CLADE_SPARSE_ROWS];
    clade_sparse_merge rest = *merge;
    memcpy(b, base + done, n * sizeof *b);
    rest.rows = rows;
    for (size_t r = 0; r < merge->n_rows; r++) {
        rows[r] = merge->rows[r];
        if (rows[r].y)
            rows[r].y = memcpy(y[r], rows[r].y + done, n * sizeof **y);
        else
            rows[r].x = memcpy(x[r], rows[r].x + done, n * sizeof **x);
        bits[r] = rows[r].bits ? rows[r].bits[done / WORD] >> done % WORD : 0;
        rows[r].bits = rows[r].bits ? &bits[r] : NULL;
    }
    merge_groups(&rest, GROUP, b, results);
    memcpy(out + done, results, n * sizeof *out);
}

static void merge_sparse(size_t n, const clade_sparse_merge *merge, const float *base, float *out)
{
    size_t whole = n - n % GROUP;
    merge_groups(merge, whole, base, out);
    if (whole < n)
        merge_rest(merge, whole, n - whole, base, out);
}

static void sum_kept(size_t n, const float *x, const float *base, const uint64_t *bits, double before[LANES],
                     double after[LANES])
{
    pair all, kept;
    size_t i = 0;
    memcpy(&all, before, sizeof all);
    memcpy(&kept, after, sizeof kept);
    for (; i + GROUP <= n; i += GROUP) {
        floats a, b, of_kept;
        words mask;
        pair wide, wide_base, wide_kept;
        memcpy(&a, x + i, sizeof a);
        memcpy(&b, base + i, sizeof b);
        of_kept = b;
        spread_bits(bits, i, &mask);
        choose_floats(&mask, &a, &of_kept);
        widen_group(&a, &wide);
        widen_group(&b, &wide_base);
        widen_group(&of_kept, &wide_kept);
        for (size_t h = 0; h < 2; h++) {
            all.half[h] += (doubles)((longs)(wide.half[h] - wide_base.half[h]) & INT64_MAX);
            kept.half[h] += (doubles)((longs)(wide_kept.half[h] - wide_base.half[h]) & INT64_MAX);
        }
    }
    memcpy(before, &all, sizeof all);
    memcpy(after, &kept, sizeof kept);
    for (size_t j = 0; i + j < n; j++) {
        double magnitude = __builtin_fabs((double)x[i + j] - (double)base[i + j]);
        before[j] += magnitude;
        after[j] += bits[(i + j) / WORD] >> (i + j) % WORD & 1 ? magnitude : 0;
    }
}

const clade_sparse_kernels CLADE_SPARSE_TABLE = {
    .delta_keys = delta_keys,
    .find_keys = find_keys,
    .fill_pcg32 = fill_pcg32,
    .bits_below = bits_below,
    .bits_between = bits_between,
    .bucket_keys = bucket_keys,
    .count_smaller = count_smaller,
    .sum_kept = sum_kept,
    .merge_sparse = merge_sparse,
};
