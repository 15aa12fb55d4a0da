/* The laws of clade/checkpoint.h. */
#include "folder_fixture.h"
#include "io_test.h"

#include <fcntl.h>

#include "clade/checkpoint.h"
#include "clade/files.h"

static void write_text(const char *name, const char *text)
{
    write_test_file(in_folder(name), text, strlen(text));
}

static void assert_text(const char *name, const char *expected)
{
    char *data;
    size_t bytes;
    assert_ok(clade_read_file(in_folder(name), 100000, &data, &bytes));
    assert_string_equal(data, expected);
    clade_free(data);
}

/* Five tensors whose names are not in order: 8, 24, 16, 4 and 0 bytes. */
static const uint64_t six[] = {2, 3}, four[] = {4}, two[] = {2}, none[] = {0};
static float values[] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f};
static clade_tensor tensors[] = {
    {"h.10.w", CLADE_F32, 1, two, 2, 8, values + 1},  {"h.1.w", CLADE_F32, 2, six, 6, 24, values},
    {"embed", CLADE_F32, 1, four, 4, 16, values + 2}, {"mask", CLADE_BOOL, 1, four, 4, 4, values},
    {"nothing", CLADE_F16, 1, none, 0, 0, NULL},
};
enum { COUNT = sizeof tensors / sizeof *tensors };

static clade_status write_model(const char *name, uint64_t shard_bytes)
{
    clade_checkpoint_layout layout = {.shard_bytes = shard_bytes};
    return clade_checkpoint_write(in_folder(name), tensors, COUNT, NULL, NULL, &layout);
}

static void check_model(const char *path, size_t shards, char hash[CLADE_SHA256_HEX])
{
    static const char *const sorted[COUNT] = {"embed", "h.1.w", "h.10.w", "mask", "nothing"};
    clade_checkpoint *model;
    assert_ok(clade_checkpoint_open(path, &model));
    assert_string_equal(clade_checkpoint_path(model), path);
    assert_int_equal(clade_checkpoint_count(model), COUNT);
    assert_int_equal(clade_checkpoint_shards(model), shards);
    for (size_t i = 0; i < COUNT; i++) {
        const clade_tensor *tensor = clade_checkpoint_at(model, i), *written = NULL;
        assert_string_equal(tensor->name, sorted[i]);
        assert_ptr_equal(clade_checkpoint_find(model, sorted[i]), tensor);
        for (size_t k = 0; k < COUNT && !written; k++)
            written = strcmp(tensors[k].name, sorted[i]) == 0 ? &tensors[k] : NULL;
        assert_int_equal(tensor->dtype, written->dtype);
        assert_true(clade_tensor_same_shape(tensor, written));
        assert_int_equal(tensor->bytes, written->bytes);
        if (tensor->bytes)
            assert_memory_equal(tensor->data, written->data, tensor->bytes);
    }
    assert_null(clade_checkpoint_find(model, "absent"));
    assert_ok(clade_checkpoint_hash(model, hash));
    clade_checkpoint_close(model);
}

static void test_shards(void **state)
{
    (void)state;
    char whole[CLADE_SHA256_HEX], sharded[CLADE_SHA256_HEX], file[CLADE_SHA256_HEX];
    assert_ok(write_model("whole", 0));
    check_model(in_folder("whole"), 1, whole);
    check_model(in_folder("whole/model.safetensors"), 1, file);
    assert_string_equal(whole, file);
    assert_false(clade_path_exists(in_folder("whole/model.safetensors.index.json")));
    assert_ok(write_model("nested/deep/sharded/", 24)); /* parents are made */
    check_model(in_folder("nested/deep/sharded"), 3, sharded);
    assert_string_equal(whole, sharded); /* resharding changes no hash */
    assert_text(
        "nested/deep/sharded/model.safetensors.index.json",
        "{\n  \"metadata\": {\n    \"total_parameters\": 16,\n    \"total_size\": 52\n  },\n  \"weight_map\": {\n"
        "    \"embed\": \"model-00001-of-00003.safetensors\",\n"
        "    \"h.1.w\": \"model-00002-of-00003.safetensors\",\n"
        "    \"h.10.w\": \"model-00003-of-00003.safetensors\",\n"
        "    \"mask\": \"model-00003-of-00003.safetensors\",\n"
        "    \"nothing\": \"model-00003-of-00003.safetensors\"\n  }\n}\n");
    assert_ok(write_model("each", 1)); /* a tensor above the limit has a shard of its own */
    check_model(in_folder("each"), 4, sharded);
    assert_string_equal(whole, sharded);
}

static void test_hash_sees_everything(void **state)
{
    (void)state;
    static const uint64_t flat[] = {6};
    char first[CLADE_SHA256_HEX], other[CLADE_SHA256_HEX];
    clade_checkpoint_layout layout = {0};
    clade_checkpoint *model;
    assert_ok(write_model("h0", 0));
    check_model(in_folder("h0"), 1, first);
    for (int change = 0; change < 4; change++) {
        char name[16];
        clade_tensor changed[COUNT];
        float data[] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.5f};
        memcpy(changed, tensors, sizeof changed);
        if (change == 0)
            changed[1].data = data;
        else if (change == 1)
            changed[1].rank = 1, changed[1].shape = flat;
        else if (change == 2)
            changed[1].dtype = CLADE_I32;
        else
            changed[1].name = "h.1.v";
        snprintf(name, sizeof name, "h%d", change + 1);
        assert_ok(clade_checkpoint_write(in_folder(name), changed, COUNT, NULL, NULL, &layout));
        assert_ok(clade_checkpoint_open(in_folder(name), &model));
        assert_ok(clade_checkpoint_hash(model, other));
        clade_checkpoint_close(model);
        assert_string_not_equal(first, other);
    }
}

static void append_times(const char *path, clade_text *text)
{
    clade_checkpoint *model;
    assert_ok(clade_checkpoint_open(path, &model));
    assert_ok(clade_checkpoint_file_times(model, text));
    clade_checkpoint_close(model);
}

static void test_file_times(void **state)
{
    (void)state;
    clade_text first = {0}, again = {0}, touched = {0};
    assert_ok(write_model("times", 24));
    append_times(in_folder("times"), &first);
    append_times(in_folder("times"), &again);
    assert_string_equal(clade_text_get(&first), clade_text_get(&again));
    assert_non_null(strstr(clade_text_get(&first), "times/model-00003-of-00003.safetensors "));
    assert_int_equal(utimensat(AT_FDCWD, in_folder("times/model-00002-of-00003.safetensors"),
                               (const struct timespec[]){{1, 2}, {3, 4}}, 0),
                     0);
    append_times(in_folder("times"), &touched);
    assert_non_null(strstr(clade_text_get(&touched), " 3.000000004\n"));
    clade_text_free(&first);
    clade_text_free(&again);
    clade_text_free(&touched);
}

static void refuse_index(const char *text, const char *part)
{
    clade_checkpoint *model;
    write_text("ix/model.safetensors.index.json", text);
    assert_fails(clade_checkpoint_open(in_folder("ix"), &model), CLADE_EINPUT, part);
    assert_null(model);
}

static void test_index(void **state)
{
    (void)state;
    clade_checkpoint *model;
    const char *path = in_folder("ix/a.safetensors");
    assert_ok(clade_make_folders(in_folder("ix")));
    assert_ok(clade_safetensors_write(path, tensors, 2, NULL, NULL));
    assert_ok(clade_safetensors_write(in_folder("ix/b.safetensors"), tensors + 2, 1, NULL, NULL));
    assert_ok(clade_safetensors_write(in_folder("ix/c.safetensors"), tensors + 1, 1, NULL, NULL));
    write_text(
        "ix/model.safetensors.index.json",
        "{\"weight_map\":{\"h.10.w\":\"a.safetensors\",\"h.1.w\":\"a.safetensors\",\"embed\":\"b.safetensors\"}}");
    assert_ok(clade_checkpoint_open(in_folder("ix"), &model));
    assert_int_equal(clade_checkpoint_count(model), 3);
    clade_checkpoint_close(model);
    refuse_index("{\"weight_map\":{\"h.10.w\":\"a.safetensors\",\"embed\":\"b.safetensors\"}}",
                 "\"h.1.w\" of a.safetensors is not in the index");
    refuse_index("{\"weight_map\":{\"h.10.w\":\"a.safetensors\",\"h.1.w\":\"a.safetensors\",\"z\":\"a.safetensors\"}}",
                 "\"z\": is in none of the shards, expected in a.safetensors");
    refuse_index(
        "{\"weight_map\":{\"h.10.w\":\"a.safetensors\",\"h.1.w\":\"b.safetensors\",\"embed\":\"b.safetensors\"}}",
        "is in a.safetensors, but the index says b.safetensors");
    refuse_index("{\"weight_map\":{\"h.10.w\":\"a.safetensors\",\"h.1.w\":\"c.safetensors\"}}", "is in two shards");
    refuse_index("{\"weight_map\":{\"x\":\"absent.safetensors\"}}", "absent.safetensors: cannot open");
    refuse_index("{\"weight_map\":{}}", "names no tensor");
    refuse_index("{\"weight_map\":[]}", "an object");
    refuse_index("{}", "weight_map");
    refuse_index("[]", "weight_map");
    refuse_index("{\"weight_map\":{\"x\":1}}", "a string");
    refuse_index("{\"weight_map\":{\"x\":\"a.safetensors\",\"x\":\"a.safetensors\"}}", "index.json");
    static const char *const leaving[] = {"../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors",
                                          "..\\\\a.safetensors", "C:a.safetensors"};
    for (size_t i = 0; i < sizeof leaving / sizeof *leaving; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"weight_map\":{\"x\":\"%s\"}}", leaving[i]);
        refuse_index(text, "leaves the folder");
    }
    refuse_index("{\"weight_map\":{\"x\":\"pytorch_model.bin\"}}", "does not end in .safetensors");
    refuse_index("{\"weight_map\":{\"x\":\".safetensors\"}}", "does not end in .safetensors");
    write_text("ix/model.safetensors", "stale");
    refuse_index("{\"weight_map\":{\"h.10.w\":\"a.safetensors\",\"h.1.w\":\"a.safetensors\"}}", "out of date");
}

static void test_what_is_no_checkpoint(void **state)
{
    (void)state;
    static const char nul_name[] = "{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}";
    unsigned char bytes[8 + sizeof nul_name - 1] = {sizeof nul_name - 1};
    clade_checkpoint *model;
    assert_ok(clade_make_folders(in_folder("no")));
    assert_fails(clade_checkpoint_open(in_folder("no"), &model), CLADE_EINPUT, "neither model.safetensors nor");
    write_text("no/adapter_model.safetensors", "");
    assert_fails(clade_checkpoint_open(in_folder("no"), &model), CLADE_EINPUT, "adapter");
    write_text("no/pytorch_model.bin", "");
    assert_fails(clade_checkpoint_open(in_folder("no"), &model), CLADE_EINPUT, "safe_serialization=True");
    assert_fails(clade_checkpoint_open(in_folder("absent"), &model), CLADE_EINPUT, "absent");
    memcpy(bytes + 8, nul_name, sizeof nul_name - 1);
    write_test_file(in_folder("no/nul.safetensors"), bytes, sizeof bytes);
    assert_fails(clade_checkpoint_open(in_folder("no/nul.safetensors"), &model), CLADE_EINPUT, "\"a\\x00b\"");
}

typedef struct production {
    size_t calls, fail_at;
    bool seen[COUNT];
} production;

static clade_status produce(void *context, size_t index, void *out)
{
    production *p = context;
    if (p->calls++ == p->fail_at)
        return clade_fail(CLADE_EEVAL, "tensor %zu cannot be made", index);
    p->seen[index] = true;
    memcpy(out, tensors[index].data, tensors[index].bytes);
    return CLADE_OK;
}

/* PRODUCE gets the caller's indices whatever the order in the shards is, and its failure leaves nothing behind. */
static void test_produce(void **state)
{
    (void)state;
    char hash[CLADE_SHA256_HEX];
    clade_checkpoint_layout layout = {.shard_bytes = 24};
    clade_tensor empty[COUNT];
    memcpy(empty, tensors, sizeof empty);
    for (size_t i = 0; i < COUNT; i++)
        empty[i].data = NULL;
    assert_ok(clade_make_folders(in_folder("p")));
    for (size_t fail_at = 0; fail_at < 4; fail_at++) {
        production broken = {.fail_at = fail_at};
        assert_fails(clade_checkpoint_write(in_folder("p/m"), empty, COUNT, produce, &broken, &layout), CLADE_EEVAL,
                     "cannot be made");
        assert_int_equal(entries_in(in_folder("p")), 0);
    }
    production good = {.fail_at = SIZE_MAX};
    assert_ok(clade_checkpoint_write(in_folder("p/m"), empty, COUNT, produce, &good, &layout));
    assert_int_equal(good.calls, 4);
    check_model(in_folder("p/m"), 3, hash);
    assert_int_equal(entries_in(in_folder("p")), 1);
}

static void test_writer_refuses(void **state)
{
    (void)state;
    clade_checkpoint_layout layout = {0};
    clade_tensor twice[2] = {tensors[0], tensors[0]};
    assert_ok(clade_make_folders(in_folder("w/there")));
    write_text("w/file", "");
    assert_int_equal(symlink("nowhere", in_folder("w/dangling")), 0);
    assert_fails(write_model("w/there", 0), CLADE_EUSAGE, "is there already");
    assert_fails(write_model("w/there/", 0), CLADE_EUSAGE, "is there already");
    assert_fails(write_model("w/file", 0), CLADE_EUSAGE, "is there already");
    assert_fails(write_model("w/dangling", 0), CLADE_EUSAGE, "is there already");
    assert_fails(write_model("w/file/model", 0), CLADE_EIO, "is a file");
    assert_fails(clade_checkpoint_write(in_folder("w/m"), twice, 2, NULL, NULL, &layout), CLADE_EINPUT, "two tensors");
    assert_int_equal(entries_in(in_folder("w")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_hash_sees_everything),
        cmocka_unit_test(test_file_times),
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_what_is_no_checkpoint),
        cmocka_unit_test(test_produce),
        cmocka_unit_test(test_writer_refuses),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
