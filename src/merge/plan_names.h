/* Which tensors a child has, what they are called in each parent, and which rule holds for them. */
#ifndef CLADE_MERGE_PLAN_NAMES_H
#define CLADE_MERGE_PLAN_NAMES_H

#include "merge/family.h"

enum { CLADE_PLAN_NAME = 1024 }; /* bytes of the longest name of a stacked tensor */

/* One tensor of the child. */
typedef struct clade_plan_name {
    const char *name;                /* borrowed from a checkpoint, or in the texts */
    size_t text;                     /* its offset in the texts, or SIZE_MAX */
    const clade_recipe_stack *stack; /* that its blocks come from; NULL: outside of all stacks */
    const clade_recipe_slice *slice; /* who has it; NULL: everybody */
    int block;                       /* of the slice, from 0; -1: not in a block */
    size_t suffix;                   /* where in the name the part behind the block number begins */
} clade_plan_name;

typedef struct clade_plan_names {
    clade_plan_name *list; /* (count), owned, sorted by name */
    size_t count, room;
    clade_text texts; /* names of stacked tensors, each with its NUL */
} clade_plan_names;

clade_status clade_plan_names_list(const clade_family *family, const clade_recipe *recipe,
                                   clade_plan_names *names) CLADE_CHECK_RESULT;
const char *clade_plan_names_at(const clade_plan_names *names, size_t index);
/* What tensor INDEX is called in source SOURCE; false when that source is not in its slice. */
bool clade_plan_names_stored(const clade_plan_names *names, size_t index, size_t source, char stored[CLADE_PLAN_NAME]);
/* Give the texts that the names lie in to the caller (clade_free), or NULL. */
char *clade_plan_names_keep(clade_plan_names *names);
void clade_plan_names_free(clade_plan_names *names);

/* clade_recipe_rule for many tensors: rules whose patterns are plain names are found by bisection. */
typedef struct clade_rule_pattern {
    const char *pattern;
    size_t rule;
} clade_rule_pattern;
typedef struct clade_rule_index {
    const clade_recipe *recipe;
    clade_rule_pattern *exact; /* (n_exact), owned: plain names, sorted by pattern, then rule */
    clade_rule_pattern *wild;  /* (n_wild), owned: with '*' or '?', in the order of the rules */
    size_t n_exact, n_wild;
} clade_rule_index;

clade_status clade_rule_index_new(const clade_recipe *recipe, clade_rule_index *index) CLADE_CHECK_RESULT;
/* As clade_recipe_rule. */
const clade_rule *clade_rule_index_find(const clade_rule_index *index, const char *tensor_name);
void clade_rule_index_free(clade_rule_index *index);

#endif
