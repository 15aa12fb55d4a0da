/* What a search can optimise, as rows of a table over the recorded score. */
#include <math.h>
#include <string.h>

#include "clade/prediction_powered.h"

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

static double value_loss(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return score->clean.loss;
}

/* Mean over tasks of the mean over corruptions, as robustness. */
static double value_corrupted_loss(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    double sum = 0.0;
    size_t tasks = 0;
    for (size_t t = 0; t < score->n_tasks; t++) {
        double task = 0.0;
        size_t corruptions = 0;
        for (size_t k = 0; k < CLADE_MAX_CORRUPTIONS; k++) {
            const double loss = score->tasks[t].corrupted[k].loss;
            task += isnan(loss) ? 0.0 : loss;
            corruptions += isnan(loss) ? 0u : 1u;
        }
        sum += corruptions > 0 ? task / (double)corruptions : 0.0;
        tasks += corruptions > 0;
    }
    return tasks > 0 ? sum / (double)tasks : NAN;
}

/* The level of the interval has no part in the estimate. */
static double value_accuracy_ppi(const clade_score *score, const double *retention_reference)
{
    (void)retention_reference;
    return clade_ppi_of_score(score, 0.05).theta;
}

static const clade_objective objective_accuracy = {.name = "accuracy",
                                                   .title = "Accuracy",
                                                   .unit = "share",
                                                   .maximise = true,
                                                   .signal = "loss",
                                                   .help = "labelled clean items, mean over tasks",
                                                   .value = value_accuracy};
static const clade_objective objective_robustness = {
    .name = "robustness",
    .title = "Robustness",
    .unit = "share",
    .maximise = true,
    .signal = "corrupted_loss",
    .help = "accuracy on labelled corrupted items, mean over corruptions and tasks",
    .value = value_robustness};
static const clade_objective objective_entropy = {
    .name = "entropy",
    .title = "Entropy",
    .unit = "nats",
    .maximise = false,
    .unlabelled = true,
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

static const clade_objective objective_loss = {
    .name = "loss",
    .title = "Bounded log loss",
    .unit = "nats",
    .maximise = false,
    .help = "-ln((p + .05) / 1.05) of the true class on labelled clean items, mean over tasks",
    .value = value_loss};
static const clade_objective objective_corrupted_loss = {
    .name = "corrupted_loss",
    .title = "Bounded log loss, corrupted",
    .unit = "nats",
    .maximise = false,
    .help = "the same on labelled corrupted items, mean over corruptions and tasks",
    .value = value_corrupted_loss};
static const clade_objective objective_accuracy_ppi = {
    .name = "accuracy_ppi",
    .title = "Accuracy, labelled and unlabelled",
    .unit = "share",
    .maximise = true,
    .unlabelled = true,
    .help = "accuracy from labelled and unlabelled clean items together, mean over tasks (PPI++, arXiv 2311.01453)",
    .value = value_accuracy_ppi};

static const clade_objective *const registry[] = {
    &objective_accuracy,   &objective_robustness,     &objective_entropy,
    &objective_worst_task, &objective_calibration,    &objective_retention,
    &objective_loss,       &objective_corrupted_loss, &objective_accuracy_ppi};

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
