/* What a run does when memory or the disk ends, and what a ledger is after a writer died in the middle of a write. */
#include "fake_run.h"

#include <sys/resource.h>
#include <sys/wait.h>

static char run_path[TEST_PATH + 32];

/* ---- memory ---- */

static clade_status write_and_read(clade_ledger *ledger)
{
    clade_child_row child = {.method = "ties", .operator_name = "random", .parents = {0}, .n_parents = 0},
                    child_back = {0};
    clade_evaluation_row evaluation = {.same_as = -1}, evaluation_back = {0};
    clade_commit_row commit = {.n_objectives = 2, .objectives = {0.5, 0.25}}, commit_back;
    clade_series_row series = {.hypervolume = 0.125}, series_back;
    bool found = false;
    uint64_t same;
    memset(child.recipe_hash, 'a', CLADE_SHA256_HEX - 1);
    memset(commit.hash, 'b', CLADE_SHA256_HEX - 1);
    clade_text_append(&evaluation.score, "{}");
    clade_status status = clade_text_status(&evaluation.score);
    if (status == CLADE_OK)
        status = clade_ledger_put_child(ledger, &child);
    if (status == CLADE_OK)
        status = clade_ledger_put_evaluation(ledger, &evaluation);
    if (status == CLADE_OK)
        status = clade_ledger_put_commit(ledger, &commit);
    if (status == CLADE_OK)
        status = clade_ledger_put_series(ledger, &series);
    if (status == CLADE_OK)
        status = clade_ledger_get_series(ledger, 0, &series_back, &found);
    if (status == CLADE_OK)
        status = clade_ledger_find_recipe(ledger, child.recipe_hash, 1, &same, &found);
    if (status == CLADE_OK)
        status = clade_ledger_get_child(ledger, 0, &child_back, &found);
    if (status == CLADE_OK)
        status = clade_ledger_get_evaluation(ledger, 0, CLADE_SEARCH, &evaluation_back, &found);
    if (status == CLADE_OK)
        status = clade_ledger_get_commit(ledger, 0, &commit_back, &found);
    clade_child_row_fini(&child_back);
    clade_evaluation_row_fini(&evaluation);
    clade_evaluation_row_fini(&evaluation_back);
    return status;
}

static clade_status one_ledger(void *context)
{
    char path[TEST_PATH + 16];
    clade_ledger *ledger = NULL;
    (void)context;
    snprintf(path, sizeof path, "%s/run.db", folder);
    (void)unlink(path);
    CLADE_TRY(clade_ledger_create(path, &ledger));
    clade_status status = write_and_read(ledger);
    clade_ledger_close(ledger);
    if (status == CLADE_OK)
        status = clade_ledger_open(path, true, &ledger);
    if (status == CLADE_OK)
        clade_ledger_close(ledger);
    return status;
}

static void a_ledger_without_memory(void **state)
{
    (void)state;
    check_every_allocation(one_ledger, NULL);
}

static clade_status read_front(void *context)
{
    clade_front front;
    (void)context;
    CLADE_TRY(clade_front_read(run_path, CLADE_HOLDOUT, &front));
    clade_status status = clade_front_intervals(&front, "average");
    clade_front_fini(&front);
    return status;
}

static void a_front_without_memory(void **state)
{
    (void)state;
    fake_experiment(folder, "\"budget\": {\"children\": 4}, \"best_weights\": false,");
    fake_pool pool = fake_pool_of(1, 0);
    fake_new_run(folder, run_path);
    assert_ok(fake_session(run_path, &pool, 0, NULL));
    check_every_allocation(read_front, NULL);
}

static clade_status create_run(void *context)
{
    char path[TEST_PATH + 32];
    clade_status status = clade_run_create(context, run_path);
    snprintf(path, sizeof path, "%s", run_path);
    if (status == CLADE_OK)
        remove_temporary_folder(path);
    return status;
}

static void a_run_folder_without_memory(void **state)
{
    (void)state;
    char path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    fake_experiment(folder, "");
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    snprintf(run_path, sizeof run_path, "%s/run", folder);
    assert_ok(clade_experiment_read(path, &experiment));
    check_every_allocation(create_run, experiment);
    clade_experiment_free(experiment);
}

/* ---- the disk ---- */

/* A session in a process that may write no file beyond LIMIT bytes; its status. */
static int limited_session(rlim_t limit)
{
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        const struct rlimit files = {.rlim_cur = limit, .rlim_max = limit};
        fake_pool pool = fake_pool_of(2, limit);
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &files) != 0)
            _exit(99);
        _exit((int)fake_session(run_path, &pool, 0, NULL));
    }
    int ended = 0;
    assert_int_equal(waitpid(process, &ended, 0), process);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX];
    unsigned failed = 0, whole = 0;
    fake_experiment(folder, "\"budget\": {\"children\": 12}, \"window\": 4,");
    fake_pool pool = fake_pool_of(1, 0);
    fake_new_run(folder, run_path);
    assert_ok(fake_session(run_path, &pool, 0, NULL));
    fake_run_hash(run_path, expected);
    /* From less than an empty ledger's file to more than all needs. */
    for (rlim_t limit = 100000; limit < 1600000; limit += 100000) {
        fake_new_run(folder, run_path);
        const int status = limited_session(limit);
        assert_true(status == CLADE_OK || status == CLADE_EIO);
        failed += status == CLADE_EIO;
        whole += status == CLADE_OK;
        assert_ok(fake_session(run_path, &pool, 0, NULL));
        fake_run_hash(run_path, hash);
        assert_string_equal(hash, expected);
    }
    assert_true(failed > 2 && whole > 0);
}

/* A writer killed in the middle of a write of the file itself, not of its WAL, leaves a journal that whoever comes next
 * must undo: also when that is a reader. */
static void half_a_write_is_undone_by_readers(void **state)
{
    (void)state;
    char path[TEST_PATH + 64], journal[TEST_PATH + 80];
    fake_experiment(folder, "\"budget\": {\"children\": 8},");
    fake_pool pool = fake_pool_of(1, 0);
    fake_new_run(folder, run_path);
    assert_ok(fake_session(run_path, &pool, 0, NULL));
    snprintf(path, sizeof path, "%s/run.db", run_path);
    snprintf(journal, sizeof journal, "%s-journal", path);
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        sqlite3 *db = NULL;
        if (sqlite3_open(path, &db) == SQLITE_OK &&
            sqlite3_exec(
                db,
                "PRAGMA cache_size = 1; BEGIN; UPDATE commits SET hash = printf('%.20000c', 'x'); UPDATE children SET "
                "recipe = printf('%.60000c', 'x')",
                NULL, NULL, NULL) == SQLITE_OK)
            raise(SIGKILL);
        _exit(99);
    }
    int ended = 0;
    assert_int_equal(waitpid(process, &ended, 0), process);
    assert_true(WIFSIGNALED(ended));
    assert_true(clade_path_exists(journal));
    clade_front front;
    assert_ok(clade_front_read(run_path, CLADE_SEARCH, &front));
    assert_int_equal(front.committed, 8);
    assert_int_not_equal(front.run_hash[0], 'x');
    clade_front_fini(&front);
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ledger_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_front_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_run_folder_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(half_a_write_is_undone_by_readers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
