/* The engine's laws without a model: every algorithm on closed-form problems gives, child by child, what it gives when
 * it is asked and told directly in the contract's order; whatever the order of arrival, after deaths and in sessions;
 * and failures are failed children. */
#include "folder_fixture.h"
#include "form_run.h"

#include "near.h"

#include <math.h>
#include <sys/wait.h>

#include "clade/files.h"
#include "search/pareto.h"

enum { CHILDREN = 60, MOST_OBJECTIVES = 3 };

static unsigned runs;

static const char *new_path(void)
{
    char name[32];
    snprintf(name, sizeof name, "run-%u", runs++);
    return path_in(folder, name);
}

/* ---- problems of our own ---- */

/* Undefined in a third of the space. */
static void torn(const clade_problem_form *form, const double *x, double *f)
{
    f[0] = x[0] < 1.0 / 3 ? (double)NAN : x[0];
    f[1] = 0;
    for (size_t i = 1; i < form->n_genes; i++)
        f[1] += (x[i] - x[0]) * (x[i] - x[0]);
}

static void nowhere(const clade_problem_form *form, const double *x, double *f)
{
    (void)form;
    f[0] = x[0];
    f[1] = INFINITY;
}

static const clade_problem_form torn_form = {
    .name = "torn", .n_genes = 4, .n_objectives = 2, .high = 1, .wide = {2, 8}, .evaluate = torn};
static const clade_problem_form nowhere_form = {
    .name = "nowhere", .n_genes = 4, .n_objectives = 2, .high = 1, .wide = {2, 8}, .evaluate = nowhere};

/* ---- the order ---- */

/* EXPERIMENT's algorithm asked and told without an engine. */
static void run_directly(const clade_experiment *experiment, double *objectives)
{
    clade_space space;
    assert_ok(clade_problem_form_space(experiment->form, &space));
    const clade_search_problem problem = {.space = &space,
                                          .n_objectives = experiment->n_objectives,
                                          .seed = experiment->seed,
                                          .window = experiment->window,
                                          .parameters = experiment->algorithm_parameters,
                                          .children = experiment->children};
    assert_ok(clade_run_closed_form(experiment->algorithm, &problem, clade_problem_form_evaluate, experiment->form,
                                    experiment->children, objectives, NULL));
    for (size_t c = 0; c < experiment->children; c++) { /* of a failed child nothing is kept */
        double *child = objectives + c * experiment->n_objectives;
        bool finite = true;
        for (size_t k = 0; k < experiment->n_objectives; k++)
            finite = finite && isfinite(child[k]);
        for (size_t k = 0; k < experiment->n_objectives && !finite; k++)
            child[k] = NAN;
    }
    clade_space_fini(&space);
}

static void check_order(const clade_problem_form *form, const clade_algorithm *algorithm, size_t window)
{
    double expected[CHILDREN * MOST_OBJECTIVES], found[CHILDREN * MOST_OBJECTIVES];
    char hash[CLADE_SHA256_HEX];
    clade_experiment *experiment = NULL;
    assert_ok(form_experiment(form, algorithm, CHILDREN, window, &experiment));
    run_directly(experiment, expected);
    form_pool pool = form_pool_of(form, 4, window);
    const char *path = new_path();
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(form_commits(path, found, CHILDREN, hash), CHILDREN);
    for (size_t i = 0; i < CHILDREN * form->n_objectives; i++)
        if (isnan(expected[i]))
            assert_true(isnan(found[i]));
        else
            assert_memory_equal(&found[i], &expected[i], sizeof *found);
    clade_experiment_free(experiment);
}

static void every_algorithm_in_the_contracts_order(void **state)
{
    (void)state;
    static const size_t windows[] = {1, 3, 16};
    const clade_problem_form *forms[] = {clade_problem_form_find("zdt1", 10), clade_problem_form_find("mixmerge", 12),
                                         clade_problem_form_find("dtlz2m3", 12), clade_problem_form_find("sphere", 10),
                                         &torn_form};
    size_t count;
    const clade_algorithm *const *all = clade_algorithms(&count);
    for (size_t a = 0; a < count; a++)
        for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
            for (size_t w = 0; w < sizeof windows / sizeof *windows; w++)
                check_order(forms[f], all[a], windows[w]);
}

/* ---- sessions and deaths ---- */

static void stopped_and_resumed_pays_nothing_twice(void **state)
{
    (void)state;
    double objectives[CHILDREN * MOST_OBJECTIVES];
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX];
    const clade_problem_form *form = clade_problem_form_find("mixmerge", 12);
    size_t count;
    const clade_algorithm *const *all = clade_algorithms(&count);
    for (size_t a = 0; a < count; a++) {
        clade_experiment *experiment = NULL;
        assert_ok(form_experiment(form, all[a], CHILDREN, 4, &experiment));
        form_pool whole = form_pool_of(form, 1, 0);
        const char *path = new_path();
        assert_ok(form_session(path, experiment, &whole));
        assert_int_equal(form_commits(path, objectives, CHILDREN, expected), CHILDREN);
        for (size_t results = 5; results < CHILDREN; results += 11) {
            size_t delivered = 0;
            clade_status status = CLADE_EINTERRUPTED;
            path = new_path();
            for (uint64_t session = 0; status == CLADE_EINTERRUPTED; session++) {
                form_pool pool = form_pool_of(form, 3, results + session);
                pool.stop_after = results;
                status = form_session(path, experiment, &pool);
                delivered += pool.delivered;
                assert_true(session < 100);
            }
            assert_ok(status);
            assert_int_equal(form_commits(path, objectives, CHILDREN, hash), CHILDREN);
            assert_string_equal(hash, expected);
            assert_int_equal(delivered, whole.delivered);
        }
        clade_experiment_free(experiment);
    }
}

/* A run folder may be from somebody else, or be changed after its check: nothing is written through what is no file. */
static void the_log_is_a_file(void **state)
{
    (void)state;
    char *log, *text = NULL;
    size_t bytes = 0;
    clade_experiment *experiment = NULL;
    const clade_problem_form *form = clade_problem_form_find("sphere", 10);
    assert_ok(form_experiment(form, clade_algorithm_find("random"), 4, 2, &experiment));
    const char *path = new_path(), *canary = in_folder("canary");
    assert_ok(clade_run_create(experiment, path));
    log = clade_path_join(path, "log.txt");
    write_test_file(canary, "alive", 5);
    for (int kind = 0; kind < 4; kind++) {
        form_pool pool = form_pool_of(form, 1, 0);
        if (kind < 2)
            assert_int_equal(symlink(kind == 0 ? canary : in_folder("nowhere"), log), 0);
        else
            assert_int_equal(kind == 2 ? mkfifo(log, 0600) : mkdir(log, 0700), 0);
        assert_fails(form_session(path, experiment, &pool), CLADE_EINPUT, "log.txt: is no file itself");
        assert_int_equal(remove(log), 0);
    }
    assert_ok(clade_read_file(canary, 64, &text, &bytes));
    assert_string_equal(text, "alive");
    assert_false(clade_path_exists(in_folder("nowhere")));
    for (int session = 0; session < 2; session++) { /* its end is where lines go */
        form_pool pool = form_pool_of(form, 1, 0);
        clade_free(text);
        write_test_file(log, "before\n", 7);
        assert_ok(form_session(path, experiment, &pool));
        assert_ok(clade_read_file(log, 1 << 16, &text, &bytes));
        assert_int_equal(strncmp(text, "before\n", 7), 0);
    }
    clade_free(text);
    clade_free(log);
    clade_experiment_free(experiment);
}

static void killed_and_resumed_is_the_same(void **state)
{
    (void)state;
    double objectives[CHILDREN * MOST_OBJECTIVES];
    char expected[CLADE_SHA256_HEX], hash[CLADE_SHA256_HEX];
    clade_experiment *experiment = NULL;
    assert_ok(form_experiment(&torn_form, clade_algorithm_find("portfolio"), CHILDREN, 6, &experiment));
    form_pool whole = form_pool_of(&torn_form, 1, 0);
    const char *path = new_path();
    assert_ok(form_session(path, experiment, &whole));
    assert_int_equal(form_commits(path, objectives, CHILDREN, expected), CHILDREN);
    for (size_t results = 1; results < CHILDREN; results += 3) {
        path = new_path();
        assert_ok(clade_run_create(experiment, path));
        const pid_t process = fork();
        assert_true(process >= 0);
        if (process == 0) {
            form_pool pool = form_pool_of(&torn_form, 5, results);
            pool.kill_after = results;
            _exit(form_session(path, experiment, &pool) == CLADE_OK ? 0 : 1);
        }
        int ended = 0;
        assert_int_equal(waitpid(process, &ended, 0), process);
        assert_true(WIFSIGNALED(ended));
        form_pool pool = form_pool_of(&torn_form, 2, results + 1);
        assert_ok(form_session(path, experiment, &pool));
        assert_int_equal(form_commits(path, objectives, CHILDREN, hash), CHILDREN);
        assert_string_equal(hash, expected);
    }
    clade_experiment_free(experiment);
}

/* A finished run stays as it is, and a longer one begins with it. */
static void a_longer_run_begins_with_it(void **state)
{
    (void)state;
    double objectives[CHILDREN * MOST_OBJECTIVES], longer[CHILDREN * MOST_OBJECTIVES];
    char hash[CLADE_SHA256_HEX];
    const clade_problem_form *form = clade_problem_form_find("zdt1", 10);
    clade_experiment *experiment = NULL;
    assert_ok(form_experiment(form, clade_algorithm_find("sms_emoa"), CHILDREN / 2, 4, &experiment));
    form_pool pool = form_pool_of(form, 3, 1);
    const char *path = new_path();
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(form_commits(path, objectives, CHILDREN, hash), CHILDREN / 2);
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(pool.delivered, 0);
    experiment->planned = experiment->children;
    experiment->children = CHILDREN;
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(pool.delivered, CHILDREN / 2);
    assert_int_equal(form_commits(path, longer, CHILDREN, hash), CHILDREN);
    assert_memory_equal(longer, objectives, CHILDREN / 2 * form->n_objectives * sizeof *objectives);
    clade_experiment_free(experiment);
}

static void another_problem_is_refused(void **state)
{
    (void)state;
    clade_experiment *experiment = NULL, *other = NULL;
    const clade_problem_form *form = clade_problem_form_find("zdt1", 10), *more = clade_problem_form_find("zdt1", 30);
    form_pool pool = form_pool_of(form, 1, 1);
    const char *path = new_path();
    assert_ok(form_experiment(form, clade_algorithm_find("random"), CHILDREN, 4, &experiment));
    assert_ok(form_experiment(more, clade_algorithm_find("random"), CHILDREN, 4, &other));
    pool.stop_after = 10;
    assert_int_equal(form_session(path, experiment, &pool), CLADE_EINTERRUPTED);
    assert_fails(form_session(path, other, &pool), CLADE_EINPUT, "found zdt1:30, expected zdt1:10");
    other->form = experiment->form;
    other->seed++;
    pool.stop_after = 0;
    assert_fails(form_session(path, other, &pool), CLADE_EINPUT, "child 0");
    assert_ok(form_session(path, experiment, &pool));
    clade_experiment_free(experiment);
    clade_experiment_free(other);
}

/* ---- failures ---- */

static void a_value_that_is_not_finite_is_a_failed_child(void **state)
{
    (void)state;
    double objectives[CHILDREN * MOST_OBJECTIVES];
    char hash[CLADE_SHA256_HEX];
    clade_experiment *experiment = NULL;
    clade_ledger *ledger = NULL;
    clade_ledger_counts counts;
    assert_ok(form_experiment(&torn_form, clade_algorithm_find("random"), CHILDREN, 4, &experiment));
    form_pool pool = form_pool_of(&torn_form, 3, 1);
    const char *path = new_path();
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(form_commits(path, objectives, CHILDREN, hash), CHILDREN);
    size_t failed = 0;
    assert_ok(clade_run_ledger(path, &ledger));
    for (size_t c = 0; c < CHILDREN; c++) {
        clade_evaluation_row row = {0};
        bool found = false;
        assert_ok(clade_ledger_get_evaluation(ledger, c, CLADE_SEARCH, &row, &found));
        assert_true(found);
        assert_int_equal(row.images, 1);
        if (isnan(objectives[2 * c])) {
            failed++;
            assert_true(isnan(objectives[2 * c + 1]));
            assert_int_equal(row.status, CLADE_EEVAL);
            assert_string_equal(clade_text_get(&row.reason), "objective f1 is not finite");
        } else {
            assert_int_equal(row.status, CLADE_OK);
        }
        clade_evaluation_row_fini(&row);
    }
    assert_true(failed > CHILDREN / 6 && failed < CHILDREN / 2);
    assert_ok(clade_ledger_count(ledger, &counts));
    assert_int_equal(counts.failed, failed);
    assert_int_equal(counts.images, CHILDREN);
    clade_ledger_close(ledger);
    clade_experiment_free(experiment);
}

static void nothing_but_failures_ends_the_run(void **state)
{
    (void)state;
    clade_experiment *experiment = NULL;
    assert_ok(form_experiment(&nowhere_form, clade_algorithm_find("sms_emoa"), 1000, 4, &experiment));
    form_pool pool = form_pool_of(&nowhere_form, 2, 1);
    assert_fails(form_session(new_path(), experiment, &pool), CLADE_EEVAL, "f2 is not finite");
    assert_true(pool.delivered < 40);
    clade_experiment_free(experiment);
}

static void the_evaluator_takes_only_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *recipe, *words;
    } wrong[] = {
        {"{\"problem\": \"zdt2\", \"genes\": [0, 0, 0, 0]}", "found \"zdt2\", expected \"torn\""},
        {"{\"problem\": \"torn\", \"genes\": [0, 0, 0]}", "found 3 genes, expected 4"},
        {"{\"problem\": \"torn\", \"genes\": [0, 0, 0, null]}", "genes[3]"},
        {"{\"problem\": \"torn\"}", "genes"},
        {"{\"genes\": [0, 0, 0, 0]}", "problem"},
        {"torn", "recipe"},
    };
    const clade_evaluator evaluator = clade_form_evaluator(&torn_form);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const clade_job job = {.recipe = wrong[i].recipe, .recipe_length = strlen(wrong[i].recipe)};
        clade_text result = {0};
        assert_fails(evaluator.evaluate(evaluator.context, &job, &result), CLADE_EINTERNAL, wrong[i].words);
        clade_text_free(&result);
    }
}

/* ---- budgets and the series ---- */

static void the_series_is_against_the_problems_reference(void **state)
{
    (void)state;
    double objectives[CHILDREN * MOST_OBJECTIVES], volume;
    char hash[CLADE_SHA256_HEX];
    const clade_problem_form *forms[] = {clade_problem_form_find("zdt4", 10), clade_problem_form_find("dtlz1m3", 7)};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        clade_experiment *experiment = NULL;
        clade_ledger *ledger = NULL;
        clade_series_row row;
        bool found = false;
        assert_ok(form_experiment(forms[f], clade_algorithm_find("nsga2"), CHILDREN, 4, &experiment));
        form_pool pool = form_pool_of(forms[f], 3, 1);
        const char *path = new_path();
        assert_ok(form_session(path, experiment, &pool));
        assert_int_equal(form_commits(path, objectives, CHILDREN, hash), CHILDREN);
        assert_ok(clade_hypervolume(objectives, CHILDREN, forms[f]->n_objectives, forms[f]->wide, &volume));
        assert_ok(clade_run_ledger(path, &ledger));
        assert_ok(clade_ledger_last_series(ledger, UINT64_MAX, &row, &found));
        assert_true(found);
        assert_near(row.hypervolume, volume, 1e-12 * volume);
        assert_int_equal(row.images, row.child + 1);
        clade_ledger_close(ledger);
        clade_experiment_free(experiment);
    }
}

static void images_and_a_target_end_it(void **state)
{
    (void)state;
    double objectives[CHILDREN * MOST_OBJECTIVES];
    char hash[CLADE_SHA256_HEX];
    const clade_problem_form *form = clade_problem_form_find("sphere", 10);
    clade_experiment *experiment = NULL;
    assert_ok(form_experiment(form, clade_algorithm_find("random"), CHILDREN, 1, &experiment));
    form_pool pool = form_pool_of(form, 1, 1);
    experiment->images = 25;
    const char *path = new_path();
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(form_commits(path, objectives, CHILDREN, hash), 25);
    experiment->images = 0;
    experiment->target[0] = objectives[0]; /* the first child reaches it */
    path = new_path();
    assert_ok(form_session(path, experiment, &pool));
    assert_int_equal(form_commits(path, objectives, CHILDREN, hash), 1);
    clade_experiment_free(experiment);
}

int main(void)
{
    form_fast_disk();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_algorithm_in_the_contracts_order, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(stopped_and_resumed_pays_nothing_twice, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_log_is_a_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(killed_and_resumed_is_the_same, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_longer_run_begins_with_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(another_problem_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_value_that_is_not_finite_is_a_failed_child, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(nothing_but_failures_ends_the_run, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_evaluator_takes_only_its_own, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_series_is_against_the_problems_reference, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(images_and_a_target_end_it, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
