/* A tiny random model and two tasks of random images, for tests of the score layer.
 *
 * Everything lies in a temporary folder: probes.json, heads.safetensors, IDX files (those of task "beta" gzip'd). Tests
 * overwrite single files and look at what changes. */
#ifndef CLADE_SCORE_FIXTURE_H
#define CLADE_SCORE_FIXTURE_H

#include "near.h"

#include <zlib.h>

#include "clade/rng.h"
#include "clade/safetensors.h"
#include "clade/score.h"

enum {
    TINY_ITEMS = 40, /* in every file: search 0..15, unlabelled 15..25, holdout 25..40 */
    TINY_SEARCH = 15,
    TINY_UNLABELLED = 10,
    TINY_SIDE = 8,
    TINY_IMAGE = TINY_SIDE * TINY_SIDE,
    TINY_EMBED = 6,
    TINY_WEIGHTS = 64
};

static const size_t tiny_classes[2] = {4, 3};
static const char *const tiny_names[2] = {"alpha", "beta"};

typedef struct tiny {
    char folder[TEST_PATH];
    clade_model *model;
    float *weights[TINY_WEIGHTS]; /* owned, one per weight of the model */
    clade_provider provider;
    clade_preprocess preprocess;
    uint8_t images[2][TINY_ITEMS * TINY_IMAGE], labels[2][TINY_ITEMS];
} tiny;

static inline clade_status tiny_acquire(void *context, const char *name, clade_tensor *out)
{
    const tiny *t = context;
    const char *known;
    size_t rank;
    const uint64_t *shape;
    for (size_t i = 0; clade_model_weight(t->model, i, &known, &rank, &shape); i++)
        if (strcmp(name, known) == 0) {
            *out = (clade_tensor){
                .name = known, .dtype = CLADE_F32, .rank = rank, .shape = shape, .count = 1, .data = t->weights[i]};
            for (size_t k = 0; k < rank; k++)
                out->count *= (size_t)shape[k];
            out->bytes = out->count * sizeof(float);
            return CLADE_OK;
        }
    return clade_fail(CLADE_EEVAL, "no tensor %s", name);
}

static inline void tiny_release(void *context, const clade_tensor *tensor)
{
    (void)context;
    (void)tensor;
}

static inline void tiny_make_model(tiny *t)
{
    const clade_model_shape shape = {.channels = 1,
                                     .image_size = TINY_SIDE,
                                     .patch = 4,
                                     .tokens = 5,
                                     .width = 8,
                                     .mlp = 16,
                                     .heads = 2,
                                     .blocks = 1,
                                     .projection = TINY_EMBED};
    const char *name;
    size_t rank;
    const uint64_t *extents;
    clade_rng rng = clade_rng_seeded(11, 1);
    assert_ok(clade_model_from_shape(&shape, &t->model));
    for (size_t i = 0; clade_model_weight(t->model, i, &name, &rank, &extents); i++) {
        size_t count = 1;
        for (size_t k = 0; k < rank; k++)
            count *= (size_t)extents[k];
        assert_in_range(i, 0, TINY_WEIGHTS - 1);
        t->weights[i] = malloc(count * sizeof(float));
        assert_non_null(t->weights[i]);
        for (size_t k = 0; k < count; k++)
            t->weights[i][k] = (float)(0.6 * clade_rng_normal(&rng));
    }
    t->provider = (clade_provider){.context = t, .acquire = tiny_acquire, .release = tiny_release, .version = 1};
    t->preprocess = (clade_preprocess){.mean = {0.5f}, .std = {0.5f}, .channels = 1};
}

/* COUNT items of ITEM bytes each as an IDX file of RANK axes: COUNT, then sides of TINY_SIDE. */
static inline void tiny_write_idx(const char *path, const uint8_t *data, unsigned rank, size_t count, size_t item)
{
    const unsigned char head[16] = {0, 0, 8, (unsigned char)rank, 0, 0, 0, (unsigned char)count,
                                    0, 0, 0, TINY_SIDE,           0, 0, 0, TINY_SIDE};
    const unsigned head_bytes = 4 + 4 * rank;
    gzFile file = gzopen(path, strstr(path, ".gz") ? "wb" : "wbT"); /* T: as it is */
    assert_non_null(file);
    assert_int_equal(gzwrite(file, head, head_bytes), head_bytes);
    assert_int_equal(gzwrite(file, data, (unsigned)(count * item)), count * item);
    assert_int_equal(gzclose(file), Z_OK);
}

static inline const char *tiny_path(const tiny *t, size_t task, const char *what)
{
    char name[64];
    snprintf(name, sizeof name, "%s-%s.idx%s", tiny_names[task], what, task == 1 ? ".gz" : "");
    return path_in(t->folder, name);
}

/* The images and labels of a task as they are in T, to their files. */
static inline void tiny_write_task(const tiny *t, size_t task)
{
    tiny_write_idx(tiny_path(t, task, "images"), t->images[task], 3, TINY_ITEMS, TINY_IMAGE);
    tiny_write_idx(tiny_path(t, task, "labels"), t->labels[task], 1, TINY_ITEMS, 1);
}

static inline void tiny_write_heads(const tiny *t)
{
    static const uint64_t shapes[2][2] = {{4, TINY_EMBED}, {3, TINY_EMBED}};
    float heads[2][4 * TINY_EMBED];
    clade_tensor tensors[2];
    clade_rng rng = clade_rng_seeded(12, 1);
    for (size_t k = 0; k < 2; k++) {
        const size_t count = tiny_classes[k] * TINY_EMBED;
        for (size_t i = 0; i < count; i++)
            heads[k][i] = (float)clade_rng_normal(&rng);
        tensors[k] = (clade_tensor){.name = tiny_names[k],
                                    .dtype = CLADE_F32,
                                    .rank = 2,
                                    .shape = shapes[k],
                                    .count = count,
                                    .bytes = count * sizeof(float),
                                    .data = heads[k]};
    }
    assert_ok(clade_safetensors_write(path_in(t->folder, "heads.safetensors"), tensors, 2, NULL, NULL));
}

static const char tiny_probes[] =
    "{\"tasks\": ["
    "{\"name\": \"alpha\", \"images\": \"alpha-images.idx\", \"labels\": \"alpha-labels.idx\","
    " \"head\": {\"file\": \"heads.safetensors\", \"tensor\": \"alpha\", \"logit_scale\": 10},"
    " \"splits\": {\"search\": [0, 15], \"unlabelled\": [15, 25], \"holdout\": [25, 40]}},"
    "{\"name\": \"beta\", \"images\": \"beta-images.idx.gz\", \"labels\": \"beta-labels.idx.gz\","
    " \"head\": {\"file\": \"heads.safetensors\", \"tensor\": \"beta\", \"logit_scale\": 20.5},"
    " \"splits\": {\"search\": [0, 15], \"unlabelled\": [15, 25], \"holdout\": [25, 40]}}]}";

static inline const char *tiny_probes_path(const tiny *t)
{
    return path_in(t->folder, "probes.json");
}

static inline clade_probes *tiny_read_probes(const tiny *t)
{
    clade_probes *probes = NULL;
    assert_ok(clade_probes_read(tiny_probes_path(t), &probes));
    return probes;
}

static inline int tiny_open(void **state)
{
    tiny *t = calloc(1, sizeof *t);
    assert_non_null(t);
    make_temporary_folder(t->folder);
    clade_rng rng = clade_rng_seeded(10, 1);
    for (size_t task = 0; task < 2; task++) {
        for (size_t i = 0; i < TINY_ITEMS * TINY_IMAGE; i++)
            t->images[task][i] = (uint8_t)clade_rng_below(&rng, 256);
        for (size_t i = 0; i < TINY_ITEMS; i++)
            t->labels[task][i] = (uint8_t)clade_rng_below(&rng, tiny_classes[task]);
        tiny_write_task(t, task);
    }
    tiny_write_heads(t);
    write_test_file(tiny_probes_path(t), tiny_probes, sizeof tiny_probes - 1);
    tiny_make_model(t);
    *state = t;
    return 0;
}

static inline int tiny_close(void **state)
{
    tiny *t = *state;
    clade_model_close(t->model);
    for (size_t i = 0; i < TINY_WEIGHTS; i++)
        free(t->weights[i]);
    remove_temporary_folder(t->folder);
    free(t);
    return 0;
}

/* A plan over SPLIT with everything on and three corruptions at severity 5. */
static inline clade_score_plan tiny_plan(clade_split split, bool rotate)
{
    return (clade_score_plan){.labelled_split = split,
                              .with_corrupted = true,
                              .with_unlabelled = true,
                              .corruptions = {clade_corruption_find("gaussian_noise"),
                                              clade_corruption_find("contrast"), clade_corruption_find("spatter")},
                              .severities = {5, 5, 5},
                              .n_corruptions = 3,
                              .rotate = rotate,
                              .seed = 3};
}

/* A scorer made, run and freed: everything that may fail in one status. SCORE is the caller's. */
static inline clade_status tiny_score(tiny *t, const clade_probes *probes, const clade_score_plan *plan,
                                      clade_score *score)
{
    clade_scorer *scorer = NULL;
    clade_status status = clade_scorer_new(probes, t->model, &t->preprocess, plan, &scorer);
    if (status == CLADE_OK)
        status = clade_scorer_run(scorer, &t->provider, score);
    clade_scorer_free(scorer);
    return status;
}

/* The score after PLAN, to be freed (clade_score_fini) by the caller. */
static inline clade_score tiny_score_of(tiny *t, const clade_score_plan *plan)
{
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0};
    assert_ok(tiny_score(t, probes, plan, &score));
    clade_probes_free(probes);
    return score;
}

/* Whether slot I of TASK was answered rightly. */
static inline bool tiny_bit(const clade_task_score *task, size_t i)
{
    return task->correct[i / 8] >> (i % 8) & 1;
}

/* The score as text, which says every number exactly; to be freed by the caller. */
static inline clade_text tiny_text(const clade_score *score, const clade_probes *probes, const clade_score_plan *plan)
{
    clade_text text = {0};
    clade_score_print(score, probes, plan, &text);
    assert_ok(clade_text_status(&text));
    return text;
}

#endif
