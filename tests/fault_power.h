/* The disk after a power cut: made again out of the record of fault_disk.h, as a power cut after any of the steps may
 * have left it (Pillai et al., "All file systems are not created equal", OSDI 2014).
 *
 * Bytes written before the last sync of their file are there; later ones are, are not, or are by sectors of 512 bytes.
 * A name made, changed or taken away is as it was at the last sync of its folder, or later: names in one folder change
 * in their order, those of different folders in any. */
#ifndef CLADE_FAULT_POWER_H
#define CLADE_FAULT_POWER_H

#include "fault_disk.h"

#include "clade/rng.h"

enum { DISK_SECTOR = 512 };

typedef enum disk_loss { DISK_LOSE_ALL, DISK_LOSE_NOTHING, DISK_LOSE_SOME, DISK_LOSSES } disk_loss;

typedef struct disk_content {
    unsigned char *data; /* owned */
    uint64_t bytes;
} disk_content;

typedef struct disk_entry {
    unsigned folder, node;
    char name[DISK_NAME];
} disk_entry;

typedef struct disk_image {
    disk_content contents[DISK_NODES];
    disk_entry entries[DISK_NODES];
    size_t n_entries;
} disk_image;

static inline disk_entry *disk_entry_of(disk_image *image, unsigned folder, const char *name)
{
    for (size_t i = 0; i < image->n_entries; i++)
        if (image->entries[i].folder == folder && strcmp(image->entries[i].name, name) == 0)
            return &image->entries[i];
    return NULL;
}

static inline void disk_resize(disk_content *content, uint64_t bytes)
{
    if (bytes > content->bytes) {
        content->data = realloc(content->data, bytes);
        assert_non_null(content->data);
        memset(content->data + content->bytes, 0, bytes - content->bytes);
    }
    content->bytes = bytes;
}

/* A write, whole, or with TORN the sectors of it that it draws. */
static inline void disk_apply_write(disk_content *content, const disk_step *step, clade_rng *torn)
{
    if (step->offset + step->bytes > content->bytes)
        disk_resize(content, step->offset + step->bytes);
    for (uint64_t at = 0; at < step->bytes;) {
        const uint64_t left = DISK_SECTOR - (step->offset + at) % DISK_SECTOR;
        const uint64_t bytes = left < step->bytes - at ? left : step->bytes - at;
        if (!torn || clade_rng_below(torn, 2) == 0)
            memcpy(content->data + step->offset + at, step->data + at, bytes);
        at += bytes;
    }
}

static inline void disk_apply_name(disk_image *image, const disk_step *step)
{
    disk_entry *entry = disk_entry_of(image, step->node, step->name);
    disk_entry *other = disk_entry_of(image, step->node, step->other);
    if (step->kind == DISK_MAKE) {
        assert_true(!entry && image->n_entries < DISK_NODES);
        image->entries[image->n_entries] = (disk_entry){.folder = step->node, .node = step->made};
        snprintf(image->entries[image->n_entries++].name, DISK_NAME, "%s", step->name);
        return;
    }
    assert_non_null(entry);
    if (step->kind == DISK_EXCHANGE) {
        const unsigned node = entry->node;
        entry->node = other->node;
        other->node = node;
        return;
    }
    if (step->kind == DISK_RENAME && other)
        other->node = entry->node;
    if (step->kind == DISK_RENAME && !other)
        snprintf(entry->name, DISK_NAME, "%s", step->other);
    else
        *entry = image->entries[--image->n_entries];
}

static inline void disk_write_out(const disk_image *image, unsigned folder, const char *path)
{
    char below[TEST_PATH];
    for (size_t i = 0; i < image->n_entries; i++) {
        const disk_entry *entry = &image->entries[i];
        if (entry->folder != folder)
            continue;
        assert_true(snprintf(below, sizeof below, "%s/%s", path, entry->name) < TEST_PATH);
        if (disk.nodes[entry->node].folder) {
            assert_int_equal(mkdir(below, 0777), 0);
            disk_write_out(image, entry->node, below);
        } else {
            const disk_content *content = &image->contents[entry->node];
            write_test_file(below, content->data ? content->data : (const unsigned char *)"", content->bytes);
        }
    }
}

/* The root as a power cut after the first N steps leaves it. Recording ends; the record stays. */
static inline void disk_cut_power(size_t n, disk_loss loss, uint64_t seed)
{
    static disk_image image;
    bool synced[DISK_NODES] = {false}, *durable = calloc(n + 1, sizeof *durable), ended[DISK_NODES] = {false};
    clade_rng rng = clade_rng_seeded(seed, n);
    assert_non_null(durable);
    disk.recording = false;
    image.n_entries = 0;
    for (size_t i = n; i-- > 0;) {
        durable[i] = synced[disk.steps[i].node];
        if (disk.steps[i].kind == DISK_SYNC)
            synced[disk.steps[i].node] = true;
    }
    for (size_t i = 0; i < n; i++) {
        const disk_step *step = &disk.steps[i];
        disk_content *content = &image.contents[step->node];
        const bool name = step->kind <= DISK_EXCHANGE;
        const bool kept = durable[i] || loss == DISK_LOSE_NOTHING ||
                          (loss == DISK_LOSE_SOME && !ended[step->node] && clade_rng_below(&rng, 4) > 0);
        if (name && !kept)
            ended[step->node] = true; /* later names in this folder are not there either */
        if (step->kind == DISK_WRITE && kept)
            disk_apply_write(content, step, durable[i] || loss == DISK_LOSE_NOTHING ? NULL : &rng);
        if (step->kind == DISK_CUT && kept)
            disk_resize(content, step->offset);
        if (name && kept)
            disk_apply_name(&image, step);
    }
    remove_temporary_folder(disk.root);
    assert_int_equal(mkdir(disk.root, 0777), 0);
    disk_write_out(&image, 0, disk.root);
    for (size_t i = 0; i < disk.n_nodes; i++) {
        free(image.contents[i].data);
        image.contents[i] = (disk_content){0};
    }
    free(durable);
}

#endif
