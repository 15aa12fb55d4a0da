/* What a recipe must satisfy, whoever made it: read from a file or built in code. What depends on the models themselves
 * (blocks that are not there, rows that differ) is for the plan. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "merge/recipe_parts.h"

/* Where a check is: "WHERE: rule 2: ". */
typedef struct checker {
    const clade_recipe *recipe;
    const char *where;
    clade_problems *problems;
} checker;

/* ---- models ---- */

static bool is_missing(const char *text)
{
    return !text || text[0] == '\0';
}

static void check_base(const checker *self)
{
    const clade_recipe_parent *base = self->recipe->base;
    if (is_missing(base->name))
        clade_problem(self->problems, "%s: the base has no name", self->where);
    if (is_missing(base->path))
        clade_problem(self->problems, "%s: the base has no path", self->where);
    if (base->adapter.path)
        clade_problem(self->problems,
                      "%s: the base has an adapter (%s), expected a model; make one of both first, by passthrough",
                      self->where, base->adapter.path);
}

static void check_parent(const checker *self, size_t p)
{
    const clade_recipe_parent *parent = &self->recipe->parents[p];
    const clade_method *method = self->recipe->method;
    if (is_missing(parent->name))
        clade_problem(self->problems, "%s: parent %zu has no name", self->where, p);
    if (parent->adapter.path && parent->adapter.path[0] == '\0')
        clade_problem(self->problems, "%s: the adapter of parent %zu has no path", self->where, p);
    if (!parent->path && parent->adapter.path && !self->recipe->base && !method->adapters)
        clade_problem(self->problems, "%s: parent %zu is an adapter, expected a base or a path that it is added to",
                      self->where, p);
    if (parent->path ? parent->path[0] == '\0' : !parent->adapter.path)
        clade_problem(self->problems, "%s: parent %zu has no path", self->where, p);
    if (method->statistics && is_missing(parent->statistics.path))
        clade_problem(self->problems, "%s: parent %zu has no statistics, %s expects a file of them (%s)", self->where,
                      p, method->name, method->statistics);
    if (!method->statistics && parent->statistics.path)
        clade_problem(self->problems, "%s: parent %zu has statistics, %s takes none", self->where, p, method->name);
    for (size_t q = 0; q < p && parent->name; q++)
        if (self->recipe->parents[q].name && strcmp(parent->name, self->recipe->parents[q].name) == 0)
            clade_problem(self->problems, "%s: two parents are named \"%s\"", self->where, parent->name);
}

/* The number of parents that take part in the same tensor. With stacks it is each slice's, and the plan's to check. */
static void check_number(const checker *self, const char *place, size_t found)
{
    const clade_method *method = self->recipe->method;
    if (found < method->min_parents || (found > method->max_parents && self->recipe->n_stacks == 0))
        clade_problem(self->problems, "%s: %sfound %zu parents, %s expects %zu to %zu", self->where, place, found,
                      method->name, method->min_parents, method->max_parents);
}

static void check_models(const checker *self)
{
    const clade_recipe *recipe = self->recipe;
    bool all_in_some = recipe->n_rules == 0;
    for (size_t r = 0; r < recipe->n_rules; r++)
        all_in_some = all_in_some || !recipe->rules[r].only;
    if (all_in_some)
        check_number(self, "", recipe->n_parents);
    if (recipe->n_parents == 0 || recipe->n_parents > CLADE_MAX_PARENTS)
        clade_problem(self->problems, "%s: found %zu parents, expected 1 to %d", self->where, recipe->n_parents,
                      CLADE_MAX_PARENTS);
    if (recipe->method->base == CLADE_BASE_REQUIRED && !recipe->base)
        clade_problem(self->problems, "%s: found no base, %s expects one", self->where, recipe->method->name);
    if (recipe->base)
        check_base(self);
    for (size_t p = 0; p < recipe->n_parents; p++)
        check_parent(self, p);
}

/* ---- rules ---- */

size_t clade_parameter_choices(const clade_parameter *parameter)
{
    size_t count = 0;
    while (parameter->kind == CLADE_CHOICE && parameter->choices[count])
        count++;
    return count;
}

bool clade_parameter_allows(const clade_parameter *parameter, double value)
{
    if (parameter->kind == CLADE_CHOICE)
        return value >= 0 && value < (double)clade_parameter_choices(parameter) && value == floor(value);
    return isfinite(value) && value >= parameter->low && value <= parameter->high &&
           (parameter->kind == CLADE_REAL || value == floor(value));
}

void clade_parameter_expected(const clade_parameter *parameter, clade_text *text)
{
    for (size_t i = 0; i < clade_parameter_choices(parameter); i++)
        clade_text_append(text, "%s\"%s\"", i > 0 ? " or " : "", parameter->choices[i]);
    if (parameter->kind == CLADE_BOOLEAN)
        clade_text_append(text, "true or false");
    if (parameter->kind != CLADE_REAL && parameter->kind != CLADE_INTEGER)
        return;
    clade_text_append(text, parameter->kind == CLADE_REAL ? "a number" : "an integer");
    if (isfinite(parameter->low))
        clade_text_append(text, " from %g", parameter->low);
    if (isfinite(parameter->high))
        clade_text_append(text, " to %g", parameter->high);
}

static void check_value(const checker *self, size_t rule, size_t k, const char *parent, double value)
{
    const clade_parameter *parameter = &self->recipe->method->parameters[k];
    if (clade_parameter_allows(parameter, value))
        return;
    clade_text text = {0};
    clade_parameter_expected(parameter, &text);
    const char *of = parent ? " of " : "";
    if (isnan(value))
        clade_problem(self->problems, "%s: rule %zu: %s%s%s is not given, expected %s", self->where, rule,
                      parameter->name, of, parent ? parent : "", clade_text_get(&text));
    else
        clade_problem(self->problems, "%s: rule %zu: %s%s%s: found %g, expected %s", self->where, rule, parameter->name,
                      of, parent ? parent : "", value, clade_text_get(&text));
    clade_text_free(&text);
}

static void check_rule(const checker *self, size_t r)
{
    const clade_recipe *recipe = self->recipe;
    const clade_rule *rule = &recipe->rules[r];
    size_t n = recipe->method->n_parameters;
    char place[40];
    snprintf(place, sizeof place, "rule %zu: ", r);
    if (rule->n_patterns == 0)
        clade_problem(self->problems, "%s: rule %zu: found no tensor patterns, expected one or more", self->where, r);
    if (rule->only)
        check_number(self, place, clade_rule_parents(recipe, rule));
    for (size_t k = 0; k < n; k++) {
        const clade_parameter *parameter = &recipe->method->parameters[k];
        for (size_t p = 0; p < recipe->n_parents && parameter->scope == CLADE_PER_PARENT; p++)
            if (!rule->only || rule->only[p])
                check_value(self, r, k, recipe->parents[p].name, rule->parent[p * n + k]);
        if (parameter->scope != CLADE_PER_PARENT)
            check_value(self, r, k, NULL, rule->site[k]);
        if (parameter->scope == CLADE_PER_RECIPE && rule->site[k] != recipe->rules[0].site[k])
            clade_problem(self->problems,
                          "%s: rule %zu: %s: found %g, expected %g as in rule 0: it has one value per recipe",
                          self->where, r, parameter->name, rule->site[k], recipe->rules[0].site[k]);
    }
}

static void check_rules(const checker *self)
{
    const clade_recipe *recipe = self->recipe;
    if (recipe->n_rules == 0)
        clade_problem(self->problems, "%s: found no rules, expected one or more", self->where);
    for (size_t r = 0; r < recipe->n_rules; r++) {
        if (self->problems->count > CLADE_MOST_PROBLEMS) {
            clade_problem(self->problems, "%s: rules %zu to %zu were not checked", self->where, r, recipe->n_rules - 1);
            return;
        }
        check_rule(self, r);
    }
}

/* ---- stacks ---- */

static void check_slice(const checker *self, const clade_recipe_slice *slice, const char *place)
{
    const clade_recipe *recipe = self->recipe;
    size_t taking_part = 0, most = recipe->method->max_parents;
    bool narrowed = false, based = slice->first[recipe->n_parents] >= 0;
    for (size_t r = 0; r < recipe->n_rules; r++)
        narrowed = narrowed || recipe->rules[r].only;
    for (size_t p = 0; p < recipe->n_parents; p++)
        taking_part += slice->first[p] >= 0;
    if (slice->n_blocks == 0)
        clade_problem(self->problems, "%s: %sfound no blocks, expected one or more", self->where, place);
    for (size_t p = 0; p <= recipe->n_parents; p++)
        if (slice->first[p] >= 0 && slice->n_blocks > CLADE_MAX_BLOCK + 1 - (size_t)slice->first[p])
            clade_problem(self->problems, "%s: %sblocks end behind number %d", self->where, place, CLADE_MAX_BLOCK);
    if (taking_part < recipe->method->min_parents || (taking_part > most && !narrowed))
        clade_problem(self->problems, "%s: %sfound %zu parents, %s expects %zu to %zu", self->where, place, taking_part,
                      recipe->method->name, recipe->method->min_parents, most);
    if (based && !recipe->base)
        clade_problem(self->problems, "%s: %sfound blocks of the base, but the recipe has none", self->where, place);
    if (!based && recipe->base && recipe->method->base != CLADE_BASE_IGNORED)
        clade_problem(self->problems, "%s: %sfound no blocks of the base, which %s works on", self->where, place,
                      recipe->method->name);
}

static void check_stack(const checker *self, size_t s)
{
    const clade_recipe_stack *stack = &self->recipe->stacks[s];
    size_t length = stack->blocks ? strlen(stack->blocks) : 0, blocks = 0;
    char place[64];
    if (length == 0 || stack->blocks[length - 1] != '.')
        clade_problem(self->problems,
                      "%s: stack %zu: blocks: found \"%.100s\", expected what stands before the block "
                      "number in tensor names, with the dot (\"model.layers.\")",
                      self->where, s, length > 0 ? stack->blocks : "");
    for (size_t t = 0; t < s && length > 0; t++)
        if (self->recipe->stacks[t].blocks && strcmp(self->recipe->stacks[t].blocks, stack->blocks) == 0)
            clade_problem(self->problems, "%s: two stacks are of \"%.100s\"", self->where, stack->blocks);
    if (stack->n_slices == 0)
        clade_problem(self->problems, "%s: stack %zu: found no slices, expected one or more", self->where, s);
    for (size_t i = 0; i < stack->n_slices && self->problems->count <= CLADE_MOST_PROBLEMS; i++) {
        snprintf(place, sizeof place, "stack %zu: slice %zu: ", s, i);
        check_slice(self, &stack->slices[i], place);
        blocks += stack->slices[i].n_blocks > CLADE_MAX_BLOCKS ? CLADE_MAX_BLOCKS + 1 : stack->slices[i].n_blocks;
    }
    if (blocks > CLADE_MAX_BLOCKS)
        clade_problem(self->problems, "%s: stack %zu: found more than %d blocks", self->where, s, CLADE_MAX_BLOCKS);
}

/* ---- the vocabulary and files ---- */

static bool is_model(const clade_recipe *recipe, size_t index)
{
    return index < recipe->n_parents || (index == recipe->n_parents && recipe->base);
}

/* A model is named where the word has another meaning. */
static void check_word(const checker *self, size_t model, const char *word, const char *meaning)
{
    const clade_recipe *recipe = self->recipe;
    if (model < recipe->n_parents && recipe->parents[model].name && strcmp(recipe->parents[model].name, word) == 0)
        clade_problem(self->problems, "%s: a parent is named \"%s\", which in the vocabulary stands for %s; rename it",
                      self->where, word, meaning);
}

static void check_token(const checker *self, size_t t)
{
    const clade_recipe_token *token = &self->recipe->vocabulary.tokens[t];
    bool of_model = token->kind != CLADE_TOKEN_ZERO;
    if (is_missing(token->token))
        clade_problem(self->problems, "%s: vocabulary: token %zu is empty", self->where, t);
    if (of_model && !is_model(self->recipe, token->source))
        clade_problem(self->problems, "%s: vocabulary: token %zu is of a model that is not in the recipe", self->where,
                      t);
    if (token->kind == CLADE_TOKEN_LIKE && is_missing(token->like))
        clade_problem(self->problems, "%s: vocabulary: token %zu is like no token", self->where, t);
    if (token->kind == CLADE_TOKEN_OF)
        check_word(self, token->source, "zero", "an embedding of zeros");
}

static void check_vocabulary(const checker *self)
{
    const clade_recipe_vocabulary *vocabulary = &self->recipe->vocabulary;
    bool remaps = vocabulary->kind == CLADE_VOCABULARY_UNION || vocabulary->kind == CLADE_VOCABULARY_OF;
    if (vocabulary->kind == CLADE_VOCABULARY_OF) {
        if (!is_model(self->recipe, vocabulary->source))
            clade_problem(self->problems, "%s: vocabulary: its source is not a model of the recipe", self->where);
        check_word(self, vocabulary->source, "union", "all tokens");
    }
    if (!remaps && (vocabulary->pad_to_multiple_of > 0 || vocabulary->n_tokens > 0))
        clade_problem(self->problems, "%s: vocabulary: tokens and padding expect a source", self->where);
    for (size_t t = 0; t < vocabulary->n_tokens && self->problems->count <= CLADE_MOST_PROBLEMS; t++)
        check_token(self, t);
}

static void check_files(const checker *self)
{
    const clade_recipe *recipe = self->recipe;
    const char *chat = recipe->chat_template;
    bool by_name = recipe->n_stacks > 0 || recipe->vocabulary.kind == CLADE_VOCABULARY_OF ||
                   recipe->vocabulary.n_tokens > 0 || recipe->files_from != SIZE_MAX;
    if (chat && !clade_chat_template_known(chat))
        clade_problem(self->problems,
                      "%s: chat_template: found \"%.60s\", expected auto, alpaca, chatml, llama3, "
                      "mistral, exaone or a Jinja template",
                      self->where, chat);
    if (recipe->files_from != SIZE_MAX && !is_model(recipe, recipe->files_from))
        clade_problem(self->problems, "%s: files_from is not a model of the recipe", self->where);
    for (size_t p = 0; p < recipe->n_parents && by_name && recipe->base; p++)
        if (recipe->parents[p].name && strcmp(recipe->parents[p].name, "base") == 0)
            clade_problem(self->problems,
                          "%s: a parent is named \"base\", which stands for the base in stacks, "
                          "vocabulary and files_from; rename it",
                          self->where);
}

static void check_dtype(const checker *self, const char *what, clade_dtype dtype)
{
    if (!clade_dtype_of(dtype)->mergeable)
        clade_problem(self->problems, "%s: %s: found %s, expected float32, float16, bfloat16 or float64", self->where,
                      what, clade_dtype_of(dtype)->name);
}

void clade_recipe_check(const clade_recipe *recipe, const char *where, clade_problems *problems)
{
    checker self = {recipe, where, problems};
    check_models(&self);
    if (recipe->has_dtype)
        check_dtype(&self, "dtype", recipe->dtype);
    if (recipe->has_out_dtype)
        check_dtype(&self, "out_dtype", recipe->out_dtype);
    for (size_t s = 0; s < recipe->n_stacks; s++)
        check_stack(&self, s);
    check_vocabulary(&self);
    check_files(&self);
    check_rules(&self);
}
