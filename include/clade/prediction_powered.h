/* A mean estimated from few labelled and many unlabelled items: PPI++ (Angelopoulos, Duchi & Zrnic 2023, "PPI++: Efficient
 * prediction-powered inference", arXiv 2311.01453), for the mean.
 *
 *   Y_i   what is wanted of item i: 1 where the model is right, else 0; known for n labelled items
 *   f_i   what predicts it and needs no label: the model's confidence, its largest probability; known for all n + N
 *   theta(lambda) = mean_n Y + lambda (mean_N f - mean_n f)
 *   Var           = lambda^2 Var f / N + Var(Y - lambda f) / n
 *   lambda*       = Cov(Y, f) / ((1 + n / N) Var f), which makes Var least (their section 6)
 *
 * lambda* is cut to [0, 1], as the authors' package does for means: with some tens of items the tail of its estimate is
 * noise. theta is unbiased for every fixed lambda, whether the confidences are calibrated or not; with the lambda that
 * the same items chose it is so up to terms of order 1 / n. Labelled and unlabelled items must be of one distribution. */
#ifndef CLADE_PREDICTION_POWERED_H
#define CLADE_PREDICTION_POWERED_H

#include "clade/score.h"

/* What is known of the items. Variances and covariance have the divisors n and N (as those of clade_metrics). */
typedef struct clade_ppi_sample {
    size_t n; /* labelled */
    double y, y_variance;
    double f, f_variance, covariance;
    size_t unlabelled; /* N */
    double unlabelled_f, unlabelled_f_variance;
} clade_ppi_sample;

typedef struct clade_ppi {
    double theta, variance; /* the estimate and that of its variance */
    double labelled;        /* variance of the mean of the labelled items alone */
    double lambda;
    double low, high; /* normal confidence interval, not cut to [0, 1] */
    double saved;     /* share of variance saved: 1 - variance / labelled; 0 where that is 0 */
} clade_ppi;

/* ALPHA in (0, 1): the interval has level 1 - alpha. LAMBDA: NAN for lambda*. All of the result is NAN with n < 2 (there
 * is no variance then), or where a number it needs is NAN. N < 2: lambda is 0. Deterministic; no errors.
 * Laws: lambda = 0 is the mean of the labelled items with its variance; lambda* never has a larger variance estimate
 * than that by more than rounding and the pooling of Var f over all n + N items. */
clade_ppi clade_ppi_mean(const clade_ppi_sample *sample, double lambda, double alpha);

/* The sample of TASK's clean items; its numbers are NAN where the score lacks them. */
clade_ppi_sample clade_ppi_of_task(const clade_task_score *task);
/* The mean over tasks that have labelled items, each by clade_ppi_mean; tasks are independent, so their variances add.
 * lambda is the mean of theirs. NAN when no task has unlabelled items, or a task has fewer than 2 labelled ones. */
clade_ppi clade_ppi_of_score(const clade_score *score, double alpha);

#endif
