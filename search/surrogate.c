#include "search/surrogate.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/linalg.h"

#include "search/order_statistics.h"

enum { LEAST = 4, FITS_PER_CHOICE = 4 };
static const double SAME_CATEGORY = 0.3; /* of the kernel between methods */
static const double TOP = 3;             /* objectives are cut at the median + TOP (median - least) */
static const double LEAST_DEVIATION = 1e-3;

/* What is tried at every fit. */
static const struct shape {
    double reach; /* 0: quadratic */
    double ridge; /* added to a diagonal of mean 1 */
} shapes[] = {{0, 1e-3}, {0, 1e-2}, {0, 1e-1}, {1, 1e-3}, {1, 1e-2}, {1, 1e-1}, {4, 1e-4}, {4, 1e-2}, {4, 1e-1}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

struct clade_surrogate {
    const clade_space *space;
    size_t m, window, added; /* child added as number c lies at c modulo window */
    size_t d;                /* numbers among the genes */
    size_t *number;          /* (d): which genes */
    double *units;           /* (window, d); NAN where inactive */
    double *categories;      /* (window) */
    double *objectives;      /* (window, m) */
    /* of the last fit */
    size_t n, shape, fits;
    double *mean, *scale;       /* (d): of the numbers */
    double *z;                  /* (n, d): features */
    double *category;           /* (n) */
    double *centre, *deviation; /* (m): of the objectives */
    double *y, *alpha;          /* (m, n): standardised objectives; weights of the children */
    double *products;           /* (n, n) */
    double *gram, *inverse;     /* (n, n) scratch */
    double *sorted, *feature;   /* (window), (d) scratch */
};

static bool is_number(const clade_gene *gene)
{
    return (gene->kind == CLADE_GENE_REAL || gene->kind == CLADE_GENE_INTEGER) && gene->high > gene->low;
}

static clade_status allocate(clade_surrogate *s)
{
    const size_t w = s->window, d = s->d + 1, m = s->m;
    struct {
        double **to;
        size_t count;
    } arrays[] = {{&s->units, w * d},    {&s->categories, w},  {&s->objectives, w * m}, {&s->mean, d},
                  {&s->scale, d},        {&s->z, w * d},       {&s->category, w},       {&s->centre, m},
                  {&s->deviation, m},    {&s->y, m * w},       {&s->alpha, m * w},      {&s->gram, w * w},
                  {&s->products, w * w}, {&s->inverse, w * w}, {&s->sorted, w},         {&s->feature, d}};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i].to = clade_calloc(arrays[i].count, sizeof(double));
        if (!*arrays[i].to)
            return clade_fail_memory(arrays[i].count * sizeof(double), "a surrogate");
    }
    return CLADE_OK;
}

clade_status clade_surrogate_new(const clade_space *space, size_t n_objectives, size_t window, clade_surrogate **out)
{
    clade_surrogate *s = clade_calloc(1, sizeof *s);
    size_t *number = clade_calloc(space->n_genes + 1, sizeof *number);
    if (!s || !number) {
        clade_free(s);
        clade_free(number);
        return clade_fail_memory((space->n_genes + 1) * sizeof *number, "a surrogate");
    }
    *s = (clade_surrogate){.space = space, .m = n_objectives, .window = window, .number = number};
    for (size_t g = 0; g < space->n_genes; g++)
        if (is_number(&space->genes[g]))
            s->number[s->d++] = g;
    const clade_status status = allocate(s);
    if (status != CLADE_OK) {
        clade_surrogate_free(s);
        return status;
    }
    *out = s;
    return CLADE_OK;
}

void clade_surrogate_free(clade_surrogate *s)
{
    if (!s)
        return;
    double *const arrays[] = {s->units,    s->categories, s->objectives, s->mean,   s->scale, s->z,
                              s->category, s->centre,     s->deviation,  s->y,      s->alpha, s->gram,
                              s->products, s->inverse,    s->sorted,     s->feature};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        clade_free(arrays[i]);
    clade_free(s->number);
    clade_free(s);
}

/* The numbers of GENOME in unit scale, NAN where inactive. */
static void to_units(const clade_surrogate *s, const double *genome, double *units)
{
    for (size_t i = 0; i < s->d; i++) {
        const size_t g = s->number[i];
        units[i] = clade_gene_active(s->space, genome, g) ? clade_gene_to_unit(&s->space->genes[g], genome[g]) : NAN;
    }
}

void clade_surrogate_add(clade_surrogate *s, const double *genome, const double *objectives)
{
    const size_t at = s->added++ % s->window;
    to_units(s, genome, s->units + at * s->d);
    s->categories[at] = s->space->has_category ? genome[0] : 0;
    memcpy(s->objectives + at * s->m, objectives, s->m * sizeof *objectives);
}

/* ---- features and targets ---- */

/* Features out of units; an inactive gene is average. */
static void to_features(const clade_surrogate *s, const double *units, double *z)
{
    for (size_t i = 0; i < s->d; i++)
        z[i] = isnan(units[i]) ? 0 : (units[i] - s->mean[i]) / s->scale[i];
}

/* False when no gene differs. */
static bool make_features(clade_surrogate *s)
{
    bool differs = false;
    for (size_t i = 0; i < s->d; i++) {
        double count = 0, mean = 0, squares = 0;
        for (size_t c = 0; c < s->n; c++) {
            const double x = s->units[c * s->d + i], off = x - mean;
            if (isnan(x))
                continue;
            count += 1;
            mean += off / count;
            squares += off * (x - mean);
        }
        const double deviation = count > 0 ? sqrt(squares / count) : 0;
        s->mean[i] = mean;
        s->scale[i] = fmax(deviation, LEAST_DEVIATION);
        differs = differs || deviation > 0;
    }
    for (size_t c = 0; c < s->n; c++)
        to_features(s, s->units + c * s->d, s->z + c * s->d);
    memcpy(s->category, s->categories, s->n * sizeof *s->category);
    return differs;
}

/* Objective K of all children, cut at the top, mean 0 and deviation 1. */
static void make_target(clade_surrogate *s, size_t k)
{
    double *y = s->y + k * s->n, mean = 0, squares = 0;
    for (size_t c = 0; c < s->n; c++)
        s->sorted[c] = s->objectives[c * s->m + k];
    clade_sort_numbers(s->sorted, s->n);
    const double median = s->sorted[s->n / 2], top = median + TOP * (median - s->sorted[0]);
    for (size_t c = 0; c < s->n; c++) {
        y[c] = fmin(s->objectives[c * s->m + k], top);
        mean += y[c] / (double)s->n;
    }
    for (size_t c = 0; c < s->n; c++)
        squares += (y[c] - mean) * (y[c] - mean) / (double)s->n;
    s->centre[k] = mean;
    s->deviation[k] = squares > 0 ? sqrt(squares) : 1;
    for (size_t c = 0; c < s->n; c++)
        y[c] = (y[c] - mean) / s->deviation[k];
}

/* ---- kernel ridge ---- */

/* The kernel of two children out of the product of their features and the square of their distance. A quarter: 1 for a
 * typical child with itself. */
static double kernel(const clade_surrogate *s, const struct shape *shape, double product, double square,
                     bool other_category)
{
    const double share = other_category ? SAME_CATEGORY : 1, d = (double)s->d, linear = 1 + product / d;
    return share * (shape->reach > 0 ? exp(-square / (2 * shape->reach * d)) : 0.25 * linear * linear);
}

static bool differ(double category_a, double category_b)
{
    return category_a < category_b || category_a > category_b;
}

/* Products of the features of all pairs: what every kernel is made of. */
static void make_products(clade_surrogate *s)
{
    clade_gemm_f64(false, true, s->n, s->n, s->d, 1, s->z, s->z, 0, s->products);
}

static double pair(const clade_surrogate *s, const struct shape *shape, size_t i, size_t j)
{
    const double *p = s->products, product = p[i * s->n + j];
    const double square = fmax(0, p[i * s->n + i] + p[j * s->n + j] - 2 * product);
    return kernel(s, shape, product, square, differ(s->category[i], s->category[j]));
}

/* Gram matrix of the shape, factored; its inverse. False when it is not positive. */
static bool factor(clade_surrogate *s, const struct shape *shape)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j <= i; j++)
            s->gram[i * s->n + j] = pair(s, shape, i, j) + (i == j ? shape->ridge : 0);
    if (clade_cholesky(s->n, s->gram) != 0)
        return false;
    memset(s->inverse, 0, s->n * s->n * sizeof *s->inverse);
    for (size_t i = 0; i < s->n; i++)
        s->inverse[i * s->n + i] = 1;
    clade_cholesky_solve(s->n, s->gram, s->n, s->inverse);
    return true;
}

/* Weights of the shape for all objectives, and the mean squared error of leaving one out (Rasmussen & Williams, 5.12):
 * alpha_i / inverse_ii. */
static double solve(clade_surrogate *s)
{
    double error = 0;
    memcpy(s->alpha, s->y, s->m * s->n * sizeof *s->y);
    clade_cholesky_solve(s->n, s->gram, s->m, s->alpha);
    for (size_t k = 0; k < s->m; k++)
        for (size_t i = 0; i < s->n; i++) {
            const double miss = s->alpha[k * s->n + i] / s->inverse[i * s->n + i];
            error += miss * miss;
        }
    return error;
}

/* The shape with the least error; SHAPES when there is none. */
static size_t choose_shape(clade_surrogate *s)
{
    double least = INFINITY;
    size_t best = SHAPES;
    for (size_t i = 0; i < SHAPES; i++) {
        const double error = factor(s, &shapes[i]) ? solve(s) : INFINITY;
        if (error < least) {
            least = error;
            best = i;
        }
    }
    return best;
}

bool clade_surrogate_fit(clade_surrogate *s)
{
    s->n = s->added < s->window ? s->added : s->window;
    if (s->n < LEAST || !make_features(s))
        return false;
    for (size_t k = 0; k < s->m; k++)
        make_target(s, k);
    make_products(s);
    if (s->fits++ % FITS_PER_CHOICE == 0)
        s->shape = choose_shape(s);
    if (s->shape == SHAPES || !factor(s, &shapes[s->shape]))
        return false;
    (void)solve(s);
    return true;
}

void clade_surrogate_predict(const clade_surrogate *s, const double *genome, double *predicted)
{
    const double category = s->space->has_category ? genome[0] : 0;
    to_units(s, genome, s->feature);
    to_features(s, s->feature, s->feature);
    memset(predicted, 0, s->m * sizeof *predicted);
    for (size_t c = 0; c < s->n; c++) {
        double product = 0, square = 0;
        for (size_t i = 0; i < s->d; i++) {
            const double a = s->feature[i], b = s->z[c * s->d + i];
            product += a * b;
            square += (a - b) * (a - b);
        }
        const double near = kernel(s, &shapes[s->shape], product, square, differ(category, s->category[c]));
        for (size_t k = 0; k < s->m; k++)
            predicted[k] += near * s->alpha[k * s->n + c];
    }
    for (size_t k = 0; k < s->m; k++)
        predicted[k] = s->centre[k] + s->deviation[k] * predicted[k];
}

/* ---- rank correlation ---- */

/* Twice the middle rank of A[i], from 0. */
static double rank_of(const double *a, size_t n, size_t i)
{
    double below = 0, equal = 0;
    for (size_t j = 0; j < n; j++) {
        below += a[j] < a[i] ? 1 : 0;
        equal += j != i && !(a[j] < a[i]) && !(a[j] > a[i]) ? 1 : 0;
    }
    return 2 * below + equal;
}

double clade_rank_correlation(const double *a, const double *b, size_t n)
{
    const double middle = n > 0 ? (double)(n - 1) : 0; /* mean of the doubled ranks */
    double aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = rank_of(a, n, i) - middle, y = rank_of(b, n, i) - middle;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}
