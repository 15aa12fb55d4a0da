/* A search must not see what it is not meant to see: bytes outside the ranges that are asked for are poisoned, and the
 * score must stay the same to the last bit. */
#include "score_fixture.h"

enum { POISON = 255 };

static clade_text score_text(tiny *t, const clade_score_plan *plan)
{
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0};
    assert_ok(tiny_score(t, probes, plan, &score));
    const clade_text text = tiny_text(&score, probes, plan);
    clade_score_fini(&score);
    clade_probes_free(probes);
    return text;
}

/* PLAN scores what it scored before. BEFORE is freed. */
static void check_same(tiny *t, const clade_score_plan *plan, clade_text before)
{
    clade_text after = score_text(t, plan);
    assert_string_equal(clade_text_get(&before), clade_text_get(&after));
    clade_text_free(&before);
    clade_text_free(&after);
}

static void labels_outside_the_search_split(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    const clade_text clean = score_text(t, &plan);
    for (size_t task = 0; task < 2; task++) {
        memset(t->labels[task] + TINY_SEARCH, POISON, TINY_ITEMS - TINY_SEARCH);
        tiny_write_task(t, task);
    }
    check_same(t, &plan, clean);
}

static void holdout_images(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, false);
    const clade_text clean = score_text(t, &plan);
    const size_t seen = TINY_SEARCH + TINY_UNLABELLED;
    for (size_t task = 0; task < 2; task++) {
        memset(t->images[task] + seen * TINY_IMAGE, POISON, (TINY_ITEMS - seen) * TINY_IMAGE);
        tiny_write_task(t, task);
    }
    check_same(t, &plan, clean);
}

/* The other way round: what is meant to be seen is. */
static void search_images_matter(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_text clean = score_text(t, &plan);
    memset(t->images[0], POISON, TINY_IMAGE);
    tiny_write_task(t, 0);
    clade_text poisoned = score_text(t, &plan);
    assert_string_not_equal(clade_text_get(&clean), clade_text_get(&poisoned));
    clade_text_free(&clean);
    clade_text_free(&poisoned);
}

static void holdout_labels_are_read_by_a_holdout_plan(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_HOLDOUT, false);
    t->labels[1][TINY_ITEMS - 1] = POISON;
    tiny_write_task(t, 1);
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0};
    assert_fails(tiny_score(t, probes, &plan, &score), CLADE_EINPUT, "the label of item 39 is 255, expected 0 to 2");
    clade_probes_free(probes);
}

/* The labels file may be missing altogether where no label is asked for. */
static void unlabelled_plan_reads_no_labels(void **state)
{
    tiny *t = *state;
    clade_score_plan plan = tiny_plan(CLADE_UNLABELLED, false);
    plan.with_corrupted = false;
    const clade_text clean = score_text(t, &plan);
    for (size_t task = 0; task < 2; task++)
        write_test_file(tiny_path(t, task, "labels"), "no labels here", 14);
    check_same(t, &plan, clean);
}

/* ---- the same for safetensors ---- */

static const char safetensors_probes[] =
    "{\"tasks\": [{\"name\": \"alpha\", \"images\": \"all.safetensors\","
    " \"head\": {\"file\": \"heads.safetensors\", \"tensor\": \"alpha\", \"logit_scale\": 10},"
    " \"splits\": {\"search\": [0, 15], \"unlabelled\": [15, 25], \"holdout\": [25, 40]}}]}";

/* Images of task alpha as DTYPE (U8 or F32 in [0, 1]), labels as I64. POISONED: everything that a search must not see.
 */
static void write_all(const tiny *t, clade_dtype dtype, bool poisoned)
{
    static const uint64_t image_shape[] = {TINY_ITEMS, 1, TINY_SIDE, TINY_SIDE}, label_shape[] = {TINY_ITEMS};
    static float f32[TINY_ITEMS * TINY_IMAGE];
    static uint8_t u8[TINY_ITEMS * TINY_IMAGE];
    static int64_t labels[TINY_ITEMS];
    const size_t count = TINY_ITEMS * TINY_IMAGE;
    for (size_t i = 0; i < count; i++) {
        const bool poison = poisoned && i / TINY_IMAGE >= TINY_SEARCH + TINY_UNLABELLED;
        u8[i] = poison ? POISON : t->images[0][i];
        f32[i] = poison ? -7.0f : (float)t->images[0][i] / 255.0f;
    }
    for (size_t i = 0; i < TINY_ITEMS; i++)
        labels[i] = poisoned && i >= TINY_SEARCH ? -1 : t->labels[0][i];
    const bool is_f32 = dtype == CLADE_F32;
    const clade_tensor tensors[2] = {{.name = "images",
                                      .dtype = dtype,
                                      .rank = 4,
                                      .shape = image_shape,
                                      .count = count,
                                      .bytes = is_f32 ? sizeof f32 : sizeof u8,
                                      .data = is_f32 ? (const void *)f32 : u8},
                                     {.name = "labels",
                                      .dtype = CLADE_I64,
                                      .rank = 1,
                                      .shape = label_shape,
                                      .count = TINY_ITEMS,
                                      .bytes = sizeof labels,
                                      .data = labels}};
    assert_ok(clade_safetensors_write(path_in(t->folder, "all.safetensors"), tensors, 2, NULL, NULL));
}

static void safetensors(void **state)
{
    tiny *t = *state;
    static const clade_dtype dtypes[] = {CLADE_U8, CLADE_F32};
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true), holdout = tiny_plan(CLADE_HOLDOUT, true);
    write_test_file(tiny_probes_path(t), safetensors_probes, sizeof safetensors_probes - 1);
    for (size_t k = 0; k < 2; k++) {
        write_all(t, dtypes[k], false);
        const clade_text clean = score_text(t, &plan);
        write_all(t, dtypes[k], true);
        check_same(t, &plan, clean);
        clade_probes *probes = tiny_read_probes(t);
        clade_score score = {0};
        assert_fails(tiny_score(t, probes, &holdout, &score), CLADE_EINPUT,
                     k == 0 ? "the label of item 25 is -1" : "item 25 holds -7");
        clade_probes_free(probes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(labels_outside_the_search_split, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(holdout_images, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(search_images_matter, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(holdout_labels_are_read_by_a_holdout_plan, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(unlabelled_plan_reads_no_labels, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(safetensors, tiny_open, tiny_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
