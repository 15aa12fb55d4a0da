/* clade bench search: how good the search algorithms are on problems whose answer is known, and what they cost.
 *
 * The hypervolume of everything evaluated so far (reference of the problem, larger is better) after 100 .. 2,000
 * evaluations, median and quartiles over 15 seeds; for larger budgets the same after 5,000 .. 25,000 with populations
 * of 100. Microseconds a child are those of ask, tell and the problem itself: beside a forward pass they must not be
 * seen. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/json.h"
#include "search/closed_form.h"
#include "search/command/bench.h"
#include "search/pareto.h"

enum { SEEDS = 15, BUDGETS = 5, WINDOW = 4, MAX_OBJECTIVES = 3 };

typedef struct bench_suite {
    const char *title;
    size_t budgets[BUDGETS]; /* rising; 0: no more */
    size_t seeds;
    struct {
        const char *algorithm;
        double population;
    } runs[5];
    struct {
        const char *problem;
        size_t n_genes;
    } problems[8];
} bench_suite;

static const bench_suite suites[] = {
    {.title = "small budgets",
     .budgets = {100, 300, 600, 1000, 2000},
     .seeds = SEEDS,
     .runs = {{"sms_emoa", 20}, {"sms_emoa", 32}, {"nsga2", 20}, {"nsga2", 40}, {"random", 0}},
     .problems =
         {{"zdt1", 10}, {"zdt1", 30}, {"zdt4", 10}, {"zdt4", 30}, {"dtlz2m2", 10}, {"dtlz2m2", 30}, {"mixmerge", 12}}},
    {.title = "standard budgets",
     .budgets = {5000, 10000, 25000},
     .seeds = 3,
     .runs = {{"sms_emoa", 100}, {"nsga2", 100}},
     .problems = {{"zdt1", 30}, {"zdt2", 30}, {"zdt3", 30}, {"zdt4", 10}, {"zdt6", 10}, {"dtlz2m3", 12}}},
};

/* The result of all seeds of one algorithm on one problem. */
typedef struct bench_result {
    double volume[BUDGETS][SEEDS];
    double microseconds; /* a child */
} bench_result;

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Linear interpolation between order statistics, as numpy's percentile. SORTED (n). */
static double quantile(const double *sorted, size_t n, double share)
{
    const double place = share * (double)(n - 1);
    const size_t below = (size_t)place;
    const double above = below + 1 < n ? sorted[below + 1] : sorted[below];
    return sorted[below] + (above - sorted[below]) * (place - (double)below);
}

static size_t last_budget(const bench_suite *suite)
{
    size_t most = 0;
    for (size_t b = 0; b < BUDGETS; b++)
        most = suite->budgets[b] > most ? suite->budgets[b] : most;
    return most;
}

static clade_status run_seed(const bench_suite *suite, const clade_algorithm *algorithm, double population,
                             const clade_problem_form *form, const clade_space *space, size_t seed, double *objectives,
                             bench_result *result)
{
    const clade_search_problem problem = {.space = space,
                                          .n_objectives = form->n_objectives,
                                          .seed = seed + 1,
                                          .window = WINDOW,
                                          .parameters = &population};
    const double start = clade_bench_now();
    CLADE_TRY(clade_run_closed_form(algorithm, &problem, clade_problem_form_evaluate, form, last_budget(suite),
                                    objectives, NULL));
    result->microseconds += (clade_bench_now() - start) * 1e6 / (double)last_budget(suite) / (double)suite->seeds;
    for (size_t b = 0; b < BUDGETS && suite->budgets[b] > 0; b++)
        CLADE_TRY(
            clade_hypervolume(objectives, suite->budgets[b], form->n_objectives, form->wide, &result->volume[b][seed]));
    return CLADE_OK;
}

static clade_status run_seeds(const bench_suite *suite, const clade_algorithm *algorithm, double population,
                              const clade_problem_form *form, bench_result *result)
{
    clade_space space;
    memset(result, 0, sizeof *result);
    CLADE_TRY(clade_problem_form_space(form, &space));
    const size_t bytes = last_budget(suite) * MAX_OBJECTIVES * sizeof(double);
    double *objectives = clade_malloc(bytes);
    clade_status status = objectives ? CLADE_OK : clade_fail_memory(bytes, "the objectives of a run");
    for (size_t seed = 0; seed < suite->seeds && status == CLADE_OK; seed++)
        status = run_seed(suite, algorithm, population, form, &space, seed, objectives, result);
    clade_free(objectives);
    clade_space_fini(&space);
    for (size_t b = 0; b < BUDGETS; b++)
        qsort(result->volume[b], suite->seeds, sizeof(double), compare_numbers);
    return status;
}

static void print_row(const bench_suite *suite, const char *algorithm, double population,
                      const clade_problem_form *form, const bench_result *result)
{
    printf("%-9s %3.0f  %-9s %2zu", algorithm, population, form->name, form->n_genes);
    for (size_t b = 0; b < BUDGETS && suite->budgets[b] > 0; b++)
        printf("  %9.4f (%.4f)", quantile(result->volume[b], suite->seeds, 0.5),
               quantile(result->volume[b], suite->seeds, 0.25));
    printf("  %6.1f us\n", result->microseconds);
    fflush(stdout);
}

static void put_row(const bench_suite *suite, const char *algorithm, double population, const clade_problem_form *form,
                    const bench_result *result, clade_json_writer *writer)
{
    static const char *const names[] = {"q25", "median", "q75"};
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "algorithm", algorithm);
    clade_json_put_number(writer, "population", population);
    clade_json_put_string(writer, "problem", form->name);
    clade_json_put_u64(writer, "genes", form->n_genes);
    clade_json_put_u64(writer, "seeds", suite->seeds);
    clade_json_put_number(writer, "microseconds", result->microseconds);
    clade_json_begin_array(writer, "hypervolume");
    for (size_t b = 0; b < BUDGETS && suite->budgets[b] > 0; b++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_u64(writer, "evaluations", suite->budgets[b]);
        for (size_t q = 0; q < 3; q++)
            clade_json_put_number(writer, names[q], quantile(result->volume[b], suite->seeds, 0.25 * (double)(q + 1)));
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
    clade_json_end_object(writer);
}

static clade_status run_suite(const bench_suite *suite, clade_json_writer *writer)
{
    if (!writer) {
        printf("%s: hypervolume after ", suite->title);
        for (size_t b = 0; b < BUDGETS && suite->budgets[b] > 0; b++)
            printf("%s%zu", b > 0 ? ", " : "", suite->budgets[b]);
        printf(" evaluations, median (lower quartile) of %zu seeds\n", suite->seeds);
    }
    for (size_t p = 0; p < sizeof suite->problems / sizeof *suite->problems && suite->problems[p].problem; p++)
        for (size_t r = 0; r < sizeof suite->runs / sizeof *suite->runs && suite->runs[r].algorithm; r++) {
            const clade_algorithm *algorithm = clade_algorithm_find(suite->runs[r].algorithm);
            const clade_problem_form *form =
                clade_problem_form_find(suite->problems[p].problem, suite->problems[p].n_genes);
            if (!algorithm || !form)
                return clade_fail(CLADE_EINTERNAL, "bench search: no algorithm \"%s\" or no problem \"%s\"",
                                  suite->runs[r].algorithm, suite->problems[p].problem);
            const double population = suite->runs[r].population;
            bench_result result;
            CLADE_TRY(run_seeds(suite, algorithm, population, form, &result));
            if (writer)
                put_row(suite, algorithm->name, population, form, &result, writer);
            else
                print_row(suite, algorithm->name, population, form, &result);
        }
    return CLADE_OK;
}

clade_status clade_bench_search(bool json)
{
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "search");
    clade_status status = CLADE_OK;
    for (size_t s = 0; s < sizeof suites / sizeof *suites && status == CLADE_OK; s++)
        status = run_suite(&suites[s], json ? &writer : NULL);
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    if (status == CLADE_OK && json)
        status = clade_text_status(&text);
    if (status == CLADE_OK && json)
        printf("%s\n", clade_text_get(&text));
    clade_text_free(&text);
    return status;
}
