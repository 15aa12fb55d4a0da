#include "search/subject_form.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"

enum { MOST_FORM_OBJECTIVES = sizeof((clade_problem_form){0}.wide) / sizeof(double), MAX_RESULT_BYTES = 1 << 20 };

/* ---- the experiment ---- */

/* Their values come from results, not from scores of models: there is no function. */
static const clade_objective objectives[MOST_FORM_OBJECTIVES] = {
    {.name = "f1", .title = "first objective", .unit = "", .help = "of a closed-form problem"},
    {.name = "f2", .title = "second objective", .unit = "", .help = "of a closed-form problem"},
    {.name = "f3", .title = "third objective", .unit = "", .help = "of a closed-form problem"},
};

clade_status clade_experiment_of_form(const clade_problem_form *form, const clade_algorithm *algorithm, uint64_t seed,
                                      uint64_t children, size_t window, clade_experiment **out)
{
    *out = NULL;
    clade_experiment *experiment = clade_calloc(1, sizeof *experiment);
    if (!experiment)
        return clade_fail_memory(sizeof *experiment, "an experiment");
    *experiment = (clade_experiment){.form = form,
                                     .seed = seed,
                                     .n_objectives = form->n_objectives,
                                     .algorithm = algorithm,
                                     .algorithm_parameters = clade_calloc(algorithm->n_parameters + 1, sizeof(double)),
                                     .preselect = clade_preselect_default(),
                                     .children = children,
                                     .target_hypervolume = NAN,
                                     .window = window,
                                     .best = clade_strdup("knee")};
    if (!experiment->algorithm_parameters || !experiment->best) {
        clade_experiment_free(experiment);
        return clade_fail_memory((algorithm->n_parameters + 1) * sizeof(double), "an experiment");
    }
    clade_algorithm_defaults(algorithm, experiment->algorithm_parameters);
    for (size_t k = 0; k < form->n_objectives; k++)
        experiment->objectives[k] = &objectives[k];
    for (size_t k = 0; k < CLADE_MAX_OBJECTIVES; k++)
        experiment->target[k] = NAN;
    *out = experiment;
    return CLADE_OK;
}

/* ---- a worker ---- */

static clade_status read_genome(const clade_json *document, const clade_problem_form *form, double *genome)
{
    const size_t n = form->n_genes + (form->categories > 0);
    clade_problems problems = {0};
    const clade_json_at root = clade_json_root(document), name = clade_json_member(&root, "problem"),
                        genes = clade_json_member(&root, "genes");
    const char *problem = NULL;
    if (clade_json_string(&name, &problems, &problem) && strcmp(problem, form->name) != 0)
        clade_json_problem(&name, &problems, "found \"%.80s\", expected \"%s\"", problem, form->name);
    if (clade_json_is(&genes, &problems, CLADE_JSON_ARRAY) && clade_json_size(&genes) != n)
        clade_json_problem(&genes, &problems, "found %zu genes, expected %zu", clade_json_size(&genes), n);
    for (size_t g = 0; problems.count == 0 && g < n; g++) {
        const clade_json_at gene = clade_json_item(&genes, g);
        (void)clade_json_number(&gene, &problems, -INFINITY, INFINITY, &genome[g]);
    }
    return clade_problems_end(&problems, CLADE_EINTERNAL);
}

static clade_status evaluate(void *context, const clade_job *job, clade_text *result)
{
    const clade_problem_form *form = context;
    double values[MOST_FORM_OBJECTIVES];
    clade_json *document = NULL;
    CLADE_TRY(clade_json_parse(job->recipe, job->recipe_length, "recipe", CLADE_EINTERNAL, &document));
    double *genome = clade_calloc(form->n_genes + 1, sizeof *genome);
    clade_status status = genome ? read_genome(document, form, genome)
                                 : clade_fail_memory((form->n_genes + 1) * sizeof *genome, "a genome");
    if (status == CLADE_OK) {
        clade_json_writer writer = clade_json_writer_to(result, false);
        form->evaluate(form, genome, values);
        clade_json_begin_object(&writer, NULL);
        clade_json_begin_array(&writer, "objectives");
        for (size_t k = 0; k < form->n_objectives; k++)
            clade_json_put_number(&writer, NULL, values[k]);
        clade_json_end_array(&writer);
        clade_json_end_object(&writer);
        status = clade_text_status(result);
    }
    clade_free(genome);
    clade_json_free(document);
    return status;
}

clade_evaluator clade_form_evaluator(const clade_problem_form *form)
{
    return (clade_evaluator){.context = (void *)form, .evaluate = evaluate};
}

/* ---- the subject ---- */

typedef struct form_subject {
    const clade_problem_form *form; /* borrowed */
    clade_space space;
} form_subject;

static clade_status check(void *state, const clade_run_session *session)
{
    const clade_problem_form *form = ((const form_subject *)state)->form;
    char problem[96];
    clade_text old = {0};
    bool found = false;
    snprintf(problem, sizeof problem, "%s:%zu", form->name, form->n_genes);
    clade_status status = clade_ledger_get_meta(session->ledger, "problem", &old, &found);
    if (status == CLADE_OK && !found)
        status = clade_ledger_put_meta(session->ledger, "problem", problem);
    else if (status == CLADE_OK && strcmp(clade_text_get(&old), problem) != 0)
        status = clade_fail(CLADE_EINPUT, "%s: the problem changed since the run began: found %s, expected %s",
                            session->folder, problem, clade_text_get(&old));
    clade_text_free(&old);
    return status;
}

static clade_status begin(void *state, const clade_run_session *session, clade_search_problem *problem)
{
    form_subject *self = state;
    (void)session;
    CLADE_TRY(clade_problem_form_space(self->form, &self->space));
    problem->space = &self->space;
    return CLADE_OK;
}

static clade_status describe(void *state, const double *genome, clade_child_row *row)
{
    const form_subject *self = state;
    clade_json_writer writer = clade_json_writer_to(&row->recipe, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_put_string(&writer, "problem", self->form->name);
    clade_json_put_raw(&writer, "genes", clade_text_get(&row->vector));
    clade_json_end_object(&writer);
    clade_sha256 hash;
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, clade_text_get(&row->recipe), row->recipe.length);
    clade_sha256_hex(&hash, row->recipe_hash);
    if (self->form->categories > 0)
        snprintf(row->method, sizeof row->method, "m%.0f", genome[0]);
    else
        snprintf(row->method, sizeof row->method, "%s", self->form->name);
    return clade_text_status(&row->recipe);
}

static clade_status read_result(void *state, const char *text, size_t length, clade_outcome *outcome)
{
    const size_t m = ((const form_subject *)state)->form->n_objectives;
    clade_json *document = NULL;
    clade_problems problems = {0};
    clade_outcome_fini(outcome);
    if (length > MAX_RESULT_BYTES)
        return clade_fail(CLADE_EINPUT, "result: found %zu bytes, expected at most %d", length, MAX_RESULT_BYTES);
    CLADE_TRY(clade_json_parse(text, length, "result", CLADE_EINPUT, &document));
    const clade_json_at root = clade_json_root(document), values = clade_json_member(&root, "objectives");
    if (clade_json_is(&values, &problems, CLADE_JSON_ARRAY) && clade_json_size(&values) != m)
        clade_json_problem(&values, &problems, "found %zu objectives, expected %zu", clade_json_size(&values), m);
    *outcome = (clade_outcome){.cost = 1, .images = 1, .complete = true};
    for (size_t k = 0; problems.count == 0 && k < m; k++) {
        const clade_json_at value = clade_json_item(&values, k);
        outcome->objectives[k] = NAN;
        if (clade_json_kind_of(&value) != CLADE_JSON_NULL)
            (void)clade_json_number(&value, &problems, -INFINITY, INFINITY, &outcome->objectives[k]);
        outcome->signals[k] = outcome->objectives[k];
    }
    clade_json_free(document);
    return clade_problems_end(&problems, CLADE_EINPUT);
}

static clade_status finish(void *state, const clade_run_session *session, const clade_archive *front, bool finished)
{
    (void)state;
    (void)session;
    (void)front;
    (void)finished;
    return CLADE_OK;
}

static void close_subject(void *state)
{
    form_subject *self = state;
    clade_space_fini(&self->space);
    clade_free(self);
}

clade_status clade_subject_form_new(const clade_experiment *experiment, clade_subject *subject)
{
    static const clade_subject_kind kind = {.check = check,
                                            .begin = begin,
                                            .describe = describe,
                                            .read = read_result,
                                            .finish = finish,
                                            .close = close_subject};
    *subject = (clade_subject){0};
    form_subject *self = clade_calloc(1, sizeof *self);
    if (!self)
        return clade_fail_memory(sizeof *self, "a closed-form problem");
    self->form = experiment->form;
    *subject = (clade_subject){.kind = &kind, .state = self};
    return CLADE_OK;
}
