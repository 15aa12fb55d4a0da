#include "search/algorithm/parzen.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "clade/alloc.h"

static const double SQRT_HALF = 0.70710678118654752440, SQRT_TWO_PI = 2.50662827463100050242;
/* An observation's kernel adds less than 2e-8 of its height farther away than this many widths. */
static const double FAR = 6;
/* In the least width there may be. */
static const double BINS = 4;

clade_status clade_parzen_init(clade_parzen *parzen, size_t n)
{
    parzen->count = 0;
    parzen->kernels = clade_calloc(n + 1, sizeof *parzen->kernels);
    return parzen->kernels ? CLADE_OK : clade_fail_memory((n + 1) * sizeof *parzen->kernels, "a Parzen estimator");
}

void clade_parzen_fini(clade_parzen *parzen)
{
    clade_free(parzen->kernels);
    memset(parzen, 0, sizeof *parzen);
}

double clade_parzen_clip(double width, size_t n)
{
    const double kernels = (double)n + 2, least = 1 / (kernels < 100 ? kernels : 100);
    return width < least ? least : width > 1 ? 1 : width;
}

void clade_parzen_add(clade_parzen *parzen, double mu, double weight)
{
    parzen->kernels[parzen->count++] = (clade_kernel){.mu = mu, .weight = weight};
}

double clade_normal_mass(double mu, double sigma, double low, double high)
{
    const double a = (low - mu) / sigma, b = (high - mu) / sigma;
    if (a > 0 || b < 0) /* a tail: no difference of numbers near 1 */
        return a > 0 ? 0.5 * (erfc(a * SQRT_HALF) - erfc(b * SQRT_HALF))
                     : 0.5 * (erfc(-b * SQRT_HALF) - erfc(-a * SQRT_HALF));
    /* Beyond 9 widths nothing is left, to the last bit. */
    return 1 - (a > -9 ? 0.5 * erfc(-a * SQRT_HALF) : 0) - (b < 9 ? 0.5 * erfc(b * SQRT_HALF) : 0);
}

/* Returns the place of the prior. */
static size_t insert_prior(clade_parzen *parzen, double mu, double sigma)
{
    size_t at = parzen->count;
    while (at > 0 && parzen->kernels[at - 1].mu > mu)
        at--;
    memmove(parzen->kernels + at + 1, parzen->kernels + at, (parzen->count - at) * sizeof *parzen->kernels);
    parzen->kernels[at] = (clade_kernel){.mu = mu, .sigma = sigma, .weight = 1};
    parzen->count++;
    return at;
}

static double gap_around(const clade_parzen *parzen, size_t i)
{
    const clade_kernel *k = parzen->kernels;
    const double left = i > 0 ? k[i].mu - k[i - 1].mu : 0;
    const double right = i + 1 < parzen->count ? k[i + 1].mu - k[i].mu : 0;
    return left > right ? left : right;
}

/* Neighbours of the least width become one kernel at their mean. Returns the place of the prior. */
static size_t merge_close(clade_parzen *parzen, size_t prior, double least)
{
    clade_kernel *k = parzen->kernels;
    const size_t n = parzen->count;
    size_t kept = 0, place = 0;
    double from = -1; /* the first of those merged into the last kernel; -1: it takes no other */
    for (size_t i = 0; i < n; i++) {
        const bool narrow = i != prior && k[i].sigma <= least;
        if (narrow && from >= 0 && k[i].mu - from < least / BINS) {
            clade_kernel *last = &k[kept - 1];
            last->weight += k[i].weight;
            last->mu += (k[i].mu - last->mu) * k[i].weight / last->weight;
            continue;
        }
        from = narrow ? k[i].mu : -1;
        place = i == prior ? kept : place;
        k[kept++] = k[i];
    }
    parzen->count = kept;
    return place;
}

void clade_parzen_close(clade_parzen *parzen, double prior_mu, double prior_sigma)
{
    const size_t n = parzen->count;
    size_t prior = insert_prior(parzen, prior_mu, prior_sigma);
    for (size_t i = 0; i < parzen->count; i++)
        if (i != prior)
            parzen->kernels[i].sigma = clade_parzen_clip(gap_around(parzen, i), n);
    prior = merge_close(parzen, prior, clade_parzen_clip(0, n));
    double sum = 0;
    for (size_t i = 0; i < parzen->count; i++)
        sum += parzen->kernels[i].weight;
    for (size_t i = 0; i < parzen->count; i++) {
        clade_kernel *k = &parzen->kernels[i];
        k->weight /= sum;
        k->height = k->weight / (k->sigma * SQRT_TWO_PI * clade_normal_mass(k->mu, k->sigma, 0, 1));
        k->falloff = -0.5 / (k->sigma * k->sigma);
        k->reach = FAR * k->sigma;
    }
    parzen->kernels[prior].reach = INFINITY;
}

double clade_parzen_density(const clade_parzen *parzen, double x)
{
    double sum = 0;
    for (size_t i = 0; i < parzen->count; i++) {
        const clade_kernel *k = &parzen->kernels[i];
        const double distance = x - k->mu;
        if (fabs(distance) < k->reach)
            sum += k->height * exp(distance * distance * k->falloff);
    }
    return sum;
}

double clade_parzen_mean_density(const clade_parzen *parzen, double low, double high)
{
    double sum = 0;
    for (size_t i = 0; i < parzen->count; i++) {
        const clade_kernel *k = &parzen->kernels[i];
        sum += k->height * k->sigma * SQRT_TWO_PI * clade_normal_mass(k->mu, k->sigma, low, high);
    }
    return sum / (high - low);
}

/* By rejection: mu lies in [0, 1] and sigma is at most 1 in use, so one of three draws falls inside at the worst. */
double clade_kernel_draw(const clade_kernel *kernel, clade_rng *rng)
{
    for (int attempt = 0; attempt < 64; attempt++) {
        const double x = kernel->mu + kernel->sigma * clade_rng_normal(rng);
        if (x >= 0 && x <= 1)
            return x;
    }
    return clade_rng_uniform(rng);
}

double clade_parzen_draw(const clade_parzen *parzen, clade_rng *rng)
{
    double left = clade_rng_uniform(rng);
    size_t i = 0;
    while (i + 1 < parzen->count && left >= parzen->kernels[i].weight)
        left -= parzen->kernels[i++].weight;
    return clade_kernel_draw(&parzen->kernels[i], rng);
}
