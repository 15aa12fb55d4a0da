/* Which items come first in a race: those on which past children disagree. An item that all get right, or all wrong, tells
 * nothing about who is better; one that half of them get right tells most.
 *
 * Why no item response model: the two-parameter one (Birnbaum 1968, P = sigmoid(a (ability - b))) says besides which
 * items the better ones get right, and an order by what it tells (a^2 P (1 - P), a > 0) prefers items on which the
 * present front is right. Of the children that would have entered the front, such an order stopped 17 % (demo zoo) and
 * 31 % (four robust parents) where 5 % was promised, and 16 % and 29 % when it was fitted without the front: children
 * differ in more than one ability. What the model says of two children without asking who is the better one is that
 * they answer an item differently with probability 2 p (1 - p), p its share of right answers, which takes no fit. By
 * that order none of the 1,065 was stopped, and 1.2 to 2.3 times as many images were saved as by the order drawn
 * (replays of 10,000 children of 24 runs on three zoos).
 *
 * The opponents of a race have no say in its order, and a quarter of the first rung is drawn: an order by disagreement is
 * no proof that the bound of race.h holds for all items, which only a drawn order is. Items of later rungs stay in the
 * order drawn, and final numbers are of all items. */
#ifndef CLADE_ITEM_CHOICE_H
#define CLADE_ITEM_CHOICE_H

#include "search/race.h"

/* Counts over the children of a run, item by item. Zeroed is valid and empty. */
typedef struct clade_item_answers {
    uint32_t *right, *seen; /* (n_bits), owned: children that got it right, that were asked */
    size_t n_bits;          /* of all tasks joined; 0 before the first child */
    uint64_t children;
} clade_item_answers;

/* One more child: CORRECT (n_bits) bits; SEEN (n_bits) bits of those that it was asked, NULL: all. N_BITS is at least 1
 * and the same in all calls. CLADE_EIO without memory, and then nothing is counted. */
clade_status clade_item_answers_add(clade_item_answers *answers, const uint8_t *correct, const uint8_t *seen,
                                    size_t n_bits) CLADE_CHECK_RESULT;
void clade_item_answers_fini(clade_item_answers *answers);

/* How much the children disagree on each item, but for the N OPPONENTS, which were added and asked everything: SPREAD
 * (n_bits) bytes, 1020 p (1 - p) rounded down with p = (right + 1) / (seen + 2), so 255 where half are right or nobody
 * was asked. Integers only: the same bits everywhere. O(n_bits n). */
void clade_item_spread(const clade_item_answers *answers, const clade_opponent *opponents, size_t n, uint8_t *spread);

/* Put what is chosen for the first SHARE of a task's items in front, in place.
 *
 *   layout  the task's items and their bits; an item's spread is the sum over its bits
 *   spread  of the task's bits
 *   places  (items) a drawn order of them: of the first SHARE the first quarter stays, the rest are those of the largest
 *           spread among the others (ties: as drawn); after that the others, as drawn
 *
 * Laws: a permutation stays one; with equal spreads nothing changes. O(n log n). CLADE_EIO without memory. */
clade_status clade_item_choose(const clade_bit_layout *layout, const uint8_t *spread, double share,
                               size_t *places) CLADE_CHECK_RESULT;

#endif
