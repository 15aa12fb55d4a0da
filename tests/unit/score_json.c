/* A score as JSON and back, and the objectives. */
#include "score_fixture.h"

/* Printing what was read prints the same text, and every field is the same bits. */
static void check_round_trip(tiny *t, const clade_score_plan *plan)
{
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0}, back = {0};
    assert_ok(tiny_score(t, probes, plan, &score));
    clade_text text = tiny_text(&score, probes, plan);
    assert_ok(clade_score_parse(text.data, text.length, probes, plan, &back));
    clade_text again = tiny_text(&back, probes, plan);
    assert_string_equal(clade_text_get(&text), clade_text_get(&again));
    assert_int_equal(back.images, score.images);
    assert_true(isnan(back.robustness) == isnan(score.robustness));
    if (!isnan(score.robustness))
        assert_memory_equal(&back.robustness, &score.robustness, sizeof(double));
    assert_memory_equal(&back.clean, &score.clean, sizeof score.clean);
    for (size_t k = 0; k < score.n_tasks; k++) {
        assert_memory_equal(&back.tasks[k].clean, &score.tasks[k].clean, sizeof score.tasks[k].clean);
        assert_int_equal(back.tasks[k].n_correct, score.tasks[k].n_correct);
        assert_memory_equal(back.tasks[k].correct, score.tasks[k].correct, (score.tasks[k].n_correct + 7) / 8);
        for (size_t c = 0; c < plan->n_corruptions && plan->with_corrupted; c++)
            assert_memory_equal(&back.tasks[k].corrupted[c], &score.tasks[k].corrupted[c], sizeof(clade_metrics));
    }
    clade_text_free(&text);
    clade_text_free(&again);
    clade_score_fini(&score);
    clade_score_fini(&back);
    clade_probes_free(probes);
}

static void round_trip(void **state)
{
    tiny *t = *state;
    clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    check_round_trip(t, &plan);
    plan.rotate = false;
    check_round_trip(t, &plan);
    plan.with_unlabelled = false; /* entropy is NAN, written as null */
    check_round_trip(t, &plan);
    plan.with_corrupted = false;
    check_round_trip(t, &plan);
    plan = tiny_plan(CLADE_HOLDOUT, true);
    plan.corruptions[1] = plan.corruptions[0]; /* the same at two severities: keys with the severity */
    plan.severities[1] = 2;
    check_round_trip(t, &plan);
}

/* TEXT without any member KEY that is a number or null; never the first of its object. */
static void cut(clade_text *text, const char *key)
{
    char *at;
    while ((at = strstr(text->data, key))) {
        const size_t length = strcspn(at + 1, ",}") + 1;
        memmove(at, at + length, strlen(at + length) + 1);
        text->length -= length;
    }
}

/* What older programs did not write is NAN. */
static void older_scores(void **state)
{
    static const char *const later[] = {",\"loss\":", ",\"unlabelled\":", ",\"confidence\":",
                                        ",\"confidence_variance\":", ",\"confidence_covariance\":"};
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0}, back = {0};
    assert_ok(tiny_score(t, probes, &plan, &score));
    assert_int_equal(score.tasks[0].unlabelled, 10);
    assert_true(score.tasks[0].confidence > 0.0 && score.tasks[0].confidence_variance > 0.0);
    clade_text text = tiny_text(&score, probes, &plan);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        cut(&text, later[i]);
    assert_ok(clade_score_parse(text.data, text.length, probes, &plan, &back));
    assert_near(back.clean.accuracy, score.clean.accuracy, 0.0);
    assert_true(isnan(back.clean.loss) && isnan(back.tasks[0].clean.confidence) && isnan(back.tasks[0].confidence));
    assert_int_equal(back.tasks[0].unlabelled, 0);
    assert_true(isnan(clade_objective_find("accuracy_ppi")->value(&back, NULL)));
    assert_true(clade_objective_find("accuracy_ppi")->value(&score, NULL) > 0.0);
    clade_text_free(&text);
    clade_score_fini(&score);
    clade_score_fini(&back);
    clade_probes_free(probes);
}

/* OLD in TEXT replaced by NEW, parsed again; the result must fail with PART in its message. */
static void check_broken(tiny *t, const char *old, const char *new, const char *part)
{
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0};
    assert_ok(tiny_score(t, probes, &plan, &score));
    clade_text text = tiny_text(&score, probes, &plan), broken = {0};
    const char *at = strstr(text.data, old);
    assert_non_null(at);
    clade_text_append_bytes(&broken, text.data, (size_t)(at - text.data));
    clade_text_append(&broken, "%s%s", new, at + strlen(old));
    clade_score_fini(&score);
    const size_t live = clade_alloc_live();
    assert_fails(clade_score_parse(broken.data, broken.length, probes, &plan, &score), CLADE_EINPUT, part);
    assert_int_equal(clade_alloc_live(), live);
    clade_text_free(&text);
    clade_text_free(&broken);
    clade_probes_free(probes);
}

static void broken(void **state)
{
    tiny *t = *state;
    check_broken(t, "{\"tasks\"", "{\"task\"", "unknown key \"task\"");
    check_broken(t, "\"alpha\"", "\"alpah\"", "tasks.alpha");
    check_broken(t, "\"items\":15", "\"items\":16777216", "expected 4194308 for");
    check_broken(t, "\"correct\":\"", "\"correct\":\"z", "digits");
    check_broken(t, "\"contrast\"", "\"fog\"", "unknown key \"fog\"");
    check_broken(t, "\"images\":80", "\"images\":-1", "images");
    check_broken(t, "\"worst_task\":", "\"worst_task\":\"x\",\"best_task\":", "worst_task");
}

/* Bits beyond the last item must be 0: 30 items of task alpha leave two. */
static void spare_bits(void **state)
{
    tiny *t = *state;
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_score score = {0}, back = {0};
    assert_ok(tiny_score(t, probes, &plan, &score));
    assert_int_equal(score.tasks[0].n_correct, 30);
    score.tasks[0].correct[3] |= 0x80;
    clade_text text = tiny_text(&score, probes, &plan);
    assert_fails(clade_score_parse(text.data, text.length, probes, &plan, &back), CLADE_EINPUT, "beyond item 29");
    clade_text_free(&text);
    clade_score_fini(&score);
    clade_probes_free(probes);
}

/* ---- a child that was stopped ---- */

static bool stop_at_once(void *context, const clade_score *seen, clade_stopped *stopped)
{
    (void)context;
    (void)seen;
    *stopped = (clade_stopped){.reason = CLADE_AT_CHANCE, .accuracy = 1.0 / 3.0, .robustness = NAN};
    return true;
}

/* The text of a child stopped after its first rung, ORIGINAL in it changed; parsed into BACK. */
static clade_status parse_stopped(tiny *t, const char *original, const char *changed, clade_score *back,
                                  clade_text *sent)
{
    static const double share = 0.2;
    const clade_rungs rungs = {.shares = &share, .n_shares = 1, .stop = stop_at_once};
    const clade_score_plan plan = tiny_plan(CLADE_SEARCH, true);
    clade_probes *probes = tiny_read_probes(t);
    clade_scorer *scorer = NULL;
    clade_score score = {0};
    assert_ok(clade_scorer_new(probes, t->model, &t->preprocess, &plan, &scorer));
    assert_ok(clade_scorer_run_rungs(scorer, &t->provider, &rungs, &score));
    clade_text text = tiny_text(&score, probes, &plan);
    const char *at = strstr(text.data, original);
    assert_non_null(at);
    clade_text_append_bytes(sent, text.data, (size_t)(at - text.data));
    clade_text_append(sent, "%s%s", changed, at + strlen(original));
    const clade_status status = clade_score_parse(sent->data, sent->length, probes, &plan, back);
    if (status == CLADE_OK) {
        clade_text again = tiny_text(back, probes, &plan);
        assert_string_equal(again.data, sent->data);
        assert_int_equal(back->images, 12);
        assert_memory_equal(back->tasks[1].seen, score.tasks[1].seen, 4);
        assert_int_equal(back->tasks[1].n_clean, 15);
        assert_int_equal(back->tasks[1].n_correct, 30);
        clade_text_free(&again);
    }
    clade_text_free(&text);
    clade_score_fini(&score);
    clade_scorer_free(scorer);
    clade_probes_free(probes);
    return status;
}

static void stopped_round_trip(void **state)
{
    clade_score back = {0};
    clade_text text = {0};
    assert_ok(parse_stopped(*state, "", "", &back, &text));
    assert_int_equal(back.stopped.reason, CLADE_AT_CHANCE);
    assert_int_equal(back.stopped.rung, 1);
    assert_int_equal(back.stopped.left, 80 - 12);
    assert_near(back.stopped.accuracy, 1.0 / 3.0, 0.0);
    assert_true(isnan(back.stopped.robustness));
    clade_score_fini(&back);
    clade_text_free(&text);
}

static void stopped_broken(void **state)
{
    static const char *const broken[][3] = {
        {"\"reason\":\"chance\"", "\"reason\":\"bored\"", "expected \"race\" or \"chance\""},
        {"\"rung\":1", "\"rung\":9", "stopped.rung"},
        {"\"left\":68", "\"left\":-1", "stopped.left"},
        {"\"seen\":\"0780", "\"seen\":\"0f80", "found 7 items seen"},
        {"\"seen\":\"0780", "\"seen\":\"3800", "seen"},
        {"\"bits\":30", "\"bits\":9007199254740991", "digits"},
        {"\"clean_bits\":15", "\"clean_bits\":31", "seen"},
        {"\"stopped\":{", "\"stopped\":{\"why\":0,", "unknown key \"why\""},
        {"\"stopped\"", "\"ended\"", "unknown key"},
    };
    const size_t live = clade_alloc_live();
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        clade_score back = {0};
        clade_text text = {0};
        assert_fails(parse_stopped(*state, broken[i][0], broken[i][1], &back, &text), CLADE_EINPUT, broken[i][2]);
        clade_text_free(&text);
        assert_int_equal(clade_alloc_live(), live);
    }
}

static void objectives(void **state)
{
    (void)state;
    clade_task_score tasks[2] = {{.clean = {.items = 10, .accuracy = 0.5, .loss = 2}, .unlabelled = 5},
                                 {.clean = {.items = 10, .accuracy = 0.9, .loss = 1}, .unlabelled = 5}};
    for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++)
        tasks[0].corrupted[k].loss = tasks[1].corrupted[k].loss = k < 2 ? (double)k : NAN;
    const clade_score score = {.tasks = tasks,
                               .n_tasks = 2,
                               .clean = {.accuracy = 0.7, .ece = 0.1, .loss = 1.5},
                               .robustness = 0.4,
                               .entropy = 1.5,
                               .worst_task = 0.5};
    const double reference[] = {0.8, 0.9}, unknown[] = {0.8, NAN}, zero[] = {0.0, 0.9};
    static const struct {
        const char *name;
        double value;
        bool maximise;
    } rows[] = {{"accuracy", 0.7, true},   {"robustness", 0.4, true},      {"entropy", 1.5, false},
                {"worst_task", 0.5, true}, {"calibration", 0.1, false},    {"retention", (0.5 / 0.8 + 1.0) / 2.0, true},
                {"loss", 1.5, false},      {"corrupted_loss", 0.5, false}, {"accuracy_ppi", 0.7, true}};
    size_t count;
    const clade_objective *const *all = clade_objectives(&count);
    assert_int_equal(count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        const clade_objective *objective = clade_objective_find(rows[i].name);
        assert_ptr_equal(objective, all[i]);
        assert_near(objective->value(&score, reference), rows[i].value, 1e-15);
        assert_int_equal(objective->maximise, rows[i].maximise);
        assert_true(objective->title[0] && objective->unit[0] && objective->help[0]);
    }
    const clade_objective *retention = clade_objective_find("retention");
    assert_true(isnan(retention->value(&score, NULL)));
    assert_true(isnan(retention->value(&score, unknown)));
    assert_true(isnan(retention->value(&score, zero)));
    assert_null(clade_objective_find("speed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(round_trip, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(older_scores, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(broken, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(spare_bits, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(stopped_round_trip, tiny_open, tiny_close),
                                       cmocka_unit_test_setup_teardown(stopped_broken, tiny_open, tiny_close),
                                       cmocka_unit_test(objectives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
