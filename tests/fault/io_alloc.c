/* The N-th allocation fails, for every N, in everything src/io does: the right status, nothing leaked, nothing left. */
#include "io_test.h"

#include <zlib.h>

#include "clade/checkpoint.h"
#include "clade/idx.h"

static char folder[TEST_PATH];

static const char *in_folder(const char *name)
{
    return path_in(folder, name);
}

static const uint64_t three[] = {3}, pair[] = {1, 2};
static float values[] = {1.0f, 2.0f, 3.0f};
static clade_tensor tensors[] = {
    {"b", CLADE_F32, 1, three, 3, 12, values},
    {"a", CLADE_F32, 2, pair, 2, 8, values},
    {"made", CLADE_F32, 1, three, 3, 12, NULL},
};

static clade_status produce(void *context, size_t index, void *out)
{
    (void)context;
    memcpy(out, values, tensors[index].bytes);
    return CLADE_OK;
}

static clade_status read_text(void *context)
{
    char *data;
    size_t bytes;
    (void)context;
    CLADE_TRY(clade_read_file(in_folder("source/config.json"), 100, &data, &bytes));
    clade_free(data);
    return CLADE_OK;
}

static clade_status write_text(void *context)
{
    (void)context;
    CLADE_TRY(clade_make_folders(in_folder("made/of/parts")));
    CLADE_TRY(clade_write_file(in_folder("made/of/parts/f"), "text", 4));
    CLADE_TRY(clade_copy_file(in_folder("made/of/parts/f"), in_folder("made/copy")));
    return clade_remove_folder(in_folder("made"));
}

static clade_status replace(void *context)
{
    (void)context;
    CLADE_TRY(clade_make_folders(in_folder("staged")));
    CLADE_TRY(clade_make_folders(in_folder("target")));
    return clade_replace_folder(in_folder("staged"), in_folder("target"));
}

static clade_status write_tensors(void *context)
{
    (void)context;
    return clade_safetensors_write(in_folder("w.safetensors"), tensors, 3, produce, NULL);
}

static clade_status read_tensors(void *context)
{
    static const char header[] =
        "{\"__metadata__\":{\"k\":\"v\"},\"a\":{\"x\":[{\"y\":\"z\"}],\"dtype\":\"U8\",\"shape\":[1],"
        "\"data_offsets\":[0,1]}}";
    clade_safetensors *file;
    unsigned char bytes[sizeof header - 1 + 9] = {sizeof header - 1};
    (void)context;
    memcpy(bytes + 8, header, sizeof header - 1);
    CLADE_TRY(clade_safetensors_scan(bytes, sizeof bytes, "sample", &file));
    clade_safetensors_close(file);
    return CLADE_OK;
}

static clade_status write_checkpoint(void *context)
{
    static const clade_extra_file file = {"recipe.json", "{}", 2};
    const clade_checkpoint_layout layout = {.shard_bytes = 12,
                                            .config_from = in_folder("source"),
                                            .layers = 3,
                                            .card = "card",
                                            .files = &file,
                                            .n_files = 1};
    (void)context;
    CLADE_TRY(clade_remove_folder(in_folder("model")));
    return clade_checkpoint_write(in_folder("model"), tensors, 3, produce, NULL, &layout);
}

static clade_status read_checkpoint(void *context)
{
    clade_checkpoint *model;
    (void)context;
    char hash[CLADE_SHA256_HEX];
    CLADE_TRY(clade_checkpoint_open(in_folder("model"), &model));
    clade_status status = clade_checkpoint_hash(model, hash);
    clade_checkpoint_close(model);
    return status;
}

static clade_status read_idx(void *context)
{
    clade_idx idx;
    CLADE_TRY(clade_idx_read(context, &idx));
    clade_idx_free(&idx);
    return CLADE_OK;
}

static void test_files(void **state)
{
    (void)state;
    check_every_allocation(read_text, NULL);
    check_every_allocation(write_text, NULL);
    check_every_allocation(replace, NULL);
}

static void test_safetensors(void **state)
{
    (void)state;
    check_every_allocation(read_tensors, NULL);
    check_every_allocation(write_tensors, NULL);
}

static void test_checkpoint(void **state)
{
    (void)state;
    size_t before = entries_in(folder);
    check_every_allocation(write_checkpoint, NULL);
    assert_int_equal(entries_in(folder), before + 1);
    check_every_allocation(read_checkpoint, NULL);
}

static void test_idx(void **state)
{
    enum { BYTES = 3 << 20 }; /* enough for the buffer to grow */
    static unsigned char data[8 + BYTES] = {0, 0, 8, 1, 0, BYTES >> 16, 0, 0};
    (void)state;
    write_test_file(in_folder("plain"), data, sizeof data);
    gzFile packed = gzopen(in_folder("packed"), "wb");
    assert_int_equal(gzwrite(packed, data, sizeof data), sizeof data);
    assert_int_equal(gzclose(packed), Z_OK);
    check_every_allocation(read_idx, (void *)(uintptr_t)in_folder("plain"));
    check_every_allocation(read_idx, (void *)(uintptr_t)in_folder("packed"));
}

static int make_folder(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    mkdir(in_folder("source"), 0777);
    write_test_file(in_folder("source/config.json"), "{\"torch_dtype\": \"float16\", \"n_layer\": 2}", 40);
    write_test_file(in_folder("source/vocab.txt"), "word", 4);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_idx),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
