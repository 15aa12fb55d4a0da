/* What can be said about a space before any checkpoint is opened. */
#include <stdlib.h>
#include <string.h>

#include "search/merge_parts.h"

/* A method's number is a bit of clade_gene.active_in. */
enum { MAX_METHODS = 64, MAX_NAMES = MAX_METHODS * CLADE_MAX_PARAMETERS, DEPTH_PREFIX = 6 };

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

size_t clade_sites_knots(const char *specification)
{
    if (strncmp(specification, "depth:", DEPTH_PREFIX) != 0)
        return 0;
    const char *digits = specification + DEPTH_PREFIX;
    const size_t length = strlen(digits);
    if (length == 0 || length > 4 || strspn(digits, "0123456789") != length || digits[0] == '0')
        return 0;
    return (size_t)strtol(digits, NULL, 10);
}

void clade_merge_space_check(const clade_merge_space_plan *plan, const char *where, clade_problems *problems)
{
    static const char *const sites[] = {"model", "layer", "depth:3"}, *const coordinates[] = {"product", "full"};
    check_methods(plan, where, problems);
    if (strcmp(plan->sites, "model") != 0 && strcmp(plan->sites, "layer") != 0 && clade_sites_knots(plan->sites) < 2)
        unknown_word(where, "sites", plan->sites, sites, sizeof sites / sizeof *sites, problems);
    if (strcmp(plan->coordinates, "product") != 0 && strcmp(plan->coordinates, "full") != 0)
        unknown_word(where, "coordinates", plan->coordinates, coordinates, sizeof coordinates / sizeof *coordinates,
                     problems);
    check_ranges(plan, where, problems);
}
