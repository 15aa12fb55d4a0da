/* A categorical distribution that is learnt by natural gradient, as in CatCMA with margin (Hamano, Saito, Nomura, Uchida
 * & Shirakawa 2024, "CatCMA: stochastic optimization for mixed-category problems", GECCO; with margin 2025): the step has
 * the length delta in the Fisher metric, and delta adapts as in ASNG (Akimoto, Shirakawa, Yoshinari, Uchida, Saito &
 * Nishida 2019, "Adaptive stochastic natural gradient method for one-shot neural architecture search", ICML): it shrinks
 * while the steps contradict each other. No class falls below a floor, the margin, so that none is lost for good.
 *
 * Differs from the paper: each category has a delta of its own (the paper has one for all of them), and it begins with
 * 1/3 instead of 1. */
#ifndef CLADE_ALGORITHM_CATEGORICAL_H
#define CLADE_ALGORITHM_CATEGORICAL_H

#include "clade/rng.h"
#include "clade/status.h"

typedef struct clade_categorical {
    size_t n;     /* classes, at least 1 */
    double floor; /* least probability of a class */
    double *q;    /* (n), sum 1; owned, as s */
    double *s;    /* (n): accumulated steps, in coordinates in which the Fisher metric is the Euclidean one */
    double gamma; /* of the accumulation: the squared length of s where steps are by chance */
    double trust; /* Delta >= 1; delta = 1 / Delta */
} clade_categorical;

/* The floor with which a child has, with probability MARGIN in the long run, a class in one of N_DISCRETE genes that is
 * not the favourite: (1 - (1 - margin)^(1 / N_DISCRETE)) / (N_CLASSES - 1); 0 for a single class. The papers' margin is
 * 0.27. MARGIN in [0, 1), N_DISCRETE >= 1. */
double clade_categorical_floor(double margin, size_t n_discrete, size_t n_classes);

/* CATEGORICAL zeroed by the caller; uniform. FLOOR is at most 1 / n. CLADE_EIO without memory. */
clade_status clade_categorical_init(clade_categorical *categorical, size_t n, double floor) CLADE_CHECK_RESULT;
void clade_categorical_fini(clade_categorical *categorical);
/* Begin anew: probability SHARE for CLASS, the rest even over all classes; SHARE 0: uniform. */
void clade_categorical_reset(clade_categorical *categorical, size_t class, double share);
/* A copy of the distribution and its adaptation; both have the same n. */
void clade_categorical_copy(clade_categorical *to, const clade_categorical *from);
size_t clade_categorical_sample(const clade_categorical *categorical, clade_rng *rng);
/* The class of the largest probability, the first of equals. */
size_t clade_categorical_mode(const clade_categorical *categorical);
/* One step. WEIGHT (n): sum of the weights of the selected children that have the class; together at most 1. Natural
 * gradient: weight - q * sum(weight). Nothing is learnt where it is 0. Laws: q stays a distribution, no class below the
 * floor; before the floor is applied the step has length 1 / trust. */
void clade_categorical_learn(clade_categorical *categorical, const double *weight);

#endif
