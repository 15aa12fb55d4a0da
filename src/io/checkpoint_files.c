#include "io/checkpoint_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "io/config_text.h"
#include "io/inside.h"
#include "io/staged.h"

/* What config.json calls the dtype of the whole: the one with most elements among those models compute with, or NULL.
 */
static const char *main_dtype(const clade_tensor *tensors, size_t count)
{
    uint64_t elements[CLADE_DTYPE_COUNT] = {0};
    const clade_dtype_traits *best = NULL;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++)
        elements[tensors[i].dtype] += tensors[i].count;
    for (int d = 0; d < CLADE_DTYPE_COUNT; d++) {
        const clade_dtype_traits *traits = clade_dtype_of((clade_dtype)d);
        if (traits->mergeable && elements[d] > most) {
            best = traits;
            most = elements[d];
        }
    }
    return best ? best->torch_name : NULL;
}

/* ---- config.json ---- */

/* Where models with several parts (vision and text) describe the one that is a language model; NULL: the top level. */
static const char *const sections[] = {NULL, "text_config", "language_config", "llm_config"};
static const char *const layer_keys[] = {"num_hidden_layers", "n_layer", "n_layers", "num_layers"};
static const char *const vocabulary_keys[] = {"vocab_size"};
enum {
    SECTIONS = sizeof sections / sizeof *sections,
    LAYER_KEYS = sizeof layer_keys / sizeof *layer_keys,
    MAX_OWN_MEMBERS = 2 + SECTIONS * (LAYER_KEYS + 1),
    VALUE_BYTES = 32
};

typedef struct config_edit {
    const char *path;             /* of the file that is copied */
    clade_config_member *members; /* (count): those of the layout, then our own */
    bool *found;                  /* (count) */
    size_t count;
} config_edit;

/* A number that may be in several places; *FIRST gets where its members begin. */
static void add_number(config_edit *edit, const char *const *keys, size_t n_keys, const char *value, size_t *first)
{
    *first = edit->count;
    for (size_t s = 0; s < SECTIONS; s++)
        for (size_t k = 0; k < n_keys; k++)
            edit->members[edit->count++] = (clade_config_member){sections[s], keys[k], value, false};
}

/* One of the members FIRST .. FIRST + N - 1 must have been there. */
static clade_status check_number(const config_edit *edit, size_t first, size_t n, const char *what, uint64_t number)
{
    bool any = number == 0;
    for (size_t i = first; i < first + n && !any; i++)
        any = edit->found[i];
    return any ? CLADE_OK
               : clade_fail(CLADE_EINPUT, "%s: has no %s at the top or in text_config to set to %" PRIu64, edit->path,
                            what, number);
}

/* The SOURCE of LENGTH bytes with everything set that LAYOUT and DTYPE (NULL: unknown) say. */
static clade_status edit_config(config_edit *edit, const char *source, size_t length, const char *dtype,
                                const clade_checkpoint_layout *layout, clade_text *text)
{
    char quoted[VALUE_BYTES], layers[VALUE_BYTES], vocabulary[VALUE_BYTES];
    size_t first_layers, first_vocabulary;
    snprintf(quoted, sizeof quoted, "\"%s\"", dtype ? dtype : "");
    snprintf(layers, sizeof layers, "%" PRIu64, layout->layers);
    snprintf(vocabulary, sizeof vocabulary, "%" PRIu64, layout->vocabulary);
    for (size_t i = 0; i < layout->n_members; i++)
        edit->members[edit->count++] = layout->members[i];
    if (dtype) {
        edit->members[edit->count++] = (clade_config_member){NULL, "dtype", quoted, true};
        edit->members[edit->count++] = (clade_config_member){NULL, "torch_dtype", quoted, false};
    }
    add_number(edit, layer_keys, layout->layers ? LAYER_KEYS : 0, layers, &first_layers);
    add_number(edit, vocabulary_keys, layout->vocabulary ? 1 : 0, vocabulary, &first_vocabulary);
    CLADE_TRY(clade_io_config_edit(source, length, edit->path, edit->members, edit->count, edit->found, text));
    CLADE_TRY(check_number(edit, first_layers, (size_t)SECTIONS * LAYER_KEYS,
                           "number of layers (num_hidden_layers, n_layer, n_layers, num_layers)", layout->layers));
    return check_number(edit, first_vocabulary, SECTIONS, "vocab_size", layout->vocabulary);
}

static clade_status write_config(const char *folder, const char *from, const char *dtype,
                                 const clade_checkpoint_layout *layout)
{
    char *source;
    size_t length, most = layout->n_members + MAX_OWN_MEMBERS;
    clade_text text = {0};
    CLADE_TRY(clade_read_file(from, CLADE_JSON_MAX_BYTES, &source, &length));
    config_edit edit = {.path = from,
                        .members = clade_calloc(most, sizeof *edit.members),
                        .found = clade_calloc(most, sizeof *edit.found)};
    clade_status status;
    if (!edit.members || !edit.found)
        status = clade_fail_memory(most * sizeof *edit.members, "the members of a configuration");
    else
        status = edit_config(&edit, source, length, dtype, layout, &text);
    if (status == CLADE_OK)
        status = clade_io_write_in_folder(folder, "config.json", clade_text_get(&text), text.length);
    clade_text_free(&text);
    clade_free(edit.members);
    clade_free(edit.found);
    clade_free(source);
    return status;
}

/* ---- copies ---- */

/* Copy FROM/NAME into FOLDER if it is there. */
static clade_status copy_one(const char *from, const char *folder, const char *name)
{
    char *source = clade_path_join(from, name), *target = clade_path_join(folder, name);
    clade_status status = CLADE_OK;
    if (!source || !target)
        status = clade_fail_memory(strlen(from), "a path");
    else if (clade_path_exists(source))
        status = clade_io_check_inside(from, name);
    if (status == CLADE_OK && clade_path_exists(source))
        status = clade_copy_file(source, target);
    clade_free(source);
    clade_free(target);
    return status;
}

/* What tokenizers and processors of images, video and sound need. */
static clade_status copy_files(const char *from, const char *folder)
{
    static const char *const names[] = {
        "tokenizer.json",
        "tokenizer_config.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tekken.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "special_tokens_map.json",
        "added_tokens.json",
        "chat_template.jinja",
        "chat_template.json",
        "processor_config.json",
        "preprocessor_config.json",
        "image_processor_config.json",
        "video_preprocessor_config.json",
        "audio_processor_config.json",
        "open_clip_config.json",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CLADE_TRY(copy_one(from, folder, names[i]));
    return CLADE_OK;
}

static clade_status copy_configs(const char *from, const char *folder, const char *dtype,
                                 const clade_checkpoint_layout *layout)
{
    char *config = clade_path_join(from, "config.json");
    if (!config)
        return clade_fail_memory(strlen(from), "a path");
    clade_status status = clade_io_check_inside(from, "config.json");
    if (status == CLADE_OK && clade_path_exists(config))
        status = write_config(folder, config, dtype, layout);
    clade_free(config);
    return status == CLADE_OK ? copy_one(from, folder, "generation_config.json") : status;
}

clade_status clade_io_write_beside(const char *folder, const clade_tensor *tensors, size_t count,
                                   const clade_checkpoint_layout *layout)
{
    const char *config_from = layout->config_from, *files_from = layout->files_from ? layout->files_from : config_from;
    if (config_from && clade_path_is_folder(config_from))
        CLADE_TRY(copy_configs(config_from, folder, main_dtype(tensors, count), layout));
    if (files_from && clade_path_is_folder(files_from))
        CLADE_TRY(copy_files(files_from, folder));
    if (layout->card)
        CLADE_TRY(clade_io_write_in_folder(folder, "README.md", layout->card, strlen(layout->card)));
    for (size_t i = 0; i < layout->n_files; i++) {
        const clade_extra_file *file = &layout->files[i];
        if (file->name[0] == '\0' || file->name[0] == '.' || strchr(file->name, '/'))
            return clade_fail(CLADE_EINTERNAL, "\"%s\": expected the name of a file without a folder", file->name);
        CLADE_TRY(clade_io_write_in_folder(folder, file->name, file->data, file->bytes));
    }
    return CLADE_OK;
}
