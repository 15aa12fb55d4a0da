/* DELLA's masks by the ranks of magnitudes in the rows of a tensor, equal magnitudes in the order of their indices. Rows
 * are dimension 0, a vector is one row; of tensors with more than two dimensions mergekit ranks along dimension 1, so
 * that a row is strided there.
 *
 * A mask needs few ranks: the elements of a row are counted by the leading bits of their magnitudes, which bounds the
 * ranks and so the probabilities of each bucket, and only where the draw lies between the bounds the rank is counted. */
#include "merge/method/mask_bits.h"
#include "merge/method/task_vectors.h"

enum { FEW = 32, DIGITS = 4, DIGIT_BITS = 8, RADIX = 1 << DIGIT_BITS };
enum { SHORT = 128, AT_ONCE = 512, TOO_MANY = 16 /* a row of so many undecided per element is sorted */ };

/* The work on one row. */
typedef struct rank_row {
    size_t n, stride;
    double low, slope;       /* the probability to stay is low + slope * rank */
    uint64_t *items, *spare; /* (n) */
    uint32_t *keys, *ranks;  /* (n) */
    uint32_t *draws;         /* (n, stride), then (n) of the row */
    uint16_t *buckets;       /* (n) */
    uint64_t *kept;          /* (n) bits */
} rank_row;

/* Elements of a row, and the distance of neighbours in it. */
static void row_of(const clade_merge_tile *tensor, size_t *length, size_t *stride)
{
    *length = tensor->rank == 0 ? 1 : (size_t)tensor->shape[tensor->rank > 1 ? 1 : 0];
    *stride = 1;
    for (size_t d = 2; d < tensor->rank; d++)
        *stride *= (size_t)tensor->shape[d];
}

size_t clade_rank_unit(const clade_merge_tile *tensor)
{
    size_t length, stride;
    row_of(tensor, &length, &stride);
    return length * stride > 0 ? length * stride : 1;
}

size_t clade_rank_room(const clade_merge_tile *tile)
{
    size_t n, stride;
    row_of(tile, &n, &stride);
    size_t wide = 2 * n + clade_mask_words(n), narrow = n * (stride + 1) + 2 * n + n / 2 + 1;
    return (wide + narrow / 2 + 1) * sizeof(uint64_t);
}

static clade_status lay_out(const clade_merge_tile *tile, void *room, rank_row *self)
{
    row_of(tile, &self->n, &self->stride);
    size_t n = self->n;
    if (n > INT32_MAX)
        return clade_fail(CLADE_EINCOMPATIBLE, "rows of %zu elements, expected at most %d to rank", n, INT32_MAX);
    self->items = room;
    self->spare = self->items + n;
    self->kept = self->spare + n;
    self->keys = (uint32_t *)(self->kept + clade_mask_words(n));
    self->ranks = self->keys + n;
    self->draws = self->ranks + n;
    self->buckets = (uint16_t *)(self->draws + n * (self->stride + 1));
    return CLADE_OK;
}

/* low + slope * rank = (density - epsilon) + 2 epsilon rank / (C - 1). A row of one element has no ranks (0 / 0): its
 * probability is the middle, density. */
static clade_status begin(const clade_merge_tile *tile, size_t parent, rank_row *self)
{
    double density = clade_task_value(tile, parent, TASK_DENSITY),
           epsilon = clade_task_value(tile, parent, TASK_EPSILON);
    if (density - epsilon <= 0 || density + epsilon >= 1)
        return clade_fail(CLADE_ECONFIG,
                          "parent %zu: density %g and epsilon %g give keep probabilities from %g to %g, expected them "
                          "between 0 and 1",
                          parent, density, epsilon, density - epsilon, density + epsilon);
    CLADE_TRY(lay_out(tile, tile->scratch, self));
    self->low = self->n > 1 ? density - epsilon : density;
    self->slope = self->n > 1 ? 2 * epsilon / (double)(self->n - 1) : 0;
    return CLADE_OK;
}

static double probability(const rank_row *self, size_t rank)
{
    return self->low + self->slope * (double)rank;
}

/* ---- all ranks, by a stable sort ---- */

/* An item has the magnitude in its upper and the index in its lower half, so no two are equal. */
static void sort_few(size_t n, uint64_t *items)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1] > item; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Counts to the places where the buckets begin; false when all items are in one. */
static bool add_up(uint32_t *starts, size_t n)
{
    uint32_t start = 0, most = 0;
    for (size_t bucket = 0; bucket < RADIX; bucket++) {
        uint32_t count = starts[bucket];
        starts[bucket] = start;
        start += count;
        most = count > most ? count : most;
    }
    return most < n;
}

/* Radix sort by the magnitude, lowest digit first; each round keeps the order of the former. Returns ITEMS or OTHER. */
static uint64_t *sort_many(size_t n, uint64_t *items, uint64_t *other)
{
    uint32_t starts[DIGITS][RADIX];
    memset(starts, 0, sizeof starts);
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = (uint32_t)(items[i] >> 32);
        starts[0][magnitude % RADIX]++;
        starts[1][magnitude >> DIGIT_BITS & (RADIX - 1)]++;
        starts[2][magnitude >> 2 * DIGIT_BITS & (RADIX - 1)]++;
        starts[3][magnitude >> 3 * DIGIT_BITS]++;
    }
    for (unsigned d = 0; d < DIGITS; d++) {
        if (!add_up(starts[d], n))
            continue;
        for (size_t i = 0; i < n; i++)
            other[starts[d][items[i] >> (32 + DIGIT_BITS * d) & (RADIX - 1)]++] = items[i];
        uint64_t *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

static void rank_all(const rank_row *self)
{
    const uint64_t *sorted = self->items;
    for (size_t i = 0; i < self->n; i++)
        self->items[i] = (uint64_t)self->keys[i] << 32 | i;
    if (self->n <= FEW)
        sort_few(self->n, self->items);
    else
        sorted = sort_many(self->n, self->items, self->spare);
    for (size_t rank = 0; rank < self->n; rank++)
        self->ranks[(uint32_t)sorted[rank]] = (uint32_t)rank;
}

static void keep_by_sort(const rank_row *self, const uint32_t *draws)
{
    rank_all(self);
    memset(self->kept, 0, clade_mask_words(self->n) * sizeof(uint64_t));
    for (size_t i = 0; i < self->n; i++)
        self->kept[i / CLADE_MASK_WORD] |=
            (uint64_t)(draws[i] < clade_pcg32_threshold(probability(self, self->ranks[i]))) << i % CLADE_MASK_WORD;
}

/* ---- the ranks that are needed ---- */

/* For the elements of each bucket: draws below the lower half of BOUNDS keep all of them, draws from the upper half on
 * none. */
static void bound(const rank_row *self, size_t n_buckets, uint64_t *bounds)
{
    uint32_t counts[2]
                   [CLADE_KEY_BUCKETS]; /* two, as neighbours are often in one bucket and would wait for each other */
    for (size_t half = 0; half < 2; half++)
        memset(counts[half], 0, n_buckets * sizeof(uint32_t));
    for (size_t i = 0; i + 1 < self->n; i += 2) {
        counts[0][self->buckets[i]]++;
        counts[1][self->buckets[i + 1]]++;
    }
    if (self->n % 2)
        counts[0][self->buckets[self->n - 1]]++;
    size_t rank = 0;
    uint32_t lower = clade_pcg32_threshold(probability(self, 0));
    for (size_t b = 0; b < n_buckets; b++) {
        size_t count = (size_t)counts[0][b] + counts[1][b];
        if (count == 0)
            continue;
        rank += count;
        uint32_t upper = clade_pcg32_threshold(probability(self, rank)); /* the lower one of the next */
        bounds[b] = (uint64_t)upper << 32 | lower;
        lower = upper;
    }
}

static bool kept_by_rank(const rank_row *self, size_t i, uint32_t draw)
{
    const clade_sparse_kernels *kernels = clade_kernels_best()->sparse;
    uint32_t key = self->keys[i];
    size_t rank = kernels->count_smaller(i, self->keys, key + 1) +
                  kernels->count_smaller(self->n - i - 1, self->keys + i + 1, key);
    return draw < clade_pcg32_threshold(probability(self, rank));
}

/* False when too many ranks would have to be counted. A zero needs no mask. */
static bool keep_by_buckets(const rank_row *self, const uint32_t *draws)
{
    const clade_sparse_kernels *kernels = clade_kernels_best()->sparse;
    uint64_t bounds[CLADE_KEY_BUCKETS], of[AT_ONCE], open[AT_ONCE / CLADE_MASK_WORD];
    size_t undecided = 0;
    bound(self, kernels->bucket_keys(self->n, self->keys, self->buckets), bounds);
    for (size_t first = 0; first < self->n; first += AT_ONCE) {
        size_t m = self->n - first < AT_ONCE ? self->n - first : AT_ONCE;
        uint64_t *kept = self->kept + first / CLADE_MASK_WORD;
        for (size_t i = 0; i < m; i++)
            of[i] = bounds[self->buckets[first + i]];
        kernels->bits_between(m, draws + first, of, kept, open);
        for (size_t word = 0; word * CLADE_MASK_WORD < m; word++)
            for (uint64_t rest = open[word]; rest; rest &= rest - 1) {
                size_t i = first + word * CLADE_MASK_WORD + (size_t)__builtin_ctzll(rest);
                if (self->keys[i] == 0)
                    continue;
                kept[word] |= kept_by_rank(self, i, draws[i]) ? rest & (0 - rest) : 0;
                if (++undecided > self->n / TOO_MANY)
                    return false;
            }
    }
    return true;
}

/* ---- rows ---- */

static void read_keys(const rank_row *self, const clade_merge_tile *tile, const float *x, size_t at)
{
    if (self->stride == 1)
        clade_kernels_best()->sparse->delta_keys(self->n, x + at, tile->base + at, CLADE_SMALLEST_FIRST, self->keys);
    for (size_t i = 0; i < self->n && self->stride > 1; i++)
        self->keys[i] =
            clade_trim_key(CLADE_SMALLEST_FIRST, x[at + i * self->stride] - tile->base[at + i * self->stride]);
}

/* The draws of the row that begins at COLUMN of a slab. */
static const uint32_t *row_draws(const rank_row *self, size_t column)
{
    uint32_t *row = self->draws + self->n * self->stride;
    for (size_t i = 0; i < self->n && self->stride > 1; i++)
        row[i] = self->draws[column + i * self->stride];
    return self->stride > 1 ? row : self->draws;
}

static void put_row(const rank_row *self, size_t at, uint64_t *bits)
{
    for (size_t i = 0; i < self->n && self->stride == 1; i += CLADE_MASK_WORD)
        clade_mask_put(bits, at + i, self->kept[i / CLADE_MASK_WORD]);
    for (size_t i = 0; i < self->n && self->stride > 1; i++) {
        size_t bit = at + i * self->stride;
        bits[bit / CLADE_MASK_WORD] |= (self->kept[i / CLADE_MASK_WORD] >> i % CLADE_MASK_WORD & 1)
                                       << bit % CLADE_MASK_WORD;
    }
}

clade_status clade_rank_mask(const clade_merge_tile *tile, size_t parent, uint64_t *bits)
{
    rank_row self;
    clade_pcg32 stream = clade_mask_draws(tile, parent);
    CLADE_TRY(begin(tile, parent, &self));
    memset(bits, 0, clade_mask_words(tile->n) * sizeof *bits);
    for (size_t slab = 0; slab < tile->n; slab += self.n * self.stride) {
        clade_kernels_best()->sparse->fill_pcg32(self.n * self.stride, &stream, self.draws);
        for (size_t column = 0; column < self.stride; column++) {
            const uint32_t *draws = row_draws(&self, column);
            read_keys(&self, tile, tile->parents[parent], slab + column);
            if (self.n < SHORT || !keep_by_buckets(&self, draws))
                keep_by_sort(&self, draws);
            put_row(&self, slab + column, bits);
        }
    }
    return CLADE_OK;
}

clade_status clade_rank_rows(const clade_merge_tile *tile, const float *x, uint32_t *ranks, void *room,
                             uint64_t *length)
{
    rank_row self;
    CLADE_TRY(lay_out(tile, room, &self));
    *length = self.n;
    for (size_t slab = 0; slab < tile->n; slab += self.n * self.stride)
        for (size_t column = slab; column < slab + self.stride; column++) {
            read_keys(&self, tile, x, column);
            rank_all(&self);
            for (size_t i = 0; i < self.n; i++)
                ranks[column + i * self.stride] = self.ranks[i];
        }
    return CLADE_OK;
}

clade_status clade_rank_prune(const clade_merge_tile *tile, size_t parent, double weight, uint32_t *ranks, double *y)
{
    rank_row self;
    uint64_t length;
    const float *x = tile->parents[parent];
    clade_pcg32 stream = clade_mask_draws(tile, parent);
    CLADE_TRY(begin(tile, parent, &self));
    CLADE_TRY(clade_rank_rows(tile, x, ranks, tile->scratch, &length));
    for (size_t i = 0; i < tile->n; i++) {
        double p = probability(&self, ranks[i]), tau = (double)x[i] - (double)tile->base[i];
        y[i] = clade_pcg32_next(&stream) < clade_pcg32_threshold(p) ? weight * tau / p : 0;
    }
    return CLADE_OK;
}
