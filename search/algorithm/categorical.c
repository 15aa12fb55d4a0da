#include "search/algorithm/categorical.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"

static const double ALPHA = 1.5;        /* of ASNG: how much the steps must agree for delta to grow */
static const double LEAST_NORM = 1e-12; /* of a gradient that says something */
/* The paper begins with 1: then the few selected of a first generation settle the category. Measured in a space of three
 * categories, one far better: of 40 runs of 600 children 12 ended in another with 1, 1 with 3. */
static const double FIRST_TRUST = 3;
static const double LARGEST_TRUST = 1e3; /* so that a step can grow back within a run */

double clade_categorical_floor(double margin, size_t n_discrete, size_t n_classes)
{
    return n_classes > 1 ? (1 - pow(1 - margin, 1 / (double)n_discrete)) / (double)(n_classes - 1) : 0;
}

clade_status clade_categorical_init(clade_categorical *c, size_t n, double floor)
{
    c->n = n;
    c->floor = fmin(floor, 1 / (double)n);
    c->q = clade_calloc(n, sizeof *c->q);
    c->s = clade_calloc(n, sizeof *c->s);
    if (!c->q || !c->s) {
        clade_categorical_fini(c);
        return clade_fail_memory(2 * n * sizeof *c->q, "a categorical distribution");
    }
    clade_categorical_reset(c, 0, 0);
    return CLADE_OK;
}

void clade_categorical_fini(clade_categorical *c)
{
    clade_free(c->q);
    clade_free(c->s);
    memset(c, 0, sizeof *c);
}

void clade_categorical_reset(clade_categorical *c, size_t class, double share)
{
    for (size_t k = 0; k < c->n; k++) {
        c->q[k] = (1 - share) / (double)c->n + (k == class ? share : 0);
        c->s[k] = 0;
    }
    c->gamma = 0;
    c->trust = FIRST_TRUST;
}

void clade_categorical_copy(clade_categorical *to, const clade_categorical *from)
{
    memcpy(to->q, from->q, from->n * sizeof *to->q);
    memcpy(to->s, from->s, from->n * sizeof *to->s);
    to->gamma = from->gamma;
    to->trust = from->trust;
}

size_t clade_categorical_sample(const clade_categorical *c, clade_rng *rng)
{
    double u = clade_rng_uniform(rng);
    size_t class = 0;
    while (class + 1 < c->n && u >= c->q[class])
        u -= c->q[class ++];
    return class;
}

size_t clade_categorical_mode(const clade_categorical *c)
{
    size_t mode = 0;
    for (size_t k = 1; k < c->n; k++)
        if (c->q[k] > c->q[mode])
            mode = k;
    return mode;
}

/* Classes below the floor come up to it; the others pay in proportion to what they have above it. */
static void apply_floor(clade_categorical *c)
{
    double sum = 0, above = 0;
    for (size_t k = 0; k < c->n; k++) {
        c->q[k] = fmax(c->q[k], c->floor);
        sum += c->q[k];
        above += c->q[k] - c->floor;
    }
    for (size_t k = 0; k < c->n && above > 0; k++)
        c->q[k] += (1 - sum) * (c->q[k] - c->floor) / above;
}

void clade_categorical_learn(clade_categorical *c, const double *weight)
{
    double total = 0, squares = 0, length = 0;
    for (size_t k = 0; k < c->n; k++)
        total += weight[k];
    for (size_t k = 0; k < c->n; k++) {
        const double gradient = weight[k] - c->q[k] * total;
        squares += gradient * gradient / fmax(c->q[k], LEAST_NORM);
    }
    const double norm = sqrt(squares), delta = 1 / c->trust;
    if (c->n < 2 || norm < LEAST_NORM)
        return;
    const double beta = delta / sqrt((double)(c->n - 1));
    for (size_t k = 0; k < c->n; k++) {
        const double direction = (weight[k] - c->q[k] * total) / norm;
        c->s[k] = (1 - beta) * c->s[k] + sqrt(beta * (2 - beta)) * direction / sqrt(fmax(c->q[k], LEAST_NORM));
        length += c->s[k] * c->s[k];
        c->q[k] += delta * direction;
    }
    c->gamma = (1 - beta) * (1 - beta) * c->gamma + beta * (2 - beta);
    c->trust = fmin(fmax(c->trust * exp(beta * (c->gamma - length / ALPHA)), 1), LARGEST_TRUST);
    apply_floor(c);
}
