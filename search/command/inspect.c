/* clade inspect: what checkpoints are, and whether they can be merged. */
#include "clade/files.h"
#include "clade/merge.h"
#include "clade/model.h"
#include "search/command/command.h"

static void put_dtypes(clade_json_writer *writer, const clade_checkpoint *checkpoint)
{
    size_t tensors[CLADE_DTYPE_COUNT] = {0};
    for (size_t i = 0; i < clade_checkpoint_count(checkpoint); i++)
        tensors[clade_checkpoint_at(checkpoint, i)->dtype]++;
    clade_json_begin_object(writer, "dtypes");
    for (size_t d = 0; d < CLADE_DTYPE_COUNT; d++)
        if (tensors[d] > 0)
            clade_json_put_u64(writer, clade_dtype_of((clade_dtype)d)->name, tensors[d]);
    clade_json_end_object(writer);
}

/* The family Clade can run it as, or why it cannot: a checkpoint that cannot be scored can still be merged. */
static clade_status put_family(clade_json_writer *writer, const clade_checkpoint *checkpoint)
{
    clade_model *model = NULL;
    const clade_status status = clade_model_open(checkpoint, &model);
    if (status == CLADE_OK) {
        clade_json_put_string(writer, "family", clade_model_family(model));
    } else {
        clade_json_put_null(writer, "family");
        clade_json_put_string(writer, "cannot_be_scored", clade_error_message());
    }
    clade_model_close(model);
    return status == CLADE_EIO ? status : CLADE_OK; /* nothing is known then */
}

static void put_tensors(clade_json_writer *writer, const clade_checkpoint *checkpoint)
{
    clade_json_begin_array(writer, "tensors");
    for (size_t i = 0; i < clade_checkpoint_count(checkpoint); i++) {
        const clade_tensor *tensor = clade_checkpoint_at(checkpoint, i);
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", tensor->name);
        clade_json_put_string(writer, "dtype", clade_dtype_of(tensor->dtype)->name);
        clade_json_begin_array(writer, "shape");
        for (size_t d = 0; d < tensor->rank; d++)
            clade_json_put_u64(writer, NULL, tensor->shape[d]);
        clade_json_end_array(writer);
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
}

/* A file that is well-formed safetensors but no model's (names with a NUL byte): say what it is and why it cannot be
 * merged. */
static clade_status put_other_file(clade_json_writer *writer, const char *path)
{
    clade_safetensors *file = NULL;
    clade_text reason = {0};
    clade_text_append(&reason, "%s", clade_error_message());
    clade_status status = clade_text_status(&reason);
    if (status == CLADE_OK)
        status = clade_safetensors_open(path, &file);
    if (status == CLADE_OK) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "path", path);
        clade_json_put_u64(writer, "tensors_count", clade_safetensors_count(file));
        clade_json_put_string(writer, "cannot_be_merged", clade_text_get(&reason));
        clade_json_end_object(writer);
    }
    clade_safetensors_close(file);
    clade_text_free(&reason);
    return status;
}

static clade_status put_checkpoint(clade_json_writer *writer, const char *path, bool tensors)
{
    clade_checkpoint *checkpoint = NULL;
    char hash[CLADE_SHA256_HEX];
    clade_status status = clade_checkpoint_open(path, &checkpoint);
    if (status == CLADE_EINPUT && clade_path_exists(path) && !clade_path_is_folder(path))
        return put_other_file(writer, path);
    if (status != CLADE_OK)
        return status;
    status = clade_checkpoint_hash(checkpoint, hash);
    uint64_t elements = 0, bytes = 0;
    for (size_t i = 0; i < clade_checkpoint_count(checkpoint); i++) {
        elements += clade_checkpoint_at(checkpoint, i)->count;
        bytes += clade_checkpoint_at(checkpoint, i)->bytes;
    }
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "path", path);
    clade_json_put_u64(writer, "tensors_count", clade_checkpoint_count(checkpoint));
    clade_json_put_u64(writer, "elements", elements);
    clade_json_put_u64(writer, "bytes", bytes);
    clade_json_put_u64(writer, "files", clade_checkpoint_shards(checkpoint));
    put_dtypes(writer, checkpoint);
    if (status == CLADE_OK && clade_path_is_folder(path))
        status = put_family(writer, checkpoint);
    clade_json_put_string(writer, "hash", status == CLADE_OK ? hash : NULL);
    if (tensors)
        put_tensors(writer, checkpoint);
    clade_json_end_object(writer);
    clade_checkpoint_close(checkpoint);
    return status;
}

static void people_line(const clade_json_at *checkpoint, const char *key, clade_text *text)
{
    const clade_json_at field = clade_json_member(checkpoint, key);
    const char *string = NULL;
    if (clade_json_kind_of(&field) == CLADE_JSON_ABSENT)
        return;
    clade_text_append(text, "  %-17s", key);
    if (clade_json_kind_of(&field) == CLADE_JSON_STRING && clade_json_string(&field, NULL, &string))
        clade_text_append(text, "%s", string);
    else
        clade_json_print(&field, text);
    clade_text_append(text, "\n");
}

static void lay_out(const clade_json_at *root, clade_text *text)
{
    static const char *const keys[] = {"tensors_count",    "elements",         "bytes", "files",  "dtypes", "family",
                                       "cannot_be_scored", "cannot_be_merged", "hash",  "tensors"};
    const clade_json_at list = clade_json_member(root, "checkpoints");
    for (size_t i = 0; i < clade_json_size(&list); i++) {
        const clade_json_at checkpoint = clade_json_item(&list, i);
        const clade_json_at path = clade_json_member(&checkpoint, "path");
        const char *name = NULL;
        if (clade_json_string(&path, NULL, &name))
            clade_text_append(text, "%s\n", name);
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            people_line(&checkpoint, keys[k], text);
    }
    if (clade_json_size(&list) > 1)
        clade_text_append(text, "these checkpoints can be merged\n");
}

/* Can they be merged? The first stands for the base: that is the order of `clade inspect BASE PARENT...`. */
static clade_status check_family(const clade_arguments *arguments)
{
    clade_family *family = NULL;
    clade_status status = clade_family_open(arguments->items[0], arguments->items + 1, arguments->count - 1, &family);
    if (status == CLADE_OK)
        status = clade_family_check_finite(family);
    clade_family_close(family);
    return status;
}

static clade_status inspect(const clade_arguments *arguments, bool as_json, bool tensors)
{
    clade_text json = {0};
    clade_status status = CLADE_OK;
    clade_json_writer writer = clade_json_writer_to(&json, true);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "checkpoints");
    for (size_t i = 0; i < arguments->count && status == CLADE_OK; i++)
        status = put_checkpoint(&writer, arguments->items[i], tensors);
    clade_json_end_array(&writer);
    if (status == CLADE_OK && arguments->count > 1)
        status = check_family(arguments);
    if (arguments->count > 1)
        clade_json_put_bool(&writer, "mergeable", true);
    clade_json_end_object(&writer);
    clade_text_append(&json, "\n");
    return clade_finish_json(status, &json, as_json, lay_out);
}

static clade_status run(int argc, char **argv)
{
    bool json = false, tensors = false;
    const clade_option options[] = {
        {"--json", NULL, CLADE_OPTION_FLAG, &json, "print JSON"},
        {"--tensors", NULL, CLADE_OPTION_FLAG, &tensors, "list every tensor"},
    };
    clade_arguments arguments;
    CLADE_TRY(clade_parse_arguments(&clade_command_inspect, argc, argv, options, 2, 1, CLADE_MAX_REPEATED_OPTION,
                                    &arguments));
    return arguments.help ? CLADE_OK : inspect(&arguments, json, tensors);
}

const clade_command clade_command_inspect = {
    .name = "inspect",
    .synopsis = "CHECKPOINT [CHECKPOINT...] [--tensors] [--json]",
    .summary = "what checkpoints are; given several (base first): whether they can be merged, and why not",
    .run = run,
};
