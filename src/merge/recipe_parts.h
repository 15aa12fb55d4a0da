/* What the files that read and write recipes share. */
#ifndef CLADE_MERGE_RECIPE_PARTS_H
#define CLADE_MERGE_RECIPE_PARTS_H

#include "clade/recipe.h"
#include "clade/text.h"

/* Rules a file may have: each takes room for all its values, many times the bytes that name it. */
enum { CLADE_MAX_RULES = 65536 };

void clade_recipe_parent_fini(clade_recipe_parent *parent);
/* VALUE is finite, within the hard limits, and whole unless the parameter is real. */
bool clade_parameter_allows(const clade_parameter *parameter, double value);
/* Append "a number from 0 to 1" and the like. */
void clade_parameter_expected(const clade_parameter *parameter, clade_text *text);

#endif
