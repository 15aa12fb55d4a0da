/* A recipe whose models are called something else than the paths they are opened by: what a recipe file or a card should
 * say of children that were made on the way, or of models by their names on the hub. */
#ifndef CLADE_EXPORT_SHOWN_H
#define CLADE_EXPORT_SHOWN_H

#include "clade/recipe.h"

/* .recipe is the recipe with other paths; everything else in it is borrowed. Valid while nothing is moved: pass it by
 * pointer. */
typedef struct clade_shown_recipe {
    clade_recipe recipe;
    clade_recipe_parent base, parents[CLADE_MAX_PARENTS];
} clade_shown_recipe;

/* SHOWN is RECIPE as it is; afterwards .base and .parents may be given other paths (borrowed). */
void clade_shown_recipe_init(clade_shown_recipe *shown, const clade_recipe *recipe);

#endif
