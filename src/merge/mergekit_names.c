/* The tensors of a child, and what they are called in its models.
 *
 * mergekit takes names from a table of architectures. Here they come from the models: from the base or the first parent
 * of a slice, whose blocks become blocks of the child. So rules can be made for every tensor before anything is
 * merged. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"
#include "merge/mergekit.h"

enum { MOST_TENSORS = 1 << 20 };

/* ---- names in a model ---- */

clade_status clade_name_list_open(const char *path, clade_name_list *list)
{
    *list = (clade_name_list){0};
    CLADE_TRY(clade_checkpoint_open(path, &list->checkpoint));
    size_t count = clade_checkpoint_count(list->checkpoint);
    list->names = clade_calloc(count, sizeof(const char *));
    if (!list->names) {
        clade_name_list_close(list);
        return clade_fail_memory(count * sizeof(const char *), "the names of tensors");
    }
    list->count = count;
    for (size_t i = 0; i < count; i++)
        list->names[i] = clade_checkpoint_at(list->checkpoint, i)->name;
    return CLADE_OK;
}

void clade_name_list_close(clade_name_list *list)
{
    clade_free(list->names);
    clade_checkpoint_close(list->checkpoint);
    *list = (clade_name_list){0};
}

/* The depths of a list, owned by the caller. */
static clade_status depths_of(const clade_name_list *list, clade_depth **depths)
{
    *depths = clade_calloc(list->count, sizeof **depths);
    if (!*depths)
        return clade_fail_memory(list->count * sizeof **depths, "the depths of tensors");
    return clade_depths_of(list->names, list->count, *depths);
}

static bool same_stack(clade_depth a, clade_depth b)
{
    return a.stack_length == b.stack_length && strncmp(a.stack, b.stack, a.stack_length) == 0;
}

clade_status clade_name_list_stack(const clade_name_list *list, const char *where, char **blocks)
{
    clade_depth *depths = NULL, only = {0};
    *blocks = NULL;
    clade_status status = depths_of(list, &depths);
    for (size_t i = 0; i < list->count && status == CLADE_OK; i++) {
        clade_depth one = depths[i];
        if (one.n_blocks == 0)
            continue;
        if (only.n_blocks == 0)
            only = one;
        else if (!same_stack(only, one))
            status = clade_fail(CLADE_ECONFIG,
                                "%s: slices expect a model of one stack of blocks, found \"%.*s\" and \"%.*s\"", where,
                                (int)only.stack_length, only.stack, (int)one.stack_length, one.stack);
    }
    if (status == CLADE_OK && only.n_blocks == 0)
        status =
            clade_fail(CLADE_ECONFIG,
                       "%s: slices expect a model of blocks, found no tensors with \".layers.0.\" and the like", where);
    if (status == CLADE_OK) {
        *blocks = clade_strndup(only.stack, only.stack_length);
        if (!*blocks)
            status = clade_fail_memory(only.stack_length, "the blocks of a recipe");
    }
    clade_free(depths);
    return status;
}

/* ---- the child's tensors ---- */

static clade_status add(clade_output_tensors *tensors, clade_output_tensor one, const char *name)
{
    if (tensors->count >= MOST_TENSORS)
        return clade_fail(CLADE_ECONFIG, "found more than %d tensors in a child", MOST_TENSORS);
    if (tensors->count == tensors->room) {
        size_t room = tensors->room ? 2 * tensors->room : 256;
        clade_output_tensor *list = clade_realloc(tensors->list, room * sizeof *list);
        if (!list)
            return clade_fail_memory(room * sizeof *list, "the tensors of a child");
        tensors->list = list;
        tensors->room = room;
    }
    one.name = clade_strdup(name);
    if (!one.name)
        return clade_fail_memory(strlen(name), "the tensors of a child");
    tensors->list[tensors->count++] = one;
    return CLADE_OK;
}

void clade_output_tensors_free(clade_output_tensors *tensors)
{
    for (size_t i = 0; i < tensors->count; i++)
        clade_free(tensors->list[i].name);
    clade_free(tensors->list);
    *tensors = (clade_output_tensors){0};
}

/* A gradient runs over the blocks; the only block of a model or slice is its last. */
static double position_of(int block, size_t n_blocks)
{
    return n_blocks == 1 ? 1 : (double)block / (double)(n_blocks - 1);
}

static clade_status add_whole(const clade_name_list *list, clade_output_tensors *tensors)
{
    clade_depth *depths = NULL;
    clade_status status = depths_of(list, &depths);
    for (size_t i = 0; i < list->count && status == CLADE_OK; i++) {
        bool inside = depths[i].block >= 0 && depths[i].block < depths[i].n_blocks;
        double t = inside ? position_of(depths[i].block, (size_t)depths[i].n_blocks) : 0;
        status = add(tensors, (clade_output_tensor){.t = t, .block = -1}, list->names[i]);
    }
    clade_free(depths);
    return status;
}

/* ---- stacks ---- */

/* The bytes of NAME up to the end of the block number; 0 when it is not in the stack. */
static size_t in_stack(const char *name, const char *blocks)
{
    size_t length = strlen(blocks);
    if (strncmp(name, blocks, length) != 0)
        return 0;
    size_t digits = strspn(name + length, "0123456789");
    return digits > 0 && name[length + digits] == '.' ? length + digits : 0;
}

/* Block NUMBER of LIST as block ONE of the child. */
static clade_status add_block(const clade_name_list *list, const char *blocks, int number, clade_output_tensor one,
                              int child_number, clade_output_tensors *tensors)
{
    clade_text prefix = {0}, name = {0};
    clade_text_append(&prefix, "%s%d.", blocks, number);
    clade_text_append(&name, "%s%d", blocks, child_number);
    clade_status status = clade_text_status(&prefix);
    size_t low = 0, high = list->count, length = prefix.length, before = tensors->count, head = name.length;
    while (low < high && status == CLADE_OK) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list->names[middle], prefix.data) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    one.rest = head;
    for (; low < list->count && status == CLADE_OK && strncmp(list->names[low], prefix.data, length) == 0; low++) {
        name.length = head;
        clade_text_append(&name, "%s", list->names[low] + length - 1);
        status = clade_text_status(&name);
        if (status == CLADE_OK)
            status = add(tensors, one, name.data);
    }
    if (status == CLADE_OK && tensors->count == before)
        status = clade_fail(CLADE_ECONFIG, "slice %zu: found no block %d (no tensor %s...) in its first model",
                            one.slice, number, prefix.data);
    clade_text_free(&prefix);
    clade_text_free(&name);
    return status;
}

/* The tensors before the blocks, or those after them, as the first or last slice. */
static clade_status add_outside(const clade_name_list *list, const char *blocks, bool after, size_t slice,
                                clade_output_tensors *tensors)
{
    clade_depth *depths = NULL;
    clade_status status = depths_of(list, &depths);
    for (size_t i = 0; i < list->count && status == CLADE_OK; i++) {
        bool is_after = depths[i].n_blocks > 0 && depths[i].block >= depths[i].n_blocks;
        if (!in_stack(list->names[i], blocks) && is_after == after)
            status = add(tensors, (clade_output_tensor){.slice = slice, .block = -1}, list->names[i]);
    }
    clade_free(depths);
    return status;
}

static clade_status add_slices(const clade_recipe *recipe, const clade_name_source *names,
                               clade_output_tensors *tensors)
{
    const clade_recipe_stack *stack = &recipe->stacks[0];
    int number = 0;
    for (size_t i = 0; i < stack->n_slices; i++) {
        const clade_recipe_slice *slice = &stack->slices[i];
        const clade_name_list *list;
        size_t source = 0;
        if (slice->first[recipe->n_parents] >= 0)
            source = recipe->n_parents;
        while (slice->first[source] < 0 && source < recipe->n_parents)
            source++;
        CLADE_TRY(names->open(names->context, source, &list));
        if (i == 0)
            CLADE_TRY(add_outside(list, stack->blocks, false, i, tensors));
        for (size_t b = 0; b < slice->n_blocks; b++) {
            clade_output_tensor one = {.slice = i, .block = (int)b, .t = position_of((int)b, slice->n_blocks)};
            CLADE_TRY(add_block(list, stack->blocks, slice->first[source] + (int)b, one, number++, tensors));
        }
        if (i == stack->n_slices - 1)
            CLADE_TRY(add_outside(list, stack->blocks, true, i, tensors));
    }
    return CLADE_OK;
}

static int by_name(const void *a, const void *b)
{
    const clade_output_tensor *one = a, *other = b;
    return strcmp(one->name, other->name);
}

clade_status clade_output_tensors_list(const clade_recipe *recipe, const clade_name_source *names,
                                       clade_output_tensors *tensors)
{
    const clade_name_list *list;
    *tensors = (clade_output_tensors){0};
    bool based = recipe->base && recipe->method->base != CLADE_BASE_IGNORED;
    clade_status status = CLADE_OK;
    if (recipe->n_stacks > 0)
        status = add_slices(recipe, names, tensors);
    else
        status = names->open(names->context, based ? recipe->n_parents : 0, &list);
    if (status == CLADE_OK && recipe->n_stacks == 0)
        status = add_whole(list, tensors);
    if (status != CLADE_OK)
        clade_output_tensors_free(tensors);
    else if (tensors->count > 0)
        qsort(tensors->list, tensors->count, sizeof *tensors->list, by_name);
    return status;
}

void clade_output_tensor_stored(const clade_recipe *recipe, const clade_output_tensor *tensor, size_t source,
                                clade_text *name)
{
    if (recipe->n_stacks == 0 || tensor->block < 0)
        clade_text_append(name, "%s", tensor->name);
    else
        clade_text_append(name, "%s%d%s", recipe->stacks[0].blocks,
                          recipe->stacks[0].slices[tensor->slice].first[source] + tensor->block,
                          tensor->name + tensor->rest);
}
