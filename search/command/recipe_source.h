/* Where a recipe comes from: a recipe file, a mergekit YAML, or a child of a run. */
#ifndef CLADE_RECIPE_SOURCE_H
#define CLADE_RECIPE_SOURCE_H

#include "clade/recipe.h"

/* "file.json", "file.yml" / "file.yaml", or "RUN_FOLDER:CHILD" (CHILD a number, or "best"). Owned by the caller. */
clade_status clade_recipe_open(const char *source, clade_recipe **recipe) CLADE_CHECK_RESULT;

#endif
