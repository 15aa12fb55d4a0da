#include "search/algorithm/cma_distribution.h"

#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/linalg.h"

size_t clade_cma_default_lambda(size_t n)
{
    return 4 + (size_t)(3 * log((double)n));
}

/* Equations 49 to 53 of the tutorial: the positive ones sum to 1, the negative ones to the least of three bounds, which
 * keep the decay of C near c_1 + c_mu, match the variance of the other half, and keep C positive definite. */
static void set_weights(size_t n, size_t lambda, clade_cma_constants *k, double *w)
{
    double positive = 0, negative = 0, negative_squares = 0;
    for (size_t i = 0; i < lambda; i++) {
        w[i] = log(((double)lambda + 1) / 2) - log((double)i + 1);
        positive += w[i] > 0 ? w[i] : 0;
        negative -= w[i] < 0 ? w[i] : 0;
        negative_squares += w[i] < 0 ? w[i] * w[i] : 0;
    }
    const double negative_mu_eff = negative * negative / negative_squares;
    const double by_decay = 1 + k->c_1 / k->c_mu, by_variance = 1 + 2 * negative_mu_eff / (k->mu_eff + 2);
    const double by_definite = (1 - k->c_1 - k->c_mu) / ((double)n * k->c_mu);
    const double total = fmin(by_decay, fmin(by_variance, by_definite));
    for (size_t i = 0; i < lambda; i++)
        w[i] = w[i] < 0 ? w[i] * total / negative : w[i] / positive;
}

/* The rates of rank-one and rank-mu update for a full C (equations 57 and 58 with pycma's 1/4) and for its diagonal,
 * which has n degrees of freedom instead of n (n + 1) / 2. */
static void set_rates(double n, double lambda, bool separable, clade_cma_constants *k)
{
    const double mu_eff = k->mu_eff, gain = 0.25 + mu_eff - 2 + 1 / mu_eff;
    if (separable) {
        k->c_1 = fmin(1, lambda / 6) / (n + 2 * sqrt(n) + mu_eff / n);
        k->c_mu = fmin(1 - k->c_1, gain / (n + 4 * sqrt(n) + mu_eff / 2));
    } else {
        k->c_1 = fmin(1, lambda / 6) * 2 / ((n + 1.3) * (n + 1.3) + mu_eff);
        k->c_mu = fmin(1 - k->c_1, 2 * gain / ((n + 2) * (n + 2) + mu_eff));
    }
}

clade_cma_constants clade_cma_constants_of(size_t n_dimensions, size_t lambda, bool separable, double *w)
{
    const double n = (double)n_dimensions;
    clade_cma_constants k = {.mu = lambda / 2};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < k.mu; i++) {
        const double raw = log(((double)lambda + 1) / 2) - log((double)i + 1);
        sum += raw;
        squares += raw * raw;
    }
    k.mu_eff = sum * sum / squares;
    k.c_sigma = fmin(0.5, (k.mu_eff + 2) / (n + k.mu_eff + 3));
    k.d_sigma = 1 + 2 * fmax(0, sqrt((k.mu_eff - 1) / (n + 1)) - 1) + k.c_sigma;
    k.c_c = (4 + k.mu_eff / n) / (n + 4 + 2 * k.mu_eff / n);
    k.chi_n = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    set_rates(n, (double)lambda, separable, &k);
    set_weights(n_dimensions, lambda, &k, w);
    return k;
}

clade_status clade_cma_init(clade_cma *cma, size_t n, size_t lambda, bool separable)
{
    const size_t square = separable ? n : n * n;
    cma->n = n;
    cma->lambda = lambda;
    cma->separable = separable;
    cma->sigma = 1;
    cma->w = clade_calloc(lambda, sizeof *cma->w);
    cma->m = clade_calloc(n, sizeof *cma->m);
    cma->p_sigma = clade_calloc(n, sizeof *cma->p_sigma);
    cma->p_c = clade_calloc(n, sizeof *cma->p_c);
    cma->C = clade_calloc(square, sizeof *cma->C);
    cma->B = separable ? NULL : clade_calloc(square, sizeof *cma->B);
    cma->D = clade_calloc(n, sizeof *cma->D);
    cma->scratch = clade_calloc(2 * n, sizeof *cma->scratch);
    cma->work = separable ? NULL : clade_calloc(1, clade_symmetric_eigen_bytes(n));
    if (!cma->w || !cma->m || !cma->p_sigma || !cma->p_c || !cma->C || !cma->D || !cma->scratch ||
        (!separable && (!cma->B || !cma->work))) {
        clade_cma_fini(cma);
        return clade_fail_memory((2 * square + lambda + 7 * n) * sizeof(double), "a distribution of CMA-ES");
    }
    cma->k = clade_cma_constants_of(n, lambda, separable, cma->w);
    for (size_t i = 0; i < n; i++) {
        cma->C[separable ? i : i * n + i] = 1;
        cma->D[i] = 1;
        if (!separable)
            cma->B[i * n + i] = 1;
    }
    return CLADE_OK;
}

void clade_cma_fini(clade_cma *cma)
{
    clade_free(cma->w);
    clade_free(cma->m);
    clade_free(cma->p_sigma);
    clade_free(cma->p_c);
    clade_free(cma->C);
    clade_free(cma->B);
    clade_free(cma->D);
    clade_free(cma->scratch);
    clade_free(cma->work);
    memset(cma, 0, sizeof *cma);
}

void clade_cma_sample(const clade_cma *cma, clade_rng *rng, double *x)
{
    memcpy(x, cma->m, cma->n * sizeof *x);
    for (size_t j = 0; j < cma->n; j++) {
        const double length = cma->sigma * cma->D[j] * clade_rng_normal(rng);
        if (cma->separable) {
            x[j] += length;
            continue;
        }
        for (size_t i = 0; i < cma->n; i++)
            x[i] += length * cma->B[j * cma->n + i];
    }
}

/* OUT = C^(-1/2) Y = B D^-1 Bt Y. */
static void whiten(const clade_cma *cma, const double *y, double *out)
{
    const size_t n = cma->n;
    for (size_t i = 0; cma->separable && i < n; i++)
        out[i] = y[i] / cma->D[i];
    if (cma->separable)
        return;
    memset(out, 0, n * sizeof *out);
    for (size_t j = 0; j < n; j++) {
        double along = 0;
        for (size_t i = 0; i < n; i++)
            along += cma->B[j * n + i] * y[i];
        along /= cma->D[j];
        for (size_t i = 0; i < n; i++)
            out[i] += along * cma->B[j * n + i];
    }
}

static double length_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

/* Cut step Y to the longest; returns its length in the metric of C. Z is scratch. */
static double cut(const clade_cma *cma, double *y, double *z)
{
    const double n = (double)cma->n, longest = sqrt(n) + 2 * n / (n + 2);
    whiten(cma, y, z);
    const double length = length_of(z, cma->n);
    for (size_t i = 0; length > longest && i < cma->n; i++)
        y[i] *= longest / length;
    return length > longest ? longest : length;
}

/* C = KEEP C + ADD y yt. */
static void add_outer(clade_cma *cma, double keep, double add, const double *y)
{
    for (size_t i = 0; i < cma->n; i++) {
        if (cma->separable)
            cma->C[i] = keep * cma->C[i] + add * y[i] * y[i];
        for (size_t j = 0; !cma->separable && j <= i; j++)
            cma->C[i * cma->n + j] = keep * cma->C[i * cma->n + j] + add * y[i] * y[j];
    }
}

/* Of C; rounding may have made the least eigenvalues zero or negative, which get the least that is sound. */
static clade_status decompose(clade_cma *cma)
{
    static const double LEAST = 1e-15; /* of the largest eigenvalue */
    const size_t n = cma->n;
    double largest = 0;
    if (cma->separable) {
        memcpy(cma->D, cma->C, n * sizeof *cma->D);
    } else {
        memcpy(cma->B, cma->C, n * n * sizeof *cma->B);
        CLADE_TRY(clade_symmetric_eigen(n, cma->B, cma->D, cma->work));
    }
    for (size_t i = 0; i < n; i++)
        largest = cma->D[i] > largest ? cma->D[i] : largest;
    for (size_t i = 0; i < n; i++)
        cma->D[i] = sqrt(cma->D[i] > LEAST * largest ? cma->D[i] : LEAST * largest);
    cma->decomposed = cma->generation;
    return CLADE_OK;
}

/* A decomposition is O(n^3): after so many generations that it costs O(n^2) in each, and C has hardly changed. */
static bool decomposition_is_old(const clade_cma *cma)
{
    const double age = (double)(cma->generation - cma->decomposed);
    return cma->separable || age > 0.1 / ((cma->k.c_1 + cma->k.c_mu) * (double)cma->n);
}

/* Equations 43, 44 and 45: the paths and sigma; returns h_sigma. MEAN_STEP is <y>_w, Z scratch. */
static bool follow(clade_cma *cma, const double *mean_step, double *z)
{
    const clade_cma_constants *k = &cma->k;
    const double n = (double)cma->n;
    whiten(cma, mean_step, z);
    for (size_t i = 0; i < cma->n; i++)
        cma->p_sigma[i] = (1 - k->c_sigma) * cma->p_sigma[i] + sqrt(k->c_sigma * (2 - k->c_sigma) * k->mu_eff) * z[i];
    const double length = length_of(cma->p_sigma, cma->n);
    const double unbiased = length / sqrt(1 - pow(1 - k->c_sigma, 2 * (double)(cma->generation + 1)));
    const bool h_sigma = unbiased < (1.4 + 2 / (n + 1)) * k->chi_n;
    cma->sigma *= exp(fmin(1, k->c_sigma / k->d_sigma * (length / k->chi_n - 1)));
    for (size_t i = 0; i < cma->n; i++)
        cma->p_c[i] =
            (1 - k->c_c) * cma->p_c[i] + (h_sigma ? sqrt(k->c_c * (2 - k->c_c) * k->mu_eff) * mean_step[i] : 0);
    return h_sigma;
}

clade_status clade_cma_update(clade_cma *cma, double *steps)
{
    const size_t n = cma->n;
    const clade_cma_constants *k = &cma->k;
    double *mean_step = cma->scratch, *z = mean_step + n;
    double sum = 0, *w = cma->w;
    memset(mean_step, 0, n * sizeof *mean_step);
    for (size_t i = 0; i < cma->lambda; i++) {
        double *y = steps + i * n;
        const double length = cut(cma, y, z);
        for (size_t j = 0; w[i] > 0 && j < n; j++)
            mean_step[j] += w[i] * y[j];
        /* Equation 46: a negative weight works on the step scaled to length sqrt(n). */
        const double scale = length > 0 ? sqrt((double)n) / length : 0;
        for (size_t j = 0; w[i] < 0 && j < n; j++)
            y[j] *= scale;
        sum += w[i];
    }
    for (size_t j = 0; j < n; j++)
        cma->m[j] += cma->sigma * mean_step[j];
    const bool h_sigma = follow(cma, mean_step, z);
    const double stalled = h_sigma ? 0 : k->c_c * (2 - k->c_c);
    add_outer(cma, 1 + k->c_1 * stalled - k->c_1 - k->c_mu * sum, k->c_1, cma->p_c);
    for (size_t i = 0; i < cma->lambda; i++)
        add_outer(cma, 1, k->c_mu * w[i], steps + i * n);
    cma->generation++;
    return decomposition_is_old(cma) ? decompose(cma) : CLADE_OK;
}

void clade_cma_raise(clade_cma *cma, size_t i, double least)
{
    double *variance = &cma->C[cma->separable ? i : i * cma->n + i];
    const double wanted = least / cma->sigma * (least / cma->sigma);
    if (*variance < wanted)
        *variance = wanted;
}

double clade_cma_deviation(const clade_cma *cma, size_t i)
{
    return cma->sigma * sqrt(cma->C[cma->separable ? i : i * cma->n + i]);
}

double clade_cma_condition(const clade_cma *cma)
{
    double least = cma->D[0], largest = cma->D[0];
    for (size_t i = 1; i < cma->n; i++) {
        least = cma->D[i] < least ? cma->D[i] : least;
        largest = cma->D[i] > largest ? cma->D[i] : largest;
    }
    return largest / least * (largest / least);
}
