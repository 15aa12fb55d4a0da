/* Merging LoRA adapters by their factors (clade_adapters_merge in adapter.h): `cat`, `linear` and `svd` of PEFT's
 * add_weighted_adapter, and LoraHub. The parents are adapters; the child is the base with the merged adapter added to it,
 * or the merged adapter itself. Weights may differ from rule to rule.
 *
 * Some versions of PEFT multiply by an adapter's scale twice in `svd`; here, as in later ones, it is once, so that lora_svd
 * approximates lora_cat. Merging adapters as whole models, with any method, needs nothing from here: a parent is then a
 * model with an adapter. */
#include <math.h>

#include "clade/adapter.h"
#include "merge/method/methods.h"

enum { WEIGHT, OUTPUT, RANK, N_SVD, N_OTHERS = RANK };

static const char *const outputs[] = {"folded", "adapter", NULL};

/* name, kind, scope, scale; limits; default range of the gene; default value; help; choices */
static const clade_parameter parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, 0, 1, 1,
                "factor of the adapter's delta", NULL},
    [OUTPUT] = {"output", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                "the base with the merged adapter added, or the adapter itself", outputs},
    [RANK] = {"rank", CLADE_INTEGER, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 65536, 0, 0, 0,
              "rank of the merged adapter; 0: the largest of the parents', module by module", NULL},
};

/* LoraHub searches weights within +-1.5. */
static const clade_parameter hub_parameters[] = {
    [WEIGHT] = {"weight", CLADE_REAL, CLADE_PER_PARENT, CLADE_LINEAR_SCALE, -INFINITY, INFINITY, -1.5, 1.5, 1,
                "factor of both factors of the adapter", NULL},
    [OUTPUT] = {"output", CLADE_CHOICE, CLADE_PER_RECIPE, CLADE_LINEAR_SCALE, 0, 1, 0, 0, 0,
                "the base with the merged adapter added, or the adapter itself", outputs},
};

static const clade_adapter_rule cat = {CLADE_ADAPTER_CAT, WEIGHT, OUTPUT, RANK},
                                linear = {CLADE_ADAPTER_LINEAR, WEIGHT, OUTPUT, RANK},
                                hub = {CLADE_ADAPTER_HUB, WEIGHT, OUTPUT, RANK},
                                svd = {CLADE_ADAPTER_SVD, WEIGHT, OUTPUT, RANK};

const clade_method clade_method_lora_cat = {
    .name = "lora_cat",
    .title = "LoRA concatenation",
    .source = "Hu et al. 2021, arXiv 2106.09685; PEFT add_weighted_adapter, cat",
    .mergekit = "not in mergekit; PEFT's cat",
    .formula = "theta_0 + sum_i w_i s_i B_i A_i",
    .parameters = parameters,
    .n_parameters = N_OTHERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_OPTIONAL,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_EXACT_BITS,
    .adapters = &cat,
};

const clade_method clade_method_lora_linear = {
    .name = "lora_linear",
    .title = "LoRA linear",
    .source = "Hu et al. 2021, arXiv 2106.09685; PEFT add_weighted_adapter, linear",
    .mergekit = "not in mergekit; PEFT's linear, whose product has cross terms B_i A_j",
    .formula = "theta_0 + (sum_i sqrt|w_i s_i| B_i) (sum_i sgn(w_i s_i) sqrt|w_i s_i| A_i)",
    .parameters = parameters,
    .n_parameters = N_OTHERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_OPTIONAL,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_EXACT_BITS,
    .adapters = &linear,
};

const clade_method clade_method_lora_hub = {
    .name = "lora_hub",
    .title = "LoraHub",
    .source = "Huang et al. 2023, arXiv 2307.13269",
    .mergekit = "not in mergekit; LoraHub's where the adapters' scales are equal, as it supposes; its product has "
                "cross terms B_i A_j",
    .formula = "theta_0 + s (sum_i w_i B_i) (sum_i w_i A_i)",
    .parameters = hub_parameters,
    .n_parameters = N_OTHERS,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_OPTIONAL,
    .laws = CLADE_LAW_SYMMETRIC | CLADE_LAW_EXACT_BITS,
    .adapters = &hub,
};

const clade_method clade_method_lora_svd = {
    .name = "lora_svd",
    .title = "LoRA truncated SVD",
    .source = "Hu et al. 2021, arXiv 2106.09685; PEFT add_weighted_adapter, svd",
    .mergekit = "not in mergekit; PEFT's svd with each adapter's scale once, as in its later versions; earlier ones "
                "multiply by it twice",
    .formula = "theta_0 + the nearest matrix of the rank to sum_i w_i s_i B_i A_i",
    .parameters = parameters,
    .n_parameters = N_SVD,
    .min_parents = 1,
    .max_parents = CLADE_MAX_PARENTS,
    .base = CLADE_BASE_OPTIONAL,
    .laws = CLADE_LAW_SYMMETRIC,
    .adapters = &svd,
};
