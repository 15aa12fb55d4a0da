/* The front as reports read it, and the files a run leaves behind. */
#include "fake_run.h"

#include "search/export/card.h"
#include "search/export/front.h"
#include "search/export/front_formats.h"
#include "search/pareto.h"

static char run_path[TEST_PATH + 32];

static void finished_run(const char *extra, size_t fail_every)
{
    fake_pool pool = fake_pool_of(3, 1);
    fake_experiment(folder, extra);
    fake_new_run(folder, run_path);
    pool.fail_every = fail_every;
    assert_ok(fake_session(run_path, &pool, 0, NULL));
}

/* accuracy and robustness, which come first in the registry, minimised. */
static void point_of(const double *values, double point[2])
{
    point[0] = -values[0];
    point[1] = -values[1];
}

static void members_are_the_undominated_commits(void **state)
{
    (void)state;
    char path[TEST_PATH + 64];
    clade_front front;
    clade_ledger *ledger = NULL;
    finished_run("\"budget\": {\"children\": 40},", 9);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_true(front.n_members > 1);
    assert_int_equal(front.committed, 40);
    snprintf(path, sizeof path, "%s/run.db", run_path);
    assert_ok(clade_ledger_open(path, false, &ledger));
    for (uint64_t child = 0; child < front.committed; child++) {
        clade_commit_row row;
        bool found = false, beaten = false, is_member = false;
        double point[2], member[2];
        assert_ok(clade_ledger_get_commit(ledger, child, &row, &found));
        assert_true(found);
        point_of(row.objectives, point);
        for (size_t i = 0; i < front.n_members; i++) {
            point_of(front.members[i].search_objectives, member);
            is_member = is_member || front.members[i].child == child;
            beaten = beaten || clade_dominates(member, point, 2) ||
                     (memcmp(member, point, sizeof point) == 0 && front.members[i].child < child);
        }
        assert_int_equal(is_member, !row.failed && !beaten);
    }
    clade_ledger_close(ledger);
    for (size_t i = 1; i < front.n_members; i++)
        assert_true(front.members[i - 1].search_objectives[0] >= front.members[i].search_objectives[0]);
    assert_true(front.best < front.n_members);
    clade_front_fini(&front);
}

static void holdout_is_a_part_of_it(void **state)
{
    (void)state;
    clade_front all, holdout;
    finished_run("\"budget\": {\"children\": 40},", 9);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &all));
    assert_ok(clade_front_read(run_path, CLADE_HOLDOUT, &holdout));
    assert_true(holdout.n_members >= 1 && holdout.n_members <= all.n_members);
    for (size_t i = 0; i < holdout.n_members; i++)
        for (size_t j = 0; j < holdout.n_members; j++) {
            double a[2], b[2];
            point_of(holdout.members[i].holdout_objectives, a);
            point_of(holdout.members[j].holdout_objectives, b);
            assert_false(clade_dominates(a, b, 2));
        }
    for (size_t i = 0; i < holdout.n_members; i++) {
        size_t same = 0;
        for (size_t j = 0; j < all.n_members; j++)
            same += all.members[j].child == holdout.members[i].child;
        assert_int_equal(same, 1);
    }
    clade_front_fini(&all);
    clade_front_fini(&holdout);
}

static void references_are_scored_on_both_splits(void **state)
{
    (void)state;
    static const char *const names[] = {"base", "average", "parent fashion", "parent digits"};
    clade_front front;
    finished_run("\"budget\": {\"children\": 12},", 0);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_int_equal(front.n_references, 5);
    assert_memory_equal(front.references[4].name, "first: ", 7); /* the best of the hand-made */
    for (size_t r = 0; r < 5; r++) {
        if (r < 4)
            assert_string_equal(front.references[r].name, names[r]);
        assert_int_equal(front.references[r].search.n_tasks, 2);
        assert_int_equal(front.references[r].holdout.n_tasks, 2);
    }
    /* The pool scores nearness: a task's own fine-tune is at distance 0 of itself, bit for bit. */
    assert_true(front.references[2].search.tasks[0].clean.accuracy >= 1.0);
    assert_true(front.references[3].search.tasks[1].clean.accuracy >= 1.0);
    /* Retention of a member: mean of child / fine-tune, here / 1. */
    const clade_member *member = &front.members[front.best];
    const double retention = (member->search.tasks[0].clean.accuracy + member->search.tasks[1].clean.accuracy) / 2.0;
    assert_true(fabs(member->search_objectives[5] - retention) < 1e-12);
    clade_front_fini(&front);
}

/* ---- how sure that is ---- */

static void marks_are_the_front_of_holdout(void **state)
{
    (void)state;
    clade_front all, holdout;
    finished_run("\"budget\": {\"children\": 40},", 9);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &all));
    assert_ok(clade_front_read(run_path, CLADE_HOLDOUT, &holdout));
    size_t marked = 0;
    for (size_t i = 0; i < all.n_members; i++) {
        bool is_member = false;
        for (size_t j = 0; j < holdout.n_members; j++)
            is_member = is_member || holdout.members[j].child == all.members[i].child;
        assert_int_equal(all.members[i].on_holdout_front, is_member);
        marked += is_member;
    }
    assert_int_equal(marked, holdout.n_members);
    clade_front_fini(&all);
    clade_front_fini(&holdout);
}

/* An interval of a mean lies in what the mean can be, and about its estimate: here of the answers, which the pool rounds
 * to eighths. */
static void check_certainty(const double *objectives, const clade_certainty *certainty)
{
    for (clade_measure m = 0; m < CLADE_MEASURES; m++) {
        const clade_interval value = certainty[m].value, difference = certainty[m].difference;
        assert_true(value.low <= value.high && difference.low <= difference.high);
        assert_true(value.low >= 0.0 && (m == CLADE_RETENTION || value.high <= 1.0));
        if (m == CLADE_ACCURACY)
            assert_true(value.low <= objectives[0] + 0.0626 && objectives[0] - 0.0626 <= value.high);
    }
}

static void intervals_are_of_the_answers(void **state)
{
    (void)state;
    clade_front front, again;
    finished_run("\"budget\": {\"children\": 30},", 0);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_true(isnan(front.members[0].certainty[CLADE_ACCURACY].value.low));
    assert_ok(clade_front_intervals(&front, NULL));
    assert_string_equal(front.against, front.references[4].name);
    for (size_t i = 0; i < front.n_members; i++)
        check_certainty(front.members[i].holdout_objectives, front.members[i].certainty);
    for (size_t r = 0; r < front.n_references; r++)
        check_certainty(front.references[r].holdout_objectives, front.references[r].certainty);
    for (clade_measure m = 0; m < CLADE_MEASURES; m++) { /* to itself, on the same items: none */
        const clade_interval none = front.references[4].certainty[m].difference;
        assert_true(none.low >= 0.0 && none.high <= 0.0);
    }
    /* All corruptions of an item have one answer here, so there are no more items under seven of them than clean. */
    for (size_t i = 0; i < front.n_members; i++)
        assert_memory_equal(&front.members[i].certainty[CLADE_ACCURACY].value,
                            &front.members[i].certainty[CLADE_ROBUSTNESS].value, sizeof(clade_interval));
    /* Against another: the same values, other differences; read again: the same bits. */
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &again));
    assert_ok(clade_front_intervals(&again, "parent digits"));
    assert_string_equal(again.against, "parent digits");
    assert_memory_equal(&again.members[0].certainty[0].value, &front.members[0].certainty[0].value,
                        sizeof(clade_interval));
    assert_ok(clade_front_intervals(&again, NULL));
    for (size_t i = 0; i < front.n_members; i++)
        assert_memory_equal(again.members[i].certainty, front.members[i].certainty, sizeof again.members[i].certainty);
    char name[64];
    snprintf(name, sizeof name, "child %llu", (unsigned long long)front.members[0].child);
    assert_ok(clade_front_intervals(&again, name));
    assert_true(again.members[0].certainty[0].difference.high <= 0.0);
    assert_fails(clade_front_intervals(&again, "averge"), CLADE_EUSAGE, "did you mean \"average\"");
    clade_front_fini(&front);
    clade_front_fini(&again);
}

/* A score of the ledger that lacks items is noticed, not resampled. */
static void answers_must_be_of_the_plan(void **state)
{
    (void)state;
    clade_front front;
    finished_run("\"budget\": {\"children\": 12},", 0);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    front.members[0].holdout.tasks[1].clean.items--;
    assert_fails(clade_front_intervals(&front, NULL), CLADE_EINPUT, "task digits");
    clade_front_fini(&front);
}

static void optimism_is_in_the_better_direction(void **state)
{
    (void)state;
    assert_true(clade_optimism(0, 0.75, 0.5) >= 0.25 && clade_optimism(0, 0.75, 0.5) <= 0.25); /* accuracy */
    assert_true(clade_optimism(2, 0.5, 0.75) >= 0.25 && clade_optimism(2, 0.5, 0.75) <= 0.25); /* entropy */
    assert_true(isnan(clade_optimism(0, 0.75, NAN)));
}

/* The n-th field of a line of CSV. */
static const char *field(const char *line, size_t n)
{
    for (; n > 0; n--)
        line = strchr(line, ',') + 1;
    return line;
}

static void everything_is_said_of_a_front(void **state)
{
    (void)state;
    clade_front front;
    clade_ledger *ledger = NULL;
    clade_text json = {0}, csv = {0}, text = {0};
    clade_json *document = NULL;
    clade_problems problems = {0};
    finished_run("\"budget\": {\"children\": 24}, \"corruptions\": {\"names\": [\"jpeg\", \"contrast\"]}, "
                 "\"holdout_corruptions\": {\"names\": [\"jpeg\", \"brightness\"], \"severity\": 3},",
                 0);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_ok(clade_front_intervals(&front, NULL));
    assert_ok(clade_run_ledger(run_path, &ledger));
    assert_ok(clade_front_write_json(&front, ledger, &json));
    assert_ok(clade_front_write_csv(&front, &csv));
    clade_front_write_certainty(&front, SIZE_MAX, &text);
    clade_ledger_close(ledger);
    assert_ok(clade_json_parse(clade_text_get(&json), json.length, "front", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), members = clade_json_member(&root, "front"),
                        member = clade_json_item(&members, 0),
                        intervals = clade_json_member(&member, "holdout_interval"),
                        interval = clade_json_member(&intervals, "accuracy"), high = clade_json_item(&interval, 1),
                        against = clade_json_member(&member, "against"), name = clade_json_member(&against, "name"),
                        robustness = clade_json_member(&against, "robustness"),
                        difference = clade_json_member(&robustness, "difference"),
                        corruptions = clade_json_member(&root, "holdout_corruptions"),
                        corruption = clade_json_item(&corruptions, 1),
                        seen = clade_json_member(&corruption, "seen_in_search");
    double number = 0.0;
    const char *word = "";
    bool truth = true;
    assert_true(clade_json_number(&high, &problems, 0.0, 1.0, &number));
    assert_true(number >= front.members[0].certainty[0].value.high &&
                number <= front.members[0].certainty[0].value.high);
    assert_true(clade_json_string(&name, &problems, &word));
    assert_string_equal(word, front.against);
    assert_true(clade_json_number(&difference, &problems, -1.0, 1.0, &number));
    assert_true(clade_json_bool(&seen, &problems, &truth) && !truth);
    assert_ok(clade_problems_end(&problems, CLADE_EINPUT));
    clade_json_free(document);
    size_t objectives = 0;
    (void)clade_objectives(&objectives);
    assert_memory_equal(field(csv.data, 3 + 2 * objectives), "holdout_front,", 14); /* behind what was there before */
    assert_memory_equal(strstr(csv.data, ",holdout_front") + 1,
                        "holdout_front,holdout_accuracy_low,holdout_accuracy_high,", 57);
    assert_true(*field(strchr(csv.data, '\n') + 1, 3 + 2 * objectives) ==
                (front.members[0].on_holdout_front ? '1' : '0'));
    assert_non_null(strstr(text.data, "| jpeg | at severity 5 |"));
    assert_non_null(strstr(text.data, "| brightness | **never** |"));
    char *card = fake_read_file(run_path, "best/README.md");
    assert_non_null(strstr(card, "### How sure that is"));
    assert_non_null(strstr(card, "| brightness | **never** |"));
    assert_non_null(strstr(card, front.against));
    clade_free(card);
    clade_text_free(&json);
    clade_text_free(&csv);
    clade_text_free(&text);
    clade_front_fini(&front);
}

static void retention_can_be_searched(void **state)
{
    (void)state;
    clade_front front;
    finished_run(
        "\"objectives\": [\"retention\", \"entropy\"], \"budget\": {\"children\": 16}, \"best\": \"retention\",", 0);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_true(front.n_members > 0);
    assert_true(isfinite(front.members[0].search_objectives[5]));
    assert_int_equal(front.best, 0); /* the best of the first objective comes first */
    clade_front_fini(&front);
}

static void a_run_leaves_its_files(void **state)
{
    (void)state;
    char line[192];
    clade_front front;
    finished_run("\"budget\": {\"children\": 24},", 0);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    const clade_member *best = &front.members[front.best];
    char *csv = fake_read_file(run_path, "front.csv"), *lineage = fake_read_file(run_path, "best/lineage.json"),
         *card = fake_read_file(run_path, "best/README.md");
    assert_memory_equal(csv, "child,method,recipe_hash,search_accuracy,search_robustness,", 59);
    assert_non_null(strstr(csv, ",holdout_accuracy,"));
    snprintf(line, sizeof line, "\n%llu,%s,%s,", (unsigned long long)best->child, best->method, best->recipe_hash);
    assert_non_null(strstr(csv, line));
    snprintf(line, sizeof line, "\"child\": %llu", (unsigned long long)best->child);
    assert_non_null(strstr(lineage, line));
    assert_memory_equal(card, "---\n", 4);
    assert_non_null(strstr(card, best->recipe_hash));
    assert_non_null(strstr(card, front.run_hash));
    assert_non_null(strstr(card, "| parent digits |"));
    assert_true(fake_exists(run_path, "best/recipe.json") && fake_exists(run_path, "best/weights/model.safetensors") &&
                fake_exists(run_path, "best/weights/README.md"));
    assert_true(fake_exists(run_path, "best/mergekit.yml") != fake_exists(run_path, "best/mergekit.txt"));
    assert_true(fake_exists(run_path, "log.txt") && fake_exists(run_path, "experiment.json"));
    /* The recipe in best/ is the child's: read from the file it hashes to the ledger's number. */
    char path[TEST_PATH + 64];
    clade_recipe *recipe = NULL;
    clade_family *family = NULL;
    char hash[CLADE_SHA256_HEX];
    snprintf(path, sizeof path, "%s/best/recipe.json", run_path);
    assert_ok(clade_recipe_read(path, &recipe));
    assert_ok(
        clade_family_open(front.experiment->base, (const char *const *)front.experiment->parent_paths, 2, &family));
    assert_ok(clade_family_stamp(family, recipe));
    assert_ok(clade_recipe_hash(recipe, hash));
    assert_string_equal(hash, best->recipe_hash);
    clade_family_close(family);
    clade_recipe_free(recipe);
    clade_free(csv);
    clade_free(lineage);
    clade_free(card);
    clade_front_fini(&front);
}

static void an_empty_run_has_an_empty_front(void **state)
{
    (void)state;
    clade_front front;
    clade_text csv = {0};
    fake_experiment(folder, "");
    fake_new_run(folder, run_path);
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_int_equal(front.n_members, 0);
    assert_int_equal(front.committed, 0);
    assert_int_equal(strspn(front.run_hash, "0"), CLADE_SHA256_HEX - 1);
    assert_ok(clade_front_write_csv(&front, &csv));
    assert_ptr_equal(strchr(csv.data, '\n'), csv.data + csv.length - 1);
    clade_text_free(&csv);
    clade_front_fini(&front);
    assert_fails(clade_front_read(folder, CLADE_SEARCH, &front), CLADE_EINPUT, "run.db");
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_are_the_undominated_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(holdout_is_a_part_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(references_are_scored_on_both_splits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_are_the_front_of_holdout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(intervals_are_of_the_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_must_be_of_the_plan, set_up, tear_down),
        cmocka_unit_test(optimism_is_in_the_better_direction),
        cmocka_unit_test_setup_teardown(everything_is_said_of_a_front, set_up, tear_down),
        cmocka_unit_test_setup_teardown(retention_can_be_searched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_leaves_its_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_run_has_an_empty_front, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
