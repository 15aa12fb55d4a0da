/* What a model family is: data. Which architectures of config.json belong to it, which keys of the config give which
 * dimension with which default, and which tensors it has under which names. Nothing here knows how an op is computed.
 */
#ifndef CLADE_MODEL_FAMILY_H
#define CLADE_MODEL_FAMILY_H

#include "clade/model.h"
#include "model/lanes.h"

/* What a tensor is for. */
typedef enum clade_role {
    CLADE_CLASS_TOKEN,
    CLADE_PATCH_WEIGHT,
    CLADE_POSITIONS,
    CLADE_PRE_GAMMA,
    CLADE_PRE_BETA,
    CLADE_NORM1_GAMMA,
    CLADE_NORM1_BETA,
    CLADE_Q_WEIGHT,
    CLADE_Q_BIAS,
    CLADE_K_WEIGHT,
    CLADE_K_BIAS,
    CLADE_V_WEIGHT,
    CLADE_V_BIAS,
    CLADE_QKV_WEIGHT,
    CLADE_QKV_BIAS, /* rows of q, then k, then v */
    CLADE_OUT_WEIGHT,
    CLADE_OUT_BIAS,
    CLADE_NORM2_GAMMA,
    CLADE_NORM2_BETA,
    CLADE_FC1_WEIGHT,
    CLADE_FC1_BIAS,
    CLADE_FC2_WEIGHT,
    CLADE_FC2_BIAS,
    CLADE_POST_GAMMA,
    CLADE_POST_BETA,
    CLADE_PROJECTION,
    CLADE_PROJECTION_TRANSPOSED /* (P, D) and (D, P) */
} clade_role;

/* An extent of a tensor, in the letters of clade/model.h. */
typedef enum clade_extent {
    CLADE_NONE,
    CLADE_OF_C,
    CLADE_OF_PATCH,
    CLADE_OF_T,
    CLADE_OF_D,
    CLADE_OF_3D,
    CLADE_OF_F,
    CLADE_OF_P
} clade_extent;

typedef struct clade_weight_row {
    clade_role role;
    const char *name;      /* "{}" stands for the block's number, and says that there is one per block */
    clade_extent shape[4]; /* ends at CLADE_NONE */
} clade_weight_row;

/* One way of naming the tensors. */
typedef struct clade_layout {
    const char *title;
    const clade_weight_row *rows;
    size_t n_rows;
    const char *sign; /* a checkpoint that has this tensor is named this way */
} clade_layout;

/* A class of Hugging Face's and where its vision tower is configured. */
typedef struct clade_architecture {
    const char *name;       /* in "architectures" */
    const char *model_type; /* for configs without "architectures" */
    const char *section;    /* the member with the dimensions; NULL: the root */
    bool normalises;        /* its own image_embeds are of unit length */
} clade_architecture;

typedef struct clade_size_key {
    const char *key;
    size_t offset;        /* of a size_t in clade_model_shape */
    size_t default_value; /* Hugging Face's, when the key is absent */
    bool at_root;         /* read from the root even where there is a section */
} clade_size_key;

typedef struct clade_activation_name {
    const char *name; /* "hidden_act" */
    clade_epilogue epilogue;
} clade_activation_name;

typedef struct clade_vision_family {
    clade_family_traits traits;
    const clade_architecture *architectures;
    size_t n_architectures;
    const clade_size_key *sizes;
    size_t n_sizes;
    const clade_activation_name *activations; /* the first is the default */
    size_t n_activations;
    double default_eps; /* "layer_norm_eps" */
    const clade_layout *layouts;
    size_t n_layouts;
} clade_vision_family;

extern const clade_vision_family clade_clip_vision;

#endif
