/* The N-th allocation of a run fails, for every N: the session ends with the right status, nothing leaks, and the run
 * goes on to the result of the undisturbed one. */
#include "form_run.h"

enum { CHILDREN = 6, GENES = 3 };

static char folder[TEST_PATH], expected[CLADE_SHA256_HEX];
static clade_experiment *experiment;

static void bowl(const clade_problem_form *form, const double *x, double *f)
{
    f[0] = f[1] = 0;
    for (size_t i = 0; i < form->n_genes; i++) {
        f[0] += x[i] * x[i];
        f[1] += (x[i] - 1) * (x[i] - 1);
    }
}

static const clade_problem_form form = {
    .name = "bowl", .n_genes = GENES, .n_objectives = 2, .high = 1, .wide = {4, 4}, .evaluate = bowl};

/* Without an allocation before the result's text: a worker without memory fails its child, and that is another run. */
static clade_status evaluate(void *context, const clade_job *job, clade_text *result)
{
    double genome[GENES], objectives[2];
    const char *text = strstr(job->recipe, "\"genes\":[");
    assert_non_null(text);
    text += strlen("\"genes\":[");
    for (size_t i = 0; i < GENES; i++) {
        char *end = NULL;
        genome[i] = strtod(text, &end);
        text = end + 1;
    }
    bowl(context, genome, objectives);
    clade_text_append(result, "{\"objectives\":[%.17g,%.17g]}", objectives[0], objectives[1]);
    return CLADE_OK;
}

static clade_status session(const char *path)
{
    form_pool pool = form_pool_of(&form, 3, 1);
    pool.evaluator = (clade_evaluator){.context = (void *)(uintptr_t)&form, .evaluate = evaluate};
    return form_session(path, experiment, &pool);
}

static void check_whole(const char *path)
{
    double objectives[2 * CHILDREN];
    char hash[CLADE_SHA256_HEX];
    assert_int_equal(form_commits(path, objectives, CHILDREN, hash), CHILDREN);
    assert_string_equal(hash, expected);
}

static clade_status run_and_go_on(void *context)
{
    const char *path = path_in(folder, "run");
    char message[1024];
    (void)context;
    remove_temporary_folder(path);
    const clade_status status = session(path);
    snprintf(message, sizeof message, "%s", clade_error_message());
    clade_alloc_fail_at(0);
    if (status == CLADE_OK) {
        check_whole(path);
        return CLADE_OK;
    }
    assert_ok(session(path));
    check_whole(path);
    return clade_fail(status, "%s", message);
}

static void a_run_without_memory(void **state)
{
    (void)state;
    double objectives[2 * CHILDREN];
    const char *path = path_in(folder, "whole");
    assert_ok(session(path));
    assert_int_equal(form_commits(path, objectives, CHILDREN, expected), CHILDREN);
    check_every_allocation(run_and_go_on, NULL);
}

static int set_up(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    return form_experiment(&form, clade_algorithm_find("sms_emoa"), CHILDREN, 2, &experiment) == CLADE_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    clade_experiment_free(experiment);
    return 0;
}

int main(void)
{
    form_fast_disk();
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(a_run_without_memory, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
