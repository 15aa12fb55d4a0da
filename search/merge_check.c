/* What can be said about a space before any checkpoint is opened. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/merge_parts.h"

/* A method's number is a bit of clade_gene.active_in. */
enum { MAX_METHODS = 64, MAX_NAMES = MAX_METHODS * CLADE_MAX_PARAMETERS };

static void check_methods(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    if (plan->n_methods == 0 || plan->n_methods > MAX_METHODS)
        clade_problem(problems, "%sspace.methods: found %zu methods, expected 1 to %d", where, plan->n_methods,
                      MAX_METHODS);
    for (size_t m = 0; m < plan->n_methods; m++) {
        const clade_method *method = plan->methods[m];
        if (plan->n_parents < method->min_parents || plan->n_parents > method->max_parents)
            clade_problem(problems, "%sspace.methods: \"%s\" merges %zu to %zu parents, the experiment has %zu", where,
                          method->name, method->min_parents, method->max_parents, plan->n_parents);
        if (method->base == CLADE_BASE_REQUIRED && !plan->base_path)
            clade_problem(problems, "%sspace.methods: \"%s\" needs a base, the experiment has none", where,
                          method->name);
        if (method->statistics)
            clade_problem(problems, "%sspace.methods: \"%s\" needs files of %s statistics, which only recipes name",
                          where, method->name, method->statistics);
        if (method->adapters)
            clade_problem(problems,
                          "%sspace.methods: \"%s\" merges adapters into an adapter, expected a method for "
                          "whole tensors, which takes adapters as parents too",
                          where, method->name);
    }
}

/* "WHERE space.KEY: unknown WORD; did you mean ...". */
static void unknown_word(const char *where, const char *key, const char *word, const char *const *known, size_t count,
                         clade_problems *problems)
{
    clade_text text = {0};
    clade_append_suggestion(&text, word, known, count);
    clade_problem(problems, "%sspace.%s: unknown \"%s\"%s", where, key, word, clade_text_get(&text));
    clade_text_free(&text);
}

/* Names a range may have, each once; returns how many. */
static size_t list_names(const clade_merge_space_plan *plan, const char **names)
{
    size_t count = 0;
    for (size_t m = 0; m < plan->n_methods && m < MAX_METHODS; m++)
        for (size_t p = 0; p < plan->methods[m]->n_parameters && p < CLADE_MAX_PARAMETERS; p++) {
            const char *name = clade_slot_name(plan->methods[m], &plan->methods[m]->parameters[p]);
            bool listed = false;
            for (size_t k = 0; k < count && !listed; k++)
                listed = strcmp(names[k], name) == 0;
            if (!listed)
                names[count++] = name;
        }
    return count;
}

/* Within the hard limits of every method that has the parameter; returns how many have it. */
static size_t check_limits(const clade_merge_space_plan *plan, const clade_range_override *range, const char *where,
                           clade_problems *problems)
{
    size_t found = 0;
    for (size_t m = 0; m < plan->n_methods; m++)
        for (size_t p = 0; p < plan->methods[m]->n_parameters; p++) {
            const clade_parameter *parameter = &plan->methods[m]->parameters[p];
            const char *name = clade_slot_name(plan->methods[m], parameter);
            if (strcmp(name, range->parameter) != 0)
                continue;
            found++;
            const bool drop = strcmp(name, parameter->name) != 0;
            const double low = drop ? 1 - parameter->high : parameter->low;
            const double high = drop ? 1 - parameter->low : parameter->high;
            if (range->low < low || range->high > high)
                clade_problem(
                    problems,
                    "%sspace.range.%s: found [%g, %g], expected a range within [%g, %g], the limits of \"%s\"", where,
                    range->parameter, range->low, range->high, low, high, plan->methods[m]->name);
        }
    return found;
}

static void check_ranges(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    for (size_t r = 0; r < plan->n_ranges; r++) {
        const clade_range_override *range = &plan->ranges[r];
        if (!(range->low <= range->high))
            clade_problem(problems, "%sspace.range.%s: found [%g, %g], expected [low, high]", where, range->parameter,
                          range->low, range->high);
        if (check_limits(plan, range, where, problems) > 0)
            continue;
        const char *names[MAX_NAMES];
        unknown_word(where, "range", range->parameter, names, list_names(plan, names), problems);
    }
}

/* ---- sites ---- */

static void check_named(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    if (plan->n_named_sites == 0)
        clade_problem(problems, "%sspace.sites.groups: found no group", where);
    for (size_t g = 0; g < plan->n_named_sites; g++) {
        const clade_named_site *named = &plan->named_sites[g];
        if (named->name[0] == '\0' || strcmp(named->name, "rest") == 0)
            clade_problem(problems, "%sspace.sites.groups: found a group named \"%s\", expected another name", where,
                          named->name);
        if (named->n_patterns == 0)
            clade_problem(problems, "%sspace.sites.groups.%s: found no pattern", where, named->name);
    }
}

static void check_sites(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    static const char *const known[] = {"model", "depth:3", "layer", "module", "tensor", "auto"};
    clade_site_level levels[CLADE_MOST_LEVELS], level;
    if (strcmp(plan->sites, "groups") == 0) {
        check_named(plan, where, problems);
        return;
    }
    if (strcmp(plan->sites, "auto") == 0 || clade_site_levels_parse(plan->sites, levels) > 0)
        return;
    bool all_known = true;
    for (const char *word = plan->sites;; word++) {
        const size_t length = strcspn(word, ",");
        char text[64];
        snprintf(text, sizeof text, "%.*s", (int)length, word);
        if (!clade_site_level_parse(word, length, &level)) {
            unknown_word(where, "sites", text, known, sizeof known / sizeof *known, problems);
            all_known = false;
        }
        word += length;
        if (*word == '\0')
            break;
    }
    if (all_known)
        clade_problem(problems, "%sspace.sites: found \"%s\", expected levels from coarse to fine, each once", where,
                      plan->sites);
}

/* ---- priors and the sum ---- */

static void check_priors(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    const char *names[MAX_NAMES + 1];
    size_t count = list_names(plan, names);
    if (strcmp(plan->coordinates, "product") == 0)
        names[count++] = "strength";
    for (size_t i = 0; i < plan->n_priors; i++) {
        const clade_prior_override *prior = &plan->priors[i];
        size_t k = 0;
        while (k < count && strcmp(names[k], prior->parameter) != 0)
            k++;
        if (k == count)
            unknown_word(where, "prior", prior->parameter, names, count, problems);
        if (!(prior->deviation > 0))
            clade_problem(problems, "%sspace.prior.%s: found the deviation %g, expected one above 0", where,
                          prior->parameter, prior->deviation);
    }
}

/* METHOD feels it when all weights are multiplied by a number. */
static bool feels_scale(const clade_merge_space_plan *plan, const clade_method *method)
{
    const size_t weight = clade_method_parameter(method, "weight"),
                 normalize = clade_method_parameter(method, "normalize");
    if (weight == method->n_parameters || !clade_is_weight(&method->parameters[weight]))
        return false;
    if ((method->laws & CLADE_LAW_WEIGHT_SCALE) == 0)
        return true;
    if (normalize == method->n_parameters)
        return false;
    for (size_t r = 0; r < plan->n_ranges; r++)
        if (strcmp(plan->ranges[r].parameter, "normalize") == 0)
            return plan->ranges[r].low < 1;
    return method->parameters[normalize].default_value < 1;
}

static void check_sum(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    bool felt = false;
    if (!(plan->sum < 0) && !(plan->sum > 0))
        return;
    if (!(plan->sum > 0 && isfinite(plan->sum)))
        clade_problem(problems, "%sspace.sum: found %g, expected a number above 0", where, plan->sum);
    for (size_t m = 0; m < plan->n_methods; m++)
        felt = felt || feels_scale(plan, plan->methods[m]);
    if (!felt)
        clade_problem(
            problems,
            "%sspace.sum: found %g, but no method of the space feels the sum of the weights: they have none, or "
            "divide by it",
            where, plan->sum);
    for (size_t r = 0; r < plan->n_ranges; r++) {
        const clade_range_override *range = &plan->ranges[r];
        if (strcmp(range->parameter, "weight") != 0)
            continue;
        if (range->low < 0)
            clade_problem(problems,
                          "%sspace.sum: weights from %g on may sum to 0, expected a range of weight from 0 on", where,
                          range->low);
        if (!(range->low < range->high))
            clade_problem(problems,
                          "%sspace.sum: all weights are fixed at %g by space.range.weight, nothing is left to "
                          "divide; expected no sum, or a range",
                          where, range->low);
    }
}

void clade_merge_space_check(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    static const char *const coordinates[] = {"product", "full"};
    check_methods(plan, where, problems);
    check_sites(plan, where, problems);
    if (strcmp(plan->coordinates, "product") != 0 && strcmp(plan->coordinates, "full") != 0)
        unknown_word(where, "coordinates", plan->coordinates, coordinates, sizeof coordinates / sizeof *coordinates,
                     problems);
    check_ranges(plan, where, problems);
    check_priors(plan, where, problems);
    check_sum(plan, where, problems);
}
