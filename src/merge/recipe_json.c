/* Recipes from JSON: the form of recipe.h, read strictly; all problems of a file at once. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "merge/recipe_parts.h"

typedef clade_recipe_reader reader;

void clade_recipe_no_memory(reader *self, const char *what)
{
    self->status = clade_fail_memory(sizeof(void *), what);
}

/* A path of the file, as it can be opened from the working directory. */
static char *opened_path(reader *self, const clade_json_at *at)
{
    const char *path = NULL;
    if (!clade_json_string(at, self->problems, &path))
        return NULL;
    char *joined = clade_path_beside(clade_json_file(at->document), path);
    if (!joined)
        clade_recipe_no_memory(self, "a path of a recipe");
    return joined;
}

char *clade_recipe_copied(reader *self, const clade_json_at *at)
{
    const char *text = NULL;
    if (!clade_json_string(at, self->problems, &text))
        return NULL;
    char *copy = clade_strdup(text);
    if (!copy)
        clade_recipe_no_memory(self, "a text of a recipe");
    return copy;
}

/* A parent is a model, an adapter on a model, or an adapter on the base. */
static void read_parent(reader *self, const clade_json_at *at, clade_recipe_parent *parent)
{
    static const char *const known[] = {"name", "path", "adapter", "statistics"};
    clade_json_at name = clade_json_member(at, "name"), path = clade_json_member(at, "path"),
                  adapter = clade_json_member(at, "adapter"), statistics = clade_json_member(at, "statistics");
    bool adapted = clade_json_kind_of(&adapter) != CLADE_JSON_ABSENT;
    clade_json_only(at, self->problems, known, sizeof known / sizeof known[0]);
    parent->name = clade_recipe_copied(self, &name);
    if (!adapted || clade_json_kind_of(&path) != CLADE_JSON_ABSENT)
        parent->path = opened_path(self, &path);
    if (adapted)
        parent->adapter.path = opened_path(self, &adapter);
    if (clade_json_kind_of(&statistics) != CLADE_JSON_ABSENT)
        parent->statistics.path = opened_path(self, &statistics);
}

static void read_parents(reader *self, const clade_json_at *at)
{
    for (size_t p = 0; p < self->recipe->n_parents && self->status == CLADE_OK; p++) {
        clade_json_at parent = clade_json_item(at, p);
        if (clade_json_is(&parent, self->problems, CLADE_JSON_OBJECT))
            read_parent(self, &parent, &self->recipe->parents[p]);
    }
}

static void read_base(reader *self, const clade_json_at *root)
{
    clade_json_at at = clade_json_member(root, "base");
    if (clade_json_kind_of(&at) == CLADE_JSON_ABSENT)
        return;
    self->recipe->base = clade_calloc(1, sizeof *self->recipe->base);
    if (self->recipe->base)
        self->recipe->base->name = clade_strdup("base");
    if (!self->recipe->base || !self->recipe->base->name)
        clade_recipe_no_memory(self, "the base of a recipe");
    else
        self->recipe->base->path = opened_path(self, &at);
}

static bool read_dtype(reader *self, const clade_json_at *root, const char *key, clade_dtype *dtype)
{
    clade_json_at at = clade_json_member(root, key);
    const char *name = NULL;
    if (clade_json_kind_of(&at) == CLADE_JSON_ABSENT || !clade_json_string(&at, self->problems, &name))
        return false;
    if (clade_dtype_parse(name, dtype) && clade_dtype_of(*dtype)->mergeable)
        return true;
    clade_json_problem(&at, self->problems, "found \"%.60s\", expected float32, float16, bfloat16 or float64", name);
    return false;
}

static void read_choice(reader *self, const clade_json_at *at, const clade_parameter *parameter, double *out)
{
    const char *name = NULL;
    size_t count = clade_parameter_choices(parameter), i = 0;
    if (!clade_json_string(at, self->problems, &name))
        return;
    while (i < count && strcmp(parameter->choices[i], name) != 0)
        i++;
    if (i < count) {
        *out = (double)i;
        return;
    }
    clade_text hint = {0};
    clade_append_suggestion(&hint, name, parameter->choices, count);
    clade_json_problem(at, self->problems, "found \"%.60s\"%s", name, clade_text_get(&hint));
    clade_text_free(&hint);
}

static void read_value(reader *self, const clade_json_at *at, const clade_parameter *parameter, double *out)
{
    bool truth = false;
    if (parameter->kind == CLADE_CHOICE) {
        read_choice(self, at, parameter, out);
        return;
    }
    if (parameter->kind == CLADE_BOOLEAN) {
        if (clade_json_bool(at, self->problems, &truth))
            *out = truth ? 1 : 0;
        return;
    }
    double value = 0;
    if (!clade_json_number(at, self->problems, parameter->low, parameter->high, &value))
        return;
    if (clade_parameter_allows(parameter, value))
        *out = value;
    else
        clade_json_problem(at, self->problems, "found %g, expected an integer", value);
}

/* The values of one scope that an object gives, into OUT (n_parameters). An absent object leaves the defaults. */
static void read_values(reader *self, const clade_json_at *at, clade_parameter_scope scope, double *out)
{
    const clade_method *method = self->recipe->method;
    const char *known[CLADE_MAX_PARAMETERS];
    size_t n_known = 0;
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, self->problems, CLADE_JSON_OBJECT))
        return;
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        if (parameter->scope != scope)
            continue;
        known[n_known++] = parameter->name;
        clade_json_at value = clade_json_member(at, parameter->name);
        if (clade_json_kind_of(&value) != CLADE_JSON_ABSENT)
            read_value(self, &value, parameter, &out[k]);
    }
    clade_json_only(at, self->problems, known, n_known);
}

static void read_patterns(reader *self, const clade_json_at *at, clade_rule *rule)
{
    if (!clade_json_is(at, self->problems, CLADE_JSON_ARRAY))
        return;
    size_t n = clade_json_size(at);
    rule->patterns = clade_calloc(n, sizeof *rule->patterns);
    if (!rule->patterns) {
        clade_recipe_no_memory(self, "the patterns of a rule");
        return;
    }
    rule->n_patterns = n;
    for (size_t i = 0; i < n && self->status == CLADE_OK; i++) {
        clade_json_at item = clade_json_item(at, i);
        rule->patterns[i] = clade_recipe_copied(self, &item);
    }
}

/* Who takes part in a rule. Names are those of the parents; the values of a parent that takes no part are refused, as
 * they would mean nothing. */
static void read_only(reader *self, const clade_json_at *at, const char *const *names, size_t n_names, clade_rule *rule)
{
    const clade_recipe *recipe = self->recipe;
    if (clade_json_kind_of(at) == CLADE_JSON_ABSENT || !clade_json_is(at, self->problems, CLADE_JSON_ARRAY))
        return;
    rule->only = clade_calloc(recipe->n_parents, sizeof *rule->only);
    if (!rule->only) {
        clade_recipe_no_memory(self, "the parents of a rule");
        return;
    }
    for (size_t i = 0; i < clade_json_size(at) && self->problems->count <= CLADE_MOST_PROBLEMS; i++) {
        clade_json_at item = clade_json_item(at, i);
        const char *name = NULL;
        size_t p = 0;
        if (!clade_json_string(&item, self->problems, &name))
            continue;
        while (p < recipe->n_parents && (!recipe->parents[p].name || strcmp(recipe->parents[p].name, name) != 0))
            p++;
        if (p < recipe->n_parents) {
            rule->only[p] = true;
            continue;
        }
        clade_text hint = {0};
        clade_append_suggestion(&hint, name, names, n_names);
        clade_json_problem(&item, self->problems, "no parent is named \"%.60s\"%s", name, clade_text_get(&hint));
        clade_text_free(&hint);
    }
}

static void read_rule(reader *self, const clade_json_at *at, clade_rule *rule)
{
    static const char *const known[] = {"tensors", "only", "parameters", "parents"};
    const clade_recipe *recipe = self->recipe;
    const char *names[CLADE_MAX_PARENTS];
    size_t n_names = 0;
    if (!clade_json_is(at, self->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, self->problems, known, sizeof known / sizeof known[0]);
    clade_json_at tensors = clade_json_member(at, "tensors"), parameters = clade_json_member(at, "parameters"),
                  parents = clade_json_member(at, "parents"), only = clade_json_member(at, "only");
    for (size_t p = 0; p < recipe->n_parents; p++)
        if (recipe->parents[p].name)
            names[n_names++] = recipe->parents[p].name;
    read_patterns(self, &tensors, rule);
    read_only(self, &only, names, n_names, rule);
    read_values(self, &parameters, CLADE_PER_SITE, rule->site);
    if (clade_json_kind_of(&parents) == CLADE_JSON_ABSENT ||
        !clade_json_is(&parents, self->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(&parents, self->problems, names, n_names);
    for (size_t p = 0; p < recipe->n_parents; p++) {
        if (!recipe->parents[p].name)
            continue;
        clade_json_at values = clade_json_member(&parents, recipe->parents[p].name);
        read_values(self, &values, CLADE_PER_PARENT, rule->parent + p * recipe->method->n_parameters);
        if (rule->only && !rule->only[p] && clade_json_kind_of(&values) != CLADE_JSON_ABSENT)
            clade_json_problem(&values, self->problems, "\"only\" leaves this parent out; expected no values for it");
    }
}

/* The values of scope recipe, the same in every rule. */
static void read_shared(reader *self, const clade_json_at *root)
{
    const clade_recipe *recipe = self->recipe;
    const clade_method *method = recipe->method;
    double shared[CLADE_MAX_PARAMETERS];
    clade_json_at at = clade_json_member(root, "parameters");
    for (size_t k = 0; k < method->n_parameters; k++)
        shared[k] = method->parameters[k].default_value;
    read_values(self, &at, CLADE_PER_RECIPE, shared);
    for (size_t r = 0; r < recipe->n_rules; r++)
        for (size_t k = 0; k < method->n_parameters; k++)
            if (method->parameters[k].scope == CLADE_PER_RECIPE)
                recipe->rules[r].site[k] = shared[k];
}

static void read_fields(reader *self, const clade_json_at *root, const clade_json_at *parents,
                        const clade_json_at *rules)
{
    clade_recipe *recipe = self->recipe;
    clade_json_at seed = clade_json_member(root, "seed");
    if (clade_json_kind_of(&seed) != CLADE_JSON_ABSENT)
        clade_json_u64(&seed, self->problems, &recipe->seed);
    recipe->has_dtype = read_dtype(self, root, "dtype", &recipe->dtype);
    recipe->has_out_dtype = read_dtype(self, root, "out_dtype", &recipe->out_dtype);
    read_base(self, root);
    read_parents(self, parents);
    clade_recipe_read_extras(self, root);
    read_shared(self, root);
    for (size_t r = 0; r < recipe->n_rules && self->status == CLADE_OK; r++) {
        clade_json_at rule = clade_json_item(rules, r);
        read_rule(self, &rule, &recipe->rules[r]);
    }
}

/* The method, or NULL and a problem. */
static const clade_method *read_method(const clade_json_at *root, clade_problems *problems)
{
    const char *name = NULL;
    clade_json_at at = clade_json_member(root, "method");
    if (!clade_json_string(&at, problems, &name))
        return NULL;
    const clade_method *method = clade_method_find(name);
    if (!method && clade_method_unknown(name) != CLADE_OK)
        clade_json_problem(&at, problems, "%s", clade_error_message());
    return method;
}

static bool has_length(const clade_json_at *at, size_t most, clade_problems *problems)
{
    if (!clade_json_is(at, problems, CLADE_JSON_ARRAY))
        return false;
    if (clade_json_size(at) <= most)
        return true;
    clade_json_problem(at, problems, "found %zu items, expected at most %zu", clade_json_size(at), most);
    return false;
}

clade_status clade_recipe_parse(const clade_json_at *at, clade_problems *problems, clade_recipe **recipe)
{
    static const char *const known[] = {"clade_recipe", "method",     "seed",          "base",      "parents",
                                        "dtype",        "out_dtype",  "parameters",    "rules",     "stacks",
                                        "missing",      "vocabulary", "chat_template", "files_from"};
    size_t before = problems->count;
    int64_t version;
    *recipe = NULL;
    if (!clade_json_is(at, problems, CLADE_JSON_OBJECT))
        return CLADE_OK;
    clade_json_only(at, problems, known, sizeof known / sizeof known[0]);
    clade_json_at marker = clade_json_member(at, "clade_recipe"), parents = clade_json_member(at, "parents"),
                  rules = clade_json_member(at, "rules");
    clade_json_integer(&marker, problems, 1, 1, &version);
    const clade_method *method = read_method(at, problems);
    bool parents_fit = has_length(&parents, CLADE_MAX_PARENTS, problems);
    if (!has_length(&rules, CLADE_MAX_RULES, problems) || !parents_fit || !method)
        return CLADE_OK;
    reader self = {.problems = problems};
    CLADE_TRY(clade_recipe_new(method, clade_json_size(&parents), clade_json_size(&rules), &self.recipe));
    read_fields(&self, at, &parents, &rules);
    if (self.status == CLADE_OK && problems->count == before)
        clade_recipe_check(self.recipe, clade_json_file(at->document), problems);
    if (self.status == CLADE_OK && problems->count == before)
        *recipe = self.recipe;
    else
        clade_recipe_free(self.recipe);
    return self.status;
}

clade_status clade_recipe_read(const char *path, clade_recipe **recipe)
{
    clade_json *document;
    clade_problems problems = {0};
    *recipe = NULL;
    CLADE_TRY(clade_json_read(path, CLADE_ECONFIG, &document));
    clade_json_at root = clade_json_root(document);
    clade_status status = clade_recipe_parse(&root, &problems, recipe);
    if (status == CLADE_OK)
        status = clade_problems_end(&problems, CLADE_ECONFIG);
    else
        clade_text_free(&problems.text);
    clade_json_free(document);
    return status;
}
