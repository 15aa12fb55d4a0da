/* A model's weights in the order the lane kernels read them. */
#ifndef CLADE_MODEL_PACKED_H
#define CLADE_MODEL_PACKED_H

#include "clade/model.h"
#include "model/lanes.h"

typedef struct clade_packed_block {
    clade_norm norm1, norm2;
    clade_linear q, k, v, out, fc1, fc2;
} clade_packed_block;

typedef struct clade_packed {
    const clade_model *model; /* borrowed */
    size_t panel;             /* of the lane table */
    const float *positions;   /* (T, D), the class token added to the first row */
    clade_linear patch, projection;
    clade_norm pre, post;
    clade_packed_block *blocks; /* (L), owned */
    float *storage;             /* owned; everything above points into it */
    const void *source;         /* provider and version of what is packed; version 0: nothing is */
    uint64_t version;
} clade_packed;

/* Room for MODEL's weights in panels of PANEL rows; PACKED is filled by _update. */
clade_status clade_packed_init(const clade_model *model, size_t panel, clade_packed *packed) CLADE_CHECK_RESULT;
void clade_packed_fini(clade_packed *packed);
/* Pack PROVIDER's weights unless they are packed already. CLADE_EEVAL when one is missing or has another size. */
clade_status clade_packed_update(clade_packed *packed, const clade_provider *provider) CLADE_CHECK_RESULT;

#endif
