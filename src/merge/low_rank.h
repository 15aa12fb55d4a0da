/* Expanding low-rank deltas: elements of W + scale B A without ever holding B A. */
#ifndef CLADE_MERGE_LOW_RANK_H
#define CLADE_MERGE_LOW_RANK_H

#include "merge/plan.h"

/* Bytes of scratch for clade_low_rank_add. */
size_t clade_low_rank_scratch(const clade_low_rank *delta);

/* Add DELTA to elements FIRST .. FIRST + N - 1 of LIKE, the tensor as the base stores it, of which only the shape is
 * used. INOUT (n): the base's elements, then those plus scale B A. SCRATCH: clade_low_rank_scratch bytes, aligned for
 * doubles.
 *
 * Each element is float(w + scale * sum_k b_k a_k): the sum in double, k ascending (products of floats are exact in
 * double), one rounding to f32 at the end. Factors are taken as f32 (F64 ones are rounded to it first).
 * Laws: the same bits on every machine and for every cut into ranges; where the sum is 0 the base's bits stay. */
void clade_low_rank_add(const clade_low_rank *delta, const clade_tensor *like, uint64_t first, size_t n, float *inout,
                        void *scratch);

#endif
