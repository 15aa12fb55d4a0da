/* The descriptors of all methods, and what more than one of them uses. */
#ifndef CLADE_MERGE_METHODS_H
#define CLADE_MERGE_METHODS_H

#include "clade/method.h"

extern const clade_method clade_method_linear, clade_method_slerp, clade_method_task_arithmetic, clade_method_ties,
    clade_method_dare_linear, clade_method_dare_ties;

/* Elements that one step of a combine() works on: rows of doubles that stay in the first cache. */
enum { CLADE_MERGE_BLOCK = 128 };

/* out[i] = sum over p of coefficients[p] * parents[p][i], in double, rounded once.
 * Laws: one parent with coefficient 1 gives its bits; equal parents whose coefficients sum to 1 give theirs. */
void clade_merge_weighted_sum(const clade_merge_tile *tile, const double *coefficients, float *out);

/* SHARES[p] = the weights of the parents (parameter WEIGHT) divided by their sum. CLADE_EEVAL when they cancel:
 * |sum w| <= 1e-8 sum |w|. */
clade_status clade_merge_shares(const clade_merge_tile *tile, size_t weight, double *shares) CLADE_CHECK_RESULT;

#endif
