/* Surveys of trims. Where the state is used for one density only, the cuts of a large tensor are bracketed by a sample
 * and found in one more pass (trim_bracket.h). Of a small one, of all tensors of a rule, or where that fails, the pieces
 * are counted digit by digit until the cuts are found, and equal magnitudes are marked where a cut lies among them.
 * Magnitudes are summed up to rescale. A state that is used again holds the order of all elements (trim_order.h). With
 * nothing to find (all densities 0 or 1) there is no state. */
#include "merge/method/task_survey.h"
#include "merge/method/trim_order.h"

enum { AT_ONCE = 1024 };

clade_selection clade_trim_selection_of(const clade_merge_tile *tile, const clade_task_row *row, size_t p, size_t cut,
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
    return clade_selection_begin(cut == CLADE_UPPER_CUT ? count - outliers : count - outliers - kept, false);
}

/* ---- what is counted ---- */

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

static clade_trim_step step_of(const clade_merge_tile *tensor, const clade_task_row *row, const clade_trim_state *state)
{
    return state->step != TRIM_BEGIN ? state->step : clade_trim_stride_of(tensor, row) > 0 ? TRIM_SAMPLE : TRIM_COUNT;
}

size_t clade_trim_sample_stride(const clade_merge_tile *tensor, unsigned pass)
{
    static const clade_task_row of_a_tensor = {.sparsifier = SPARSIFY_TRIM};
    return pass == 0 ? clade_trim_stride_of(tensor, &of_a_tensor) : 0;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t clade_trim_state_bytes(const clade_merge_tile *tensor, const clade_task_row *row)
{
    if (tensor->reused)
        return clade_trim_order_state_bytes(tensor);
    size_t counts = tensor->n_parents * clade_trim_n_cuts(row) * n_buckets(tensor, row) * sizeof(uint64_t);
    size_t bytes = larger(counts, clade_sample_state_bytes(tensor, row));
    return clade_some_sparse(tensor) ? sizeof(clade_trim_state) + tensor->n_parents * sizeof(clade_trim_parent) + bytes
                                     : 0;
}

/* Pass 0 samples and pass 1 gathers, or both and those after them count, then mark or sum. */
size_t clade_trim_partial_bytes(const clade_merge_tile *tensor, const clade_task_row *row, unsigned pass)
{
    bool sampled = clade_trim_stride_of(tensor, row) > 0;
    if (tensor->reused)
        return clade_trim_order_partial_bytes(tensor, row->global);
    size_t counts = clade_trim_n_cuts(row) * n_buckets(tensor, row) * sizeof(uint32_t),
           marks = clade_trim_n_cuts(row) * n_words(tensor, row) * sizeof(uint64_t);
    size_t bytes = tensor->n_parents * larger(larger(counts, marks), sizeof(clade_trim_sums));
    if (sampled && pass < 2)
        bytes = larger(pass == 0 ? 0 : bytes, clade_sample_partial_bytes(tensor, row, pass));
    return clade_some_sparse(tensor) ? sizeof(clade_trim_partial) + bytes : 0;
}

size_t clade_trim_cleared_bytes(const clade_merge_tile *tensor, unsigned pass)
{
    (void)tensor;
    (void)pass;
    return sizeof(clade_trim_partial);
}

/* Of a step that adds up; the others write before they read. */
static void clear_partial(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_step step,
                          clade_trim_partial *partial)
{
    size_t cuts = clade_trim_n_cuts(row), bytes = 0;
    if (step == TRIM_GATHER)
        bytes = cuts * sizeof(clade_bracket_count);
    else if (step == TRIM_COUNT)
        bytes = cuts * n_buckets(tensor, row) * sizeof(uint32_t);
    else if (step == TRIM_MARK)
        bytes = cuts * n_words(tensor, row) * sizeof(uint64_t);
    else if (step == TRIM_SUM)
        bytes = sizeof(clade_trim_sums);
    memset(partial->data, 0, tensor->n_parents * bytes);
}

/* Of all cuts of a parent; their first digit is counted once. */
static void count_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, const clade_trim_state *state,
                       size_t n, const uint32_t *keys, clade_trim_partial *partial)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    size_t cuts = clade_trim_n_cuts(row), buckets = n_buckets(tile, row);
    uint32_t *counts = (uint32_t *)partial->data + p * cuts * buckets;
    digits_of(tile, row, digits);
    for (size_t c = 0; c < (state->digit == 0 ? 1 : cuts); c++)
        clade_selection_count(&state->parents[p].cuts[c], digits[state->digit], n, keys, counts + c * buckets);
}

static void mark_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, const clade_trim_state *state,
                      size_t first, size_t n, const uint32_t *keys, clade_trim_partial *partial)
{
    size_t cuts = clade_trim_n_cuts(row), words = n_words(tile, row);
    for (size_t c = 0; c < cuts; c++)
        if (clade_selection_is_open(&state->parents[p].cuts[c]))
            clade_selection_mark(&state->parents[p].cuts[c], n, keys,
                                 (size_t)(tile->offset % CLADE_MERGE_PIECE) + first,
                                 partial->data + (p * cuts + c) * words);
}

/* Elements before the upper cut that are not before the lower one are kept. */
static void sum_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, size_t first, size_t n,
                     const uint32_t *keys, clade_trim_partial *partial)
{
    clade_trim_cuts cuts = clade_task_cuts(tile, row, p);
    clade_trim_sums *to = (clade_trim_sums *)partial->data + p;
    uint64_t index = tile->rule_offset + tile->offset + first;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = keys[i] ^ (uint32_t)cuts.order;
        clade_magnitude_add(&to->all, bits);
        if (keys[i] < clade_cut_limit(cuts.upper, index + i) && keys[i] >= clade_cut_limit(cuts.lower, index + i))
            clade_magnitude_add(&to->kept, bits);
    }
}

static void survey_keys(const clade_merge_tile *tile, const clade_task_row *row, size_t p, clade_trim_step step,
                        clade_trim_partial *partial)
{
    const clade_sparse_kernels *kernels = clade_kernels_best()->sparse;
    const clade_trim_state *state = tile->state;
    uint32_t keys[AT_ONCE];
    for (size_t first = 0; first < tile->n; first += AT_ONCE) {
        size_t m = tile->n - first < AT_ONCE ? tile->n - first : AT_ONCE;
        kernels->delta_keys(m, tile->parents[p] + first, tile->base + first, (uint32_t)clade_trim_order_of(row), keys);
        if (step == TRIM_COUNT)
            count_keys(tile, row, p, state, m, keys, partial);
        else if (step == TRIM_MARK)
            mark_keys(tile, row, p, state, first, m, keys, partial);
        else
            sum_keys(tile, row, p, first, m, keys, partial);
    }
}

clade_status clade_trim_survey(const clade_merge_tile *tile, const clade_task_row *row, void *partial)
{
    clade_trim_partial *to = partial;
    if (tile->reused) {
        clade_trim_order_survey(tile, row->global, clade_trim_order_of(row), partial);
        return CLADE_OK;
    }
    if (!clade_some_sparse(tile))
        return CLADE_OK;
    clade_trim_step step = step_of(tile, row, tile->state);
    if (to->count == 0)
        clear_partial(tile, row, step, to);
    to->first = tile->rule_offset + tile->offset - tile->offset % CLADE_MERGE_PIECE;
    for (size_t p = 0; p < tile->n_parents; p++) {
        if (clade_sparse_mode_of(tile, row, p) != SPARSE_SOME)
            continue;
        if (step == TRIM_SAMPLE)
            clade_sample_keys(tile, row, p, to);
        else if (step == TRIM_GATHER)
            clade_sample_gather(tile, row, p, tile->state, to);
        else
            survey_keys(tile, row, p, step, to);
    }
    to->count += tile->n;
    return CLADE_OK;
}

static void merge_counts(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *to,
                         const clade_trim_partial *from)
{
    const uint32_t *counts = (const uint32_t *)from->data;
    uint64_t *all = (uint64_t *)(to->parents + tensor->n_parents);
    to->count += to->digit == 0 ? from->count : 0;
    for (size_t i = 0; i < tensor->n_parents * clade_trim_n_cuts(row) * n_buckets(tensor, row); i++)
        all[i] += counts[i];
}

static void merge_marks(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *to,
                        const clade_trim_partial *from)
{
    size_t cuts = clade_trim_n_cuts(row), words = n_words(tensor, row);
    for (size_t c = 0; c < tensor->n_parents * cuts; c++)
        clade_selection_take(&to->parents[c / cuts].cuts[c % cuts], from->first, words_of(from->count),
                             from->data + c * words);
}

clade_status clade_trim_merge(const clade_merge_tile *tensor, const clade_task_row *row, void *state,
                              const void *partial)
{
    clade_trim_state *to = state;
    const clade_trim_partial *from = partial;
    if (tensor->reused)
        clade_trim_order_merge(tensor, row->global, state, partial);
    if (tensor->reused || !clade_some_sparse(tensor))
        return CLADE_OK;
    clade_trim_step step = step_of(tensor, row, to);
    if (step == TRIM_SAMPLE)
        clade_sample_merge_keys(tensor, row, to, from);
    else if (step == TRIM_GATHER)
        clade_sample_merge_entries(tensor, row, to, from);
    else if (step == TRIM_COUNT)
        merge_counts(tensor, row, to, from);
    else if (step == TRIM_MARK)
        merge_marks(tensor, row, to, from);
    for (size_t p = 0; p < tensor->n_parents && step == TRIM_SUM; p++) {
        clade_magnitude_merge(&to->parents[p].sums.all, &((const clade_trim_sums *)from->data)[p].all);
        clade_magnitude_merge(&to->parents[p].sums.kept, &((const clade_trim_sums *)from->data)[p].kept);
    }
    return CLADE_OK;
}

static void begin_counting(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *state)
{
    memset(state->parents + tensor->n_parents, 0,
           tensor->n_parents * clade_trim_n_cuts(row) * n_buckets(tensor, row) * sizeof(uint64_t));
    state->count = 0;
    state->step = TRIM_COUNT;
}

/* The next digit of every cut; all elements are counted. False when it was the last. */
static bool next_digit(const clade_merge_tile *tensor, const clade_task_row *row, clade_trim_state *state)
{
    clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS];
    unsigned n_digits = digits_of(tensor, row, digits);
    size_t buckets = n_buckets(tensor, row), cuts = clade_trim_n_cuts(row);
    uint64_t *counts = (uint64_t *)(state->parents + tensor->n_parents);
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t c = 0; c < cuts && clade_sparse_mode_of(tensor, row, p) == SPARSE_SOME; c++) {
            clade_selection *cut = &state->parents[p].cuts[c];
            if (state->digit == 0)
                *cut = clade_trim_selection_of(tensor, row, p, c, state->count);
            size_t from = p * cuts + (state->digit == 0 ? 0 : c);
            clade_selection_digit(cut, digits[state->digit], counts + from * buckets);
            bool zeros = state->digit + 1 == n_digits && (cut->cut.key ^ (uint32_t)clade_trim_order_of(row)) == 0;
            cut->with_equal = cut->with_equal || zeros; /* kept or not, they are zeros: no need to tell them apart */
        }
    memset(counts, 0, tensor->n_parents * cuts * buckets * sizeof *counts);
    state->digit++;
    return state->digit < n_digits;
}

static bool some_open(const clade_merge_tile *tensor, const clade_trim_state *state)
{
    for (size_t p = 0; p < tensor->n_parents; p++)
        for (size_t c = 0; c < CLADE_TRIM_CUTS; c++)
            if (clade_selection_is_open(&state->parents[p].cuts[c]))
                return true;
    return false;
}

clade_status clade_trim_end(const clade_merge_tile *tensor, const clade_task_row *row, void *state, bool *again)
{
    clade_trim_state *all = state;
    if (tensor->reused)
        return clade_trim_order_end(tensor, clade_trim_order_of(row), state);
    if (!clade_some_sparse(tensor))
        return CLADE_OK;
    *again = true;
    clade_trim_step step = step_of(tensor, row, all);
    if (step == TRIM_SAMPLE && clade_sample_bracket(tensor, row, all))
        all->step = TRIM_GATHER;
    else if (step == TRIM_SAMPLE || (step == TRIM_GATHER && !clade_sample_select(tensor, row, all)))
        begin_counting(tensor, row, all);
    else if (step == TRIM_COUNT && next_digit(tensor, row, all))
        all->step = TRIM_COUNT;
    else if (step == TRIM_COUNT && some_open(tensor, all))
        all->step = TRIM_MARK;
    else if (step != TRIM_SUM && tensor->site[TASK_RESCALE] != 0)
        all->step = TRIM_SUM;
    else
        *again = false;
    return CLADE_OK;
}

/* ---- what combine reads ---- */

static clade_cut cut_of(const clade_merge_tile *tile, const clade_task_row *row, size_t parent, size_t cut)
{
    const clade_trim_state *state = tile->state;
    if (!tile->reused)
        return state->parents[parent].cuts[cut].cut;
    clade_selection selection = clade_trim_selection_of(tile, row, parent, cut, clade_trim_order_count(tile->state));
    return clade_trim_order_cut(tile->state, parent, &selection);
}

clade_trim_cuts clade_task_cuts(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    clade_trim_cuts cuts = {.order = clade_trim_order_of(row)};
    if (clade_sparse_mode_of(tile, row, parent) == SPARSE_SOME) {
        cuts.upper = cut_of(tile, row, parent, CLADE_UPPER_CUT);
        if (clade_trim_n_cuts(row) == CLADE_TRIM_CUTS)
            cuts.lower = cut_of(tile, row, parent, CLADE_LOWER_CUT);
    }
    return cuts;
}

double clade_trim_factor(const clade_merge_tile *tile, const clade_task_row *row, size_t parent)
{
    const clade_trim_state *state = tile->state;
    if (clade_sparse_mode_of(tile, row, parent) != SPARSE_SOME || tile->site[TASK_RESCALE] == 0)
        return 1;
    clade_trim_cuts cuts = clade_task_cuts(tile, row, parent);
    if (tile->reused)
        return clade_trim_order_factor(tile, parent, &cuts);
    const clade_trim_sums *found = &state->parents[parent].sums;
    return clade_rescale_factor(clade_magnitude_value(&found->all), clade_magnitude_value(&found->kept));
}
