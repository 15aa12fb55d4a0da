/* Which items tell children apart: the two-parameter logistic model of item response theory (Birnbaum 1968), fitted on
 * the answers of past children, and an order of items by what they tell. For the first rung of a race; final numbers are
 * never of chosen items.
 *
 *   P(child i gets item j right) = sigmoid(a_j (theta_i - b_j))
 *
 * a_j discrimination, b_j difficulty, theta_i ability (mean 0, standard deviation 1 over the children). Maximum a
 * posteriori over children and items in turn, with theta ~ N(0, 1), a ~ N(1, 1/2^2) and a b ~ N(0, 3^2): a fixed number
 * of Newton steps, so the same answers give the same bits (libm exp: per platform). The joint fit is biased in a for few
 * children, where the marginal one is not; an order needs no more than who is larger. */
#ifndef CLADE_ITEM_RESPONSE_H
#define CLADE_ITEM_RESPONSE_H

#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef struct clade_item_response {
    double *a, *b; /* (n_items), owned; b is 0 where a is not above 0 */
    double *theta; /* (n_children), owned */
    size_t n_items, n_children;
} clade_item_response;

/* CORRECT (n_children) bits of n_items, LSB first, as clade_told.correct. SEEN (n_children) bits of those that were
 * answered, NULL for a child that answered all; SEEN may be NULL. *FIT is overwritten; release with
 * clade_item_response_fini ({0} is valid). n_children, n_items >= 1. O(n_children n_items). CLADE_EIO without memory.
 * An item that all who answered got right, or all wrong, has a = 0: what it tells is not known yet.
 * Law: the order of children and items changes nothing but rounding. */
clade_status clade_item_response_fit(const uint8_t *const *correct, const uint8_t *const *seen, size_t n_children,
                                     size_t n_items, clade_item_response *fit) CLADE_CHECK_RESULT;
void clade_item_response_fini(clade_item_response *fit);

/* Fisher information of every item about an ability: a^2 P (1 - P) at theta = ABILITY into OUT (n_items). 0 where a is
 * not above 0: below, who is better answers such an item worse, a wrong label more often than not. */
void clade_item_information(const clade_item_response *fit, double ability, double *out);

/* A permutation of N items, most informative first, in which every prefix has about its share of every group.
 *
 *   information  (n) >= 0; ties: the lower item first
 *   groups       (n), each below N: corruption, class, ...; NULL: all in one
 *   order        (n) out
 *
 * Laws: within a group the information never rises; with groups of equal size, the numbers of their items in a prefix
 * differ by at most 1. O(n log n + n groups). CLADE_EIO without memory. */
clade_status clade_item_order(const double *information, const size_t *groups, size_t n,
                              size_t *order) CLADE_CHECK_RESULT;

/* All of it: fit on past children, then for one task the order of its N_PLACES labelled items at the ability ABILITY of
 * the present front (a mean of theta). An item has a bit for each form it is scored in (clean, corrupted); its
 * information is their sum. PLACE (n_items of FIT): the place each bit belongs to, SIZE_MAX for bits of other tasks;
 * GROUPS (n_places) or NULL as above. ORDER (n_places): fit for clade_rungs.order. */
clade_status clade_item_response_order(const clade_item_response *fit, double ability, const size_t *place,
                                       size_t n_places, const size_t *groups, size_t *order) CLADE_CHECK_RESULT;

#endif
