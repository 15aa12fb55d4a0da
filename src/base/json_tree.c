/* Items side by side need all items of a container at once, but inner containers come in between: so values wait on a
 * stack until their container ends. The arrays move as they grow; until the end, containers know their items by
 * index. */
#include "base/json_tree.h"

#include <stdlib.h>

#include "base/json_walk.h"
#include "clade/alloc.h"

enum { FEW_KEYS = 16, BYTES_A_VALUE = 16, FIRST_VALUES = 1024, FIRST_OPEN = 32 };

/* Room for COUNT nodes. */
static clade_status reserve(clade_json_node **nodes, size_t *capacity, size_t count)
{
    if (count <= *capacity)
        return CLADE_OK;
    const size_t more = *capacity + *capacity / 2, wanted = count > more ? count : more;
    clade_json_node *grown = clade_realloc(*nodes, wanted * sizeof **nodes);
    if (!grown)
        return clade_fail_memory(wanted * sizeof **nodes, "a JSON tree");
    *nodes = grown;
    *capacity = wanted;
    return CLADE_OK;
}

clade_status clade_json_tree_begin(clade_json_tree *tree, size_t length)
{
    const size_t values = length / BYTES_A_VALUE;
    *tree = (clade_json_tree){0};
    if (values == 0)
        return CLADE_OK;
    CLADE_TRY(reserve(&tree->open, &tree->open_capacity, FIRST_OPEN));
    return reserve(&tree->nodes, &tree->capacity, values < FIRST_VALUES ? values : FIRST_VALUES);
}

clade_status clade_json_tree_push(clade_json_tree *tree, const clade_json_node *value)
{
    CLADE_TRY(reserve(&tree->open, &tree->open_capacity, tree->n_open + 1));
    tree->open[tree->n_open++] = *value;
    return CLADE_OK;
}

clade_status clade_json_tree_close(clade_json_tree *tree, size_t begin, clade_json_node *container)
{
    const size_t count = tree->n_open - begin;
    container->first = tree->used;
    container->count = count;
    if (count == 0)
        return CLADE_OK;
    CLADE_TRY(reserve(&tree->nodes, &tree->capacity, tree->used + count));
    memcpy(tree->nodes + tree->used, tree->open + begin, count * sizeof *tree->nodes);
    tree->used += count;
    tree->n_open = begin;
    return CLADE_OK;
}

/* ---- the end ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first key found twice, or NULL: each with each, for few keys, as nearly all objects have. */
static const char *twice_of_few(const clade_json_node *object)
{
    for (size_t i = 1; i < object->count; i++)
        for (size_t j = 0; j < i; j++)
            if (clade_json_same_key(object->items[i].key, object->items[j].key))
                return object->items[i].key;
    return NULL;
}

static clade_status check_keys(const clade_json_node *object, const char *name, clade_status status_if_bad)
{
    const char *twice = NULL;
    if (object->count <= FEW_KEYS) {
        twice = twice_of_few(object);
    } else {
        const size_t bytes = object->count * sizeof(char *);
        const char **keys = clade_malloc(bytes);
        if (!keys)
            return clade_fail_memory(bytes, "the keys of a JSON object");
        for (size_t i = 0; i < object->count; i++)
            keys[i] = object->items[i].key;
        qsort(keys, object->count, sizeof *keys, compare_keys);
        for (size_t i = 1; i < object->count && !twice; i++)
            twice = strcmp(keys[i - 1], keys[i]) == 0 ? keys[i] : NULL;
        clade_free(keys);
    }
    return twice ? clade_fail(status_if_bad, "%s: the key \"%s\" is given twice in one object", name, twice) : CLADE_OK;
}

/* Decoded text is never longer than what is written. */
static void decode(const char *string)
{
    (void)clade_json_decode(string, 0, strlen(string), (char *)string);
}

/* A container of closed items gets to know them; its keys are decoded already. */
static clade_status finish_node(clade_json_node *node, const clade_json_tree *tree, const char *name,
                                clade_status status_if_bad)
{
    if (node->kind != CLADE_JSON_OBJECT && node->kind != CLADE_JSON_ARRAY)
        return CLADE_OK;
    node->items = node->count > 0 ? tree->nodes + node->first : NULL;
    return node->kind == CLADE_JSON_OBJECT ? check_keys(node, name, status_if_bad) : CLADE_OK;
}

clade_status clade_json_tree_finish(clade_json_tree *tree, const char *name, clade_status status_if_bad)
{
    clade_free(tree->open);
    tree->open = NULL;
    for (size_t i = 0; i < tree->used; i++) {
        if (tree->nodes[i].key_escaped)
            decode(tree->nodes[i].key);
        if (tree->nodes[i].escaped)
            decode(tree->nodes[i].string);
    }
    if (tree->root.escaped)
        decode(tree->root.string);
    for (size_t i = 0; i < tree->used; i++)
        CLADE_TRY(finish_node(&tree->nodes[i], tree, name, status_if_bad));
    return finish_node(&tree->root, tree, name, status_if_bad);
}

void clade_json_tree_free(clade_json_tree *tree)
{
    clade_free(tree->nodes);
    clade_free(tree->open);
    *tree = (clade_json_tree){0};
}
