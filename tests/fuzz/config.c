/* Any bytes as config.json, open_clip_config.json or preprocessor_config.json beside the tensors of a tiny tower: refused
 * with a message, or a model whose tensors are in the file and that computes an embedding; and config.json with other
 * values is one in which they are found again. */
#include <math.h>

#include "fuzz/scratch.h"
#include "io/config_text.h"
#include "model/family.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The smallest tower in which no two extents are equal. */
enum { CHANNELS = 1, PATCH = 3, TOKENS = 5, WIDTH = 4, MLP = 6, PROJECTION = 2, LARGEST = 3 * WIDTH * WIDTH };

static uint64_t extent_of(clade_extent extent)
{
    static const uint64_t extents[] = {
        [CLADE_NONE] = 0,     [CLADE_OF_C] = CHANNELS,   [CLADE_OF_PATCH] = PATCH, [CLADE_OF_T] = TOKENS,
        [CLADE_OF_D] = WIDTH, [CLADE_OF_3D] = 3 * WIDTH, [CLADE_OF_F] = MLP,       [CLADE_OF_P] = PROJECTION};
    return extents[extent];
}

/* One block in LAYOUT as FILE in FOLDER. */
static void write_tower(const char *folder, const char *file, const clade_layout *layout)
{
    enum { MOST = 32, NAME = 96 };
    static float values[LARGEST];
    clade_tensor tensors[MOST];
    uint64_t shapes[MOST][4];
    char names[MOST][NAME], path[SCRATCH_PATH];
    check(layout->n_rows <= MOST);
    for (size_t i = 0; i < LARGEST; i++)
        values[i] = (float)((double)(i * 7 % 11) / 11.0 - 0.5);
    for (size_t i = 0; i < layout->n_rows; i++) {
        const clade_weight_row *row = &layout->rows[i];
        const char *hole = strstr(row->name, "{}");
        const size_t before = hole ? (size_t)(hole - row->name) : strlen(row->name);
        snprintf(names[i], NAME, "%.*s%s%s", (int)before, row->name, hole ? "0" : "", hole ? hole + 2 : "");
        tensors[i] =
            (clade_tensor){.name = names[i], .dtype = CLADE_F32, .shape = shapes[i], .count = 1, .data = values};
        for (size_t *r = &tensors[i].rank; *r < 4 && row->shape[*r] != CLADE_NONE; ++*r) {
            shapes[i][*r] = extent_of(row->shape[*r]);
            tensors[i].count *= (size_t)shapes[i][*r];
        }
        check(tensors[i].count <= LARGEST);
        tensors[i].bytes = tensors[i].count * sizeof *values;
    }
    scratch_make_folder(folder);
    check(clade_safetensors_write(scratch_path(file, path), tensors, layout->n_rows, NULL, NULL) == CLADE_OK);
}

static void compute(const clade_model *model, clade_checkpoint *checkpoint)
{
    const clade_model_shape shape = clade_model_shape_of(model);
    const size_t pixels = shape.channels * shape.image_size * shape.image_size;
    float *image = clade_calloc(pixels, sizeof *image), *embedding = clade_calloc(shape.projection, sizeof *embedding);
    clade_provider provider;
    clade_forward *forward = NULL;
    check(image && embedding && clade_forward_new(model, 1, &forward) == CLADE_OK);
    check(clade_checkpoint_provider_open(checkpoint, &provider) == CLADE_OK);
    const clade_status status = clade_forward_run(forward, &provider, image, 1, embedding, NULL);
    check(status == CLADE_OK || status == CLADE_EEVAL);
    for (size_t i = 0; status == CLADE_OK && i < shape.projection; i++)
        check(isfinite(embedding[i]));
    clade_checkpoint_provider_close(&provider);
    clade_forward_free(forward);
    clade_free(image);
    clade_free(embedding);
}

static void look_at(const clade_model *model, clade_checkpoint *checkpoint)
{
    const clade_model_shape shape = clade_model_shape_of(model);
    const char *name;
    size_t rank;
    const uint64_t *extents;
    for (size_t i = 0; clade_model_weight(model, i, &name, &rank, &extents); i++) {
        const clade_tensor *found = clade_checkpoint_find(checkpoint, name), wanted = {.rank = rank, .shape = extents};
        check(found && clade_tensor_same_shape(found, &wanted));
    }
    check(shape.width == WIDTH && shape.tokens == TOKENS && shape.blocks == 1 && WIDTH % shape.heads == 0);
    check(shape.image_size / shape.patch == 2 && isfinite(clade_model_flops(model)));
    compute(model, checkpoint);
}

/* FOLDER with the bytes as its file NAME. */
static void open_model(const char *folder, const char *name, const uint8_t *data, size_t size)
{
    char path[SCRATCH_PATH];
    clade_checkpoint *checkpoint;
    clade_model *model = NULL;
    scratch_write(name, data, size);
    clade_status status = clade_checkpoint_open(scratch_path(folder, path), &checkpoint);
    if (status == CLADE_OK)
        status = clade_model_open(checkpoint, &model);
    if (status == CLADE_OK)
        look_at(model, checkpoint);
    else
        check(model == NULL && clade_error_message()[0] != '\0');
    clade_model_close(model);
    clade_checkpoint_close(checkpoint);
}

static void read_preprocess(const uint8_t *data, size_t size)
{
    char path[SCRATCH_PATH];
    clade_preprocess preprocess;
    scratch_write("preprocess/preprocessor_config.json", data, size);
    scratch_path("preprocess", path);
    for (size_t channels = 1; channels <= 5; channels++)
        if (clade_preprocess_read(path, channels, &preprocess) == CLADE_OK)
            for (size_t c = 0; c < channels; c++)
                check(isfinite(preprocess.mean[c]) && isfinite(preprocess.std[c]) && preprocess.std[c] > 0.0F);
}

/* Twice the same change is once. */
static void edit(const uint8_t *data, size_t size)
{
    static const clade_config_member members[] = {{NULL, "vocab_size", "70000", true},
                                                  {"text_config", "num_hidden_layers", "3", false},
                                                  {"vision_config", "hidden_size", "\"x\"", true}};
    enum { MEMBERS = sizeof members / sizeof *members };
    bool found[MEMBERS], again[MEMBERS];
    clade_text once = {0}, twice = {0};
    if (clade_io_config_edit((const char *)data, size, "fuzz", members, MEMBERS, found, &once) == CLADE_OK) {
        const clade_status status =
            clade_io_config_edit(once.data, once.length, "again", members, MEMBERS, again, &twice);
        check(status == CLADE_OK && again[0] && found[1] == again[1]);
        check(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
    }
    clade_text_free(&once);
    clade_text_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    if (!made) {
        write_tower("hugging_face", "hugging_face/model.safetensors", &clade_clip_vision.layouts[0]);
        write_tower("openclip", "openclip/model.safetensors", &clade_clip_vision.layouts[1]);
        scratch_make_folder("preprocess");
        made = true;
    }
    open_model("hugging_face", "hugging_face/config.json", data, size);
    open_model("openclip", "openclip/open_clip_config.json", data, size);
    read_preprocess(data, size);
    edit(data, size);
    check(clade_alloc_live() == 0);
    return 0;
}
