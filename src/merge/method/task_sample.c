/* Cuts of a large tensor from a sample and one more pass. */
#include "merge/method/task_survey.h"

size_t clade_trim_stride_of(const clade_merge_tile *tensor, const clade_task_row *row)
{
    return row->global || tensor->reused ? 0 : clade_bracket_stride(tensor->tensor_count);
}

static uint64_t piece_of(const clade_merge_tile *tensor)
{
    return tensor->tensor_count < CLADE_MERGE_PIECE ? tensor->tensor_count : CLADE_MERGE_PIECE;
}

/* Keys of the sample of TRIM_COUNT elements, at most. */
static size_t n_sampled(const clade_merge_tile *tensor, const clade_task_row *row, uint64_t count)
{
    size_t stride = clade_trim_stride_of(tensor, row);
    return stride == 0 ? 0 : (size_t)clade_bracket_runs(count, stride) * CLADE_MERGE_SAMPLE;
}

/* Entries for cut number C (parents, cuts) in all pieces, or in one. */
static size_t limit_of(const clade_merge_tile *tensor, const clade_task_row *row, size_t c, bool of_piece)
{
    size_t cuts = clade_trim_n_cuts(row);
    uint64_t count = tensor->tensor_count;
    if (clade_sparse_mode_of(tensor, row, c / cuts) != SPARSE_SOME)
        return 0;
    uint64_t wanted = clade_trim_selection_of(tensor, row, c / cuts, c % cuts, count).wanted;
    return (size_t)(of_piece ? clade_bracket_piece_limit(count, wanted, piece_of(tensor))
                             : clade_bracket_limit(count, wanted));
}

/* Entries for the cuts before cut number C. */
static size_t limits_before(const clade_merge_tile *tensor, const clade_task_row *row, size_t c, bool of_piece)
{
    size_t sum = 0;
    while (c-- > 0)
        sum += limit_of(tensor, row, c, of_piece);
    return sum;
}

static size_t all_cuts(const clade_merge_tile *tensor, const clade_task_row *row)
{
    return tensor->n_parents * clade_trim_n_cuts(row);
}

size_t clade_sample_state_bytes(const clade_merge_tile *tensor, const clade_task_row *row)
{
    if (clade_trim_stride_of(tensor, row) == 0)
        return 0;
    size_t keys = tensor->n_parents * n_sampled(tensor, row, tensor->tensor_count) * sizeof(uint32_t),
           entries = limits_before(tensor, row, all_cuts(tensor, row), false) * sizeof(uint64_t);
    return keys > entries ? keys : entries;
}

size_t clade_sample_partial_bytes(const clade_merge_tile *tensor, const clade_task_row *row, unsigned pass)
{
    size_t cuts = all_cuts(tensor, row);
    if (pass == 0)
        return tensor->n_parents * n_sampled(tensor, row, piece_of(tensor)) * sizeof(uint32_t);
    return cuts * sizeof(clade_bracket_count) + limits_before(tensor, row, cuts, true) * sizeof(uint64_t);
}

void clade_sample_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, clade_trim_partial *partial)
{
    uint32_t *sample = (uint32_t *)partial->data + p * n_sampled(tile, row, piece_of(tile)) + partial->count;
    clade_kernels_best()->sparse->delta_keys(tile->n, tile->parents[p], tile->base, (uint32_t)clade_trim_order_of(row),
                                             sample);
}

void clade_sample_gather(const clade_merge_tile *tile, const clade_task_row *row, size_t p,
                         const clade_trim_state *state, clade_trim_partial *partial)
{
    size_t cuts = clade_trim_n_cuts(row);
    clade_bracket_count *counts = (clade_bracket_count *)partial->data;
    uint64_t *entries = (uint64_t *)(counts + all_cuts(tile, row));
    for (size_t c = p * cuts; c < (p + 1) * cuts; c++)
        clade_bracket_gather(tile, p, clade_trim_order_of(row), state->parents[p].brackets[c % cuts],
                             limit_of(tile, row, c, true), &counts[c], entries + limits_before(tile, row, c, true));
}

void clade_sample_merge_keys(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *to,
                             const clade_trim_partial *from)
{
    size_t most = n_sampled(tensor, row, tensor->tensor_count),
           most_of_piece = n_sampled(tensor, row, piece_of(tensor));
    for (size_t p = 0; p < tensor->n_parents; p++)
        memcpy((uint32_t *)(to->parents + tensor->n_parents) + p * most + to->count,
               (const uint32_t *)from->data + p * most_of_piece, (size_t)from->count * sizeof(uint32_t));
    to->count += from->count;
}

void clade_sample_merge_entries(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *to,
                                const clade_trim_partial *from)
{
    size_t cuts = clade_trim_n_cuts(row);
    const clade_bracket_count *counts = (const clade_bracket_count *)from->data;
    const uint64_t *entries = (const uint64_t *)(counts + all_cuts(tensor, row));
    uint64_t *all_entries = (uint64_t *)(to->parents + tensor->n_parents);
    for (size_t c = 0; c < all_cuts(tensor, row); c++) {
        clade_bracket_count *all = &to->parents[c / cuts].inside[c % cuts];
        size_t limit = limit_of(tensor, row, c, false), of_piece = limit_of(tensor, row, c, true);
        all->below += counts[c].below;
        if (counts[c].inside <= of_piece && all->inside + counts[c].inside <= limit)
            memcpy(all_entries + all->inside, entries, (size_t)counts[c].inside * sizeof(uint64_t));
        else
            all->inside = limit + 1; /* some are lost */
        all->inside += counts[c].inside;
        all_entries += limit;
        entries += of_piece;
    }
}

bool clade_sample_bracket(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *state)
{
    size_t n = (size_t)state->count, most = n_sampled(tensor, row, tensor->tensor_count);
    uint64_t count = tensor->tensor_count;
    bool likely = true;
    for (size_t p = 0; p < tensor->n_parents; p++) {
        const uint32_t *sample = (const uint32_t *)(state->parents + tensor->n_parents) + p * most;
        for (size_t c = 0; c < clade_trim_n_cuts(row) && clade_sparse_mode_of(tensor, row, p) == SPARSE_SOME; c++) {
            clade_selection cut = clade_trim_selection_of(tensor, row, p, c, count);
            clade_bracket bracket = clade_bracket_of(n, sample, cut.wanted, count);
            state->parents[p].cuts[c] = cut;
            state->parents[p].brackets[c] = bracket;
            size_t limit = limit_of(tensor, row, p * clade_trim_n_cuts(row) + c, false);
            likely = likely && clade_bracket_is_likely(n, sample, clade_trim_order_of(row), bracket, count, limit);
        }
    }
    return likely;
}

bool clade_sample_select(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *state)
{
    size_t cuts = clade_trim_n_cuts(row);
    uint64_t *entries = (uint64_t *)(state->parents + tensor->n_parents);
    bool found = true;
    for (size_t c = 0; c < all_cuts(tensor, row) && found; c++) {
        clade_trim_parent *parent = &state->parents[c / cuts];
        size_t limit = limit_of(tensor, row, c, false);
        if (clade_sparse_mode_of(tensor, row, c / cuts) == SPARSE_SOME)
            found = clade_bracket_select(&parent->cuts[c % cuts], clade_trim_order_of(row), parent->brackets[c % cuts],
                                         &parent->inside[c % cuts], limit, entries);
        entries += limit;
    }
    return found;
}
