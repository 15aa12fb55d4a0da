/* From a checkpoint's configuration to a shape. Three forms are read: config.json with the dimensions at the root, with
 * them in a section, and OpenCLIP's own open_clip_config.json when there is no config.json. */
#include "model/architecture.h"

#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/text.h"
#include "io/bytes.h"

enum { MAX_SIZE = 1 << 20 }; /* of any dimension; the tensors in the file bound them all further */

static void set_size(clade_model_shape *shape, const clade_size_key *key, size_t value)
{
    memcpy((char *)shape + key->offset, &value, sizeof value);
}

/* The architecture of FAMILY that the config names, or NULL. */
static const clade_architecture *architecture_in(const clade_vision_family *family, const char *name,
                                                 bool is_model_type)
{
    for (size_t i = 0; i < family->n_architectures; i++) {
        const clade_architecture *architecture = &family->architectures[i];
        if (strcmp(is_model_type ? architecture->model_type : architecture->name, name) == 0)
            return architecture;
    }
    return NULL;
}

static clade_status unknown_architecture(const clade_json *config, const char *key, const char *name)
{
    clade_text known = {0};
    for (size_t i = 0; clade_vision_family_at(i) != NULL; i++)
        clade_text_append(&known, "%s%s", i == 0 ? "" : ", ", clade_vision_family_at(i)->traits.architectures);
    const clade_status status =
        clade_fail(CLADE_EINCOMPATIBLE, "%s: %s: found \"%s\", which Clade cannot run; it can run %s",
                   clade_json_file(config), key, name, clade_text_get(&known));
    clade_text_free(&known);
    return status;
}

/* "architectures"[0] decides; "model_type" does where a config leaves it out. */
static clade_status find_architecture(const clade_json *config, const clade_vision_family **family,
                                      const clade_architecture **architecture)
{
    clade_problems problems = {0};
    const clade_json_at root = clade_json_root(config), list = clade_json_member(&root, "architectures");
    const clade_json_kind kind = clade_json_kind_of(&list);
    const bool by_type = kind == CLADE_JSON_ABSENT || kind == CLADE_JSON_NULL;
    const clade_json_at named = by_type ? clade_json_member(&root, "model_type") : clade_json_item(&list, 0);
    const char *name = NULL;
    if ((by_type || clade_json_is(&list, &problems, CLADE_JSON_ARRAY)) && clade_json_string(&named, &problems, &name))
        for (size_t i = 0; (*family = clade_vision_family_at(i)) != NULL; i++)
            if ((*architecture = architecture_in(*family, name, by_type)) != NULL)
                return clade_problems_end(&problems, CLADE_EINPUT);
    CLADE_TRY(clade_problems_end(&problems, CLADE_EINPUT));
    return unknown_architecture(config, by_type ? "model_type" : "architectures[0]", name);
}

/* Where dimensions are looked up, in turn: Hugging Face lets "vision_config_dict" overrule "vision_config". */
typedef struct sections {
    clade_json_at root, places[2];
} sections;

static clade_json_at look_up(const sections *where, const char *key)
{
    const clade_json_at found = clade_json_member(&where->places[0], key);
    return clade_json_kind_of(&found) == CLADE_JSON_ABSENT ? clade_json_member(&where->places[1], key) : found;
}

static sections sections_of(const clade_json *config, const clade_architecture *architecture, clade_problems *problems)
{
    const clade_json_at root = clade_json_root(config);
    sections where = {.root = root, .places = {root, root}};
    if (architecture->section != NULL) {
        char legacy[64];
        (void)snprintf(legacy, sizeof legacy, "%s_dict", architecture->section);
        where.places[0] = clade_json_member(&root, legacy);
        where.places[1] = clade_json_member(&root, architecture->section);
    }
    for (size_t i = 0; i < 2; i++) {
        const clade_json_kind kind = clade_json_kind_of(&where.places[i]);
        if (kind != CLADE_JSON_ABSENT && kind != CLADE_JSON_NULL)
            (void)clade_json_is(&where.places[i], problems, CLADE_JSON_OBJECT);
    }
    return where;
}

static void read_activation(const clade_json_at *at, struct clade_model *model, clade_problems *problems)
{
    const clade_vision_family *family = model->family;
    const char *name = family->activations[0].name;
    if (clade_json_kind_of(at) != CLADE_JSON_ABSENT && !clade_json_string(at, problems, &name))
        return;
    for (size_t i = 0; i < family->n_activations; i++)
        if (strcmp(family->activations[i].name, name) == 0) {
            model->activation = family->activations[i].epilogue;
            return;
        }
    clade_text known = {0};
    for (size_t i = 0; i < family->n_activations; i++)
        clade_text_append(&known, "%s%s", i == 0 ? "" : " or ", family->activations[i].name);
    clade_json_problem(at, problems, "found \"%s\", expected %s", name, clade_text_get(&known));
    clade_text_free(&known);
}

static void read_hugging_face(const sections *where, struct clade_model *model, clade_problems *problems)
{
    for (size_t i = 0; i < model->family->n_sizes; i++) {
        const clade_size_key *key = &model->family->sizes[i];
        const clade_json_at at = key->at_root ? clade_json_member(&where->root, key->key) : look_up(where, key->key);
        int64_t value = (int64_t)key->default_value;
        if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT)
            (void)clade_json_integer(&at, problems, 1, MAX_SIZE, &value);
        set_size(&model->shape, key, (size_t)value);
    }
    const clade_json_at activation = look_up(where, "hidden_act"), eps_at = look_up(where, "layer_norm_eps");
    read_activation(&activation, model, problems);
    double eps = model->family->default_eps;
    if (clade_json_kind_of(&eps_at) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&eps_at, problems, 0.0, 1.0, &eps);
    model->eps = (float)eps;
}

/* One size of OpenCLIP's model_cfg, with its default (0: it must be there). */
static size_t open_clip_size(const clade_json_at *in, const char *key, size_t default_value, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(in, key);
    int64_t value = (int64_t)default_value;
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT || default_value == 0)
        (void)clade_json_integer(&at, problems, 1, MAX_SIZE, &value);
    return (size_t)value;
}

/* CLIPVisionCfg has variants of the tower with other tensors or ops; none of them may be switched on. */
static clade_status check_open_clip_variant(const clade_json *config, const clade_json_at *vision)
{
    static const char *const variants[] = {"timm_model_name",     "attentional_pool", "no_ln_pre",
                                           "final_ln_after_pool", "pool_type",        "ls_init_value",
                                           "act_kwargs",          "norm_kwargs",      "block_type"};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        const clade_json_at at = clade_json_member(vision, variants[i]);
        const clade_json_kind kind = clade_json_kind_of(&at);
        bool on = kind != CLADE_JSON_ABSENT && kind != CLADE_JSON_NULL;
        clade_problems none = {0};
        if (kind == CLADE_JSON_BOOL)
            (void)clade_json_bool(&at, &none, &on);
        if (on)
            return clade_fail(CLADE_EINCOMPATIBLE, "%s: %s: found a variant of the vision tower that Clade cannot run",
                              clade_json_file(config), at.place);
    }
    return CLADE_OK;
}

/* open_clip model.py: the tower whose tensors are those of the OpenCLIP layout. */
static clade_status read_open_clip(const clade_json *config, const clade_checkpoint *checkpoint,
                                   struct clade_model *model, clade_problems *problems)
{
    const clade_json_at root = clade_json_root(config), cfg = clade_json_member(&root, "model_cfg");
    const clade_json_at vision = clade_json_member(&cfg, "vision_cfg"), quick = clade_json_member(&cfg, "quick_gelu");
    if (!clade_json_is(&cfg, problems, CLADE_JSON_OBJECT) || !clade_json_is(&vision, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    CLADE_TRY(check_open_clip_variant(config, &vision));
    clade_model_shape *shape = &model->shape;
    shape->projection = open_clip_size(&cfg, "embed_dim", 0, problems);
    shape->image_size = open_clip_size(&vision, "image_size", 224, problems);
    shape->patch = open_clip_size(&vision, "patch_size", 16, problems);
    shape->width = open_clip_size(&vision, "width", 768, problems);
    shape->blocks = open_clip_size(&vision, "layers", 12, problems);
    shape->heads = shape->width / open_clip_size(&vision, "head_width", 64, problems);
    const clade_json_at ratio_at = clade_json_member(&vision, "mlp_ratio");
    double ratio = 4.0;
    if (clade_json_kind_of(&ratio_at) != CLADE_JSON_ABSENT)
        (void)clade_json_number(&ratio_at, problems, 1e-3, 1e3, &ratio);
    shape->mlp = (size_t)((double)shape->width * ratio); /* int(width * ratio) there */
    const clade_tensor *patches = clade_checkpoint_find(checkpoint, "visual.conv1.weight");
    shape->channels = patches != NULL && patches->rank == 4 ? (size_t)patches->shape[1] : 3;
    bool is_quick = false;
    if (clade_json_kind_of(&quick) != CLADE_JSON_ABSENT)
        (void)clade_json_bool(&quick, problems, &is_quick);
    model->activation = is_quick ? CLADE_QUICK_GELU : CLADE_GELU;
    model->eps = (float)model->family->default_eps; /* torch.nn.LayerNorm's own, which is the same */
    return CLADE_OK;
}

/* open_clip_config.json beside the tensors of a folder without config.json. */
static clade_status read_open_clip_file(const clade_checkpoint *checkpoint, struct clade_model *model,
                                        clade_problems *problems)
{
    const char *folder = clade_checkpoint_path(checkpoint);
    char *path = clade_path_join(folder, "open_clip_config.json");
    if (path == NULL)
        return clade_fail_memory(strlen(folder), "a path");
    clade_json *config = NULL;
    clade_status status = CLADE_OK;
    if (!clade_path_exists(path))
        status = clade_fail(CLADE_EINPUT,
                            "%s: found neither config.json nor open_clip_config.json, which say what the "
                            "model is",
                            folder);
    else
        status = clade_json_read(path, CLADE_EINPUT, &config);
    if (status == CLADE_OK)
        status = read_open_clip(config, checkpoint, model, problems);
    clade_json_free(config);
    clade_free(path);
    return status;
}

/* A times B times C is at most what buffers are made for, which are a few times that. */
static bool fits(uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t most = UINT64_C(1) << 40;
    return clade_io_multiply(a, b, &a) && clade_io_multiply(a, c, &a) && a <= most;
}

/* What the ops take for granted. */
static void check_shape(const char *file, clade_model_shape *shape, clade_problems *problems)
{
    if (shape->heads == 0 || shape->width % shape->heads != 0)
        clade_problem(problems, "%s: found width %zu and %zu heads, expected a multiple", file, shape->width,
                      shape->heads);
    if (shape->image_size < shape->patch)
        clade_problem(problems, "%s: found patches of %zu pixels in images of %zu", file, shape->patch,
                      shape->image_size);
    const size_t side = shape->image_size / shape->patch; /* a rest of pixels is not seen, as in the convolution */
    shape->tokens = 1 + side * side;
    if (!fits(shape->channels, shape->image_size, shape->image_size) || !fits(shape->tokens, shape->width, 1) ||
        !fits(shape->mlp, shape->width, 1))
        clade_problem(problems,
                      "%s: found images of %zu pixels, patches of %zu, width %zu and an MLP of %zu, more than "
                      "any model has",
                      file, shape->image_size, shape->patch, shape->width, shape->mlp);
}

/* Which layout CHECKPOINT's names follow. */
static clade_status find_layout(const clade_checkpoint *checkpoint, const clade_vision_family *family,
                                const clade_layout **layout)
{
    clade_text signs = {0};
    for (size_t i = 0; i < family->n_layouts; i++) {
        *layout = &family->layouts[i];
        if (clade_checkpoint_find(checkpoint, (*layout)->sign) != NULL) {
            clade_text_free(&signs);
            return CLADE_OK;
        }
        clade_text_append(&signs, "%s\"%s\" (%s)", i == 0 ? "" : " or ", (*layout)->sign, (*layout)->title);
    }
    const clade_status status = clade_fail(CLADE_EINPUT, "%s: found no vision tower, expected a tensor %s",
                                           clade_checkpoint_path(checkpoint), clade_text_get(&signs));
    clade_text_free(&signs);
    return status;
}

clade_status clade_architecture_read(const clade_checkpoint *checkpoint, struct clade_model *model,
                                     const clade_layout **layout)
{
    const clade_json *config = clade_checkpoint_config(checkpoint);
    const clade_architecture *architecture = NULL;
    clade_problems problems = {0};
    model->family = &clade_clip_vision; /* the only one with a config of OpenCLIP's */
    if (config != NULL)
        CLADE_TRY(find_architecture(config, &model->family, &architecture));
    CLADE_TRY(find_layout(checkpoint, model->family, layout));
    clade_status status = CLADE_OK;
    if (config != NULL) {
        const sections where = sections_of(config, architecture, &problems);
        read_hugging_face(&where, model, &problems);
        model->normalises = architecture->normalises;
    } else {
        status = read_open_clip_file(checkpoint, model, &problems);
    }
    if (status == CLADE_OK && problems.count == 0)
        check_shape(config != NULL ? clade_json_file(config) : clade_checkpoint_path(checkpoint), &model->shape,
                    &problems);
    const clade_status found = clade_problems_end(&problems, CLADE_EINPUT);
    return status != CLADE_OK ? status : found;
}
