/* What mergekit's parameters mean for each tensor.
 *
 * A setting is a number, a gradient (a list of numbers, linear over the layers: position t (n - 1), where t is layer /
 * (layers - 1), 1 in a model of one layer and 0 for all tensors outside the layers), or conditions {filter, value} of
 * which the first whose filter is in the tensor's name holds. A parent's value comes from its own parameters, else,
 * when nothing is said there for the tensor, from the top level. Tensors of equal values become one rule.
 *
 * Stricter than mergekit, which ignores what it does not know: unknown names are errors, and so is a parameter where it
 * is not read. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clade/hash.h"
#include "merge/mergekit.h"
#include "merge/methods.h"

enum { MOST_ITEMS = 1024 }; /* of a gradient or a list of conditions */

void clade_mergekit_problem(const clade_mergekit *file, const clade_yaml_node *node, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    clade_problem(file->problems, "%s:%zu: %s", file->name, node->line, message);
}

/* ---- the form of settings ---- */

static bool is_gradient(const clade_yaml_node *node)
{
    double ignored;
    bool numbers = node->kind == CLADE_YAML_SEQUENCE && node->count > 0 && node->count <= MOST_ITEMS;
    for (size_t i = 0; numbers && i < node->count; i++)
        numbers = clade_yaml_number(node->entries[i].value, &ignored);
    return numbers;
}

static bool is_value(const clade_yaml_node *node)
{
    double ignored;
    return node && (clade_yaml_number(node, &ignored) || is_gradient(node));
}

static void check_condition(const clade_mergekit *file, const char *name, const clade_yaml_node *node)
{
    const clade_yaml_node *filter = clade_yaml_get(node, "filter");
    for (size_t i = 0; i < node->count; i++) {
        const char *key = node->entries[i].key->text;
        if (strcmp(key, "filter") != 0 && strcmp(key, "value") != 0)
            clade_mergekit_problem(file, node->entries[i].key, "%s: found \"%.60s\", expected \"filter\" or \"value\"",
                                   name, key);
    }
    if (filter && filter->kind != CLADE_YAML_SCALAR)
        clade_mergekit_problem(file, filter, "%s: the filter is not a text", name);
    if (!is_value(clade_yaml_get(node, "value")))
        clade_mergekit_problem(file, node,
                               "%s: expected \"value: NUMBER\" or \"value: [NUMBER, ...]\" in the condition", name);
}

static void check_setting(const clade_mergekit *file, const char *name, const clade_yaml_node *node)
{
    if (clade_yaml_is_null(node) || is_value(node))
        return;
    if (node->kind == CLADE_YAML_MAPPING) {
        check_condition(file, name, node);
        return;
    }
    bool conditions = node->kind == CLADE_YAML_SEQUENCE && node->count > 0 && node->count <= MOST_ITEMS;
    for (size_t i = 0; conditions && i < node->count; i++)
        conditions = node->entries[i].value->kind == CLADE_YAML_MAPPING;
    for (size_t i = 0; conditions && i < node->count; i++)
        check_condition(file, name, node->entries[i].value);
    if (!conditions)
        clade_mergekit_problem(
            file, node,
            "%s: expected a number, a list of numbers, or a list of {filter: TEXT, value: NUMBER}, of at "
            "most %d items",
            name, MOST_ITEMS);
}

/* ---- names of parameters ---- */

typedef struct names {
    const char *list[CLADE_MAX_PARAMETERS + 1];
    size_t count;
} names;

static bool contains(const names *known, const char *name)
{
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->list[i], name) == 0)
            return true;
    return false;
}

/* What mergekit's method of that name reads: SLERP has t instead of weights; int8_mask saves it memory and changes
 * nothing. */
static names names_of(const clade_method *method, bool of_models)
{
    names known = {.count = 0};
    bool slerp = method == &clade_method_slerp;
    for (size_t k = 0; k < method->n_parameters && !slerp; k++)
        if (!of_models || method->parameters[k].scope == CLADE_PER_PARENT)
            known.list[known.count++] = method->parameters[k].name;
    if (slerp && !of_models)
        known.list[known.count++] = "t";
    if (method->needs_base && !of_models)
        known.list[known.count++] = "int8_mask";
    return known;
}

static void check_names(const clade_mergekit *file, const clade_yaml_node *parameters, bool of_model)
{
    names known = names_of(file->method, of_model), top = names_of(file->method, false);
    if (clade_yaml_is_null(parameters))
        return;
    if (parameters->kind != CLADE_YAML_MAPPING) {
        clade_mergekit_problem(file, parameters, "parameters: expected names and values");
        return;
    }
    for (size_t i = 0; i < parameters->count; i++) {
        const clade_yaml_node *key = parameters->entries[i].key;
        if (contains(&known, key->text)) {
            check_setting(file, key->text, parameters->entries[i].value);
        } else if (contains(&top, key->text)) {
            clade_mergekit_problem(file, key,
                                   "%s is read from the top-level parameters only (mergekit ignores it under a "
                                   "model); move it there or remove it",
                                   key->text);
        } else {
            clade_text hint = {0};
            clade_append_suggestion(&hint, key->text, known.list, known.count);
            clade_mergekit_problem(file, key, "%s has no parameter \"%.60s\"%s (mergekit ignores it)%s",
                                   file->method->name, key->text, of_model ? " of a model" : "", clade_text_get(&hint));
            clade_text_free(&hint);
        }
    }
}

void clade_mergekit_check_parameters(const clade_mergekit *file)
{
    check_names(file, file->parameters, false);
    for (size_t p = 0; p < file->n_models; p++)
        check_names(file, file->models[p].parameters, true);
}

/* ---- values ---- */

/* A tensor as settings see it. */
typedef struct place {
    const char *name;
    double t;
} place;

static double value_at(const clade_yaml_node *node, double t)
{
    double value = 0, next = 0;
    if (node->kind == CLADE_YAML_SCALAR) {
        clade_yaml_number(node, &value);
        return value;
    }
    double position = t * (double)(node->count - 1);
    size_t i = (size_t)position, j = i + 1 < node->count ? i + 1 : i;
    double fraction = position - (double)i;
    clade_yaml_number(node->entries[i].value, &value);
    clade_yaml_number(node->entries[j].value, &next);
    return (1 - fraction) * value + fraction * next;
}

static bool condition_holds(const clade_yaml_node *condition, const char *name)
{
    const clade_yaml_node *filter = clade_yaml_get(condition, "filter");
    return clade_yaml_is_null(filter) || strcmp(filter->text, "*") == 0 || strstr(name, filter->text) != NULL;
}

/* The value of a checked setting for a tensor; false when it says nothing. */
static bool evaluate(const clade_yaml_node *setting, const place *tensor, double *out)
{
    if (clade_yaml_is_null(setting))
        return false;
    if (is_value(setting)) {
        *out = value_at(setting, tensor->t);
        return true;
    }
    bool single = setting->kind == CLADE_YAML_MAPPING;
    for (size_t i = 0; i < (single ? 1 : setting->count); i++) {
        const clade_yaml_node *condition = single ? setting : setting->entries[i].value;
        if (condition_holds(condition, tensor->name)) {
            *out = value_at(clade_yaml_get(condition, "value"), tensor->t);
            return true;
        }
    }
    return false;
}

/* The value of NAME for a tensor: under the model (NULL: of none) first, then at the top. */
static bool look_up(const clade_mergekit *file, const clade_mergekit_model *model, const char *name,
                    const place *tensor, double *out)
{
    return (model && evaluate(clade_yaml_get(model->parameters, name), tensor, out)) ||
           evaluate(clade_yaml_get(file->parameters, name), tensor, out);
}

/* The values of one rule: site (n_parameters), then parents (n_models, n_parameters), as in clade_rule. False, and a
 * problem, when one that mergekit requires is not there. */
static bool fill(const clade_mergekit *file, const place *tensor, double *values)
{
    const clade_method *method = file->method;
    size_t n = method->n_parameters;
    if (method == &clade_method_slerp) {
        double t = 0;
        bool found = look_up(file, NULL, "t", tensor, &t);
        size_t weight = clade_method_parameter(method, "weight");
        values[n + weight] = 1 - t;
        values[2 * n + weight] = t;
        if (!found)
            clade_problem(file->problems, "%s: tensor %s: found no t in the top-level parameters, slerp expects one",
                          file->name, tensor->name);
        return found;
    }
    for (size_t k = 0; k < n; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        bool per_parent = parameter->scope == CLADE_PER_PARENT;
        for (size_t p = 0; p < (per_parent ? file->n_models : 1); p++) {
            double *out = per_parent ? &values[(p + 1) * n + k] : &values[k];
            if (look_up(file, per_parent ? &file->models[p] : NULL, parameter->name, tensor, out)) {
                if (parameter->kind == CLADE_BOOLEAN)
                    *out = *out != 0; /* as mergekit, for which every parameter is a number */
            } else if (strcmp(parameter->name, "weight") == 0) {
                clade_problem(file->problems,
                              "%s: tensor %s: model %s has no weight, %s expects one there or in the "
                              "top-level parameters",
                              file->name, tensor->name, file->models[p].path, method->name);
                return false;
            } else {
                *out = parameter->default_value;
            }
        }
    }
    return true;
}

/* ---- rules ---- */

static bool varies(const clade_yaml_node *parameters)
{
    double ignored;
    for (size_t i = 0; parameters && i < parameters->count; i++) {
        const clade_yaml_node *value = parameters->entries[i].value;
        if (!clade_yaml_is_null(value) && !clade_yaml_number(value, &ignored))
            return true;
    }
    return false;
}

static bool any_varies(const clade_mergekit *file)
{
    bool found = varies(file->parameters);
    for (size_t p = 0; p < file->n_models; p++)
        found = found || varies(file->models[p].parameters);
    return found;
}

/* All tensors, their values, and which come first with them. */
typedef struct table {
    size_t count, width, n_groups;
    const char **names;  /* (count), owned; the names borrowed */
    clade_depth *depths; /* (count), owned */
    double *values;      /* (count, width), owned */
    size_t *group;       /* (count), owned: the rule of each tensor */
} table;

static void free_table(table *all)
{
    clade_free(all->names);
    clade_free(all->depths);
    clade_free(all->values);
    clade_free(all->group);
}

static bool make_table(table *all, size_t count, size_t width)
{
    *all = (table){.count = count, .width = width};
    all->names = clade_calloc(count, sizeof(const char *));
    all->depths = clade_calloc(count, sizeof *all->depths);
    all->group = clade_calloc(count, sizeof *all->group);
    all->values = width <= SIZE_MAX / sizeof(double) ? clade_calloc(count, width * sizeof(double)) : NULL;
    return all->names && all->depths && all->group && all->values;
}

static double position_of(clade_depth depth)
{
    if (depth.block < 0 || depth.block >= depth.n_blocks)
        return 0;
    return depth.n_blocks == 1 ? 1 : (double)depth.block / (double)(depth.n_blocks - 1);
}

/* Fill the values and number the groups of equal ones in order of appearance. */
static clade_status group_tensors(const clade_mergekit *file, table *all)
{
    size_t bytes = all->width * sizeof(double);
    uint64_t *keys = clade_calloc(all->count, sizeof *keys);
    if (!keys)
        return clade_fail_memory(all->count * sizeof *keys, "the values of tensors");
    for (size_t i = 0; i < all->count; i++) {
        double *values = all->values + i * all->width;
        const place tensor = {all->names[i], position_of(all->depths[i])};
        if (!fill(file, &tensor, values))
            break;
        keys[i] = clade_xxh64(values, bytes, 0);
        size_t j = 0;
        while (keys[j] != keys[i] || memcmp(all->values + j * all->width, values, bytes) != 0)
            j++;
        all->group[i] = j < i ? all->group[j] : all->n_groups++;
    }
    clade_free(keys);
    return CLADE_OK;
}

static bool add_pattern(clade_rule *rule, const char *pattern)
{
    rule->patterns[rule->n_patterns] = clade_strdup(pattern);
    return rule->patterns[rule->n_patterns++] != NULL;
}

/* Each group as a rule; one group is a uniform recipe. */
static bool fill_rules(const table *all, size_t n_models, clade_recipe *recipe)
{
    size_t n = recipe->method->n_parameters;
    for (size_t r = 0; r < recipe->n_rules; r++) {
        size_t members = 0;
        clade_rule *rule = &recipe->rules[r];
        for (size_t i = 0; i < all->count; i++)
            members += all->group[i] == r;
        rule->patterns = clade_calloc(members, sizeof *rule->patterns);
        if (!rule->patterns)
            return false;
        for (size_t i = 0; i < all->count; i++) {
            if (all->group[i] != r)
                continue;
            memcpy(rule->site, all->values + i * all->width, n * sizeof(double));
            memcpy(rule->parent, all->values + i * all->width + n, n_models * n * sizeof(double));
            if (recipe->n_rules == 1)
                return add_pattern(rule, "*");
            if (!add_pattern(rule, all->names[i]))
                return false;
        }
    }
    return true;
}

static clade_status make_recipe(const clade_mergekit *file, table *all, clade_recipe **recipe)
{
    size_t before = file->problems->count;
    clade_recipe *made;
    CLADE_TRY(group_tensors(file, all));
    if (file->problems->count > before)
        return CLADE_OK;
    CLADE_TRY(clade_recipe_new(file->method, file->n_models, all->n_groups, &made));
    if (!fill_rules(all, file->n_models, made)) {
        clade_recipe_free(made);
        return clade_fail_memory(all->count * sizeof(char *), "the rules of a recipe");
    }
    *recipe = made;
    return CLADE_OK;
}

clade_status clade_mergekit_rules(const clade_mergekit *file, const char *like, clade_recipe **recipe)
{
    table all = {0};
    clade_checkpoint *checkpoint = NULL;
    clade_status status = CLADE_OK;
    size_t count = 1;
    *recipe = NULL;
    if (any_varies(file)) {
        CLADE_TRY(clade_checkpoint_open(like, &checkpoint));
        count = clade_checkpoint_count(checkpoint);
    }
    if (!make_table(&all, count, (file->n_models + 1) * file->method->n_parameters)) {
        status = clade_fail_memory(count * sizeof(double), "the values of tensors");
    } else if (checkpoint) {
        for (size_t i = 0; i < count; i++)
            all.names[i] = clade_checkpoint_at(checkpoint, i)->name;
        status = clade_depths_of(all.names, count, all.depths);
    } else {
        all.names[0] = "*"; /* stands for every tensor: no setting looks at it */
    }
    if (status == CLADE_OK)
        status = make_recipe(file, &all, recipe);
    free_table(&all);
    clade_checkpoint_close(checkpoint);
    return status;
}
