/* The parts of a coordinator's work, each alone and on the clock. */
#include "search/command/bench_coordinator.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/rng.h"
#include "search/algorithm/levels.h"
#include "search/command/bench.h"
#include "search/subject_form.h"

double clade_bench_cpu(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Add the time since *SINCE to SUM, and begin anew. */
static void lap(double *since, double *sum)
{
    const double now = clade_bench_cpu();
    *sum += now - *since;
    *since = now;
}

static clade_status evaluate(void *context, const clade_job *job, clade_text *result)
{
    const clade_coordinator_case *c = context;
    const clade_evaluator evaluator = clade_form_evaluator(c->form);
    CLADE_TRY(evaluator.evaluate(evaluator.context, job, result));
    while (result->length < c->score_bytes && clade_text_status(result) == CLADE_OK)
        clade_text_append_bytes(result, "                                ", 32);
    return clade_text_status(result);
}

clade_evaluator clade_coordinator_evaluator(const clade_coordinator_case *c)
{
    return (clade_evaluator){.context = (void *)c, .evaluate = evaluate};
}

clade_status clade_coordinator_experiment(const clade_coordinator_case *c, clade_experiment **experiment)
{
    CLADE_TRY(clade_experiment_of_form(c->form, c->algorithm, 1, c->children, c->window, experiment));
    const size_t population = clade_algorithm_parameter(c->algorithm, "population");
    if (c->population > 0 && population < c->algorithm->n_parameters)
        (*experiment)->algorithm_parameters[population] = c->population;
    return CLADE_OK;
}

/* ---- all but the engine and the ledger ---- */

/* A child between ask and tell; child i is in place i % W. */
typedef struct flight {
    double *genome; /* (n_genes), of the run's block */
    double objectives[CLADE_MAX_OBJECTIVES];
} flight;

typedef struct parts_run {
    const clade_coordinator_case *c;
    const clade_experiment *experiment;
    clade_subject *subject;
    clade_levels *levels;
    clade_archive front;
    flight *flights; /* (window) */
    double *genomes; /* (window, n_genes) */
    size_t n_genes;
    uint64_t told;
    clade_coordinator_costs *costs; /* seconds until the end */
} parts_run;

/* The genome's numbers as the engine writes them, which subjects may use. */
static void print_vector(const parts_run *r, const double *genome, clade_text *text)
{
    clade_json_writer writer = clade_json_writer_to(text, false);
    clade_json_begin_array(&writer, NULL);
    for (size_t i = 0; i < r->n_genes; i++)
        clade_json_put_number(&writer, NULL, genome[i]);
    clade_json_end_array(&writer);
}

static clade_status ask_next(parts_run *r, uint64_t child)
{
    flight *place = &r->flights[child % r->c->window];
    const clade_evaluator evaluator = clade_coordinator_evaluator(r->c);
    clade_proposal proposal = {.genome = place->genome};
    clade_child_row row = {.child = child};
    clade_outcome outcome = {0};
    clade_text result = {0};
    double since = clade_bench_cpu();
    clade_status status = clade_levels_ask(r->levels, child, &proposal);
    lap(&since, &r->costs->search);
    print_vector(r, place->genome, &row.vector);
    if (status == CLADE_OK)
        status = clade_text_status(&row.vector);
    if (status == CLADE_OK)
        status = r->subject->kind->describe(r->subject->state, place->genome, &row);
    lap(&since, &r->costs->subject);
    const clade_job job = {.number = child, .recipe = clade_text_get(&row.recipe), .recipe_length = row.recipe.length};
    if (status == CLADE_OK)
        status = evaluator.evaluate(evaluator.context, &job, &result);
    lap(&since, &r->costs->evaluate);
    if (status == CLADE_OK)
        status = r->subject->kind->read(r->subject->state, clade_text_get(&result), result.length, &outcome);
    lap(&since, &r->costs->subject);
    memcpy(place->objectives, outcome.signals, sizeof place->objectives);
    clade_outcome_fini(&outcome);
    clade_text_free(&result);
    clade_child_row_fini(&row);
    return status;
}

static clade_status tell_next(parts_run *r)
{
    const flight *place = &r->flights[r->told % r->c->window];
    const clade_told told = {.child = r->told++,
                             .genome = place->genome,
                             .objectives = place->objectives,
                             .cost = 1,
                             .own = true,
                             .complete = true};
    bool entered = false;
    double volume, since = clade_bench_cpu();
    CLADE_TRY(clade_levels_tell(r->levels, &told));
    lap(&since, &r->costs->search);
    CLADE_TRY(clade_archive_add(&r->front, told.child, place->objectives, &entered));
    if (entered)
        CLADE_TRY(clade_archive_hypervolume(&r->front, r->experiment, &volume));
    lap(&since, &r->costs->front);
    return CLADE_OK;
}

static clade_status run_children(parts_run *r)
{
    for (uint64_t child = 0; child < r->c->children; child++) {
        const uint64_t before = clade_levels_told_before_ask(r->levels, child, r->c->window);
        while (r->told < before)
            CLADE_TRY(tell_next(r));
        CLADE_TRY(ask_next(r, child));
    }
    while (r->told < r->c->children)
        CLADE_TRY(tell_next(r));
    return CLADE_OK;
}

static clade_status run_parts(parts_run *r)
{
    clade_search_problem problem = {.n_objectives = r->experiment->n_objectives,
                                    .seed = r->experiment->seed,
                                    .window = r->c->window,
                                    .parameters = r->experiment->algorithm_parameters,
                                    .children = r->experiment->children};
    CLADE_TRY(r->subject->kind->begin(r->subject->state, NULL, &problem));
    const size_t n = r->n_genes = problem.space->n_genes;
    r->flights = clade_calloc(r->c->window, sizeof *r->flights);
    r->genomes = clade_calloc(r->c->window * n, sizeof *r->genomes);
    if (!r->flights || !r->genomes)
        return clade_fail_memory(r->c->window * n * sizeof *r->genomes, "the children in flight");
    for (size_t i = 0; i < r->c->window; i++)
        r->flights[i].genome = r->genomes + i * n;
    CLADE_TRY(clade_levels_create(r->experiment->algorithm, &problem, &r->experiment->preselect, &r->levels));
    return run_children(r);
}

clade_status clade_coordinator_parts(const clade_coordinator_case *c, const clade_experiment *experiment,
                                     clade_coordinator_costs *costs)
{
    clade_subject subject = {0};
    CLADE_TRY(clade_subject_form_new(experiment, &subject));
    parts_run r = {.c = c,
                   .experiment = experiment,
                   .subject = &subject,
                   .front = {.n_objectives = experiment->n_objectives},
                   .costs = costs};
    const clade_status status = run_parts(&r);
    const double scale = 1e6 / (double)c->children;
    costs->search *= scale;
    costs->front *= scale;
    costs->subject *= scale;
    costs->evaluate *= scale;
    clade_levels_destroy(r.levels);
    clade_archive_fini(&r.front);
    clade_free(r.flights);
    clade_free(r.genomes);
    clade_subject_free(&subject);
    return status;
}

/* ---- the ledger ---- */

/* All rows of one child. */
typedef struct child_rows {
    clade_child_row child;
    clade_evaluation_row evaluation;
    clade_commit_row commit;
    clade_series_row series;
    bool entered; /* the series has it */
} child_rows;

static clade_status read_rows(clade_ledger *from, uint64_t child, child_rows *rows)
{
    bool bred = false, evaluated = false, committed = false;
    CLADE_TRY(clade_ledger_get_child(from, child, &rows->child, &bred));
    CLADE_TRY(clade_ledger_get_evaluation(from, child, CLADE_SEARCH, &rows->evaluation, &evaluated));
    CLADE_TRY(clade_ledger_get_commit(from, child, &rows->commit, &committed));
    CLADE_TRY(clade_ledger_get_series(from, child, &rows->series, &rows->entered));
    rows->entered = rows->entered && rows->series.child == child;
    return bred && evaluated && committed
               ? CLADE_OK
               : clade_fail(CLADE_EINTERNAL, "bench: the ledger has not all of child %llu", (unsigned long long)child);
}

/* What the engine asks and writes from a child's birth to its commit. */
static clade_status write_rows(clade_ledger *to, const child_rows *rows)
{
    const uint64_t child = rows->child.child;
    clade_child_row old_child = {0};
    clade_evaluation_row old_evaluation = {0};
    clade_commit_row old_commit;
    uint64_t same;
    bool found = false;
    CLADE_TRY(clade_ledger_get_child(to, child, &old_child, &found));
    CLADE_TRY(clade_ledger_put_child(to, &rows->child));
    CLADE_TRY(clade_ledger_get_evaluation(to, child, CLADE_SEARCH, &old_evaluation, &found));
    CLADE_TRY(clade_ledger_find_recipe(to, rows->child.recipe_hash, child, &same, &found));
    CLADE_TRY(clade_ledger_put_evaluation(to, &rows->evaluation));
    CLADE_TRY(clade_ledger_get_commit(to, child, &old_commit, &found));
    CLADE_TRY(clade_ledger_put_commit(to, &rows->commit));
    return rows->entered ? clade_ledger_put_series(to, &rows->series) : CLADE_OK;
}

static clade_status write_turn(clade_ledger *to, const child_rows *rows, size_t count, clade_coordinator_costs *costs)
{
    double since = clade_bench_cpu();
    CLADE_TRY(clade_ledger_begin(to));
    for (size_t i = 0; i < count; i++)
        CLADE_TRY(write_rows(to, &rows[i]));
    lap(&since, &costs->rows);
    const double start = clade_clock_now(), before = costs->end;
    CLADE_TRY(clade_ledger_end(to));
    lap(&since, &costs->end);
    costs->disk += clade_clock_now() - start - (costs->end - before);
    return CLADE_OK;
}

static clade_status copy_rows(const clade_coordinator_case *c, clade_ledger *from, clade_ledger *to, child_rows *rows,
                              clade_coordinator_costs *costs)
{
    for (uint64_t first = 0; first < c->children; first += c->at_once) {
        const size_t left = c->children - (size_t)first, count = left < c->at_once ? left : c->at_once;
        for (size_t i = 0; i < count; i++)
            CLADE_TRY(read_rows(from, first + i, &rows[i]));
        CLADE_TRY(write_turn(to, rows, count, costs));
    }
    return CLADE_OK;
}

clade_status clade_coordinator_rows(const clade_coordinator_case *c, const char *from_path, const char *to_path,
                                    clade_coordinator_costs *costs)
{
    clade_ledger *from = NULL, *to = NULL;
    child_rows *rows = clade_calloc(c->at_once, sizeof *rows);
    clade_status status = rows ? clade_ledger_open(from_path, false, &from)
                               : clade_fail_memory(c->at_once * sizeof *rows, "the rows of a turn");
    if (status == CLADE_OK)
        status = clade_ledger_create(to_path, &to);
    if (status == CLADE_OK)
        status = copy_rows(c, from, to, rows, costs);
    const double scale = 1e6 / (double)c->children;
    costs->rows *= scale;
    costs->end *= scale;
    costs->disk *= scale;
    for (size_t i = 0; rows && i < c->at_once; i++) {
        clade_child_row_fini(&rows[i].child);
        clade_evaluation_row_fini(&rows[i].evaluation);
    }
    clade_free(rows);
    clade_ledger_close(from);
    clade_ledger_close(to);
    return status;
}

/* ---- a real score ---- */

enum { TASKS = 8, ITEMS = 256, BITS = ITEMS * 2, READINGS = 50 };

static clade_metrics draw_metrics(clade_rng *rng, size_t items)
{
    return (clade_metrics){.items = items,
                           .accuracy = clade_rng_uniform(rng),
                           .entropy = clade_rng_uniform(rng),
                           .nll = clade_rng_uniform(rng),
                           .ece = clade_rng_uniform(rng),
                           .brier = clade_rng_uniform(rng),
                           .loss = clade_rng_uniform(rng),
                           .confidence = clade_rng_uniform(rng),
                           .confidence_variance = clade_rng_uniform(rng),
                           .confidence_covariance = clade_rng_uniform(rng)};
}

/* A score of drawn numbers: every item clean, and under one of the corruptions. */
static void print_score(const clade_probes *probes, const clade_score_plan *plan, clade_text *text)
{
    uint8_t bits[TASKS][BITS / 8];
    clade_task_score tasks[TASKS];
    clade_rng rng = clade_rng_seeded(1, 1);
    clade_score score = {
        .tasks = tasks, .n_tasks = TASKS, .clean = draw_metrics(&rng, TASKS * ITEMS), .images = TASKS * BITS};
    for (size_t t = 0; t < TASKS; t++) {
        tasks[t] = (clade_task_score){
            .clean = draw_metrics(&rng, ITEMS), .correct = bits[t], .n_correct = BITS, .n_clean = ITEMS};
        for (size_t k = 0; k < plan->n_corruptions; k++)
            tasks[t].corrupted[k] =
                draw_metrics(&rng, ITEMS / plan->n_corruptions + (k < ITEMS % plan->n_corruptions ? 1 : 0));
        for (size_t i = 0; i < BITS / 8; i++)
            bits[t][i] = (uint8_t)clade_rng_below(&rng, 256);
    }
    clade_score_print(&score, probes, plan, text);
}

clade_status clade_coordinator_score(size_t *bytes, double *microseconds)
{
    clade_task tasks[TASKS] = {{0}};
    char names[TASKS][8];
    const clade_probes probes = {.path = (char *)"probes.json", .tasks = tasks, .n_tasks = TASKS};
    clade_score_plan plan = {.with_corrupted = true, .n_corruptions = CLADE_DEFAULT_CORRUPTIONS, .rotate = true};
    size_t known;
    clade_text text = {0};
    for (size_t t = 0; t < TASKS; t++) {
        snprintf(names[t], sizeof names[t], "task-%zu", t);
        tasks[t].name = names[t];
    }
    for (size_t k = 0; k < plan.n_corruptions; k++) {
        plan.corruptions[k] = clade_corruptions(&known)[k];
        plan.severities[k] = 5;
    }
    print_score(&probes, &plan, &text);
    clade_status status = clade_text_status(&text);
    const double start = clade_bench_cpu();
    for (size_t i = 0; i < READINGS && status == CLADE_OK; i++) {
        clade_score score = {0};
        status = clade_score_parse(clade_text_get(&text), text.length, &probes, &plan, &score);
        clade_score_fini(&score);
    }
    *microseconds = (clade_bench_cpu() - start) * 1e6 / READINGS;
    *bytes = text.length;
    clade_text_free(&text);
    return status;
}
