/* Radix selection: a histogram of the leading bits tells which bucket holds the element sought; the next bits are
 * counted in that bucket only. */
#include "merge/method/trim.h"

/* The bits of a magnitude are 8 of exponent and 23 of fraction. */
static const clade_trim_digit wide[] = {{15, 16}, {0, 15}}, narrow[] = {{20, 11}, {10, 10}, {0, 10}};
enum { WIDE_FROM = 1 << 21, AT_ONCE = 256 };

unsigned clade_trim_digits(uint64_t count, clade_trim_digit digits[CLADE_TRIM_MOST_DIGITS])
{
    bool large = count >= WIDE_FROM;
    memcpy(digits, large ? wide : narrow, large ? sizeof wide : sizeof narrow);
    return large ? sizeof wide / sizeof wide[0] : sizeof narrow / sizeof narrow[0];
}

clade_selection clade_selection_begin(uint64_t wanted, bool with_equal)
{
    return (clade_selection){.cut = {0, wanted > 0 ? UINT64_MAX : 0}, .wanted = wanted, .with_equal = with_equal};
}

void clade_selection_count(const clade_selection *selection, clade_trim_digit digit, size_t n, const uint32_t *keys,
                           uint32_t *counts)
{
    uint32_t mask = (UINT32_C(1) << digit.bits) - 1, found = selection->cut.key >> digit.shift >> digit.bits;
    if (digit.shift + digit.bits >= 31) {
        for (size_t i = 0; i < n; i++)
            counts[keys[i] >> digit.shift]++;
        return;
    }
    uint32_t
        taken[AT_ONCE]; /* first the keys that count, without a branch that would be mispredicted at each of them */
    for (size_t first = 0; first < n; first += AT_ONCE) {
        size_t m = n - first < AT_ONCE ? n - first : AT_ONCE, n_taken = 0;
        for (size_t i = 0; i < m; i++) {
            uint32_t key = keys[first + i];
            taken[n_taken] = key;
            n_taken += key >> digit.shift >> digit.bits == found;
        }
        for (size_t i = 0; i < n_taken; i++)
            counts[taken[i] >> digit.shift & mask]++;
    }
}

void clade_selection_digit(clade_selection *selection, clade_trim_digit digit, const uint64_t *counts)
{
    uint32_t bucket = 0, last = (UINT32_C(1) << digit.bits) - 1;
    for (; bucket < last && counts[bucket] < selection->wanted; bucket++)
        selection->wanted -= counts[bucket];
    selection->cut.key |= bucket << digit.shift;
    selection->equal = counts[bucket];
}

bool clade_selection_is_open(const clade_selection *selection)
{
    return !selection->with_equal && selection->wanted > 0 && selection->wanted < selection->equal;
}

void clade_selection_mark(const clade_selection *selection, size_t n, const uint32_t *keys, size_t first,
                          uint64_t *marks)
{
    for (size_t i = 0; i < n; i++)
        if (keys[i] == selection->cut.key)
            marks[(first + i) / CLADE_TRIM_MARK_BITS] |= UINT64_C(1) << (first + i) % CLADE_TRIM_MARK_BITS;
}

void clade_selection_take(clade_selection *selection, uint64_t first, size_t n_words, const uint64_t *marks)
{
    for (size_t word = 0; word < n_words && clade_selection_is_open(selection); word++) {
        uint64_t rest = marks[word], found = (uint64_t)__builtin_popcountll(rest);
        if (found < selection->wanted) {
            selection->wanted -= found;
            continue;
        }
        for (; selection->wanted > 1; selection->wanted--)
            rest &= rest - 1;
        selection->cut.end = first + word * CLADE_TRIM_MARK_BITS + (uint64_t)__builtin_ctzll(rest) + 1;
        selection->wanted = 0;
    }
}
