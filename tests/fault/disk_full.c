/* The disk is full at the N-th write, sync, rename or new file of a search, SQLite's among them: for once, or from
 * there on. The run ends with CLADE_EIO and a message that says so; with room again it goes on, does only what the
 * ledger lacks, and comes to the same end. A file system without locks is refused. CLADE_FAULT_THOROUGH=1 tries every
 * N. */
#include "fault_disk.h"
#include "io_test.h"

#include <sys/file.h>

#include "fake_run.h"

static char root[TEST_PATH + 16], run_path[TEST_PATH + 32];

static clade_status create_run(void)
{
    char path[TEST_PATH + 32];
    clade_experiment *experiment = NULL;
    snprintf(path, sizeof path, "%s/experiment.json", folder);
    assert_ok(clade_experiment_read(path, &experiment));
    const clade_status status = clade_run_create(experiment, run_path);
    clade_experiment_free(experiment);
    return status;
}

/* Create the run when it is not there, and go on with it. POOL counts what was evaluated. */
static clade_status search(fake_pool *pool)
{
    pool->begun = 0;
    if (!clade_path_exists(run_path))
        CLADE_TRY(create_run());
    return fake_session(run_path, pool, 0, NULL);
}

/* SQLite has words of its own: for a sync that fails the second, for a new file the third. */
static bool says_why(void)
{
    static const char *const words[] = {"No space left on device", "disk is full", "disk I/O error",
                                        "unable to open database file"};
    bool says = false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        says |= strstr(clade_error_message(), words[i]) != NULL;
    return says;
}

/* Evaluations that are in the ledger. */
static size_t results(void)
{
    if (!clade_path_exists(run_path))
        return 0;
    return (size_t)fake_ask_database(run_path,
                                     "SELECT (SELECT COUNT(*) FROM evaluations WHERE same_as IS NULL) + (SELECT "
                                     "COUNT(*) FROM reference_scores)");
}

/* A search on an empty disk that fails at step N, and one that goes on; false when there is no such step. */
static bool try_step(size_t n, bool stays_full, const char *expected_hash, size_t expected_results)
{
    char hash[CLADE_SHA256_HEX];
    fake_pool pool = fake_pool_of(2, n);
    disk_forget();
    remove_temporary_folder(root);
    assert_int_equal(mkdir(root, 0777), 0);
    disk_begin(root);
    disk.fail_at = n;
    disk.stays_full = stays_full;
    const clade_status status = search(&pool);
    const bool failed = disk.n_failed > 0;
    disk_forget();
    if (status != CLADE_OK && (status != CLADE_EIO || !says_why()))
        print_error("step %zu: %s: %s\n", n, clade_status_name(status), clade_error_message());
    assert_true(status == CLADE_OK || (failed && status == CLADE_EIO && says_why()));
    const size_t kept = results();
    pool = fake_pool_of(1, n);
    assert_ok(search(&pool));
    assert_int_equal(kept + pool.begun, expected_results);
    fake_run_hash(run_path, hash);
    assert_string_equal(hash, expected_hash);
    assert_int_equal(entries_in(run_path), 6); /* best, experiment, front, log, run.db and its lock */
    assert_int_equal(entries_in(root), 1);
    return failed;
}

static void a_search(void **state)
{
    (void)state;
    char expected[CLADE_SHA256_HEX];
    const size_t stride = getenv("CLADE_FAULT_THOROUGH") ? 1 : 7;
    size_t n = 1;
    fake_pool pool = fake_pool_of(1, 0);
    fake_experiment(folder, "\"budget\": {\"children\": 8}, \"window\": 3, \"best_weights\": false,");
    snprintf(root, sizeof root, "%s/disk", folder);
    snprintf(run_path, sizeof run_path, "%s/run", root);
    assert_int_equal(mkdir(root, 0777), 0);
    assert_ok(search(&pool));
    fake_run_hash(run_path, expected);
    const size_t all = results();
    while (try_step(n, n % 2 == 0, expected, all))
        n += stride;
    print_message("no room at each of %zu out of %zu steps\n", (n - 1) / stride, n - 1);
    assert_true(n > 100);
}

/* ---- a file system without locks ---- */

static bool no_locks;

int flock(int fd, int operation)
{
    if (!no_locks)
        return (int)syscall(SYS_flock, fd, operation);
    errno = ENOLCK;
    return -1;
}

static void no_locks_is_refused(void **state)
{
    (void)state;
    fake_pool pool = fake_pool_of(1, 0);
    fake_experiment(folder, "\"budget\": {\"children\": 4}, \"best_weights\": false,");
    snprintf(run_path, sizeof run_path, "%s/run", folder);
    no_locks = true;
    const clade_status without = create_run();
    no_locks = false;
    assert_fails(without, CLADE_EIO, "this file system has no locks");
    assert_false(clade_path_exists(run_path));
    assert_ok(create_run());
    no_locks = true;
    const clade_status resumed = search(&pool);
    no_locks = false;
    assert_fails(resumed, CLADE_EIO, "this file system has no locks");
    assert_ok(search(&pool));
}

int main(void)
{
    fake_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_locks_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
