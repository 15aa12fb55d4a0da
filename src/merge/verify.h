/* Reading a child again when it is written. */
#ifndef CLADE_MERGE_VERIFY_H
#define CLADE_MERGE_VERIFY_H

#include "io/file_sum.h"
#include "merge/plan.h"

/* The checksum of a tensor as it was handed to the writer. Shards of an earlier, interrupted merge have none: the writer
 * has read them again and compared them before it kept them. */
typedef struct clade_written_sum {
    clade_io_sum sum;
    bool known;
} clade_written_sum;

/* OUT holds the tensors of PLAN with these SUMS (count of the plan); CLADE_EIO names the first that is different, and OUT
 * is gone then: a child that is not what was made does not keep its name. */
clade_status clade_verify_merge(const clade_plan *plan, const char *out,
                                const clade_written_sum *sums) CLADE_CHECK_RESULT;

#endif
