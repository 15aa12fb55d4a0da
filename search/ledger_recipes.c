#include "search/ledger_recipes.h"

#include <string.h>

#include "clade/alloc.h"
#include "clade/hash.h"

enum { LEAST_ENTRIES = 1024 };

static uint64_t key_of(const char *hash)
{
    return clade_xxh64(hash, strlen(hash), 0);
}

/* The entry of KEY, or the empty one where it belongs; there is always an empty one. */
static clade_recipe_entry *entry_of(const clade_recipes *recipes, uint64_t key)
{
    size_t at = (size_t)key & (recipes->capacity - 1);
    while (recipes->entries[at].child != 0 && recipes->entries[at].key != key)
        at = (at + 1) & (recipes->capacity - 1);
    return &recipes->entries[at];
}

static clade_status grow(clade_recipes *recipes)
{
    clade_recipes larger = {.capacity = recipes->capacity > 0 ? 2 * recipes->capacity : LEAST_ENTRIES,
                            .count = recipes->count};
    larger.entries = clade_calloc(larger.capacity, sizeof *larger.entries);
    if (!larger.entries)
        return clade_fail_memory(larger.capacity * sizeof *larger.entries, "the recipes of a run");
    for (size_t i = 0; i < recipes->capacity; i++)
        if (recipes->entries[i].child != 0)
            *entry_of(&larger, recipes->entries[i].key) = recipes->entries[i];
    clade_free(recipes->entries);
    *recipes = larger;
    return CLADE_OK;
}

clade_status clade_recipes_add(clade_recipes *recipes, const char *hash, uint64_t child)
{
    const uint64_t key = key_of(hash);
    if (2 * recipes->count >= recipes->capacity)
        CLADE_TRY(grow(recipes));
    clade_recipe_entry *entry = entry_of(recipes, key);
    recipes->count += entry->child == 0;
    if (entry->child == 0 || entry->child > child + 1)
        *entry = (clade_recipe_entry){.key = key, .child = child + 1};
    return CLADE_OK;
}

bool clade_recipes_find(const clade_recipes *recipes, const char *hash, uint64_t *child)
{
    if (recipes->count == 0)
        return false;
    const clade_recipe_entry *entry = entry_of(recipes, key_of(hash));
    if (entry->child == 0)
        return false;
    *child = entry->child - 1;
    return true;
}

void clade_recipes_free(clade_recipes *recipes)
{
    clade_free(recipes->entries);
    *recipes = (clade_recipes){0};
}
