/* Children held in memory, one after the other in the same arena. A tensor whose rule has the same numbers as for the
 * child before is left as it is. */
#include <string.h>

#include "clade/text.h"
#include "merge/execute.h"
#include "merge/family.h"

struct clade_child {
    const clade_family *family; /* borrowed */
    bool widen;
    clade_executor *executor; /* owned */
    clade_plan *plan;         /* owned; of the child at hand, or NULL */
    clade_tensor *tensors;    /* (count), owned: names and shapes borrowed from the plan */
    size_t count;
    clade_arena weights;
    clade_text frame; /* all of the recipe at hand but its rules */
    clade_text *made; /* (count), owned: what each tensor was made of; empty: not made */
    size_t *targets;  /* (count), owned: those to make */
    uint64_t reused;
};

clade_status clade_child_new(const clade_family *family, const clade_child_options *options, clade_child **child)
{
    static const clade_child_options defaults = {0};
    const clade_child_options *given = options ? options : &defaults;
    const clade_execution execution = {
        .team = given->team, .tile = given->tile, .widen = given->widen, .cache_bytes = given->cache_bytes};
    *child = NULL;
    clade_child *made = clade_calloc(1, sizeof *made);
    if (!made)
        return clade_fail_memory(sizeof *made, "a child");
    made->family = family;
    made->widen = given->widen;
    clade_status status = clade_executor_new(&execution, &made->executor);
    if (status == CLADE_OK)
        *child = made;
    else
        clade_child_free(made);
    return status;
}

/* Forget the child at hand; kept surveys stay. */
static void drop_child(clade_child *child)
{
    for (size_t i = 0; child->made && i < child->count; i++)
        clade_text_free(&child->made[i]);
    clade_free(child->made);
    clade_free(child->targets);
    clade_free(child->tensors);
    clade_plan_free(child->plan);
    clade_text_free(&child->frame);
    child->made = NULL;
    child->targets = NULL;
    child->tensors = NULL;
    child->plan = NULL;
    child->count = 0;
}

void clade_child_free(clade_child *child)
{
    if (!child)
        return;
    drop_child(child);
    clade_executor_free(child->executor);
    clade_arena_free(&child->weights);
    clade_free(child);
}

size_t clade_child_count(const clade_child *child)
{
    return child->count;
}

const clade_tensor *clade_child_at(const clade_child *child, size_t index)
{
    return &child->tensors[index];
}

const clade_tensor *clade_child_find(const clade_child *child, const char *name)
{
    size_t low = 0, high = child->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(child->tensors[middle].name, name);
        if (order == 0)
            return &child->tensors[middle];
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

void clade_child_hash(const clade_child *child, char hex[CLADE_SHA256_HEX])
{
    clade_sha256 hash;
    clade_sha256_init(&hash);
    for (size_t i = 0; i < child->count; i++) {
        const clade_tensor *tensor = &child->tensors[i];
        clade_sha256_update(&hash, tensor->name, strlen(tensor->name) + 1);
        if (tensor->data)
            clade_sha256_update(&hash, tensor->data, tensor->bytes);
    }
    clade_sha256_hex(&hash, hex);
}

/* ---- what changed since the last child ---- */

/* The recipe without its rules, as text: when it differs, nothing of the last child can be used. */
static clade_status describe_frame(const clade_recipe *recipe, clade_text *text)
{
    clade_recipe frame = *recipe;
    frame.n_rules = 0;
    clade_recipe_print(&frame, false, text);
    return clade_text_status(text);
}

static bool same_text(const clade_text *a, const clade_text *b)
{
    return a->length == b->length && memcmp(clade_text_get(a), clade_text_get(b), a->length) == 0;
}

/* What a tensor is made of, given the frame. A survey of a rule depends on which tensors have the rule, too. */
static void describe_target(const clade_plan *plan, size_t index, clade_text *text)
{
    const clade_target *target = &plan->targets[index];
    const clade_recipe *recipe = plan->recipe;
    size_t n = recipe->method->n_parameters;
    if (target->copied)
        return;
    clade_text_append_bytes(text, target->taking_part, target->n_taking_part * sizeof *target->taking_part);
    clade_text_append_bytes(text, target->rule->site, n * sizeof(double));
    clade_text_append_bytes(text, target->rule->parent, recipe->n_parents * n * sizeof(double));
    for (size_t i = 0; i < plan->count && recipe->method->survey_scope == CLADE_SURVEY_RULE; i++)
        clade_text_append(text, "%c", plan->targets[i].rule == target->rule ? '1' : '0');
}

/* ---- making ---- */

static clade_status make_room(clade_child *child)
{
    size_t count = child->plan->count, bytes = 0;
    child->count = count;
    child->tensors = clade_calloc(count, sizeof *child->tensors);
    child->made = clade_calloc(count, sizeof *child->made);
    child->targets = clade_calloc(count, sizeof *child->targets);
    if (!child->tensors || !child->made || !child->targets)
        return clade_fail_memory(count * sizeof *child->tensors, "a child");
    for (size_t i = 0; i < count; i++) {
        clade_tensor *tensor = &child->tensors[i];
        *tensor = child->plan->targets[i].tensor;
        if (child->widen && clade_dtype_of(tensor->dtype)->mergeable) {
            tensor->dtype = CLADE_F32;
            tensor->bytes = tensor->count * sizeof(float);
        }
        bytes += tensor->bytes + 64;
    }
    clade_arena_reset(&child->weights);
    if (!clade_arena_reserve(&child->weights, bytes))
        return clade_fail_memory(bytes, "the weights of a child");
    for (size_t i = 0; i < count; i++)
        child->tensors[i].data = clade_arena_take(&child->weights, child->tensors[i].bytes);
    return CLADE_OK;
}

/* The new plan in the place of the old one; names and shapes of the tensors are those of the new one. */
static clade_status take_plan(clade_child *child, clade_plan *plan, clade_text *frame)
{
    bool same = child->plan && same_text(&child->frame, frame);
    if (!same)
        drop_child(child);
    clade_plan_free(child->plan);
    clade_text_free(&child->frame);
    child->plan = plan;
    child->frame = *frame;
    *frame = (clade_text){0};
    for (size_t i = 0; same && i < child->count; i++) {
        child->tensors[i].name = plan->targets[i].tensor.name;
        child->tensors[i].shape = plan->targets[i].tensor.shape;
    }
    return same ? CLADE_OK : make_room(child);
}

/* List the targets whose numbers changed. */
static clade_status list_changed(clade_child *child, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < child->count; i++) {
        clade_text now = {0};
        clade_text_append(&now, "made ");
        describe_target(child->plan, i, &now);
        clade_status status = clade_text_status(&now);
        bool same = status == CLADE_OK && same_text(&now, &child->made[i]);
        clade_text_free(&child->made[i]);
        child->made[i] = now;
        CLADE_TRY(status);
        if (same)
            child->reused++;
        else
            child->targets[(*count)++] = i;
    }
    return CLADE_OK;
}

static clade_status put(void *context, size_t target, uint64_t first_byte, const void *data, size_t bytes)
{
    const clade_child *child = context;
    memcpy((unsigned char *)(uintptr_t)child->tensors[target].data + first_byte, data, bytes);
    return CLADE_OK;
}

static void *place(void *context, size_t target, uint64_t first_byte)
{
    const clade_child *child = context;
    return (unsigned char *)(uintptr_t)child->tensors[target].data + first_byte;
}

clade_status clade_child_make(clade_child *child, const clade_recipe *recipe)
{
    clade_problems problems = {0};
    clade_plan *plan = NULL;
    clade_text frame = {0};
    size_t count = 0;
    clade_recipe_check(recipe, "recipe", &problems);
    clade_status status = clade_problems_end(&problems, CLADE_ECONFIG);
    if (status == CLADE_OK)
        status = describe_frame(recipe, &frame);
    if (status == CLADE_OK)
        status = clade_plan_new(child->family, recipe, &plan);
    if (status == CLADE_OK)
        status = take_plan(child, plan, &frame);
    if (status == CLADE_OK)
        status = list_changed(child, &count);
    const clade_sink sink = {.place = place, .put = put, .context = child};
    if (status == CLADE_OK)
        status = clade_execute(child->executor, child->plan, child->targets, count, &sink);
    clade_text_free(&frame);
    if (status != CLADE_OK)
        drop_child(child);
    return status;
}

void clade_child_counts(const clade_child *child, clade_child_savings *savings)
{
    savings->tensors_reused = child->reused;
    clade_executor_counts(child->executor, &savings->surveys_found, &savings->surveys_made);
}
