/* clade bench coordinator: results a second that one coordinator takes, with the ledger on a disk. The engine, the queue
 * and the ledger are the real ones; children are closed forms (zdt1, 30 genes), evaluated when they are asked for, so
 * that nothing is waited for but the disk. The run folders are made in TMPDIR.
 *
 *   window      children in flight: with all results at once, a transaction is a window
 *   arrivals    results that are there when the loop looks: the fewer, the more transactions
 *   score       bytes of a result
 *   population  of the algorithm
 *
 * The clock gives results a second; all else is processor time, microseconds a child. After each run its parts are done
 * again alone; what the engine does besides them (queue, genes by name, the chained hash, reports) is the rest. */
#include <stdio.h>

#include "clade/clock.h"
#include "clade/files.h"
#include "clade/json.h"
#include "clade/log.h"
#include "search/command/bench.h"
#include "search/command/bench_coordinator.h"
#include "search/command/command.h"
#include "search/command/stop.h"
#include "search/engine.h"
#include "search/pool_backend.h"
#include "search/subject_form.h"

enum { CHILDREN = 10240, WINDOW = 256, PATH_BYTES = 4096 };

static const struct {
    const char *part, *algorithm;
    double population; /* 0: the algorithm's default */
    size_t children, window, at_once, score_bytes;
} cases[] = {
    {"window", "random", 0, CHILDREN, 16, 16, 0},
    {"window", "random", 0, CHILDREN, 256, 256, 0},
    {"window", "random", 0, CHILDREN, 1024, 1024, 0},
    {"arrivals", "random", 0, CHILDREN, 1024, 64, 0},
    {"arrivals", "random", 0, CHILDREN, 1024, 16, 0},
    {"arrivals", "random", 0, 2048, 1024, 1, 0},
    {"score", "random", 0, CHILDREN, WINDOW, WINDOW, 1000},
    {"score", "random", 0, CHILDREN, WINDOW, WINDOW, 4000},
    {"score", "random", 0, CHILDREN, WINDOW, WINDOW, 20000},
    {"population", "nsga2", 100, CHILDREN, WINDOW, WINDOW, 0},
    {"population", "nsga2", 1000, CHILDREN, WINDOW, WINDOW, 0},
    {"population", "nsga2", 10000, 4 * CHILDREN, WINDOW, WINDOW, 0},
    {"population", "sms_emoa", 100, CHILDREN, WINDOW, WINDOW, 0},
    {"population", "sms_emoa", 1000, CHILDREN, WINDOW, WINDOW, 0},
    {"population", "sms_emoa", 10000, 4 * CHILDREN, WINDOW, WINDOW, 0},
    {"population", "portfolio", 0, CHILDREN, WINDOW, WINDOW, 0},
    {"population", "portfolio", 0, 4 * CHILDREN, WINDOW, WINDOW, 0},
};

/* ---- a pool whose results are there at once ---- */

typedef struct prompt_pool {
    const clade_coordinator_case *c;
    size_t left;       /* results of this turn */
    size_t done;       /* in all */
    uint64_t turns;    /* in which results came */
    double quarter[3]; /* processor time after each quarter of the children */
} prompt_pool;

static size_t workers(const void *state)
{
    return ((const prompt_pool *)state)->c->window;
}

/* The engine's loop waits once a turn, and then takes what there is. */
static clade_status wait_for(void *state, clade_pool *pool, unsigned milliseconds, clade_pool_done *done)
{
    prompt_pool *self = state;
    const clade_evaluator evaluator = clade_coordinator_evaluator(self->c);
    if (milliseconds > 0) {
        self->left = self->c->at_once;
        self->turns++;
    }
    clade_pool_job *queued = self->left > 0 ? clade_pool_take(pool, 0) : NULL;
    if (!queued)
        return CLADE_OK;
    const clade_job job = clade_pool_job_of(queued);
    done->result.status = evaluator.evaluate(evaluator.context, &job, &done->result.bytes);
    done->job = queued;
    self->left--;
    self->done++;
    for (size_t q = 0; q < 3; q++)
        if (self->done == (q + 1) * (self->c->children / 4))
            self->quarter[q] = clade_bench_cpu();
    return CLADE_OK;
}

static void close_pool(void *state)
{
    (void)state;
}

static const clade_pool_backend prompt_backend = {.workers = workers, .wait = wait_for, .close = close_pool};

/* ---- one case ---- */

static clade_status run_engine(const clade_coordinator_case *c, const clade_experiment *experiment, const char *folder,
                               clade_coordinator_costs *costs)
{
    prompt_pool state = {.c = c};
    clade_pool *pool = NULL;
    clade_subject subject = {0};
    const clade_engine_options options = {.run_folder = folder, .stop = clade_stop_flag()};
    const double scale = 1e6 / (double)c->children, quarter = 4 * scale;
    clade_status status = clade_run_create(experiment, folder);
    if (status == CLADE_OK)
        status = clade_subject_form_new(experiment, &subject);
    if (status == CLADE_OK)
        status = clade_pool_new(&prompt_backend, &state, &pool);
    const double start = clade_clock_now(), cpu = clade_bench_cpu();
    if (status == CLADE_OK)
        status = clade_engine_run(experiment, &subject, pool, &options);
    const double end = clade_bench_cpu();
    costs->wall = (clade_clock_now() - start) * scale;
    costs->cpu = (end - cpu) * scale;
    costs->first = (state.quarter[0] - cpu) * quarter;
    costs->last = (end - state.quarter[2]) * quarter;
    costs->transactions = state.turns + 1;
    clade_pool_close(pool);
    clade_subject_free(&subject);
    return status;
}

static clade_status measure(const clade_coordinator_case *c, const char *folder, clade_coordinator_costs *costs)
{
    char run[PATH_BYTES + 16], ledger[PATH_BYTES + 32], copy[PATH_BYTES + 16];
    clade_experiment *experiment = NULL;
    snprintf(run, sizeof run, "%s/run", folder);
    snprintf(ledger, sizeof ledger, "%s/run.db", run);
    snprintf(copy, sizeof copy, "%s/copy.db", folder);
    CLADE_TRY(clade_coordinator_experiment(c, &experiment));
    clade_status status = run_engine(c, experiment, run, costs);
    if (status == CLADE_OK)
        status = clade_coordinator_parts(c, experiment, costs);
    if (status == CLADE_OK)
        status = clade_coordinator_rows(c, ledger, copy, costs);
    clade_experiment_free(experiment);
    return status;
}

static clade_status measure_in_folder(const clade_coordinator_case *c, clade_coordinator_costs *costs)
{
    char folder[PATH_BYTES];
    CLADE_TRY(clade_bench_folder(folder, sizeof folder));
    const clade_status status = measure(c, folder, costs);
    const clade_status removed = clade_remove_folder(folder);
    return status == CLADE_OK ? removed : status;
}

/* ---- what is shown ---- */

static double rest_of(const clade_coordinator_costs *costs)
{
    return costs->cpu - costs->search - costs->front - costs->subject - costs->evaluate - costs->rows - costs->end;
}

static void print_heads(void)
{
    printf("%-10s %-9s %10s %6s %7s %6s %6s | %9s | %6s %6s %6s | %6s %6s %7s %8s %6s %6s %6s | %s\n", "", "algorithm",
           "population", "window", "at once", "bytes", "child.", "results/s", "cpu us", "first", "last", "search",
           "front", "subject", "evaluate", "rows", "end", "rest", "disk us");
}

static void print_case(const clade_coordinator_case *c, const clade_coordinator_costs *costs)
{
    printf(
        "%-10s %-9s %10.0f %6zu %7zu %6zu %6zu | %9.0f | %6.1f %6.1f %6.1f | %6.1f %6.1f %7.1f %8.1f %6.1f %6.1f %6.1f "
        "| %.1f\n",
        c->part, c->algorithm->name, c->population, c->window, c->at_once, c->score_bytes, c->children,
        1e6 / costs->wall, costs->cpu, costs->first, costs->last, costs->search, costs->front, costs->subject,
        costs->evaluate, costs->rows, costs->end, rest_of(costs), costs->disk);
    fflush(stdout);
}

static void put_case(const clade_coordinator_case *c, const clade_coordinator_costs *costs, clade_json_writer *writer)
{
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "part", c->part);
    clade_json_put_string(writer, "algorithm", c->algorithm->name);
    clade_json_put_number(writer, "population", c->population);
    clade_json_put_u64(writer, "window", c->window);
    clade_json_put_u64(writer, "at_once", c->at_once);
    clade_json_put_u64(writer, "score_bytes", c->score_bytes);
    clade_json_put_u64(writer, "children", c->children);
    clade_json_put_number(writer, "results_per_second", 1e6 / costs->wall);
    clade_json_put_number(writer, "microseconds", costs->cpu);
    clade_json_put_number(writer, "first_quarter", costs->first);
    clade_json_put_number(writer, "last_quarter", costs->last);
    clade_json_put_number(writer, "search", costs->search);
    clade_json_put_number(writer, "front", costs->front);
    clade_json_put_number(writer, "subject", costs->subject);
    clade_json_put_number(writer, "evaluate", costs->evaluate);
    clade_json_put_number(writer, "rows", costs->rows);
    clade_json_put_number(writer, "end", costs->end);
    clade_json_put_number(writer, "rest", rest_of(costs));
    clade_json_put_number(writer, "disk", costs->disk);
    clade_json_put_u64(writer, "transactions", costs->transactions);
    clade_json_end_object(writer);
}

/* ---- which runs ---- */

static clade_status run_case(size_t index, clade_json_writer *writer)
{
    const clade_coordinator_case c = {.part = cases[index].part,
                                      .algorithm = clade_algorithm_find(cases[index].algorithm),
                                      .form = clade_problem_form_find("zdt1", 30),
                                      .population = cases[index].population,
                                      .children = cases[index].children,
                                      .window = cases[index].window,
                                      .at_once = cases[index].at_once,
                                      .score_bytes = cases[index].score_bytes};
    clade_coordinator_costs costs = {0};
    if (!c.algorithm || !c.form)
        return clade_fail(CLADE_EINTERNAL, "bench coordinator: no algorithm \"%s\" or no problem \"zdt1\"",
                          cases[index].algorithm);
    CLADE_TRY(measure_in_folder(&c, &costs));
    if (writer)
        put_case(&c, &costs, writer);
    else
        print_case(&c, &costs);
    return CLADE_OK;
}

static clade_status check_options(const clade_bench_options *options)
{
    const char *const names[] = {"window", "arrivals", "score", "population"};
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known = known || clade_bench_chosen(options->part, names[i]);
    if (!known)
        return clade_unknown_word("part", options->part, names, sizeof names / sizeof *names);
    return clade_bench_check_algorithm(options->algorithm);
}

static clade_status run_cases(const clade_bench_options *options, clade_json_writer *writer)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (clade_bench_chosen(options->part, cases[i].part) &&
            clade_bench_chosen(options->algorithm, cases[i].algorithm))
            CLADE_TRY(run_case(i, writer));
    return CLADE_OK;
}

clade_status clade_bench_coordinator(const clade_bench_options *options)
{
    CLADE_TRY(check_options(options));
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    size_t bytes = 0;
    double microseconds = 0;
    clade_log_set_level(CLADE_LOG_WARNING); /* not what each run says */
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "coordinator");
    if (!options->json)
        print_heads();
    clade_status status = run_cases(options, options->json ? &writer : NULL);
    clade_json_end_array(&writer);
    if (status == CLADE_OK)
        status = clade_coordinator_score(&bytes, &microseconds);
    clade_json_put_u64(&writer, "real_score_bytes", bytes);
    clade_json_put_number(&writer, "real_score_microseconds", microseconds);
    clade_json_end_object(&writer);
    if (status == CLADE_OK && !options->json)
        printf(
            "the score of a merge (8 tasks of 256 items, clean and corrupted, %zu bytes) takes %.1f us more to read\n",
            bytes, microseconds);
    if (!options->json)
        clade_text_clear(&text);
    else
        clade_text_append(&text, "\n");
    return clade_finish_output(status, &text);
}
