/* Loading items: the right ones, from every kind of file, and what is wrong with bad ones. */
#include "score_fixture.h"

static void check_items(const tiny *t, const clade_task *task, size_t k, clade_range range)
{
    clade_items items;
    assert_ok(clade_items_load(task, range, true, &items));
    assert_int_equal(items.count, range.last - range.first);
    assert_int_equal(items.first, range.first);
    assert_int_equal(items.channels, 1);
    assert_int_equal(items.height, TINY_SIDE);
    assert_int_equal(items.width, TINY_SIDE);
    assert_null(items.f32);
    assert_memory_equal(items.u8, t->images[k] + range.first * TINY_IMAGE, items.count * TINY_IMAGE);
    assert_memory_equal(items.labels, t->labels[k] + range.first, items.count);
    clade_items_free(&items);
    assert_ok(clade_items_load(task, range, false, &items));
    assert_null(items.labels);
    clade_items_free(&items);
}

static void idx(void **state)
{
    const tiny *t = *state;
    clade_probes *probes = tiny_read_probes(t);
    for (size_t k = 0; k < 2; k++) {
        check_items(t, &probes->tasks[k], k, (clade_range){0, TINY_ITEMS});
        check_items(t, &probes->tasks[k], k, (clade_range){7, 8});
        check_items(t, &probes->tasks[k], k, (clade_range){TINY_ITEMS - 1, TINY_ITEMS});
    }
    clade_items items;
    assert_ok(clade_items_load(&probes->tasks[0], (clade_range){3, 3}, true, &items));
    assert_int_equal(items.count, 0);
    assert_null(items.u8);
    clade_items_free(&items);
    clade_probes_free(probes);
}

static void refuse(const clade_task *task, clade_range range, clade_status status, const char *part)
{
    clade_items items;
    const size_t live = clade_alloc_live();
    assert_fails(clade_items_load(task, range, true, &items), status, part);
    assert_int_equal(clade_alloc_live(), live);
}

static void bad_idx(void **state)
{
    tiny *t = *state;
    clade_probes *probes = tiny_read_probes(t);
    const clade_task *alpha = &probes->tasks[0], *beta = &probes->tasks[1];
    refuse(alpha, (clade_range){30, 41}, CLADE_ECONFIG, "ends within the 40 items");
    refuse(beta, (clade_range){50, 60}, CLADE_ECONFIG, "found the range [50, 60]");
    t->labels[0][9] = 4;
    tiny_write_task(t, 0);
    refuse(alpha, (clade_range){5, 15}, CLADE_EINPUT, "the label of item 9 is 4, expected 0 to 3");
    tiny_write_idx(tiny_path(t, 0, "labels"), t->labels[0], 1, 39, 1);
    refuse(alpha, (clade_range){0, 5}, CLADE_EINPUT, "found 39 labels, expected one for each of the 40 images");
    refuse(alpha, (clade_range){35, 40}, CLADE_EINPUT, "found 39 labels");
    tiny_write_idx(tiny_path(t, 0, "labels"), t->images[0], 2, TINY_ITEMS, TINY_SIDE);
    refuse(alpha, (clade_range){0, 5}, CLADE_EINPUT, "found 2 axes, expected 1");
    write_test_file(tiny_path(t, 1, "images"), "\x1f\x8b rubbish", 10);
    refuse(beta, (clade_range){0, 5}, CLADE_EINPUT, "beta-images.idx.gz");
    clade_probes_free(probes);
}

/* Of all splits, before any is loaded. */
static void ranges_of_splits(void **state)
{
    const tiny *t = *state;
    clade_probes *probes = tiny_read_probes(t);
    clade_range *splits = probes->tasks[1].splits;
    assert_ok(clade_probes_check_ranges(probes));
    splits[CLADE_HOLDOUT] = (clade_range){TINY_ITEMS - 1, TINY_ITEMS};
    assert_ok(clade_probes_check_ranges(probes));
    splits[CLADE_HOLDOUT] = (clade_range){10, TINY_ITEMS + 1};
    assert_fails(clade_probes_check_ranges(probes), CLADE_ECONFIG, "task \"beta\": found the range [10, 41]");
    memset(splits, 0, CLADE_SPLITS * sizeof *splits);
    assert_ok(clade_probes_check_ranges(probes));
    clade_probes_free(probes);
}

/* ---- safetensors ---- */

typedef struct content {
    clade_dtype images, labels;
    const void *image_data, *label_data;
    uint64_t image_shape[4], label_shape[2];
    size_t label_rank;
} content;

static clade_tensor tensor_of(const char *name, clade_dtype dtype, size_t rank, const uint64_t *shape, const void *data)
{
    clade_tensor tensor = {.name = name, .dtype = dtype, .rank = rank, .shape = shape, .count = 1, .data = data};
    for (size_t i = 0; i < rank; i++)
        tensor.count *= (size_t)shape[i];
    tensor.bytes = tensor.count * clade_dtype_of(dtype)->bits / 8;
    return tensor;
}

static void write_content(const char *path, const content *c)
{
    const clade_tensor tensors[2] = {tensor_of("images", c->images, 4, c->image_shape, c->image_data),
                                     tensor_of("labels", c->labels, c->label_rank, c->label_shape, c->label_data)};
    assert_ok(clade_safetensors_write(path, tensors, 2, NULL, NULL));
}

/* Two-pixel images 0, 1, 2 of two channels; labels 2, 0, 1 of whatever integers. */
static const uint8_t u8_images[12] = {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
static const float f32_images[12] = {0.0f, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1.0f, 0.0f};
static const int8_t i8_labels[3] = {2, 0, 1};
static const int16_t i16_labels[3] = {2, 0, 1};
static const int32_t i32_labels[3] = {2, 0, 1};
static const int64_t i64_labels[3] = {2, 0, 1};

static content good(void)
{
    return (content){CLADE_U8, CLADE_I64, u8_images, i64_labels, {3, 2, 1, 2}, {3, 1}, 1};
}

static void safetensors(void **state)
{
    const tiny *t = *state;
    static const struct {
        clade_dtype dtype;
        const void *data;
    } labels[] = {{CLADE_I8, i8_labels},   {CLADE_U8, i8_labels},   {CLADE_I16, i16_labels}, {CLADE_U16, i16_labels},
                  {CLADE_I32, i32_labels}, {CLADE_U32, i32_labels}, {CLADE_I64, i64_labels}, {CLADE_U64, i64_labels}};
    char *path = clade_strdup(path_in(t->folder, "all.safetensors"));
    const clade_task task = {.name = "x", .images = path, .classes = 3};
    for (size_t k = 0; k < 8; k++) {
        content c = good();
        c.images = k % 2 ? CLADE_F32 : CLADE_U8;
        c.image_data = k % 2 ? (const void *)f32_images : u8_images;
        c.labels = labels[k].dtype;
        c.label_data = labels[k].data;
        write_content(path, &c);
        clade_items items;
        assert_ok(clade_items_load(&task, (clade_range){1, 3}, true, &items));
        assert_int_equal(items.channels, 2);
        assert_int_equal(items.height, 1);
        assert_int_equal(items.width, 2);
        if (k % 2)
            assert_memory_equal(items.f32, f32_images + 4, 8 * sizeof(float));
        else
            assert_memory_equal(items.u8, u8_images + 4, 8);
        assert_int_equal(items.labels[0], 0);
        assert_int_equal(items.labels[1], 1);
        clade_items_free(&items);
    }
    clade_free(path);
}

static void bad_safetensors(void **state)
{
    const tiny *t = *state;
    char *path = clade_strdup(path_in(t->folder, "all.safetensors"));
    const clade_task task = {.name = "x", .images = path, .classes = 3},
                     two = {.name = "x", .images = path, .classes = 2};
    static const int64_t negative[3] = {2, -5, 1};
    static const float nan[12] = {0.0f, 0.0f, 0.0f, 0.0f, NAN};
    content c = good();
    write_content(path, &c);
    refuse(&task, (clade_range){0, 4}, CLADE_ECONFIG, "ends within the 3 items");
    refuse(&two, (clade_range){0, 2}, CLADE_EINPUT, "the label of item 0 is 2, expected 0 to 1");
    c.label_data = negative;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 3}, CLADE_EINPUT, "the label of item 1 is -5, expected 0 to 2");
    c = good();
    c.images = CLADE_F32;
    c.image_data = nan;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 3}, CLADE_EINPUT, "item 1 holds");
    c = good();
    c.label_shape[0] = 2;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 1}, CLADE_EINPUT, "found 2 labels, expected one for each of the 3 images");
    c = good();
    c.label_rank = 2;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 1}, CLADE_EINPUT, "found I64 [3, 1], expected integers [N]");
    c = good();
    c.labels = CLADE_F64;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 1}, CLADE_EINPUT, "found F64 [3], expected integers [N]");
    c = good();
    c.images = CLADE_I8;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 1}, CLADE_EINPUT, "found dtype I8, expected U8 or F32");
    c = good();
    c.image_shape[1] = 0;
    write_content(path, &c);
    refuse(&task, (clade_range){0, 1}, CLADE_EINPUT, "found shape [3, 0, 1, 2]");
    clade_free(path);
}

/* Images in safetensors, labels in a file of their own. */
static void labels_elsewhere(void **state)
{
    const tiny *t = *state;
    char *path = clade_strdup(path_in(t->folder, "all.safetensors")),
         *labels = clade_strdup(path_in(t->folder, "l.idx"));
    const clade_task task = {.name = "x", .images = path, .labels = labels, .classes = 3};
    const content c = good();
    const uint8_t own[3] = {1, 1, 2};
    write_content(path, &c);
    tiny_write_idx(labels, own, 1, 3, 1);
    clade_items items;
    assert_ok(clade_items_load(&task, (clade_range){0, 3}, true, &items));
    assert_memory_equal(items.labels, own, 3);
    clade_items_free(&items);
    clade_free(path);
    clade_free(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(idx, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(bad_idx, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(ranges_of_splits, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(safetensors, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(bad_safetensors, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(labels_elsewhere, tiny_open, tiny_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
