/* A whole run on a simulated cluster: the same result whatever the cluster does. */
#include "test.h"

#include "search/engine.h"
#include "search/pool_simulated.h"
#include "search/subject_form.h"

enum { CHILDREN = 80 };

/* The hash of the last commit of a run on mixmerge. */
static void run_engine(const clade_simulation *plan, const char *algorithm, clade_simulation_report *report, char *hash)
{
    char folder[TEST_PATH];
    make_temporary_folder(folder);
    const char *run = path_in(folder, "run");
    const clade_problem_form *form = clade_problem_form_find("mixmerge", 12);
    const clade_engine_options options = {.run_folder = run};
    const clade_evaluator evaluator = clade_form_evaluator(form);
    clade_experiment *experiment = NULL;
    clade_subject subject = {0};
    clade_pool *pool = NULL;
    clade_ledger *ledger = NULL;
    clade_commit_row row;
    bool found = false;
    assert_ok(clade_experiment_of_form(form, clade_algorithm_find(algorithm), 1, CHILDREN, 12, &experiment));
    assert_ok(clade_run_create(experiment, run));
    assert_ok(clade_subject_form_new(experiment, &subject));
    assert_ok(clade_pool_open_simulated(plan, &evaluator, report, &pool));
    assert_ok(clade_engine_run(experiment, &subject, pool, &options));
    clade_pool_close(pool);
    clade_subject_free(&subject);
    clade_experiment_free(experiment);
    assert_ok(clade_run_ledger(run, &ledger));
    assert_ok(clade_ledger_get_commit(ledger, CHILDREN - 1, &row, &found));
    clade_ledger_close(ledger);
    assert_true(found);
    memcpy(hash, row.hash, CLADE_SHA256_HEX);
    remove_temporary_folder(folder);
}

/* Promise 2 of DESIGN.md 3; what fails is a function of the child. */
static void a_run_does_not_depend_on_the_cluster(void **state)
{
    (void)state;
    static const clade_simulation clusters[] = {
        {.seed = 1, .workers = 1, .mean = 1, .failures = 0.1},
        {.seed = 1, .workers = 5, .times = CLADE_TIMES_LOG_UNIFORM, .shape = 10, .mean = 1, .failures = 0.1},
        {.seed = 1, .workers = 12, .times = CLADE_TIMES_PARETO, .shape = 1.5, .mean = 1, .failures = 0.1},
        {.seed = 1,
         .workers = 60,
         .times = CLADE_TIMES_LOGNORMAL,
         .shape = 1,
         .mean = 1,
         .latency = 0.1,
         .failures = 0.1,
         .deaths = 0.6,
         .within = 3}};
    static const char *const algorithms[] = {"portfolio", "nsga2"};
    clade_simulation_report report;
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++) {
        char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX];
        run_engine(&clusters[0], algorithms[i], &report, expected);
        assert_int_equal(report.done, CHILDREN);
        assert_true(report.failed > 2);
        for (size_t c = 1; c < sizeof clusters / sizeof *clusters; c++) {
            run_engine(&clusters[c], algorithms[i], &report, hash);
            assert_string_equal(hash, expected);
        }
        assert_true(report.died > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_does_not_depend_on_the_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
