/* Surveys of trims. Where the state is used for one density only, the pieces are counted digit by digit until the cuts
 * are found, equal magnitudes are marked where a cut lies among them, and magnitudes are summed up to rescale; a state
 * that is used again holds the order of all elements (trim_order.h). With nothing to find (all densities 0 or 1) there
 * is no state. */
#include "merge/method/magnitude_sum.h"
#include "merge/method/trim_order.h"

enum { UPPER = 0, LOWER = 1, CUTS = 2 };
enum { AT_ONCE = 1024 };

typedef enum step { COUNT, MARK, SUM } step; /* what the next pass is for */

typedef struct sums {
    clade_magnitude_sum all, kept;
} sums;

typedef struct parent_state {
    clade_selection cuts[CUTS];
    sums sums;
} parent_state;

typedef struct trim_state {
    step step;
    unsigned digit;         /* of COUNT */
    uint64_t count;         /* elements surveyed */
    parent_state parents[]; /* (n_parents), then uint64_t counts (n_parents, cuts, buckets) */
} trim_state;

typedef struct trim_partial {
    uint64_t first;  /* index of the piece's first element */
    uint64_t count;  /* elements in it */
    uint64_t data[]; /* uint32_t counts (n_parents, cuts, buckets), uint64_t marks (n_parents, cuts, words), or sums
                        (n_parents) */
} trim_partial;

bool clade_some_sparse(const clade_merge_tile *tile)
{
    static const clade_task_row any = {.sparsifier = SPARSIFY_TRIM};
    for (size_t p = 0; p < tile->n_parents; p++)
        if (clade_sparse_mode_of(tile, &any, p) == SPARSE_SOME)
            return true;
    return false;
}

/* How many elements come before a cut, and whether all that equal the last of them do too. */
static clade_selection selection_of(const clade_merge_tile *tile, const clade_task_row *row, size_t p, size_t cut,
                                    uint64_t count)
{
    double density = clade_task_value(tile, p, TASK_DENSITY);
    uint64_t kept = (uint64_t)(density * (double)count);
    if (row->sparsifier == SPARSIFY_TRIM) {
        bool ge_kth = tile->site[TASK_TRIM_RULE] != TASK_EXACT_K;
        return clade_selection_begin(ge_kth ? kept + 1 : kept > 0 ? kept : 1, ge_kth);
    }
    uint64_t outliers = (uint64_t)(clade_task_value(tile, p, TASK_GAMMA) * (double)count);
    uint64_t most = count - kept; /* density wins over gamma */
    outliers = outliers < most ? outliers : most;
    return clade_selection_begin(cut == UPPER ? count - outliers : count - outliers - kept, false);
}

/* ---- what is counted ---- */

static size_t n_cuts(const clade_task_row *row)
{
    return row->sparsifier == SPARSIFY_OUTLIERS ? CUTS : 1;
}

static clade_trim_order order_of(const clade_task_row *row)
{
    return row->sparsifier == SPARSIFY_OUTLIERS ? CLADE_SMALLEST_FIRST : CLADE_LARGEST_FIRST;
}

/* A tile knows the size of its tensor, not of its rule: a global trim takes the digits that suit any size. */
static unsigned digits_of(const clade_merge_tile *tile, const clade_task_row *row,
                          clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS])
{
    return clade_trim_digits(row->global ? 0 : tile->tensor_count, digits);
}

static size_t n_buckets(const clade_merge_tile *tile, const clade_task_row *row)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    digits_of(tile, row, digits);
    return (size_t)1 << digits[0].bits;
}

static size_t words_of(uint64_t elements)
{
    return (size_t)(elements / CLADE_TRIM_MARK_BITS) + 1;
}

/* Of the marks of a piece. */
static size_t n_words(const clade_merge_tile *tile, const clade_task_row *row)
{
    return words_of(row->global || tile->tensor_count > CLADE_MERGE_PIECE ? CLADE_MERGE_PIECE : tile->tensor_count);
}

/* ---- the passes ---- */

size_t clade_trim_state_bytes(const clade_merge_tile *tensor, const clade_task_row *row)
{
    if (tensor->reused)
        return clade_trim_order_state_bytes(tensor);
    size_t counts = n_cuts(row) * n_buckets(tensor, row) * sizeof(uint64_t);
    return clade_some_sparse(tensor) ? sizeof(trim_state) + tensor->n_parents * (sizeof(parent_state) + counts) : 0;
}

size_t clade_trim_partial_bytes(const clade_merge_tile *tensor, const clade_task_row *row, unsigned pass)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    if (tensor->reused)
        return clade_trim_order_partial_bytes(tensor, row->global);
    bool counting = pass < digits_of(tensor, row, digits);
    size_t bytes =
        n_cuts(row) * (counting ? n_buckets(tensor, row) * sizeof(uint32_t) : n_words(tensor, row) * sizeof(uint64_t));
    bytes = bytes > sizeof(sums) ? bytes : sizeof(sums);
    return clade_some_sparse(tensor) ? sizeof(trim_partial) + tensor->n_parents * bytes : 0;
}

/* Of all cuts of a parent; their first digit is counted once. */
static void count_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, const trim_state *state,
                       size_t n, const uint32_t *keys, trim_partial *partial)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    size_t cuts = n_cuts(row), buckets = n_buckets(tile, row);
    uint32_t *counts = (uint32_t *)partial->data + p * cuts * buckets;
    digits_of(tile, row, digits);
    for (size_t c = 0; c < (state->digit == 0 ? 1 : cuts); c++)
        clade_selection_count(&state->parents[p].cuts[c], digits[state->digit], n, keys, counts + c * buckets);
}

static void mark_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, const trim_state *state,
                      size_t first, size_t n, const uint32_t *keys, trim_partial *partial)
{
    size_t cuts = n_cuts(row), words = n_words(tile, row);
    for (size_t c = 0; c < cuts; c++)
        if (clade_selection_is_open(&state->parents[p].cuts[c]))
            clade_selection_mark(&state->parents[p].cuts[c], n, keys,
                                 (size_t)(tile->offset % CLADE_MERGE_PIECE) + first,
                                 partial->data + (p * cuts + c) * words);
}

/* Elements before the upper cut that are not before the lower one are kept. */
static void sum_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, size_t first, size_t n,
                     const uint32_t *keys, trim_partial *partial)
{
    clade_trim_cuts cuts = clade_task_cuts(tile, row, p);
    sums *to = (sums *)partial->data + p;
    uint64_t index = tile->rule_offset + tile->offset + first;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = keys[i] ^ (uint32_t)cuts.order;
        clade_magnitude_add(&to->all, bits);
        if (keys[i] < clade_cut_limit(cuts.upper, index + i) && keys[i] >= clade_cut_limit(cuts.lower, index + i))
            clade_magnitude_add(&to->kept, bits);
    }
}

static void survey_parent(const clade_merge_tile *tile, const clade_task_row *row, size_t p, trim_partial *partial)
{
    const clade_kernels *kernels = clade_kernels_best();
    const trim_state *state = tile->state;
    uint32_t keys[AT_ONCE];
    for (size_t first = 0; first < tile->n; first += AT_ONCE) {
        size_t m = tile->n - first < AT_ONCE ? tile->n - first : AT_ONCE;
        kernels->delta_keys(m, tile->parents[p] + first, tile->base + first, (uint32_t)order_of(row), keys);
        if (state->step == COUNT)
            count_keys(tile, row, p, state, m, keys, partial);
        else if (state->step == MARK)
            mark_keys(tile, row, p, state, first, m, keys, partial);
        else
            sum_keys(tile, row, p, first, m, keys, partial);
    }
}

clade_status clade_trim_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial)
{
    trim_partial *to = partial;
    if (tile->reused) {
        clade_trim_order_survey(tile, row->global, order_of(row), partial);
        return CLADE_OK;
    }
    if (!clade_some_sparse(tile))
        return CLADE_OK;
    to->first = tile->rule_offset + tile->offset - tile->offset % CLADE_MERGE_PIECE;
    to->count += tile->n;
    for (size_t p = 0; p < tile->n_parents; p++)
        if (clade_sparse_mode_of(tile, row, p) == SPARSE_SOME)
            survey_parent(tile, row, p, to);
    return CLADE_OK;
}

clade_status clade_trim_merge(const clade_merge_tile *tensor, const clade_task_row *row, void *state,
                              const void *partial)
{
    if (tensor->reused)
        clade_trim_order_merge(tensor, row->global, state, partial);
    if (tensor->reused || !clade_some_sparse(tensor))
        return CLADE_OK;
    trim_state *to = state;
    const trim_partial *from = partial;
    size_t buckets = n_buckets(tensor, row), words = n_words(tensor, row), cuts = n_cuts(row);
    const uint32_t *counts = (const uint32_t *)from->data;
    uint64_t *all = (uint64_t *)(to->parents + tensor->n_parents);
    to->count += to->step == COUNT && to->digit == 0 ? from->count : 0;
    for (size_t i = 0; i < tensor->n_parents * cuts * buckets && to->step == COUNT; i++)
        all[i] += counts[i];
    for (size_t p = 0; p < tensor->n_parents && to->step == MARK; p++)
        for (size_t c = 0; c < cuts; c++)
            clade_selection_take(&to->parents[p].cuts[c], from->first, words_of(from->count),
                                 from->data + (p * cuts + c) * words);
    for (size_t p = 0; p < tensor->n_parents && to->step == SUM; p++) {
        clade_magnitude_merge(&to->parents[p].sums.all, &((const sums *)from->data)[p].all);
        clade_magnitude_merge(&to->parents[p].sums.kept, &((const sums *)from->data)[p].kept);
    }
    return CLADE_OK;
}

/* The next digit of every cut; all elements are counted. False when it was the last. */
static bool next_digit(const clade_merge_tile *tensor, const clade_task_row *row, trim_state *state)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    unsigned n_digits = digits_of(tensor, row, digits);
    size_t buckets = n_buckets(tensor, row), cuts = n_cuts(row);
    uint64_t *counts = (uint64_t *)(state->parents + tensor->n_parents);
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t c = 0; c < cuts && clade_sparse_mode_of(tensor, row, p) == SPARSE_SOME; c++) {
            clade_selection *cut = &state->parents[p].cuts[c];
            if (state->digit == 0)
                *cut = selection_of(tensor, row, p, c, state->count);
            size_t from = p * cuts + (state->digit == 0 ? 0 : c);
            clade_selection_digit(cut, digits[state->digit], counts + from * buckets);
            bool zeros = state->digit + 1 == n_digits && (cut->cut.key ^ (uint32_t)order_of(row)) == 0;
            cut->with_equal = cut->with_equal || zeros; /* kept or not, they are zeros: no need to tell them apart */
        }
    memset(counts, 0, tensor->n_parents * cuts * buckets * sizeof *counts);
    state->digit++;
    return state->digit < n_digits;
}

static bool some_open(const clade_merge_tile *tensor, const trim_state *state)
{
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t c = 0; c < CUTS; c++)
            if (clade_selection_is_open(&state->parents[p].cuts[c]))
                return true;
    return false;
}

clade_status clade_trim_end(const clade_merge_tile *tensor, const clade_task_row *row, void *state, bool *again)
{
    trim_state *all = state;
    if (tensor->reused)
        return clade_trim_order_end(tensor, order_of(row), state);
    if (!clade_some_sparse(tensor))
        return CLADE_OK;
    *again = true;
    if (all->step == COUNT && next_digit(tensor, row, all))
        return CLADE_OK;
    if (all->step == COUNT && some_open(tensor, all))
        all->step = MARK;
    else if (all->step != SUM && tensor->site[TASK_RESCALE] != 0)
        all->step = SUM;
    else
        *again = false;
    return CLADE_OK;
}

/* ---- what combine reads ---- */

static clade_cut cut_of(const clade_merge_tile *tile, const clade_task_row *row, size_t parent, size_t cut)
{
    const trim_state *state = tile->state;
    if (!tile->reused)
        return state->parents[parent].cuts[cut].cut;
    clade_selection selection = selection_of(tile, row, parent, cut, clade_trim_order_count(tile->state));
    return clade_trim_order_cut(tile->state, parent, &selection);
}

clade_trim_cuts clade_task_cuts(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    clade_trim_cuts cuts = {.order = order_of(row)};
    if (clade_sparse_mode_of(tile, row, parent) == SPARSE_SOME) {
        cuts.upper = cut_of(tile, row, parent, UPPER);
        if (n_cuts(row) == CUTS)
            cuts.lower = cut_of(tile, row, parent, LOWER);
    }
    return cuts;
}

double clade_trim_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    const trim_state *state = tile->state;
    if (clade_sparse_mode_of(tile, row, parent) != SPARSE_SOME || tile->site[TASK_RESCALE] == 0)
        return 1;
    clade_trim_cuts cuts = clade_task_cuts(tile, row, parent);
    if (tile->reused)
        return clade_trim_order_factor(tile, parent, &cuts);
    const sums *found = &state->parents[parent].sums;
    return clade_rescale_factor(clade_magnitude_value(&found->all), clade_magnitude_value(&found->kept));
}
