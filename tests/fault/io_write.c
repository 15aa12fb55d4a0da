/* The disk is full at the N-th step that changes it (write, fsync, rename, mkdir), for every N: the right status,
 * nothing half-written under the final name, nothing left beside it. */
#include "folder_fixture.h"
#include "io_test.h"

#include "clade/checkpoint.h"

static bool file_is(const char *name, const char *text)
{
    char *data;
    size_t bytes;
    assert_ok(clade_read_file(in_folder(name), 1000, &data, &bytes));
    bool same = strcmp(data, text) == 0;
    clade_free(data);
    return same;
}

static clade_status write_text(void)
{
    return clade_write_file(in_folder("file/f"), "new text", 8);
}

static clade_status copy_text(void)
{
    return clade_copy_file(in_folder("source"), in_folder("file/f"));
}

/* The old text or the new one, whole; only the sync of the folder may fail after the new one is there. */
static void check_file(clade_status status)
{
    assert_int_equal(entries_in(in_folder("file")), 1);
    assert_true(file_is("file/f", "new text") || (status != CLADE_OK && file_is("file/f", "old")));
}

static void test_file(void **state)
{
    (void)state;
    assert_ok(clade_make_folders(in_folder("file")));
    write_test_file(in_folder("file/f"), "old", 3);
    check_every_write(write_text, check_file);
    write_test_file(in_folder("file/f"), "old", 3);
    write_test_file(in_folder("source"), "new text", 8);
    check_every_write(copy_text, check_file);
}

static clade_status make_folders(void)
{
    return clade_make_folders(in_folder("a/b/c"));
}

static void check_folders(clade_status status)
{
    assert_int_equal(clade_path_is_folder(in_folder("a/b/c")), status == CLADE_OK);
}

static clade_status replace(void)
{
    return clade_replace_folder(in_folder("staged"), in_folder("target"));
}

static void check_replaced(clade_status status)
{
    bool is_new = clade_path_exists(in_folder("target/new"));
    assert_true(is_new || (status != CLADE_OK && clade_path_exists(in_folder("target/old"))));
    assert_int_equal(entries_in(in_folder("target")), 1);
    if (is_new && status != CLADE_OK) { /* done but for the last sync: stage the next attempt */
        assert_false(clade_path_exists(in_folder("staged")));
        assert_ok(clade_make_folders(in_folder("staged/new")));
    }
}

static void test_folders(void **state)
{
    (void)state;
    check_every_write(make_folders, check_folders);
    assert_ok(clade_make_folders(in_folder("staged/new")));
    assert_ok(clade_make_folders(in_folder("target/old")));
    check_every_write(replace, check_replaced);
}

static const uint64_t three[] = {3};
static float values[] = {1.0f, 2.0f, 3.0f};
static clade_tensor tensors[] = {
    {"a", CLADE_F32, 1, three, 3, 12, values},
    {"b", CLADE_F32, 1, three, 3, 12, NULL},
};

static clade_status produce(void *context, size_t index, void *out)
{
    (void)context;
    memcpy(out, values, tensors[index].bytes);
    return CLADE_OK;
}

static clade_status write_tensors(void)
{
    return clade_safetensors_write(in_folder("tensors/t"), tensors, 2, produce, NULL);
}

/* Nothing, or the whole file; then it is taken away, so that every attempt begins alike. */
static void check_tensors(clade_status status)
{
    clade_safetensors *file;
    assert_true(entries_in(in_folder("tensors")) <= 1);
    assert_true(status != CLADE_OK || clade_path_exists(in_folder("tensors/t")));
    if (!clade_path_exists(in_folder("tensors/t")))
        return;
    assert_ok(clade_safetensors_open(in_folder("tensors/t"), &file));
    assert_int_equal(clade_safetensors_count(file), 2);
    clade_safetensors_close(file);
    unlink(in_folder("tensors/t"));
}

static void test_safetensors(void **state)
{
    (void)state;
    assert_ok(clade_make_folders(in_folder("tensors")));
    check_every_write(write_tensors, check_tensors);
}

static clade_status write_checkpoint(void)
{
    clade_checkpoint_layout layout = {.shard_bytes = 12, .config_from = in_folder("base"), .card = "card"};
    return clade_checkpoint_write(in_folder("models/m"), tensors, 2, produce, NULL, &layout);
}

static void check_checkpoint(clade_status status)
{
    clade_checkpoint *model;
    assert_true(!clade_path_exists(in_folder("models")) || entries_in(in_folder("models")) <= 1);
    assert_true(status != CLADE_OK || clade_path_exists(in_folder("models/m")));
    if (!clade_path_exists(in_folder("models/m")))
        return;
    assert_ok(clade_checkpoint_open(in_folder("models/m"), &model));
    assert_int_equal(clade_checkpoint_count(model), 2);
    assert_int_equal(clade_checkpoint_shards(model), 2);
    clade_checkpoint_close(model);
    assert_int_equal(entries_in(in_folder("models/m")), 6); /* shards, index, config, vocabulary, card */
    assert_ok(clade_remove_folder(in_folder("models/m")));
}

static void test_checkpoint(void **state)
{
    (void)state;
    assert_ok(clade_make_folders(in_folder("base")));
    write_test_file(in_folder("base/config.json"), "{}", 2);
    write_test_file(in_folder("base/vocab.json"), "{}", 2);
    check_every_write(write_checkpoint, check_checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
