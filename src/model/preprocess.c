/* The numbers that turn pixels into a model's input, from the processor's own file. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/json.h"
#include "clade/model.h"

enum { MAX_CHANNELS = sizeof((clade_preprocess *)NULL)->mean / sizeof(float) };

/* transformers image_utils.py OPENAI_CLIP_MEAN and OPENAI_CLIP_STD; the middle of the range for a gray image. */
static const float clip_mean[3] = {0.48145466f, 0.4578275f, 0.40821073f};
static const float clip_std[3] = {0.26862954f, 0.26130258f, 0.27577711f};

static clade_status use_defaults(const char *folder, size_t channels, clade_preprocess *out)
{
    if (channels != 1 && channels != 3)
        return clade_fail(CLADE_EINPUT,
                          "%s: found no preprocessor_config.json, expected one for images of %zu channels", folder,
                          channels);
    for (size_t c = 0; c < channels; c++) {
        out->mean[c] = channels == 1 ? 0.5f : clip_mean[c];
        out->std[c] = channels == 1 ? 0.5f : clip_std[c];
    }
    return CLADE_OK;
}

/* A flag that is true unless the file says otherwise. */
static bool flag_of(const clade_json_at *in, const char *key, clade_problems *problems)
{
    const clade_json_at at = clade_json_member(in, key);
    bool on = true;
    if (clade_json_kind_of(&at) != CLADE_JSON_ABSENT)
        (void)clade_json_bool(&at, problems, &on);
    return on;
}

/* One number per channel within [LOW, HIGH]; VALUES keeps its defaults when KEY is absent. */
static void read_channels(const clade_json_at *in, const char *key, double low, double high, size_t channels,
                          clade_problems *problems, float *values)
{
    const clade_json_at at = clade_json_member(in, key);
    if (clade_json_kind_of(&at) == CLADE_JSON_ABSENT || !clade_json_is(&at, problems, CLADE_JSON_ARRAY))
        return;
    if (clade_json_size(&at) != channels) {
        clade_json_problem(&at, problems, "found %zu numbers, expected %zu, one per channel", clade_json_size(&at),
                           channels);
        return;
    }
    for (size_t c = 0; c < channels; c++) {
        const clade_json_at item = clade_json_item(&at, c);
        double value = 0.0;
        if (clade_json_number(&item, problems, low, high, &value))
            values[c] = (float)value;
    }
}

static clade_status read_file(const char *path, const char *folder, size_t channels, clade_preprocess *out)
{
    clade_json *file = NULL;
    clade_problems problems = {0};
    CLADE_TRY(clade_json_read(path, CLADE_EINPUT, &file));
    const clade_json_at root = clade_json_root(file), nested = clade_json_member(&root, "image_processor");
    const clade_json_at *at = clade_json_kind_of(&nested) == CLADE_JSON_OBJECT ? &nested : &root;
    const clade_json_at factor_at = clade_json_member(at, "rescale_factor");
    const clade_json_at mean = clade_json_member(at, "image_mean"), std = clade_json_member(at, "image_std");
    double factor = 1.0 / 255.0;
    clade_status status = CLADE_OK;
    if (!flag_of(at, "do_rescale", &problems))
        clade_json_problem(at, &problems, "do_rescale is false, expected pixels rescaled by 1/255");
    if (clade_json_kind_of(&factor_at) != CLADE_JSON_ABSENT &&
        clade_json_number(&factor_at, &problems, 0.0, 1.0, &factor) && fabs(factor * 255.0 - 1.0) > 1e-6)
        clade_json_problem(&factor_at, &problems, "found %g, expected 1/255", factor);
    if (!flag_of(at, "do_normalize", &problems)) {
        for (size_t c = 0; c < channels; c++)
            out->std[c] = 1.0f;
    } else {
        if (clade_json_kind_of(&mean) == CLADE_JSON_ABSENT || clade_json_kind_of(&std) == CLADE_JSON_ABSENT)
            status = use_defaults(folder, channels, out);
        read_channels(at, "image_mean", -1e6, 1e6, channels, &problems, out->mean);
        read_channels(at, "image_std", 1e-6, 1e6, channels, &problems, out->std);
    }
    clade_json_free(file);
    const clade_status found = clade_problems_end(&problems, CLADE_EINPUT);
    return status != CLADE_OK ? status : found;
}

clade_status clade_preprocess_read(const char *folder, size_t channels, clade_preprocess *out)
{
    static const char *const names[] = {"preprocessor_config.json", "processor_config.json"};
    *out = (clade_preprocess){.channels = channels};
    if (channels == 0 || channels > MAX_CHANNELS)
        return clade_fail(CLADE_EINCOMPATIBLE, "%s: found images of %zu channels, expected 1 to %d", folder, channels,
                          MAX_CHANNELS);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && clade_path_is_folder(folder); i++) {
        char *path = clade_path_join(folder, names[i]);
        if (path == NULL)
            return clade_fail_memory(strlen(folder), "a path");
        const bool is_there = clade_path_exists(path);
        const clade_status status = is_there ? read_file(path, folder, channels, out) : CLADE_OK;
        clade_free(path);
        if (is_there)
            return status;
    }
    return use_defaults(folder, channels, out);
}
