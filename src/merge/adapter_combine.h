/* One module from those of several adapters. */
#ifndef CLADE_MERGE_ADAPTER_COMBINE_H
#define CLADE_MERGE_ADAPTER_COMBINE_H

#include "clade/adapter.h"
#include "clade/alloc.h"

/* One adapter's part in a module. */
typedef struct clade_adapter_part {
    const clade_adapter_module *module;
    double weight;
} clade_adapter_part;

/* Add to MERGED the combination of PARTS (count, at least 1), which are of one tensor, kind and shape, and of one rank
 * where the combination needs that. RANK: of SVD's result, 0: the largest of the parts'. ARENA: scratch, kept from call
 * to call. */
clade_status clade_adapter_combine(clade_adapter_combination combination, const clade_adapter_part *parts, size_t count,
                                   size_t rank, clade_arena *arena, clade_adapter *merged) CLADE_CHECK_RESULT;

#endif
