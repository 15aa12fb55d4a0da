/* What a setting may look like, and what it says for a tensor.
 *
 * A setting is a number, a gradient (a list of numbers, linear over the layers: position t (n - 1)), or conditions
 * {filter, value} of which the first whose filter is in the tensor's name holds. Where nothing is said for a tensor,
 * the next level is asked: source, slice, module, top.
 *
 * Stricter than mergekit, which ignores what it does not know: unknown names are errors, and so is a parameter where it
 * is not read. Choices, which only Clade has, take names. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "merge/mergekit.h"

enum { MOST_ITEMS = 16384 }; /* of a gradient or a list of conditions */

void clade_mergekit_problem(const clade_mergekit *file, const clade_yaml_node *node, const char *format, ...)
{
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    clade_problem(file->problems, "%s:%zu: %s", file->name, node->line, message);
}

bool clade_mergekit_only(const clade_mergekit *file, const clade_yaml_node *node, const char *what,
                         const char *const *known, size_t count)
{
    if (node->kind != CLADE_YAML_MAPPING) {
        clade_mergekit_problem(file, node, "found no mapping, expected %s with \"%s: ...\"", what, known[0]);
        return false;
    }
    for (size_t i = 0; i < node->count && file->problems->count <= CLADE_MOST_PROBLEMS; i++) {
        const clade_yaml_node *key = node->entries[i].key;
        bool found = false;
        for (size_t k = 0; k < count; k++)
            found = found || strcmp(known[k], key->text) == 0;
        if (found)
            continue;
        clade_text hint = {0};
        clade_append_suggestion(&hint, key->text, known, count);
        clade_mergekit_problem(file, key, "unknown key \"%.60s\"%s", key->text, clade_text_get(&hint));
        clade_text_free(&hint);
    }
    return true;
}

/* ---- the form of settings ---- */

static bool scalar_value(const clade_parameter *parameter, const clade_yaml_node *node, double *out)
{
    size_t count = parameter ? clade_parameter_choices(parameter) : 0;
    if (count == 0)
        return clade_yaml_number(node, out);
    for (size_t i = 0; i < count && node->kind == CLADE_YAML_SCALAR; i++)
        if (strcmp(parameter->choices[i], node->text) == 0) {
            *out = (double)i;
            return true;
        }
    return false;
}

static bool is_value(const clade_parameter *parameter, const clade_yaml_node *node)
{
    double ignored;
    if (!node)
        return false;
    if (node->kind != CLADE_YAML_SEQUENCE || (parameter && parameter->kind == CLADE_CHOICE))
        return scalar_value(parameter, node, &ignored);
    bool numbers = node->count > 0 && node->count <= MOST_ITEMS;
    for (size_t i = 0; numbers && i < node->count; i++)
        numbers = clade_yaml_number(node->entries[i].value, &ignored);
    return numbers;
}

/* "NUMBER", or the names of a choice. */
static void append_expected(const clade_parameter *parameter, clade_text *text)
{
    if (parameter && parameter->kind == CLADE_CHOICE)
        clade_parameter_expected(parameter, text);
    else
        clade_text_append(text, "NUMBER\" or \"value: [NUMBER, ...]");
}

static void check_condition(const clade_mergekit *file, const char *name, const clade_parameter *parameter,
                            const clade_yaml_node *node)
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
    if (is_value(parameter, clade_yaml_get(node, "value")))
        return;
    clade_text expected = {0};
    append_expected(parameter, &expected);
    clade_mergekit_problem(file, node, "%s: expected \"value: %s\" in the condition", name, clade_text_get(&expected));
    clade_text_free(&expected);
}

static void refuse_setting(const clade_mergekit *file, const char *name, const clade_parameter *parameter,
                           const clade_yaml_node *node)
{
    clade_text expected = {0};
    if (parameter && parameter->kind == CLADE_CHOICE)
        clade_parameter_expected(parameter, &expected);
    else
        clade_text_append(&expected, "a number, a list of numbers");
    clade_mergekit_problem(file, node, "%s: expected %s, or a list of {filter: TEXT, value: %s}, of at most %d items",
                           name, clade_text_get(&expected),
                           parameter && parameter->kind == CLADE_CHOICE ? "NAME" : "NUMBER", MOST_ITEMS);
    clade_text_free(&expected);
}

static void check_setting(const clade_mergekit *file, const char *name, const clade_parameter *parameter,
                          const clade_yaml_node *node)
{
    if (clade_yaml_is_null(node) || is_value(parameter, node))
        return;
    if (node->kind == CLADE_YAML_MAPPING) {
        check_condition(file, name, parameter, node);
        return;
    }
    bool conditions = node->kind == CLADE_YAML_SEQUENCE && node->count > 0 && node->count <= MOST_ITEMS;
    for (size_t i = 0; conditions && i < node->count; i++)
        conditions = node->entries[i].value->kind == CLADE_YAML_MAPPING;
    for (size_t i = 0; conditions && i < node->count; i++)
        check_condition(file, name, parameter, node->entries[i].value);
    if (!conditions)
        refuse_setting(file, name, parameter, node);
}

/* ---- names of parameters ---- */

typedef struct names {
    const char *list[CLADE_MAX_PARAMETERS + 2];
    size_t count;
} names;

static bool contains(const names *known, const char *name)
{
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->list[i], name) == 0)
            return true;
    return false;
}

/* SLERP has t instead of weights. */
static names names_of(const clade_mergekit *file, bool of_source)
{
    const clade_method *method = file->method;
    names known = {.count = 0};
    bool slerp = strcmp(method->name, "slerp") == 0;
    for (size_t k = 0; k < method->n_parameters && !slerp; k++)
        if (!of_source || method->parameters[k].scope == CLADE_PER_PARENT)
            known.list[known.count++] = method->parameters[k].name;
    if (slerp && !of_source)
        known.list[known.count++] = "t";
    if (file->known && file->known->int8_mask && !of_source)
        known.list[known.count++] = "int8_mask";
    return known;
}

static void refuse_name(const clade_mergekit *file, const clade_yaml_node *key, const names *known, bool of_source)
{
    names shared = names_of(file, false);
    if (contains(&shared, key->text)) {
        clade_mergekit_problem(file, key,
                               "%s is read from the top-level parameters only, or a slice's (mergekit ignores it under "
                               "a model); move it there or remove it",
                               key->text);
        return;
    }
    clade_text hint = {0};
    clade_append_suggestion(&hint, key->text, known->list, known->count);
    clade_mergekit_problem(file, key, "%s has no parameter \"%.60s\"%s (mergekit ignores it)%s", file->method->name,
                           key->text, of_source ? " of a model" : "", known->count > 0 ? clade_text_get(&hint) : "");
    clade_text_free(&hint);
}

static void check_parameters(const clade_mergekit *file, const clade_yaml_node *parameters, bool of_source)
{
    const clade_method *method = file->method;
    names known = names_of(file, of_source);
    if (clade_yaml_is_null(parameters))
        return;
    if (parameters->kind != CLADE_YAML_MAPPING) {
        clade_mergekit_problem(file, parameters, "parameters: expected names and values");
        return;
    }
    for (size_t i = 0; i < parameters->count && file->problems->count <= CLADE_MOST_PROBLEMS; i++) {
        const clade_yaml_node *key = parameters->entries[i].key;
        size_t k = clade_method_parameter(method, key->text);
        if (contains(&known, key->text))
            check_setting(file, key->text, k < method->n_parameters ? &method->parameters[k] : NULL,
                          parameters->entries[i].value);
        else
            refuse_name(file, key, &known, of_source);
    }
}

static bool varies(const clade_yaml_node *parameters)
{
    for (size_t i = 0; parameters && i < parameters->count; i++)
        if (parameters->entries[i].value->kind != CLADE_YAML_SCALAR)
            return true;
    return false;
}

void clade_mergekit_check_parameters(const clade_mergekit *file)
{
    check_parameters(file, file->parameters, false);
    for (size_t m = 0; m < file->n_modules; m++) {
        const clade_mergekit_module *module = &file->modules[m];
        check_parameters(file, module->parameters, false);
        for (size_t i = 0; i < module->n_slices; i++) {
            check_parameters(file, module->slices[i].parameters, false);
            for (size_t s = 0; s < module->slices[i].n_sources; s++)
                check_parameters(file, module->slices[i].sources[s].parameters, true);
        }
    }
}

bool clade_mergekit_varies(const clade_mergekit *file)
{
    bool found = varies(file->parameters) || file->n_modules > 1 || file->stacked;
    for (size_t m = 0; m < file->n_modules && !found; m++) {
        const clade_mergekit_module *module = &file->modules[m];
        found = varies(module->parameters) || strcmp(module->name, "default") != 0;
        for (size_t s = 0; s < module->slices[0].n_sources; s++)
            found = found || varies(module->slices[0].sources[s].parameters);
    }
    return found;
}

/* ---- values ---- */

static double value_at(const clade_parameter *parameter, const clade_yaml_node *node, double t)
{
    double value = 0, next = 0;
    if (node->kind == CLADE_YAML_SCALAR) {
        scalar_value(parameter, node, &value);
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
static bool evaluate(const clade_yaml_node *setting, const clade_parameter *parameter,
                     const clade_mergekit_place *place, double *out)
{
    if (clade_yaml_is_null(setting))
        return false;
    if (is_value(parameter, setting)) {
        *out = value_at(parameter, setting, place->t);
        return true;
    }
    bool single = setting->kind == CLADE_YAML_MAPPING;
    for (size_t i = 0; i < (single ? 1 : setting->count); i++) {
        const clade_yaml_node *condition = single ? setting : setting->entries[i].value;
        if (condition_holds(condition, place->name)) {
            *out = value_at(parameter, clade_yaml_get(condition, "value"), place->t);
            return true;
        }
    }
    return false;
}

bool clade_mergekit_value(const clade_mergekit *file, const clade_mergekit_source *source, const char *name,
                          const clade_parameter *parameter, const clade_mergekit_place *place, double *out)
{
    const clade_yaml_node *const levels[] = {source ? source->parameters : NULL, place->slice->parameters,
                                             place->module->parameters, file->parameters};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (evaluate(clade_yaml_get(levels[i], name), parameter, place, out))
            return true;
    return false;
}
