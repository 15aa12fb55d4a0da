/* The power goes at any moment. Whatever of the unsynced writes is lost, kept or torn, the ledger opens and is sound,
 * has every result and commit that was in it before, whole, and the run goes on to the same end; experiment.json,
 * front.csv and best/ are as they were before a change or after it. CLADE_FAULT_THOROUGH=1 tries every moment in every
 * way. */
#include "fault_power.h"
#include "io_test.h"

#include "fake_run.h"

enum { CHILDREN = 10, SESSIONS = 3, MARKS = 4096 };

static char root[TEST_PATH + 16], run_path[TEST_PATH + 32];

/* How much had been promised after so many steps. */
typedef struct mark {
    size_t step;
    uint64_t results; /* rows of evaluations */
    bool created, finished;
} mark;

static mark marks[MARKS];
static size_t n_marks;

static void promise(uint64_t results, bool created, bool finished)
{
    assert_true(n_marks < MARKS);
    marks[n_marks++] = (mark){disk.n_steps, results, created, finished};
}

/* The last promise that was made within the first STEP steps. */
static mark promised(size_t step)
{
    mark last = {0};
    for (size_t i = 0; i < n_marks && marks[i].step <= step; i++)
        last = marks[i];
    return last;
}

/* Every STRIDE-th moment, or every one; the ways to lose something in turn, or all. */
static void at_moments(size_t stride, void (*check)(size_t step))
{
    const bool thorough = getenv("CLADE_FAULT_THOROUGH") != NULL;
    const size_t steps = disk.n_steps;
    size_t cuts = 0;
    for (size_t n = 0; n <= steps; n++)
        for (disk_loss loss = 0; loss < DISK_LOSSES; loss++) {
            if (!thorough && (n % stride != 0 || (n / stride) % DISK_LOSSES != loss) && n != steps)
                continue;
            disk_cut_power(n, loss, loss);
            check(n);
            cuts++;
        }
    print_message("%zu cuts of power in %zu steps\n", cuts, steps);
}

static int64_t ask(const char *database, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    const int64_t answer = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return answer;
}

static int begin(void **state)
{
    (void)set_up(state);
    snprintf(root, sizeof root, "%s/disk", folder);
    assert_int_equal(mkdir(root, 0777), 0);
    n_marks = 0;
    return 0;
}

static int end(void **state)
{
    disk_forget();
    return tear_down(state);
}

/* ---- a ledger ---- */

static char ledger_path[TEST_PATH + 32];

/* Child CHILD, its result and its commit, in one transaction. */
static void put_all(clade_ledger *ledger, uint64_t child)
{
    clade_child_row row = {.child = child, .method = "ties", .operator_name = "random"};
    clade_evaluation_row evaluation = {.child = child, .same_as = -1};
    clade_commit_row commit = {.child = child, .n_objectives = 1, .objectives = {(double)child}};
    memset(row.recipe_hash, 'a', CLADE_SHA256_HEX - 1);
    memset(commit.hash, 'b', CLADE_SHA256_HEX - 1);
    for (size_t i = 0; i < 300; i++)
        clade_text_append(&row.recipe, "%llu,", (unsigned long long)(child * i));
    clade_text_append(&evaluation.score, "{}");
    assert_ok(clade_ledger_begin(ledger));
    assert_ok(clade_ledger_put_child(ledger, &row));
    assert_ok(clade_ledger_put_evaluation(ledger, &evaluation));
    assert_ok(clade_ledger_put_commit(ledger, &commit));
    assert_ok(clade_ledger_end(ledger));
    clade_child_row_fini(&row);
    clade_evaluation_row_fini(&evaluation);
}

static void check_ledger(size_t step)
{
    const mark before = promised(step);
    clade_ledger *ledger = NULL;
    if (!before.created)
        return;
    assert_ok(clade_ledger_open(ledger_path, true, &ledger));
    clade_ledger_close(ledger);
    assert_int_equal(ask(ledger_path, "SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    const int64_t commits = ask(ledger_path, "SELECT COUNT(*) FROM commits");
    assert_true(commits >= (int64_t)before.results);
    assert_int_equal(ask(ledger_path, "SELECT COUNT(*) FROM children NATURAL JOIN evaluations NATURAL JOIN commits"),
                     commits);
    assert_int_equal(ask(ledger_path, "SELECT COALESCE(MAX(child), -1) FROM children"), commits - 1);
    assert_ok(clade_ledger_open(ledger_path, true, &ledger));
    put_all(ledger, (uint64_t)commits);
    clade_ledger_close(ledger);
}

static void a_ledger(void **state)
{
    (void)state;
    clade_ledger *ledger = NULL;
    snprintf(ledger_path, sizeof ledger_path, "%s/run.db", root);
    disk_begin(root);
    assert_ok(clade_ledger_create(ledger_path, &ledger));
    promise(0, true, false);
    for (uint64_t child = 0; child < 24; child++) {
        put_all(ledger, child);
        promise(child + 1, true, false);
        if (child % 8 == 7) {
            clade_ledger_close(ledger);
            assert_ok(clade_ledger_open(ledger_path, true, &ledger));
        }
    }
    clade_ledger_close(ledger);
    assert_true(disk.n_steps > 100);
    at_moments(1, check_ledger);
}

/* ---- a run ---- */

static char expected_hash[CLADE_SHA256_HEX], *expected_csv, *expected_experiment;
static uint64_t results_before; /* of the sessions before this one */

/* The engine only waits when it has written all that it has. */
static void promise_delivered(const fake_pool *pool)
{
    if (disk.recording)
        promise(results_before + pool->delivered, true, false);
}

/* A session that is stopped after STOP_AFTER results, or goes to the end. */
static clade_status session(size_t stop_after)
{
    fake_pool pool = fake_pool_of(2, 0);
    pool.idle = promise_delivered;
    pool.stop_after = stop_after;
    const clade_status status = fake_session(run_path, &pool, 0, NULL);
    results_before += pool.delivered;
    return status;
}

static void create_run(void)
{
    char path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(path, &experiment));
    assert_ok(clade_run_create(experiment, run_path));
    clade_experiment_free(experiment);
}

/* Every file that is there is whole. */
static void check_files(const mark *before)
{
    char *experiment = fake_read_file(run_path, "experiment.json");
    assert_string_equal(experiment, expected_experiment);
    clade_free(experiment);
    assert_true(!before->finished || (fake_exists(run_path, "front.csv") && fake_exists(run_path, "best/README.md")));
    if (fake_exists(run_path, "front.csv")) {
        char *csv = fake_read_file(run_path, "front.csv");
        assert_string_equal(csv, expected_csv);
        clade_free(csv);
    }
    if (fake_exists(run_path, "best")) {
        char *recipe = fake_read_file(run_path, "best/recipe.json"), *lineage;
        clade_recipe_free(fake_recipe(recipe, strlen(recipe)));
        lineage = fake_read_file(run_path, "best/lineage.json");
        assert_non_null(strstr(lineage, "\n}"));
        clade_free(recipe);
        clade_free(lineage);
    }
}

static void check_run(size_t step)
{
    const mark before = promised(step);
    char hash[CLADE_SHA256_HEX];
    if (!clade_path_exists(run_path)) {
        assert_false(before.created);
        create_run(); /* whatever else is there must not be in the way */
        return;
    }
    check_files(&before);
    const int64_t kept = fake_ask_database(
        run_path, "SELECT (SELECT COUNT(*) FROM evaluations WHERE same_as IS NULL) + (SELECT COUNT(*) "
                  "FROM reference_scores)");
    if (kept < (int64_t)before.results)
        print_error("step %zu: %d results are there, %d were promised\n", step, (int)kept, (int)before.results);
    assert_true(kept >= (int64_t)before.results);
    assert_int_equal(fake_ask_database(run_path, "SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check <> "
                                                 "'ok'"),
                     0);
    assert_ok(session(0));
    fake_run_hash(run_path, hash);
    assert_string_equal(hash, expected_hash);
    const mark all = {.finished = true};
    check_files(&all);
    assert_int_equal(entries_in(run_path), 6); /* best, experiment, front, log, run.db and its lock */
    assert_int_equal(fake_ask_database(run_path, "SELECT COUNT(*) FROM evaluations WHERE split = 'search'"), CHILDREN);
}

static void a_run(void **state)
{
    (void)state;
    char extra[128];
    snprintf(extra, sizeof extra, "\"budget\": {\"children\": %d}, \"window\": 3, \"best_weights\": false,", CHILDREN);
    fake_experiment(folder, extra);
    snprintf(run_path, sizeof run_path, "%s/run", root);
    results_before = 0;
    disk_begin(root);
    create_run();
    promise(0, true, false);
    for (size_t i = 0; i + 1 < SESSIONS; i++)
        assert_fails(session(3), CLADE_EINTERRUPTED, "stopped");
    assert_ok(session(0));
    promise(results_before, true, true);
    fake_run_hash(run_path, expected_hash);
    expected_csv = fake_read_file(run_path, "front.csv");
    expected_experiment = fake_read_file(run_path, "experiment.json");
    at_moments(2, check_run);
    clade_free(expected_csv);
    clade_free(expected_experiment);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ledger, begin, end),
        cmocka_unit_test_setup_teardown(a_run, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
