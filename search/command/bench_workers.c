/* clade bench workers: how busy a cluster is. The engine, the ledger and the queue are the real ones, on a closed form;
 * workers, messages and the clock are simulated (pool_simulated.h), so that thousands of workers fit on one core.
 *
 *   ranks        utilisation against workers and window, with times that differ tenfold
 *   times        the same for other kinds of times
 *   faults       the same with evaluations that fail and workers that die
 *   coordinator  the coordinator's processor time passes too: where one coordinator has no more to give
 *   disk         the same with real time, the ledger's waiting for the disk included
 *
 * Utilisation is that of the time until the last child began, and in brackets of the whole run, whose last children leave
 * more and more workers idle. The run folders are made in TMPDIR, one at a time. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/files.h"
#include "clade/json.h"
#include "clade/log.h"
#include "search/command/bench.h"
#include "search/command/command.h"
#include "search/command/stop.h"
#include "search/engine.h"
#include "search/pool_simulated.h"
#include "search/subject_form.h"

enum { MOST = 8, LEAST_CHILDREN = 2000, WINDOWS_A_RUN = 6, MOST_RECORDED = 1 << 20 };
static const double MEAN_SECONDS = 0.5, LATENCY = 1e-4;

typedef struct bench_times {
    const char *name;
    clade_simulated_times times;
    double shape;
} bench_times;

typedef struct bench_part {
    const char *name;
    size_t workers[MOST];
    double windows[MOST]; /* times the workers, rising; 0: no more */
    bench_times times[MOST];
    double failures, deaths;
    clade_simulated_thinking thinking;
} bench_part;

static const bench_part parts[] = {
    {.name = "ranks",
     .workers = {1, 4, 16, 64, 256, 1024, 4096},
     .windows = {1, 1.5, 2, 2.5, 3, 4, 8},
     .times = {{"log-uniform x10", CLADE_TIMES_LOG_UNIFORM, 10}}},
    {.name = "times",
     .workers = {256},
     .windows = {1, 1.5, 2, 2.5, 3, 4, 8},
     .times = {{"equal", CLADE_TIMES_EQUAL, 0},
               {"log-uniform x3", CLADE_TIMES_LOG_UNIFORM, 3},
               {"log-uniform x30", CLADE_TIMES_LOG_UNIFORM, 30},
               {"log-uniform x100", CLADE_TIMES_LOG_UNIFORM, 100},
               {"lognormal 0.5", CLADE_TIMES_LOGNORMAL, 0.5},
               {"lognormal 1", CLADE_TIMES_LOGNORMAL, 1},
               {"Pareto 2.5", CLADE_TIMES_PARETO, 2.5},
               {"Pareto 1.5", CLADE_TIMES_PARETO, 1.5}}},
    {.name = "faults",
     .workers = {16, 256, 1024},
     .windows = {2.5, 4},
     .times = {{"log-uniform x10", CLADE_TIMES_LOG_UNIFORM, 10}},
     .failures = 0.05,
     .deaths = 0.2},
    {.name = "coordinator",
     .workers = {256, 1024, 2048, 4096},
     .windows = {2.5, 4},
     .times = {{"log-uniform x10", CLADE_TIMES_LOG_UNIFORM, 10}},
     .thinking = CLADE_THINKS_ON_CPU},
    {.name = "disk",
     .workers = {256, 1024},
     .windows = {2.5, 4},
     .times = {{"log-uniform x10", CLADE_TIMES_LOG_UNIFORM, 10}},
     .thinking = CLADE_THINKS_REAL_TIME},
};

/* One run. */
typedef struct bench_case {
    const char *part, *times;
    const clade_algorithm *algorithm;
    size_t window, children;
    clade_simulation plan;
    clade_simulation_report report;
    double seconds; /* real ones */
} bench_case;

/* ---- one run ---- */

static clade_status run_engine(bench_case *c, const clade_experiment *experiment, const clade_problem_form *form,
                               const char *folder)
{
    clade_pool *pool = NULL;
    clade_subject subject = {0};
    const clade_evaluator evaluator = clade_form_evaluator(form);
    const clade_engine_options options = {.run_folder = folder, .stop = clade_stop_flag()};
    clade_status status = clade_run_create(experiment, folder);
    if (status == CLADE_OK)
        status = clade_subject_form_new(experiment, &subject);
    if (status == CLADE_OK)
        status = clade_pool_open_simulated(&c->plan, &evaluator, &c->report, &pool);
    const double start = clade_clock_now();
    if (status == CLADE_OK)
        status = clade_engine_run(experiment, &subject, pool, &options);
    c->seconds = clade_clock_now() - start;
    clade_pool_close(pool);
    clade_subject_free(&subject);
    return status;
}

static clade_status run_in(bench_case *c, const char *folder)
{
    const clade_problem_form *form = clade_problem_form_find("mixmerge", 12);
    clade_experiment *experiment = NULL;
    char *run = clade_path_join(folder, "run");
    clade_status status = run ? CLADE_OK : clade_fail_memory(strlen(folder) + 4, "a path");
    if (status == CLADE_OK && !form)
        status = clade_fail(CLADE_EINTERNAL, "bench workers: no problem \"mixmerge\"");
    if (status == CLADE_OK)
        status = clade_experiment_of_form(form, c->algorithm, 1, c->children, c->window, &experiment);
    if (status == CLADE_OK)
        status = run_engine(c, experiment, form, run);
    clade_experiment_free(experiment);
    clade_free(run);
    return status;
}

static clade_status run_case(bench_case *c)
{
    char folder[4096];
    CLADE_TRY(clade_bench_folder(folder, sizeof folder));
    const clade_status status = run_in(c, folder);
    const clade_status removed = clade_remove_folder(folder);
    return status == CLADE_OK ? removed : status;
}

/* ---- what is shown ---- */

static void print_case(const bench_case *c)
{
    const clade_simulation_report *r = &c->report;
    printf("%-11s %-17s %5zu %7zu %4.1f  %6.1f%% (%5.1f%%)  %7llu", c->part, c->times, c->plan.workers, c->window,
           (double)c->window / (double)c->plan.workers, 100 * r->full_utilisation, 100 * r->utilisation,
           (unsigned long long)r->done);
    if (c->plan.failures > 0 || c->plan.deaths > 0)
        printf("  %llu failed, %zu workers died, %llu redone", (unsigned long long)r->failed, r->died,
               (unsigned long long)r->redone);
    if (c->plan.thinking != CLADE_THINKS_AT_ONCE)
        printf("  %.0f results/s, the coordinator busy %.0f%%, %.0f us a result", (double)r->done / r->elapsed,
               100 * r->thought / r->elapsed, 1e6 * r->thought / (double)r->done);
    printf("\n");
    fflush(stdout);
}

static void put_case(const bench_case *c, clade_json_writer *writer)
{
    const clade_simulation_report *r = &c->report;
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "part", c->part);
    clade_json_put_string(writer, "times", c->times);
    clade_json_put_string(writer, "algorithm", c->algorithm->name);
    clade_json_put_u64(writer, "workers", c->plan.workers);
    clade_json_put_u64(writer, "window", c->window);
    clade_json_put_number(writer, "utilisation", r->full_utilisation);
    clade_json_put_number(writer, "utilisation_of_all", r->utilisation);
    clade_json_put_u64(writer, "done", r->done);
    clade_json_put_u64(writer, "failed", r->failed);
    clade_json_put_u64(writer, "redone", r->redone);
    clade_json_put_u64(writer, "died", r->died);
    clade_json_put_number(writer, "elapsed", r->elapsed);
    clade_json_put_number(writer, "thought", r->thought);
    clade_json_put_number(writer, "seconds", c->seconds);
    clade_json_end_object(writer);
}

/* ---- which runs ---- */

typedef struct recorded_times {
    double *seconds; /* (count), owned */
    size_t count;
    double mean;
} recorded_times;

/* What the children of a run took, without those that copy others. */
static clade_status read_recorded(const char *folder, recorded_times *out)
{
    clade_ledger *ledger = NULL;
    clade_evaluation_row row = {0};
    bool found = true;
    CLADE_TRY(clade_run_ledger(folder, &ledger));
    out->seconds = clade_calloc(MOST_RECORDED, sizeof *out->seconds);
    clade_status status =
        out->seconds ? CLADE_OK : clade_fail_memory(MOST_RECORDED * sizeof *out->seconds, "recorded times");
    for (uint64_t child = 0; status == CLADE_OK && found && out->count < MOST_RECORDED; child++) {
        status = clade_ledger_get_evaluation(ledger, child, CLADE_SEARCH, &row, &found);
        if (status == CLADE_OK && found && row.same_as < 0 && row.seconds > 0)
            out->mean += out->seconds[out->count++] = row.seconds;
    }
    out->mean /= (double)(out->count > 0 ? out->count : 1);
    clade_evaluation_row_fini(&row);
    clade_ledger_close(ledger);
    return status;
}

static size_t window_of(double factor, size_t workers)
{
    const size_t window = (size_t)(factor * (double)workers + 0.5);
    return window > 1 ? window : 1;
}

static clade_status run_windows(const bench_part *part, const bench_case *common, clade_json_writer *writer)
{
    size_t last = 0;
    for (size_t f = 0; f < MOST && part->windows[f] > 0; f++) {
        bench_case c = *common;
        c.window = window_of(part->windows[f], c.plan.workers);
        if (c.window == last)
            continue;
        last = c.window;
        c.children = c.window * WINDOWS_A_RUN > LEAST_CHILDREN ? c.window * WINDOWS_A_RUN : LEAST_CHILDREN;
        c.plan.within = (double)c.children * c.plan.mean / (double)c.plan.workers; /* about the length of the run */
        CLADE_TRY(run_case(&c));
        if (writer)
            put_case(&c, writer);
        else
            print_case(&c);
    }
    return CLADE_OK;
}

static clade_status run_part(const bench_part *part, const clade_bench_options *options, const recorded_times *recorded,
                             clade_json_writer *writer)
{
    const bench_times from_run = {options->run, CLADE_TIMES_RECORDED, 0};
    for (size_t t = 0; t < MOST && part->times[t].name && (t == 0 || !options->run); t++)
        for (size_t w = 0; w < MOST && part->workers[w] > 0 && (w == 0 || options->workers == 0); w++) {
            const bench_times *times = options->run ? &from_run : &part->times[t];
            const bench_case common = {.part = part->name,
                                       .times = times->name,
                                       .algorithm =
                                           clade_algorithm_find(options->algorithm ? options->algorithm : "random"),
                                       .plan = {.seed = 1,
                                                .workers = options->workers > 0 ? options->workers : part->workers[w],
                                                .times = times->times,
                                                .shape = times->shape,
                                                .mean = recorded->count > 0 ? recorded->mean : MEAN_SECONDS,
                                                .recorded = recorded->seconds,
                                                .n_recorded = recorded->count,
                                                .latency = LATENCY,
                                                .failures = part->failures,
                                                .deaths = part->deaths,
                                                .thinking = part->thinking}};
            CLADE_TRY(run_windows(part, &common, writer));
        }
    return CLADE_OK;
}

static clade_status check_options(const clade_bench_options *options)
{
    const size_t n_parts = sizeof parts / sizeof *parts;
    const char *names[sizeof parts / sizeof *parts];
    CLADE_TRY(clade_bench_check_algorithm(options->algorithm));
    bool found = false;
    for (size_t i = 0; i < n_parts; i++) {
        names[i] = parts[i].name;
        found |= clade_bench_chosen(options->part, parts[i].name);
    }
    return found ? CLADE_OK : clade_unknown_word("part", options->part, names, n_parts);
}

static clade_status run_parts(const clade_bench_options *options, const recorded_times *recorded,
                              clade_json_writer *writer)
{
    if (!writer)
        printf("%-11s %-17s %5s %7s %4s  %16s  %7s\n", "", "times", "ranks", "window", "", "utilisation", "results");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (clade_bench_chosen(options->part, parts[i].name))
            CLADE_TRY(run_part(&parts[i], options, recorded, writer));
    return CLADE_OK;
}

clade_status clade_bench_workers(const clade_bench_options *options)
{
    recorded_times recorded = {0};
    clade_text text = {0};
    CLADE_TRY(check_options(options));
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_log_set_level(CLADE_LOG_WARNING); /* not what each run says */
    clade_status status = options->run ? read_recorded(options->run, &recorded) : CLADE_OK;
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "workers");
    if (status == CLADE_OK)
        status = run_parts(options, &recorded, options->json ? &writer : NULL);
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_free(recorded.seconds);
    if (!options->json)
        clade_text_clear(&text);
    else
        clade_text_append(&text, "\n");
    return clade_finish_output(status, &text);
}
