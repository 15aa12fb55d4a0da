/* Models: the list of tensors a family's layout asks for, checked against a checkpoint. */
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/text.h"
#include "io/bytes.h"
#include "model/architecture.h"

enum { MAX_LISTED = 20, NAME_BYTES = 256 };

const clade_vision_family *clade_vision_family_at(size_t index)
{
    return index == 0 ? &clade_clip_vision : NULL;
}

const clade_family_traits *clade_model_families(size_t *count)
{
    *count = 1;
    return &clade_clip_vision.traits;
}

/* ---- the list of tensors ---- */

static uint64_t extent_of(const clade_model_shape *shape, clade_extent extent)
{
    switch (extent) {
    case CLADE_OF_C:
        return shape->channels;
    case CLADE_OF_PATCH:
        return shape->patch;
    case CLADE_OF_T:
        return shape->tokens;
    case CLADE_OF_D:
        return shape->width;
    case CLADE_OF_3D:
        return 3 * shape->width;
    case CLADE_OF_F:
        return shape->mlp;
    case CLADE_OF_P:
        return shape->projection;
    case CLADE_NONE:
        break;
    }
    return 0;
}

static bool is_per_block(const clade_weight_row *row)
{
    return strstr(row->name, "{}") != NULL;
}

/* ROW's name for block BLOCK into NAME (NAME_BYTES, more than any row needs). */
static void name_of(const clade_weight_row *row, size_t block, char *name)
{
    const char *hole = strstr(row->name, "{}");
    if (hole == NULL)
        (void)snprintf(name, NAME_BYTES, "%s", row->name);
    else
        (void)snprintf(name, NAME_BYTES, "%.*s%zu%s", (int)(hole - row->name), row->name, block, hole + 2);
}

static clade_status add_tensor(clade_model *model, const clade_weight_row *row, size_t block)
{
    clade_model_tensor *tensor = &model->tensors[model->n_tensors];
    char name[NAME_BYTES];
    name_of(row, block, name);
    *tensor = (clade_model_tensor){.role = row->role, .block = block, .count = 1};
    for (; tensor->rank < 4 && row->shape[tensor->rank] != CLADE_NONE; tensor->rank++) {
        tensor->shape[tensor->rank] = extent_of(&model->shape, row->shape[tensor->rank]);
        if (!clade_io_multiply(tensor->count, tensor->shape[tensor->rank], &tensor->count))
            return clade_fail(CLADE_EINPUT,
                              "tensor \"%s\": the product of the extents that the config asks for "
                              "overflows 64 bits",
                              name);
    }
    tensor->name = clade_strdup(name);
    if (tensor->name == NULL)
        return clade_fail_memory(strlen(name) + 1, "the name of a tensor");
    model->n_tensors++;
    return CLADE_OK;
}

/* The tensors of LAYOUT: those outside the blocks, then block by block. */
static clade_status list_tensors(clade_model *model, const clade_layout *layout)
{
    size_t n_tensors = 0;
    for (size_t i = 0; i < layout->n_rows; i++)
        n_tensors += is_per_block(&layout->rows[i]) ? model->shape.blocks : 1;
    model->tensors = clade_calloc(n_tensors, sizeof *model->tensors);
    if (model->tensors == NULL)
        return clade_fail_memory(n_tensors * sizeof *model->tensors, "the tensors of a model");
    for (size_t i = 0; i < layout->n_rows; i++)
        if (!is_per_block(&layout->rows[i]))
            CLADE_TRY(add_tensor(model, &layout->rows[i], 0));
    for (size_t block = 0; block < model->shape.blocks; block++)
        for (size_t i = 0; i < layout->n_rows; i++)
            if (is_per_block(&layout->rows[i]))
                CLADE_TRY(add_tensor(model, &layout->rows[i], block));
    return CLADE_OK;
}

/* ---- open and check ---- */

static void check_tensor(const clade_checkpoint *checkpoint, const clade_model_tensor *want, clade_problems *problems)
{
    const char *path = clade_checkpoint_path(checkpoint);
    const clade_tensor *found = clade_checkpoint_find(checkpoint, want->name);
    const clade_tensor expected = {.rank = want->rank, .shape = want->shape};
    char found_text[64], expected_text[64];
    clade_tensor_shape_text(&expected, expected_text, sizeof expected_text);
    if (found == NULL)
        clade_problem(problems, "%s: tensor \"%s\" is missing, expected shape %s", path, want->name, expected_text);
    else if (!clade_tensor_same_shape(found, &expected))
        clade_problem(problems, "%s: tensor \"%s\": found shape %s, expected %s", path, want->name,
                      clade_tensor_shape_text(found, found_text, sizeof found_text), expected_text);
    else if (!clade_dtype_of(found->dtype)->mergeable)
        clade_problem(problems, "%s: tensor \"%s\": found dtype %s, expected F32, F16, BF16 or F64", path, want->name,
                      clade_dtype_of(found->dtype)->name);
}

/* A block more in the file than in the config means that one of them is not of this model. */
static void check_no_more_blocks(const clade_checkpoint *checkpoint, const clade_model *model,
                                 const clade_layout *layout, clade_problems *problems)
{
    char name[NAME_BYTES];
    for (size_t i = 0; i < layout->n_rows; i++) {
        if (!is_per_block(&layout->rows[i]))
            continue;
        name_of(&layout->rows[i], model->shape.blocks, name);
        if (clade_checkpoint_find(checkpoint, name) != NULL) {
            clade_problem(problems, "%s: found tensor \"%s\", expected no more than the %zu blocks of the config",
                          clade_checkpoint_path(checkpoint), name, model->shape.blocks);
            return;
        }
    }
}

/* Before there is an array of that size. */
static clade_status check_blocks(const clade_checkpoint *checkpoint, const clade_model *model)
{
    if (model->shape.blocks <= clade_checkpoint_count(checkpoint))
        return CLADE_OK;
    return clade_fail(CLADE_EINPUT, "%s: found %zu blocks in the config, but only %zu tensors in the weights",
                      clade_checkpoint_path(checkpoint), model->shape.blocks, clade_checkpoint_count(checkpoint));
}

static clade_status check_tensors(const clade_checkpoint *checkpoint, const clade_model *model,
                                  const clade_layout *layout)
{
    clade_problems problems = {0};
    size_t i = 0;
    for (; i < model->n_tensors && problems.count < MAX_LISTED; i++)
        check_tensor(checkpoint, &model->tensors[i], &problems);
    if (i < model->n_tensors)
        clade_problem(&problems, "... and the %zu tensors after it were not checked", model->n_tensors - i);
    else
        check_no_more_blocks(checkpoint, model, layout, &problems);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

clade_status clade_model_open(const clade_checkpoint *checkpoint, clade_model **model)
{
    *model = NULL;
    clade_model *opened = clade_calloc(1, sizeof *opened);
    if (opened == NULL)
        return clade_fail_memory(sizeof *opened, "a model");
    const clade_layout *layout = NULL;
    clade_status status = clade_architecture_read(checkpoint, opened, &layout);
    /* Nothing is allocated for blocks that the file cannot hold. */
    if (status == CLADE_OK && opened->shape.blocks > clade_checkpoint_count(checkpoint))
        status =
            clade_fail(CLADE_EINPUT, "%s: found %zu tensors, expected those of %zu blocks",
                       clade_checkpoint_path(checkpoint), clade_checkpoint_count(checkpoint), opened->shape.blocks);
    if (status == CLADE_OK)
        status = check_blocks(checkpoint, opened);
    if (status == CLADE_OK)
        status = list_tensors(opened, layout);
    if (status == CLADE_OK)
        status = check_tensors(checkpoint, opened, layout);
    if (status != CLADE_OK) {
        clade_model_close(opened);
        return status;
    }
    *model = opened;
    return CLADE_OK;
}

clade_status clade_model_from_shape(const clade_model_shape *shape, clade_model **model)
{
    *model = NULL;
    const size_t side = shape->patch == 0 ? 0 : shape->image_size / shape->patch;
    if (side == 0 || shape->tokens != 1 + side * side || shape->heads == 0 || shape->width % shape->heads != 0 ||
        shape->width == 0 || shape->channels == 0 || shape->mlp == 0 || shape->blocks == 0 || shape->projection == 0)
        return clade_fail(CLADE_EINTERNAL,
                          "a model of width %zu, %zu heads, %zu tokens for images of %zu and patches of "
                          "%zu pixels: the dimensions contradict each other",
                          shape->width, shape->heads, shape->tokens, shape->image_size, shape->patch);
    clade_model *made = clade_calloc(1, sizeof *made);
    if (made == NULL)
        return clade_fail_memory(sizeof *made, "a model");
    *made = (clade_model){.family = &clade_clip_vision,
                          .shape = *shape,
                          .activation = clade_clip_vision.activations[0].epilogue,
                          .eps = (float)clade_clip_vision.default_eps};
    const clade_status status = list_tensors(made, &clade_clip_vision.layouts[0]);
    if (status != CLADE_OK) {
        clade_model_close(made);
        return status;
    }
    *model = made;
    return CLADE_OK;
}

void clade_model_close(clade_model *model)
{
    if (model == NULL)
        return;
    for (size_t i = 0; i < model->n_tensors; i++)
        clade_free(model->tensors[i].name);
    clade_free(model->tensors);
    clade_free(model);
}

/* ---- what it is ---- */

clade_model_shape clade_model_shape_of(const clade_model *model)
{
    return model->shape;
}

const char *clade_model_family(const clade_model *model)
{
    return model->family->traits.name;
}

bool clade_model_normalises(const clade_model *model)
{
    return model->normalises;
}

double clade_model_flops(const clade_model *model)
{
    const clade_model_shape *s = &model->shape;
    const double T = (double)s->tokens, D = (double)s->width, F = (double)s->mlp;
    const double patch = (double)(s->channels * s->patch * s->patch);
    const double block = T * (4.0 * D * D + 2.0 * D * F) + 2.0 * T * T * D;
    return 2.0 * ((T - 1.0) * patch * D + (double)s->blocks * block + D * (double)s->projection);
}

bool clade_model_weight(const clade_model *model, size_t index, const char **name, size_t *rank, const uint64_t **shape)
{
    if (index >= model->n_tensors)
        return false;
    *name = model->tensors[index].name;
    *rank = model->tensors[index].rank;
    *shape = model->tensors[index].shape;
    return true;
}
