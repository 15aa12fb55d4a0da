/* One recipe for equal weights: what cannot change them is set to its default before a recipe is hashed, so that
 * children that differ in nothing else are scored once.
 *
 *   base     lambda 0 gives the base: the other values of the rule do not matter. So do weights that are all 0, which
 *            is written as lambda 0
 *   no part  a parent of weight 0 adds nothing: its density and the like do not matter
 *   whole    density 1 keeps all: what else there is to sparsifying does not matter
 *   alone    the share of a parent whose weight is the only one is 1, whatever the weight
 *   no lot   where no parent is thinned out by lot, the seed does not matter
 *
 * Each holds bit for bit, but for the sign of zeros: base + 0 x is base, but may be 0 where the base is -0. What holds
 * only to rounding (weights times a factor where their sum is divided by) is left alone. */
#include <string.h>

#include "search/merge_parts.h"

/* Methods whose parents come in as weight times a task vector and nothing else. With lambda 0 the law
 * CLADE_LAW_LAMBDA says it for others, too. */
static const char *const weighted[] = {"task_arithmetic", "ties",        "ties_global",      "dare_linear",
                                       "dare_ties",       "breadcrumbs", "breadcrumbs_ties", "della",
                                       "della_linear",    "magmax",      "consensus_ta",     "tall_mask"};
/* Methods that take the weights as shares of their sum, unless they have a normalize that is false. */
static const char *const shared[] = {"linear", "slerp", "karcher"};
/* Parameters of the parents that thin them out, besides the density. */
static const char *const thinning[] = {"gamma", "epsilon"};

static bool is_among(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static bool is(double value, double what)
{
    return !(value < what) && !(value > what);
}

/* The place of a parameter of this name and scope, or n_parameters. */
static size_t find(const clade_method *method, const char *name, clade_parameter_scope scope)
{
    const size_t k = clade_method_parameter(method, name);
    return k < method->n_parameters && method->parameters[k].scope == scope ? k : method->n_parameters;
}

bool clade_rule_is_base(const clade_method *method, const clade_rule *rule)
{
    const size_t lambda = find(method, "lambda", CLADE_PER_SITE);
    return (method->laws & CLADE_LAW_LAMBDA) != 0 && lambda < method->n_parameters && is(rule->site[lambda], 0);
}

static void set_defaults(const clade_method *method, clade_rule *rule, size_t n_parents)
{
    for (size_t k = 0; k < method->n_parameters; k++) {
        const double value = clade_unsearched(&method->parameters[k]);
        if (method->parameters[k].scope == CLADE_PER_SITE)
            rule->site[k] = value;
        for (size_t p = 0; p < n_parents && method->parameters[k].scope == CLADE_PER_PARENT; p++)
            rule->parent[p * method->n_parameters + k] = value;
    }
}

/* PARENT (n_parameters) of a rule whose method has a weight at place WEIGHT. */
static void clear_parent(const clade_method *method, size_t weight, double *parent)
{
    const size_t density = find(method, "density", CLADE_PER_PARENT);
    const bool whole = density < method->n_parameters && is(parent[density], 1);
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const bool idle =
            is(parent[weight], 0) || (whole && is_among(parameter->name, thinning, sizeof thinning / sizeof *thinning));
        if (parameter->scope == CLADE_PER_PARENT && k != weight && idle)
            parent[k] = clade_unsearched(parameter);
    }
}

/* How many parents have a weight that is not 0; *LAST is one of them. */
static size_t count_weights(const clade_method *method, const clade_rule *rule, size_t n_parents, size_t *last)
{
    const size_t weight = find(method, "weight", CLADE_PER_PARENT);
    size_t in = 0;
    *last = 0;
    for (size_t p = 0; p < n_parents && weight < method->n_parameters; p++)
        if (!is(rule->parent[p * method->n_parameters + weight], 0)) {
            in++;
            *last = p;
        }
    return in;
}

bool clade_rule_is_alone(const clade_method *method, const clade_rule *rule, size_t n_parents)
{
    const size_t normalize = find(method, "normalize", CLADE_PER_RECIPE);
    size_t last;
    return is_among(method->name, shared, sizeof shared / sizeof *shared) &&
           (normalize == method->n_parameters || !is(rule->site[normalize], 0)) &&
           count_weights(method, rule, n_parents, &last) == 1;
}

static void clear_rule(const clade_method *method, clade_rule *rule, size_t n_parents)
{
    const size_t n = method->n_parameters, weight = find(method, "weight", CLADE_PER_PARENT),
                 lambda = find(method, "lambda", CLADE_PER_SITE);
    const bool is_weighted = is_among(method->name, weighted, sizeof weighted / sizeof *weighted);
    size_t last;
    const size_t in = count_weights(method, rule, n_parents, &last);
    if (clade_rule_is_base(method, rule) || (is_weighted && in == 0)) {
        set_defaults(method, rule, n_parents);
        rule->site[lambda] = 0;
        return;
    }
    for (size_t p = 0; p < n_parents && is_weighted; p++)
        clear_parent(method, weight, rule->parent + p * n);
    if (clade_rule_is_alone(method, rule, n_parents))
        rule->parent[last * n + weight] = 1;
}

/* Some parent keeps an element or not by lot. */
static bool draws(const clade_recipe *recipe)
{
    const clade_method *method = recipe->method;
    const size_t density = find(method, "density", CLADE_PER_PARENT);
    if (!method->uses_masks || density == method->n_parameters)
        return method->uses_masks;
    for (size_t r = 0; r < recipe->n_rules; r++)
        for (size_t p = 0; p < recipe->n_parents; p++) {
            const double share = recipe->rules[r].parent[p * method->n_parameters + density];
            if (!is(share, 0) && !is(share, 1))
                return true;
        }
    return false;
}

void clade_merge_canonical(clade_recipe *recipe)
{
    for (size_t r = 0; r < recipe->n_rules; r++)
        if (!recipe->rules[r].only)
            clear_rule(recipe->method, &recipe->rules[r], recipe->n_parents);
    if (!draws(recipe))
        recipe->seed = 0;
}
