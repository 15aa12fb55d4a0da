/* A model from the inside: what config.c reads, model.c lists and packed.c packs. Not public. */
#ifndef CLADE_MODEL_ARCHITECTURE_H
#define CLADE_MODEL_ARCHITECTURE_H

#include "model/family.h"

/* One tensor the pass reads. */
typedef struct clade_model_tensor {
    clade_role role;
    size_t block; /* 0 for tensors outside the blocks */
    char *name;   /* owned */
    size_t rank;
    uint64_t shape[4];
    size_t count; /* product of shape */
} clade_model_tensor;

struct clade_model {
    const clade_vision_family *family;
    clade_model_shape shape;
    clade_epilogue activation;
    float eps;
    bool normalises;             /* the architecture's own image_embeds are of unit length */
    clade_model_tensor *tensors; /* (n_tensors), owned */
    size_t n_tensors;
};

/* The registry: every family, NULL beyond the last. */
const clade_vision_family *clade_vision_family_at(size_t index);

/* Read family, shape, activation and eps of CHECKPOINT, whose tensors are named by *LAYOUT (set here), into MODEL.
 * CLADE_EINPUT for values of the wrong type or that contradict each other, CLADE_EINCOMPATIBLE for what Clade cannot
 * run. */
clade_status clade_architecture_read(const clade_checkpoint *checkpoint, struct clade_model *model,
                                     const clade_layout **layout) CLADE_CHECK_RESULT;

#endif
