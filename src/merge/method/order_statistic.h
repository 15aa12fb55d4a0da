/* Order statistics of numbers that come in pieces and are never held: the value of a given rank, exactly, after
 * CLADE_ORDER_PASSES passes over them (the passes of a survey).
 *
 * A float has a key, an integer that orders as the floats do. Each pass finds the next digit of the wanted key, by a
 * histogram of that digit among the numbers whose key begins with the digits found so far. Histograms of pieces add up,
 * so the result depends neither on the pieces nor on their order. */
#ifndef CLADE_MERGE_ORDER_STATISTIC_H
#define CLADE_MERGE_ORDER_STATISTIC_H

#include <stddef.h>
#include <stdint.h>

enum { CLADE_ORDER_PASSES = 3, CLADE_ORDER_BUCKETS = 2048 };

/* All zeros, but for the rank, before the first pass. */
typedef struct clade_order_search {
    uint64_t rank;  /* of the wanted number among those that begin with the digits found, from 0, ascending */
    uint64_t equal; /* how many these are: after the last pass, the numbers equal to the wanted one */
    uint32_t key;   /* the digits found, zeros below: after the last pass, the wanted number's key */
} clade_order_search;

/* a < b gives key(a) < key(b); -0 and +0 have the same key. X finite; a key is never 0. */
uint32_t clade_order_key(float x);
float clade_order_value(uint32_t key);

/* Add the digits of X (n) to the histogram of a piece (fewer than 2^32 numbers): COUNTS (CLADE_ORDER_BUCKETS). */
void clade_order_count(const clade_order_search *search, unsigned pass, size_t n, const float *x, uint32_t *counts);
/* Add a piece's histogram to that of all. */
void clade_order_add(uint64_t *counts, const uint32_t *piece);
/* After pass PASS (0, 1, ...) over all numbers. The rank must be less than how many there are; the ranks of the first
 * pass may be set just before, for its histogram does not depend on them. */
void clade_order_narrow(clade_order_search *search, unsigned pass, const uint64_t *counts);

#endif
