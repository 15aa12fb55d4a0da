#include "search/item_choice.h"

#include <math.h>
#include <stdlib.h>

#include "clade/alloc.h"
#include "clade/bits.h"

enum { DRAWN = 4 }; /* every so manyth of the items that come first is drawn */

/* ---- answers ---- */

clade_status clade_item_answers_add(clade_item_answers *answers, const uint8_t *correct, const uint8_t *seen,
                                    size_t n_bits)
{
    if (answers->n_bits == 0) {
        answers->right = clade_calloc(2 * n_bits, sizeof *answers->right);
        if (!answers->right)
            return clade_fail_memory(2 * n_bits * sizeof *answers->right, "the answers of children");
        answers->seen = answers->right + n_bits;
        answers->n_bits = n_bits;
    }
    for (size_t i = 0; i < n_bits; i++) {
        const bool asked = !seen || clade_bit(seen, i);
        answers->seen[i] += asked;
        answers->right[i] += asked && clade_bit(correct, i);
    }
    answers->children++;
    return CLADE_OK;
}

void clade_item_answers_fini(clade_item_answers *answers)
{
    clade_free(answers->right);
    *answers = (clade_item_answers){0};
}

void clade_item_spread(const clade_item_answers *answers, const clade_opponent *opponents, size_t n, uint8_t *spread)
{
    for (size_t i = 0; i < answers->n_bits; i++) {
        uint64_t right = answers->right[i] + UINT64_C(1), all = answers->seen[i] + UINT64_C(2) - n;
        for (size_t m = 0; m < n; m++)
            right -= clade_bit(opponents[m].correct, i);
        spread[i] = (uint8_t)(1020 * right * (all - right) / (all * all));
    }
}

/* ---- order ---- */

typedef struct ranked {
    size_t spread, turn, place; /* TURN: of those drawn */
} ranked;

static int larger_first(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->spread != b->spread)
        return a->spread > b->spread ? -1 : 1;
    return (a->turn > b->turn) - (a->turn < b->turn);
}

static int as_drawn(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    return (a->turn > b->turn) - (a->turn < b->turn);
}

static size_t spread_of(const clade_bit_layout *layout, const uint8_t *spread, size_t item)
{
    size_t sum = item < layout->clean ? spread[item] : 0;
    for (size_t k = 0; k < layout->copies && item < layout->corrupted; k++)
        sum += spread[layout->clean + k * layout->corrupted + item];
    return sum;
}

clade_status clade_item_choose(const clade_bit_layout *layout, const uint8_t *spread, double share, size_t *places)
{
    const size_t n = layout->clean > layout->corrupted ? layout->clean : layout->corrupted;
    const size_t first = (size_t)fmin((double)n, ceil(share * (double)n)), kept = first / DRAWN;
    ranked *items = clade_calloc(n + 1, sizeof *items);
    if (!items)
        return clade_fail_memory((n + 1) * sizeof *items, "an order of items");
    for (size_t i = 0; i < n; i++)
        items[i] = (ranked){.spread = spread_of(layout, spread, places[i]), .turn = i, .place = places[i]};
    qsort(items + kept, n - kept, sizeof *items, larger_first);
    qsort(items + first, n - first, sizeof *items, as_drawn);
    for (size_t i = 0; i < n; i++)
        places[i] = items[i].place;
    clade_free(items);
    return CLADE_OK;
}
