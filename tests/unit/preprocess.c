/* Reading how pixels become a model's input. */
#include "model_fixture.h"
#include "near.h"

static char folder[TEST_PATH];

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return 0;
}

static clade_preprocess read_as(const char *name, const char *text, size_t channels)
{
    clade_preprocess out;
    write_in(folder, name, text);
    assert_ok(clade_preprocess_read(folder, channels, &out));
    assert_int_equal(out.channels, channels);
    unlink(path_in(folder, name));
    return out;
}

static void test_defaults(void **state)
{
    (void)state;
    clade_preprocess out;
    assert_ok(clade_preprocess_read(folder, 1, &out));
    assert_near((double)out.mean[0], 0.5, 0.0);
    assert_near((double)out.std[0], 0.5, 0.0);
    assert_ok(clade_preprocess_read(folder, 3, &out));
    assert_near((double)out.mean[2], 0.40821073, 1e-7);
    assert_near((double)out.std[1], 0.26130258, 1e-7);
    assert_fails(clade_preprocess_read(folder, 2, &out), CLADE_EINPUT, "preprocessor_config.json");
    assert_fails(clade_preprocess_read(folder, 5, &out), CLADE_EINCOMPATIBLE, "5 channels");
    assert_ok(
        clade_preprocess_read(path_in(folder, "model.safetensors"), 1, &out)); /* a single file has no processor */
}

static void test_files(void **state)
{
    (void)state;
    clade_preprocess out = read_as("preprocessor_config.json",
                                   "{\"rescale_factor\": 0.00392156862745098, \"image_mean\": [0.1, 0.2], "
                                   "\"image_std\": [1, 0.25], \"do_resize\": false}",
                                   2);
    assert_near((double)out.mean[1], 0.2, 1e-7);
    assert_near((double)out.std[1], 0.25, 0.0);
    out = read_as("processor_config.json", "{\"image_processor\": {\"image_mean\": [0.3], \"image_std\": [0.7]}}", 1);
    assert_near((double)out.mean[0], 0.3, 1e-7);
    out = read_as("preprocessor_config.json", "{\"image_mean\": [0.3, 0.3, 0.3]}", 3);
    assert_near((double)out.mean[0], 0.3, 1e-7);
    assert_near((double)out.std[0], 0.26862954, 1e-7);
    out = read_as("preprocessor_config.json", "{\"do_normalize\": false}", 4);
    assert_near((double)out.mean[3], 0.0, 0.0);
    assert_near((double)out.std[3], 1.0, 0.0);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"rescale_factor\": 1}", "1/255"},     {"{\"do_rescale\": false}", "do_rescale"},
        {"{\"do_rescale\": 1}", "do_rescale"},    {"{\"image_mean\": [0.5, 0.5, 0.5]}", "found 3 numbers, expected 1"},
        {"{\"image_mean\": 0.5}", "image_mean"},  {"{\"image_mean\": [\"x\"]}", "image_mean[0]"},
        {"{\"image_std\": [0]}", "image_std[0]"}, {"{", "preprocessor_config.json"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        clade_preprocess out;
        write_in(folder, "preprocessor_config.json", bad[i][0]);
        assert_fails(clade_preprocess_read(folder, 1, &out), CLADE_EINPUT, bad[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
