/* What mergekit 0.1's methods read, under their names there. A name that Clade's method of that name does not have is
 * none of its parameters: SLERP's t, which becomes weights, is the only one. */
#include <string.h>

#include "merge/mergekit.h"

static const clade_mergekit_method methods[] = {
    {.name = "linear", .required = {"weight"}, .optional = {"normalize"}},
    {.name = "slerp", .required = {"t"}},
    {.name = "nuslerp", .required = {"weight"}, .optional = {"nuslerp_flatten", "nuslerp_row_wise"}},
    {.name = "multislerp", .required = {"weight"}, .optional = {"normalize_weights", "eps"}},
    {.name = "karcher", .optional = {"max_iter", "tol"}},
    {.name = "task_arithmetic", .required = {"weight"}, .optional = {"normalize", "lambda"}, .int8_mask = true},
    {.name = "ties",
     .required = {"weight"},
     .optional = {"density", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "dare_ties",
     .required = {"weight"},
     .optional = {"density", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "dare_linear",
     .required = {"weight"},
     .optional = {"density", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "breadcrumbs",
     .required = {"weight"},
     .optional = {"density", "gamma", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "breadcrumbs_ties",
     .required = {"weight"},
     .optional = {"density", "gamma", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "della",
     .required = {"weight"},
     .optional = {"density", "epsilon", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "della_linear",
     .required = {"weight"},
     .optional = {"density", "epsilon", "normalize", "rescale", "lambda"},
     .int8_mask = true},
    {.name = "model_stock", .optional = {"filter_wise"}},
    {.name = "sce", .optional = {"select_topk"}, .int8_mask = true},
    {.name = "ram", .optional = {"epsilon"}},
    {.name = "ramplus_tl", .optional = {"r", "alpha", "epsilon"}},
    {.name = "nearswap", .required = {"t"}},
    {.name = "arcee_fusion"},
    {.name = "passthrough", .optional = {"scale"}},
};

const clade_mergekit_method *clade_mergekit_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

bool clade_mergekit_requires(const clade_mergekit_method *method, const char *parameter)
{
    return method && method->required[0] && strcmp(method->required[0], parameter) == 0;
}

bool clade_mergekit_reads(const clade_mergekit_method *method, const char *parameter)
{
    bool found = clade_mergekit_requires(method, parameter);
    for (size_t i = 0; method && method->optional[i] && !found; i++)
        found = strcmp(method->optional[i], parameter) == 0;
    return found;
}
