/* Merging adapters into one adapter: the parents' modules side by side, one after the other through
 * clade_adapter_combine with the weights that the recipe's rules give the tensor. */
#include <stdlib.h>
#include <string.h>

#include "clade/recipe.h"
#include "merge/adapter_combine.h"

/* A module of a parent. */
typedef struct owned_module {
    const clade_adapter_module *module;
    size_t parent;
} owned_module;

/* One call of clade_adapters_merge. */
typedef struct adapter_merge {
    const clade_recipe *recipe;
    const clade_adapter_rule *rule;
    clade_adapter **parents; /* (n_parents), owned */
    owned_module *modules;   /* (n_modules), owned: of all parents, by tensor and then parent */
    size_t n_modules;
    clade_arena arena;
    clade_adapter *merged; /* owned */
} adapter_merge;

bool clade_adapters_stay(const clade_recipe *recipe)
{
    return recipe->n_rules > 0 && recipe->rules[0].site[recipe->method->adapters->output] != 0;
}

/* ---- the parents ---- */

/* Opened, or a problem in the list; fails only without memory and the like. */
static clade_status open_parent(adapter_merge *m, size_t p, clade_problems *problems)
{
    const clade_recipe_parent *parent = &m->recipe->parents[p];
    const char *path = parent->adapter.path ? parent->adapter.path : parent->path;
    if (!path || (parent->adapter.path && parent->path)) {
        clade_problem(problems, "parent %s: found %s, expected an adapter alone: method %s merges adapters",
                      parent->name, path ? "a model with an adapter" : "neither path nor adapter",
                      m->recipe->method->name);
        return CLADE_OK;
    }
    clade_status status = clade_adapter_open(path, &m->parents[p]);
    if (status != CLADE_EINPUT)
        return status;
    clade_problem(problems, "%s", clade_error_message());
    return CLADE_OK;
}

static clade_status open_parents(adapter_merge *m)
{
    clade_problems problems = {0};
    clade_status status = CLADE_OK;
    m->parents = clade_calloc(m->recipe->n_parents, sizeof *m->parents);
    if (!m->parents)
        return clade_fail_memory(m->recipe->n_parents * sizeof *m->parents, "the adapters of a recipe");
    for (size_t p = 0; p < m->recipe->n_parents && status == CLADE_OK; p++)
        status = open_parent(m, p, &problems);
    if (status == CLADE_OK)
        return clade_problems_end(&problems, CLADE_EINPUT);
    clade_text_free(&problems.text);
    return status;
}

static clade_status check_base(const adapter_merge *m, const clade_checkpoint *base)
{
    clade_problems problems = {0};
    if (!base && !clade_adapters_stay(m->recipe))
        return clade_fail(CLADE_ECONFIG,
                          "method %s: found no base, expected one to add the merged adapter to, or \"output\": "
                          "\"adapter\"",
                          m->recipe->method->name);
    for (size_t p = 0; p < m->recipe->n_parents && base; p++)
        clade_adapter_check(m->parents[p], base, &problems);
    return clade_problems_end(&problems, CLADE_EINCOMPATIBLE);
}

static int by_tensor(const void *x, const void *y)
{
    const owned_module *a = x, *b = y;
    int order = strcmp(a->module->tensor, b->module->tensor);
    return order ? order : (a->parent > b->parent) - (a->parent < b->parent);
}

static clade_status list_modules(adapter_merge *m)
{
    size_t count = 0;
    for (size_t p = 0; p < m->recipe->n_parents; p++)
        count += clade_adapter_count(m->parents[p]);
    m->modules = clade_calloc(count, sizeof *m->modules);
    if (!m->modules)
        return clade_fail_memory(count * sizeof *m->modules, "the modules of all adapters");
    for (size_t p = 0; p < m->recipe->n_parents; p++)
        for (size_t i = 0; i < clade_adapter_count(m->parents[p]); i++)
            m->modules[m->n_modules++] = (owned_module){clade_adapter_at(m->parents[p], i), p};
    qsort(m->modules, m->n_modules, sizeof *m->modules, by_tensor);
    return CLADE_OK;
}

/* ---- one module ---- */

/* The first module behind FIRST that is of another tensor. */
static size_t end_of_group(const adapter_merge *m, size_t first)
{
    size_t last = first + 1;
    while (last < m->n_modules && strcmp(m->modules[first].module->tensor, m->modules[last].module->tensor) == 0)
        last++;
    return last;
}

/* Two adapters change the same tensor in the same way. */
static bool same_place(const clade_adapter_module *a, const clade_adapter_module *b)
{
    return a->kind == b->kind && a->delta.transposed == b->delta.transposed && a->stored_rank == b->stored_rank &&
           memcmp(a->stored_shape + 1, b->stored_shape + 1, (a->stored_rank - 1) * sizeof *a->stored_shape) == 0 &&
           a->delta.b->shape[0] == b->delta.b->shape[0];
}

/* The parts of modules FIRST .. LAST - 1 whose parents take part; a rule for the tensor is there. PARTS has room for
 * all parents. Adds problems. */
static size_t parts_of(const adapter_merge *m, size_t first, size_t last, clade_adapter_part *parts,
                       clade_problems *problems)
{
    const clade_adapter_module *one = m->modules[first].module;
    const clade_rule *rule = clade_recipe_rule(m->recipe, one->tensor);
    bool equal_ranks = m->rule->combination == CLADE_ADAPTER_LINEAR || m->rule->combination == CLADE_ADAPTER_HUB;
    size_t count = 0;
    for (size_t i = first; i < last; i++) {
        const clade_adapter_module *module = m->modules[i].module;
        size_t p = m->modules[i].parent;
        if (rule->only && !rule->only[p])
            continue;
        if (count > 0 && !same_place(parts[0].module, module))
            clade_problem(problems,
                          "tensor %s: the factors of %s have other shapes than those of %s, or are stored in "
                          "another order (fan_in_fan_out)",
                          one->tensor, m->recipe->parents[p].name, m->recipe->parents[m->modules[first].parent].name);
        else if (count > 0 && equal_ranks && parts[0].module->delta.a->shape[0] != module->delta.a->shape[0])
            clade_problem(problems,
                          "tensor %s: %s has rank %llu, expected %llu as in the others: method %s needs equal "
                          "ranks; lora_cat and lora_svd do not",
                          one->tensor, m->recipe->parents[p].name, (unsigned long long)module->delta.a->shape[0],
                          (unsigned long long)parts[0].module->delta.a->shape[0], m->recipe->method->name);
        parts[count++] =
            (clade_adapter_part){module, rule->parent[p * m->recipe->method->n_parameters + m->rule->weight]};
    }
    return count;
}

/* ---- all of them ---- */

/* The modules must have rules, and go together. */
static clade_status check_modules(const adapter_merge *m, clade_adapter_part *parts, size_t *n_tensors)
{
    clade_problems without_rule = {0}, problems = {0};
    for (size_t first = 0, last; first < m->n_modules; first = last) {
        const char *tensor = m->modules[first].module->tensor;
        last = end_of_group(m, first);
        if (clade_recipe_rule(m->recipe, tensor))
            parts_of(m, first, last, parts, &problems);
        else
            clade_problem(&without_rule, "tensor %s: no rule of the recipe matches it", tensor);
        ++*n_tensors;
    }
    clade_status status = clade_problems_end(&without_rule, CLADE_ECONFIG);
    if (status == CLADE_OK)
        return clade_problems_end(&problems, CLADE_EINCOMPATIBLE);
    clade_text_free(&problems.text);
    return status;
}

static clade_status merge_modules(adapter_merge *m, clade_adapter_part *parts)
{
    clade_problems none = {0};
    size_t rank = 0, n_tensors = 0;
    CLADE_TRY(check_modules(m, parts, &n_tensors));
    CLADE_TRY(clade_adapter_new(n_tensors, &m->merged));
    if (m->rule->combination == CLADE_ADAPTER_SVD)
        rank = (size_t)m->recipe->rules[0].site[m->rule->rank];
    for (size_t first = 0, last; first < m->n_modules; first = last) {
        last = end_of_group(m, first);
        size_t count = parts_of(m, first, last, parts, &none);
        if (count > 0)
            CLADE_TRY(clade_adapter_combine(m->rule->combination, parts, count, rank, &m->arena, m->merged));
    }
    for (size_t p = 0; p < m->recipe->n_parents; p++)
        CLADE_TRY(clade_adapter_name_like(m->merged, m->parents[p]));
    return CLADE_OK;
}

static clade_status merge_all(adapter_merge *m, const clade_checkpoint *base)
{
    CLADE_TRY(open_parents(m));
    CLADE_TRY(check_base(m, base));
    CLADE_TRY(list_modules(m));
    clade_adapter_part *parts = clade_calloc(m->recipe->n_parents, sizeof *parts);
    if (!parts)
        return clade_fail_memory(m->recipe->n_parents * sizeof *parts, "the parts of a module");
    clade_status status = merge_modules(m, parts);
    clade_free(parts);
    return status;
}

clade_status clade_adapters_merge(const clade_recipe *recipe, const clade_checkpoint *base, clade_adapter **merged)
{
    *merged = NULL;
    if (!recipe->method->adapters || recipe->n_rules == 0)
        return clade_fail(CLADE_EINTERNAL, "method %s: does not merge adapters, or has no rule", recipe->method->name);
    adapter_merge m = {.recipe = recipe, .rule = recipe->method->adapters};
    clade_status status = merge_all(&m, base);
    for (size_t p = 0; p < recipe->n_parents && m.parents; p++)
        clade_adapter_close(m.parents[p]);
    clade_free(m.parents);
    clade_free(m.modules);
    clade_arena_free(&m.arena);
    if (status == CLADE_OK)
        *merged = m.merged;
    else
        clade_adapter_close(m.merged);
    return status;
}
