/* The rows of the task-vector pipeline and their descriptors. What they do is in task_vectors.c, their parameters are in
 * task_vector_parameters.c. */
#include "merge/method/task_vectors.h"

/* ---- rows ---- */

static const clade_task_row arithmetic = {.sparsifier = SPARSIFY_NONE};
static const clade_task_row ties = {.sparsifier = SPARSIFY_TRIM, .elect = true, .choose = true};
static const clade_task_row ties_global = {.sparsifier = SPARSIFY_TRIM, .elect = true, .choose = true, .global = true};
static const clade_task_row outliers = {.sparsifier = SPARSIFY_OUTLIERS};
static const clade_task_row outliers_ties = {.sparsifier = SPARSIFY_OUTLIERS, .elect = true};
static const clade_task_row drop = {.sparsifier = SPARSIFY_DROP};
static const clade_task_row drop_ties = {.sparsifier = SPARSIFY_DROP, .elect = true};
static const clade_task_row magprune = {.sparsifier = SPARSIFY_MAGPRUNE};
static const clade_task_row magprune_ties = {.sparsifier = SPARSIFY_MAGPRUNE, .elect = true};

static clade_status arithmetic_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &arithmetic, out);
}

static clade_status ties_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &ties, out);
}

static clade_status ties_global_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &ties_global, out);
}

static clade_status outliers_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &outliers, out);
}

static clade_status outliers_ties_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &outliers_ties, out);
}

static clade_status drop_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &drop, out);
}

static clade_status drop_ties_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &drop_ties, out);
}

static clade_status magprune_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &magprune, out);
}

static clade_status magprune_ties_combine(const clade_merge_tile *tile, float *out)
{
    return clade_task_combine(tile, &magprune_ties, out);
}

/* Surveys know nothing of the election. */
static size_t ties_state(const clade_merge_tile *tensor)
{
    return clade_trim_state_bytes(tensor, &ties);
}

static size_t ties_partial(const clade_merge_tile *tensor, unsigned pass)
{
    return clade_trim_partial_bytes(tensor, &ties, pass);
}

static clade_status ties_survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    return clade_trim_survey(tile, &ties, partial);
}

static clade_status ties_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    return clade_trim_merge(tensor, &ties, state, partial);
}

static clade_status ties_end(const clade_merge_tile *tensor, unsigned pass, void *state, bool *again)
{
    (void)pass;
    return clade_trim_end(tensor, &ties, state, again);
}

static size_t ties_global_state(const clade_merge_tile *tensor)
{
    return clade_trim_state_bytes(tensor, &ties_global);
}

static size_t ties_global_partial(const clade_merge_tile *tensor, unsigned pass)
{
    return clade_trim_partial_bytes(tensor, &ties_global, pass);
}

static clade_status ties_global_survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    return clade_trim_survey(tile, &ties_global, partial);
}

static clade_status ties_global_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    return clade_trim_merge(tensor, &ties_global, state, partial);
}

static clade_status ties_global_end(const clade_merge_tile *tensor, unsigned pass, void *state, bool *again)
{
    (void)pass;
    return clade_trim_end(tensor, &ties_global, state, again);
}

static size_t outliers_state(const clade_merge_tile *tensor)
{
    return clade_trim_state_bytes(tensor, &outliers);
}

static size_t outliers_partial(const clade_merge_tile *tensor, unsigned pass)
{
    return clade_trim_partial_bytes(tensor, &outliers, pass);
}

static clade_status outliers_survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    return clade_trim_survey(tile, &outliers, partial);
}

static clade_status outliers_merge(const clade_merge_tile *tensor, unsigned pass, void *state, const void *partial)
{
    (void)pass;
    return clade_trim_merge(tensor, &outliers, state, partial);
}

static clade_status outliers_end(const clade_merge_tile *tensor, unsigned pass, void *state, bool *again)
{
    (void)pass;
    return clade_trim_end(tensor, &outliers, state, again);
}

static size_t drop_scratch(const clade_merge_tile *tile)
{
    return clade_sparse_scratch(tile, &drop);
}

static size_t magprune_scratch(const clade_merge_tile *tile)
{
    return clade_sparse_scratch(tile, &magprune);
}

static clade_status drop_survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    return clade_mask_survey(tile, &drop, partial);
}

static clade_status magprune_survey(const clade_merge_tile *tile, unsigned pass, void *partial)
{
    (void)pass;
    return clade_mask_survey(tile, &magprune, partial);
}

/* ---- descriptors ---- */

enum {
    LAWS = CLADE_LAW_SYMMETRIC | CLADE_LAW_ONE_PARENT | CLADE_LAW_EQUAL | CLADE_LAW_ZERO_DELTAS | CLADE_LAW_LAMBDA |
           CLADE_LAW_WEIGHT_SCALE | CLADE_LAW_EXACT_BITS
};
enum {
    TRIM_READS = 1 << TASK_RESCALE, /* where the state is used again; else all that it depends on */
    DROP_READS = 1 << TASK_DENSITY | 1 << TASK_RESCALE | 1 << TASK_BY_PROBABILITY,
    MAGPRUNE_READS = DROP_READS | 1 << TASK_EPSILON
};

const clade_method clade_method_task_arithmetic = {
    .name = "task_arithmetic",
    .title = "Task arithmetic",
    .source = "Ilharco et al. 2022, arXiv 2212.04089",
    .mergekit = "equal; the paper's with weights 1 and its scale as lambda",
    .formula = "theta_0 + lambda sum_i w_i tau_i",
    .parameters = clade_task_arithmetic,
    .n_parameters = TASK_N_ARITHMETIC,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .carries_nonfinite = true,
    .combine = arithmetic_combine,
};

const clade_method clade_method_ties = {
    .name = "ties",
    .title = "TIES",
    .source = "Yadav et al. 2023, arXiv 2306.01708",
    .mergekit = "equal with trim_rule exact_k and merge sum, but of equal magnitudes at the cut the lower indices "
                "stay, which mergekit leaves open; the paper trims over the whole model: ties_global",
    .formula = "theta_0 + lambda mean over agreeing i of w_i trim(tau_i)",
    .parameters = clade_task_ties,
    .n_parameters = TASK_N_TIES,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = TRIM_READS,
    .state_bytes = ties_state,
    .partial_bytes = ties_partial,
    .sample_stride = clade_trim_sample_stride,
    .cleared_bytes = clade_trim_cleared_bytes,
    .survey = ties_survey,
    .survey_merge = ties_merge,
    .survey_end = ties_end,
    .combine = ties_combine,
};

const clade_method clade_method_ties_global = {
    .name = "ties_global",
    .title = "TIES with one trim over the whole model",
    .source = "Yadav et al. 2023, arXiv 2306.01708; the scope is all tensors of a rule",
    .mergekit = "not in mergekit, which trims per tensor; the paper's with one rule and equal weights: its mean with "
                "normalize, its sum without, its max with merge max; the authors' code trims by ge_kth; where the "
                "signs cancel + is elected, by their code the majority of the model",
    .formula = "theta_0 + lambda mean over agreeing i of w_i trim(tau_i)",
    .parameters = clade_task_ties_global,
    .n_parameters = TASK_N_TIES,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .survey_scope = CLADE_SURVEY_RULE,
    .survey_parameters = TRIM_READS,
    .state_bytes = ties_global_state,
    .partial_bytes = ties_global_partial,
    .cleared_bytes = clade_trim_cleared_bytes,
    .survey = ties_global_survey,
    .survey_merge = ties_global_merge,
    .survey_end = ties_global_end,
    .combine = ties_global_combine,
};

const clade_method clade_method_dare_linear = {
    .name = "dare_linear",
    .title = "DARE",
    .source = "Yu et al. 2023, arXiv 2311.03099",
    .mergekit =
        "equal in distribution (other random draws); the paper's rescaling, 1 / density, with rescale_by_density",
    .formula = "theta_0 + lambda sum_i w_i drop(tau_i)",
    .parameters = clade_task_drop,
    .n_parameters = TASK_N_DROP,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .uses_masks = true,
    .scratch_bytes = drop_scratch,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = DROP_READS,
    .state_bytes = clade_mask_state_bytes,
    .partial_bytes = clade_mask_partial_bytes,
    .survey = drop_survey,
    .survey_merge = clade_mask_merge,
    .combine = drop_combine,
};

const clade_method clade_method_dare_ties = {
    .name = "dare_ties",
    .title = "DARE with TIES election",
    .source = "Yu et al. 2023, arXiv 2311.03099; Yadav et al. 2023, arXiv 2306.01708",
    .mergekit =
        "equal in distribution (other random draws); the paper's rescaling, 1 / density, with rescale_by_density",
    .formula = "theta_0 + lambda sum over agreeing i of w_i drop(tau_i)",
    .parameters = clade_task_drop,
    .n_parameters = TASK_N_DROP,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .uses_masks = true,
    .scratch_bytes = drop_scratch,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = DROP_READS,
    .state_bytes = clade_mask_state_bytes,
    .partial_bytes = clade_mask_partial_bytes,
    .survey = drop_survey,
    .survey_merge = clade_mask_merge,
    .combine = drop_ties_combine,
};

const clade_method clade_method_della_linear = {
    .name = "della_linear",
    .title = "DELLA without election",
    .source = "Deep et al. 2024, arXiv 2406.11617",
    .mergekit = "equal in distribution (other random draws), but rows of one element, where mergekit stops, have "
                "probability density; the paper's rescaling, 1 / probability, with rescale_by_probability",
    .formula = "theta_0 + lambda sum_i w_i magprune(tau_i)",
    .parameters = clade_task_magprune,
    .n_parameters = TASK_N_MAGPRUNE,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .uses_masks = true,
    .unit = clade_rank_unit,
    .scratch_bytes = magprune_scratch,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = MAGPRUNE_READS,
    .state_bytes = clade_mask_state_bytes,
    .partial_bytes = clade_mask_partial_bytes,
    .survey = magprune_survey,
    .survey_merge = clade_mask_merge,
    .combine = magprune_combine,
};

const clade_method clade_method_della = {
    .name = "della",
    .title = "DELLA",
    .source = "Deep et al. 2024, arXiv 2406.11617; Yadav et al. 2023, arXiv 2306.01708",
    .mergekit = "equal in distribution (other random draws), but rows of one element, where mergekit stops, have "
                "probability density; the paper's rescaling, 1 / probability, with rescale_by_probability",
    .formula = "theta_0 + lambda mean over agreeing i of w_i magprune(tau_i)",
    .parameters = clade_task_magprune_ties,
    .n_parameters = TASK_N_MAGPRUNE,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .uses_masks = true,
    .unit = clade_rank_unit,
    .scratch_bytes = magprune_scratch,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = MAGPRUNE_READS,
    .state_bytes = clade_mask_state_bytes,
    .partial_bytes = clade_mask_partial_bytes,
    .survey = magprune_survey,
    .survey_merge = clade_mask_merge,
    .combine = magprune_ties_combine,
};

const clade_method clade_method_breadcrumbs = {
    .name = "breadcrumbs",
    .title = "Model Breadcrumbs",
    .source = "Davari and Belilovsky 2023, arXiv 2312.06795; per tensor, as mergekit",
    .mergekit = "equal, but of equal magnitudes at a cut the lower indices count as smaller, which mergekit leaves "
                "open; the authors' code cuts per row",
    .formula = "theta_0 + lambda sum_i w_i middle(tau_i)",
    .parameters = clade_task_outliers,
    .n_parameters = TASK_N_OUTLIERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = TRIM_READS,
    .state_bytes = outliers_state,
    .partial_bytes = outliers_partial,
    .sample_stride = clade_trim_sample_stride,
    .cleared_bytes = clade_trim_cleared_bytes,
    .survey = outliers_survey,
    .survey_merge = outliers_merge,
    .survey_end = outliers_end,
    .combine = outliers_combine,
};

const clade_method clade_method_breadcrumbs_ties = {
    .name = "breadcrumbs_ties",
    .title = "Model Breadcrumbs with TIES election",
    .source = "Davari and Belilovsky 2023, arXiv 2312.06795; Yadav et al. 2023, arXiv 2306.01708",
    .mergekit = "equal, but of equal magnitudes at a cut the lower indices count as smaller, which mergekit leaves "
                "open; the paper has no election, and the authors' code cuts per row",
    .formula = "theta_0 + lambda sum over agreeing i of w_i middle(tau_i)",
    .parameters = clade_task_outliers,
    .n_parameters = TASK_N_OUTLIERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_REQUIRED,
    .laws = LAWS,
    .survey_scope = CLADE_SURVEY_TENSOR,
    .survey_parameters = TRIM_READS,
    .state_bytes = outliers_state,
    .partial_bytes = outliers_partial,
    .sample_stride = clade_trim_sample_stride,
    .cleared_bytes = clade_trim_cleared_bytes,
    .survey = outliers_survey,
    .survey_merge = outliers_merge,
    .survey_end = outliers_end,
    .combine = outliers_ties_combine,
};
