/* Parzen estimators on [0, 1], the densities of TPE (Bergstra, Bardenet, Bengio & Kegl 2011, section 4; constants as
 * Optuna sets them): a weighted sum of normal kernels, one at each observation and one for the prior, each truncated to
 * [0, 1] and divided by its mass there. */
#ifndef CLADE_ALGORITHM_PARZEN_H
#define CLADE_ALGORITHM_PARZEN_H

#include <stddef.h>

#include "clade/rng.h"
#include "clade/status.h"

typedef struct clade_kernel {
    double mu, sigma; /* of the normal before it is cut */
    double weight;    /* of all kernels together 1, once closed */
    double height;    /* weight / (sigma sqrt(2 pi) mass in [0, 1]): the density is the sum of height exp(-z^2 / 2) */
    double falloff;   /* -1 / (2 sigma^2) */
    double reach;     /* farther away it adds nothing that counts beside the prior, which reaches everywhere */
} clade_kernel;

typedef struct clade_parzen {
    size_t count;          /* observations; once closed, kernels, the prior's among them; ascending in mu */
    clade_kernel *kernels; /* (capacity), owned */
} clade_parzen;

/* PARZEN zeroed by the caller; room for N observations and the prior. CLADE_EIO without memory. */
clade_status clade_parzen_init(clade_parzen *parzen, size_t n) CLADE_CHECK_RESULT;
void clade_parzen_fini(clade_parzen *parzen);

/* Use: count = 0, add the observations, close. MU in [0, 1], ascending. */
void clade_parzen_add(clade_parzen *parzen, double mu, double weight);
/* Put the prior kernel (weight 1) in its place, set all widths, bring the weights to sum 1. The width of a kernel is the
 * distance to the farther of its two neighbours, the prior being one (at the ends: to the only one), clipped. Then
 * kernels of the least width within a quarter of it become one at their mean: that narrows them by a quarter of a
 * percent at most, and late in a search, when most observations lie close together, a density costs a tenth. */
void clade_parzen_close(clade_parzen *parzen, double prior_mu, double prior_sigma);
/* WIDTH within [1 / min(100, n + 2), 1] for n observations ("magic clip"). */
double clade_parzen_clip(double width, size_t n);

/* The density at X in [0, 1]; positive when the prior's sigma is at least .1. Law: its integral over [0, 1] is 1. */
double clade_parzen_density(const clade_parzen *parzen, double x);
/* The mean density over [low, high], for integers, each of which is a bin of the unit interval. */
double clade_parzen_mean_density(const clade_parzen *parzen, double low, double high);
/* A draw from the density. Variable number of draws of RNG. */
double clade_parzen_draw(const clade_parzen *parzen, clade_rng *rng);
/* A draw from one kernel. */
double clade_kernel_draw(const clade_kernel *kernel, clade_rng *rng);
/* Mass in [LOW, HIGH] of the normal with MU and SIGMA. */
double clade_normal_mass(double mu, double sigma, double low, double high);

#endif
