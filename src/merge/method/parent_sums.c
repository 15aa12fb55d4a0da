/* Sums by parent; a cleared struct has none. */
#include "merge/method/parent_sums.h"

static size_t find(const clade_parent_sums *sums, uint64_t key)
{
    size_t i = 0;
    while (i < sums->count && sums->keys[i] != key)
        i++;
    return i;
}

void clade_parent_sums_add(clade_parent_sums *sums, uint64_t key, double more)
{
    size_t i = find(sums, key);
    if (i == sums->count)
        sums->keys[sums->count++] = key;
    sums->sums[i] += more;
}

double clade_parent_sums_of(const clade_parent_sums *sums, uint64_t key)
{
    size_t i = find(sums, key);
    return i < sums->count ? sums->sums[i] : 0;
}

size_t clade_parent_sums_bytes(const clade_merge_tile *tensor)
{
    (void)tensor;
    return sizeof(clade_parent_sums);
}

size_t clade_parent_sums_partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)pass;
    return clade_parent_sums_bytes(tensor);
}

clade_status clade_parent_sums_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)tensor;
    (void)pass;
    const clade_parent_sums *more = partial;
    for (size_t i = 0; i < more->count; i++)
        clade_parent_sums_add(state, more->keys[i], more->sums[i]);
    return CLADE_OK;
}
