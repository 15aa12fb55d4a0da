/* One-parameter line searches from the best first individuals: what a practitioner does with a hand-made merge before
 * anything else, turning up its strength, then its density, and keeping what helps.
 *
 *   start  when all first individuals have been told: the best of each method (the category) that has lines; of these
 *          the best 1 + W / 2, so that there is enough to do for a window of W while a line waits for its results
 *   line   (line.h) first individuals that lie on it, within REACH; on a side where there is none a point at t = -STEP
 *          or STEP, both at once; then, while the best point is an end, one further out; when it is
 *          inside, the vertex of the parabola through it and its neighbours (as in Brent 1973, chapter 5)
 *   end    of a line: when the next point promises less than LEAST_GAIN, a point beside the best failed, or after
 *          MOST_POINTS. The best point is where the next line of the method begins; no more when a round of all its
 *          lines gained nothing
 *
 * The value of a point is the mean of its objectives, each scaled to [0, 1] by the best and the worst first individual.
 * Not the hypervolume it adds: that is 0 wherever a point is dominated and changes with every child that is told, so no
 * parabola fits it, and points of one line could not be compared. LEAST_GAIN is 1 % of that scale: on the demo a
 * quarter of a point of accuracy, less than what other items of that number would say.
 *
 * The better first individual goes first, so a small share is spent on the best one's strength. A first individual that
 * was scored on a batch is scored on all items with the first points of its line. Points are at most `line_share` of
 * `children`, and their images at most as much of `images` (a copy is free), whichever is given. While results are
 * awaited, and when the share is spent, there is no point to try, and the algorithm breeds. Everything follows from
 * what was told, in the order of algorithm.h.
 *
 * Measured on the demo at 100,000 images (worth 43 whole children), hypervolume of the front on holdout without and
 * with a share of 0.2: portfolio .225 and .225 (8 seeds), with sites "layer" .217 and .220 (6 seeds, deviation of a
 * seed .006); sms_emoa .221 and .219 (4 seeds), "layer" .212 and .211 (3). No gain: the hand-made first individuals
 * come in several strengths already. So it is off by default. */
#ifndef CLADE_ALGORITHM_LINE_SEARCH_H
#define CLADE_ALGORITHM_LINE_SEARCH_H

#include "search/algorithm.h"

typedef struct clade_line_search clade_line_search;

/* PROBLEM is copied, its pointers borrowed; it has a line_share above 0. Without first individuals, lines, or a budget
 * of children or images there is never a point to try. */
clade_status clade_line_search_create(const clade_search_problem *problem,
                                      clade_line_search **search) CLADE_CHECK_RESULT;
void clade_line_search_destroy(clade_line_search *search); /* accepts NULL */
/* *MINE: CHILD is a point of a line, and PROPOSAL is filled: operator "line: ties density", parents the first
 * individual the line comes from and the best point so far. Else PROPOSAL is untouched. Asking twice is asking once. */
void clade_line_search_ask(clade_line_search *search, uint64_t child, clade_proposal *proposal, bool *mine);
/* All children are told, in their order. *MINE: it was a point of a line. CLADE_EIO without memory. */
clade_status clade_line_search_tell(clade_line_search *search, const clade_told *told, bool *mine) CLADE_CHECK_RESULT;

#endif
