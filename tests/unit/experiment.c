/* experiment.json: defaults and the resolved form; and its paths. */
#include "experiment_fixture.h"

#include <math.h>

static void defaults(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse("{" BASICS "}", &e));
    assert_int_equal(e->seed, 1);
    assert_string_equal(e->base, "/zoo/b");
    assert_string_equal(e->parent_paths[0], "/zoo/f");
    assert_string_equal(e->parent_paths[1], "/d");
    assert_string_equal(e->probes, "/zoo/p.json");
    assert_string_equal(e->sites, "layer");
    assert_string_equal(e->coordinates, "product");
    assert_int_equal(e->n_methods, 6);
    assert_string_equal(e->methods[0]->name, "linear");
    assert_int_equal(e->n_objectives, 2);
    assert_string_equal(e->objectives[0]->name, "accuracy");
    assert_string_equal(e->objectives[1]->name, "robustness");
    assert_int_equal(e->n_corruptions, CLADE_DEFAULT_CORRUPTIONS);
    assert_int_equal(e->severity, 5);
    assert_true(e->rotate && e->best_weights);
    assert_int_equal(e->labelled + e->corrupted + e->unlabelled, 0);
    assert_int_equal(e->memory, (size_t)1 << 30);
    assert_int_equal(e->cache_megabytes, 256);
    assert_string_equal(e->algorithm->name, "portfolio");
    assert_string_equal(e->algorithm->parameters[0].choices[(size_t)e->algorithm_parameters[0]], "minibatch");
    assert_true(e->smooth && e->references && e->hand_made);
    assert_int_equal(e->children, 600);
    assert_int_equal(e->images, 0);
    assert_int_equal(e->window, 4);
    assert_int_equal(e->racing.n_shares, 0);
    assert_string_equal(e->best, "knee");
    assert_int_equal(e->no_progress, 0);
    assert_true(isnan(e->target[0]) && isnan(e->target[1]) && isnan(e->target_hypervolume));
    assert_int_equal(e->n_holdout_corruptions, e->n_corruptions);
    assert_memory_equal(e->holdout_corruptions, e->corruptions, sizeof e->corruptions);
    assert_int_equal(e->holdout_severity, 5);
    clade_experiment_free(e);
}

/* A share of the budget of children, unless the experiment says what. */
static void default_window(void **state)
{
    (void)state;
    static const struct {
        uint64_t children;
        size_t window;
    } rows[] = {{0, 4}, {1, 4}, {600, 4}, {640, 5}, {2000, 15}, {10000, 78}, {10000000, 4096}, {UINT64_MAX, 4096}};
    clade_experiment *e;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(clade_default_window(rows[i].children), rows[i].window);
    assert_ok(parse("{" BASICS ", \"budget\": {\"children\": 2000}}", &e));
    assert_int_equal(e->window, 15);
    clade_experiment_set_children(e, 10000);
    assert_int_equal(e->children, 10000);
    assert_int_equal(e->window, 78);
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"budget\": {\"images\": 600000}}", &e));
    assert_int_equal(e->window, 4);
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"window\": 9, \"budget\": {\"children\": 2000}}", &e));
    clade_experiment_set_children(e, 10000);
    assert_int_equal(e->window, 9);
    clade_experiment_free(e);
}

/* The end scores may use corruptions that the search never saw; by default they are those of the search. */
static void corruptions_of_the_holdout(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse("{" BASICS ", \"corruptions\": {\"names\": [\"contrast\", \"jpeg\"], \"severity\": 3}, "
                    "\"holdout_corruptions\": {\"names\": [\"jpeg\", \"spatter\", \"brightness\"]}}",
                    &e));
    clade_score_plan search = clade_experiment_search_plan(e), holdout = clade_experiment_holdout_plan(e);
    assert_int_equal(search.n_corruptions, 2);
    assert_string_equal(search.corruptions[0]->name, "contrast");
    assert_int_equal(holdout.n_corruptions, 3);
    assert_string_equal(holdout.corruptions[1]->name, "spatter");
    assert_int_equal(holdout.severities[2], 3); /* as in the search, where not said */
    assert_true(clade_experiment_has_seen(e, clade_corruption_find("jpeg")));
    assert_false(clade_experiment_has_seen(e, clade_corruption_find("spatter")));
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"corruptions\": {\"names\": [\"contrast\"]}, \"holdout_corruptions\": "
                    "{\"severity\": 2}}",
                    &e));
    holdout = clade_experiment_holdout_plan(e);
    assert_int_equal(holdout.n_corruptions, 1);
    assert_int_equal(holdout.severities[0], 2);
    assert_int_equal(clade_experiment_search_plan(e).severities[0], 5);
    clade_experiment_free(e);
}

static void stop_rules(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse("{" BASICS ", \"objectives\": [\"entropy\", \"accuracy\"], \"budget\": {\"children\": 100, "
                    "\"no_progress\": 40, \"target\": {\"accuracy\": 0.66, \"hypervolume\": 0.4}}}",
                    &e));
    assert_int_equal(e->no_progress, 40);
    assert_true(isnan(e->target[0]) && e->target[1] == 0.66 && e->target_hypervolume == 0.4);
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"budget\": {\"no_progress\": 40}}", &e)); /* ends by itself */
    assert_int_equal(e->children, 0);
    clade_experiment_free(e);
}

/* Methods that cannot merge one parent are no default for one. */
static void default_methods_suit(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse("{\"clade\": 1, \"base\": \"b\", \"parents\": {\"one\": \"f\"}, \"probes\": \"p\"}", &e));
    assert_true(e->n_methods > 0);
    for (size_t m = 0; m < e->n_methods; m++)
        assert_int_equal(e->methods[m]->min_parents, 1);
    clade_experiment_free(e);
}

static const char everything[] =
    "{" BASICS ", \"seed\": \"18446744073709551615\", \"space\": {\"methods\": [\"ties\", \"dare_ties\"], \"sites\": "
    "\"depth:3\", \"coordinates\": \"full\", \"range\": {\"weight\": [0, 1.5], \"drop_rate\": [0.1, 0.9]}}, "
    "\"objectives\": [\"entropy\", \"worst_task\", \"accuracy\"], \"corruptions\": {\"names\": [\"contrast\", "
    "\"jpeg\"], "
    "\"severity\": 3, \"assign\": \"all\"}, \"items\": {\"labelled\": 128, \"corrupted\": 64}, \"algorithm\": "
    "{\"name\": "
    "\"nsga2\", \"population\": 20}, \"budget\": {\"images\": 600000, \"seconds\": 1.5, \"no_progress\": 9, "
    "\"target\": {\"entropy\": 0.1}}, \"window\": 7, \"best\": "
    "\"entropy\", "
    "\"best_weights\": false, \"memory\": 2097152, \"cache_megabytes\": 0, \"holdout_corruptions\": {\"names\": "
    "[\"brightness\"], \"severity\": 2}}";

/* Law: the resolved form parses back to an equal experiment, printed alike. */
static void resolved(void **state)
{
    (void)state;
    const char *const texts[] = {"{" BASICS "}",
                                 everything,
                                 "{" BASICS ", \"algorithm\": \"random\", \"budget\": {}}",
                                 "{" BASICS ", \"racing\": true}",
                                 "{" BASICS ", \"line_search\": 0.1, \"budget\": {\"images\": 100}}",
                                 "{" BASICS ", \"preselect\": {\"candidates\": 8, \"correlation\": 0.1}}",
                                 "{" BASICS ", \"racing\": {\"rungs\": [0.125, 0.3, 0.6], \"error\": 0.1, \"order\": "
                                 "\"disagreement\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int pretty = 0; pretty < 2; pretty++) {
            clade_experiment *e, *again;
            clade_text first = {0}, second = {0};
            assert_ok(parse(texts[i], &e));
            clade_experiment_print(e, pretty, &first);
            assert_ok(clade_text_status(&first));
            assert_ok(clade_experiment_parse(first.data, first.length, "run", "/elsewhere", &again));
            clade_experiment_print(again, pretty, &second);
            assert_string_equal(clade_text_get(&first), clade_text_get(&second));
            clade_text_free(&first);
            clade_text_free(&second);
            clade_experiment_free(e);
            clade_experiment_free(again);
        }
}

static void values(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse(everything, &e));
    assert_true(e->seed == UINT64_MAX);
    assert_int_equal(e->n_methods, 2);
    assert_int_equal(e->n_ranges, 2);
    assert_string_equal(e->ranges[1].parameter, "drop_rate");
    assert_true(e->ranges[1].low == 0.1 && e->ranges[1].high == 0.9);
    assert_int_equal(e->n_objectives, 3);
    assert_false(e->rotate);
    assert_int_equal(e->children, 0);
    assert_int_equal(e->images, 600000);
    assert_true(e->seconds == 1.5);
    assert_true(e->algorithm_parameters[0] == 20);
    assert_false(e->best_weights);
    assert_int_equal(e->cache_megabytes, 0);
    const clade_score_plan search = clade_experiment_search_plan(e), holdout = clade_experiment_holdout_plan(e);
    assert_int_equal(search.labelled_split, CLADE_SEARCH);
    assert_int_equal(search.labelled, 128);
    assert_int_equal(search.corrupted, 64);
    assert_int_equal(search.n_corruptions, 2);
    assert_int_equal(search.severities[1], 3);
    assert_true(search.with_corrupted && search.with_unlabelled && !search.rotate);
    assert_int_equal(holdout.labelled_split, CLADE_HOLDOUT);
    assert_int_equal(holdout.labelled + holdout.corrupted + holdout.unlabelled, 0);
    assert_false(holdout.rotate);
    assert_true(search.seed == holdout.seed);
    clade_experiment_free(e);
}

static void racing(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse("{" BASICS ", \"racing\": true}", &e));
    assert_int_equal(e->racing.n_shares, 2);
    assert_true(e->racing.shares[0] == 0.25 && e->racing.shares[1] == 0.5 && e->racing.error == 0.05);
    assert_false(e->racing.by_disagreement);
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"racing\": {\"rungs\": [0.3], \"error\": 0.2, \"order\": \"disagreement\"}}", &e));
    assert_int_equal(e->racing.n_shares, 1);
    assert_true(e->racing.by_disagreement);
    assert_true(e->racing.shares[0] == 0.3 && e->racing.error == 0.2);
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"racing\": false, \"objectives\": [\"entropy\"]}", &e));
    assert_int_equal(e->racing.n_shares, 0);
    clade_experiment_free(e);
}

/* Choices of an algorithm are said, and written out, by name. */
static void choices(void **state)
{
    (void)state;
    clade_experiment *e, *again;
    clade_text text = {0};
    assert_ok(parse("{" BASICS ", \"signal\": \"objective\", \"references\": false, \"hand_made\": false, "
                    "\"algorithm\": {\"name\": \"cma_es\", "
                    "\"objective\": \"weighted_sum\", \"restarts\": \"ipop\"}}",
                    &e));
    clade_experiment_print(e, false, &text);
    assert_non_null(strstr(clade_text_get(&text), "\"objective\":\"weighted_sum\""));
    assert_non_null(strstr(clade_text_get(&text), "\"restarts\":\"ipop\""));
    assert_non_null(strstr(clade_text_get(&text), "\"covariance\":\"auto\""));
    assert_non_null(strstr(clade_text_get(&text), "\"signal\":\"objective\""));
    assert_ok(parse(clade_text_get(&text), &again));
    assert_memory_equal(e->algorithm_parameters, again->algorithm_parameters,
                        e->algorithm->n_parameters * sizeof(double));
    assert_true(!again->smooth && !again->references && !again->hand_made);
    const size_t objective = clade_algorithm_parameter(e->algorithm, "objective");
    assert_string_equal(e->algorithm->parameters[objective].choices[(size_t)e->algorithm_parameters[objective]],
                        "weighted_sum");
    clade_experiment_free(e);
    clade_experiment_free(again);
    clade_text_free(&text);
}

static void preselect(void **state)
{
    (void)state;
    clade_experiment *e;
    assert_ok(parse("{" BASICS "}", &e));
    assert_int_equal(e->preselect.candidates, 8);
    clade_experiment_free(e);
    assert_ok(parse("{" BASICS ", \"preselect\": {\"candidates\": 4, \"correlation\": 0.5, \"children\": 40}}", &e));
    assert_int_equal(e->preselect.candidates, 4);
    assert_int_equal(e->preselect.children, 40);
    assert_true(e->preselect.correlation == 0.5);
    clade_experiment_free(e);
}

/* Paths are relative to the file, however it is named. */
static void read_from_a_file(void **state)
{
    (void)state;
    static const char text[] = "{" BASICS "}";
    char folder[TEST_PATH], path[TEST_PATH + 64], expected[TEST_PATH + 64], here[TEST_PATH];
    clade_experiment *e;
    make_temporary_folder(folder);
    snprintf(path, sizeof path, "%s/e.json", folder);
    write_test_file(path, text, sizeof text - 1);
    assert_ok(clade_experiment_read(path, &e));
    snprintf(expected, sizeof expected, "%s/b", folder);
    assert_string_equal(e->base, expected);
    clade_experiment_free(e);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    assert_ok(clade_experiment_read("e.json", &e));
    assert_true(e->base[0] == '/' && strcmp(e->base + strlen(e->base) - 2, "/b") == 0);
    clade_experiment_free(e);
    assert_ok(clade_experiment_read("./e.json", &e));
    assert_true(e->base[0] == '/');
    clade_experiment_free(e);
    assert_int_equal(chdir(here), 0);
    snprintf(path, sizeof path, "%s/n\xff", folder); /* JSON could not say it */
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/n\xff/e.json", folder);
    write_test_file(path, text, sizeof text - 1);
    assert_fails(clade_experiment_read(path, &e), CLADE_ECONFIG, "base: \"b\" is in a folder whose name is not UTF-8");
    snprintf(path, sizeof path, "%s/e.json", folder);
    remove_temporary_folder(folder);
    assert_fails(clade_experiment_read(path, &e), CLADE_EINPUT, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(default_window),
        cmocka_unit_test(corruptions_of_the_holdout),
        cmocka_unit_test(stop_rules),
        cmocka_unit_test(default_methods_suit),
        cmocka_unit_test(resolved),
        cmocka_unit_test(values),
        cmocka_unit_test(racing),
        cmocka_unit_test(choices),
        cmocka_unit_test(preselect),
        cmocka_unit_test(read_from_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
