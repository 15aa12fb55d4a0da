/* The recipe as a value: room for it, and which rule holds for a tensor. */
#include "clade/recipe.h"

#include <string.h>

#include "clade/alloc.h"
#include "merge/recipe_parts.h"

void clade_recipe_parent_fini(clade_recipe_parent *parent)
{
    clade_free(parent->name);
    clade_free(parent->path);
    clade_free(parent->adapter.path);
    clade_free(parent->statistics.path);
}

static void rule_fini(clade_rule *rule)
{
    for (size_t i = 0; rule->patterns && i < rule->n_patterns; i++)
        clade_free(rule->patterns[i]);
    clade_free(rule->patterns);
    clade_free(rule->only);
    clade_free(rule->site);
    clade_free(rule->parent);
}

static void stack_fini(clade_recipe_stack *stack)
{
    for (size_t i = 0; stack->slices && i < stack->n_slices; i++)
        clade_free(stack->slices[i].first);
    clade_free(stack->slices);
    clade_free(stack->blocks);
}

static void vocabulary_fini(clade_recipe_vocabulary *vocabulary)
{
    for (size_t i = 0; vocabulary->tokens && i < vocabulary->n_tokens; i++) {
        clade_free(vocabulary->tokens[i].token);
        clade_free(vocabulary->tokens[i].like);
    }
    clade_free(vocabulary->tokens);
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
    for (size_t r = 0; recipe->rules && r < recipe->n_rules; r++)
        rule_fini(&recipe->rules[r]);
    for (size_t s = 0; recipe->stacks && s < recipe->n_stacks; s++)
        stack_fini(&recipe->stacks[s]);
    vocabulary_fini(&recipe->vocabulary);
    clade_free(recipe->parents);
    clade_free(recipe->rules);
    clade_free(recipe->stacks);
    clade_free(recipe->chat_template);
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
    made->files_from = SIZE_MAX;
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

bool clade_recipe_stack_init(const clade_recipe *recipe, clade_recipe_stack *stack, size_t n_slices)
{
    stack->slices = clade_calloc(n_slices, sizeof *stack->slices);
    stack->n_slices = stack->slices ? n_slices : 0;
    for (size_t i = 0; i < stack->n_slices; i++) {
        int *first = clade_malloc((recipe->n_parents + 1) * sizeof *first);
        stack->slices[i].first = first;
        if (!first)
            return false;
        for (size_t p = 0; p <= recipe->n_parents; p++)
            first[p] = -1;
    }
    return stack->slices != NULL;
}

size_t clade_rule_parents(const clade_recipe *recipe, const clade_rule *rule)
{
    size_t count = 0;
    for (size_t p = 0; p < recipe->n_parents; p++)
        count += !rule->only || rule->only[p];
    return count;
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
