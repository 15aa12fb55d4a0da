/* clade bench search: how good the search algorithms are on problems whose answer is known, and what they cost.
 *
 * Hypervolume (reference of the problem, larger is better), median and lower quartile over the seeds. Small budgets: of
 * everything evaluated after 100 .. 2,000 evaluations, for every algorithm of the registry. Standard budgets: of the
 * population after 5,000 .. 25,000; the population is what an algorithm breeds from, found by asking for many more
 * children and looking at their parents. With --golden the same of published tools beside it: a row is OK when no median
 * lies below the tool's lower quartile. Microseconds a child are those of ask, tell and the problem itself: beside a
 * forward pass they must not be seen. */
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/clock.h"
#include "clade/json.h"
#include "search/closed_form_run.h"
#include "search/command/bench.h"
#include "search/command/bench_golden.h"
#include "search/command/command.h"
#include "search/order_statistics.h"
#include "search/pareto.h"

enum { MOST_SEEDS = 99, BUDGETS = 5, WINDOW = 4, MOST_RUNS = 64 };

typedef struct bench_run {
    const char *algorithm;
    double population; /* 0: the default */
    const char *tool;  /* published, to compare with */
} bench_run;

typedef struct bench_suite {
    const char *title, *set; /* "archive" or "population", as in the published tables */
    size_t budgets[BUDGETS]; /* rising; 0: no more */
    size_t seeds;
    bool all; /* the algorithms that are not listed too, against the tool of the first row */
    bench_run runs[12];
    struct {
        const char *problem;
        size_t n_genes;
    } problems[10];
} bench_suite;

static const bench_suite suites[] = {
    {.title = "small budgets",
     .set = "archive",
     .budgets = {100, 300, 600, 1000, 2000},
     .seeds = 15,
     .all = true,
     .runs = {{"sms_emoa", 20, "smsemoa-20+1"},
              {"sms_emoa", 32, "smsemoa-20+1"},
              {"nsga2", 20, "nsga2-20"},
              {"nsga2", 40, "nsga2-40"},
              {"nsga3", 20, "nsga2-20"},
              {"moead", 20, "nsga2-20"},
              {"sobol", 0, "random"},
              {"random", 0, "random"}},
     .problems =
         {{"zdt1", 10}, {"zdt1", 30}, {"zdt4", 10}, {"zdt4", 30}, {"dtlz2m2", 10}, {"dtlz2m2", 30}, {"mixmerge", 12}}},
    {.title = "standard budgets",
     .set = "population",
     .budgets = {5000, 10000, 25000},
     .seeds = 3,
     .runs = {{"nsga2", 100, "nsga2-100"},
              {"nsga3", 100, "nsga2-100"},
              {"moead", 100, "nsga2-100"},
              {"sms_emoa", 100, "smsemoa-100"}},
     .problems = {{"zdt1", 30},
                  {"zdt2", 30},
                  {"zdt3", 30},
                  {"zdt4", 10},
                  {"zdt6", 10},
                  {"dtlz2m3", 12},
                  {"dtlz1m3", 7},
                  {"dtlz7m3", 22}}},
};

/* One algorithm on one problem. */
typedef struct bench_case {
    const bench_suite *suite;
    const bench_run *run;
    const clade_algorithm *algorithm;
    const clade_problem_form *form;
    const clade_golden *golden;
    size_t seeds;
    double population;
    double parameters[CLADE_MAX_PARAMETERS];
    double volume[BUDGETS][MOST_SEEDS];
    double microseconds; /* a child */
} bench_case;

/* Quartile 0, 1 or 2 (the median is 1). */
static double quartile(const bench_case *c, size_t budget, size_t which)
{
    return clade_quantile(c->volume[budget], c->seeds, 0.25 * (double)(which + 1));
}

/* Of everything evaluated all budgets come out of the run of the largest; each population needs a run of its own.
 * OBJECTIVES and MEMBERS have room for the largest. */
static clade_status measure_seed(bench_case *c, const clade_search_problem *problem, double *objectives,
                                 double *members, size_t seed)
{
    const size_t m = c->form->n_objectives, budgets = clade_bench_sizes(c->suite->budgets, BUDGETS);
    const bool population = strcmp(c->suite->set, "population") == 0;
    CLADE_TRY(clade_bench_go_on());
    for (size_t b = population ? 0 : budgets - 1; b < budgets; b++) {
        const size_t children = c->suite->budgets[b];
        size_t count;
        const double start = clade_clock_now();
        CLADE_TRY(
            clade_run_form(c->algorithm, problem, c->form, children, objectives, population ? members : NULL, &count));
        const size_t asked = children + (population ? CLADE_ASKED_FOR_PARENTS : 0);
        c->microseconds +=
            (clade_clock_now() - start) * 1e6 / (double)asked / (double)(population ? budgets * c->seeds : c->seeds);
        if (population)
            CLADE_TRY(clade_hypervolume(members, count, m, c->form->wide, &c->volume[b][seed]));
    }
    for (size_t b = 0; b < budgets && !population; b++)
        CLADE_TRY(clade_hypervolume(objectives, c->suite->budgets[b], m, c->form->wide, &c->volume[b][seed]));
    return CLADE_OK;
}

static clade_status measure(bench_case *c, const clade_space *space)
{
    const size_t m = c->form->n_objectives,
                 children = c->suite->budgets[clade_bench_sizes(c->suite->budgets, BUDGETS) - 1];
    double *objectives = clade_calloc(children, 2 * m * sizeof *objectives);
    if (!objectives)
        return clade_fail_memory(children * 2 * m * sizeof *objectives, "the objectives of a run");
    clade_status status = CLADE_OK;
    for (size_t seed = 0; seed < c->seeds && status == CLADE_OK; seed++) {
        const clade_search_problem problem = {.space = space,
                                              .n_objectives = m,
                                              .seed = seed + 1,
                                              .window = WINDOW,
                                              .parameters = c->parameters,
                                              .children = children};
        status = measure_seed(c, &problem, objectives, objectives + children * m, seed);
    }
    clade_free(objectives);
    for (size_t b = 0; b < BUDGETS; b++)
        clade_sort_numbers(c->volume[b], c->seeds);
    return status;
}

static bool find_golden(const bench_case *c, size_t budget, double quartiles[3])
{
    const clade_golden_key key = {.tool = c->run->tool,
                                  .problem = c->form->name,
                                  .set = c->suite->set,
                                  .variables = c->form->n_genes + (c->form->categories > 0),
                                  .objectives = c->form->n_objectives,
                                  .evaluations = c->suite->budgets[budget]};
    return clade_golden_find(c->golden, &key, quartiles);
}

static void print_case(const bench_case *c)
{
    const size_t budgets = clade_bench_sizes(c->suite->budgets, BUDGETS);
    size_t known = 0, below = 0;
    double golden[BUDGETS][3] = {0};
    printf("%-12s %3.0f  %-12s %-9s %2zu", c->algorithm->name, c->population, "", c->form->name, c->form->n_genes);
    for (size_t b = 0; b < budgets; b++) {
        const bool found = find_golden(c, b, golden[b]);
        known += found;
        below += found && quartile(c, b, 1) < golden[b][0];
        printf("  %9.4f (%9.4f)", quartile(c, b, 1), quartile(c, b, 0));
    }
    printf("  %6.1f us", c->microseconds);
    if (known > 0)
        printf(below > 0 ? "  below at %zu of %zu" : "  OK", below, known);
    printf("\n");
    if (known > 0) {
        printf("%-12s %3s  %-12s %-9s %2s", "", "", c->run->tool, "", "");
        for (size_t b = 0; b < budgets; b++)
            printf("  %9.4f (%9.4f)", golden[b][1], golden[b][0]);
        printf("\n");
    }
    fflush(stdout);
}

static void put_case(const bench_case *c, clade_json_writer *writer)
{
    static const char *const names[] = {"q25", "median", "q75"};
    clade_json_begin_object(writer, NULL);
    clade_json_put_string(writer, "algorithm", c->algorithm->name);
    clade_json_put_number(writer, "population", c->population);
    clade_json_put_string(writer, "problem", c->form->name);
    clade_json_put_u64(writer, "genes", c->form->n_genes);
    clade_json_put_string(writer, "set", c->suite->set);
    clade_json_put_u64(writer, "seeds", c->seeds);
    clade_json_put_number(writer, "microseconds", c->microseconds);
    clade_json_begin_array(writer, "hypervolume");
    for (size_t b = 0; b < clade_bench_sizes(c->suite->budgets, BUDGETS); b++) {
        double golden[3];
        clade_json_begin_object(writer, NULL);
        clade_json_put_u64(writer, "evaluations", c->suite->budgets[b]);
        for (size_t q = 0; q < 3; q++)
            clade_json_put_number(writer, names[q], quartile(c, b, q));
        if (find_golden(c, b, golden)) {
            clade_json_begin_object(writer, "published");
            clade_json_put_string(writer, "tool", c->run->tool);
            for (size_t q = 0; q < 3; q++)
                clade_json_put_number(writer, names[q], golden[q]);
            clade_json_end_object(writer);
            clade_json_put_bool(writer, "ok", quartile(c, b, 1) >= golden[0]);
        }
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
    clade_json_end_object(writer);
}

static clade_status run_case(bench_case *c, clade_json_writer *writer)
{
    clade_space space;
    clade_algorithm_defaults(c->algorithm, c->parameters);
    const size_t population = clade_algorithm_parameter(c->algorithm, "population");
    if (population < c->algorithm->n_parameters) {
        if (c->run->population > 0)
            c->parameters[population] = c->run->population;
        c->population = c->parameters[population];
    }
    CLADE_TRY(clade_problem_form_space(c->form, &space));
    const clade_status status = measure(c, &space);
    clade_space_fini(&space);
    CLADE_TRY(status);
    if (writer)
        put_case(c, writer);
    else
        print_case(c);
    return CLADE_OK;
}

/* RUNS (MOST_RUNS): those of the suite, and what else is in the registry. */
static size_t list_runs(const bench_suite *suite, bench_run *runs)
{
    size_t count = 0, n_algorithms;
    while (count < sizeof suite->runs / sizeof *suite->runs && suite->runs[count].algorithm) {
        runs[count] = suite->runs[count];
        count++;
    }
    const size_t listed = count;
    const clade_algorithm *const *all = clade_algorithms(&n_algorithms);
    for (size_t i = 0; i < n_algorithms && suite->all && count < MOST_RUNS; i++) {
        bool found = false;
        for (size_t r = 0; r < listed; r++)
            found |= strcmp(runs[r].algorithm, all[i]->name) == 0;
        if (!found)
            runs[count++] = (bench_run){.algorithm = all[i]->name, .tool = runs[0].tool};
    }
    return count;
}

static clade_status run_suite(const bench_suite *suite, const clade_bench_options *options, const clade_golden *golden,
                              clade_json_writer *writer)
{
    bench_run runs[MOST_RUNS];
    const size_t n_runs = list_runs(suite, runs), seeds = options->seeds > 0 ? (size_t)options->seeds : suite->seeds;
    if (!writer) {
        printf("%s: hypervolume of the %s after ", suite->title, suite->set);
        for (size_t b = 0; b < clade_bench_sizes(suite->budgets, BUDGETS); b++)
            printf("%s%zu", b > 0 ? ", " : "", suite->budgets[b]);
        printf(" evaluations, median (lower quartile) of %zu seeds\n", seeds);
    }
    for (size_t p = 0; p < sizeof suite->problems / sizeof *suite->problems && suite->problems[p].problem; p++)
        for (size_t r = 0; r < n_runs; r++) {
            bench_case c = {.suite = suite,
                            .run = &runs[r],
                            .algorithm = clade_algorithm_find(runs[r].algorithm),
                            .form = clade_problem_form_find(suite->problems[p].problem, suite->problems[p].n_genes),
                            .golden = golden,
                            .seeds = seeds};
            if (!c.algorithm || !c.form)
                return clade_fail(CLADE_EINTERNAL, "bench search: no algorithm \"%s\" or no problem \"%s\"",
                                  runs[r].algorithm, suite->problems[p].problem);
            if (clade_bench_chosen(options->algorithm, runs[r].algorithm) &&
                clade_bench_chosen(options->problem, c.form->name))
                CLADE_TRY(run_case(&c, writer));
        }
    return CLADE_OK;
}

static clade_status check_options(const clade_bench_options *options)
{
    size_t n_forms;
    const char *names[MOST_RUNS];
    CLADE_TRY(clade_bench_check_algorithm(options->algorithm));
    const clade_problem_form *forms = clade_problem_forms(&n_forms);
    bool found = !options->problem;
    for (size_t i = 0; i < n_forms && i < MOST_RUNS; i++) {
        names[i] = forms[i].name;
        found |= clade_bench_chosen(options->problem, forms[i].name);
    }
    if (!found)
        return clade_unknown_word("problem", options->problem, names, n_forms);
    if (options->seeds > MOST_SEEDS)
        return clade_fail(CLADE_EUSAGE, "--seeds: found %llu, expected at most %d", (unsigned long long)options->seeds,
                          MOST_SEEDS);
    return CLADE_OK;
}

static clade_status run_suites(const clade_bench_options *options, const clade_golden *golden)
{
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "search");
    clade_status status = CLADE_OK;
    for (size_t s = 0; s < sizeof suites / sizeof *suites && status == CLADE_OK; s++)
        status = run_suite(&suites[s], options, golden, options->json ? &writer : NULL);
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    if (!options->json)
        clade_text_clear(&text);
    else
        clade_text_append(&text, "\n");
    return clade_finish_output(status, &text);
}

clade_status clade_bench_search(const clade_bench_options *options)
{
    clade_golden golden = {0};
    CLADE_TRY(check_options(options));
    clade_status status = options->golden ? clade_golden_open(options->golden, &golden) : CLADE_OK;
    if (status == CLADE_OK)
        status = run_suites(options, &golden);
    clade_golden_fini(&golden);
    return status;
}
