#include "clade/prediction_powered.h"

#include <math.h>

static const clade_ppi unknown = {
    .theta = NAN, .variance = NAN, .labelled = NAN, .lambda = NAN, .low = NAN, .high = NAN, .saved = NAN};

/* z with P(|Z| > z) = ALPHA for a standard normal Z, by halving: erfc falls. */
static double two_sided_quantile(double alpha)
{
    double low = 0.0, high = 40.0;
    for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + high);
        *(erfc(middle / sqrt(2.0)) > alpha ? &low : &high) = middle;
    }
    return 0.5 * (low + high);
}

/* Variance of f over labelled and unlabelled items together, divisor n + N. */
static double pooled_variance(const clade_ppi_sample *s)
{
    const double n = (double)s->n, N = (double)s->unlabelled, gap = s->f - s->unlabelled_f;
    return (n * s->f_variance + N * s->unlabelled_f_variance + n * N / (n + N) * gap * gap) / (n + N);
}

static double best_lambda(const clade_ppi_sample *s)
{
    const double n = (double)s->n, N = (double)s->unlabelled, spread = pooled_variance(s);
    if (!(spread > 0.0))
        return 0.0;
    /* Divisors n - 1 and n + N - 1: unbiased estimates of both. */
    const double covariance = s->covariance * n / (n - 1.0), variance = spread * (n + N) / (n + N - 1.0);
    return fmin(1.0, fmax(0.0, covariance / ((1.0 + n / N) * variance)));
}

static void set_interval(clade_ppi *ppi, double alpha)
{
    const double half = two_sided_quantile(alpha) * sqrt(ppi->variance);
    ppi->low = ppi->theta - half;
    ppi->high = ppi->theta + half;
    ppi->saved = ppi->labelled > 0.0 ? 1.0 - ppi->variance / ppi->labelled : 0.0;
}

clade_ppi clade_ppi_mean(const clade_ppi_sample *s, double lambda, double alpha)
{
    const double n = (double)s->n, N = (double)s->unlabelled;
    if (s->n < 2 || isnan(s->y) || isnan(s->y_variance))
        return unknown;
    clade_ppi ppi = {.theta = s->y, .labelled = s->y_variance / (n - 1.0)};
    ppi.variance = ppi.labelled;
    if (s->unlabelled >= 2) {
        if (isnan(s->f + s->f_variance + s->covariance + s->unlabelled_f + s->unlabelled_f_variance))
            return unknown;
        ppi.lambda = isnan(lambda) ? best_lambda(s) : lambda;
        ppi.theta += ppi.lambda * (s->unlabelled_f - s->f);
        const double residual =
            s->y_variance - 2.0 * ppi.lambda * s->covariance + ppi.lambda * ppi.lambda * s->f_variance;
        ppi.variance = fmax(0.0, residual) / (n - 1.0) + ppi.lambda * ppi.lambda * s->unlabelled_f_variance / (N - 1.0);
    }
    set_interval(&ppi, alpha);
    return ppi;
}

clade_ppi_sample clade_ppi_of_task(const clade_task_score *task)
{
    const double p = task->clean.accuracy;
    return (clade_ppi_sample){.n = task->clean.items,
                              .y = p,
                              .y_variance = p * (1.0 - p),
                              .f = task->clean.confidence,
                              .f_variance = task->clean.confidence_variance,
                              .covariance = task->clean.confidence_covariance,
                              .unlabelled = task->unlabelled,
                              .unlabelled_f = task->confidence,
                              .unlabelled_f_variance = task->confidence_variance};
}

clade_ppi clade_ppi_of_score(const clade_score *score, double alpha)
{
    clade_ppi mean = {0};
    double tasks = 0.0;
    size_t unlabelled = 0;
    for (size_t t = 0; t < score->n_tasks; t++) {
        const clade_ppi_sample sample = clade_ppi_of_task(&score->tasks[t]);
        if (sample.n == 0)
            continue;
        const clade_ppi task = clade_ppi_mean(&sample, NAN, alpha);
        mean.theta += task.theta;
        mean.variance += task.variance;
        mean.labelled += task.labelled;
        mean.lambda += task.lambda;
        unlabelled += sample.unlabelled;
        tasks += 1.0;
    }
    if (unlabelled == 0 || tasks < 1.0 || isnan(mean.theta))
        return unknown;
    mean.theta /= tasks;
    mean.variance /= tasks * tasks;
    mean.labelled /= tasks * tasks;
    mean.lambda /= tasks;
    set_interval(&mean, alpha);
    return mean;
}
