/* Surveys of the rows that draw masks: what survivors are multiplied by, from the sums of the magnitudes before and
 * after, and the masks themselves, so that they are drawn once. Without such a rescaling there is no state. */
#include "merge/method/magnitude_sum.h"
#include "merge/method/mask_bits.h"
#include "merge/method/task_vectors.h"

enum { LANES = CLADE_KEPT_LANES };

/* Of one parent; element i is added to lane i mod LANES. */
typedef struct sums {
    double before[LANES], after[LANES];
} sums;

typedef struct mask_partial {
    uint64_t first, count; /* elements of the piece */
    sums sums[];           /* (n_parents), then uint64_t bits (n_parents, words) */
} mask_partial;

static bool wanted(const clade_merge_tile *tile)
{
    return tile->site[TASK_RESCALE] != 0 && tile->site[TASK_BY_PROBABILITY] == 0 && clade_some_sparse(tile);
}

/* BITS: of the parent in the piece, whose first element is FIRST_OF_PIECE. */
static clade_status survey_parent(const clade_merge_tile *tile, const clade_task_row *row, size_t p,
                                  uint64_t first_of_piece, sums *to, uint64_t *bits)
{
    uint64_t *kept = clade_mask_place(tile, row, p), at = tile->offset - first_of_piece;
    size_t turn = (size_t)(tile->offset % LANES);
    sums turned;
    CLADE_TRY(clade_mask_draw(tile, row, p, kept));
    for (size_t j = 0; j < LANES; j++) {
        turned.before[j] = to->before[(turn + j) % LANES];
        turned.after[j] = to->after[(turn + j) % LANES];
    }
    clade_kernels_best()->sparse->sum_kept(tile->n, tile->parents[p], tile->base, kept, turned.before, turned.after);
    for (size_t j = 0; j < LANES; j++) {
        to->before[(turn + j) % LANES] = turned.before[j];
        to->after[(turn + j) % LANES] = turned.after[j];
    }
    for (size_t i = 0; i < tile->n; i += CLADE_MASK_WORD)
        clade_mask_put(bits, at + i, kept[i / CLADE_MASK_WORD]);
    return CLADE_OK;
}

static double sum_of(const double *lanes)
{
    double sum = 0;
    for (size_t j = 0; j < LANES; j++)
        sum += lanes[j];
    return sum;
}

/* Words for the bits of a piece: of CLADE_MERGE_PIECE elements or one unit. */
static size_t words_of_piece(const clade_merge_tile *tile)
{
    uint64_t unit = clade_rank_unit(tile), most = unit > CLADE_MERGE_PIECE ? unit : CLADE_MERGE_PIECE;
    return clade_mask_words(tile->tensor_count < most ? tile->tensor_count : most);
}

static size_t words_of_tensor(const clade_merge_tile *tile)
{
    return clade_mask_words(tile->tensor_count);
}

size_t clade_mask_state_bytes(const clade_merge_tile *tensor)
{
    return wanted(tensor) ? tensor->n_parents * (sizeof(sums) + words_of_tensor(tensor) * sizeof(uint64_t)) : 0;
}

size_t clade_mask_partial_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    size_t bytes = sizeof(sums) + words_of_piece(tensor) * sizeof(uint64_t);
    (void)pass;
    return wanted(tensor) ? sizeof(mask_partial) + tensor->n_parents * bytes : 0;
}

clade_status clade_mask_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial)
{
    mask_partial *to = partial;
    if (!wanted(tile))
        return CLADE_OK;
    uint64_t *bits = (uint64_t *)(to->sums + tile->n_parents);
    to->first = to->count == 0 ? tile->offset : to->first;
    to->count += tile->n;
    for (size_t p = 0; p < tile->n_parents; p++)
        if (clade_sparse_mode_of(tile, row, p) == SPARSE_SOME)
            CLADE_TRY(survey_parent(tile, row, p, to->first, &to->sums[p], bits + p * words_of_piece(tile)));
    return CLADE_OK;
}

clade_status clade_mask_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    const mask_partial *from = partial;
    sums *to = state;
    (void)pass;
    if (!wanted(tensor))
        return CLADE_OK;
    const uint64_t *taken = (const uint64_t *)(from->sums + tensor->n_parents);
    uint64_t *bits = (uint64_t *)(to + tensor->n_parents);
    for (size_t p = 0; p < tensor->n_parents; p++) {
        for (size_t j = 0; j < LANES; j++) {
            to[p].before[j] += from->sums[p].before[j];
            to[p].after[j] += from->sums[p].after[j];
        }
        for (uint64_t i = 0; i < from->count; i += CLADE_MASK_WORD)
            clade_mask_put(bits + p * words_of_tensor(tensor), from->first + i,
                           taken[p * words_of_piece(tensor) + i / CLADE_MASK_WORD]);
    }
    return CLADE_OK;
}

const uint64_t *clade_mask_bits(const clade_merge_tile *tile, size_t parent)
{
    const sums *state = tile->state;
    return wanted(tile) ? (const uint64_t *)(state + tile->n_parents) + parent * words_of_tensor(tile) : NULL;
}

double clade_mask_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    const sums *state = tile->state;
    if (clade_sparse_mode_of(tile, row, parent) != SPARSE_SOME || tile->site[TASK_RESCALE] == 0)
        return 1;
    if (tile->site[TASK_BY_PROBABILITY] != 0) /* DELLA's probability differs from element to element */
        return row->sparsifier == SPARSIFY_DROP ? 1 / clade_task_value(tile, parent, TASK_DENSITY) : 1;
    return clade_rescale_factor(sum_of(state[parent].before), sum_of(state[parent].after));
}
