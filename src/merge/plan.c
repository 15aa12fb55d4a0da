/* A plan: the child's tensors (plan_names.c lists them), their sources, what keeps them from being merged, and their
 * dtypes. Nothing but names, shapes and integers is looked at. */
#include <string.h>

#include "clade/alloc.h"
#include "clade/text.h"
#include "merge/family.h"
#include "merge/plan.h"
#include "merge/plan_names.h"

enum { MOST_LINES = 20, MOST_EXTENTS = 8 };

/* What is known of the targets of a rule so far. */
typedef struct rule_targets {
    bool any;
    size_t first;      /* of the targets, where there are any */
    uint64_t elements; /* of all of them */
} rule_targets;

typedef struct builder {
    const clade_family *family;
    const clade_recipe *recipe;
    clade_plan *plan;
    clade_plan_names names;
    clade_rule_index rules;
    bool remaps;            /* the tensor at hand has its rows remapped */
    rule_targets *of_rules; /* (n_rules), owned */
    size_t n_shapes;        /* extents in plan->shapes that are taken */
    clade_problems problems;
} builder;

static void difference(builder *self, const char *line)
{
    if (self->problems.count < MOST_LINES)
        clade_problem(&self->problems, "%s", line);
    else
        self->problems.count++;
}

/* ---- sources ---- */

/* Heads that share the embeddings of their model and so are not stored. */
static const char *const tied[][2] = {
    {"lm_head.weight", "model.embed_tokens.weight"},
    {"lm_head.weight", "transformer.wte.weight"},
    {"lm_head.weight", "model.decoder.embed_tokens.weight"},
    {"language_model.lm_head.weight", "language_model.model.embed_tokens.weight"},
    {"embed_out.weight", "gpt_neox.embed_in.weight"},
};

static const clade_tensor *find_tied(const clade_checkpoint *in, const char *name)
{
    const clade_json *config = clade_checkpoint_config(in);
    bool ties = false;
    if (config) {
        clade_problems ignored = {0};
        clade_json_at root = clade_json_root(config), at = clade_json_member(&root, "tie_word_embeddings");
        if (clade_json_kind_of(&at) == CLADE_JSON_BOOL)
            clade_json_bool(&at, &ignored, &ties);
    }
    const clade_tensor *found = NULL;
    for (size_t i = 0; i < sizeof tied / sizeof tied[0] && ties && !found; i++)
        if (strcmp(tied[i][0], name) == 0)
            found = clade_checkpoint_find(in, tied[i][1]);
    return found;
}

static void missing(builder *self, const clade_checkpoint *in, const char *name)
{
    clade_text line = {0};
    clade_text_append(&line, "%s: tensor %s is missing", clade_checkpoint_path(in), name);
    difference(self, clade_text_get(&line));
    clade_text_free(&line);
}

/* Source S of target I; a tensor that is nowhere is a problem unless it may be left out. */
static void find_source(builder *self, size_t i, size_t s)
{
    clade_target *target = &self->plan->targets[i];
    clade_source *source = &target->sources[s];
    const clade_checkpoint *in = clade_family_source(self->family, s);
    char name[CLADE_PLAN_NAME];
    if (!in || !clade_plan_names_stored(&self->names, i, s, name))
        return;
    source->tensor = self->family->alike ? clade_checkpoint_at(in, i) : clade_checkpoint_find(in, name);
    if (!source->tensor && (source->tensor = find_tied(in, name)))
        self->plan->untied = true;
    if (source->tensor && s < self->family->n_parents && self->family->adapters && self->family->adapters[s])
        source->delta = clade_adapter_find(self->family->adapters[s], name);
    bool needed = s < self->family->n_parents || self->plan->uses_base;
    if (!source->tensor && needed && !self->recipe->leave_out)
        missing(self, in, name);
}

/* ---- one target ---- */

static bool takes_part(const clade_target *target, size_t p)
{
    return target->sources[p].tensor && (!target->rule || !target->rule->only || target->rule->only[p]);
}

/* F16 with BF16 gives F32, else the wider one. */
static clade_dtype promoted(clade_dtype a, clade_dtype b)
{
    if (a == b)
        return a;
    if (clade_dtype_of(a)->bits == clade_dtype_of(b)->bits)
        return CLADE_F32;
    return clade_dtype_of(a)->bits > clade_dtype_of(b)->bits ? a : b;
}

static clade_dtype dtype_of(const builder *self, const clade_target *target)
{
    if (self->recipe->has_out_dtype)
        return self->recipe->out_dtype;
    if (self->recipe->has_dtype)
        return self->recipe->dtype;
    clade_dtype dtype = target->sources[target->taking_part[0]].tensor->dtype;
    for (size_t p = 1; p < target->n_taking_part; p++)
        dtype = promoted(dtype, target->sources[target->taking_part[p]].tensor->dtype);
    if (self->plan->uses_base)
        dtype = promoted(dtype, target->sources[self->recipe->n_parents].tensor->dtype);
    return dtype;
}

/* The first source that has the tensor: what the others are compared with. The base, then the parents. */
static size_t first_source(const builder *self, const clade_target *target)
{
    size_t n = self->recipe->n_parents;
    if (target->sources[n].tensor)
        return n;
    for (size_t s = 0; s < n; s++)
        if (target->sources[s].tensor)
            return s;
    return SIZE_MAX;
}

/* But for the number of rows, two tensors have one shape. */
static bool same_rows(const clade_tensor *a, const clade_tensor *b)
{
    bool same = a->rank == b->rank && a->rank > 0;
    for (size_t d = 1; same && d < a->rank; d++)
        same = a->shape[d] == b->shape[d];
    return same;
}

static bool check_sources(builder *self, const clade_target *target, size_t first)
{
    bool alike = true;
    for (size_t s = 0; s <= self->recipe->n_parents && !self->family->alike; s++) {
        const clade_source *source = &target->sources[s];
        if (!source->tensor)
            continue;
        size_t before = self->problems.count;
        clade_tensor found = *source->tensor;
        const clade_tensor *expected = target->sources[first].tensor;
        if (self->remaps && same_rows(&found, expected))
            found.shape = expected->shape;
        clade_family_compare(clade_family_source(self->family, s), expected, &found, &self->problems);
        alike = alike && self->problems.count == before;
    }
    return alike;
}

static void check_count(builder *self, const clade_target *target)
{
    const clade_method *method = self->recipe->method;
    size_t n = target->n_taking_part;
    if (n >= method->min_parents && n <= method->max_parents)
        return;
    clade_text line = {0};
    clade_text_append(&line, "tensor %s: %zu parents take part, %s expects %zu to %zu", target->tensor.name, n,
                      method->name, method->min_parents, method->max_parents);
    difference(self, clade_text_get(&line));
    clade_text_free(&line);
}

/* A survey over the tensors of a rule counts elements, and parents: the same ones must take part in all of them. */
static void add_to_rule(builder *self, size_t i)
{
    clade_target *target = &self->plan->targets[i];
    rule_targets *all = &self->of_rules[target->rule - self->recipe->rules];
    target->rule_offset = all->elements;
    all->elements += target->tensor.count;
    all->first = all->any ? all->first : i;
    all->any = true;
    const clade_target *before = &self->plan->targets[all->first];
    if (before->n_taking_part == target->n_taking_part &&
        memcmp(before->taking_part, target->taking_part, target->n_taking_part * sizeof *target->taking_part) == 0)
        return;
    clade_text line = {0};
    clade_text_append(&line,
                      "tensor %s: other parents take part than in %s, %s expects the same in all tensors of a rule",
                      target->tensor.name, before->tensor.name, self->recipe->method->name);
    difference(self, clade_text_get(&line));
    clade_text_free(&line);
}

static void find_statistics(builder *self, clade_target *target, size_t i)
{
    if (!self->plan->statistics)
        return;
    target->statistics = self->plan->statistics + i * self->recipe->n_parents;
    for (size_t k = 0; k < target->n_taking_part; k++) {
        const clade_checkpoint *in = self->family->statistics[target->taking_part[k]];
        target->statistics[k] = in ? clade_checkpoint_find(in, target->tensor.name) : NULL;
    }
}

/* Rows come from models that have the tensor too. */
static void check_donors(builder *self, const clade_target *target, const clade_row_map *map)
{
    for (uint32_t i = 0; map && i < map->start[map->n_rows]; i++)
        if (!target->sources[map->items[i].source].tensor) {
            missing(self, clade_family_source(self->family, map->items[i].source), target->tensor.name);
            return;
        }
}

/* The child's rows, and where each source has them. */
static void remap(builder *self, clade_target *target)
{
    const clade_vocabulary *vocabulary = self->family->vocabulary;
    uint64_t *shape = self->plan->shapes + self->n_shapes;
    self->n_shapes += target->tensor.rank;
    memcpy(shape, target->tensor.shape, target->tensor.rank * sizeof *shape);
    uint64_t columns = shape[0] ? target->tensor.count / shape[0] : 0;
    shape[0] = clade_vocabulary_rows(vocabulary);
    target->tensor.shape = shape;
    target->tensor.count = (size_t)(shape[0] * columns);
    for (size_t s = 0; s < target->n_sources; s++) {
        if (!target->sources[s].tensor)
            continue;
        target->sources[s].rows = clade_vocabulary_map(vocabulary, s);
        check_donors(self, target, target->sources[s].rows);
    }
}

static clade_status fill_target(builder *self, size_t i)
{
    clade_plan *plan = self->plan;
    const clade_recipe *recipe = self->recipe;
    clade_target *target = &plan->targets[i];
    target->tensor.name = clade_plan_names_at(&self->names, i);
    target->n_sources = recipe->n_parents + 1;
    target->sources = plan->sources + i * target->n_sources;
    target->taking_part = plan->taking_part + i * recipe->n_parents;
    for (size_t s = 0; s <= recipe->n_parents; s++)
        find_source(self, i, s);
    self->remaps = self->family->vocabulary && clade_vocabulary_remaps(self->family->vocabulary, target->tensor.name);
    size_t first = first_source(self, target);
    if (first == SIZE_MAX || !check_sources(self, target, first))
        return CLADE_OK;
    const char *name = target->tensor.name;
    target->tensor = *target->sources[first].tensor;
    target->tensor.name = name;
    target->tensor.data = NULL;
    if (self->remaps)
        remap(self, target);
    target->copied = clade_dtype_of(target->tensor.dtype)->integer;
    if (target->copied)
        return CLADE_OK;
    target->rule = clade_rule_index_find(&self->rules, name);
    if (!target->rule)
        return clade_fail(CLADE_ECONFIG, "tensor %s: no rule of the recipe matches it", name);
    for (size_t p = 0; p < recipe->n_parents; p++)
        if (takes_part(target, p))
            target->taking_part[target->n_taking_part++] = p;
    check_count(self, target);
    if (recipe->method->survey_scope == CLADE_SURVEY_RULE)
        add_to_rule(self, i);
    bool no_base = plan->uses_base && !target->sources[recipe->n_parents].tensor;
    if (no_base && self->problems.count == 0)
        return clade_fail(CLADE_EINCOMPATIBLE, "tensor %s: the base has no part in it, %s expects one", name,
                          recipe->method->name);
    if (target->n_taking_part == 0 || no_base)
        return CLADE_OK;
    find_statistics(self, target, i);
    target->tensor.dtype = dtype_of(self, target);
    if (target->tensor.count > SIZE_MAX / 8)
        return clade_fail(CLADE_EIO, "tensor %s: %zu elements are too many", name, target->tensor.count);
    target->tensor.bytes = target->tensor.count * (clade_dtype_of(target->tensor.dtype)->bits / 8);
    return CLADE_OK;
}

/* ---- the plan ---- */

/* Room for the extents of all tensors with remapped rows. */
static clade_status make_shapes(builder *self)
{
    size_t extents = 0;
    for (size_t i = 0; i < self->plan->count && self->family->vocabulary; i++)
        if (clade_vocabulary_remaps(self->family->vocabulary, clade_plan_names_at(&self->names, i)))
            extents += MOST_EXTENTS;
    self->plan->shapes = clade_calloc(extents, sizeof *self->plan->shapes);
    return self->plan->shapes ? CLADE_OK : clade_fail_memory(extents * sizeof(uint64_t), "the shapes of a child");
}

static clade_status make_room(builder *self)
{
    clade_plan *plan = self->plan;
    size_t n = self->recipe->n_parents, count = plan->count;
    if (count > SIZE_MAX / (n + 1))
        return clade_fail(CLADE_EIO, "%zu tensors are too many", count);
    plan->targets = clade_calloc(count, sizeof *plan->targets);
    plan->sources = clade_calloc(count * (n + 1), sizeof *plan->sources);
    plan->taking_part = clade_calloc(count * n, sizeof *plan->taking_part);
    if (self->recipe->method->statistics)
        plan->statistics = clade_calloc(count * n, sizeof(clade_tensor *));
    if (plan->targets && plan->sources && plan->taking_part && (plan->statistics || !self->recipe->method->statistics))
        return CLADE_OK;
    return clade_fail_memory(count * (n + 1) * sizeof *plan->sources, "the plan of a merge");
}

static clade_status fill_plan(builder *self)
{
    CLADE_TRY(clade_plan_names_list(self->family, self->recipe, &self->names));
    CLADE_TRY(clade_rule_index_new(self->recipe, &self->rules));
    self->plan->count = self->names.count;
    CLADE_TRY(make_room(self));
    CLADE_TRY(make_shapes(self));
    self->of_rules = clade_calloc(self->recipe->n_rules, sizeof *self->of_rules);
    if (!self->of_rules)
        return clade_fail_memory(self->recipe->n_rules * sizeof *self->of_rules, "the plan of a merge");
    for (size_t i = 0; i < self->plan->count; i++) {
        CLADE_TRY(fill_target(self, i));
        self->plan->elements += self->plan->targets[i].tensor.count;
    }
    self->plan->names = clade_plan_names_keep(&self->names);
    if (self->problems.count > MOST_LINES) {
        size_t more = self->problems.count - MOST_LINES;
        clade_problem(&self->problems, "and %zu more", more);
    }
    return CLADE_OK;
}

clade_status clade_plan_new(const clade_family *family, const clade_recipe *recipe, clade_plan **plan)
{
    builder self = {.family = family, .recipe = recipe};
    *plan = NULL;
    if (recipe->method->adapters)
        return clade_fail(CLADE_ECONFIG, "method %s merges adapters into one, expected a method for whole tensors",
                          recipe->method->name);
    if (recipe->n_parents != family->n_parents || (recipe->method->base == CLADE_BASE_REQUIRED && !family->base))
        return clade_fail(CLADE_EINTERNAL, "the recipe has %zu parents%s, the open family %zu%s", recipe->n_parents,
                          recipe->method->base == CLADE_BASE_REQUIRED ? " and a base" : "", family->n_parents,
                          family->base ? " and a base" : "");
    self.plan = clade_calloc(1, sizeof *self.plan);
    if (!self.plan)
        return clade_fail_memory(sizeof *self.plan, "the plan of a merge");
    self.plan->family = family;
    self.plan->recipe = recipe;
    self.plan->uses_base = recipe->method->base != CLADE_BASE_IGNORED && family->base && recipe->base;
    clade_status status = fill_plan(&self);
    clade_plan_names_free(&self.names);
    clade_rule_index_free(&self.rules);
    clade_free(self.of_rules);
    if (status == CLADE_OK)
        status = clade_problems_end(&self.problems, CLADE_EINCOMPATIBLE);
    else
        clade_text_free(&self.problems.text);
    if (status == CLADE_OK)
        *plan = self.plan;
    else
        clade_plan_free(self.plan);
    return status;
}

uint64_t clade_plan_blocks(const clade_plan *plan)
{
    uint64_t blocks = 0;
    for (size_t k = 0; plan->recipe->n_stacks > 0 && k < plan->recipe->stacks[0].n_slices; k++)
        blocks += plan->recipe->stacks[0].slices[k].n_blocks;
    return blocks;
}

void clade_plan_free(clade_plan *plan)
{
    if (!plan)
        return;
    clade_free(plan->targets);
    clade_free(plan->sources);
    clade_free(plan->taking_part);
    clade_free(plan->statistics);
    clade_free(plan->names);
    clade_free(plan->shapes);
    clade_free(plan);
}
