/* Reading mergekit's YAML: what the file says (mergekit_read.c) and the values it gives to tensors (mergekit_values.c).
 */
#ifndef CLADE_MERGE_MERGEKIT_H
#define CLADE_MERGE_MERGEKIT_H

#include "clade/merge.h"
#include "merge/yaml_tree.h"

typedef struct clade_mergekit_model {
    const char *path;                  /* as written; borrowed from the document */
    const clade_yaml_node *parameters; /* or NULL; borrowed */
} clade_mergekit_model;

typedef struct clade_mergekit {
    const char *name; /* of the file */
    clade_problems *problems;
    const clade_method *method;
    const clade_yaml_node *parameters; /* of the top level, or NULL */
    const char *base;                  /* base_model as written, or NULL */
    clade_mergekit_model models[CLADE_MAX_PARENTS + 1];
    size_t n_models; /* as listed; after arranging, the parents of the recipe in order */
} clade_mergekit;

/* Add "FILE:LINE: ..." to the problems. */
void clade_mergekit_problem(const clade_mergekit *file, const clade_yaml_node *node, const char *format, ...)
    CLADE_PRINTF(3, 4);

/* Check the names and forms of all parameters, adding problems. */
void clade_mergekit_check_parameters(const clade_mergekit *file);
/* The rules that give every tensor what the parameters say, as a new recipe without models; *RECIPE is NULL when there
 * were problems. Opens LIKE, a checkpoint, for the names of tensors when a value depends on them. */
clade_status clade_mergekit_rules(const clade_mergekit *file, const char *like,
                                  clade_recipe **recipe) CLADE_CHECK_RESULT;

#endif
