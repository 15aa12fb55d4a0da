/* Every allocation of opening a model and running it may fail: the status is CLADE_EIO and nothing leaks. */
#include "model_fixture.h"

static char folder[TEST_PATH];
static float *pixels;

static clade_status run_model(clade_checkpoint *checkpoint, const clade_model *model)
{
    clade_provider provider = {0};
    clade_forward *forward = NULL;
    float embeds[8];
    clade_status status = clade_checkpoint_provider_open(checkpoint, &provider);
    if (status == CLADE_OK)
        status = clade_forward_new(model, 0, &forward);
    if (status == CLADE_OK)
        status = clade_forward_run(forward, &provider, pixels, 1, embeds, NULL);
    clade_forward_free(forward);
    clade_checkpoint_provider_close(&provider);
    return status;
}

static clade_status attempt(void *context)
{
    (void)context;
    clade_checkpoint *checkpoint = NULL;
    clade_model *model = NULL;
    clade_preprocess preprocess;
    clade_status status = clade_checkpoint_open(folder, &checkpoint);
    if (status == CLADE_OK)
        status = clade_model_open(checkpoint, &model);
    if (status == CLADE_OK)
        status = clade_preprocess_read(folder, 3, &preprocess);
    if (status == CLADE_OK)
        status = run_model(checkpoint, model);
    clade_model_close(model);
    clade_checkpoint_close(checkpoint);
    return status;
}

/* F16, so that the provider allocates too. */
static void write_half(fixture *f)
{
    clade_tensor tensors[FIXTURE_TENSORS];
    for (size_t i = 0; i < f->count; i++) {
        tensors[i] = f->tensors[i];
        tensors[i].dtype = CLADE_F16;
        tensors[i].bytes = tensors[i].count * 2;
        clade_narrow(CLADE_F16, f->values[i], tensors[i].count, f->values[i]);
    }
    write_tensors(folder, tensors, f->count);
}

static void test_every_allocation(void **state)
{
    (void)state;
    fixture f;
    fixture_init(&f, fixture_shape);
    make_temporary_folder(folder);
    pixels = random_pixels(&fixture_shape, 1);
    write_half(&f);
    write_vision_config(folder, &fixture_shape, "");
    write_in(folder, "preprocessor_config.json", "{\"image_mean\": [0.1, 0.2, 0.3], \"image_std\": [1, 1, 1]}");
    check_every_allocation(attempt, NULL);
    free(pixels);
    remove_temporary_folder(folder);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
