/* Golden forward passes of transformers (../shared/golden/forward): every case of a class that Clade runs, in every
 * form of its config that is there, for every width of vector this CPU has; every other class is refused as
 * incompatible. */
#include "test.h"

#include <dirent.h>
#include <math.h>

#include "clade/files.h"
#include "clade/json.h"
#include "clade/model.h"

typedef struct golden {
    char folder[TEST_PATH];
    double atol, rtol;
    bool is_normalised; /* CLIPModel: image_embeds of unit length */
    clade_safetensors *inputs, *outputs;
} golden;

/* Every |got - want| <= atol + rtol |want|. */
static void compare(const golden *g, const char *what, const float *got, const clade_tensor *want)
{
    const float *expected = want->data;
    double worst = 0.0;
    for (size_t i = 0; i < want->count; i++) {
        const double error = fabs((double)got[i] - (double)expected[i]);
        const double allowed = g->atol + g->rtol * fabs((double)expected[i]);
        worst = fmax(worst, error / allowed);
        if (!(error <= allowed))
            fail_msg("%s: %s[%zu]: found %.8g, expected %.8g +- %.2g", g->folder, what, i, (double)got[i],
                     (double)expected[i], allowed);
    }
    print_message("%s: %s: %.2f of the tolerance\n", g->folder, what, worst);
}

static void normalise(float *rows, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++) {
        double square = 0.0;
        for (size_t d = 0; d < width; d++)
            square += (double)rows[i * width + d] * (double)rows[i * width + d];
        for (size_t d = 0; d < width; d++)
            rows[i * width + d] = (float)((double)rows[i * width + d] / sqrt(square));
    }
}

static void check_outputs(const golden *g, const clade_model *model, const clade_provider *provider, size_t batch)
{
    const clade_tensor *pixels = clade_safetensors_find(g->inputs, "pixel_values");
    const clade_tensor *want = clade_safetensors_find(g->outputs, "image_embeds");
    const clade_tensor *want_hidden = clade_safetensors_find(g->outputs, "last_hidden_state");
    assert_non_null(pixels);
    assert_non_null(want);
    const size_t n = (size_t)pixels->shape[0];
    const clade_model_shape shape = clade_model_shape_of(model);
    assert_int_equal(want->count, n * shape.projection);
    float *embeds = malloc(want->bytes), *hidden = malloc(n * shape.tokens * shape.width * sizeof(float));
    assert_non_null(embeds);
    assert_non_null(hidden);
    clade_forward *forward;
    assert_ok(clade_forward_new(model, batch, &forward));
    for (int with_hidden = 0; with_hidden < 2; with_hidden++) {
        assert_ok(clade_forward_run(forward, provider, pixels->data, n, embeds, with_hidden ? hidden : NULL));
        if (g->is_normalised)
            normalise(embeds, n, shape.projection);
        compare(g, "image_embeds", embeds, want);
    }
    if (want_hidden != NULL)
        compare(g, "last_hidden_state", hidden, want_hidden);
    clade_forward_free(forward);
    free(embeds);
    free(hidden);
}

/* The checkpoint in FOLDER must give the golden outputs. */
static void check_folder(const golden *g, const char *folder)
{
    static const size_t batches[] = {0, 8, 1};
    clade_checkpoint *checkpoint;
    clade_model *model;
    clade_provider provider;
    assert_ok(clade_checkpoint_open(folder, &checkpoint));
    assert_ok(clade_model_open(checkpoint, &model));
    assert_ok(clade_checkpoint_provider_open(checkpoint, &provider));
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
        check_outputs(g, model, &provider, batches[i]);
    clade_checkpoint_provider_close(&provider);
    clade_model_close(model);
    clade_checkpoint_close(checkpoint);
}

/* The same tensors under another config: CONFIG of the case becomes AS in a folder of its own. */
static void check_with_config(const golden *g, const char *config, const char *as)
{
    char folder[TEST_PATH];
    if (!clade_path_exists(path_in(g->folder, config)))
        return;
    make_temporary_folder(folder);
    assert_ok(clade_copy_file(path_in(g->folder, config), path_in(folder, as)));
    assert_ok(clade_copy_file(path_in(g->folder, "model.safetensors"), path_in(folder, "model.safetensors")));
    check_folder(g, folder);
    remove_temporary_folder(folder);
}

static void check_refused(const char *folder)
{
    clade_checkpoint *checkpoint;
    clade_model *model;
    assert_ok(clade_checkpoint_open(folder, &checkpoint));
    assert_fails(clade_model_open(checkpoint, &model), CLADE_EINCOMPATIBLE, "CLIPVisionModelWithProjection");
    assert_null(model);
    clade_checkpoint_close(checkpoint);
}

/* True when the case is one that Clade runs. */
static bool check_case(const char *name)
{
    golden g = {0};
    clade_json *file;
    clade_problems problems = {0};
    const char *class_name = NULL;
    snprintf(g.folder, sizeof g.folder, "%s/%s", shared_path("golden/forward"), name);
    assert_ok(clade_json_read(path_in(g.folder, "case.json"), CLADE_EINPUT, &file));
    const clade_json_at root = clade_json_root(file), class_at = clade_json_member(&root, "class");
    const clade_json_at atol_at = clade_json_member(&root, "atol"), rtol_at = clade_json_member(&root, "rtol");
    assert_true(clade_json_string(&class_at, &problems, &class_name));
    assert_true(clade_json_number(&atol_at, &problems, 0.0, 1.0, &g.atol));
    assert_true(clade_json_number(&rtol_at, &problems, 0.0, 1.0, &g.rtol));
    g.is_normalised = strcmp(class_name, "CLIPModel") == 0;
    const bool runs = g.is_normalised || strcmp(class_name, "CLIPVisionModelWithProjection") == 0;
    if (runs) {
        assert_ok(clade_safetensors_open(path_in(g.folder, "inputs.safetensors"), &g.inputs));
        assert_ok(clade_safetensors_open(path_in(g.folder, "outputs.safetensors"), &g.outputs));
        check_folder(&g, g.folder);
        check_with_config(&g, "config_v4.json", "config.json");
        check_with_config(&g, "open_clip_config.json", "open_clip_config.json");
        clade_safetensors_close(g.inputs);
        clade_safetensors_close(g.outputs);
    } else {
        check_refused(g.folder);
    }
    clade_json_free(file);
    return runs;
}

static void test_every_case(void **state)
{
    (void)state;
    size_t ran = 0, refused = 0;
    DIR *folder = opendir(shared_path("golden/forward"));
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char case_file[TEST_PATH];
        snprintf(case_file, sizeof case_file, "%s/%s/case.json", shared_path("golden/forward"), entry->d_name);
        if (entry->d_name[0] == '.' || !clade_path_exists(case_file))
            continue;
        if (check_case(entry->d_name))
            ran++;
        else
            refused++;
    }
    closedir(folder);
    print_message("%zu cases agree, %zu of other classes are refused\n", ran, refused);
    assert_true(ran > 0);
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_case)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
