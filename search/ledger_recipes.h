/* Which child has a recipe first, kept in memory by the ledger's writer. An index in the file would do, but hashes fall
 * anywhere in it: nearly every child would write a page of its own, more the longer the run. */
#ifndef CLADE_LEDGER_RECIPES_H
#define CLADE_LEDGER_RECIPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/status.h"

typedef struct clade_recipe_entry {
    uint64_t key;   /* of the recipe's hash */
    uint64_t child; /* the first one with that key, and one more; 0: the entry is empty */
} clade_recipe_entry;

typedef struct clade_recipes {
    clade_recipe_entry *entries; /* (capacity), owned; open addressing, at most half full */
    size_t capacity, count;      /* capacity is 0 or a power of two */
} clade_recipes;                 /* {0} is empty */

/* CHILD has the recipe of HASH. CLADE_EIO without memory, and then RECIPES is as it was. */
clade_status clade_recipes_add(clade_recipes *recipes, const char *hash, uint64_t child) CLADE_CHECK_RESULT;
/* False: no child that was added has the recipe of HASH. True: *CHILD is the first with its key. That is all but surely
 * the first with the recipe; none before it is. */
bool clade_recipes_find(const clade_recipes *recipes, const char *hash, uint64_t *child);
void clade_recipes_free(clade_recipes *recipes);

#endif
