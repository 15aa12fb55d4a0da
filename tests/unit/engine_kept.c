/* However a session ends, the results that arrived are in the ledger, and the next one pays for none of them again. */
#include "folder_fixture.h"
#include "form_run.h"

#include <string.h>

enum { CHILDREN = 40, WINDOW = 6, BREAKS_AT = 17 };

static unsigned runs;

static const char *new_path(void)
{
    char name[32];
    snprintf(name, sizeof name, "run-%u", runs++);
    return path_in(folder, name);
}

static clade_experiment *new_experiment(void)
{
    clade_experiment *experiment = NULL;
    assert_ok(form_experiment(clade_problem_form_find("zdt1", 30), clade_algorithm_find("sms_emoa"), CHILDREN, WINDOW,
                              &experiment));
    return experiment;
}

/* Results in the ledger of the run in PATH. */
static size_t kept(const char *path)
{
    clade_ledger *ledger = NULL;
    clade_ledger_counts counts;
    assert_ok(clade_run_ledger(path, &ledger));
    assert_ok(clade_ledger_count(ledger, &counts));
    clade_ledger_close(ledger);
    return (size_t)counts.evaluated;
}

static void run_hash(const char *path, char hash[CLADE_SHA256_HEX])
{
    double objectives[CHILDREN * 2];
    assert_int_equal(form_commits(path, objectives, CHILDREN + 1, hash), CHILDREN);
}

/* The run in PATH, of which PAID results are there, comes to the end of one that nothing happened to. */
static void check_rest(const char *path, const clade_experiment *experiment, size_t paid)
{
    char hash[CLADE_SHA256_HEX], expected[CLADE_SHA256_HEX];
    form_pool pool = form_pool_of(experiment->form, 1, 0);
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(pool.delivered + paid, CHILDREN);
    run_hash(path, hash);
    path = new_path();
    assert_ok(form_session(path, experiment, &pool));
    run_hash(path, expected);
    assert_string_equal(hash, expected);
}

/* ---- the workers fail ---- */

static void without_workers(clade_status failure, const char *message)
{
    clade_experiment *experiment = new_experiment();
    for (size_t results = 1; results < CHILDREN; results += 3) {
        const char *path = new_path();
        form_pool pool = form_pool_of(experiment->form, 1, 0);
        pool.fail_after = results;
        pool.failure = failure;
        assert_fails(form_session(path, experiment, &pool), failure, message);
        assert_int_equal(pool.delivered, results);
        assert_int_equal(kept(path), results);
        check_rest(path, experiment, results);
    }
    clade_experiment_free(experiment);
}

static void when_the_workers_fail(void **state)
{
    (void)state;
    without_workers(CLADE_EIO, "no worker is left");
    /* All dead, and the run can go on: the reason is said, not only how to. */
    without_workers(CLADE_EINTERRUPTED, "no worker is left");
}

/* ---- the search fails ---- */

static const clade_algorithm *inner;

static clade_status break_ask(void *state, uint64_t child, clade_proposal *proposal)
{
    return child == BREAKS_AT ? clade_fail(CLADE_EINTERNAL, "broken") : inner->ask(state, child, proposal);
}

/* A turn of the loop that breaks in the middle: what it bred is undone, what arrived before it is not. */
static void when_the_search_fails(void **state)
{
    (void)state;
    clade_experiment *experiment = new_experiment();
    inner = experiment->algorithm;
    clade_algorithm breaking = *inner;
    breaking.ask = break_ask;
    for (size_t workers = 1; workers <= WINDOW; workers += 2) {
        const char *path = new_path();
        form_pool pool = form_pool_of(experiment->form, workers, workers);
        experiment->algorithm = &breaking;
        assert_fails(form_session(path, experiment, &pool), CLADE_EINTERNAL, "broken");
        assert_true(pool.delivered > BREAKS_AT - WINDOW);
        const size_t delivered = pool.delivered;
        assert_int_equal(kept(path), delivered);
        experiment->algorithm = inner;
        check_rest(path, experiment, delivered);
    }
    clade_experiment_free(experiment);
}

int main(void)
{
    form_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(when_the_workers_fail, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(when_the_search_fails, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
