/* A recipe as mergekit's YAML: whole models, or slices where blocks are stacked; what it cannot say is refused. */
#include <string.h>

#include "clade/alloc.h"
#include "merge/mergekit_write.h"
#include "merge/method/methods.h"
#include "merge/plan_names.h"

typedef clade_yaml_writer writer;

static bool uses_base(const clade_recipe *recipe)
{
    return recipe->method->base != CLADE_BASE_IGNORED;
}

/* ---- what mergekit cannot say ---- */

/* The model and the adapter of a parent; one without a path is an adapter on the base. */
static const char *path_of(const clade_recipe *recipe, size_t model)
{
    const clade_recipe_parent *parent = model < recipe->n_parents ? &recipe->parents[model] : recipe->base;
    return parent->path ? parent->path : recipe->base->path;
}

static const char *adapter_of(const clade_recipe *recipe, size_t model)
{
    return model < recipe->n_parents ? recipe->parents[model].adapter.path : NULL;
}

static bool same_model(const clade_recipe *recipe, size_t a, size_t b)
{
    const char *one = adapter_of(recipe, a), *other = adapter_of(recipe, b);
    return strcmp(path_of(recipe, a), path_of(recipe, b)) == 0 && (one ? other && strcmp(one, other) == 0 : !other);
}

static clade_status check_models(const clade_recipe *recipe)
{
    for (size_t p = 0; p < recipe->n_parents; p++) {
        const char *path = path_of(recipe, p), *adapter = adapter_of(recipe, p);
        for (size_t q = 0; q < p; q++)
            if (same_model(recipe, p, q))
                return clade_fail(CLADE_ECONFIG, "mergekit uses a model once, the recipe has %s twice", path);
        if (uses_base(recipe) && recipe->base && same_model(recipe, p, recipe->n_parents))
            return clade_fail(CLADE_ECONFIG, "mergekit does not use the base as a parent, the recipe has %s as both",
                              path);
        if (strpbrk(path, "+@") || (adapter && strpbrk(adapter, "+@")))
            return clade_fail(CLADE_ECONFIG, "mergekit reads '+' and '@' in %s as an adapter and a revision",
                              strpbrk(path, "+@") ? path : adapter);
    }
    if (recipe->base && strpbrk(recipe->base->path, "+@"))
        return clade_fail(CLADE_ECONFIG, "mergekit reads '+' and '@' in %s as an adapter and a revision",
                          recipe->base->path);
    return CLADE_OK;
}

/* SLERP's weights become t. */
static bool is_read(const writer *self, const clade_parameter *parameter)
{
    bool becomes_t = self->recipe->method == &clade_method_slerp && strcmp(parameter->name, "weight") == 0;
    return becomes_t || clade_mergekit_reads(self->known, parameter->name);
}

/* Clade's further parameters have mergekit's behaviour as their default. */
static clade_status check_values(const writer *self)
{
    const clade_recipe *recipe = self->recipe;
    size_t n = recipe->method->n_parameters;
    for (size_t r = 0; r < recipe->n_rules; r++)
        for (size_t k = 0; k < n; k++) {
            const clade_parameter *parameter = &recipe->method->parameters[k];
            bool differs = parameter->scope != CLADE_PER_PARENT && recipe->rules[r].site[k] != parameter->default_value;
            for (size_t p = 0; p < recipe->n_parents && parameter->scope == CLADE_PER_PARENT; p++)
                differs = differs || recipe->rules[r].parent[p * n + k] != parameter->default_value;
            if (differs && !is_read(self, parameter))
                return clade_fail(CLADE_ECONFIG,
                                  "mergekit's %s has no %s, which the recipe sets to something else than the default",
                                  recipe->method->name, parameter->name);
        }
    return CLADE_OK;
}

static clade_status check_slerp(const clade_recipe *recipe)
{
    size_t n_slices = recipe->n_stacks > 0 ? recipe->stacks[0].n_slices : 0;
    if (recipe->method != &clade_method_slerp)
        return CLADE_OK;
    if (n_slices == 0 && recipe->n_parents != 2)
        return clade_fail(CLADE_ECONFIG, "mergekit's slerp takes two models, the recipe has %zu", recipe->n_parents);
    for (size_t i = 0; i < n_slices; i++) {
        size_t taking_part = 0;
        for (size_t p = 0; p < recipe->n_parents; p++)
            taking_part += recipe->stacks[0].slices[i].first[p] >= 0;
        if (taking_part != 2)
            return clade_fail(CLADE_ECONFIG, "mergekit's slerp takes two models, slice %zu of the recipe has %zu", i,
                              taking_part);
    }
    return CLADE_OK;
}

static clade_status check_expressible(const writer *self)
{
    const clade_recipe *recipe = self->recipe;
    if (!self->known)
        return clade_fail(CLADE_ECONFIG, "mergekit has no method %s", recipe->method->name);
    if (recipe->n_stacks > 1)
        return clade_fail(CLADE_ECONFIG, "mergekit's slices are of one stack of blocks, the recipe has %zu",
                          recipe->n_stacks);
    if (recipe->leave_out)
        return clade_fail(CLADE_ECONFIG, "mergekit has no word for \"missing\": \"leave_out\"");
    if (recipe->vocabulary.kind == CLADE_VOCABULARY_COMMON)
        return clade_fail(CLADE_ECONFIG, "mergekit has no word for \"vocabulary\": \"common\"");
    for (size_t r = 0; r < recipe->n_rules; r++)
        if (clade_rule_parents(recipe, &recipe->rules[r]) < recipe->n_parents)
            return clade_fail(CLADE_ECONFIG, "mergekit merges all models, rule %zu of the recipe leaves some out", r);
    if (recipe->files_from < recipe->n_parents && uses_base(recipe))
        return clade_fail(CLADE_ECONFIG, "mergekit takes files from base_model, the recipe from %s",
                          recipe->parents[recipe->files_from].name);
    CLADE_TRY(check_slerp(recipe));
    CLADE_TRY(check_models(self->shown));
    return check_values(self);
}

/* ---- models ---- */

clade_status clade_yaml_write_model(writer *self, size_t model)
{
    const char *adapter = adapter_of(self->shown, model);
    clade_text name = {0};
    clade_text_append(&name, "%s%s%s", path_of(self->shown, model), adapter ? "+" : "", adapter ? adapter : "");
    clade_status status = clade_text_status(&name);
    if (status == CLADE_OK)
        status = clade_yaml_write_string(self->text, clade_text_get(&name));
    clade_text_free(&name);
    return status;
}

/* VALUES under "parameters:", when there are any. */
static clade_status write_parameters(writer *self, const clade_yaml_place *place, clade_parameter_scope scope,
                                     const char *indent)
{
    size_t start = self->text->length;
    clade_text_append(self->text, "%sparameters:\n", indent);
    size_t head = self->text->length;
    CLADE_TRY(clade_yaml_write_values(self, place, scope));
    if (self->text->length == head && !self->text->failed) { /* nothing was added: take the head back */
        self->text->length = start;
        self->text->data[start] = '\0';
    }
    return CLADE_OK;
}

static clade_status write_models(writer *self)
{
    clade_text_append(self->text, "models:\n");
    for (size_t p = 0; p < self->recipe->n_parents; p++) {
        const clade_yaml_place place = {CLADE_YAML_ALL_SLICES, (int)p, "      "};
        clade_text_append(self->text, "  - model: ");
        CLADE_TRY(clade_yaml_write_model(self, p));
        clade_text_append(self->text, "\n");
        CLADE_TRY(write_parameters(self, &place, CLADE_PER_PARENT, "    "));
    }
    return CLADE_OK;
}

/* ---- base_model ---- */

/* The two that take part in a slice, or in all. */
static void slerp_pair(const clade_recipe *recipe, int slice, size_t pair[2])
{
    size_t count = 0;
    pair[0] = pair[1] = 0;
    for (size_t p = 0; p < recipe->n_parents && count < 2; p++)
        if (slice == CLADE_YAML_ALL_SLICES || recipe->stacks[0].slices[slice].first[p] >= 0)
            pair[count++] = p;
}

/* Which of the pair t runs away from. */
static size_t slerp_base(const writer *self, int slice, const size_t pair[2])
{
    size_t files = self->recipe->files_from;
    return clade_yaml_slerp_base(self, slice, pair[0], pair[1], files == pair[1] ? pair[1] : pair[0]);
}

/* The model of the top-level base_model, or SIZE_MAX. Where mergekit would merge it like the others, a base that only
 * adapters are added to is not written. */
static size_t base_model(const writer *self)
{
    const clade_recipe *recipe = self->recipe;
    size_t pair[2];
    if (recipe->method == &clade_method_slerp && recipe->n_stacks == 0) {
        slerp_pair(recipe, CLADE_YAML_ALL_SLICES, pair);
        return slerp_base(self, CLADE_YAML_ALL_SLICES, pair);
    }
    if (recipe->base && (uses_base(recipe) || recipe->n_stacks > 0))
        return recipe->n_parents;
    if (recipe->files_from < recipe->n_parents)
        return recipe->files_from;
    return recipe->method == &clade_method_slerp ? 0 : SIZE_MAX;
}

/* ---- slices ---- */

static clade_status write_source(writer *self, int slice, size_t model)
{
    const clade_recipe_slice *blocks = &self->recipe->stacks[0].slices[slice];
    const clade_yaml_place place = {slice, (int)model, "          "};
    clade_text_append(self->text, "      - model: ");
    CLADE_TRY(clade_yaml_write_model(self, model));
    clade_text_append(self->text, "\n        layer_range: [%d, %zu]\n", blocks->first[model],
                      (size_t)blocks->first[model] + blocks->n_blocks);
    if (model < self->recipe->n_parents)
        CLADE_TRY(write_parameters(self, &place, CLADE_PER_PARENT, "        "));
    return CLADE_OK;
}

static clade_status write_slice(writer *self, int slice, size_t base)
{
    const clade_recipe *recipe = self->recipe;
    const int *first = recipe->stacks[0].slices[slice].first;
    const clade_yaml_place place = {slice, CLADE_YAML_SHARED, "      "};
    bool slerp = recipe->method == &clade_method_slerp;
    size_t pair[2] = {0}, from = SIZE_MAX;
    if (slerp) {
        slerp_pair(recipe, slice, pair);
        from = slerp_base(self, slice, pair);
    }
    clade_text_append(self->text, "  - sources:\n");
    if (slerp)
        CLADE_TRY(write_source(self, slice, from));
    for (size_t p = 0; p <= recipe->n_parents; p++)
        if (first[p] >= 0 && p != from && (p < recipe->n_parents || uses_base(recipe)))
            CLADE_TRY(write_source(self, slice, p));
    if (slerp && from != base) {
        clade_text_append(self->text, "    base_model: ");
        CLADE_TRY(clade_yaml_write_model(self, from));
        clade_text_append(self->text, "\n");
    }
    if (slerp) {
        clade_text_append(self->text, "    parameters:\n");
        return clade_yaml_write_t(self, &place, from, from == pair[0] ? pair[1] : pair[0]);
    }
    return self->tensors.count > 0 ? write_parameters(self, &place, CLADE_PER_SITE, "    ") : CLADE_OK;
}

/* ---- the document ---- */

static clade_status write_shared(writer *self, size_t base)
{
    const clade_recipe *recipe = self->recipe;
    const clade_yaml_place place = {CLADE_YAML_ALL_SLICES, CLADE_YAML_SHARED, "  "};
    bool stacked = recipe->n_stacks > 0;
    if (recipe->method == &clade_method_slerp) {
        size_t pair[2];
        slerp_pair(recipe, CLADE_YAML_ALL_SLICES, pair);
        clade_text_append(self->text, stacked ? "" : "parameters:\n");
        return stacked ? CLADE_OK : clade_yaml_write_t(self, &place, base, base == pair[0] ? pair[1] : pair[0]);
    }
    size_t start = self->text->length;
    clade_text_append(self->text, "parameters:\n");
    size_t head = self->text->length;
    CLADE_TRY(clade_yaml_write_values(self, &place, CLADE_PER_RECIPE));
    if (!stacked || self->tensors.count == 0)
        CLADE_TRY(clade_yaml_write_values(self, &place, CLADE_PER_SITE));
    if (self->text->length == head && !self->text->failed) {
        self->text->length = start;
        self->text->data[start] = '\0';
    }
    return CLADE_OK;
}

static clade_status write_document(writer *self)
{
    const clade_recipe *recipe = self->recipe;
    size_t base = base_model(self);
    clade_text_append(self->text, "merge_method: %s\n", recipe->method->name);
    if (base != SIZE_MAX) {
        clade_text_append(self->text, "base_model: ");
        CLADE_TRY(clade_yaml_write_model(self, base));
        clade_text_append(self->text, "\n");
    }
    clade_text_append(self->text, recipe->n_stacks > 0 ? "slices:\n" : "");
    for (size_t i = 0; recipe->n_stacks > 0 && i < recipe->stacks[0].n_slices; i++)
        CLADE_TRY(write_slice(self, (int)i, base));
    if (recipe->n_stacks == 0)
        CLADE_TRY(write_models(self));
    CLADE_TRY(write_shared(self, base));
    if (recipe->has_dtype)
        clade_text_append(self->text, "dtype: %s\n", clade_dtype_of(recipe->dtype)->torch_name);
    if (recipe->has_out_dtype)
        clade_text_append(self->text, "out_dtype: %s\n", clade_dtype_of(recipe->out_dtype)->torch_name);
    CLADE_TRY(clade_yaml_write_vocabulary(self));
    if (recipe->chat_template) {
        clade_text_append(self->text, "chat_template: ");
        CLADE_TRY(clade_yaml_write_string(self->text, recipe->chat_template));
        clade_text_append(self->text, "\n");
    }
    return clade_text_status(self->text);
}

/* ---- tensors and their rules ---- */

typedef struct open_names {
    const clade_recipe *recipe;
    clade_name_list lists[CLADE_MAX_PARENTS + 1]; /* by source */
} open_names;

static clade_status open_source(void *context, size_t source, const clade_name_list **list)
{
    open_names *self = context;
    *list = &self->lists[source];
    return self->lists[source].names ? CLADE_OK
                                     : clade_name_list_open(path_of(self->recipe, source), &self->lists[source]);
}

static clade_status find_rules(writer *self)
{
    size_t n = self->tensors.count;
    clade_rule_index index;
    clade_status status = CLADE_OK;
    self->rules = clade_calloc(n, sizeof(const clade_rule *));
    if (!self->rules)
        return clade_fail_memory(n * sizeof(const clade_rule *), "the rules of tensors");
    CLADE_TRY(clade_rule_index_new(self->recipe, &index));
    for (size_t i = 0; i < n && status == CLADE_OK; i++) {
        self->rules[i] = clade_rule_index_find(&index, self->tensors.list[i].name);
        if (!self->rules[i])
            status =
                clade_fail(CLADE_ECONFIG, "tensor %s: no rule of the recipe matches it", self->tensors.list[i].name);
    }
    clade_rule_index_free(&index);
    return status;
}

static clade_status list_tensors(writer *self)
{
    open_names names = {.recipe = self->recipe};
    const clade_name_source source = {open_source, &names};
    clade_status status = clade_output_tensors_list(self->recipe, &source, &self->tensors);
    for (size_t i = 0; i <= self->recipe->n_parents; i++)
        clade_name_list_close(&names.lists[i]);
    return status == CLADE_OK ? find_rules(self) : status;
}

clade_status clade_recipe_to_mergekit(const clade_recipe *recipe, clade_text *text)
{
    return clade_recipe_to_mergekit_as(recipe, recipe, text);
}

clade_status clade_recipe_to_mergekit_as(const clade_recipe *recipe, const clade_recipe *shown, clade_text *text)
{
    writer self = {
        .recipe = recipe, .shown = shown, .text = text, .known = clade_mergekit_method_find(recipe->method->name)};
    clade_problems problems = {0};
    clade_recipe_check(recipe, "recipe", &problems);
    CLADE_TRY(clade_problems_end(&problems, CLADE_ECONFIG));
    CLADE_TRY(check_expressible(&self));
    clade_status status = recipe->n_rules > 1 ? list_tensors(&self) : CLADE_OK;
    if (status == CLADE_OK)
        status = write_document(&self);
    clade_output_tensors_free(&self.tensors);
    clade_free(self.rules);
    return status;
}
