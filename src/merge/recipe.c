/* The recipe as a value: room for it, what it must satisfy, and which rule holds for a tensor. */
#include "clade/recipe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clade/alloc.h"
#include "merge/recipe_parts.h"

void clade_recipe_parent_fini(clade_recipe_parent *parent)
{
    clade_free(parent->name);
    clade_free(parent->path);
}

void clade_recipe_free(clade_recipe *recipe)
{
    if (!recipe)
        return;
    if (recipe->base)
        clade_recipe_parent_fini(recipe->base);
    clade_free(recipe->base);
    for (size_t p = 0; recipe->parents && p < recipe->n_parents; p++)
        clade_recipe_parent_fini(&recipe->parents[p]);
    for (size_t r = 0; recipe->rules && r < recipe->n_rules; r++) {
        clade_rule *rule = &recipe->rules[r];
        for (size_t i = 0; rule->patterns && i < rule->n_patterns; i++)
            clade_free(rule->patterns[i]);
        clade_free(rule->patterns);
        clade_free(rule->site);
        clade_free(rule->parent);
    }
    clade_free(recipe->parents);
    clade_free(recipe->rules);
    clade_free(recipe);
}

static clade_status init_rule(const clade_recipe *recipe, clade_rule *rule)
{
    const clade_method *method = recipe->method;
    size_t n = method->n_parameters;
    rule->site = clade_calloc(n, sizeof *rule->site);
    rule->parent = clade_calloc(recipe->n_parents * n, sizeof *rule->parent);
    if (!rule->site || !rule->parent)
        return clade_fail_memory((recipe->n_parents + 1) * n * sizeof *rule->site, "the values of a recipe");
    for (size_t k = 0; k < n; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        bool per_parent = parameter->scope == CLADE_PER_PARENT;
        rule->site[k] = per_parent ? 0 : parameter->default_value;
        for (size_t p = 0; p < recipe->n_parents; p++)
            rule->parent[p * n + k] = per_parent ? parameter->default_value : 0;
    }
    return CLADE_OK;
}

clade_status clade_recipe_new(const clade_method *method, size_t n_parents, size_t n_rules, clade_recipe **recipe)
{
    *recipe = NULL;
    clade_recipe *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a recipe");
    made->method = method;
    made->n_parents = n_parents;
    made->n_rules = n_rules;
    made->parents = clade_calloc(n_parents, sizeof *made->parents);
    made->rules = clade_calloc(n_rules, sizeof *made->rules);
    clade_status status = CLADE_OK;
    if (!made->parents || !made->rules)
        status = clade_fail_memory(n_parents * sizeof *made->parents + n_rules * sizeof *made->rules, "a recipe");
    for (size_t r = 0; r < n_rules && status == CLADE_OK; r++)
        status = init_rule(made, &made->rules[r]);
    if (status != CLADE_OK) {
        clade_recipe_free(made);
        return status;
    }
    *recipe = made;
    return CLADE_OK;
}

/* ---- what must hold ---- */

/* Where a check is: "WHERE: rule 2: ". The list is cut after MOST_PROBLEMS, so that a bad recipe of many rules stays
 * readable. */
enum { MOST_PROBLEMS = 40 };

typedef struct checker {
    const clade_recipe *recipe;
    const char *where;
    clade_problems *problems;
} checker;

static void check_parent(const checker *self, const char *what, const clade_recipe_parent *parent)
{
    if (!parent->name || parent->name[0] == '\0')
        clade_problem(self->problems, "%s: %s has no name", self->where, what);
    if (!parent->path || parent->path[0] == '\0')
        clade_problem(self->problems, "%s: %s has no path", self->where, what);
}

static void check_parents(const checker *self)
{
    const clade_recipe *recipe = self->recipe;
    const clade_method *method = recipe->method;
    size_t n = recipe->n_parents;
    if (n < method->min_parents || n > method->max_parents)
        clade_problem(self->problems, "%s: found %zu parents, %s expects %zu to %zu", self->where, n, method->name,
                      method->min_parents, method->max_parents);
    if (method->needs_base && !recipe->base)
        clade_problem(self->problems, "%s: found no base, %s expects one", self->where, method->name);
    if (recipe->base)
        check_parent(self, "the base", recipe->base);
    for (size_t p = 0; p < n; p++) {
        char what[40];
        snprintf(what, sizeof what, "parent %zu", p);
        check_parent(self, what, &recipe->parents[p]);
        for (size_t q = 0; q < p && recipe->parents[p].name; q++)
            if (recipe->parents[q].name && strcmp(recipe->parents[p].name, recipe->parents[q].name) == 0)
                clade_problem(self->problems, "%s: two parents are named \"%s\"", self->where, recipe->parents[p].name);
    }
}

bool clade_parameter_allows(const clade_parameter *parameter, double value)
{
    return isfinite(value) && value >= parameter->low && value <= parameter->high &&
           (parameter->kind == CLADE_REAL || value == floor(value));
}

void clade_parameter_expected(const clade_parameter *parameter, clade_text *text)
{
    clade_text_append(text, parameter->kind == CLADE_REAL      ? "a number"
                            : parameter->kind == CLADE_BOOLEAN ? "true or false"
                                                               : "an integer");
    if (parameter->kind == CLADE_BOOLEAN)
        return;
    if (isfinite(parameter->low))
        clade_text_append(text, " from %g", parameter->low);
    if (isfinite(parameter->high))
        clade_text_append(text, " to %g", parameter->high);
}

static void check_value(const checker *self, size_t rule, size_t k, const char *parent, double value)
{
    const clade_parameter *parameter = &self->recipe->method->parameters[k];
    if (clade_parameter_allows(parameter, value))
        return;
    clade_text text = {0};
    clade_parameter_expected(parameter, &text);
    const char *of = parent ? " of " : "";
    if (isnan(value))
        clade_problem(self->problems, "%s: rule %zu: %s%s%s is not given, expected %s", self->where, rule,
                      parameter->name, of, parent ? parent : "", clade_text_get(&text));
    else
        clade_problem(self->problems, "%s: rule %zu: %s%s%s: found %g, expected %s", self->where, rule, parameter->name,
                      of, parent ? parent : "", value, clade_text_get(&text));
    clade_text_free(&text);
}

static void check_rule(const checker *self, size_t r)
{
    const clade_recipe *recipe = self->recipe;
    const clade_rule *rule = &recipe->rules[r];
    size_t n = recipe->method->n_parameters;
    if (rule->n_patterns == 0)
        clade_problem(self->problems, "%s: rule %zu: found no tensor patterns, expected one or more", self->where, r);
    for (size_t k = 0; k < n; k++) {
        const clade_parameter *parameter = &recipe->method->parameters[k];
        for (size_t p = 0; p < recipe->n_parents && parameter->scope == CLADE_PER_PARENT; p++)
            check_value(self, r, k, recipe->parents[p].name, rule->parent[p * n + k]);
        if (parameter->scope != CLADE_PER_PARENT)
            check_value(self, r, k, NULL, rule->site[k]);
        if (parameter->scope == CLADE_PER_RECIPE && rule->site[k] != recipe->rules[0].site[k])
            clade_problem(self->problems,
                          "%s: rule %zu: %s: found %g, expected %g as in rule 0: it has one value per recipe",
                          self->where, r, parameter->name, rule->site[k], recipe->rules[0].site[k]);
    }
}

static void check_dtype(const checker *self, const char *what, clade_dtype dtype)
{
    if (!clade_dtype_of(dtype)->mergeable)
        clade_problem(self->problems, "%s: %s: found %s, expected float32, float16, bfloat16 or float64", self->where,
                      what, clade_dtype_of(dtype)->name);
}

void clade_recipe_check(const clade_recipe *recipe, const char *where, clade_problems *problems)
{
    checker self = {recipe, where, problems};
    check_parents(&self);
    if (recipe->has_dtype)
        check_dtype(&self, "dtype", recipe->dtype);
    if (recipe->has_out_dtype)
        check_dtype(&self, "out_dtype", recipe->out_dtype);
    if (recipe->n_rules == 0)
        clade_problem(problems, "%s: found no rules, expected one or more", where);
    for (size_t r = 0; r < recipe->n_rules; r++) {
        if (problems->count > MOST_PROBLEMS) {
            clade_problem(problems, "%s: rules %zu to %zu were not checked", where, r, recipe->n_rules - 1);
            return;
        }
        check_rule(&self, r);
    }
}

/* ---- which rule ---- */

bool clade_pattern_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL; /* behind the last '*', and where in TEXT its match ends for now */
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

const clade_rule *clade_recipe_rule(const clade_recipe *recipe, const char *tensor_name)
{
    for (size_t r = 0; r < recipe->n_rules; r++)
        for (size_t i = 0; i < recipe->rules[r].n_patterns; i++)
            if (clade_pattern_matches(recipe->rules[r].patterns[i], tensor_name))
                return &recipe->rules[r];
    return NULL;
}
