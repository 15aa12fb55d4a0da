/* The scorer on a tiny model: which items it scores, how its parts fit together, and what it refuses. */
#include "score_fixture.h"

static size_t ones(const clade_task_score *task, size_t first, size_t count, size_t step)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += tiny_bit(task, first + i * step);
    return sum;
}

static void counts(void **state)
{
    tiny *t = *state;
    clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    plan.labelled = 4;
    plan.corrupted = 8;
    plan.unlabelled = 1000; /* more than there are */
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    clade_score score = {0};
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &scorer));
    assert_int_equal(clade_scorer_images(scorer), 2 * (4 + 8 + 10));
    assert_true(clade_scorer_memory(scorer) >= 2 * (8 + 8 + 10) * TINY_IMAGE);
    assert_ok(clade_scorer_run(scorer, &t->provider, &score));
    assert_int_equal(score.n_tasks, 2);
    assert_int_equal(score.images, 44);
    assert_int_equal(score.clean.items, 8);
    assert_int_equal(score.tasks[0].clean.items, 4);
    assert_int_equal(score.tasks[0].n_correct, 12);
    assert_int_equal(score.tasks[0].corrupted[0].items, 3); /* items 0, 3, 6 of 8 */
    assert_int_equal(score.tasks[0].corrupted[1].items, 3);
    assert_int_equal(score.tasks[0].corrupted[2].items, 2);
    clade_score_fini(&score);
    clade_scorer_free(scorer);
    clade_probes_free(probes);
}

/* The bits are what the shares are made of. */
static void bits_and_shares(void **state)
{
    tiny *t = *state;
    const clade_score_plan all = tiny_plan(CLADE_HOLDOUT, false);
    clade_score score = tiny_score_of(t, &all);
    for (size_t k = 0; k < 2; k++) {
        const clade_task_score *task = &score.tasks[k];
        assert_int_equal(task->n_correct, 4 * 15);
        assert_near((double)ones(task, 0, 15, 1) / 15.0, task->clean.accuracy, 1e-15);
        for (size_t c = 0; c < 3; c++)
            assert_near((double)ones(task, 15 + 15 * c, 15, 1) / 15.0, task->corrupted[c].accuracy, 1e-15);
        assert_near(task->robustness,
                    (task->corrupted[0].accuracy + task->corrupted[1].accuracy + task->corrupted[2].accuracy) / 3.0,
                    1e-15);
    }
    assert_near(score.clean.accuracy, (score.tasks[0].clean.accuracy + score.tasks[1].clean.accuracy) / 2.0, 1e-15);
    assert_near(score.entropy, (score.tasks[0].entropy + score.tasks[1].entropy) / 2.0, 1e-15);
    assert_near(score.robustness, (score.tasks[0].robustness + score.tasks[1].robustness) / 2.0, 1e-15);
    assert_near(score.worst_task, fmin(score.tasks[0].clean.accuracy, score.tasks[1].clean.accuracy), 0.0);
    assert_near(score.corrupted_accuracy[1],
                (score.tasks[0].corrupted[1].accuracy + score.tasks[1].corrupted[1].accuracy) / 2.0, 1e-15);
    assert_true(isnan(score.corrupted_accuracy[3]));
    assert_int_equal(score.tasks[0].corrupted[3].items, 0);
    clade_score_fini(&score);
}

/* Item i under corruption i mod n is the same image, and gets the same answer, as in the full grid. */
static void rotating_is_a_diagonal_of_all(void **state)
{
    tiny *t = *state;
    const clade_score_plan all = tiny_plan(CLADE_SEARCH, false), rotate = tiny_plan(CLADE_SEARCH, true);
    clade_score grid = tiny_score_of(t, &all), diagonal = tiny_score_of(t, &rotate);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < TINY_SEARCH; i++) {
            assert_int_equal(tiny_bit(&grid.tasks[k], i), tiny_bit(&diagonal.tasks[k], i));
            assert_int_equal(tiny_bit(&grid.tasks[k], TINY_SEARCH * (1 + i % 3) + i),
                             tiny_bit(&diagonal.tasks[k], TINY_SEARCH + i));
        }
        for (size_t c = 0; c < 3; c++)
            assert_near((double)ones(&diagonal.tasks[k], TINY_SEARCH + c, 5, 3) / 5.0,
                        diagonal.tasks[k].corrupted[c].accuracy, 1e-15);
    }
    clade_score_fini(&grid);
    clade_score_fini(&diagonal);
}

/* The first items of a longer plan are those of a shorter one; and a task does not depend on the others. */
static void items_do_not_depend_on_the_plan(void **state)
{
    tiny *t = *state;
    clade_score_plan lengths = tiny_plan(CLADE_SEARCH, false);
    clade_score whole = tiny_score_of(t, &lengths);
    lengths.labelled = 7;
    lengths.corrupted = 5;
    clade_score part = tiny_score_of(t, &lengths);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(tiny_bit(&whole.tasks[1], i), tiny_bit(&part.tasks[1], i));
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(tiny_bit(&whole.tasks[1], 15 + 15 * c + i), tiny_bit(&part.tasks[1], 7 + 5 * c + i));
    clade_probes *probes = tiny_read_probes(t);
    const clade_probes beta = {.path = probes->path, .tasks = &probes->tasks[1], .n_tasks = 1};
    clade_score alone = {0};
    lengths.labelled = lengths.corrupted = 0;
    assert_ok(tiny_score(t, &beta, &lengths, &alone));
    assert_memory_equal(&alone.tasks[0].clean, &whole.tasks[1].clean, sizeof alone.tasks[0].clean);
    assert_memory_equal(&alone.tasks[0].entropy, &whole.tasks[1].entropy, sizeof(double));
    assert_memory_equal(alone.tasks[0].correct, whole.tasks[1].correct, (whole.tasks[1].n_correct + 7) / 8);
    clade_score_fini(&alone);
    clade_score_fini(&part);
    clade_score_fini(&whole);
    clade_probes_free(probes);
}

/* One scorer, several runs and other weights between them: the same weights, the same bits. */
static void runs_are_independent(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    clade_score scores[3] = {{0}};
    clade_text texts[3];
    const float kept = t->weights[0][0];
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &scorer));
    for (size_t i = 0; i < 3; i++) {
        t->weights[0][0] = i == 1 ? kept + 3.0f : kept;
        t->provider.version = i + 1;
        assert_ok(clade_scorer_run(scorer, &t->provider, &scores[i]));
        texts[i] = tiny_text(&scores[i], probes, &plan);
    }
    assert_string_equal(clade_text_get(&texts[0]), clade_text_get(&texts[2]));
    assert_string_not_equal(clade_text_get(&texts[0]), clade_text_get(&texts[1]));
    for (size_t i = 0; i < 3; i++) {
        clade_text_free(&texts[i]);
        clade_score_fini(&scores[i]);
    }
    clade_scorer_free(scorer);
    clade_probes_free(probes);
}

static void joined_bits(void **state)
{
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_score score = tiny_score_of(*state, &plan);
    uint8_t bits[8] = {0};
    assert_int_equal(clade_score_bits(&score), 60);
    clade_score_join_bits(&score, bits);
    for (size_t i = 0; i < 60; i++)
        assert_int_equal(bits[i / 8] >> (i % 8) & 1, tiny_bit(&score.tasks[i / 30], i % 30));
    clade_score_fini(&score);
}

/* What is switched off is NAN with no items, and costs nothing. */
static void only_clean(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = {.labelled_split = CLADE_SEARCH};
    clade_score score = tiny_score_of(t, &plan);
    assert_int_equal(score.images, 30);
    assert_true(isnan(score.robustness) && isnan(score.entropy) && isnan(score.corrupted_accuracy[0]));
    assert_int_equal(score.tasks[0].corrupted[0].items, 0);
    assert_true(isnan(score.tasks[0].corrupted[0].accuracy) && !isnan(score.clean.accuracy));
    clade_score_fini(&score);
}

static void only_unlabelled(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = {.labelled_split = CLADE_UNLABELLED, .with_unlabelled = true};
    clade_score score = tiny_score_of(t, &plan);
    assert_int_equal(score.images, 20);
    assert_int_equal(score.clean.items, 0);
    assert_true(isnan(score.clean.accuracy) && isnan(score.worst_task) && score.entropy > 0.0);
    clade_score_fini(&score);
}

static void refuse(tiny *t, const clade_score_plan *plan, clade_status status, const char *part)
{
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    const size_t live = clade_alloc_live();
    assert_fails(clade_scorer_new(probes, t->model, &t->preprocess, plan, &scorer), status, part);
    assert_int_equal(clade_alloc_live(), live);
    clade_probes_free(probes);
}

static void bad_plans(void **state)
{
    tiny *t = *state;
    clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    plan.severities[1] = 6;
    refuse(t, &plan, CLADE_ECONFIG, "\"contrast\": found severity 6");
    plan = tiny_plan(CLADE_SEARCH, true);
    plan.corruptions[2] = plan.corruptions[0];
    refuse(t, &plan, CLADE_ECONFIG, "named twice");
    plan = tiny_plan(CLADE_SEARCH, true);
    plan.n_corruptions = 0;
    refuse(t, &plan, CLADE_ECONFIG, "found 0 corruptions");
    plan = tiny_plan(CLADE_UNLABELLED, true);
    refuse(t, &plan, CLADE_ECONFIG, "corruptions need labels");
    plan = (clade_score_plan){.labelled_split = CLADE_UNLABELLED};
    refuse(t, &plan, CLADE_ECONFIG, "no items to score");
    plan = tiny_plan(CLADE_SEARCH, true);
    plan.memory = 1000;
    refuse(t, &plan, CLADE_ECONFIG, "expected at most 1000");
}

static void misfits(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    t->preprocess.channels = 3;
    refuse(t, &plan, CLADE_EINCOMPATIBLE, "3 channels, expected 1");
    t->preprocess.channels = 1;
    tiny_write_idx(tiny_path(t, 0, "images"), t->images[0], 2, TINY_ITEMS, TINY_SIDE);
    refuse(t, &plan, CLADE_EINPUT, "found 2 axes");
    static const unsigned char wide[16] = {0, 0, 8, 3, 0, 0, 0, TINY_ITEMS, 0, 0, 0, 4, 0, 0, 0, 16};
    static unsigned char file[sizeof wide + TINY_ITEMS * TINY_IMAGE];
    memcpy(file, wide, sizeof wide);
    write_test_file(tiny_path(t, 0, "images"), file, sizeof file);
    refuse(t, &plan, CLADE_EINCOMPATIBLE, "found images of 1 x 4 x 16 (channels, height, width), expected 1 x 8 x 8");
}

static void wrong_head(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    probes->tasks[1].width = 5;
    assert_fails(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &scorer), CLADE_EINCOMPATIBLE,
                 "(head of task \"beta\"): found rows of 5 values, expected 6");
    clade_probes_free(probes);
}

static void broken_weights(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0};
    t->weights[0][0] = NAN;
    assert_fails(tiny_score(t, probes, &plan, &score), CLADE_EEVAL, "task \"alpha\"");
    assert_null(score.tasks);
    clade_probes_free(probes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(bits_and_shares, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(rotating_is_a_diagonal_of_all, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(items_do_not_depend_on_the_plan, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(runs_are_independent, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(joined_bits, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(only_clean, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(only_unlabelled, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(bad_plans, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(misfits, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(wrong_head, tiny_open, tiny_close),
        cmocka_unit_test_setup_teardown(broken_weights, tiny_open, tiny_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
