/* A stable radix sort by the key, lowest digit first. An entry has its key in the upper 31 bits and its index below, so
 * entries in order are numbers in order. */
#include "merge/method/trim_order.h"

#include "clade/alloc.h"
#include "merge/method/magnitude_sum.h"

enum { INDEX_BITS = 33, DIGIT_BITS = 11, DIGITS = 3, BUCKETS = 1 << DIGIT_BITS, STRIDE = 256 };

typedef struct order_state {
    uint64_t count, done; /* entries of each parent, and how many are there */
    uint64_t data[];      /* (n_parents, count) entries, then, to rescale, (n_parents) sums */
} order_state;

typedef struct order_sums {
    clade_magnitude_sum all;
    uint64_t before[]; /* (count / STRIDE + 1) of every STRIDE-th entry: the fractions before it of its exponent */
} order_sums;

typedef struct order_partial {
    uint64_t first, count;
    uint32_t keys[]; /* (n_parents, most) */
} order_partial;

static uint64_t most_of(const clade_merge_tile *tensor, bool global)
{
    return global || tensor->tensor_count > CLADE_MERGE_PIECE ? CLADE_MERGE_PIECE : tensor->tensor_count;
}

static bool sums_wanted(const clade_merge_tile *tensor)
{
    return tensor->site[TASK_RESCALE] != 0;
}

static size_t sums_bytes(uint64_t count)
{
    return sizeof(order_sums) + (size_t)(count / STRIDE + 1) * sizeof(uint64_t);
}

size_t clade_trim_order_state_bytes(const clade_merge_tile *tensor)
{
    uint64_t count = tensor->tensor_count;
    if (count > UINT64_C(1) << INDEX_BITS || count > SIZE_MAX / 32 / tensor->n_parents)
        return SIZE_MAX / 2; /* more than there is */
    size_t bytes = (size_t)count * sizeof(uint64_t) + (sums_wanted(tensor) ? sums_bytes(count) : 0);
    return sizeof(order_state) + tensor->n_parents * bytes;
}

size_t clade_trim_order_partial_bytes(const clade_merge_tile *tensor, bool global)
{
    return sizeof(order_partial) + tensor->n_parents * (size_t)most_of(tensor, global) * sizeof(uint32_t);
}

/* The keys of a piece lie one parent after the other, each with room for a whole piece. */
void clade_trim_order_survey(const clade_merge_tile *tile, bool global, clade_trim_order order, void *partial)
{
    order_partial *to = partial;
    uint64_t at = tile->offset % CLADE_MERGE_PIECE, most = most_of(tile, global);
    to->first = tile->rule_offset + tile->offset - at;
    to->count += tile->n;
    for (size_t p = 0; p < tile->n_parents; p++)
        clade_kernels_best()->sparse->delta_keys(tile->n, tile->parents[p], tile->base, (uint32_t)order,
                                                 to->keys + p * most + at);
}

void clade_trim_order_merge(const clade_merge_tile *tensor, bool global, void *state, const void *partial)
{
    order_state *to = state;
    const order_partial *from = partial;
    uint64_t most = most_of(tensor, global);
    to->count = tensor->tensor_count;
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (uint64_t i = 0; i < from->count; i++)
            to->data[p * to->count + to->done + i] =
                (uint64_t)from->keys[p * most + i] << INDEX_BITS | (from->first + i);
    to->done += from->count;
}

/* ---- sorting ---- */

static uint64_t digit_of(uint64_t entry, unsigned digit)
{
    return entry >> (INDEX_BITS + digit * DIGIT_BITS) & (BUCKETS - 1);
}

static void sort(uint64_t n, uint64_t *entries, uint64_t *spare)
{
    uint64_t starts[BUCKETS];
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        uint64_t start = 0;
        memset(starts, 0, sizeof starts);
        for (uint64_t i = 0; i < n; i++)
            starts[digit_of(entries[i], digit)]++;
        for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
            uint64_t count = starts[bucket];
            starts[bucket] = start;
            start += count;
        }
        for (uint64_t i = 0; i < n; i++)
            spare[starts[digit_of(entries[i], digit)]++] = entries[i];
        memcpy(entries, spare, (size_t)n * sizeof *entries);
    }
}

static uint32_t magnitude_of(uint64_t entry, clade_trim_order order)
{
    return (uint32_t)(entry >> INDEX_BITS) ^ (uint32_t)order;
}

static void sum_up(uint64_t count, clade_trim_order order, const uint64_t *entries, order_sums *sums)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t bits = magnitude_of(entries[i], order);
        if (i % STRIDE == 0)
            sums->before[i / STRIDE] = sums->all.fractions[clade_magnitude_exponent(bits)];
        clade_magnitude_add(&sums->all, bits);
    }
}

static size_t sums_at(uint64_t count, size_t n_parents, size_t parent)
{
    return n_parents * (size_t)count * sizeof(uint64_t) + parent * sums_bytes(count);
}

clade_status clade_trim_order_end(const clade_merge_tile *tensor, clade_trim_order order, void *state)
{
    order_state *all = state;
    uint64_t *spare = clade_malloc((size_t)all->count * sizeof *spare);
    if (!spare)
        return clade_fail_memory(all->count * sizeof *spare, "the order of a task vector");
    for (size_t p = 0; p < tensor->n_parents; p++) {
        uint64_t *entries = all->data + p * all->count;
        sort(all->count, entries, spare);
        if (sums_wanted(tensor))
            sum_up(all->count, order, entries,
                   (order_sums *)((unsigned char *)all->data + sums_at(all->count, tensor->n_parents, p)));
    }
    clade_free(spare);
    return CLADE_OK;
}

/* ---- reading ---- */

uint64_t clade_trim_order_count(const void *state)
{
    return ((const order_state *)state)->count;
}

clade_cut clade_trim_order_cut(const void *state, size_t parent, const clade_selection *selection)
{
    const order_state *all = state;
    if (selection->wanted == 0)
        return (clade_cut){0, 0};
    uint64_t last = all->data[parent * all->count + selection->wanted - 1];
    uint64_t end = (last & ((UINT64_C(1) << INDEX_BITS) - 1)) + 1;
    return (clade_cut){(uint32_t)(last >> INDEX_BITS), selection->with_equal ? UINT64_MAX : end};
}

/* How many entries come before a cut. */
static uint64_t place_of(const order_state *state, const uint64_t *entries, clade_cut cut)
{
    uint64_t low = 0, high = state->count, most = (UINT64_C(1) << INDEX_BITS) - 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2, index = entries[middle] & most;
        bool before = entries[middle] >> INDEX_BITS < clade_cut_limit(cut, index);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

/* The sum of the first PLACE entries: all of the exponents before that of the last of them, and of that one what came
 * before the last stride and what is in it. */
static clade_magnitude_sum sum_before(const uint64_t *entries, const order_sums *sums, clade_trim_order order,
                                      uint64_t place)
{
    clade_magnitude_sum sum = {{0}};
    if (place == 0)
        return sum;
    uint32_t last = clade_magnitude_exponent(magnitude_of(entries[place - 1], order));
    for (uint32_t e = 0; e < CLADE_EXPONENTS; e++)
        if (order == CLADE_LARGEST_FIRST ? e > last : e < last)
            sum.fractions[e] = sums->all.fractions[e];
    uint64_t i = (place - 1) / STRIDE * STRIDE;
    if (clade_magnitude_exponent(magnitude_of(entries[i], order)) == last)
        sum.fractions[last] = sums->before[i / STRIDE];
    for (; i < place; i++)
        if (clade_magnitude_exponent(magnitude_of(entries[i], order)) == last)
            clade_magnitude_add(&sum, magnitude_of(entries[i], order));
    return sum;
}

double clade_trim_order_factor(const clade_merge_tile *tile, size_t parent, const clade_trim_cuts *cuts)
{
    const order_state *state = tile->state;
    const uint64_t *entries = state->data + parent * state->count;
    const order_sums *sums =
        (const order_sums *)((const unsigned char *)state->data + sums_at(state->count, tile->n_parents, parent));
    clade_magnitude_sum kept = sum_before(entries, sums, cuts->order, place_of(state, entries, cuts->upper));
    clade_magnitude_sum dropped = sum_before(entries, sums, cuts->order, place_of(state, entries, cuts->lower));
    for (int e = 0; e < CLADE_EXPONENTS; e++)
        kept.fractions[e] -= dropped.fractions[e];
    return clade_rescale_factor(clade_magnitude_value(&sums->all), clade_magnitude_value(&kept));
}
