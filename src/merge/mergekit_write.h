/* Writing mergekit's YAML: what the document and its values share. */
#ifndef CLADE_MERGE_MERGEKIT_WRITE_H
#define CLADE_MERGE_MERGEKIT_WRITE_H

#include "merge/mergekit.h"

typedef struct clade_yaml_writer {
    const clade_recipe *recipe;
    const clade_recipe *shown; /* the same recipe, whose paths are written */
    const clade_mergekit_method *known;
    clade_text *text;
    clade_output_tensors tensors; /* of the child; none when all have the same values */
    const clade_rule **rules;     /* (tensors.count), owned */
} clade_yaml_writer;

/* A text in double quotes. CLADE_ECONFIG when it is not UTF-8. */
clade_status clade_yaml_write_string(clade_text *text, const char *string) CLADE_CHECK_RESULT;

/* A model as mergekit names it: MODEL or MODEL+ADAPTER; n_parents is the base. */
clade_status clade_yaml_write_model(clade_yaml_writer *writer, size_t model) CLADE_CHECK_RESULT;
/* tokenizer_source or tokenizer, where the recipe says something of it. */
clade_status clade_yaml_write_vocabulary(clade_yaml_writer *writer) CLADE_CHECK_RESULT;

enum { CLADE_YAML_ALL_SLICES = -1, CLADE_YAML_SHARED = -1 };

/* Where values are written: at the top (all slices), under a slice, or under a parent in a slice. */
typedef struct clade_yaml_place {
    int slice;  /* CLADE_YAML_ALL_SLICES: of the whole child */
    int parent; /* CLADE_YAML_SHARED: the values that parents have in common */
    const char *indent;
} clade_yaml_place;

/* A SCOPE's values at PLACE, one line or list per parameter that mergekit reads; nothing when it reads none. */
clade_status clade_yaml_write_values(clade_yaml_writer *writer, const clade_yaml_place *place,
                                     clade_parameter_scope scope) CLADE_CHECK_RESULT;

/* SLERP between parents FIRST and SECOND (first < second): which of the two t runs away from, so that the weights
 * come back as they are; PREFERRED when both would do. */
size_t clade_yaml_slerp_base(const clade_yaml_writer *writer, int slice, size_t first, size_t second, size_t preferred);
/* t at PLACE, from parent BASE to parent OTHER. */
clade_status clade_yaml_write_t(clade_yaml_writer *writer, const clade_yaml_place *place, size_t base,
                                size_t other) CLADE_CHECK_RESULT;

#endif
