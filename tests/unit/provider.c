/* The provider over a checkpoint: what it lends, what it widens, and when its version changes. */
#include "model_fixture.h"

#include "clade/files.h"

static char folder[TEST_PATH];
static fixture f;

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    fixture_init(&f, fixture_shape);
    write_tensors(folder, f.tensors, f.count);
    write_vision_config(folder, &fixture_shape, "");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_free(&f);
    remove_temporary_folder(folder);
    return 0;
}

/* Every tensor comes with its values, as many as were written; what was allocated for it goes at release. */
static void check_values(clade_provider *provider)
{
    for (size_t i = 0; i < f.count; i++) {
        const size_t live = clade_alloc_live();
        clade_tensor found;
        assert_ok(provider->acquire(provider->context, f.tensors[i].name, &found));
        assert_int_equal(found.dtype, CLADE_F32);
        assert_int_equal(found.bytes, f.tensors[i].bytes);
        assert_true(clade_tensor_same_shape(&found, &f.tensors[i]));
        assert_memory_equal(found.data, f.values[i], found.bytes);
        provider->release(provider->context, &found);
        assert_int_equal(clade_alloc_live(), live);
    }
}

static uint64_t check_folder(void)
{
    clade_checkpoint *checkpoint;
    clade_provider provider;
    clade_tensor found;
    assert_ok(clade_checkpoint_open(folder, &checkpoint));
    assert_ok(clade_checkpoint_provider_open(checkpoint, &provider));
    check_values(&provider);
    assert_fails(provider.acquire(provider.context, "nothing", &found), CLADE_EEVAL, "nothing");
    const uint64_t version = provider.version;
    assert_true(version != 0);
    clade_checkpoint_provider_close(&provider);
    clade_checkpoint_close(checkpoint);
    return version;
}

/* One more space in the header, and all data lie at odd addresses. */
static void test_unaligned(void **state)
{
    (void)state;
    const uint64_t version = check_folder();
    char *data, *shifted;
    size_t size;
    uint64_t header;
    assert_ok(clade_read_file(path_in(folder, "model.safetensors"), 1 << 24, &data, &size));
    memcpy(&header, data, sizeof header);
    shifted = malloc(size + 1);
    assert_non_null(shifted);
    memcpy(shifted, data, 8 + header);
    shifted[8 + header] = ' ';
    memcpy(shifted + 8 + header + 1, data + 8 + header, size - 8 - header);
    header++;
    memcpy(shifted, &header, sizeof header);
    write_test_file(path_in(folder, "model.safetensors"), shifted, size + 1);
    assert_true(check_folder() == version); /* the same weights */
    free(shifted);
    clade_free(data);
}

static void test_version(void **state)
{
    (void)state;
    const uint64_t version = check_folder();
    f.values[3][0] += 1.0f;
    write_tensors(folder, f.tensors, f.count);
    assert_true(check_folder() != version);
    f.values[3][0] -= 1.0f;
    write_tensors(folder, f.tensors, f.count);
    assert_true(check_folder() == version);
}

static void test_integers(void **state)
{
    (void)state;
    clade_checkpoint *checkpoint;
    clade_provider provider;
    clade_tensor found;
    f.tensors[0].dtype = CLADE_I32;
    write_tensors(folder, f.tensors, f.count);
    assert_ok(clade_checkpoint_open(folder, &checkpoint));
    assert_ok(clade_checkpoint_provider_open(checkpoint, &provider));
    assert_fails(provider.acquire(provider.context, f.tensors[0].name, &found), CLADE_EEVAL, "found dtype I32");
    clade_checkpoint_provider_close(&provider);
    clade_checkpoint_close(checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_unaligned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_integers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
