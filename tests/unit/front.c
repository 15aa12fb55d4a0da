/* The front as reports read it, and the files a run leaves behind. */
#include "fake_run.h"

#include "search/export/card.h"
#include "search/export/front.h"
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
    assert_int_equal(front.n_references, 4);
    for (size_t r = 0; r < 4; r++) {
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
        cmocka_unit_test_setup_teardown(retention_can_be_searched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_leaves_its_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_run_has_an_empty_front, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
