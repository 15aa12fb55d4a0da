/* clade forward: run a model on stored inputs, under the Hugging Face names. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/model.h"
#include "search/command/command.h"

typedef struct forward_pass {
    clade_checkpoint *checkpoint;
    clade_safetensors *inputs;
    clade_model *model;
    clade_provider provider;
    bool has_provider;
    clade_forward *forward;
    float *pixels, *embeds, *hidden; /* owned */
    size_t images;
} forward_pass;

static clade_status find_pixels(forward_pass *pass, const char *path, const clade_tensor **out)
{
    const clade_model_shape shape = clade_model_shape_of(pass->model);
    const clade_tensor *pixels = clade_safetensors_find(pass->inputs, "pixel_values");
    if (pixels == NULL)
        return clade_fail(CLADE_EINPUT, "%s: found no tensor \"pixel_values\", expected (N, %zu, %zu, %zu)", path,
                          shape.channels, shape.image_size, shape.image_size);
    char found[96];
    clade_tensor_shape_text(pixels, found, sizeof found);
    if (pixels->rank != 4 || pixels->shape[1] != shape.channels || pixels->shape[2] != shape.image_size ||
        pixels->shape[3] != shape.image_size || pixels->shape[0] == 0)
        return clade_fail(CLADE_EINPUT, "%s: pixel_values: found shape %s, expected [N, %zu, %zu, %zu]", path, found,
                          shape.channels, shape.image_size, shape.image_size);
    if (!clade_dtype_of(pixels->dtype)->mergeable)
        return clade_fail(CLADE_EINPUT, "%s: pixel_values: found dtype %s, expected F32, F16, BF16 or F64", path,
                          clade_dtype_of(pixels->dtype)->name);
    *out = pixels;
    return CLADE_OK;
}

static clade_status take_buffers(forward_pass *pass, const clade_tensor *pixels)
{
    const clade_model_shape shape = clade_model_shape_of(pass->model);
    pass->images = (size_t)pixels->shape[0];
    pass->pixels = clade_calloc(pixels->count, sizeof *pass->pixels);
    pass->embeds = clade_calloc(pass->images, shape.projection * sizeof *pass->embeds);
    pass->hidden = clade_calloc(pass->images, shape.tokens * shape.width * sizeof *pass->hidden);
    if (pass->pixels == NULL || pass->embeds == NULL || pass->hidden == NULL)
        return clade_fail_memory((unsigned long long)pixels->count * sizeof(float), "inputs and outputs");
    clade_widen(pixels->dtype, pixels->data, pixels->count, pass->pixels);
    return CLADE_OK;
}

/* CLIPModel normalises its image_embeds, CLIPVisionModelWithProjection does not (golden/forward README). */
static void normalise_rows(float *rows, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        double square = 0.0;
        for (size_t j = 0; j < width; j++)
            square += (double)rows[i * width + j] * (double)rows[i * width + j];
        for (size_t j = 0; j < width; j++)
            rows[i * width + j] = (float)(rows[i * width + j] / sqrt(square));
    }
}

static clade_status write_outputs(const forward_pass *pass, const char *path)
{
    const clade_model_shape shape = clade_model_shape_of(pass->model);
    const uint64_t embeds_shape[] = {pass->images, shape.projection};
    const uint64_t hidden_shape[] = {pass->images, shape.tokens, shape.width};
    const size_t embeds = pass->images * shape.projection, hidden = pass->images * shape.tokens * shape.width;
    const clade_tensor outputs[] = {
        {"image_embeds", CLADE_F32, 2, embeds_shape, embeds, embeds * sizeof(float), pass->embeds},
        {"last_hidden_state", CLADE_F32, 3, hidden_shape, hidden, hidden * sizeof(float), pass->hidden},
    };
    return clade_safetensors_write(path, outputs, 2, NULL, NULL);
}

static clade_status run_pass(forward_pass *pass, const char *folder, const char *in, const char *out)
{
    const clade_tensor *pixels = NULL;
    CLADE_TRY(clade_checkpoint_open(folder, &pass->checkpoint));
    CLADE_TRY(clade_model_open(pass->checkpoint, &pass->model));
    CLADE_TRY(clade_safetensors_open(in, &pass->inputs));
    CLADE_TRY(find_pixels(pass, in, &pixels));
    CLADE_TRY(take_buffers(pass, pixels));
    CLADE_TRY(clade_checkpoint_provider_open(pass->checkpoint, &pass->provider));
    pass->has_provider = true;
    CLADE_TRY(clade_forward_new(pass->model, 0, &pass->forward));
    CLADE_TRY(
        clade_forward_run(pass->forward, &pass->provider, pass->pixels, pass->images, pass->embeds, pass->hidden));
    if (clade_model_normalises(pass->model))
        normalise_rows(pass->embeds, pass->images, clade_model_shape_of(pass->model).projection);
    return write_outputs(pass, out);
}

static clade_status run(int argc, char **argv)
{
    clade_arguments arguments;
    forward_pass pass = {0};
    CLADE_TRY(clade_parse_arguments(&clade_command_forward, argc, argv, NULL, 0, 3, 3, &arguments));
    if (arguments.help)
        return CLADE_OK;
    clade_status status = run_pass(&pass, arguments.items[0], arguments.items[1], arguments.items[2]);
    clade_forward_free(pass.forward);
    if (pass.has_provider)
        clade_checkpoint_provider_close(&pass.provider);
    clade_model_close(pass.model);
    clade_safetensors_close(pass.inputs);
    clade_checkpoint_close(pass.checkpoint);
    clade_free(pass.pixels);
    clade_free(pass.embeds);
    clade_free(pass.hidden);
    return status;
}

const clade_command clade_command_forward = {
    .name = "forward",
    .synopsis = "MODEL_DIR INPUTS.safetensors OUTPUTS.safetensors",
    .summary = "run a model on stored inputs (pixel_values) and write image_embeds and last_hidden_state",
    .run = run,
};
