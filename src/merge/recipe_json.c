/* Recipes as JSON: the form of recipe.h, read strictly and written with every value, and the identity made of it. */
#include <math.h>
#include <string.h>

#include "clade/alloc.h"
#include "clade/files.h"
#include "merge/recipe_parts.h"

/* ---- reading ---- */

typedef struct reader {
    clade_problems *problems;
    clade_recipe *recipe; /* being filled */
    clade_status status;  /* not CLADE_OK: out of memory */
} reader;

static void no_memory(reader *self, const char *what)
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
        no_memory(self, "a path of a recipe");
    return joined;
}

static char *copied(reader *self, const clade_json_at *at)
{
    const char *text = NULL;
    if (!clade_json_string(at, self->problems, &text))
        return NULL;
    char *copy = clade_strdup(text);
    if (!copy)
        no_memory(self, "a text of a recipe");
    return copy;
}

static void read_parents(reader *self, const clade_json_at *at)
{
    static const char *const known[] = {"name", "path"};
    for (size_t p = 0; p < self->recipe->n_parents && self->status == CLADE_OK; p++) {
        clade_json_at parent = clade_json_item(at, p);
        if (!clade_json_is(&parent, self->problems, CLADE_JSON_OBJECT))
            continue;
        clade_json_at name = clade_json_member(&parent, "name"), path = clade_json_member(&parent, "path");
        clade_json_only(&parent, self->problems, known, 2);
        self->recipe->parents[p].name = copied(self, &name);
        self->recipe->parents[p].path = opened_path(self, &path);
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
        no_memory(self, "the base of a recipe");
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

static void read_value(reader *self, const clade_json_at *at, const clade_parameter *parameter, double *out)
{
    bool truth = false;
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
        no_memory(self, "the patterns of a rule");
        return;
    }
    rule->n_patterns = n;
    for (size_t i = 0; i < n && self->status == CLADE_OK; i++) {
        clade_json_at item = clade_json_item(at, i);
        rule->patterns[i] = copied(self, &item);
    }
}

static void read_rule(reader *self, const clade_json_at *at, clade_rule *rule)
{
    static const char *const known[] = {"tensors", "parameters", "parents"};
    const clade_recipe *recipe = self->recipe;
    const char *names[CLADE_MAX_PARENTS];
    size_t n_names = 0;
    if (!clade_json_is(at, self->problems, CLADE_JSON_OBJECT))
        return;
    clade_json_only(at, self->problems, known, sizeof known / sizeof known[0]);
    clade_json_at tensors = clade_json_member(at, "tensors"), parameters = clade_json_member(at, "parameters"),
                  parents = clade_json_member(at, "parents");
    read_patterns(self, &tensors, rule);
    read_values(self, &parameters, CLADE_PER_SITE, rule->site);
    if (clade_json_kind_of(&parents) == CLADE_JSON_ABSENT ||
        !clade_json_is(&parents, self->problems, CLADE_JSON_OBJECT))
        return;
    for (size_t p = 0; p < recipe->n_parents; p++) {
        if (!recipe->parents[p].name)
            continue;
        clade_json_at values = clade_json_member(&parents, recipe->parents[p].name);
        names[n_names++] = recipe->parents[p].name;
        read_values(self, &values, CLADE_PER_PARENT, rule->parent + p * recipe->method->n_parameters);
    }
    clade_json_only(&parents, self->problems, names, n_names);
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
    static const char *const known[] = {"clade_recipe", "method",    "seed",       "base", "parents",
                                        "dtype",        "out_dtype", "parameters", "rules"};
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

/* ---- writing ---- */

/* What stands for the place of a model: its path, or its content hash in the identity. */
static const char *place_of(const clade_recipe_parent *parent, bool identity)
{
    return identity ? parent->hash : parent->path;
}

static void write_values(clade_json_writer *writer, const clade_method *method, clade_parameter_scope scope,
                         const double *values)
{
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        if (parameter->scope == scope && parameter->kind == CLADE_BOOLEAN)
            clade_json_put_bool(writer, parameter->name, values[k] != 0);
        else if (parameter->scope == scope) /* -0 would make equal recipes look different */
            clade_json_put_number(writer, parameter->name, values[k] + 0.0);
    }
}

static void write_rule(clade_json_writer *writer, const clade_recipe *recipe, const clade_rule *rule)
{
    const clade_method *method = recipe->method;
    clade_json_begin_object(writer, NULL);
    clade_json_begin_array(writer, "tensors");
    for (size_t i = 0; i < rule->n_patterns; i++)
        clade_json_put_string(writer, NULL, rule->patterns[i]);
    clade_json_end_array(writer);
    clade_json_begin_object(writer, "parameters");
    write_values(writer, method, CLADE_PER_SITE, rule->site);
    clade_json_end_object(writer);
    clade_json_begin_object(writer, "parents");
    for (size_t p = 0; p < recipe->n_parents; p++) {
        clade_json_begin_object(writer, recipe->parents[p].name);
        write_values(writer, method, CLADE_PER_PARENT, rule->parent + p * method->n_parameters);
        clade_json_end_object(writer);
    }
    clade_json_end_object(writer);
    clade_json_end_object(writer);
}

static void write_recipe(const clade_recipe *recipe, bool pretty, bool identity, clade_text *text)
{
    clade_json_writer to = clade_json_writer_to(text, pretty), *writer = &to;
    clade_json_begin_object(writer, NULL);
    clade_json_put_integer(writer, "clade_recipe", 1);
    clade_json_put_string(writer, "method", recipe->method->name);
    clade_json_put_u64(writer, "seed", recipe->method->uses_masks ? recipe->seed : 0);
    if (recipe->base)
        clade_json_put_string(writer, "base", place_of(recipe->base, identity));
    clade_json_begin_array(writer, "parents");
    for (size_t p = 0; p < recipe->n_parents; p++) {
        clade_json_begin_object(writer, NULL);
        clade_json_put_string(writer, "name", recipe->parents[p].name);
        clade_json_put_string(writer, "path", place_of(&recipe->parents[p], identity));
        clade_json_end_object(writer);
    }
    clade_json_end_array(writer);
    if (recipe->has_dtype)
        clade_json_put_string(writer, "dtype", clade_dtype_of(recipe->dtype)->torch_name);
    if (recipe->has_out_dtype)
        clade_json_put_string(writer, "out_dtype", clade_dtype_of(recipe->out_dtype)->torch_name);
    clade_json_begin_object(writer, "parameters");
    if (recipe->n_rules > 0)
        write_values(writer, recipe->method, CLADE_PER_RECIPE, recipe->rules[0].site);
    clade_json_end_object(writer);
    clade_json_begin_array(writer, "rules");
    for (size_t r = 0; r < recipe->n_rules; r++)
        write_rule(writer, recipe, &recipe->rules[r]);
    clade_json_end_array(writer);
    clade_json_end_object(writer);
}

void clade_recipe_print(const clade_recipe *recipe, bool pretty, clade_text *text)
{
    write_recipe(recipe, pretty, false, text);
}

clade_status clade_recipe_hash(const clade_recipe *recipe, char hex[CLADE_SHA256_HEX])
{
    if (recipe->base && recipe->base->hash[0] == '\0')
        return clade_fail(CLADE_EINTERNAL, "the hash of the base is not set; clade_family_stamp comes first");
    for (size_t p = 0; p < recipe->n_parents; p++)
        if (recipe->parents[p].hash[0] == '\0')
            return clade_fail(CLADE_EINTERNAL, "the hash of parent %zu is not set; clade_family_stamp comes first", p);
    clade_text text = {0};
    write_recipe(recipe, false, true, &text);
    clade_status status = clade_text_status(&text);
    if (status == CLADE_OK) {
        clade_sha256 hash;
        clade_sha256_init(&hash);
        clade_sha256_update(&hash, clade_text_get(&text), text.length);
        clade_sha256_hex(&hash, hex);
    }
    clade_text_free(&text);
    return status;
}
