/* clade bench windows: what the window costs in quality. A child that is bred before the results of W - 1 others are known
 * is bred blindly: on a cluster that is the price of keeping many workers busy.
 *
 * Hypervolume (reference of the problem) of everything evaluated after so many children, median over the seeds; beside it
 * the loss against window 1 as a share of what window 1 gained since its first START children. The order of ask and tell is
 * the engine's; a closed form needs no ledger for it. */
#include <stdio.h>

#include "clade/alloc.h"
#include "clade/json.h"
#include "search/closed_form_run.h"
#include "search/command/bench.h"
#include "search/command/command.h"
#include "search/order_statistics.h"
#include "search/pareto.h"

enum { MOST_SEEDS = 99, BUDGETS = 5, MOST_WINDOWS = 16, START = 16 };

typedef struct bench_suite {
    size_t budgets[BUDGETS]; /* rising; 0: no more */
    size_t windows[MOST_WINDOWS];
    size_t seeds;
} bench_suite;

static const bench_suite suites[] = {
    {.budgets = {300, 600, 1000, 2000}, .windows = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}, .seeds = 15},
    {.budgets = {5000, 10000}, .windows = {1, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096}, .seeds = 5},
};

static const struct {
    const char *name;
    size_t n_genes;
} problems[] = {{"mixmerge", 12}, {"zdt1", 30}, {"dtlz2m2", 30}};

static const char *const algorithms[] = {"portfolio", "sms_emoa", "nsga2", "minibatch"};

/* One algorithm on one problem. */
typedef struct bench_case {
    const bench_suite *suite;
    const clade_algorithm *algorithm;
    const clade_problem_form *form;
    size_t seeds, n_budgets, n_windows;
    clade_space space;
    double *objectives;                               /* (children, n_objectives) */
    double volume[MOST_WINDOWS][BUDGETS][MOST_SEEDS]; /* natural order of seeds until a window is done */
    double start[MOST_SEEDS];                         /* of the first children with window 1 */
} bench_case;

static clade_status measure_window(bench_case *c, size_t w)
{
    const size_t m = c->form->n_objectives, children = c->suite->budgets[c->n_budgets - 1];
    double parameters[CLADE_MAX_PARAMETERS];
    clade_algorithm_defaults(c->algorithm, parameters);
    for (size_t seed = 0; seed < c->seeds; seed++) {
        const clade_search_problem problem = {.space = &c->space,
                                              .n_objectives = m,
                                              .seed = seed + 1,
                                              .window = c->suite->windows[w],
                                              .parameters = parameters,
                                              .children = children};
        size_t count;
        CLADE_TRY(clade_bench_go_on());
        CLADE_TRY(clade_run_form(c->algorithm, &problem, c->form, children, c->objectives, NULL, &count));
        for (size_t b = 0; b < c->n_budgets; b++)
            CLADE_TRY(clade_hypervolume(c->objectives, c->suite->budgets[b], m, c->form->wide, &c->volume[w][b][seed]));
        if (w == 0)
            CLADE_TRY(clade_hypervolume(c->objectives, START, m, c->form->wide, &c->start[seed]));
    }
    for (size_t b = 0; b < c->n_budgets; b++)
        clade_sort_numbers(c->volume[w][b], c->seeds);
    return CLADE_OK;
}

static double volume_of(const bench_case *c, size_t w, size_t b)
{
    return clade_quantile(c->volume[w][b], c->seeds, 0.5);
}

/* Share of what window 1, the first of every suite, gained. */
static double loss(const bench_case *c, size_t w, size_t b)
{
    const double gained = volume_of(c, 0, b) - clade_quantile(c->start, c->seeds, 0.5);
    return gained > 0 ? (volume_of(c, 0, b) - volume_of(c, w, b)) / gained : 0;
}

static void print_case(const bench_case *c)
{
    printf("%-10s %-9s %2zu  window", c->algorithm->name, c->form->name, c->form->n_genes);
    for (size_t b = 0; b < c->n_budgets; b++)
        printf("  %9zu   loss", c->suite->budgets[b]);
    printf("\n");
    for (size_t w = 0; w < c->n_windows; w++) {
        printf("%30zu", c->suite->windows[w]);
        for (size_t b = 0; b < c->n_budgets; b++)
            printf("  %9.4f %5.1f%%", volume_of(c, w, b), 100 * loss(c, w, b));
        printf("\n");
    }
    fflush(stdout);
}

static void put_case(const bench_case *c, clade_json_writer *writer)
{
    for (size_t w = 0; w < c->n_windows; w++)
        for (size_t b = 0; b < c->n_budgets; b++) {
            clade_json_begin_object(writer, NULL);
            clade_json_put_string(writer, "algorithm", c->algorithm->name);
            clade_json_put_string(writer, "problem", c->form->name);
            clade_json_put_u64(writer, "genes", c->form->n_genes);
            clade_json_put_u64(writer, "seeds", c->seeds);
            clade_json_put_u64(writer, "window", c->suite->windows[w]);
            clade_json_put_u64(writer, "children", c->suite->budgets[b]);
            clade_json_put_number(writer, "hypervolume", volume_of(c, w, b));
            clade_json_put_number(writer, "loss", loss(c, w, b));
            clade_json_end_object(writer);
        }
}

static clade_status measure(bench_case *c)
{
    const size_t bytes = c->suite->budgets[c->n_budgets - 1] * c->form->n_objectives * sizeof *c->objectives;
    c->objectives = clade_malloc(bytes);
    clade_status status = c->objectives ? CLADE_OK : clade_fail_memory(bytes, "the objectives of a run");
    for (size_t w = 0; w < c->n_windows && status == CLADE_OK; w++)
        status = measure_window(c, w);
    clade_free(c->objectives);
    clade_sort_numbers(c->start, c->seeds);
    return status;
}

static clade_status run_case(bench_case *c, const clade_bench_options *options, clade_json_writer *writer)
{
    c->seeds = options->seeds > 0 ? (size_t)options->seeds : c->suite->seeds;
    c->n_budgets = clade_bench_sizes(c->suite->budgets, BUDGETS);
    c->n_windows = clade_bench_sizes(c->suite->windows, MOST_WINDOWS);
    if (!c->algorithm || !c->form)
        return clade_fail(CLADE_EINTERNAL, "bench windows: an algorithm or a problem is not there any more");
    CLADE_TRY(clade_problem_form_space(c->form, &c->space));
    const clade_status status = measure(c);
    clade_space_fini(&c->space);
    CLADE_TRY(status);
    if (writer)
        put_case(c, writer);
    else
        print_case(c);
    return CLADE_OK;
}

static clade_status run_suite(const bench_suite *suite, const clade_bench_options *options, bench_case *c,
                              clade_json_writer *writer)
{
    for (size_t p = 0; p < sizeof problems / sizeof *problems; p++)
        for (size_t a = 0; a < sizeof algorithms / sizeof *algorithms; a++) {
            if (!clade_bench_chosen(options->algorithm, algorithms[a]) ||
                !clade_bench_chosen(options->problem, problems[p].name))
                continue;
            *c = (bench_case){.suite = suite,
                              .algorithm = clade_algorithm_find(algorithms[a]),
                              .form = clade_problem_form_find(problems[p].name, problems[p].n_genes)};
            CLADE_TRY(run_case(c, options, writer));
        }
    return CLADE_OK;
}

static clade_status check_options(const clade_bench_options *options)
{
    const size_t n_algorithms = sizeof algorithms / sizeof *algorithms, n_problems = sizeof problems / sizeof *problems;
    const char *names[sizeof problems / sizeof *problems];
    bool found[2] = {false, false};
    for (size_t i = 0; i < n_algorithms; i++)
        found[0] |= clade_bench_chosen(options->algorithm, algorithms[i]);
    for (size_t i = 0; i < n_problems; i++) {
        names[i] = problems[i].name;
        found[1] |= clade_bench_chosen(options->problem, names[i]);
    }
    if (!found[0])
        return clade_unknown_word("algorithm", options->algorithm, algorithms, n_algorithms);
    if (!found[1])
        return clade_unknown_word("problem", options->problem, names, n_problems);
    if (options->seeds > MOST_SEEDS)
        return clade_fail(CLADE_EUSAGE, "--seeds: found %llu, expected at most %d", (unsigned long long)options->seeds,
                          MOST_SEEDS);
    return CLADE_OK;
}

clade_status clade_bench_windows(const clade_bench_options *options)
{
    CLADE_TRY(check_options(options));
    clade_text text = {0};
    clade_json_writer writer = clade_json_writer_to(&text, false);
    bench_case *c = clade_malloc(sizeof *c);
    clade_status status = c ? CLADE_OK : clade_fail_memory(sizeof *c, "a table");
    clade_json_begin_object(&writer, NULL);
    clade_json_begin_array(&writer, "windows");
    for (size_t s = 0; s < sizeof suites / sizeof *suites && status == CLADE_OK; s++)
        status = run_suite(&suites[s], options, c, options->json ? &writer : NULL);
    clade_json_end_array(&writer);
    clade_json_end_object(&writer);
    clade_free(c);
    if (!options->json)
        clade_text_clear(&text);
    else
        clade_text_append(&text, "\n");
    return clade_finish_output(status, &text);
}
