/* CLIP's vision tower with its projection (Radford et al. 2021), as Hugging Face and OpenCLIP store it. Data only. */
#include "model/family.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const clade_weight_row hugging_face[] = {
    {CLADE_CLASS_TOKEN, "vision_model.embeddings.class_embedding", {CLADE_OF_D}},
    {CLADE_PATCH_WEIGHT,
     "vision_model.embeddings.patch_embedding.weight",
     {CLADE_OF_D, CLADE_OF_C, CLADE_OF_PATCH, CLADE_OF_PATCH}},
    {CLADE_POSITIONS, "vision_model.embeddings.position_embedding.weight", {CLADE_OF_T, CLADE_OF_D}},
    {CLADE_PRE_GAMMA, "vision_model.pre_layrnorm.weight", {CLADE_OF_D}}, /* spelt so */
    {CLADE_PRE_BETA, "vision_model.pre_layrnorm.bias", {CLADE_OF_D}},
    {CLADE_NORM1_GAMMA, "vision_model.encoder.layers.{}.layer_norm1.weight", {CLADE_OF_D}},
    {CLADE_NORM1_BETA, "vision_model.encoder.layers.{}.layer_norm1.bias", {CLADE_OF_D}},
    {CLADE_Q_WEIGHT, "vision_model.encoder.layers.{}.self_attn.q_proj.weight", {CLADE_OF_D, CLADE_OF_D}},
    {CLADE_Q_BIAS, "vision_model.encoder.layers.{}.self_attn.q_proj.bias", {CLADE_OF_D}},
    {CLADE_K_WEIGHT, "vision_model.encoder.layers.{}.self_attn.k_proj.weight", {CLADE_OF_D, CLADE_OF_D}},
    {CLADE_K_BIAS, "vision_model.encoder.layers.{}.self_attn.k_proj.bias", {CLADE_OF_D}},
    {CLADE_V_WEIGHT, "vision_model.encoder.layers.{}.self_attn.v_proj.weight", {CLADE_OF_D, CLADE_OF_D}},
    {CLADE_V_BIAS, "vision_model.encoder.layers.{}.self_attn.v_proj.bias", {CLADE_OF_D}},
    {CLADE_OUT_WEIGHT, "vision_model.encoder.layers.{}.self_attn.out_proj.weight", {CLADE_OF_D, CLADE_OF_D}},
    {CLADE_OUT_BIAS, "vision_model.encoder.layers.{}.self_attn.out_proj.bias", {CLADE_OF_D}},
    {CLADE_NORM2_GAMMA, "vision_model.encoder.layers.{}.layer_norm2.weight", {CLADE_OF_D}},
    {CLADE_NORM2_BETA, "vision_model.encoder.layers.{}.layer_norm2.bias", {CLADE_OF_D}},
    {CLADE_FC1_WEIGHT, "vision_model.encoder.layers.{}.mlp.fc1.weight", {CLADE_OF_F, CLADE_OF_D}},
    {CLADE_FC1_BIAS, "vision_model.encoder.layers.{}.mlp.fc1.bias", {CLADE_OF_F}},
    {CLADE_FC2_WEIGHT, "vision_model.encoder.layers.{}.mlp.fc2.weight", {CLADE_OF_D, CLADE_OF_F}},
    {CLADE_FC2_BIAS, "vision_model.encoder.layers.{}.mlp.fc2.bias", {CLADE_OF_D}},
    {CLADE_POST_GAMMA, "vision_model.post_layernorm.weight", {CLADE_OF_D}},
    {CLADE_POST_BETA, "vision_model.post_layernorm.bias", {CLADE_OF_D}},
    {CLADE_PROJECTION, "visual_projection.weight", {CLADE_OF_P, CLADE_OF_D}},
};

static const clade_weight_row openclip[] = {
    {CLADE_CLASS_TOKEN, "visual.class_embedding", {CLADE_OF_D}},
    {CLADE_PATCH_WEIGHT, "visual.conv1.weight", {CLADE_OF_D, CLADE_OF_C, CLADE_OF_PATCH, CLADE_OF_PATCH}},
    {CLADE_POSITIONS, "visual.positional_embedding", {CLADE_OF_T, CLADE_OF_D}},
    {CLADE_PRE_GAMMA, "visual.ln_pre.weight", {CLADE_OF_D}},
    {CLADE_PRE_BETA, "visual.ln_pre.bias", {CLADE_OF_D}},
    {CLADE_NORM1_GAMMA, "visual.transformer.resblocks.{}.ln_1.weight", {CLADE_OF_D}},
    {CLADE_NORM1_BETA, "visual.transformer.resblocks.{}.ln_1.bias", {CLADE_OF_D}},
    {CLADE_QKV_WEIGHT, "visual.transformer.resblocks.{}.attn.in_proj_weight", {CLADE_OF_3D, CLADE_OF_D}},
    {CLADE_QKV_BIAS, "visual.transformer.resblocks.{}.attn.in_proj_bias", {CLADE_OF_3D}},
    {CLADE_OUT_WEIGHT, "visual.transformer.resblocks.{}.attn.out_proj.weight", {CLADE_OF_D, CLADE_OF_D}},
    {CLADE_OUT_BIAS, "visual.transformer.resblocks.{}.attn.out_proj.bias", {CLADE_OF_D}},
    {CLADE_NORM2_GAMMA, "visual.transformer.resblocks.{}.ln_2.weight", {CLADE_OF_D}},
    {CLADE_NORM2_BETA, "visual.transformer.resblocks.{}.ln_2.bias", {CLADE_OF_D}},
    {CLADE_FC1_WEIGHT, "visual.transformer.resblocks.{}.mlp.c_fc.weight", {CLADE_OF_F, CLADE_OF_D}},
    {CLADE_FC1_BIAS, "visual.transformer.resblocks.{}.mlp.c_fc.bias", {CLADE_OF_F}},
    {CLADE_FC2_WEIGHT, "visual.transformer.resblocks.{}.mlp.c_proj.weight", {CLADE_OF_D, CLADE_OF_F}},
    {CLADE_FC2_BIAS, "visual.transformer.resblocks.{}.mlp.c_proj.bias", {CLADE_OF_D}},
    {CLADE_POST_GAMMA, "visual.ln_post.weight", {CLADE_OF_D}},
    {CLADE_POST_BETA, "visual.ln_post.bias", {CLADE_OF_D}},
    {CLADE_PROJECTION_TRANSPOSED, "visual.proj", {CLADE_OF_D, CLADE_OF_P}},
};

static const clade_layout layouts[] = {
    {"Hugging Face", hugging_face, COUNT(hugging_face), "vision_model.embeddings.class_embedding"},
    {"OpenCLIP", openclip, COUNT(openclip), "visual.class_embedding"},
};

static const clade_architecture architectures[] = {
    {"CLIPVisionModelWithProjection", "clip_vision_model", NULL, false},
    {"CLIPModel", "clip", "vision_config", true},
};

/* transformers, configuration_clip.py. projection_dim inside vision_config is ignored there too. */
static const clade_size_key sizes[] = {
    {"num_channels", offsetof(clade_model_shape, channels), 3, false},
    {"image_size", offsetof(clade_model_shape, image_size), 224, false},
    {"patch_size", offsetof(clade_model_shape, patch), 32, false},
    {"hidden_size", offsetof(clade_model_shape, width), 768, false},
    {"intermediate_size", offsetof(clade_model_shape, mlp), 3072, false},
    {"num_attention_heads", offsetof(clade_model_shape, heads), 12, false},
    {"num_hidden_layers", offsetof(clade_model_shape, blocks), 12, false},
    {"projection_dim", offsetof(clade_model_shape, projection), 512, true},
};

static const clade_activation_name activations[] = {
    {"quick_gelu", CLADE_QUICK_GELU},
    {"gelu", CLADE_GELU},
};

const clade_vision_family clade_clip_vision = {
    .traits = {.name = "clip_vision",
               .title = "CLIP vision transformer with projection (Hugging Face and OpenCLIP names)",
               .architectures = "CLIPVisionModelWithProjection, CLIPModel",
               .source =
                   "Radford et al. 2021, arXiv:2103.00020; transformers modeling_clip.py; open_clip transformer.py"},
    .architectures = architectures,
    .n_architectures = COUNT(architectures),
    .sizes = sizes,
    .n_sizes = COUNT(sizes),
    .activations = activations,
    .n_activations = COUNT(activations),
    .default_eps = 1e-5,
    .layouts = layouts,
    .n_layouts = COUNT(layouts),
};
