/* The ranks of magnitudes in the rows of a tensor, for DELLA: a stable sort of each row, equal magnitudes in the order
 * of their indices. Rows are dimension 0, a vector is one row; of tensors with more than two dimensions mergekit ranks
 * along dimension 1, so that a row is strided there. */
#include "merge/method/task_vectors.h"

enum { FEW = 32, DIGITS = 4, DIGIT_BITS = 8, BUCKETS = 1 << DIGIT_BITS };

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

/* Two rows of items. */
size_t clade_rank_room(const clade_merge_tile *tile)
{
    size_t length, stride;
    row_of(tile, &length, &stride);
    return 2 * length * sizeof(uint64_t);
}

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
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
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
    uint32_t starts[DIGITS][BUCKETS];
    memset(starts, 0, sizeof starts);
    for (size_t i = 0; i < n; i++) {
        uint32_t magnitude = (uint32_t)(items[i] >> 32);
        starts[0][magnitude % BUCKETS]++;
        starts[1][magnitude >> DIGIT_BITS & (BUCKETS - 1)]++;
        starts[2][magnitude >> 2 * DIGIT_BITS & (BUCKETS - 1)]++;
        starts[3][magnitude >> 3 * DIGIT_BITS]++;
    }
    for (unsigned d = 0; d < DIGITS; d++) {
        if (!add_up(starts[d], n))
            continue;
        for (size_t i = 0; i < n; i++)
            other[starts[d][items[i] >> (32 + DIGIT_BITS * d) & (BUCKETS - 1)]++] = items[i];
        uint64_t *swap = items;
        items = other;
        other = swap;
    }
    return items;
}

clade_status clade_rank_rows(const clade_merge_tile *tile, const float *x, uint32_t *ranks, void *room,
                             uint64_t *length)
{
    size_t n, stride;
    row_of(tile, &n, &stride);
    *length = n;
    if (n > INT32_MAX)
        return clade_fail(CLADE_EINCOMPATIBLE, "rows of %zu elements, expected at most %d to rank", n, INT32_MAX);
    uint64_t *items = room, *other = items + n;
    for (size_t slab = 0; slab < tile->n; slab += n * stride)
        for (size_t column = slab; column < slab + stride; column++) {
            for (size_t i = 0; i < n; i++) {
                size_t at = column + i * stride;
                items[i] = (uint64_t)clade_trim_key(CLADE_SMALLEST_FIRST, x[at] - tile->base[at]) << 32 | i;
            }
            const uint64_t *sorted = items;
            if (n <= FEW)
                sort_few(n, items);
            else
                sorted = sort_many(n, items, other);
            for (size_t rank = 0; rank < n; rank++)
                ranks[column + (uint32_t)sorted[rank] * stride] = (uint32_t)rank;
        }
    return CLADE_OK;
}
