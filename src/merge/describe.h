/* A planned merge in words. */
#ifndef CLADE_MERGE_DESCRIBE_H
#define CLADE_MERGE_DESCRIBE_H

#include "merge/family.h"
#include "merge/plan.h"

/* A line for the base and each parent of RECIPE. FAMILY holds them open; NULL: only their paths are told. */
void clade_describe_sources(const clade_family *family, const clade_recipe *recipe, clade_text *text);
/* Stacks, tensors that are missing somewhere or not used, the vocabulary. */
clade_status clade_describe_plan(const clade_plan *plan, clade_text *text) CLADE_CHECK_RESULT;

#endif
