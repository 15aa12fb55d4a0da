/* A run that goes on: the paths of its models where they are now, a raised budget, and what is another experiment. */
#include "fake_run.h"

#include "search/run_folder.h"

static void a_path_follows_its_folder(void **state)
{
    (void)state;
    static const struct {
        const char *path, *from, *to, *expected;
    } cases[] = {
        {"/a/zoo/base", "/a/runs/1", "/b/c/runs/1", "/b/c/zoo/base"},
        {"/a/zoo", "/a/run", "/a/other", "/a/zoo"},
        {"/a/run/models", "/a/run", "/b/other", "/b/other/models"},
        {"/a/run-2/models", "/a/run", "/b/run", "/b/run-2/models"},
        {"/a/b", "/a/b/run", "/c/d/run", "/c/d"},
        {"/a/b", "/a/b/c/run", "/run", NULL},
        {"/models", "/runs/1", "/mnt/runs/1", "/mnt/models"},
        {"/models", "/runs/1", "/1", NULL},
        {"/models", "/runs/1", "/x/1", "/models"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = NULL;
        assert_ok(clade_path_follow(cases[i].path, cases[i].from, cases[i].to, &found));
        if (cases[i].expected)
            assert_string_equal(found, cases[i].expected);
        else
            assert_null(found);
        clade_free(found);
    }
}

/* MOVED rules of a request, or a file's experiment. */
static clade_status resume(const char *path, clade_resume_request request, clade_experiment **experiment)
{
    *experiment = NULL;
    return clade_run_resume(path, &request, experiment);
}

static void a_rule_moves_what_is_below_it(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], rule[2 * TEST_PATH + 64], there[TEST_PATH + 64], beside[TEST_PATH + 64];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_new_run(folder, path);
    snprintf(there, sizeof there, "%s/elsewhere", folder);
    assert_ok(clade_make_folders(there));
    const char *const names[] = {"base", "digits", "fashion"};
    for (size_t i = 0; i < 3; i++) { /* seeds as nobody checks here */
        snprintf(beside, sizeof beside, "%s/%s.safetensors", folder, names[i]);
        assert_int_equal(remove(beside), 0);
        fake_checkpoint(there, names[i], i);
    }
    assert_fails(resume(path, (clade_resume_request){0}, &experiment), CLADE_EINPUT, "--moved");
    snprintf(rule, sizeof rule, "%s/base.safetensors=%s/base.safetensors", folder, there);
    const char *const one[] = {rule};
    assert_fails(resume(path, (clade_resume_request){.moved = one, .n_moved = 1}, &experiment), CLADE_EINPUT,
                 "parent ");
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 1);
    snprintf(rule, sizeof rule, "%s=%s/../elsewhere/.", folder, there);
    snprintf(beside, sizeof beside, "%s/probes.json", there);
    assert_fails(resume(path, (clade_resume_request){.moved = one, .n_moved = 1}, &experiment), CLADE_EINPUT,
                 "the probes");
    fake_file(there, "probes.json", "{}");
    assert_ok(resume(path, (clade_resume_request){.moved = one, .n_moved = 1}, &experiment));
    assert_string_equal(experiment->probes, beside);
    clade_experiment_free(experiment);
    assert_ok(clade_run_experiment(path, 0, &experiment)); /* it is remembered */
    assert_string_equal(experiment->probes, beside);
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 2);
    assert_ok(resume(path, (clade_resume_request){0}, &experiment)); /* and said once */
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 2);
}

/* Whoever starts a session again gives the same rule again. All paths are below FOLDER. */
static void a_rule_may_be_given_twice(void **state)
{
    (void)state;
    static const struct {
        const char *base, *old, *new, *expected; /* NULL: refused */
    } cases[] = {
        {"gone/base.safetensors", "gone", "a/b", "a/b/base.safetensors"},
        {"a/b/base.safetensors", "gone", "a/b", "a/b/base.safetensors"}, /* twice, or found by itself */
        {"a/base.safetensors", "a", "a/b", "a/b/base.safetensors"},
        {"a/b/base.safetensors", "a", "a/b", "a/b/base.safetensors"},
        {"a/b/base.safetensors", "a/b", "a", "a/base.safetensors"}, /* there are two: the rule says which */
        {"gone/base.safetensors", "gone/base.safetensors", "a/b/base.safetensors", "a/b/base.safetensors"},
        {"gone/base.safetensors", "other", "a", NULL},
        {"gone/base.safetensors", "go", "a", NULL},
    };
    char path[TEST_PATH + 32], rule[2 * TEST_PATH + 128], name[TEST_PATH + 64];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    snprintf(path, sizeof path, "%s/a/b", folder);
    assert_ok(clade_make_folders(path));
    fake_checkpoint(path, "base", 0);
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_experiment *experiment = NULL;
        assert_ok(clade_experiment_read(path, &experiment));
        snprintf(name, sizeof name, "%s/%s", folder, cases[i].base);
        clade_free(experiment->base);
        experiment->base = clade_strdup(name);
        snprintf(rule, sizeof rule, "%s/%s=%s/%s", folder, cases[i].old, folder, cases[i].new);
        if (cases[i].expected) {
            assert_ok(clade_places_move(experiment, rule));
            snprintf(name, sizeof name, "%s/%s", folder, cases[i].expected);
        } else {
            assert_fails(clade_places_move(experiment, rule), CLADE_EUSAGE, "no path of this run");
        }
        assert_string_equal(experiment->base, name);
        clade_experiment_free(experiment);
    }
}

/* All there is, as after a change of the root. */
static void a_rule_may_move_everything(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], name[TEST_PATH + 64];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(path, &experiment));
    snprintf(name, sizeof name, "/nowhere%s", experiment->base);
    assert_ok(clade_places_move(experiment, "/=/nowhere"));
    assert_string_equal(experiment->base, name);
    clade_experiment_free(experiment);
}

static void a_budget_is_raised(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "\"budget\": {\"children\": 12, \"images\": 500, \"seconds\": 2.5}, \"window\": 4,");
    fake_new_run(folder, path);
    assert_fails(resume(path, (clade_resume_request){.seconds = 2}, &experiment), CLADE_EUSAGE, "less than the 2.5");
    assert_fails(resume(path, (clade_resume_request){.images = 499, .children = 20}, &experiment), CLADE_EUSAGE,
                 "less than the 500");
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'budget'"), 0);
    assert_ok(resume(path, (clade_resume_request){.images = 500, .children = 12}, &experiment));
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'budget'"), 0);
    assert_ok(resume(path, (clade_resume_request){.images = 900}, &experiment));
    clade_experiment_free(experiment);
    /* The seconds that were forgiven stay so when the limit of seconds is raised after that. */
    (void)fake_ask_database(path,
                            "UPDATE events SET detail = json_set(detail, '$.wall_seconds', 3.0) WHERE kind = 'budget'");
    assert_ok(resume(path, (clade_resume_request){.seconds = 7}, &experiment));
    clade_experiment_free(experiment);
    assert_int_equal(fake_ask_database(path, "SELECT COUNT(*) FROM events WHERE kind = 'budget' AND "
                                             "json_extract(detail, '$.wall_seconds') = 3.0"),
                     2);
    assert_ok(clade_run_experiment(path, 0, &experiment));
    assert_true(experiment->children == 12 && experiment->images == 900 && experiment->seconds > 6.9);
    assert_true(experiment->planned == 12 && experiment->planned_images == 500);
    clade_experiment_free(experiment);
}

static void a_difference_is_listed_by_key(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lines;
    } cases[] = {
        {"\"budget\": {\"children\": 12},", ""},
        {"\"budget\": {\"children\": 1200},", ""}, /* and with it the window by default */
        {"\"budget\": {\"children\": 11},", "\n  budget.children: found 11, the run has 12"},
        {"\"budget\": {\"seconds\": 5},",
         "\n  budget.children: found 0, the run has 12\n  budget.seconds: found 5, the run has 0"},
        {"\"budget\": {\"children\": 12}, \"window\": 7,", "\n  window: found 7, the run has 4"},
        {"\"budget\": {\"children\": 12}, \"seed\": 2,", "\n  seed: found 2, the run has 1"},
        {"\"budget\": {\"children\": 12}, \"corruptions\": {\"severity\": 3},",
         "\n  corruptions.severity: found 3, the run has 5\n  holdout_corruptions.severity: found 3, the run has 5"},
    };
    char path[TEST_PATH + 32];
    clade_experiment *have = NULL, *wanted = NULL;
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    assert_ok(clade_experiment_read(path, &have));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        clade_text lines = {0};
        fake_experiment(folder, cases[i].text);
        assert_ok(clade_experiment_read(path, &wanted));
        assert_ok(clade_experiment_difference(wanted, have, &lines));
        assert_string_equal(clade_text_get(&lines), cases[i].lines);
        clade_text_free(&lines);
        clade_experiment_free(wanted);
    }
    clade_experiment_free(have);
}

/* It is the order of the genes, and to JSON no difference. */
static void the_order_of_parents_is_a_difference(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], *swap;
    clade_experiment *have = NULL, *wanted = NULL;
    clade_text lines = {0};
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    assert_ok(clade_experiment_read(path, &have));
    assert_ok(clade_experiment_read(path, &wanted));
    assert_true(wanted->n_parents == 2);
    swap = wanted->parent_names[0];
    wanted->parent_names[0] = wanted->parent_names[1];
    wanted->parent_names[1] = swap;
    swap = wanted->parent_paths[0];
    wanted->parent_paths[0] = wanted->parent_paths[1];
    wanted->parent_paths[1] = swap;
    assert_ok(clade_experiment_difference(wanted, have, &lines));
    assert_string_equal(clade_text_get(&lines),
                        "\n  parents: found \"digits\" in place 1, the run has \"fashion\" there");
    clade_text_free(&lines);
    clade_experiment_free(have);
    clade_experiment_free(wanted);
}

static clade_status resume_all(void *context)
{
    char rule[2 * TEST_PATH + 64], file[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    snprintf(rule, sizeof rule, "%s=%s", folder, folder);
    snprintf(file, sizeof file, "%s/experiment.json", folder);
    const char *const one[] = {rule};
    const clade_status status = resume(
        context, (clade_resume_request){.children = 15, .experiment = file, .moved = one, .n_moved = 1}, &experiment);
    clade_experiment_free(experiment);
    return status;
}

static void without_memory(void **state)
{
    (void)state;
    char path[TEST_PATH + 32], alone[TEST_PATH + 64];
    fake_experiment(folder, "\"budget\": {\"children\": 12},");
    fake_new_run(folder, path);
    snprintf(alone, sizeof alone, "%s/moved", folder);
    assert_int_equal(rename(path, alone), 0);
    check_every_allocation(resume_all, alone);
    assert_int_equal(fake_ask_database(alone, "SELECT COUNT(*) FROM events WHERE kind = 'budget'"), 1);
    assert_int_equal(fake_ask_database(alone, "SELECT COUNT(*) FROM events WHERE kind = 'places'"), 2);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_follows_its_folder),
        cmocka_unit_test_setup_teardown(a_rule_moves_what_is_below_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_may_be_given_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_may_move_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_budget_is_raised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_of_parents_is_a_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_difference_is_listed_by_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
