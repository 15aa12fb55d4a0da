/* What a row of the pipeline keeps of one parent's task vector. */
#include "merge/method/mask_bits.h"
#include "merge/method/task_vectors.h"

clade_sparse_mode clade_sparse_mode_of(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    if (row->sparsifier == SPARSIFY_NONE)
        return SPARSE_ALL;
    double density = clade_task_value(tile, parent, TASK_DENSITY);
    return density >= 1 ? SPARSE_ALL : density <= 0 ? SPARSE_NOTHING : SPARSE_SOME;
}

/* Draw number INDEX of the stream keyed by (seed, parent, tensor) is the element's, whatever the tile. */
static clade_rng draws_of(const clade_merge_tile *tile, size_t parent)
{
    const uint64_t keys[] = {tile->seed, tile->parent_keys[parent], tile->tensor_key};
    clade_rng stream = clade_rng_keyed(keys, sizeof keys / sizeof keys[0]);
    clade_rng_advance(&stream, tile->offset);
    return stream;
}

/* low + slope * rank = (density - epsilon) + 2 epsilon rank / (C - 1). A row of one element has no ranks (0 / 0): its
 * probability is the middle, density. */
static clade_status begin_ranks(const clade_merge_tile *tile, size_t parent, clade_sparse_reader *reader)
{
    double density = clade_task_value(tile, parent, TASK_DENSITY),
           epsilon = clade_task_value(tile, parent, TASK_EPSILON);
    if (density - epsilon <= 0 || density + epsilon >= 1)
        return clade_fail(CLADE_ECONFIG,
                          "parent %zu: density %g and epsilon %g give keep probabilities from %g to %g, expected them "
                          "between 0 and 1",
                          parent, density, epsilon, density - epsilon, density + epsilon);
    uint64_t length;
    uint32_t *ranks = (uint32_t *)((unsigned char *)tile->scratch + clade_rank_room(tile)) + parent * tile->n;
    CLADE_TRY(clade_rank_rows(tile, reader->x, ranks, tile->scratch, &length));
    reader->ranks = ranks;
    reader->low = length > 1 ? density - epsilon : density;
    reader->slope = length > 1 ? 2 * epsilon / (double)(length - 1) : 0;
    reader->by_probability = tile->site[TASK_RESCALE] != 0 && tile->site[TASK_BY_PROBABILITY] != 0;
    return CLADE_OK;
}

clade_status clade_sparse_begin(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                                const clade_trim_cuts *cuts, const uint64_t *bits, double weight,
                                clade_sparse_reader *reader)
{
    *reader = (clade_sparse_reader){.kernels = clade_kernels_best(),
                                    .mode = clade_sparse_mode_of(tile, row, parent),
                                    .sparsifier = row->sparsifier,
                                    .x = tile->parents[parent],
                                    .base = tile->base,
                                    .weight = weight,
                                    .bits = bits,
                                    .index = tile->rule_offset + tile->offset};
    if (reader->mode != SPARSE_SOME || bits)
        return CLADE_OK;
    if (row->sparsifier == SPARSIFY_DROP || row->sparsifier == SPARSIFY_MAGPRUNE)
        reader->draws = draws_of(tile, parent);
    if (row->sparsifier == SPARSIFY_DROP)
        reader->threshold = clade_rng_threshold(clade_task_value(tile, parent, TASK_DENSITY));
    else if (row->sparsifier == SPARSIFY_MAGPRUNE)
        return begin_ranks(tile, parent, reader);
    else
        reader->cuts = *cuts;
    return CLADE_OK;
}

size_t clade_sparse_scratch(const clade_merge_tile *tile)
{
    return clade_rank_room(tile) + tile->n_parents * tile->n * sizeof(uint32_t);
}

/* ---- blocks ---- */

/* Before and after the index of a cut, elements equal to it fare differently: pieces without such an index in them. */
static void trimmed(const clade_sparse_reader *reader, size_t m, double *y)
{
    const clade_trim_cuts *cuts = &reader->cuts;
    for (size_t done = 0, end; done < m; done = end) {
        uint64_t index = reader->index + done;
        end = m;
        if (index < cuts->upper.end && cuts->upper.end - index < end - done)
            end = done + (size_t)(cuts->upper.end - index);
        if (index < cuts->lower.end && cuts->lower.end - index < end - done)
            end = done + (size_t)(cuts->lower.end - index);
        uint32_t first = clade_cut_limit(cuts->lower, index);
        uint32_t last = clade_cut_limit(cuts->upper, index) - 1;
        bool largest_first = cuts->order == CLADE_LARGEST_FIRST;
        int32_t low = (int32_t)(largest_first ? (uint32_t)CLADE_LARGEST_FIRST - last : first);
        int32_t high = (int32_t)(largest_first ? (uint32_t)CLADE_LARGEST_FIRST - first : last);
        reader->kernels->delta_between(end - done, reader->x + done, reader->base + done, low, high, reader->weight,
                                       y + done);
    }
}

static void masked(const clade_sparse_reader *reader, size_t m, double *y)
{
    uint64_t bits[CLADE_MERGE_BLOCK / CLADE_MASK_WORD];
    for (size_t i = 0; i < m; i += CLADE_MASK_WORD)
        bits[i / CLADE_MASK_WORD] = clade_mask_get(reader->bits, reader->index + i);
    reader->kernels->delta(m, reader->x, reader->base, reader->weight, y);
    reader->kernels->keep_bits(m, bits, y);
}

static void dropped(clade_sparse_reader *reader, size_t m, double *y)
{
    uint64_t draws[CLADE_MERGE_BLOCK];
    clade_rng_fill(&reader->draws, m, draws);
    reader->kernels->delta(m, reader->x, reader->base, reader->weight, y);
    reader->kernels->keep_below(m, draws, reader->threshold, y);
}

static void pruned(clade_sparse_reader *reader, size_t m, double *y)
{
    uint64_t draws[CLADE_MERGE_BLOCK];
    clade_rng_fill(&reader->draws, m, draws);
    reader->kernels->delta(m, reader->x, reader->base, reader->weight, y);
    reader->kernels->keep_ranked(m, draws, reader->ranks, reader->low, reader->slope, reader->by_probability, y);
    reader->ranks += m;
}

void clade_sparse_next(clade_sparse_reader *reader, size_t m, double *y)
{
    if (reader->mode == SPARSE_NOTHING)
        memset(y, 0, m * sizeof *y);
    else if (reader->mode == SPARSE_ALL)
        reader->kernels->delta(m, reader->x, reader->base, reader->weight, y);
    else if (reader->bits)
        masked(reader, m, y);
    else if (reader->sparsifier == SPARSIFY_DROP)
        dropped(reader, m, y);
    else if (reader->sparsifier == SPARSIFY_MAGPRUNE)
        pruned(reader, m, y);
    else
        trimmed(reader, m, y);
    reader->x += m;
    reader->base += m;
    reader->index += m;
}
