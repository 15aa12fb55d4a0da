/* Settings that papers and tools publish for their methods, in the order of their promise. Where a paper tunes on
 * validation data, its usual value. Methods that add thinned task vectors up have the weights of task arithmetic. A
 * parameter that a row says nothing about has its default; where the space cannot say a row (its range is elsewhere), the
 * row is left out. A method without a row is tried at its defaults. */
#include <math.h>

#include "search/merge_parts.h"

static const clade_published settings[] = {
    /* WUDI frees the task vectors of each other, and still the sum of many is a long way: shorter ones, too. */
    {"wudi_closed_form 0.6", "wudi_closed_form", false, 0.6, NAN, NULL, 0},
    {"wudi_closed_form 0.4", "wudi_closed_form", false, 0.4, NAN, NULL, 0},
    {"wudi_closed_form 0.2", "wudi_closed_form", false, 0.2, NAN, NULL, 0},
    {"wudi_closed_form 1", "wudi_closed_form", false, 1, NAN, NULL, 0},
    /* Yadav et al. 2023, section 4: keep the top 20 %, lambda 1, when there is nothing to tune on. */
    {"ties paper", "ties", false, 1, 1, "density", 0.2},
    {"ties_global paper", "ties_global", false, 1, 1, "density", 0.2},
    /* Half of that: what tuning finds where the tasks are many. */
    {"ties 0.1", "ties", false, 1, 1, "density", 0.1},
    {"ties_global 0.1", "ties_global", false, 1, 1, "density", 0.1},
    /* Yu et al. 2023 drop nine of ten; mergekit's examples keep half. */
    {"dare_linear 0.9", "dare_linear", true, NAN, NAN, "density", 0.1},
    {"dare_ties 0.9", "dare_ties", true, NAN, NAN, "density", 0.1},
    {"dare_linear 0.5", "dare_linear", true, NAN, NAN, "density", 0.5},
    {"dare_ties 0.5", "dare_ties", true, NAN, NAN, "density", 0.5},
    /* The README of DELLA's authors: drop 0.3. */
    {"della paper", "della", false, 1, NAN, "density", 0.7},
    {"della_linear paper", "della_linear", true, NAN, NAN, "density", 0.7},
    /* Davari and Belilovsky 2023: start from alpha 0.2, beta 0.15. */
    {"breadcrumbs paper", "breadcrumbs", false, 0.2, NAN, "density", 0.15},
    {"breadcrumbs_ties 0.15", "breadcrumbs_ties", false, 0.2, NAN, "density", 0.15},
    /* Wan et al. 2024: the tenth of the elements that varies most. */
    {"sce paper", "sce", false, NAN, NAN, "select_topk", 0.1},
    /* Marczak et al. 2024. */
    {"magmax 0.5", "magmax", false, 1, 0.5, NULL, 0},
    /* Wang et al. 2024: the masks of task arithmetic at 0.3. */
    {"consensus_ta paper", "consensus_ta", false, 1, 0.3, "mask_lambda", 0.4},
    /* Du et al. 2024. */
    {"pcb paper", "pcb", false, 1, 1.2, "ratio", 0.1},
    /* Marczak et al. 2025 as FusionBench has it; Gargiulo et al. 2024. */
    {"iso_c 1.5", "iso_c", false, 1, 1.5, NULL, 0},
    {"iso_cts 1.5", "iso_cts", false, 1, 1.5, "common_fraction", 0.8},
    {"tsv_m paper", "tsv_m", false, 1, 1, NULL, 0},
    /* TIES nearer the base, and further out: the middle of the paper's grid. */
    {"ties 0.5", "ties", false, 1, 0.5, "density", 0.2},
    {"ties 1.5", "ties", false, 1, 1.5, "density", 0.2},
};

const clade_published *clade_published_settings(size_t *count)
{
    *count = sizeof settings / sizeof *settings;
    return settings;
}
