#include "search/item_response.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"

enum { ROUNDS = 12, STEPS = 2 };
static const double MEAN_A = 1, DEVIATION_A = 0.5, DEVIATION_AB = 3; /* of the priors */
static const double LONGEST = 1;                                     /* step of Newton's method in one coordinate */

/* In the slope and intercept of the logit, a theta + c with c = -a b, the likelihood is concave. */
typedef struct answers {
    const uint8_t *const *correct, *const *seen;
    size_t n_children, n_items;
    double *theta; /* (n_children) */
    double *a, *c; /* (n_items) */
} answers;

static bool bit(const uint8_t *bits, size_t i)
{
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

static bool answered(const answers *x, size_t child, size_t item)
{
    return !x->seen || !x->seen[child] || bit(x->seen[child], item);
}

static double sigmoid(double logit)
{
    return 1 / (1 + exp(-logit));
}

static double cut(double step)
{
    return fmin(LONGEST, fmax(-LONGEST, step));
}

/* One Newton step for the ability of CHILD; prior N(0, 1). */
static void step_child(answers *x, size_t child)
{
    double gradient = -x->theta[child], curvature = 1;
    for (size_t j = 0; j < x->n_items; j++) {
        if (!answered(x, child, j))
            continue;
        const double p = sigmoid(x->a[j] * x->theta[child] + x->c[j]);
        gradient += x->a[j] * ((bit(x->correct[child], j) ? 1 : 0) - p);
        curvature += x->a[j] * x->a[j] * p * (1 - p);
    }
    x->theta[child] += cut(gradient / curvature);
}

/* One Newton step for slope and intercept of ITEM. */
static void step_item(answers *x, size_t item)
{
    const double weight_a = 1 / (DEVIATION_A * DEVIATION_A), weight_c = 1 / (DEVIATION_AB * DEVIATION_AB);
    double *a = &x->a[item], *c = &x->c[item];
    double ga = -(*a - MEAN_A) * weight_a, gc = -*c * weight_c, haa = weight_a, hac = 0, hcc = weight_c;
    for (size_t i = 0; i < x->n_children; i++) {
        if (!answered(x, i, item))
            continue;
        const double theta = x->theta[i], p = sigmoid(*a * theta + *c), w = p * (1 - p),
                     miss = (bit(x->correct[i], item) ? 1 : 0) - p;
        ga += miss * theta;
        gc += miss;
        haa += w * theta * theta;
        hac += w * theta;
        hcc += w;
    }
    const double determinant = haa * hcc - hac * hac; /* > 0: the priors are in it */
    *a += cut((hcc * ga - hac * gc) / determinant);
    *c += cut((haa * gc - hac * ga) / determinant);
}

/* Mean 0 and deviation 1; the logits stay as they are. */
static void standardise(answers *x)
{
    const double n = (double)x->n_children;
    double mean = 0, squares = 0;
    for (size_t i = 0; i < x->n_children; i++)
        mean += x->theta[i] / n;
    for (size_t i = 0; i < x->n_children; i++)
        squares += (x->theta[i] - mean) * (x->theta[i] - mean) / n;
    const double deviation = squares > 0 ? sqrt(squares) : 1;
    for (size_t i = 0; i < x->n_children; i++)
        x->theta[i] = (x->theta[i] - mean) / deviation;
    for (size_t j = 0; j < x->n_items; j++) {
        x->c[j] += x->a[j] * mean;
        x->a[j] *= deviation;
    }
}

/* The first ability of a child: the logit of its share of right answers. */
static void begin(answers *x)
{
    for (size_t i = 0; i < x->n_children; i++) {
        double right = 0.5, all = 1;
        for (size_t j = 0; j < x->n_items; j++) {
            right += answered(x, i, j) && bit(x->correct[i], j) ? 1 : 0;
            all += answered(x, i, j) ? 1 : 0;
        }
        x->theta[i] = log(right / (all - right));
    }
    for (size_t j = 0; j < x->n_items; j++)
        x->a[j] = MEAN_A;
    standardise(x);
    for (size_t j = 0; j < x->n_items; j++) {
        x->a[j] = MEAN_A;
        x->c[j] = 0;
    }
}

static void alternate(answers *x)
{
    begin(x);
    for (int round = 0; round < ROUNDS; round++) {
        for (int step = 0; step < STEPS; step++)
            for (size_t j = 0; j < x->n_items; j++)
                step_item(x, j);
        for (int step = 0; step < STEPS; step++)
            for (size_t i = 0; i < x->n_children; i++)
                step_child(x, i);
        standardise(x);
    }
}

/* All who answered ITEM are right, or all wrong. */
static bool all_alike(const answers *x, size_t item)
{
    size_t right = 0, all = 0;
    for (size_t i = 0; i < x->n_children; i++) {
        if (!answered(x, i, item))
            continue;
        right += bit(x->correct[i], item);
        all++;
    }
    return right == 0 || right == all;
}

clade_status clade_item_response_fit(const uint8_t *const *correct, const uint8_t *const *seen, size_t n_children,
                                     size_t n_items, clade_item_response *fit)
{
    *fit = (clade_item_response){.n_items = n_items, .n_children = n_children};
    fit->a = clade_calloc(n_items, sizeof *fit->a);
    fit->b = clade_calloc(n_items, sizeof *fit->b);
    fit->theta = clade_calloc(n_children, sizeof *fit->theta);
    double *intercept = clade_calloc(n_items, sizeof *intercept);
    if (!fit->a || !fit->b || !fit->theta || !intercept) {
        clade_item_response_fini(fit);
        clade_free(intercept);
        return clade_fail_memory((3 * n_items + n_children) * sizeof(double), "an item response model");
    }
    answers x = {correct, seen, n_children, n_items, fit->theta, fit->a, intercept};
    alternate(&x);
    for (size_t j = 0; j < n_items; j++) {
        if (all_alike(&x, j))
            fit->a[j] = 0;
        fit->b[j] = fit->a[j] > 0 ? -intercept[j] / fit->a[j] : 0;
    }
    clade_free(intercept);
    return CLADE_OK;
}

void clade_item_response_fini(clade_item_response *fit)
{
    clade_free(fit->a);
    clade_free(fit->b);
    clade_free(fit->theta);
    *fit = (clade_item_response){0};
}

/* ---- order ---- */

void clade_item_information(const clade_item_response *fit, double ability, double *out)
{
    for (size_t j = 0; j < fit->n_items; j++) {
        const double a = fit->a[j] > 0 ? fit->a[j] : 0, p = sigmoid(a * (ability - fit->b[j]));
        out[j] = a * a * p * (1 - p);
    }
}

typedef struct ranked {
    double information;
    size_t item;
} ranked;

static int more_first(const void *left, const void *right)
{
    const ranked *a = left, *b = right;
    if (a->information > b->information || a->information < b->information)
        return a->information > b->information ? -1 : 1;
    return (a->item > b->item) - (a->item < b->item);
}

/* The group that most lacks items for its share SIZE / n of the first COUNT; ties: the lower one. */
static size_t next_group(const size_t *size, const size_t *taken, size_t n_groups, size_t n, size_t count)
{
    size_t next = SIZE_MAX;
    double most = -INFINITY;
    for (size_t g = 0; g < n_groups; g++) {
        const double lack = (double)size[g] * (double)count / (double)n - (double)taken[g];
        if (taken[g] < size[g] && lack > most) {
            most = lack;
            next = g;
        }
    }
    return next;
}

clade_status clade_item_order(const double *information, const size_t *groups, size_t n, size_t *order)
{
    size_t n_groups = 1;
    for (size_t i = 0; i < n && groups; i++)
        n_groups = groups[i] >= n_groups ? groups[i] + 1 : n_groups;
    ranked *items = clade_calloc(n + 1, sizeof *items);
    size_t *counts = clade_calloc(3 * n_groups, sizeof *counts), *size = counts, *taken = counts + n_groups,
           *place = counts + 2 * n_groups; /* of each group: its size, items in ORDER, where to look on in ITEMS */
    if (!items || !counts) {
        clade_free(items);
        clade_free(counts);
        return clade_fail_memory((n + 1) * sizeof *items, "an order of items");
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = (ranked){information[i], i};
        size[groups ? groups[i] : 0]++;
    }
    qsort(items, n, sizeof *items, more_first);
    for (size_t i = 0; i < n; i++) {
        const size_t g = next_group(size, taken, n_groups, n, i + 1);
        while (groups && groups[items[place[g]].item] != g)
            place[g]++;
        order[i] = items[place[g]++].item;
        taken[g]++;
    }
    clade_free(items);
    clade_free(counts);
    return CLADE_OK;
}

clade_status clade_item_response_order(const clade_item_response *fit, double ability, const size_t *place,
                                       size_t n_places, const size_t *groups, size_t *order)
{
    double *information = clade_calloc(fit->n_items + n_places + 1, sizeof *information), *sum;
    if (!information)
        return clade_fail_memory((fit->n_items + n_places) * sizeof *information, "the information of items");
    sum = information + fit->n_items;
    clade_item_information(fit, ability, information);
    for (size_t j = 0; j < fit->n_items; j++)
        if (place[j] < n_places)
            sum[place[j]] += information[j];
    const clade_status status = clade_item_order(sum, groups, n_places, order);
    clade_free(information);
    return status;
}
