/* What a row of the pipeline keeps of one parent's task vector. */
#include "merge/method/mask_bits.h"
#include "merge/method/task_vectors.h"

enum { DRAWS = 1024 };

clade_sparse_mode clade_sparse_mode_of(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    if (row->sparsifier == SPARSIFY_NONE)
        return SPARSE_ALL;
    double density = clade_task_value(tile, parent, TASK_DENSITY);
    return density >= 1 ? SPARSE_ALL : density <= 0 ? SPARSE_NOTHING : SPARSE_SOME;
}

bool clade_some_sparse(const clade_merge_tile *tile)
{
    static const clade_task_row any = {.sparsifier = SPARSIFY_TRIM};
    for (size_t p = 0; p < tile->n_parents; p++)
        if (clade_sparse_mode_of(tile, &any, p) == SPARSE_SOME)
            return true;
    return false;
}

/* ---- masks ---- */

/* Draw number INDEX of the stream keyed by (seed, parent, tensor) is the element's, whatever the tile. */
clade_pcg32 clade_mask_draws(const clade_merge_tile *tile, size_t parent)
{
    const uint64_t keys[] = {tile->seed, tile->parent_keys[parent], tile->tensor_key};
    clade_pcg32 stream = clade_pcg32_keyed(keys, sizeof keys / sizeof keys[0]);
    clade_pcg32_advance(&stream, tile->offset);
    return stream;
}

static void draw_drops(const clade_merge_tile *tile, size_t parent, uint64_t *bits)
{
    const clade_sparse_kernels *kernels = clade_kernels_best()->sparse;
    uint32_t threshold = clade_pcg32_threshold(clade_task_value(tile, parent, TASK_DENSITY)), draws[DRAWS];
    clade_pcg32 stream = clade_mask_draws(tile, parent);
    for (size_t first = 0; first < tile->n; first += DRAWS) {
        size_t m = tile->n - first < DRAWS ? tile->n - first : DRAWS;
        kernels->fill_pcg32(m, &stream, draws);
        kernels->bits_below(m, draws, threshold, bits + first / CLADE_MASK_WORD);
    }
}

/* Each parent's mask, or its whole y, has a place behind the room to rank in. */
static size_t rank_room(const clade_merge_tile *tile, const clade_task_row *row)
{
    return row->sparsifier == SPARSIFY_MAGPRUNE ? clade_rank_room(tile) : 0;
}

static bool divides(const clade_merge_tile *tile, const clade_task_row *row)
{
    return row->sparsifier == SPARSIFY_MAGPRUNE && tile->site[TASK_RESCALE] != 0 &&
           tile->site[TASK_BY_PROBABILITY] != 0;
}

size_t clade_sparse_scratch(const clade_merge_tile *tile, const clade_task_row *row)
{
    size_t each = divides(tile, row) ? tile->n * sizeof(double) : clade_mask_words(tile->n) * sizeof(uint64_t);
    size_t ranks = divides(tile, row) ? tile->n * sizeof(uint32_t) : 0;
    return rank_room(tile, row) + tile->n_parents * each + ranks;
}

uint64_t *clade_mask_place(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    unsigned char *places = (unsigned char *)tile->scratch + rank_room(tile, row);
    return (uint64_t *)places + parent * clade_mask_words(tile->n);
}

clade_status clade_mask_draw(const clade_merge_tile *tile, const clade_task_row *row, size_t parent, uint64_t *bits)
{
    if (row->sparsifier == SPARSIFY_MAGPRUNE)
        return clade_rank_mask(tile, parent, bits);
    draw_drops(tile, parent, bits);
    return CLADE_OK;
}

static clade_status begin_mask(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                               clade_sparse_row *to)
{
    const uint64_t *drawn = clade_mask_bits(tile, parent);
    if (drawn && tile->offset % CLADE_MASK_WORD == 0) {
        to->bits = drawn + tile->offset / CLADE_MASK_WORD;
        return CLADE_OK;
    }
    uint64_t *bits = clade_mask_place(tile, row, parent);
    to->bits = bits;
    for (size_t i = 0; i < tile->n && drawn; i += CLADE_MASK_WORD)
        bits[i / CLADE_MASK_WORD] = clade_mask_get(drawn, tile->offset + i);
    return drawn ? CLADE_OK : clade_mask_draw(tile, row, parent, bits);
}

/* ---- rows ---- */

clade_status clade_sparse_begin(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                                clade_trim_cuts *cuts, clade_sparse_row *to)
{
    double weight = clade_task_value(tile, parent, TASK_WEIGHT);
    clade_sparse_mode mode = clade_sparse_mode_of(tile, row, parent);
    *cuts = (clade_trim_cuts){0};
    *to = (clade_sparse_row){.x = tile->parents[parent],
                             .factor = weight,
                             .weight = weight,
                             .low = mode == SPARSE_NOTHING ? 1 : 0,
                             .high = mode == SPARSE_NOTHING ? 0 : INT32_MAX};
    if (mode != SPARSE_SOME)
        return CLADE_OK;
    if (row->sparsifier == SPARSIFY_TRIM || row->sparsifier == SPARSIFY_OUTLIERS) {
        *cuts = clade_task_cuts(tile, row, parent);
        to->factor *= clade_trim_factor(tile, row, parent);
        return CLADE_OK;
    }
    if (divides(tile, row)) {
        double *places = (double *)((unsigned char *)tile->scratch + rank_room(tile, row));
        to->y = places + parent * tile->n;
        return clade_rank_prune(tile, parent, weight, (uint32_t *)(places + tile->n_parents * tile->n),
                                places + parent * tile->n);
    }
    to->factor *= clade_mask_factor(tile, row, parent);
    return begin_mask(tile, row, parent, to);
}

/* Before and after the index of a cut, elements equal to it fare differently: pieces without such an index in them. */
size_t clade_sparse_cut(const clade_merge_tile *tile, const clade_task_row *row, size_t parent,
                        const clade_trim_cuts *cuts, size_t first, size_t n, clade_sparse_row *to)
{
    bool trims = row->sparsifier == SPARSIFY_TRIM || row->sparsifier == SPARSIFY_OUTLIERS;
    to->x += first;
    if (!trims || clade_sparse_mode_of(tile, row, parent) != SPARSE_SOME)
        return n;
    uint64_t index = tile->rule_offset + tile->offset + first;
    if (index < cuts->upper.end && cuts->upper.end - index < n)
        n = (size_t)(cuts->upper.end - index);
    if (index < cuts->lower.end && cuts->lower.end - index < n)
        n = (size_t)(cuts->lower.end - index);
    uint32_t from = clade_cut_limit(cuts->lower, index), last = clade_cut_limit(cuts->upper, index) - 1;
    bool largest_first = cuts->order == CLADE_LARGEST_FIRST;
    to->low = (int32_t)(largest_first ? (uint32_t)CLADE_LARGEST_FIRST - last : from);
    to->high = (int32_t)(largest_first ? (uint32_t)CLADE_LARGEST_FIRST - from : last);
    return n;
}
