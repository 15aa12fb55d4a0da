/* What a search can optimise, as rows of a table over the recorded score. */
#include <math.h>
#include <string.h>

#include "clade/score.h"

static double value_accuracy(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return score->clean.accuracy;
}

static double value_robustness(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return score->robustness;
}

static double value_entropy(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return score->entropy;
}

static double value_worst_task(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return score->worst_task;
}

static double value_calibration(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return score->clean.ece;
}

/* Mean over tasks of child / own fine-tune: a mean of ratios, not a ratio of means; NAN where a fine-tune scores 0 or a
 * task has no labelled items. Not cut at 1: a merge may beat the fine-tune. */
static double value_retention(const clade_score *score, const double *retention_reference)
{
    double sum = 0.0;
    if (!retention_reference || score->n_tasks == 0)
        return NAN;
    for (size_t t = 0; t < score->n_tasks; t++) {
        if (!(retention_reference[t] > 0.0))
            return NAN;
        sum += score->tasks[t].clean.accuracy / retention_reference[t];
    }
    return sum / (double)score->n_tasks;
}

static const clade_objective objective_accuracy = {.name = "accuracy",
                                                   .title = "Accuracy",
                                                   .unit = "share",
                                                   .maximise = true,
                                                   .help = "labelled clean items, mean over tasks",
                                                   .value = value_accuracy};
static const clade_objective objective_robustness = {
    .name = "robustness",
    .title = "Robustness",
    .unit = "share",
    .maximise = true,
    .help = "accuracy on labelled corrupted items, mean over corruptions and tasks",
    .value = value_robustness};
static const clade_objective objective_entropy = {
    .name = "entropy",
    .title = "Entropy",
    .unit = "nats",
    .maximise = false,
    .help = "of the predictions on unlabelled items, mean over tasks (AdaMerging, arXiv 2310.02575)",
    .value = value_entropy};
static const clade_objective objective_worst_task = {.name = "worst_task",
                                                     .title = "Worst task",
                                                     .unit = "share",
                                                     .maximise = true,
                                                     .help = "smallest clean accuracy of a task",
                                                     .value = value_worst_task};
static const clade_objective objective_calibration = {
    .name = "calibration",
    .title = "Calibration error",
    .unit = "share",
    .maximise = false,
    .help = "expected calibration error with 15 bins on labelled clean items, mean over tasks (arXiv 1706.04599)",
    .value = value_calibration};
static const clade_objective objective_retention = {
    .name = "retention",
    .title = "Retention",
    .unit = "ratio",
    .maximise = true,
    .help = "clean accuracy over that of the task's own fine-tune, mean over tasks",
    .value = value_retention};

static const clade_objective *const registry[] = {&objective_accuracy,   &objective_robustness,  &objective_entropy,
                                                  &objective_worst_task, &objective_calibration, &objective_retention};

const clade_objective *const *clade_objectives(size_t *count)
{
    *count = sizeof registry / sizeof *registry;
    return registry;
}

const clade_objective *clade_objective_find(const char *name)
{
    for (size_t i = 0; i < sizeof registry / sizeof *registry; i++)
        if (strcmp(registry[i]->name, name) == 0)
            return registry[i];
    return NULL;
}
