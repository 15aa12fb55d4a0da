/* Depth from names. A tower is a stack of blocks: the part of a name before ".layers.7." and the like. A tensor with a
 * block number is in it; any other belongs to the tower whose prefix its name shares, before or after it by what its
 * name says. Reading the order of modules from the model's code is not possible here, so this table of words is the
 * convention. */
#include <string.h>

#include "clade/merge.h"

static const char *const markers[] = {".layers.", ".resblocks.", ".h.", ".layer.", ".blocks.", ".block."};

/* Looked for in this order: "pre_layrnorm" must not be found by "norm", "patch_embed.proj" not by "proj". */
static const char *const words_before[] = {"embed",  "wte",         "wpe",       "conv",   "patch", "pre_",
                                           "ln_pre", "class_token", "cls_token", "tokens", "stem"};
static const char *const words_after[] = {"final", "post",       "ln_f",   "norm", "head",
                                          "proj",  "classifier", "pooler", "fc."};

enum { LONGEST_NUMBER = 6, LEAST_SHARED = 3, MOST_TOWERS = 64 };

typedef struct tower {
    const char *name; /* of the first tensor seen in it, borrowed */
    size_t length;    /* of the prefix in it */
    size_t digits;    /* where in it the block number begins */
    int n_blocks;
} tower;

/* A block in a name: PREFIX bytes stand before "layers", DIGITS before the number. */
typedef struct block_at {
    size_t prefix, digits;
    int block;
} block_at;

typedef struct towers {
    tower list[MOST_TOWERS];
    size_t count;
} towers;

/* True when NAME has a block: the first marker followed by digits and '.' or the end. A name may begin with the marker,
 * without its first dot. */
static bool find_block(const char *name, block_at *at)
{
    bool any = false;
    for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++) {
        const char *word = markers[i] + 1, *found = strstr(name, markers[i]);
        found = strncmp(name, word, strlen(word)) == 0 ? name : found ? found + 1 : NULL;
        if (!found || (any && (size_t)(found - name) >= at->prefix))
            continue;
        const char *digits = found + strlen(word);
        size_t n = strspn(digits, "0123456789");
        if (n == 0 || n > LONGEST_NUMBER || (digits[n] != '.' && digits[n] != '\0'))
            continue;
        any = true;
        *at = (block_at){.prefix = (size_t)(found - name), .digits = (size_t)(digits - name)};
        for (size_t d = 0; d < n; d++)
            at->block = 10 * at->block + (digits[d] - '0');
    }
    return any;
}

/* The tower of a block, added when it is new; NULL when there are too many to be towers. */
static tower *tower_of_block(towers *all, const char *name, const block_at *at)
{
    for (size_t t = 0; t < all->count; t++)
        if (all->list[t].length == at->prefix && strncmp(all->list[t].name, name, at->prefix) == 0)
            return &all->list[t];
    if (all->count == MOST_TOWERS)
        return NULL;
    all->list[all->count] = (tower){name, at->prefix, at->digits, 0};
    return &all->list[all->count++];
}

/* The tower of a tensor outside the blocks: the longest shared start; without one the only tower, or the only one at
 * the root of the names ("transformer.resblocks" beside "visual.transformer.resblocks"). */
static const tower *tower_of_name(const towers *all, const char *name)
{
    const tower *best = NULL, *root = NULL;
    size_t longest = LEAST_SHARED - 1, roots = 0;
    for (size_t t = 0; t < all->count; t++) {
        const tower *one = &all->list[t];
        size_t shared = 0;
        while (shared < one->length && name[shared] == one->name[shared])
            shared++;
        if (shared > longest) {
            longest = shared;
            best = one;
        }
        const char *dot = memchr(one->name, '.', one->length); /* the prefix ends in a dot */
        if (!dot || dot == one->name + one->length - 1) {
            root = one;
            roots++;
        }
    }
    if (best)
        return best;
    return all->count == 1 ? all->list : roots == 1 ? root : NULL;
}

static bool has_word(const char *name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

static clade_depth depth_in(const tower *one, int block)
{
    return (clade_depth){.block = block, .n_blocks = one->n_blocks, .stack = one->name, .stack_length = one->digits};
}

static clade_depth outside(const towers *all, const char *name)
{
    const clade_depth unknown = {.block = -1};
    const tower *one = tower_of_name(all, name);
    if (!one)
        return unknown;
    if (has_word(name, words_before, sizeof words_before / sizeof words_before[0]))
        return depth_in(one, -1);
    if (has_word(name, words_after, sizeof words_after / sizeof words_after[0]))
        return depth_in(one, one->n_blocks);
    return unknown;
}

clade_status clade_depths_of(const char *const *names, size_t count, clade_depth *out)
{
    towers all = {.count = 0};
    block_at at;
    for (size_t i = 0; i < count; i++) {
        tower *one = find_block(names[i], &at) ? tower_of_block(&all, names[i], &at) : NULL;
        if (one && at.block + 1 > one->n_blocks)
            one->n_blocks = at.block + 1;
    }
    for (size_t i = 0; i < count; i++) {
        const tower *one = find_block(names[i], &at) ? tower_of_block(&all, names[i], &at) : NULL;
        out[i] = one ? depth_in(one, at.block) : outside(&all, names[i]);
    }
    return CLADE_OK;
}
