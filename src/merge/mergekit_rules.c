/* The values that a document gives to every tensor, as rules: tensors of equal values become one.
 *
 * A parent's own parameters are looked up by what the tensor is called in that parent, shared ones by its name in the
 * child; they differ where blocks are stacked. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/hash.h"
#include "merge/mergekit.h"
#include "merge/method/methods.h"

/* Rows of values, each once: site (n), then parents (n_parents, n), then who takes part (n_parents). */
typedef struct groups {
    size_t width, count, room;
    double *values;  /* (count, width), owned */
    uint64_t *keys;  /* (count), owned */
    size_t *members; /* (count), owned: tensors of the group */
    size_t *of;      /* (n_tensors), owned: the group of each tensor */
} groups;

typedef struct maker {
    const clade_mergekit *file;
    clade_recipe *recipe;
    double *row;     /* (width), owned */
    clade_text name; /* of a tensor in a model */
    groups all;
} maker;

/* ---- modules ---- */

/* The name of the module is the first or second part of the tensor's name. */
static bool has_part(const char *name, const char *part)
{
    size_t length = strlen(part);
    const char *dot = strchr(name, '.');
    if (strncmp(name, part, length) == 0 && name[length] == '.')
        return true;
    return dot && strncmp(dot + 1, part, length) == 0 && dot[1 + length] == '.';
}

static bool in_module(const clade_mergekit_module *module, const char *name)
{
    bool text = strcmp(module->name, "text_decoder") == 0; /* mergekit's word for it */
    return has_part(name, module->name) || (text && (has_part(name, "language_model") || has_part(name, "text_model")));
}

static const clade_mergekit_module *module_of(const clade_mergekit *file, const char *name)
{
    const clade_mergekit_module *rest = NULL;
    for (size_t m = 0; m < file->n_modules; m++) {
        if (strcmp(file->modules[m].name, "default") == 0)
            rest = &file->modules[m];
        else if (in_module(&file->modules[m], name))
            return &file->modules[m];
    }
    if (!rest)
        clade_problem(file->problems,
                      "%s: tensor %s is in none of the modules: their names should be the first or second part of its "
                      "name, and \"default\" is for the rest",
                      file->name, name);
    return rest;
}

/* ---- a row of values ---- */

/* What stands where a parameter is not looked at, or nothing is said. */
static double unsaid(const clade_parameter *parameter)
{
    if (!isnan(parameter->default_value))
        return parameter->default_value;
    return fmin(fmax(0, parameter->low), parameter->high);
}

static void clear_row(maker *self)
{
    const clade_method *method = self->file->method;
    size_t n = method->n_parameters;
    memset(self->row, 0, self->all.width * sizeof(double));
    for (size_t k = 0; k < n; k++)
        for (size_t p = 0; p <= self->recipe->n_parents; p++)
            if ((p == 0) == (method->parameters[k].scope != CLADE_PER_PARENT))
                self->row[p * n + k] = unsaid(&method->parameters[k]);
}

/* Slices say themselves who takes part; modules by this. */
static void take_part(maker *self, size_t parent)
{
    size_t n_parents = self->recipe->n_parents;
    if (!self->file->stacked)
        self->row[(n_parents + 1) * self->file->method->n_parameters + parent] = 1;
}

static bool fill_slerp(maker *self, const clade_mergekit_place *place)
{
    const clade_mergekit *file = self->file;
    size_t n = file->method->n_parameters, weight = clade_method_parameter(file->method, "weight");
    double t = 0;
    if (!clade_mergekit_value(file, NULL, "t", NULL, place, &t)) {
        clade_problem(file->problems, "%s: tensor %s: found no t in the top-level parameters, slerp expects one",
                      file->name, place->name);
        return false;
    }
    for (size_t s = 0; s < 2; s++) {
        size_t p = (size_t)file->models[place->slice->sources[s].model].parent;
        self->row[(p + 1) * n + weight] = s == 0 ? 1 - t : t;
        take_part(self, p);
    }
    return true;
}

/* One value; false, and a problem, when mergekit requires it and nothing is said. MODEL: whose it is, or NULL. */
static bool fill_value(maker *self, const clade_mergekit_source *source, const clade_mergekit_place *place, size_t k,
                       double *out)
{
    const clade_mergekit *file = self->file;
    const clade_parameter *parameter = &file->method->parameters[k];
    if (clade_mergekit_value(file, source, parameter->name, parameter, place, out)) {
        if (parameter->kind == CLADE_BOOLEAN)
            *out = *out != 0; /* as mergekit, for which every parameter is a number */
        return true;
    }
    *out = parameter->default_value;
    if (!clade_mergekit_requires(file->known, parameter->name))
        return true;
    if (source)
        clade_problem(
            file->problems, "%s: tensor %s: model %s has no %s, %s expects one there or in the top-level parameters",
            file->name, place->name, file->models[source->model].written, parameter->name, file->method->name);
    else
        clade_problem(file->problems, "%s: tensor %s: found no %s in the top-level parameters, %s expects one",
                      file->name, place->name, parameter->name, file->method->name);
    return false;
}

static bool fill_source(maker *self, const clade_output_tensor *tensor, const clade_mergekit_source *source,
                        clade_mergekit_place place)
{
    const clade_method *method = self->file->method;
    int parent = self->file->models[source->model].parent;
    size_t n = method->n_parameters;
    if (parent < 0)
        return true; /* the base */
    double *row = self->row + ((size_t)parent + 1) * n;
    clade_text_clear(&self->name);
    clade_output_tensor_stored(self->recipe, tensor, (size_t)parent, &self->name);
    place.name = clade_text_get(&self->name);
    take_part(self, (size_t)parent);
    for (size_t k = 0; k < n; k++)
        if (method->parameters[k].scope == CLADE_PER_PARENT && !fill_value(self, source, &place, k, &row[k]))
            return false;
    return true;
}

/* The row of a tensor. False after a problem. */
static bool fill_row(maker *self, const clade_output_tensor *tensor)
{
    const clade_mergekit *file = self->file;
    const clade_method *method = file->method;
    const clade_mergekit_module *module = module_of(file, tensor->name);
    if (!module)
        return false;
    const clade_mergekit_slice *slice = &module->slices[tensor->slice];
    const clade_mergekit_place place = {module, slice, tensor->name, tensor->t};
    clear_row(self);
    if (method == &clade_method_slerp && !fill_slerp(self, &place))
        return false;
    for (size_t k = 0; k < method->n_parameters && method != &clade_method_slerp; k++)
        if (method->parameters[k].scope != CLADE_PER_PARENT && !fill_value(self, NULL, &place, k, &self->row[k]))
            return false;
    for (size_t s = 0; s < slice->n_sources && method != &clade_method_slerp; s++)
        if (!fill_source(self, tensor, &slice->sources[s], place))
            return false;
    return true;
}

/* ---- groups of equal rows ---- */

static bool grow(groups *all)
{
    if (all->count < all->room)
        return true;
    size_t room = all->room ? 2 * all->room : 8;
    if (room > SIZE_MAX / sizeof(double) / all->width)
        return false;
    double *values = clade_realloc(all->values, room * all->width * sizeof(double));
    all->values = values ? values : all->values;
    uint64_t *keys = clade_realloc(all->keys, room * sizeof *keys);
    all->keys = keys ? keys : all->keys;
    size_t *members = clade_realloc(all->members, room * sizeof *members);
    all->members = members ? members : all->members;
    if (!values || !keys || !members)
        return false;
    all->room = room;
    return true;
}

/* The group of the row, a new one when it is. False without memory. */
static bool put_row(maker *self, size_t tensor)
{
    groups *all = &self->all;
    size_t bytes = all->width * sizeof(double), g = 0;
    for (size_t i = 0; i < all->width; i++)
        self->row[i] += 0.0; /* no negative zeros */
    uint64_t key = clade_xxh64(self->row, bytes, 0);
    while (g < all->count && (all->keys[g] != key || memcmp(all->values + g * all->width, self->row, bytes) != 0))
        g++;
    if (g == all->count) {
        if (!grow(all))
            return false;
        memcpy(all->values + g * all->width, self->row, bytes);
        all->keys[g] = key;
        all->members[g] = 0;
        all->count++;
    }
    all->members[g]++;
    all->of[tensor] = g;
    return true;
}

static clade_status group_tensors(maker *self, const clade_output_tensor *tensors, size_t count)
{
    size_t n_parents = self->recipe->n_parents;
    self->all.width = (n_parents + 1) * self->file->method->n_parameters + n_parents;
    self->row = clade_calloc(self->all.width, sizeof(double));
    self->all.of = clade_calloc(count, sizeof *self->all.of);
    if (!self->row || !self->all.of)
        return clade_fail_memory(count * sizeof *self->all.of, "the values of tensors");
    for (size_t i = 0; i < count; i++) {
        if (!fill_row(self, &tensors[i]))
            return clade_text_status(&self->name);
        if (!put_row(self, i))
            return clade_fail_memory(self->all.width * sizeof(double), "the values of tensors");
        if (self->all.count > CLADE_MAX_RULES)
            return clade_fail(CLADE_ECONFIG, "%s: found more than %d different sets of values for tensors",
                              self->file->name, CLADE_MAX_RULES);
    }
    return clade_text_status(&self->name);
}

/* ---- rules ---- */

static bool add_pattern(clade_rule *rule, const char *pattern)
{
    rule->patterns[rule->n_patterns] = clade_strdup(pattern);
    return rule->patterns[rule->n_patterns++] != NULL;
}

/* Who takes part is said where modules differ in it; slices say it themselves. */
static bool fill_only(const maker *self, const double *flags, clade_rule *rule)
{
    size_t n_parents = self->recipe->n_parents, taking_part = 0;
    for (size_t p = 0; p < n_parents; p++)
        taking_part += flags[p] != 0;
    if (self->file->stacked || taking_part == n_parents)
        return true;
    rule->only = clade_calloc(n_parents, sizeof *rule->only);
    for (size_t p = 0; p < n_parents && rule->only; p++)
        rule->only[p] = flags[p] != 0;
    return rule->only != NULL;
}

/* Each group as a rule; one group is a uniform recipe. */
static bool fill_rules(const maker *self, const clade_output_tensor *tensors, size_t count, clade_recipe *made)
{
    const groups *all = &self->all;
    size_t n = made->method->n_parameters, n_parents = made->n_parents;
    for (size_t r = 0; r < made->n_rules; r++) {
        clade_rule *rule = &made->rules[r];
        const double *row = all->values + r * all->width;
        memcpy(rule->site, row, n * sizeof(double));
        memcpy(rule->parent, row + n, n_parents * n * sizeof(double));
        rule->patterns = clade_calloc(made->n_rules == 1 ? 1 : all->members[r], sizeof *rule->patterns);
        if (!rule->patterns || !fill_only(self, row + (n_parents + 1) * n, rule))
            return false;
    }
    if (made->n_rules == 1)
        return add_pattern(&made->rules[0], "*");
    for (size_t i = 0; i < count; i++)
        if (!add_pattern(&made->rules[all->of[i]], tensors[i].name))
            return false;
    return true;
}

static clade_status make_rules(maker *self, const clade_output_tensor *tensors, size_t count)
{
    clade_recipe *made = NULL, *recipe = self->recipe;
    size_t before = self->file->problems->count;
    CLADE_TRY(group_tensors(self, tensors, count));
    if (self->file->problems->count > before)
        return CLADE_OK;
    CLADE_TRY(clade_recipe_new(recipe->method, recipe->n_parents, self->all.count, &made));
    clade_status status = CLADE_OK;
    if (fill_rules(self, tensors, count, made)) {
        clade_rule *rules = recipe->rules;
        size_t n_rules = recipe->n_rules;
        recipe->rules = made->rules;
        recipe->n_rules = made->n_rules;
        made->rules = rules;
        made->n_rules = n_rules;
    } else {
        status = clade_fail_memory(count * sizeof(char *), "the rules of a recipe");
    }
    clade_recipe_free(made);
    return status;
}

clade_status clade_mergekit_rules(const clade_mergekit *file, const clade_name_source *names, clade_recipe *recipe,
                                  clade_output_tensors *tensors)
{
    char everything[] = "*";
    maker self = {.file = file, .recipe = recipe};
    const clade_output_tensor all = {.name = everything, .block = -1};
    clade_status status = CLADE_OK;
    *tensors = (clade_output_tensors){0};
    if (clade_mergekit_varies(file))
        status = clade_output_tensors_list(recipe, names, tensors);
    if (status == CLADE_OK && tensors->count > 0)
        status = make_rules(&self, tensors->list, tensors->count);
    else if (status == CLADE_OK)
        status = make_rules(&self, &all, 1);
    clade_text_free(&self.name);
    clade_free(self.row);
    clade_free(self.all.values);
    clade_free(self.all.keys);
    clade_free(self.all.members);
    clade_free(self.all.of);
    return status;
}
