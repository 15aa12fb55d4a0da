/* Recipes to JSON, with every value written out, and the identity made of it. What is optional and absent is not
 * written, so that a recipe keeps its text and its hash when new keys are added to the form. */
#include "clade/alloc.h"
#include "merge/recipe_parts.h"

typedef struct printer {
    clade_json_writer json;
    const clade_recipe *recipe;
    bool identity; /* content hashes stand for paths */
} printer;

/* ---- models ---- */

static const char *name_of(const clade_recipe *recipe, size_t model)
{
    return model < recipe->n_parents ? recipe->parents[model].name : "base";
}

/* What stands for the place of a model: its path, or its content hash in the identity. */
static const char *place_of(const printer *self, const clade_recipe_parent *parent)
{
    return self->identity ? parent->hash : parent->path;
}

static void print_file(printer *self, const char *key, const clade_recipe_file *file)
{
    if (file->path)
        clade_json_put_string(&self->json, key, self->identity ? file->hash : file->path);
}

static void print_models(printer *self)
{
    clade_json_writer *json = &self->json;
    if (self->recipe->base)
        clade_json_put_string(json, "base", place_of(self, self->recipe->base));
    clade_json_begin_array(json, "parents");
    for (size_t p = 0; p < self->recipe->n_parents; p++) {
        const clade_recipe_parent *parent = &self->recipe->parents[p];
        clade_json_begin_object(json, NULL);
        clade_json_put_string(json, "name", parent->name);
        if (parent->path)
            clade_json_put_string(json, "path", place_of(self, parent));
        print_file(self, "adapter", &parent->adapter);
        print_file(self, "statistics", &parent->statistics);
        clade_json_end_object(json);
    }
    clade_json_end_array(json);
}

/* ---- rules ---- */

static void print_values(printer *self, clade_parameter_scope scope, const double *values)
{
    const clade_method *method = self->recipe->method;
    clade_json_writer *json = &self->json;
    for (size_t k = 0; k < method->n_parameters; k++) {
        const clade_parameter *parameter = &method->parameters[k];
        if (parameter->scope != scope)
            continue;
        if (parameter->kind == CLADE_BOOLEAN)
            clade_json_put_bool(json, parameter->name, values[k] != 0);
        else if (parameter->kind == CLADE_CHOICE)
            clade_json_put_string(json, parameter->name, parameter->choices[(size_t)values[k]]);
        else /* -0 would make equal recipes look different */
            clade_json_put_number(json, parameter->name, values[k] + 0.0);
    }
}

static void print_rule(printer *self, const clade_rule *rule)
{
    const clade_recipe *recipe = self->recipe;
    clade_json_writer *json = &self->json;
    bool narrowed = clade_rule_parents(recipe, rule) < recipe->n_parents;
    clade_json_begin_object(json, NULL);
    clade_json_begin_array(json, "tensors");
    for (size_t i = 0; i < rule->n_patterns; i++)
        clade_json_put_string(json, NULL, rule->patterns[i]);
    clade_json_end_array(json);
    if (narrowed)
        clade_json_begin_array(json, "only");
    for (size_t p = 0; p < recipe->n_parents && narrowed; p++)
        if (rule->only[p])
            clade_json_put_string(json, NULL, recipe->parents[p].name);
    if (narrowed)
        clade_json_end_array(json);
    clade_json_begin_object(json, "parameters");
    print_values(self, CLADE_PER_SITE, rule->site);
    clade_json_end_object(json);
    clade_json_begin_object(json, "parents");
    for (size_t p = 0; p < recipe->n_parents; p++) {
        if (narrowed && !rule->only[p])
            continue;
        clade_json_begin_object(json, recipe->parents[p].name);
        print_values(self, CLADE_PER_PARENT, rule->parent + p * recipe->method->n_parameters);
        clade_json_end_object(json);
    }
    clade_json_end_object(json);
    clade_json_end_object(json);
}

/* ---- what is optional ---- */

static void print_slice(printer *self, const clade_recipe_slice *slice)
{
    const clade_recipe *recipe = self->recipe;
    clade_json_writer *json = &self->json;
    clade_json_begin_object(json, NULL);
    for (size_t i = 0; i <= recipe->n_parents; i++) {
        size_t model = i == 0 ? recipe->n_parents : i - 1; /* the base first */
        if (slice->first[model] < 0)
            continue;
        clade_json_begin_array(json, name_of(recipe, model));
        clade_json_put_integer(json, NULL, slice->first[model]);
        clade_json_put_integer(json, NULL, slice->first[model] + (int64_t)slice->n_blocks);
        clade_json_end_array(json);
    }
    clade_json_end_object(json);
}

static void print_stacks(printer *self)
{
    clade_json_writer *json = &self->json;
    if (self->recipe->n_stacks == 0)
        return;
    clade_json_begin_array(json, "stacks");
    for (size_t s = 0; s < self->recipe->n_stacks; s++) {
        const clade_recipe_stack *stack = &self->recipe->stacks[s];
        clade_json_begin_object(json, NULL);
        clade_json_put_string(json, "blocks", stack->blocks);
        clade_json_begin_array(json, "slices");
        for (size_t i = 0; i < stack->n_slices; i++)
            print_slice(self, &stack->slices[i]);
        clade_json_end_array(json);
        clade_json_end_object(json);
    }
    clade_json_end_array(json);
}

static void print_token(printer *self, const clade_recipe_token *token)
{
    clade_json_writer *json = &self->json;
    bool like = token->kind == CLADE_TOKEN_LIKE || token->kind == CLADE_TOKEN_LIKE_ID;
    clade_json_begin_object(json, token->token);
    if (like) {
        clade_json_begin_object(json, "source");
        clade_json_put_string(json, "model", name_of(self->recipe, token->source));
        if (token->kind == CLADE_TOKEN_LIKE)
            clade_json_put_string(json, "token", token->like);
        else
            clade_json_put_integer(json, "token_id", token->like_id);
        clade_json_end_object(json);
    } else {
        clade_json_put_string(json, "source",
                              token->kind == CLADE_TOKEN_ZERO ? "zero" : name_of(self->recipe, token->source));
    }
    if (token->force)
        clade_json_put_bool(json, "force", true);
    clade_json_end_object(json);
}

static void print_vocabulary(printer *self)
{
    const clade_recipe_vocabulary *vocabulary = &self->recipe->vocabulary;
    clade_json_writer *json = &self->json;
    if (vocabulary->kind == CLADE_VOCABULARY_SAME)
        return;
    if (vocabulary->kind == CLADE_VOCABULARY_COMMON) {
        clade_json_put_string(json, "vocabulary", "common");
        return;
    }
    clade_json_begin_object(json, "vocabulary");
    clade_json_put_string(json, "source",
                          vocabulary->kind == CLADE_VOCABULARY_UNION ? "union"
                                                                     : name_of(self->recipe, vocabulary->source));
    if (vocabulary->pad_to_multiple_of > 0)
        clade_json_put_integer(json, "pad_to_multiple_of", vocabulary->pad_to_multiple_of);
    if (vocabulary->n_tokens > 0)
        clade_json_begin_object(json, "tokens");
    for (size_t t = 0; t < vocabulary->n_tokens; t++)
        print_token(self, &vocabulary->tokens[t]);
    if (vocabulary->n_tokens > 0)
        clade_json_end_object(json);
    clade_json_end_object(json);
}

static void print_extras(printer *self)
{
    const clade_recipe *recipe = self->recipe;
    clade_json_writer *json = &self->json;
    print_stacks(self);
    if (recipe->leave_out)
        clade_json_put_string(json, "missing", "leave_out");
    print_vocabulary(self);
    if (recipe->chat_template)
        clade_json_put_string(json, "chat_template", recipe->chat_template);
    if (recipe->files_from != SIZE_MAX)
        clade_json_put_string(json, "files_from", name_of(recipe, recipe->files_from));
}

/* ---- the whole ---- */

static void print_recipe(const clade_recipe *recipe, bool pretty, bool identity, clade_text *text)
{
    printer self = {clade_json_writer_to(text, pretty), recipe, identity};
    clade_json_writer *json = &self.json;
    clade_json_begin_object(json, NULL);
    clade_json_put_integer(json, "clade_recipe", 1);
    clade_json_put_string(json, "method", recipe->method->name);
    clade_json_put_u64(json, "seed", recipe->method->uses_masks ? recipe->seed : 0);
    print_models(&self);
    if (recipe->has_dtype)
        clade_json_put_string(json, "dtype", clade_dtype_of(recipe->dtype)->torch_name);
    if (recipe->has_out_dtype)
        clade_json_put_string(json, "out_dtype", clade_dtype_of(recipe->out_dtype)->torch_name);
    print_extras(&self);
    clade_json_begin_object(json, "parameters");
    if (recipe->n_rules > 0)
        print_values(&self, CLADE_PER_RECIPE, recipe->rules[0].site);
    clade_json_end_object(json);
    clade_json_begin_array(json, "rules");
    for (size_t r = 0; r < recipe->n_rules; r++)
        print_rule(&self, &recipe->rules[r]);
    clade_json_end_array(json);
    clade_json_end_object(json);
}

void clade_recipe_print(const clade_recipe *recipe, bool pretty, clade_text *text)
{
    print_recipe(recipe, pretty, false, text);
}

static bool is_stamped(const clade_recipe_file *file)
{
    return !file->path || file->hash[0] != '\0';
}

static clade_status check_stamped(const clade_recipe *recipe)
{
    if (recipe->base && recipe->base->hash[0] == '\0')
        return clade_fail(CLADE_EINTERNAL, "the hash of the base is not set; clade_family_stamp comes first");
    for (size_t p = 0; p < recipe->n_parents; p++) {
        const clade_recipe_parent *parent = &recipe->parents[p];
        if (parent->path && parent->hash[0] == '\0')
            return clade_fail(CLADE_EINTERNAL, "the hash of parent %zu is not set; clade_family_stamp comes first", p);
        if (!is_stamped(&parent->adapter) || !is_stamped(&parent->statistics))
            return clade_fail(CLADE_EINTERNAL,
                              "the hash of the %s of parent %zu is not set; clade_family_stamp comes "
                              "first",
                              is_stamped(&parent->adapter) ? "statistics" : "adapter", p);
    }
    return CLADE_OK;
}

clade_status clade_recipe_hash(const clade_recipe *recipe, char hex[CLADE_SHA256_HEX])
{
    clade_text text = {0};
    CLADE_TRY(check_stamped(recipe));
    print_recipe(recipe, false, true, &text);
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
