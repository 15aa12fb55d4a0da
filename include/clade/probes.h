/* Probes: labelled and unlabelled images of several tasks, with a frozen head each (DESIGN.md 8, probes.json).
 *
 * Images come from IDX (plain or gzip'd; u8, one channel: (N, H, W), or four axes (N, C, H, W)) or from a safetensors
 * file with `images` (U8, or F32 in [0, 1]; N, C, H, W) and `labels` (any integer dtype, N); then "labels" may be left
 * out of probes.json. A name ending in ".safetensors" is one, every other file is IDX. Only the ranges that are asked
 * for are ever read: the labels of the unlabelled split never are, and a search reads nothing of the holdout split
 * (laws; tests poison the bytes and see no change). */
#ifndef CLADE_PROBES_H
#define CLADE_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/hash.h"
#include "clade/status.h"

typedef enum clade_split { CLADE_SEARCH, CLADE_UNLABELLED, CLADE_HOLDOUT, CLADE_SPLITS } clade_split;
const char *clade_split_name(clade_split split); /* "search", "unlabelled", "holdout" */
bool clade_split_parse(const char *name, clade_split *split);

typedef struct clade_range {
    uint64_t first, last; /* items first .. last-1 of the image file */
} clade_range;

typedef struct clade_task {
    char *name;
    char *images, *labels; /* paths, as they can be opened; labels NULL: in the safetensors file */
    char *head_file, *head_tensor;
    double logit_scale;               /* > 0 */
    clade_range splits[CLADE_SPLITS]; /* disjoint; empty (0, 0) when not given */
    float *head;                      /* (classes, width), unit rows, owned */
    size_t classes, width;
} clade_task;

typedef struct clade_probes {
    char *path;
    clade_task *tasks; /* (n_tasks), owned */
    size_t n_tasks;
} clade_probes;

/* Read probes.json and the heads; all problems at once. CLADE_ECONFIG for the JSON (unknown key, overlapping or
 * reversed splits, duplicate task), CLADE_EINPUT for files (head missing or a zero row). Image files are only checked
 * to exist; ranges are checked against their length when images are loaded, or by _check_ranges: the files are read, and
 * the last item of each task is looked at. */
clade_status clade_probes_read(const char *path, clade_probes **probes) CLADE_CHECK_RESULT;
clade_status clade_probes_check_ranges(const clade_probes *probes) CLADE_CHECK_RESULT;
void clade_probes_free(clade_probes *probes);
/* SHA-256 over everything in probes.json that scores depend on, and the heads' values (not the images); hex. */
void clade_probes_hash(const clade_probes *probes, char hex[CLADE_SHA256_HEX]);

/* Items FIRST..LAST-1 of a task. */
typedef struct clade_items {
    size_t count, channels, height, width;
    uint8_t *u8;     /* (count, C, H, W), owned; NULL when the file is F32 */
    float *f32;      /* (count, C, H, W) in [0, 1], owned; NULL when the file is U8 */
    uint8_t *labels; /* (count), owned; NULL when not asked for */
    uint64_t first;  /* index of item 0 in the file: keys of the corruptions */
} clade_items;

/* Load RANGE of TASK; labels only when WITH_LABELS. CLADE_ECONFIG when the range ends beyond the file; CLADE_EINPUT for
 * a label >= classes (file, index, found, expected), images not in [0, 1], labels of another count than images. At most
 * 256 classes. */
clade_status clade_items_load(const clade_task *task, clade_range range, bool with_labels,
                              clade_items *items) CLADE_CHECK_RESULT;
void clade_items_free(clade_items *items);

#endif
