/* A recipe as mergekit's YAML.
 *
 * A value that is the same in all rules is written as a number. One that differs becomes conditions {filter, value}.
 * mergekit's filters are plain substrings and the first that is found holds, so the filters are the names of the
 * tensors themselves, longer ones first: a name can contain another name, but then it was its own turn before. For that
 * the names are read from the checkpoint. Shorter filters ("layers.3.") would be nicer to read and could catch tensors
 * that another rule is for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/checkpoint.h"
#include "clade/merge.h"
#include "merge/methods.h"

typedef struct named_rule {
    const char *name; /* of a tensor, borrowed */
    const clade_rule *rule;
} named_rule;

typedef struct writer {
    const clade_recipe *recipe;
    clade_text *text;
    named_rule *tensors; /* (n_tensors), owned, longer names first; none for a recipe of one rule */
    size_t n_tensors;
} writer;

/* ---- what mergekit cannot say ---- */

static clade_status check_masks(const clade_recipe *recipe)
{
    const clade_method *method = recipe->method;
    size_t by_density = clade_method_parameter(method, "rescale_by_density"),
           rescale = clade_method_parameter(method, "rescale");
    if (by_density == method->n_parameters || recipe->rules[0].site[by_density] == 0 ||
        recipe->rules[0].site[rescale] == 0)
        return CLADE_OK;
    return clade_fail(CLADE_ECONFIG, "mergekit rescales by the L1 norm only, the recipe has rescale_by_density");
}

static clade_status check_expressible(const clade_recipe *recipe)
{
    if (recipe->method == &clade_method_slerp && recipe->n_parents != 2)
        return clade_fail(CLADE_ECONFIG, "mergekit's slerp takes two models, the recipe has %zu", recipe->n_parents);
    for (size_t p = 0; p < recipe->n_parents; p++) {
        const char *path = recipe->parents[p].path;
        for (size_t q = 0; q < p; q++)
            if (strcmp(path, recipe->parents[q].path) == 0)
                return clade_fail(CLADE_ECONFIG, "mergekit uses a model once, the recipe has %s twice", path);
        if (recipe->method->needs_base && strcmp(path, recipe->base->path) == 0)
            return clade_fail(CLADE_ECONFIG, "mergekit does not use the base as a parent, the recipe has %s as both",
                              path);
        if (strpbrk(path, "+@"))
            return clade_fail(CLADE_ECONFIG, "mergekit reads '+' and '@' in %s as an adapter and a revision", path);
    }
    return check_masks(recipe);
}

/* ---- tensors and their rules ---- */

static int longer_first(const void *a, const void *b)
{
    const named_rule *one = a, *other = b;
    size_t length = strlen(one->name), other_length = strlen(other->name);
    return length != other_length ? (length < other_length ? 1 : -1) : strcmp(one->name, other->name);
}

static clade_status list_tensors(writer *self, const clade_checkpoint *checkpoint)
{
    size_t n = clade_checkpoint_count(checkpoint);
    self->tensors = clade_calloc(n, sizeof *self->tensors);
    if (!self->tensors)
        return clade_fail_memory(n * sizeof *self->tensors, "the tensors of a recipe");
    for (size_t i = 0; i < n; i++) {
        const char *name = clade_checkpoint_at(checkpoint, i)->name;
        const clade_rule *rule = clade_recipe_rule(self->recipe, name);
        if (!rule)
            return clade_fail(CLADE_ECONFIG, "tensor %s: no rule of the recipe matches it", name);
        self->tensors[self->n_tensors++] = (named_rule){name, rule};
    }
    qsort(self->tensors, n, sizeof *self->tensors, longer_first);
    return CLADE_OK;
}

/* ---- YAML ---- */

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

static clade_status write_string(writer *self, const char *string)
{
    clade_text_append(self->text, "\"");
    for (size_t bytes; *string; string += bytes) {
        uint32_t point = code_point(string, &bytes);
        if (bytes == 0)
            return clade_fail(CLADE_ECONFIG, "a path or tensor name is not UTF-8, which YAML expects: %s", string);
        if (is_plain(point))
            clade_text_append_bytes(self->text, string, bytes);
        else
            clade_text_append(self->text, point > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)point);
    }
    clade_text_append(self->text, "\"");
    return CLADE_OK;
}

static void write_number(writer *self, const clade_parameter *parameter, double value)
{
    if (parameter && parameter->kind == CLADE_BOOLEAN)
        clade_text_append(self->text, "%s", value != 0 ? "true" : "false");
    else
        clade_text_append_number(self->text, value);
}

/* Where a value of the recipe is: parameter K of the site, or of a parent. */
typedef struct value_at {
    const char *name;
    const clade_parameter *parameter; /* NULL for t */
    size_t k, parent;
    const char *indent;
} value_at;

static double value_in(const writer *self, const clade_rule *rule, const value_at *at)
{
    size_t n = self->recipe->method->n_parameters;
    if (!at->parameter) { /* slerp's t of two weights */
        double first = rule->parent[at->k], second = rule->parent[n + at->k];
        return second / (first + second);
    }
    return at->parameter->scope == CLADE_PER_PARENT ? rule->parent[at->parent * n + at->k] : rule->site[at->k];
}

static clade_status write_value(writer *self, const value_at *at)
{
    double first = value_in(self, self->n_tensors > 0 ? self->tensors[0].rule : &self->recipe->rules[0], at);
    bool differs = false;
    for (size_t i = 0; i < self->n_tensors; i++)
        differs = differs || value_in(self, self->tensors[i].rule, at) != first;
    clade_text_append(self->text, "%s%s: ", at->indent, at->name);
    if (!isfinite(first))
        return clade_fail(CLADE_ECONFIG, "%s of the parents is not finite: their weights cancel", at->name);
    if (!differs) {
        write_number(self, at->parameter, first);
        clade_text_append(self->text, "\n");
        return CLADE_OK;
    }
    clade_text_append(self->text, "\n");
    for (size_t i = 0; i < self->n_tensors; i++) {
        double value = value_in(self, self->tensors[i].rule, at);
        if (!isfinite(value))
            return clade_fail(CLADE_ECONFIG, "tensor %s: %s of the parents is not finite: their weights cancel",
                              self->tensors[i].name, at->name);
        clade_text_append(self->text, "%s- {filter: ", at->indent);
        CLADE_TRY(write_string(self, self->tensors[i].name));
        clade_text_append(self->text, ", value: ");
        write_number(self, at->parameter, value);
        clade_text_append(self->text, "}\n");
    }
    return CLADE_OK;
}

static clade_status write_values(writer *self, bool of_parent, size_t parent, const char *indent)
{
    const clade_method *method = self->recipe->method;
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        const value_at at = {parameter->name, parameter, k, parent, indent};
        bool known = strcmp(parameter->name, "rescale_by_density") != 0;
        if (known && (parameter->scope == CLADE_PER_PARENT) == of_parent)
            CLADE_TRY(write_value(self, &at));
    }
    return CLADE_OK;
}

static clade_status write_models(writer *self)
{
    const clade_recipe *recipe = self->recipe;
    bool slerp = recipe->method == &clade_method_slerp;
    clade_text_append(self->text, "models:\n");
    for (size_t p = 0; p < recipe->n_parents; p++) {
        clade_text_append(self->text, "  - model: ");
        CLADE_TRY(write_string(self, recipe->parents[p].path));
        clade_text_append(self->text, "\n%s", slerp ? "" : "    parameters:\n");
        if (!slerp)
            CLADE_TRY(write_values(self, true, p, "      "));
    }
    return CLADE_OK;
}

static clade_status write_document(writer *self)
{
    const clade_recipe *recipe = self->recipe;
    const clade_method *method = recipe->method;
    bool slerp = method == &clade_method_slerp;
    clade_text_append(self->text, "merge_method: %s\n", method->name);
    if (method->needs_base || slerp) {
        clade_text_append(self->text, "base_model: ");
        CLADE_TRY(write_string(self, method->needs_base ? recipe->base->path : recipe->parents[0].path));
        clade_text_append(self->text, "\n");
    }
    CLADE_TRY(write_models(self));
    clade_text_append(self->text, "parameters:\n");
    const value_at t = {.name = "t", .k = clade_method_parameter(method, "weight"), .indent = "  "};
    CLADE_TRY(slerp ? write_value(self, &t) : write_values(self, false, 0, "  "));
    if (recipe->has_dtype)
        clade_text_append(self->text, "dtype: %s\n", clade_dtype_of(recipe->dtype)->torch_name);
    if (recipe->has_out_dtype)
        clade_text_append(self->text, "out_dtype: %s\n", clade_dtype_of(recipe->out_dtype)->torch_name);
    return clade_text_status(self->text);
}

clade_status clade_recipe_to_mergekit(const clade_recipe *recipe, clade_text *text)
{
    writer self = {.recipe = recipe, .text = text};
    clade_checkpoint *checkpoint = NULL;
    clade_problems problems = {0};
    clade_recipe_check(recipe, "recipe", &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_ECONFIG));
    CLADE_TRY(check_expressible(recipe));
    clade_status status = CLADE_OK;
    if (recipe->n_rules > 1) {
        CLADE_TRY(clade_checkpoint_open(recipe->base ? recipe->base->path : recipe->parents[0].path, &checkpoint));
        status = list_tensors(&self, checkpoint);
    }
    if (status == CLADE_OK)
        status = write_document(&self);
    clade_free(self.tensors);
    clade_checkpoint_close(checkpoint);
    return status;
}
