/* The parameters of the rows of the task-vector pipeline. */
#include <math.h>

#include "merge/method/task_vectors.h"

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */

static const char *const trim_rules[] = {[TASK_EXACT_K] = "exact_k", [TASK_GE_KTH] = "ge_kth", NULL};
static const char *const merges[] = {[TASK_MERGE_SUM] = "sum", [TASK_MERGE_MAX] = "max", NULL};

const clade_parameter clade_task_arithmetic[TASK_N_ARITHMETIC] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                        "divide by the sum of the weights that went in", NULL},
};

const clade_parameter clade_task_ties[TASK_N_TIES] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                        "divide by the sum of the weights that went in", NULL},
    [TASK_DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                      "share of the largest magnitudes that stays, per tensor", NULL},
    [TASK_RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                      "give the sparsified task vector back its L1 norm, per tensor", NULL},
    [TASK_TRIM_RULE] = {"trim_rule", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                        "exactly k of equal magnitudes, or all that reach the k-th and one more", trim_rules},
    [TASK_MERGE] = {"merge", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                    "the sum of what agrees with the elected sign (a mean with normalize), or its largest", merges},
};

const clade_parameter clade_task_ties_global[TASK_N_TIES] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 2, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                        "divide by the sum of the weights that went in", NULL},
    [TASK_DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                      "share of the largest magnitudes that stays, over all tensors of the rule", NULL},
    [TASK_RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                      "give the sparsified task vector back its L1 norm", NULL},
    [TASK_TRIM_RULE] = {"trim_rule", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                        "exactly k of equal magnitudes, or all that reach the k-th and one more", trim_rules},
    [TASK_MERGE] = {"merge", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                    "the sum of what agrees with the elected sign (a mean with normalize), or its largest", merges},
};

const clade_parameter clade_task_outliers[TASK_N_OUTLIERS] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                        "divide by the sum of the weights that went in", NULL},
    [TASK_DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                      "share of the magnitudes that stays, per tensor", NULL},
    [TASK_RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                      "give the sparsified task vector back its L1 norm, per tensor", NULL},
    [TASK_GAMMA] = {"gamma", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.01, 0.01, 0.01,
                    "share of the largest magnitudes that goes, per tensor, as far as density allows", NULL},
};

const clade_parameter clade_task_drop[TASK_N_DROP] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                        "divide by the sum of the weights that went in", NULL},
    [TASK_DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.05, 1, 1,
                      "probability that an element stays: 1 - drop rate", NULL},
    [TASK_RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                      "give the sparsified task vector back its L1 norm, per tensor", NULL},
    [TASK_BY_PROBABILITY] = {"rescale_by_density", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                             "rescale by 1 / density, as the paper, not by the L1 norm", NULL},
};

const clade_parameter clade_task_magprune_ties[TASK_N_MAGPRUNE] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                        "divide by the sum of the weights that went in", NULL},
    [TASK_DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.2, 0.8, 1,
                      "mean probability that an element stays", NULL},
    [TASK_RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                      "give the sparsified task vector back its L1 norm, per tensor", NULL},
    [TASK_BY_PROBABILITY] = {"rescale_by_probability", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0,
                             0, "rescale each element by 1 / its probability, as the paper, not by the L1 norm", NULL},
    [TASK_EPSILON] = {"epsilon", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 0.5, 0.15, 0.15, 0.15,
                      "the probability goes from density - epsilon to density + epsilon with the rank", NULL},
};

const clade_parameter clade_task_magprune[TASK_N_MAGPRUNE] = {
    [TASK_WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                     "factor of the parent's task vector", NULL},
    [TASK_LAMBDA] = {"lambda", CLADE_REAL, CLADE_PER_SITE, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 1, 1, 1,
                     "factor of the merged task vector", NULL},
    [TASK_NORMALIZE] = {"normalize", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                        "divide by the sum of the weights that went in", NULL},
    [TASK_DENSITY] = {"density", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 1, 0.2, 0.8, 1,
                      "mean probability that an element stays", NULL},
    [TASK_RESCALE] = {"rescale", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 1, 1, 1,
                      "give the sparsified task vector back its L1 norm, per tensor", NULL},
    [TASK_BY_PROBABILITY] = {"rescale_by_probability", CLADE_BOOLEAN, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0,
                             0, "rescale each element by 1 / its probability, as the paper, not by the L1 norm", NULL},
    [TASK_EPSILON] = {"epsilon", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, 0, 0.5, 0.15, 0.15, 0.15,
                      "the probability goes from density - epsilon to density + epsilon with the rank", NULL},
};
