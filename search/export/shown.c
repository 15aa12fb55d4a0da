#include "search/export/shown.h"

void clade_shown_recipe_init(clade_shown_recipe *shown, const clade_recipe *recipe)
{
    shown->recipe = *recipe;
    shown->recipe.parents = shown->parents;
    for (size_t p = 0; p < recipe->n_parents; p++)
        shown->parents[p] = recipe->parents[p];
    if (!recipe->base)
        return;
    shown->base = *recipe->base;
    shown->recipe.base = &shown->base;
}
