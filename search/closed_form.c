#include "search/closed_form.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"

static const double PI = 3.14159265358979323846;

/* g = 1 + 9 mean(x_2 ..) of ZDT1 to ZDT3. */
static double g_of(const clade_problem_form *form, const double *x)
{
    double sum = 0;
    for (size_t i = 1; i < form->n_genes; i++)
        sum += x[i];
    return 1 + 9 * sum / (double)(form->n_genes - 1);
}

static void zdt1(const clade_problem_form *form, const double *x, double *f)
{
    const double g = g_of(form, x);
    f[0] = x[0];
    f[1] = g * (1 - sqrt(x[0] / g));
}

static void zdt2(const clade_problem_form *form, const double *x, double *f)
{
    const double g = g_of(form, x);
    f[0] = x[0];
    f[1] = g * (1 - x[0] / g * (x[0] / g));
}

static void zdt3(const clade_problem_form *form, const double *x, double *f)
{
    const double g = g_of(form, x), r = x[0] / g;
    f[0] = x[0];
    f[1] = g * (1 - sqrt(r) - r * sin(10 * PI * x[0]));
}

static void zdt4(const clade_problem_form *form, const double *x, double *f)
{
    double g = 1 + 10 * (double)(form->n_genes - 1);
    for (size_t i = 1; i < form->n_genes; i++)
        g += x[i] * x[i] - 10 * cos(4 * PI * x[i]);
    f[0] = x[0];
    f[1] = g * (1 - sqrt(x[0] / g));
}

static void zdt6(const clade_problem_form *form, const double *x, double *f)
{
    const double g = 1 + 9 * pow((g_of(form, x) - 1) / 9, 0.25);
    f[0] = 1 - exp(-4 * x[0]) * pow(sin(6 * PI * x[0]), 6);
    f[1] = g * (1 - f[0] / g * (f[0] / g));
}

static void dtlz2(const clade_problem_form *form, const double *x, double *f)
{
    const size_t m = form->n_objectives;
    double g = 0;
    for (size_t i = m - 1; i < form->n_genes; i++)
        g += (x[i] - 0.5) * (x[i] - 0.5);
    for (size_t i = 0; i < m; i++) {
        f[i] = 1 + g;
        for (size_t j = 0; j + i + 1 < m; j++)
            f[i] *= cos(x[j] * PI / 2);
        if (i > 0)
            f[i] *= sin(x[m - 1 - i] * PI / 2);
    }
}

static void dtlz1(const clade_problem_form *form, const double *x, double *f)
{
    const size_t m = form->n_objectives;
    double g = (double)(form->n_genes - m + 1);
    for (size_t i = m - 1; i < form->n_genes; i++)
        g += (x[i] - 0.5) * (x[i] - 0.5) - cos(20 * PI * (x[i] - 0.5));
    for (size_t i = 0; i < m; i++) {
        f[i] = 0.5 * (1 + 100 * g);
        for (size_t j = 0; j + i + 1 < m; j++)
            f[i] *= x[j];
        if (i > 0)
            f[i] *= 1 - x[m - 1 - i];
    }
}

static void dtlz7(const clade_problem_form *form, const double *x, double *f)
{
    const size_t m = form->n_objectives;
    double sum = 0, h = (double)m;
    for (size_t i = m - 1; i < form->n_genes; i++)
        sum += x[i];
    const double g = 1 + 9 * sum / (double)(form->n_genes - m + 1);
    for (size_t i = 0; i + 1 < m; i++) {
        f[i] = x[i];
        h -= x[i] / (1 + g) * (1 + sin(3 * PI * x[i]));
    }
    f[m - 1] = (1 + g) * h;
}

static void sphere(const clade_problem_form *form, const double *x, double *f)
{
    f[0] = 0;
    for (size_t i = 0; i < form->n_genes; i++)
        f[0] += (x[i] - 0.3) * (x[i] - 0.3);
}

static void ellipsoid(const clade_problem_form *form, const double *x, double *f)
{
    f[0] = 0;
    for (size_t i = 0; i < form->n_genes; i++)
        f[0] += pow(10, 6 * (double)i / (double)(form->n_genes - 1)) * x[i] * x[i];
}

static void rosenbrock(const clade_problem_form *form, const double *x, double *f)
{
    f[0] = 0;
    for (size_t i = 0; i + 1 < form->n_genes; i++) {
        const double rise = x[i + 1] - x[i] * x[i];
        f[0] += 100 * rise * rise + (1 - x[i]) * (1 - x[i]);
    }
}

static void rastrigin(const clade_problem_form *form, const double *x, double *f)
{
    f[0] = 10 * (double)form->n_genes;
    for (size_t i = 0; i < form->n_genes; i++)
        f[0] += x[i] * x[i] - 10 * cos(2 * PI * x[i]);
}

enum { MIX_METHODS = 4, MIX_GENES = 12 };
static const size_t MIX_K[MIX_METHODS] = {4, 6, 8, 12}; /* genes that matter */

static void mixmerge(const clade_problem_form *form, const double *genome, double *f)
{
    static const double p[] = {1, 1.5, 2, 2}, a[] = {0.02, 0.15, 0.08, 0.05}, b[] = {0.20, 0.01, 0.08, 0.04};
    (void)form;
    const size_t m = (size_t)genome[0];
    const double *x = genome + 1, t = x[0];
    double D = 0;
    for (size_t i = 1; i < MIX_K[m]; i++) {
        const double c = 0.5 + 0.3 * sin(1.7 * (double)i + 0.9 * (double)m) + 0.2 * (t - 0.5) * cos((double)i);
        const double z = x[i] - c;
        D += 4 * z * z + 0.05 * (1 - cos(6 * PI * z));
    }
    D /= (double)(MIX_K[m] - 1);
    f[0] = a[m] + (1 - a[m]) * pow(t, p[m]) + D;
    f[1] = b[m] + (1 - b[m]) * pow(1 - t, p[m]) + D;
}

static const clade_problem_form forms[] = {
    {"zdt1", 10, 2, 0, 1, 0, {1.1, 11}, zdt1},
    {"zdt1", 30, 2, 0, 1, 0, {1.1, 11}, zdt1},
    {"zdt2", 30, 2, 0, 1, 0, {1.1, 11}, zdt2},
    {"zdt3", 30, 2, 0, 1, 0, {1.1, 11}, zdt3},
    {"zdt4", 10, 2, -5, 5, 0, {1.1, 300}, zdt4},
    {"zdt4", 30, 2, -5, 5, 0, {1.1, 900}, zdt4},
    {"zdt6", 10, 2, 0, 1, 0, {1.1, 11}, zdt6},
    {"dtlz2m2", 10, 2, 0, 1, 0, {4, 4}, dtlz2},
    {"dtlz2m2", 30, 2, 0, 1, 0, {4, 4}, dtlz2},
    {"dtlz2m3", 12, 3, 0, 1, 0, {4, 4, 4}, dtlz2},
    {"dtlz1m3", 7, 3, 0, 1, 0, {4, 4, 4}, dtlz1},
    {"dtlz7m3", 22, 3, 0, 1, 0, {1.1, 1.1, 34}, dtlz7},
    {"mixmerge", MIX_GENES, 2, 0, 1, MIX_METHODS, {2, 2}, mixmerge},
    {"sphere", 10, 1, 0, 1, 0, {4}, sphere},
    {"ellipsoid", 10, 1, -20, 20, 0, {1e9}, ellipsoid},
    {"rosenbrock", 10, 1, -20, 20, 0, {1e9}, rosenbrock},
    {"rastrigin", 10, 1, -20, 20, 0, {1e4}, rastrigin},
};

const clade_problem_form *clade_problem_forms(size_t *count)
{
    *count = sizeof forms / sizeof *forms;
    return forms;
}

const clade_problem_form *clade_problem_form_find(const char *name, size_t n_genes)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i].name, name) == 0 && forms[i].n_genes == n_genes)
            return &forms[i];
    return NULL;
}

/* Only mixmerge has categories: gene I matters to those methods with K > I. */
static uint64_t active_in(const clade_problem_form *form, size_t gene)
{
    uint64_t mask = 0;
    for (size_t m = 0; m < form->categories; m++)
        mask |= (uint64_t)(gene < MIX_K[m]) << m;
    return form->categories > 0 ? mask : UINT64_MAX;
}

clade_status clade_problem_form_space(const clade_problem_form *form, clade_space *space)
{
    const size_t before = form->categories > 0;
    *space = (clade_space){.n_genes = form->n_genes + before, .has_category = before > 0};
    space->genes = clade_calloc(space->n_genes, sizeof *space->genes);
    if (!space->genes) {
        *space = (clade_space){0};
        return clade_fail_memory((form->n_genes + before) * sizeof *space->genes, "a space");
    }
    bool named = true;
    for (size_t g = 0; g < space->n_genes; g++) {
        char name[32] = "method";
        if (g >= before)
            snprintf(name, sizeof name, "x%zu", g - before);
        clade_gene *gene = &space->genes[g];
        const bool unit = g == before && form->n_objectives > 1;
        *gene = g < before
                    ? (clade_gene){.kind = CLADE_GENE_CATEGORY, .high = (double)form->categories - 1}
                    : (clade_gene){.kind = CLADE_GENE_REAL, .low = unit ? 0 : form->low, .high = unit ? 1 : form->high};
        gene->active_in = g < before ? UINT64_MAX : active_in(form, g - before);
        gene->name = clade_strdup(name);
        named &= gene->name != NULL;
    }
    if (named)
        return CLADE_OK;
    clade_space_fini(space);
    return clade_fail_memory(sizeof(char[32]), "the name of a gene");
}

void clade_problem_form_evaluate(const void *context, const double *genome, double *objectives)
{
    const clade_problem_form *form = context;
    form->evaluate(form, genome, objectives);
}
