/* Values as mergekit's settings.
 *
 * A value that is the same for all tensors is written as a number. One that differs becomes conditions {filter, value}.
 * mergekit's filters are plain substrings and the first that is found holds. So a filter for a whole block
 * ("model.layers.3.") is written where all tensors that contain it have one value; the others get their own names as
 * filters, longer ones first: a name can contain another name, but then it was its own turn before. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "merge/mergekit_write.h"

/* ---- texts ---- */

/* The code point at TEXT and its bytes; 0 bytes when it is not UTF-8. */
static uint32_t code_point(const char *text, size_t *bytes)
{
    unsigned char first = (unsigned char)text[0];
    size_t n = first < 0x80 ? 1 : first >= 0xf0 && first < 0xf8 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    uint32_t point = n == 1 ? first : first & (0x7fu >> n);
    *bytes = first < 0xf8 ? n : 0;
    for (size_t i = 1; i < *bytes; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            *bytes = 0;
        else
            point = point << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    return point;
}

/* Characters that YAML takes as they are inside double quotes. */
static bool is_plain(uint32_t point)
{
    if (point < 0x7f)
        return point >= 0x20 && point != '"' && point != '\\';
    return point >= 0xa0 && point != 0x2028 && point != 0x2029 && point != 0xfeff &&
           (point < 0xd800 || point > 0xdfff) && point != 0xfffe && point != 0xffff;
}

clade_status clade_yaml_write_string(clade_text *text, const char *string)
{
    clade_text_append(text, "\"");
    for (size_t bytes; *string; string += bytes) {
        uint32_t point = code_point(string, &bytes);
        if (bytes == 0)
            return clade_fail(CLADE_ECONFIG, "a path, name or token is not UTF-8, which YAML expects: %s", string);
        if (is_plain(point))
            clade_text_append_bytes(text, string, bytes);
        else
            clade_text_append(text, point > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)point);
    }
    clade_text_append(text, "\"");
    return CLADE_OK;
}

static void write_number(clade_text *text, const clade_parameter *parameter, double value)
{
    if (parameter && parameter->kind == CLADE_BOOLEAN)
        clade_text_append(text, "%s", value != 0 ? "true" : "false");
    else
        clade_text_append_number(text, value);
}

/* ---- the values of tensors ---- */

/* What is written: parameter K of the method, or t between two parents. */
typedef struct setting {
    const char *name;
    const clade_parameter *parameter; /* NULL for t */
    size_t k, base, other;
} setting;

static bool is_in(const clade_yaml_writer *self, size_t tensor, int slice)
{
    return slice == CLADE_YAML_ALL_SLICES || self->tensors.list[tensor].slice == (size_t)slice;
}

/* The share of OTHER; weights (1 - t, t) give back t to the bit. */
static double t_of(const clade_recipe *recipe, const clade_rule *rule, const setting *what)
{
    size_t n = recipe->method->n_parameters;
    double base = rule->parent[what->base * n + what->k], other = rule->parent[what->other * n + what->k];
    return 1 - other == base ? other : other / (base + other);
}

static double value_in(const clade_yaml_writer *self, const clade_rule *rule, const setting *what, int parent)
{
    size_t n = self->recipe->method->n_parameters;
    if (!what->parameter)
        return t_of(self->recipe, rule, what);
    return what->parameter->scope == CLADE_PER_PARENT ? rule->parent[(size_t)parent * n + what->k]
                                                      : rule->site[what->k];
}

/* A tensor as mergekit will match it. */
typedef struct named_value {
    char *name; /* owned */
    double value;
    bool written;
} named_value;

static int by_name(const void *a, const void *b)
{
    const named_value *one = a, *other = b;
    return strcmp(one->name, other->name);
}

static int longer_first(const void *a, const void *b)
{
    const named_value *one = a, *other = b;
    size_t length = strlen(one->name), other_length = strlen(other->name);
    return length != other_length ? (length < other_length ? 1 : -1) : strcmp(one->name, other->name);
}

/* The values at PLACE, under the names of the parent, or of the child where they are shared; (n_tensors) room. */
static clade_status list_values(const clade_yaml_writer *self, const clade_yaml_place *place, const setting *what,
                                named_value *list, size_t *count)
{
    clade_text name = {0};
    clade_status status = CLADE_OK;
    *count = 0;
    for (size_t i = 0; i < self->tensors.count && status == CLADE_OK; i++) {
        if (!is_in(self, i, place->slice))
            continue;
        clade_text_clear(&name);
        if (place->parent == CLADE_YAML_SHARED)
            clade_text_append(&name, "%s", self->tensors.list[i].name);
        else
            clade_output_tensor_stored(self->recipe, &self->tensors.list[i], (size_t)place->parent, &name);
        char *copy = name.failed ? NULL : clade_strdup(clade_text_get(&name));
        if (copy)
            list[(*count)++] =
                (named_value){.name = copy, .value = value_in(self, self->rules[i], what, place->parent)};
        else
            status = clade_fail_memory(name.length, "the names of tensors");
    }
    clade_text_free(&name);
    return status;
}

/* ---- conditions ---- */

/* The start of a name up to the dot behind its first number between dots; 0 when it has none. */
static size_t block_length(const char *name)
{
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
        size_t digits = strspn(dot + 1, "0123456789");
        if (digits > 0 && dot[1 + digits] == '.')
            return (size_t)(dot - name) + digits + 2;
    }
    return 0;
}

static clade_status write_condition(clade_text *text, const clade_yaml_place *place, const setting *what,
                                    const char *filter, double value)
{
    clade_text_append(text, "%s- {filter: ", place->indent);
    CLADE_TRY(clade_yaml_write_string(text, filter));
    clade_text_append(text, ", value: ");
    write_number(text, what->parameter, value);
    clade_text_append(text, "}\n");
    return CLADE_OK;
}

/* FILTER for all tensors that contain it, when they have one value and are more than one. */
static clade_status write_block(clade_text *text, const clade_yaml_place *place, const setting *what,
                                const char *filter, named_value *list, size_t count)
{
    size_t found = 0, first = 0;
    for (size_t i = 0; i < count; i++) {
        if (!strstr(list[i].name, filter))
            continue;
        if (found > 0 && list[i].value != list[first].value)
            return CLADE_OK;
        first = found++ > 0 ? first : i;
    }
    if (found < 2)
        return CLADE_OK;
    for (size_t i = first; i < count; i++)
        list[i].written = list[i].written || strstr(list[i].name, filter);
    return write_condition(text, place, what, filter, list[first].value);
}

/* LIST is sorted by name, so the tensors of a block are neighbours. */
static clade_status write_blocks(clade_text *text, const clade_yaml_place *place, const setting *what,
                                 named_value *list, size_t count)
{
    enum { MOST_WORK = 1 << 24 }; /* comparisons: of more blocks every tensor is named */
    clade_text filter = {0};
    clade_status status = CLADE_OK;
    for (size_t i = 0, work = 0; i < count && work < MOST_WORK && status == CLADE_OK; i++) {
        size_t length = block_length(list[i].name);
        if (length == 0 || (filter.length == length && strncmp(clade_text_get(&filter), list[i].name, length) == 0))
            continue;
        clade_text_clear(&filter);
        clade_text_append_bytes(&filter, list[i].name, length);
        status = clade_text_status(&filter);
        if (status == CLADE_OK)
            status = write_block(text, place, what, filter.data, list, count);
        work += count;
    }
    clade_text_free(&filter);
    return status;
}

static clade_status write_list(const clade_yaml_writer *self, const clade_yaml_place *place, const setting *what,
                               named_value *list, size_t count)
{
    bool differs = false;
    for (size_t i = 0; i < count; i++) {
        differs = differs || list[i].value != list[0].value;
        if (!isfinite(list[i].value))
            return clade_fail(CLADE_ECONFIG, "tensor %s: %s of the parents is not finite: their weights cancel",
                              list[i].name, what->name);
    }
    clade_text_append(self->text, "%s%s:", place->indent, what->name);
    if (!differs) {
        clade_text_append(self->text, " ");
        write_number(self->text, what->parameter, list[0].value);
        clade_text_append(self->text, "\n");
        return CLADE_OK;
    }
    clade_text_append(self->text, "\n");
    qsort(list, count, sizeof *list, by_name);
    CLADE_TRY(write_blocks(self->text, place, what, list, count));
    qsort(list, count, sizeof *list, longer_first);
    for (size_t i = 0; i < count; i++)
        if (!list[i].written)
            CLADE_TRY(write_condition(self->text, place, what, list[i].name, list[i].value));
    return CLADE_OK;
}

static clade_status write_setting(const clade_yaml_writer *self, const clade_yaml_place *place, const setting *what)
{
    char everything[] = "*";
    named_value all = {.name = everything, .value = value_in(self, &self->recipe->rules[0], what, place->parent)};
    if (self->tensors.count == 0)
        return write_list(self, place, what, &all, 1);
    size_t count = 0;
    named_value *list = clade_calloc(self->tensors.count, sizeof *list);
    if (!list)
        return clade_fail_memory(self->tensors.count * sizeof *list, "the values of tensors");
    clade_status status = list_values(self, place, what, list, &count);
    if (status == CLADE_OK && count > 0)
        status = write_list(self, place, what, list, count);
    for (size_t i = 0; i < count; i++)
        clade_free(list[i].name);
    clade_free(list);
    return status;
}

clade_status clade_yaml_write_values(clade_yaml_writer *self, const clade_yaml_place *place,
                                     clade_parameter_scope scope)
{
    const clade_method *method = self->recipe->method;
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const setting what = {.name = parameter->name, .parameter = parameter, .k = k};
        if (parameter->scope == scope && clade_mergekit_reads(self->known, parameter->name))
            CLADE_TRY(write_setting(self, place, &what));
    }
    return CLADE_OK;
}

/* ---- SLERP ---- */

/* t = the weight of OTHER gives back the weights of both. */
static bool is_exact(const clade_yaml_writer *self, int slice, size_t base, size_t other)
{
    const clade_method *method = self->recipe->method;
    size_t n = method->n_parameters, k = clade_method_parameter(method, "weight");
    const clade_rule *only = &self->recipe->rules[0];
    bool exact = self->tensors.count > 0 || 1 - only->parent[other * n + k] == only->parent[base * n + k];
    for (size_t i = 0; i < self->tensors.count; i++)
        if (is_in(self, i, slice) && 1 - self->rules[i]->parent[other * n + k] != self->rules[i]->parent[base * n + k])
            exact = false;
    return exact;
}

size_t clade_yaml_slerp_base(const clade_yaml_writer *self, int slice, size_t first, size_t second, size_t preferred)
{
    size_t other = preferred == first ? second : first;
    return !is_exact(self, slice, preferred, other) && is_exact(self, slice, other, preferred) ? other : preferred;
}

clade_status clade_yaml_write_t(clade_yaml_writer *self, const clade_yaml_place *place, size_t base, size_t other)
{
    const setting t = {
        .name = "t", .k = clade_method_parameter(self->recipe->method, "weight"), .base = base, .other = other};
    return write_setting(self, place, &t);
}
