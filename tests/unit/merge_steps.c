/* What has to be merged before a merge: documents of a YAML, children of runs in recipes and YAML; and the folder that
 * keeps their children. */
#include "fake_run.h"

#include "search/command/merge_work.h"
#include "search/command/recipe_source.h"

static char folder[TEST_PATH], run_path[TEST_PATH + 32];

static int begin(void **state)
{
    (void)state;
    fake_pool pool = fake_pool_of(1, 0);
    make_temporary_folder(folder);
    clade_log_set_level(CLADE_LOG_ERROR);
    fake_experiment(folder, "\"budget\": {\"children\": 4}, \"best_weights\": false,");
    fake_new_run(folder, run_path);
    assert_ok(fake_session(run_path, &pool, 0, NULL));
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

/* FOLDER/NAME with FORMAT, in which %s is the run's path. */
static const char *written(const char *name, const char *format)
{
    const char *path = path_in(folder, name);
    clade_text text = {0};
    for (const char *at = format; *at; at++)
        if (at[0] == '%')
            clade_text_append(&text, "%s", run_path);
        else
            clade_text_append(&text, "%c", *at);
    write_test_file(path, clade_text_get(&text), text.length);
    clade_text_free(&text);
    return path;
}

static const char documents[] = "name: one\nmerge_method: linear\nmodels:\n"
                                "- {model: \"%:1\", parameters: {weight: [1, 0.5]}}\n"
                                "- {model: digits.safetensors, parameters: {weight: 1}}\n---\n"
                                "merge_method: linear\nmodels:\n"
                                "- {model: one, parameters: {weight: [1, 2]}}\n"
                                "- {model: \"%:1\", parameters: {weight: 1}}\n"
                                "- {model: \"%:2\", parameters: {weight: 1}}\n";

/* Each child is made once, before the first that needs it. */
static void steps_come_in_the_order_they_are_needed(void **state)
{
    (void)state;
    clade_merge_steps steps;
    assert_ok(clade_merge_steps_open(written("m.yml", documents), "out", "out.work", &steps));
    assert_int_equal(steps.count, 4);
    assert_false(steps.many);
    const clade_merge_step *child = &steps.items[0], *one = &steps.items[1], *other = &steps.items[2],
                           *last = &steps.items[3];
    assert_string_equal(one->out, "out.work/one");
    assert_string_equal(one->shown, "one");
    assert_string_equal(one->recipe->parents[0].path, child->out);
    assert_string_equal(last->recipe->parents[0].path, one->out);
    assert_string_equal(last->recipe->parents[1].path, child->out);
    assert_string_equal(last->recipe->parents[2].path, other->out);
    assert_true(strcmp(child->out, other->out) != 0);
    assert_true(strncmp(child->out, "out.work/", 9) == 0 && strcmp(child->shown + strlen(child->shown) - 2, ":1") == 0);
    assert_true(!child->is_result && !one->is_result && last->is_result);
    assert_null(last->out);
    assert_ptr_equal(clade_merge_steps_find(&steps, 3, one->out), one);
    assert_null(clade_merge_steps_find(&steps, 1, one->out));
    assert_null(clade_merge_steps_find(&steps, 4, NULL));
    clade_merge_steps_free(&steps);
}

static void all_named_documents_are_results(void **state)
{
    (void)state;
    clade_merge_steps steps;
    const char *path = written("named.yml", "name: a\nmerge_method: linear\nmodels: [{model: digits.safetensors, "
                                            "parameters: {weight: 1}}]\n---\nname: b\nmerge_method: linear\nmodels: "
                                            "[{model: a, parameters: {weight: 1}}]\n");
    assert_ok(clade_merge_steps_open(path, "out", "out.work", &steps));
    assert_true(steps.many && steps.count == 2);
    assert_string_equal(steps.items[1].out, "out.work/b");
    assert_string_equal(steps.items[1].shown, "out/b");
    assert_true(steps.items[0].is_result && steps.items[1].is_result);
    clade_merge_steps_free(&steps);
    /* One document is the result, whatever its name. */
    path = written("single.yml", "name: a\nmerge_method: linear\nmodels: [{model: digits.safetensors, parameters: "
                                 "{weight: 1}}]\n");
    assert_ok(clade_merge_steps_open(path, "out", "out.work", &steps));
    assert_true(!steps.many && steps.count == 1 && !steps.items[0].out && steps.items[0].is_result);
    clade_merge_steps_free(&steps);
}

static void children_that_are_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *model, *part;
        clade_status status;
    } cases[] = {{"%:777", "no child 777", CLADE_EUSAGE},
                 {"%:seven", "found child \"seven\"", CLADE_EUSAGE},
                 {"%:", "found child \"\"", CLADE_EUSAGE},
                 {"%:-1", "found child \"-1\"", CLADE_EUSAGE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[256];
        clade_merge_steps steps;
        snprintf(yaml, sizeof yaml, "merge_method: linear\nmodels: [{model: \"%s\", parameters: {weight: 1}}]\n",
                 cases[i].model);
        assert_fails(clade_merge_steps_open(written("bad.yml", yaml), "out", "out.work", &steps), cases[i].status,
                     cases[i].part);
    }
}

static clade_status open_attempt(void *context)
{
    clade_merge_steps steps;
    clade_status status = clade_merge_steps_open(context, "out", "out.work", &steps);
    if (status == CLADE_OK)
        clade_merge_steps_free(&steps);
    return status;
}

static void memory_may_run_out(void **state)
{
    (void)state;
    char path[TEST_PATH + 16];
    snprintf(path, sizeof path, "%s", written("m.yml", documents));
    check_every_allocation(open_attempt, path);
}

/* ---- the work folder ---- */

static void a_child_is_found_again_by_its_recipe(void **state)
{
    (void)state;
    char work[TEST_PATH], child[TEST_PATH + 16];
    clade_recipe *recipe;
    bool found = true;
    char *path = clade_work_path("a/out//");
    assert_string_equal(path, "a/out.work");
    clade_free(path);
    snprintf(work, sizeof work, "%s", path_in(folder, "w.work"));
    snprintf(child, sizeof child, "%s", path_in(work, "one"));
    assert_ok(clade_work_open(work));
    assert_ok(clade_work_open(work));
    assert_ok(
        clade_recipe_read(written("r.json", "{\"clade_recipe\": 1, \"method\": \"linear\", \"parents\": [{\"name\": "
                                            "\"d\", \"path\": \"digits.safetensors\"}], \"parameters\": {}, "
                                            "\"rules\": [{\"tensors\": [\"*\"], \"parameters\": {}, \"parents\": "
                                            "{}}]}"),
                          &recipe));
    snprintf(recipe->parents[0].hash, sizeof recipe->parents[0].hash, "%s", "a hash");
    assert_ok(clade_work_find(child, recipe, &found));
    assert_false(found);
    assert_ok(clade_make_folders(child)); /* without a word on what it is */
    assert_ok(clade_work_find(child, recipe, &found));
    assert_false(found || clade_path_exists(child));
    assert_ok(clade_make_folders(child));
    assert_ok(clade_work_made(child, recipe));
    assert_ok(clade_work_find(child, recipe, &found));
    assert_true(found);
    recipe->parents[0].hash[0] = 'b'; /* other weights */
    assert_ok(clade_work_find(child, recipe, &found));
    assert_false(found || clade_path_exists(child));
    assert_ok(clade_make_folders(child));
    assert_ok(clade_work_made(child, recipe));
    assert_ok(clade_work_become(work, path_in(folder, "all")));
    assert_true(fake_exists(folder, "all/one") && !fake_exists(folder, "all/one.made") &&
                !fake_exists(folder, "all/.clade-work"));
    clade_recipe_free(recipe);
}

static void folders_of_others_are_left_alone(void **state)
{
    (void)state;
    assert_ok(clade_make_folders(path_in(folder, "mine.work")));
    assert_fails(clade_work_open(path_in(folder, "mine.work")), CLADE_EUSAGE, "not made by clade merge");
    write_test_file(path_in(folder, "file.work"), "x", 1);
    assert_fails(clade_work_open(path_in(folder, "file.work")), CLADE_EUSAGE, "not made by clade merge");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_in_the_order_they_are_needed),
        cmocka_unit_test(all_named_documents_are_results),
        cmocka_unit_test(children_that_are_not_there),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(a_child_is_found_again_by_its_recipe),
        cmocka_unit_test(folders_of_others_are_left_alone),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
