/* Items of a task: a range of images, and their labels when asked for, from IDX or safetensors.
 *
 * Nothing outside the range is kept, and of a safetensors map nothing outside it is touched, so what lies in the splits
 * that were not asked for cannot change a score. */
#include "score/items.h"

#include <inttypes.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/idx.h"
#include "clade/safetensors.h"

bool clade_is_safetensors_name(const char *path)
{
    static const char suffix[] = ".safetensors";
    const size_t length = strlen(path), tail = sizeof suffix - 1;
    return length >= tail && strcmp(path + length - tail, suffix) == 0;
}

/* TOTAL items are in FILE; the range must end among them. */
static clade_status check_range(const clade_task *task, const char *file, clade_range range, uint64_t total)
{
    if (range.last <= total)
        return CLADE_OK;
    return clade_fail(CLADE_ECONFIG,
                      "task \"%s\": found the range [%" PRIu64 ", %" PRIu64
                      "], expected one that ends within the %" PRIu64 " items of %s",
                      task->name, range.first, range.last, total, file);
}

/* ---- images ---- */

/* The tensor `images` of an open file: U8 or F32, (N, C, H, W), no extent but N 0. */
static clade_status find_images(const clade_safetensors *file, const char *path, const clade_tensor **images)
{
    char shape[64];
    const clade_tensor *found = clade_safetensors_find(file, "images");
    if (!found)
        return clade_fail(CLADE_EINPUT, "%s: no tensor \"images\"", path);
    if (found->dtype != CLADE_U8 && found->dtype != CLADE_F32)
        return clade_fail(CLADE_EINPUT, "%s: tensor \"images\": found dtype %s, expected U8 or F32", path,
                          clade_dtype_of(found->dtype)->name);
    if (found->rank != 4 || found->shape[1] == 0 || found->shape[2] == 0 || found->shape[3] == 0)
        return clade_fail(CLADE_EINPUT, "%s: tensor \"images\": found shape %s, expected [N, C, H, W]", path,
                          clade_tensor_shape_text(found, shape, sizeof shape));
    *images = found;
    return CLADE_OK;
}

/* F32 values of items from FIRST on must lie in [0, 1]; NaN does not. */
static clade_status check_values(const char *path, const float *x, size_t count, size_t image, uint64_t first)
{
    for (size_t i = 0; i < count; i++)
        if (!(x[i] >= 0.0f && x[i] <= 1.0f))
            return clade_fail(CLADE_EINPUT,
                              "%s: tensor \"images\": item %" PRIu64 " holds %g, expected values in [0, 1]", path,
                              first + i / image, (double)x[i]);
    return CLADE_OK;
}

static clade_status copy_images(const clade_task *task, const clade_safetensors *file, clade_range range,
                                clade_items *items, uint64_t *total)
{
    const clade_tensor *images;
    CLADE_TRY(find_images(file, task->images, &images));
    *total = images->shape[0];
    CLADE_TRY(check_range(task, task->images, range, *total));
    items->channels = (size_t)images->shape[1];
    items->height = (size_t)images->shape[2];
    items->width = (size_t)images->shape[3];
    const size_t image = items->channels * items->height * items->width, count = items->count * image;
    const size_t value = images->dtype == CLADE_F32 ? sizeof *items->f32 : 1;
    void *copy = clade_malloc(count * value);
    if (!copy)
        return clade_fail_memory(count * value, "images");
    memcpy(copy, (const unsigned char *)images->data + range.first * image * value, count * value);
    if (images->dtype == CLADE_U8) {
        items->u8 = copy;
        return CLADE_OK;
    }
    items->f32 = copy;
    return check_values(task->images, items->f32, count, image, range.first);
}

static clade_status load_images_safetensors(const clade_task *task, clade_range range, clade_items *items,
                                            uint64_t *total)
{
    clade_safetensors *file = NULL;
    CLADE_TRY(clade_safetensors_open(task->images, &file));
    const clade_status status = copy_images(task, file, range, items, total);
    clade_safetensors_close(file);
    return status;
}

static clade_status load_images_idx(const clade_task *task, clade_range range, clade_items *items, uint64_t *total)
{
    clade_idx idx = {0};
    clade_status status = clade_idx_read_range(task->images, range.first, range.last, &idx, total);
    if (*total > 0 && range.last > *total) /* the file is right, the range in probes.json is not */
        status = check_range(task, task->images, range, *total);
    if (status == CLADE_OK && idx.rank != 3 && idx.rank != 4)
        status = clade_fail(CLADE_EINPUT, "%s: found %u axes, expected 3 (N, H, W) or 4 (N, C, H, W)", task->images,
                            idx.rank);
    if (status == CLADE_OK && idx.count == 0)
        status = clade_fail(CLADE_EINPUT, "%s: found images without pixels", task->images);
    if (status != CLADE_OK) {
        clade_idx_free(&idx);
        return status;
    }
    const uint64_t *sides = idx.shape + idx.rank - 2;
    items->channels = idx.rank == 4 ? (size_t)idx.shape[1] : 1;
    items->height = (size_t)sides[0];
    items->width = (size_t)sides[1];
    items->u8 = idx.data; /* transferred */
    return CLADE_OK;
}

/* ---- labels ---- */

static bool is_signed(clade_dtype dtype)
{
    return dtype == CLADE_I8 || dtype == CLADE_I16 || dtype == CLADE_I32 || dtype == CLADE_I64;
}

/* Integer INDEX of little-endian DATA, sign-extended to 64 bits. */
static uint64_t integer_at(const clade_tensor *tensor, uint64_t index)
{
    const size_t size = clade_dtype_of(tensor->dtype)->bits / 8;
    const unsigned char *bytes = (const unsigned char *)tensor->data + index * size;
    uint64_t value = is_signed(tensor->dtype) && bytes[size - 1] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static clade_status bad_label(const clade_task *task, const char *path, uint64_t item, const char *sign, uint64_t label)
{
    return clade_fail(CLADE_EINPUT,
                      "%s: the label of item %" PRIu64 " is %s%" PRIu64
                      ", expected 0 to %zu (task \"%s\" has %zu classes)",
                      path, item, sign, label, task->classes - 1, task->name, task->classes);
}

/* Both files must tell the same number of items. */
static clade_status check_total(const clade_task *task, const char *path, uint64_t labels, uint64_t images)
{
    if (labels == images)
        return CLADE_OK;
    return clade_fail(CLADE_EINPUT,
                      "%s: found %" PRIu64 " labels, expected one for each of the %" PRIu64 " images of %s", path,
                      labels, images, task->images);
}

static clade_status copy_labels(const clade_task *task, const char *path, const clade_safetensors *file,
                                clade_items *items, uint64_t total)
{
    char shape[64];
    const clade_tensor *labels = clade_safetensors_find(file, "labels");
    if (!labels)
        return clade_fail(CLADE_EINPUT, "%s: no tensor \"labels\"", path);
    if (!clade_dtype_of(labels->dtype)->integer || labels->rank != 1)
        return clade_fail(CLADE_EINPUT, "%s: tensor \"labels\": found %s %s, expected integers [N]", path,
                          clade_dtype_of(labels->dtype)->name, clade_tensor_shape_text(labels, shape, sizeof shape));
    CLADE_TRY(check_total(task, path, labels->shape[0], total));
    for (size_t i = 0; i < items->count; i++) {
        const uint64_t label = integer_at(labels, items->first + i);
        if (label >= task->classes) {
            const bool negative = is_signed(labels->dtype) && label > INT64_MAX;
            return bad_label(task, path, items->first + i, negative ? "-" : "", negative ? -label : label);
        }
        items->labels[i] = (uint8_t)label;
    }
    return CLADE_OK;
}

static clade_status load_labels_safetensors(const clade_task *task, const char *path, clade_items *items,
                                            uint64_t total)
{
    clade_safetensors *file = NULL;
    CLADE_TRY(clade_safetensors_open(path, &file));
    const clade_status status = copy_labels(task, path, file, items, total);
    clade_safetensors_close(file);
    return status;
}

static clade_status load_labels_idx(const clade_task *task, clade_items *items, uint64_t images)
{
    clade_idx idx = {0};
    uint64_t total = 0;
    clade_status status = clade_idx_read_range(task->labels, items->first, items->first + items->count, &idx, &total);
    if (total > 0 && total != images)
        status = check_total(task, task->labels, total, images);
    if (status == CLADE_OK && idx.rank != 1)
        status = clade_fail(CLADE_EINPUT, "%s: found %u axes, expected 1 (N)", task->labels, idx.rank);
    for (size_t i = 0; i < items->count && status == CLADE_OK; i++) {
        if (idx.data[i] >= task->classes)
            status = bad_label(task, task->labels, items->first + i, "", idx.data[i]);
        items->labels[i] = idx.data[i];
    }
    clade_idx_free(&idx);
    return status;
}

static clade_status load_labels(const clade_task *task, clade_items *items, uint64_t total)
{
    const char *path = task->labels ? task->labels : task->images;
    items->labels = clade_malloc(items->count);
    if (!items->labels)
        return clade_fail_memory(items->count, "labels");
    return clade_is_safetensors_name(path) ? load_labels_safetensors(task, path, items, total)
                                           : load_labels_idx(task, items, total);
}

/* ---- the whole ---- */

/* Without labels. TOTAL: how many the file has, also where RANGE ends beyond. */
static clade_status load_images(const clade_task *task, clade_range range, clade_items *items, uint64_t *total)
{
    *items = (clade_items){.count = (size_t)(range.last - range.first), .first = range.first};
    *total = 0;
    return clade_is_safetensors_name(task->images) ? load_images_safetensors(task, range, items, total)
                                                   : load_images_idx(task, range, items, total);
}

clade_status clade_items_load(const clade_task *task, clade_range range, bool with_labels, clade_items *items)
{
    *items = (clade_items){.first = range.first};
    if (range.last == range.first)
        return CLADE_OK;
    uint64_t total;
    clade_status status = load_images(task, range, items, &total);
    if (status == CLADE_OK && with_labels)
        status = load_labels(task, items, total);
    if (status != CLADE_OK)
        clade_items_free(items);
    return status;
}

clade_status clade_probes_check_ranges(const clade_probes *probes)
{
    for (size_t t = 0; t < probes->n_tasks; t++) {
        const clade_task *task = &probes->tasks[t];
        clade_range last = task->splits[0];
        clade_items item = {0};
        uint64_t total = 0;
        for (size_t s = 1; s < CLADE_SPLITS; s++)
            last = task->splits[s].last > last.last ? task->splits[s] : last;
        if (last.last == 0)
            continue;
        clade_status status = load_images(task, (clade_range){last.last - 1, last.last}, &item, &total);
        if (status == CLADE_ECONFIG)
            status = check_range(task, task->images, last, total); /* as it was given */
        clade_items_free(&item);
        CLADE_TRY(status);
    }
    return CLADE_OK;
}

void clade_items_free(clade_items *items)
{
    clade_free(items->u8);
    clade_free(items->f32);
    clade_free(items->labels);
    *items = (clade_items){0};
}

clade_status clade_items_value_bytes(const clade_task *task, size_t *bytes)
{
    *bytes = 1;
    if (!clade_is_safetensors_name(task->images))
        return CLADE_OK;
    clade_safetensors *file = NULL;
    const clade_tensor *images = NULL;
    CLADE_TRY(clade_safetensors_open(task->images, &file));
    const clade_status status = find_images(file, task->images, &images);
    if (status == CLADE_OK && images->dtype == CLADE_F32)
        *bytes = sizeof(float);
    clade_safetensors_close(file);
    return status;
}
