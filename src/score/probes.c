/* Probes: reading probes.json, its files' existence, and the heads. */
#include "clade/probes.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "clade/kernels.h"
#include "clade/safetensors.h"
#include "score/probes_json.h"

static const char *const split_names[] = {
    [CLADE_SEARCH] = "search", [CLADE_UNLABELLED] = "unlabelled", [CLADE_HOLDOUT] = "holdout"};
_Static_assert(sizeof split_names / sizeof *split_names == CLADE_SPLITS, "one name per split");

const char *clade_split_name(clade_split split)
{
    return split_names[split];
}

bool clade_split_parse(const char *name, clade_split *split)
{
    for (clade_split s = 0; s < CLADE_SPLITS; s++)
        if (strcmp(split_names[s], name) == 0) {
            *split = s;
            return true;
        }
    return false;
}

/* ---- heads ---- */

enum { MAX_CLASSES = 256 }; /* labels are kept in a byte */

/* Rows of any length but 0 become rows of length 1. */
static clade_status normalise_rows(clade_task *task)
{
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t c = 0; c < task->classes; c++) {
        float *row = task->head + c * task->width;
        const double norm = sqrt(kernels->dot(task->width, row, row));
        if (!(norm > 0.0 && isfinite(norm)))
            return clade_fail(CLADE_EINPUT, "%s: tensor \"%s\": row %zu has length %g, expected a finite one above 0",
                              task->head_file, task->head_tensor, c, norm);
        for (size_t i = 0; i < task->width; i++)
            row[i] = (float)((double)row[i] / norm);
    }
    return CLADE_OK;
}

static clade_status take_head(const clade_tensor *tensor, clade_task *task)
{
    char shape[64];
    if (!tensor)
        return clade_fail(CLADE_EINPUT, "%s: no tensor \"%s\", expected the head of task \"%s\"", task->head_file,
                          task->head_tensor, task->name);
    const clade_dtype_traits *dtype = clade_dtype_of(tensor->dtype);
    if (!dtype->mergeable)
        return clade_fail(CLADE_EINPUT, "%s: tensor \"%s\": found dtype %s, expected F32, F16, BF16 or F64",
                          task->head_file, task->head_tensor, dtype->name);
    if (tensor->rank != 2 || tensor->shape[0] < 1 || tensor->shape[0] > MAX_CLASSES || tensor->shape[1] < 1)
        return clade_fail(CLADE_EINPUT, "%s: tensor \"%s\": found shape %s, expected [classes, width], 1 to %d classes",
                          task->head_file, task->head_tensor, clade_tensor_shape_text(tensor, shape, sizeof shape),
                          MAX_CLASSES);
    task->head = clade_malloc(tensor->count * sizeof *task->head);
    if (!task->head)
        return clade_fail_memory(tensor->count * sizeof *task->head, "a head");
    task->classes = (size_t)tensor->shape[0];
    task->width = (size_t)tensor->shape[1];
    clade_widen(tensor->dtype, tensor->data, tensor->count, task->head);
    return normalise_rows(task);
}

static clade_status read_head(clade_task *task)
{
    clade_safetensors *file = NULL;
    CLADE_TRY(clade_safetensors_open(task->head_file, &file));
    const clade_status status = take_head(clade_safetensors_find(file, task->head_tensor), task);
    clade_safetensors_close(file);
    return status;
}

/* ---- the whole ---- */

/* What is wrong with the files of all tasks, at once. Only a lack of memory ends the list early. */
static clade_status read_files(clade_probes *probes)
{
    clade_problems problems = {0};
    for (size_t i = 0; i < probes->n_tasks; i++) {
        clade_task *task = &probes->tasks[i];
        const char *const paths[] = {task->images, task->labels};
        for (size_t k = 0; k < 2; k++)
            if (paths[k] && (!clade_path_exists(paths[k]) || clade_path_is_folder(paths[k])))
                clade_problem(&problems, "%s: %s, expected the %s of task \"%s\" (named in %s)", paths[k],
                              clade_path_exists(paths[k]) ? "no file that can be read" : "no such file",
                              k == 0 ? "images" : "labels", task->name, probes->path);
        const clade_status status = read_head(task);
        if (status == CLADE_EIO) {
            clade_text_free(&problems.text);
            return status;
        }
        if (status != CLADE_OK)
            clade_problem(&problems, "%s", clade_error_message());
    }
    return clade_problems_end(&problems, CLADE_EINPUT);
}

clade_status clade_probes_read(const char *path, clade_probes **probes)
{
    clade_json *document = NULL;
    clade_probes *found = NULL;
    CLADE_TRY(clade_json_read(path, CLADE_ECONFIG, &document));
    clade_status status = clade_probes_from_json(document, path, &found);
    clade_json_free(document);
    if (status != CLADE_OK)
        return status;
    status = read_files(found);
    if (status != CLADE_OK)
        clade_probes_free(found);
    else
        *probes = found;
    return status;
}

void clade_probes_free(clade_probes *probes)
{
    if (!probes)
        return;
    for (size_t i = 0; i < probes->n_tasks; i++) {
        clade_task *task = &probes->tasks[i];
        clade_free(task->name);
        clade_free(task->images);
        clade_free(task->labels);
        clade_free(task->head_file);
        clade_free(task->head_tensor);
        clade_free(task->head);
    }
    clade_free(probes->tasks);
    clade_free(probes->path);
    clade_free(probes);
}

/* ---- identity ---- */

static void hash_u64(clade_sha256 *hash, uint64_t value)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    clade_sha256_update(hash, bytes, sizeof bytes);
}

static void hash_text(clade_sha256 *hash, const char *text)
{
    const size_t length = strlen(text);
    hash_u64(hash, length);
    clade_sha256_update(hash, text, length);
}

/* PATH as probes.json wrote it, so that the hash stays when a folder is moved as a whole. */
static const char *as_written(const clade_probes *probes, const char *path)
{
    const char *slash = strrchr(probes->path, '/');
    const size_t folder = slash ? (size_t)(slash - probes->path) + 1 : 0;
    return strncmp(path, probes->path, folder) == 0 ? path + folder : path;
}

void clade_probes_hash(const clade_probes *probes, char hex[CLADE_SHA256_HEX])
{
    clade_sha256 hash;
    clade_sha256_init(&hash);
    hash_u64(&hash, probes->n_tasks);
    for (size_t i = 0; i < probes->n_tasks; i++) {
        const clade_task *task = &probes->tasks[i];
        uint64_t scale;
        memcpy(&scale, &task->logit_scale, sizeof scale);
        hash_text(&hash, task->name);
        hash_text(&hash, as_written(probes, task->images));
        hash_text(&hash, task->labels ? as_written(probes, task->labels) : "");
        hash_u64(&hash, scale);
        for (clade_split s = 0; s < CLADE_SPLITS; s++) {
            hash_u64(&hash, task->splits[s].first);
            hash_u64(&hash, task->splits[s].last);
        }
        hash_u64(&hash, task->classes);
        hash_u64(&hash, task->width);
        for (size_t k = 0; k < task->classes * task->width; k++) {
            uint32_t bits;
            memcpy(&bits, &task->head[k], sizeof bits);
            hash_u64(&hash, bits);
        }
    }
    clade_sha256_hex(&hash, hex);
}
