/* Metrics of a classifier: accuracy, entropy, negative log likelihood, expected calibration error, Brier score.
 *
 *   z (C) logits of one item, p = softmax(z), ln p_c = z_c - max z - ln sum_j exp(z_j - max z)
 *
 * ln p comes from the logits, never from ln(p): a p that underflows to 0 still has a finite logarithm, so the NLL of a
 * confident mistake is exact. Everything is summed in double, in the order of the items.
 * ECE: Guo et al. 2017 (arXiv 1706.04599), 15 bins of equal width closed on the right. Brier: the sum over classes. */
#include "clade/metrics.h"

#include <math.h>
#include <stdbool.h>

#include "clade/kernels.h"

typedef struct row_stats {
    size_t predicted; /* argmax, lowest index on ties */
    double confidence, entropy, nll, brier, loss;
} row_stats;

/* The sums of one ECE bin. */
typedef struct bin {
    size_t correct;
    double confidence;
} bin;

/* Means, sums of squares and products about them, updated item by item (Welford 1962): exactly 0 for equal values. */
typedef struct moments {
    double count, f, y, ff, fy;
} moments;

static void add_moments(moments *m, double f, double y)
{
    const double off = f - m->f;
    m->count += 1.0;
    m->f += off / m->count;
    m->y += (y - m->y) / m->count;
    m->ff += off * (f - m->f);
    m->fy += off * (y - m->y);
}

static size_t argmax(const float *z, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (z[c] > z[best])
            best = c;
    return best;
}

/* LABEL is classes when there is none; then nll and brier are NAN. */
static row_stats stats_of_row(const float *z, size_t classes, size_t label)
{
    row_stats row = {.predicted = argmax(z, classes)};
    const double max = (double)z[row.predicted];
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++)
        sum += exp((double)z[c] - max);
    const double log_sum = log(sum);
    for (size_t c = 0; c < classes; c++) {
        const double log_p = (double)z[c] - max - log_sum, p = exp(log_p);
        const double miss = p - (c == label ? 1.0 : 0.0);
        row.entropy -= p * log_p;
        row.brier += miss * miss;
    }
    row.confidence = 1.0 / sum;
    row.nll = label < classes ? max + log_sum - (double)z[label] : NAN;
    row.loss = -log((exp(-row.nll) + CLADE_LOSS_FLOOR) / (1.0 + CLADE_LOSS_FLOOR));
    if (label == classes)
        row.brier = NAN;
    return row;
}

static size_t bin_of(double confidence)
{
    const double k = ceil(CLADE_ECE_BINS * confidence) - 1.0;
    if (k < 0.0)
        return 0;
    return k > CLADE_ECE_BINS - 1 ? CLADE_ECE_BINS - 1 : (size_t)k;
}

static double calibration_error(const bin bins[CLADE_ECE_BINS], size_t n)
{
    double error = 0.0;
    for (size_t k = 0; k < CLADE_ECE_BINS; k++)
        error += fabs((double)bins[k].correct - bins[k].confidence);
    return error / (double)n;
}

clade_status clade_metrics_of(const float *logits, size_t n, size_t classes, const uint8_t *labels, uint8_t *correct,
                              clade_metrics *out)
{
    const clade_kernels *kernels = clade_kernels_best();
    bin bins[CLADE_ECE_BINS] = {{0}};
    clade_metrics sums = {.items = n};
    moments confidence = {0};
    size_t right = 0;
    for (size_t i = 0; i < n; i++) {
        const float *z = logits + i * classes;
        const size_t bad = kernels->first_nonfinite(classes, z);
        if (bad < classes)
            return clade_fail(CLADE_EEVAL, "row %zu: logit %zu is %g, expected a finite number", i, bad,
                              (double)z[bad]);
        const row_stats row = stats_of_row(z, classes, labels ? labels[i] : classes);
        const bool hit = labels && row.predicted == labels[i];
        bin *b = &bins[bin_of(row.confidence)];
        b->correct += hit;
        b->confidence += row.confidence;
        add_moments(&confidence, row.confidence, hit ? 1.0 : 0.0);
        right += hit;
        sums.entropy += row.entropy;
        sums.nll += row.nll;
        sums.brier += row.brier;
        sums.loss += row.loss;
        if (correct)
            correct[i] = hit;
    }
    const double count = (double)n;
    *out = (clade_metrics){.items = n,
                           .accuracy = labels ? (double)right / count : NAN,
                           .entropy = sums.entropy / count,
                           .nll = labels ? sums.nll / count : NAN,
                           .ece = labels ? calibration_error(bins, n) : NAN,
                           .brier = labels ? sums.brier / count : NAN,
                           .loss = labels ? sums.loss / count : NAN,
                           .confidence = confidence.f,
                           .confidence_variance = confidence.ff / count,
                           .confidence_covariance = labels ? confidence.fy / count : NAN};
    return CLADE_OK;
}

clade_status clade_cosine_logits(const float *embeds, size_t n, size_t width, const float *rows, size_t classes,
                                 double scale, float *logits)
{
    const clade_kernels *kernels = clade_kernels_best();
    for (size_t i = 0; i < n; i++) {
        const float *e = embeds + i * width;
        const double norm = sqrt(kernels->dot(width, e, e));
        if (!(norm > 0.0 && isfinite(norm)))
            return clade_fail(CLADE_EEVAL, "row %zu: the embedding has norm %g, expected a finite one above 0", i,
                              norm);
        for (size_t c = 0; c < classes; c++)
            logits[i * classes + c] = (float)(scale * kernels->dot(width, e, rows + c * width) / norm);
    }
    return CLADE_OK;
}
