/* A planned merge in words: what "clade merge --dry-run" prints of it. */
#include "merge/describe.h"

#include <string.h>

#include "clade/alloc.h"

enum { MOST_EXAMPLES = 3 };

/* ---- what is read ---- */

/* "146 tensors, 0.22 GB, BF16 and F32" */
static void append_contents(const clade_checkpoint *checkpoint, clade_text *text)
{
    size_t count = clade_checkpoint_count(checkpoint), n_dtypes = 0;
    bool has[CLADE_DTYPE_COUNT] = {false};
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const clade_tensor *tensor = clade_checkpoint_at(checkpoint, i);
        has[tensor->dtype] = true;
        bytes += tensor->bytes;
    }
    clade_text_append(text, "%zu tensor%s, ", count, count == 1 ? "" : "s");
    clade_text_append_size(text, bytes);
    for (int d = 0; d < CLADE_DTYPE_COUNT; d++)
        if (has[d])
            clade_text_append(text, "%s%s", n_dtypes++ ? " and " : ", ", clade_dtype_of((clade_dtype)d)->name);
}

static void append_parent(const clade_family *family, const clade_recipe_parent *parent, size_t p, clade_text *text)
{
    const clade_checkpoint *model = family ? family->parents[p] : NULL;
    const clade_adapter *adapter = family ? family->adapters[p] : NULL;
    const char *adapter_path = parent->adapter.path ? parent->adapter.path : adapter || !model ? parent->path : NULL;
    clade_text_append(text, "parent    %s: ", parent->name);
    if (model && model != family->base) {
        clade_text_append(text, "%s: ", clade_checkpoint_path(model));
        append_contents(model, text);
        clade_text_append(text, "%s", adapter ? ", with " : "");
    } else if (model) {
        clade_text_append(text, "the base%s", adapter ? " with " : "");
    }
    if (adapter_path)
        clade_text_append(text, "adapter %s", adapter_path);
    if (adapter)
        clade_text_append(text, ": %zu modules", clade_adapter_count(adapter));
    if (parent->statistics.path)
        clade_text_append(text, ", statistics %s", parent->statistics.path);
    clade_text_append(text, "\n");
}

void clade_describe_sources(const clade_family *family, const clade_recipe *recipe, clade_text *text)
{
    if (recipe->base) {
        clade_text_append(text, "base      %s", recipe->base->path);
        if (family && family->base) {
            clade_text_append(text, ": ");
            append_contents(family->base, text);
        }
        clade_text_append(text, "\n");
    }
    for (size_t p = 0; p < recipe->n_parents; p++)
        append_parent(family, &recipe->parents[p], p, text);
}

/* ---- what is made of it ---- */

static const char *name_of(const clade_recipe *recipe, size_t source)
{
    return source < recipe->n_parents ? recipe->parents[source].name : "base";
}

static void append_stack(const clade_recipe *recipe, const clade_recipe_stack *stack, clade_text *text)
{
    size_t blocks = 0;
    for (size_t i = 0; i < stack->n_slices; i++)
        blocks += stack->slices[i].n_blocks;
    clade_text_append(text, "stack     %s: %zu blocks\n", stack->blocks, blocks);
    blocks = 0;
    for (size_t i = 0; i < stack->n_slices; i++) {
        const clade_recipe_slice *slice = &stack->slices[i];
        clade_text_append(text, "  %zu to %zu:", blocks, blocks + slice->n_blocks - 1);
        for (size_t s = 0; s <= recipe->n_parents; s++)
            if (slice->first[s] >= 0)
                clade_text_append(text, " %s %d to %zu", name_of(recipe, s), slice->first[s],
                                  (size_t)slice->first[s] + slice->n_blocks - 1);
        clade_text_append(text, "\n");
        blocks += slice->n_blocks;
    }
}

/* Names of which only the first are shown. */
typedef struct examples {
    clade_text names;
    size_t count;
} examples;

static void add_example(examples *self, const char *name)
{
    if (self->count++ < MOST_EXAMPLES)
        clade_text_append(&self->names, "%s%s", self->count > 1 ? ", " : "", name);
}

/* "12 tensors (a, b, c, ...)" */
static void append_examples(examples *self, clade_text *text)
{
    clade_text_append(text, "%zu tensor%s (%s%s)\n", self->count, self->count == 1 ? "" : "s",
                      clade_text_get(&self->names), self->count > MOST_EXAMPLES ? ", ..." : "");
}

/* Tensors of the child that a parent has no part in because it has none of that name; a stack says who has which. */
static void append_missing(const clade_plan *plan, size_t source, clade_text *text)
{
    examples missing = {0};
    const clade_checkpoint *checkpoint = clade_family_source(plan->family, source);
    for (size_t i = 0; i < plan->count && checkpoint; i++)
        if (!clade_checkpoint_find(checkpoint, plan->targets[i].tensor.name))
            add_example(&missing, plan->targets[i].tensor.name);
    if (missing.count > 0) {
        clade_text_append(text, "missing   in %s: ", name_of(plan->recipe, source));
        append_examples(&missing, text);
    }
    clade_text_free(&missing.names);
}

/* Where NAME, which is there, is in the sorted list of a checkpoint. */
static size_t place_of(const clade_checkpoint *checkpoint, const char *name)
{
    size_t low = 0, high = clade_checkpoint_count(checkpoint);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(clade_checkpoint_at(checkpoint, middle)->name, name) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Tensors of a source that nothing of the child is made of. */
static clade_status append_unused(const clade_plan *plan, size_t source, clade_text *text)
{
    const clade_checkpoint *checkpoint = clade_family_source(plan->family, source);
    size_t count = checkpoint ? clade_checkpoint_count(checkpoint) : 0;
    examples unused = {0};
    if (count == 0)
        return CLADE_OK;
    bool *used = clade_calloc(count, sizeof *used);
    if (!used)
        return clade_fail_memory(count * sizeof *used, "the tensors that a merge uses");
    for (size_t i = 0; i < plan->count; i++) {
        const clade_tensor *tensor = plan->targets[i].sources[source].tensor;
        if (tensor)
            used[place_of(checkpoint, tensor->name)] = true;
    }
    for (size_t i = 0; i < count; i++)
        if (!used[i])
            add_example(&unused, clade_checkpoint_at(checkpoint, i)->name);
    if (unused.count > 0) {
        clade_text_append(text, "not used  of %s: ", name_of(plan->recipe, source));
        append_examples(&unused, text);
    }
    clade_text_free(&unused.names);
    clade_free(used);
    return CLADE_OK;
}

clade_status clade_describe_plan(const clade_plan *plan, clade_text *text)
{
    const clade_recipe *recipe = plan->recipe;
    for (size_t s = 0; s < recipe->n_stacks; s++)
        append_stack(recipe, &recipe->stacks[s], text);
    for (size_t s = 0; s <= recipe->n_parents && recipe->n_stacks == 0; s++)
        append_missing(plan, s, text);
    for (size_t s = 0; s < recipe->n_parents || (s == recipe->n_parents && plan->uses_base); s++)
        CLADE_TRY(append_unused(plan, s, text));
    if (plan->family->vocabulary)
        clade_vocabulary_describe(plan->family->vocabulary, text);
    return CLADE_OK;
}
