/* The child's tensors: those that its models have, without stacks; with a stack, the blocks of its slices one after the
 * other, and around them what the first and the last slice have. */
#include "merge/plan_names.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clade/alloc.h"

/* ---- a list of names ---- */

static clade_status add(clade_plan_names *names, clade_plan_name one)
{
    if (names->count == names->room) {
        size_t room = names->room ? 2 * names->room : 256;
        clade_plan_name *list = clade_realloc(names->list, room * sizeof *list);
        if (!list)
            return clade_fail_memory(room * sizeof *list, "the names of tensors");
        names->list = list;
        names->room = room;
    }
    names->list[names->count++] = one;
    return CLADE_OK;
}

const char *clade_plan_names_at(const clade_plan_names *names, size_t index)
{
    return names->list[index].name;
}

static int by_name(const void *a, const void *b)
{
    const clade_plan_name *one = a, *other = b;
    return strcmp(one->name, other->name);
}

/* Sorted, each name once. */
static void sort(clade_plan_names *names)
{
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++)
        if (names->list[i].text != SIZE_MAX)
            names->list[i].name = clade_text_get(&names->texts) + names->list[i].text;
    qsort(names->list, names->count, sizeof *names->list, by_name);
    for (size_t i = 0; i < names->count; i++)
        if (kept == 0 || strcmp(names->list[kept - 1].name, names->list[i].name) != 0)
            names->list[kept++] = names->list[i];
    names->count = kept;
}

/* ---- stacks ---- */

/* NAME is BLOCKS, digits, and a '.': the block, and where the rest begins. */
static bool in_block(const char *name, const char *blocks, int *block, size_t *rest)
{
    size_t length = strlen(blocks);
    if (strncmp(name, blocks, length) != 0)
        return false;
    size_t digits = strspn(name + length, "0123456789");
    if (digits == 0 || digits > 6 || name[length + digits] != '.')
        return false;
    *block = atoi(name + length);
    *rest = length + digits;
    return true;
}

static const clade_recipe_stack *stack_of(const clade_recipe *recipe, const char *name)
{
    int block;
    size_t rest;
    for (size_t k = 0; k < recipe->n_stacks; k++)
        if (in_block(name, recipe->stacks[k].blocks, &block, &rest))
            return &recipe->stacks[k];
    return NULL;
}

/* The stack that a tensor outside the blocks belongs to: the one whose "blocks" shares most of its name. */
static const clade_recipe_stack *nearest_stack(const clade_recipe *recipe, const char *name)
{
    const clade_recipe_stack *best = NULL;
    size_t longest = 0;
    for (size_t k = 0; k < recipe->n_stacks; k++) {
        const char *blocks = recipe->stacks[k].blocks;
        size_t shared = 0;
        while (blocks[shared] && blocks[shared] == name[shared])
            shared++;
        if (!best || shared > longest) {
            best = &recipe->stacks[k];
            longest = shared;
        }
    }
    return best;
}

/* Tensors of SOURCE that go into the child's blocks from NUMBER on, by SLICE of STACK. */
static clade_status add_slice(const clade_checkpoint *source, const clade_recipe_stack *stack,
                              const clade_recipe_slice *slice, int first, int number, clade_plan_names *names)
{
    for (size_t i = 0; i < clade_checkpoint_count(source); i++) {
        const char *name = clade_checkpoint_at(source, i)->name;
        int block;
        size_t rest;
        if (!in_block(name, stack->blocks, &block, &rest) || block < first ||
            (size_t)(block - first) >= slice->n_blocks)
            continue;
        clade_plan_name one = {.text = names->texts.length, .stack = stack, .slice = slice, .block = block - first};
        if (strlen(name) + 16 > CLADE_PLAN_NAME)
            return clade_fail(CLADE_EINPUT, "%s: tensor %.60s...: its name is too long for a stack",
                              clade_checkpoint_path(source), name);
        clade_text_append(&names->texts, "%s%d", stack->blocks, number + block - first);
        one.suffix = names->texts.length - one.text;
        clade_text_append(&names->texts, "%s", name + rest);
        clade_text_append_bytes(&names->texts, "", 1);
        CLADE_TRY(add(names, one));
    }
    return clade_text_status(&names->texts);
}

static clade_status add_stack(const clade_family *family, const clade_recipe_stack *stack, clade_plan_names *names)
{
    int number = 0;
    for (size_t k = 0; k < stack->n_slices; k++) {
        const clade_recipe_slice *slice = &stack->slices[k];
        for (size_t s = 0; s <= family->n_parents; s++) {
            const clade_checkpoint *source = clade_family_source(family, s);
            if (source && slice->first[s] >= 0)
                CLADE_TRY(add_slice(source, stack, slice, slice->first[s], number, names));
        }
        if (slice->n_blocks > (size_t)(INT_MAX - number))
            return clade_fail(CLADE_ECONFIG, "stack %s: too many blocks", stack->blocks);
        number += (int)slice->n_blocks;
    }
    return CLADE_OK;
}

/* Tensors outside the stacks: those before the blocks from the first slice's models, those after from the last's. */
static clade_status add_outside(const clade_checkpoint *in, size_t source, const clade_recipe *recipe,
                                clade_plan_names *names)
{
    size_t count = clade_checkpoint_count(in);
    const char **list = clade_calloc(count, sizeof(const char *));
    clade_depth *depths = clade_calloc(count, sizeof *depths);
    clade_status status =
        list && depths ? CLADE_OK : clade_fail_memory(count * sizeof *depths, "the depths of tensors");
    for (size_t i = 0; i < count && status == CLADE_OK; i++)
        list[i] = clade_checkpoint_at(in, i)->name;
    if (status == CLADE_OK)
        status = clade_depths_of(list, count, depths);
    for (size_t i = 0; i < count && status == CLADE_OK; i++) {
        const clade_recipe_stack *stack = nearest_stack(recipe, list[i]);
        if (stack_of(recipe, list[i]))
            continue;
        bool after = depths[i].n_blocks > 0 && depths[i].block >= depths[i].n_blocks;
        const clade_recipe_slice *slice = &stack->slices[after ? stack->n_slices - 1 : 0];
        if (slice->first[source] >= 0)
            status = add(names, (clade_plan_name){.name = list[i], .text = SIZE_MAX, .slice = slice, .block = -1});
    }
    clade_free(list);
    clade_free(depths);
    return status;
}

static clade_status list_stacked(const clade_family *family, const clade_recipe *recipe, clade_plan_names *names)
{
    for (size_t k = 0; k < recipe->n_stacks; k++)
        CLADE_TRY(add_stack(family, &recipe->stacks[k], names));
    for (size_t s = 0; s <= family->n_parents; s++) {
        const clade_checkpoint *source = clade_family_source(family, s);
        if (source)
            CLADE_TRY(add_outside(source, s, recipe, names));
    }
    return CLADE_OK;
}

/* ---- all ---- */

static clade_status list_whole(const clade_family *family, clade_plan_names *names)
{
    for (size_t s = 0; s <= family->n_parents; s++) {
        size_t source = (s + family->n_parents) % (family->n_parents + 1); /* the base first */
        const clade_checkpoint *in = clade_family_source(family, source);
        for (size_t i = 0; in && i < clade_checkpoint_count(in); i++)
            CLADE_TRY(
                add(names, (clade_plan_name){.name = clade_checkpoint_at(in, i)->name, .text = SIZE_MAX, .block = -1}));
        if (in && family->alike)
            break;
    }
    return CLADE_OK;
}

clade_status clade_plan_names_list(const clade_family *family, const clade_recipe *recipe, clade_plan_names *names)
{
    if (recipe->n_stacks > 0)
        CLADE_TRY(list_stacked(family, recipe, names));
    else
        CLADE_TRY(list_whole(family, names));
    if (!family->alike || recipe->n_stacks > 0)
        sort(names);
    return CLADE_OK;
}

bool clade_plan_names_stored(const clade_plan_names *names, size_t index, size_t source, char stored[CLADE_PLAN_NAME])
{
    const clade_plan_name *one = &names->list[index];
    if (one->slice && one->slice->first[source] < 0)
        return false;
    if (one->block < 0)
        snprintf(stored, CLADE_PLAN_NAME, "%s", one->name);
    else
        snprintf(stored, CLADE_PLAN_NAME, "%s%d%s", one->stack->blocks, one->slice->first[source] + one->block,
                 one->name + one->suffix);
    return true;
}

char *clade_plan_names_keep(clade_plan_names *names)
{
    char *texts = names->texts.data;
    names->texts = (clade_text){0};
    return texts;
}

void clade_plan_names_free(clade_plan_names *names)
{
    clade_free(names->list);
    clade_text_free(&names->texts);
    *names = (clade_plan_names){0};
}

/* ---- rules ---- */

static bool is_exact(const char *pattern)
{
    return pattern[strcspn(pattern, "*?")] == '\0';
}

static int by_pattern(const void *a, const void *b)
{
    const clade_rule_pattern *one = a, *other = b;
    int order = strcmp(one->pattern, other->pattern);
    return order ? order : one->rule < other->rule ? -1 : one->rule > other->rule;
}

clade_status clade_rule_index_new(const clade_recipe *recipe, clade_rule_index *index)
{
    size_t n = 0;
    *index = (clade_rule_index){.recipe = recipe};
    for (size_t r = 0; r < recipe->n_rules; r++)
        n += recipe->rules[r].n_patterns;
    index->exact = clade_calloc(n, sizeof *index->exact);
    index->wild = clade_calloc(n, sizeof *index->wild);
    if (!index->exact || !index->wild) {
        clade_rule_index_free(index);
        return clade_fail_memory(n * sizeof *index->exact, "the patterns of a recipe");
    }
    for (size_t r = 0; r < recipe->n_rules; r++)
        for (size_t i = 0; i < recipe->rules[r].n_patterns; i++) {
            const clade_rule_pattern one = {recipe->rules[r].patterns[i], r};
            if (is_exact(one.pattern))
                index->exact[index->n_exact++] = one;
            else
                index->wild[index->n_wild++] = one;
        }
    qsort(index->exact, index->n_exact, sizeof *index->exact, by_pattern);
    return CLADE_OK;
}

/* The first rule that has NAME as a pattern, or n_rules. */
static size_t find_exact(const clade_rule_index *index, const char *name)
{
    size_t low = 0, high = index->n_exact;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->exact[middle].pattern, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < index->n_exact && strcmp(index->exact[low].pattern, name) == 0;
    return found ? index->exact[low].rule : index->recipe->n_rules;
}

const clade_rule *clade_rule_index_find(const clade_rule_index *index, const char *tensor_name)
{
    const clade_recipe *recipe = index->recipe;
    size_t exact = find_exact(index, tensor_name);
    for (size_t i = 0; i < index->n_wild && index->wild[i].rule < exact; i++)
        if (clade_pattern_matches(index->wild[i].pattern, tensor_name))
            return &recipe->rules[index->wild[i].rule];
    return exact < recipe->n_rules ? &recipe->rules[exact] : NULL;
}

void clade_rule_index_free(clade_rule_index *index)
{
    clade_free(index->exact);
    clade_free(index->wild);
    *index = (clade_rule_index){0};
}
