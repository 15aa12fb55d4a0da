/* Metrics of a classifier on a set of items. Definitions as in ../shared/golden/forward/README.md. */
#ifndef CLADE_METRICS_H
#define CLADE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef struct clade_metrics {
    size_t items;
    double accuracy; /* share; argmax, lowest index on ties */
    double entropy;  /* mean of -sum p ln p, nats */
    double nll;      /* mean of -ln p[label], nats */
    double ece;      /* 15 bins (k/15, (k+1)/15] of the largest p; confidence 0 goes into the first */
    double brier;    /* mean of sum_c (p_c - [c == label])^2, 0..2 */
    double loss;     /* mean of -ln((p[label] + e) / (1 + e)), e = CLADE_LOSS_FLOOR, nats: smooth as the nll, bounded as
                        the accuracy, so that items no child gets right do not drown the others; 0 at best, 3.04 at worst */
    /* For prediction_powered.h, of f = the largest p, divisor items: */
    double confidence, confidence_variance; /* mean and variance of f */
    double confidence_covariance;           /* of f with being right */
} clade_metrics;

enum { CLADE_ECE_BINS = 15 };
#define CLADE_LOSS_FLOOR 0.05

/* LOGITS (n, classes) f32, row-major. LABELS (n), each < classes, or NULL: then only items, entropy, confidence and its variance
 * are meant and the rest is NAN. CORRECT (n): 1 where right, else 0; may be NULL. Softmax in double. CLADE_EEVAL when a logit is not
 * finite (says which row). n >= 1. Deterministic: per platform (libm exp and log). */
clade_status clade_metrics_of(const float *logits, size_t n, size_t classes, const uint8_t *labels, uint8_t *correct,
                              clade_metrics *out) CLADE_CHECK_RESULT;

/* LOGITS (n, classes) = scale * cosine(embeds (n, width), rows (classes, width)). ROWS are of unit length already (the
 * reader of heads checks and normalises). An embedding of norm 0 is CLADE_EEVAL. */
clade_status clade_cosine_logits(const float *embeds, size_t n, size_t width, const float *rows, size_t classes,
                                 double scale, float *logits) CLADE_CHECK_RESULT;

#endif
